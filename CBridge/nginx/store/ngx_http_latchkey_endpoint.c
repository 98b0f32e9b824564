
/*
 * The addresses of the store.  Names are resolved when the configuration is
 * read, because resolving blocks; what a gateway comes to know later (the
 * members of a cluster) must be an IP address or a unix socket.
 */

#include "ngx_http_latchkey.h"


static ngx_int_t ngx_http_latchkey_add_endpoint(ngx_conf_t *cf,
    ngx_http_latchkey_main_conf_t *lmcf, ngx_str_t *text);
static char *ngx_http_latchkey_parse_endpoint(ngx_pool_t *pool,
    ngx_str_t *text, ngx_uint_t resolve,
    ngx_http_latchkey_endpoint_t *endpoint);


ngx_int_t
ngx_http_latchkey_resolve_endpoints(ngx_conf_t *cf,
    ngx_http_latchkey_main_conf_t *lmcf, u_char *lines, size_t length)
{
    u_char *p, *end, *next;
    ngx_str_t text;

    end = lines + length;

    for (p = lines; p < end; p = next + 1) {
        next = ngx_strlchr(p, end, '\n');

        if (next == NULL) {
            next = end;
        }

        text.data = p;
        text.len = next - p;

        if (ngx_http_latchkey_add_endpoint(cf, lmcf, &text) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_latchkey_add_endpoint(ngx_conf_t *cf,
    ngx_http_latchkey_main_conf_t *lmcf, ngx_str_t *text)
{
    char *error;
    u_char message[LATCHKEY_MESSAGE_MAX + 1], *p;
    ngx_uint_t index;
    ngx_http_latchkey_endpoint_t *endpoint;

    endpoint = ngx_array_push(&lmcf->endpoints);
    if (endpoint == NULL) {
        return NGX_ERROR;
    }

    error = ngx_http_latchkey_parse_endpoint(cf->pool, text, 1, endpoint);

    if (error == NULL) {
        return NGX_OK;
    }

    p = ngx_snprintf(message, LATCHKEY_MESSAGE_MAX, "%s in the store \"%V\"",
        error, text);
    *p = '\0';

    index = ngx_http_latchkey_setting_index(lmcf, "latchkey_store");
    ngx_http_latchkey_setting_error(cf, lmcf, index, (char *) message);

    return NGX_ERROR;
}


/* The endpoint is valid as long as pool. */

ngx_int_t
ngx_http_latchkey_find_endpoint(ngx_http_latchkey_main_conf_t *lmcf,
    const char *name, ngx_pool_t *pool, ngx_http_latchkey_endpoint_t *endpoint)
{
    char *error;
    ngx_str_t text;
    ngx_uint_t i;
    ngx_http_latchkey_endpoint_t *known;

    text.len = ngx_strlen(name);
    text.data = (u_char *) name;

    known = lmcf->endpoints.elts;

    for (i = 0; i < lmcf->endpoints.nelts; i++) {

        if (known[i].text.len == text.len
            && ngx_strncmp(known[i].text.data, text.data, text.len) == 0)
        {
            *endpoint = known[i];
            return NGX_OK;
        }
    }

    error = ngx_http_latchkey_parse_endpoint(pool, &text, 0, endpoint);

    if (error) {
        ngx_log_error(NGX_LOG_ERR, pool->log, 0,
            "latchkey: %s in the store \"%V\"", error, &text);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* Returns what is wrong, or NULL. */

static char *
ngx_http_latchkey_parse_endpoint(ngx_pool_t *pool, ngx_str_t *text,
    ngx_uint_t resolve, ngx_http_latchkey_endpoint_t *endpoint)
{
    ngx_url_t u;

    ngx_memzero(&u, sizeof(ngx_url_t));

    /* the addresses go on to refer to their text, which must end with a 0 */

    u.url.len = text->len;
    u.url.data = ngx_pcalloc(pool, text->len + 1);
    if (u.url.data == NULL) {
        return "no memory";
    }

    ngx_memcpy(u.url.data, text->data, text->len);

    u.no_resolve = !resolve;

    if (ngx_parse_url(pool, &u) != NGX_OK) {
        return u.err ? u.err : "no memory";
    }

    if (u.naddrs == 0) {
        return "host not found";
    }

    endpoint->text = u.url;
    endpoint->addrs = u.addrs;
    endpoint->naddrs = u.naddrs;

    return NULL;
}
