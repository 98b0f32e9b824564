
/*
 * The addresses of the store.  Names are resolved when the configuration is
 * read, because resolving blocks.  An endpoint that a gateway discovers later (a
 * member of a cluster) must be an IP address or a unix socket.
 */

#include "ngx_http_latchkey_store.h"


static char *ngx_http_latchkey_parse_endpoint(ngx_pool_t *pool,
    ngx_str_t *text, ngx_uint_t resolve,
    ngx_http_latchkey_endpoint_t *endpoint);


/*
 * Adds an endpoint for each line.  Returns NGX_ERROR after writing a text that
 * ends with a 0 to error.
 */

ngx_int_t
ngx_http_latchkey_resolve_endpoints(ngx_pool_t *pool, ngx_array_t *endpoints,
    u_char *lines, size_t length, char *error, size_t size)
{
    char *wrong;
    u_char *p, *end, *next;
    ngx_str_t text;
    ngx_http_latchkey_endpoint_t *endpoint;

    end = lines + length;

    for (p = lines; p < end; p = next + 1) {
        next = ngx_strlchr(p, end, '\n');

        if (next == NULL) {
            next = end;
        }

        text.data = p;
        text.len = next - p;

        endpoint = ngx_array_push(endpoints);

        wrong = endpoint
            ? ngx_http_latchkey_parse_endpoint(pool, &text, 1, endpoint)
            : "no memory";

        if (wrong) {
            *ngx_snprintf((u_char *) error, size - 1, "%s in the store \"%V\"",
                wrong, &text) = '\0';
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* The endpoint is valid as long as pool. */

ngx_int_t
ngx_http_latchkey_find_endpoint(ngx_array_t *endpoints, const char *name,
    ngx_pool_t *pool, ngx_http_latchkey_endpoint_t *endpoint)
{
    char *wrong;
    ngx_str_t text;
    ngx_uint_t i;
    ngx_http_latchkey_endpoint_t *resolved;

    text.len = ngx_strlen(name);
    text.data = (u_char *) name;

    resolved = endpoints->elts;

    for (i = 0; i < endpoints->nelts; i++) {

        if (resolved[i].text.len == text.len
            && ngx_strncmp(resolved[i].text.data, text.data, text.len) == 0)
        {
            *endpoint = resolved[i];
            return NGX_OK;
        }
    }

    wrong = ngx_http_latchkey_parse_endpoint(pool, &text, 0, endpoint);

    if (wrong) {
        ngx_log_error(NGX_LOG_ERR, pool->log, 0,
            "latchkey: %s in the store \"%V\"", wrong, &text);
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

    /* the addresses keep pointing to their text, which must end with a 0 */

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
