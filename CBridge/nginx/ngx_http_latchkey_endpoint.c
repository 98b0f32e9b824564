
/*
 * The addresses of the store.  Names are resolved when the configuration is
 * read, because resolving blocks; what a gateway comes to know later (the
 * members of a cluster) must be an IP address or a unix socket.
 */

#include "ngx_http_latchkey.h"


static ngx_int_t ngx_http_latchkey_add_endpoint(ngx_conf_t *cf,
    ngx_http_latchkey_main_conf_t *lmcf, u_char *text, size_t length);
static char *ngx_http_latchkey_parse_endpoint(ngx_pool_t *pool,
    ngx_http_latchkey_endpoint_t *endpoint, ngx_uint_t resolve);


ngx_int_t
ngx_http_latchkey_resolve_endpoints(ngx_conf_t *cf,
    ngx_http_latchkey_main_conf_t *lmcf, u_char *lines, size_t length)
{
    u_char *p, *end, *next;

    end = lines + length;

    for (p = lines; p < end; p = next + 1) {
        next = ngx_strlchr(p, end, '\n');

        if (next == NULL) {
            next = end;
        }

        if (next != p
            && ngx_http_latchkey_add_endpoint(cf, lmcf, p, next - p) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_latchkey_add_endpoint(ngx_conf_t *cf,
    ngx_http_latchkey_main_conf_t *lmcf, u_char *text, size_t length)
{
    char *error;
    u_char message[LATCHKEY_MESSAGE_MAX + 1], *p;
    ngx_uint_t index;
    ngx_http_latchkey_endpoint_t *endpoint;

    endpoint = ngx_array_push(&lmcf->endpoints);
    if (endpoint == NULL) {
        return NGX_ERROR;
    }

    /* the addresses refer to their text, which ends with a 0 for the log */

    endpoint->text.len = length;
    endpoint->text.data = ngx_pcalloc(cf->pool, length + 1);
    if (endpoint->text.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(endpoint->text.data, text, length);

    error = ngx_http_latchkey_parse_endpoint(cf->pool, endpoint, 1);

    if (error == NULL) {
        return NGX_OK;
    }

    p = ngx_snprintf(message, LATCHKEY_MESSAGE_MAX, "%s in the store \"%V\"",
        error, &endpoint->text);
    *p = '\0';

    index = ngx_http_latchkey_setting_index(lmcf, "latchkey_store");
    ngx_http_latchkey_setting_error(cf, lmcf, index, (char *) message);

    return NGX_ERROR;
}


/* The endpoint is valid as long as pool. */

ngx_int_t
ngx_http_latchkey_find_endpoint(ngx_http_latchkey_main_conf_t *lmcf,
    const char *text, ngx_pool_t *pool, ngx_http_latchkey_endpoint_t *endpoint)
{
    size_t length;
    ngx_uint_t i;
    ngx_http_latchkey_endpoint_t *known;

    length = ngx_strlen(text);
    known = lmcf->endpoints.elts;

    for (i = 0; i < lmcf->endpoints.nelts; i++) {

        if (known[i].text.len == length
            && ngx_strncmp(known[i].text.data, text, length) == 0)
        {
            *endpoint = known[i];
            return NGX_OK;
        }
    }

    endpoint->text.len = length;
    endpoint->text.data = ngx_pcalloc(pool, length + 1);
    if (endpoint->text.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(endpoint->text.data, text, length);

    if (ngx_http_latchkey_parse_endpoint(pool, endpoint, 0) != NULL) {
        ngx_log_error(NGX_LOG_ERR, pool->log, 0,
            "latchkey: \"%V\" is not an address to connect to",
            &endpoint->text);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* Returns what is wrong, or NULL. */

static char *
ngx_http_latchkey_parse_endpoint(ngx_pool_t *pool,
    ngx_http_latchkey_endpoint_t *endpoint, ngx_uint_t resolve)
{
    ngx_url_t u;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = endpoint->text;
    u.no_resolve = !resolve;

    if (ngx_parse_url(pool, &u) != NGX_OK) {
        return u.err ? u.err : "no memory";
    }

    if (u.naddrs == 0) {
        return "host not found";
    }

    endpoint->addrs = u.addrs;
    endpoint->naddrs = u.naddrs;

    return NULL;
}
