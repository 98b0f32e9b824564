
/*
 * The addresses of the store.  If the http block has a "resolver", a name is looked
 * up at each connection.  Otherwise it is looked up once, when the configuration
 * is read, because the system's resolver blocks.  Then a minority of the endpoints
 * may have no address.  An endpoint that a gateway discovers later (a server of a
 * cluster, or a primary that sentinels name) must be an IP address or a unix
 * socket.
 */

#include "ngx_http_latchkey_store.h"


static char *ngx_http_latchkey_add_endpoint(ngx_pool_t *pool, ngx_str_t *text,
    ngx_uint_t later, ngx_http_latchkey_endpoint_t *endpoint);
static ngx_int_t ngx_http_latchkey_miss_addresses(ngx_array_t *endpoints,
    ngx_log_t *log, char *error, size_t size);
static ngx_int_t ngx_http_latchkey_reserve_addresses(ngx_pool_t *pool,
    ngx_http_latchkey_endpoint_t *endpoint);
static char *ngx_http_latchkey_parse_endpoint(ngx_pool_t *pool,
    ngx_str_t *text, ngx_uint_t resolve,
    ngx_http_latchkey_endpoint_t *endpoint);


/* nginx's error for a name that the system's resolver does not know. */
static const char ngx_http_latchkey_not_found[] = "host not found";


/*
 * Adds an endpoint for each line.  Names are looked up later, or now; if now, most
 * endpoints must have an address, and the others are left out.  Returns NGX_ERROR
 * after writing a null-terminated text to error.
 */

ngx_int_t
ngx_http_latchkey_resolve_endpoints(ngx_pool_t *pool, ngx_array_t *endpoints,
    u_char *lines, size_t length, ngx_uint_t later, char *error, size_t size)
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
            ? ngx_http_latchkey_add_endpoint(pool, &text, later, endpoint)
            : "no memory";

        if (wrong) {
            *ngx_snprintf((u_char *) error, size - 1, "%s in the store \"%V\"",
                wrong, &text) = '\0';
            return NGX_ERROR;
        }
    }

    if (later) {
        return NGX_OK;
    }

    return ngx_http_latchkey_miss_addresses(endpoints, pool->log, error, size);
}


/* Leaves out unknown names, with a warning for each. */

static ngx_int_t
ngx_http_latchkey_miss_addresses(ngx_array_t *endpoints, ngx_log_t *log,
    char *error, size_t size)
{
    ngx_uint_t i, missing;
    ngx_http_latchkey_endpoint_t *endpoint;

    missing = 0;
    endpoint = endpoints->elts;

    for (i = 0; i < endpoints->nelts; i++) {

        if (endpoint[i].naddrs) {
            continue;
        }

        if (endpoints->nelts <= 2 * ++missing) {
            *ngx_snprintf((u_char *) error, size - 1, "%s in the store \"%V\"",
                ngx_http_latchkey_not_found, &endpoint[i].text) = '\0';
            return NGX_ERROR;
        }

        ngx_log_error(NGX_LOG_WARN, log, 0,
            "latchkey: %s in the store \"%V\": "
            "it is left out until nginx reloads and finds it",
            ngx_http_latchkey_not_found, &endpoint[i].text);
    }

    return NGX_OK;
}


/* Returns an error text, or NULL.  An unknown name gets no address. */

static char *
ngx_http_latchkey_add_endpoint(ngx_pool_t *pool, ngx_str_t *text,
    ngx_uint_t later, ngx_http_latchkey_endpoint_t *endpoint)
{
    char *wrong;

    wrong = ngx_http_latchkey_parse_endpoint(pool, text, !later, endpoint);

    if (wrong && ngx_strcmp(wrong, ngx_http_latchkey_not_found) == 0) {
        wrong = ngx_http_latchkey_parse_endpoint(pool, text, 0, endpoint);
    }

    if (wrong == NULL && endpoint->host.len
        && ngx_http_latchkey_reserve_addresses(pool, endpoint) != NGX_OK)
    {
        wrong = "no memory";
    }

    return wrong;
}


/*
 * Allocates the addresses that lookups fill in, and a copy of the name: a lookup
 * writes it in lower case.
 */

static ngx_int_t
ngx_http_latchkey_reserve_addresses(ngx_pool_t *pool,
    ngx_http_latchkey_endpoint_t *endpoint)
{
    ngx_uint_t i;
    ngx_http_latchkey_address_t *address;

    endpoint->host.data = ngx_pstrdup(pool, &endpoint->host);
    endpoint->addrs = ngx_pcalloc(pool,
        NGX_HTTP_LATCHKEY_ADDRESSES_MAX * sizeof(ngx_addr_t));
    address = ngx_pcalloc(pool,
        NGX_HTTP_LATCHKEY_ADDRESSES_MAX * sizeof(ngx_http_latchkey_address_t));

    if (endpoint->host.data == NULL || endpoint->addrs == NULL
        || address == NULL)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_HTTP_LATCHKEY_ADDRESSES_MAX; i++) {
        endpoint->addrs[i].sockaddr = &address[i].sockaddr.sockaddr;
        endpoint->addrs[i].name.data = address[i].text;
    }

    return NGX_OK;
}


void
ngx_http_latchkey_copy_address(ngx_http_latchkey_address_t *address,
    const ngx_addr_t *from)
{
    ngx_memcpy(&address->sockaddr, from->sockaddr, from->socklen);
    address->socklen = from->socklen;

    address->name.len = ngx_min(from->name.len, sizeof(address->text));
    address->name.data = address->text;
    ngx_memcpy(address->text, from->name.data, address->name.len);
}


/* Returns NULL if the configuration names no such endpoint. */

ngx_http_latchkey_endpoint_t *
ngx_http_latchkey_configured_endpoint(ngx_array_t *endpoints, const char *name)
{
    size_t len;
    ngx_uint_t i;
    ngx_http_latchkey_endpoint_t *endpoint;

    len = ngx_strlen(name);
    endpoint = endpoints->elts;

    for (i = 0; i < endpoints->nelts; i++) {

        if (endpoint[i].text.len == len
            && ngx_strncmp(endpoint[i].text.data, name, len) == 0)
        {
            return &endpoint[i];
        }
    }

    return NULL;
}


/*
 * Returns a configured endpoint, or a new one in pool.  Returns NULL after logging
 * the error.
 */

ngx_http_latchkey_endpoint_t *
ngx_http_latchkey_find_endpoint(ngx_array_t *endpoints, const char *name,
    ngx_pool_t *pool)
{
    const char *wrong;
    ngx_str_t text;
    ngx_http_latchkey_endpoint_t *endpoint;

    endpoint = ngx_http_latchkey_configured_endpoint(endpoints, name);

    if (endpoint) {
        return endpoint;
    }

    text.len = ngx_strlen(name);
    text.data = (u_char *) name;

    endpoint = ngx_pcalloc(pool, sizeof(ngx_http_latchkey_endpoint_t));

    wrong = endpoint
        ? ngx_http_latchkey_parse_endpoint(pool, &text, 0, endpoint)
        : "no memory";

    if (wrong == NULL && endpoint->naddrs == 0) {
        wrong = ngx_http_latchkey_not_found;
    }

    if (wrong) {
        ngx_log_error(NGX_LOG_ERR, pool->log, 0,
            "latchkey: %s in the store \"%V\"", wrong, &text);
        return NULL;
    }

    return endpoint;
}


/* Returns an error text, or NULL.  An unresolved name gets no address. */

static char *
ngx_http_latchkey_parse_endpoint(ngx_pool_t *pool, ngx_str_t *text,
    ngx_uint_t resolve, ngx_http_latchkey_endpoint_t *endpoint)
{
    ngx_url_t u;

    ngx_memzero(&u, sizeof(ngx_url_t));

    /* the addresses point into their text, which must be null-terminated */

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

    ngx_memzero(endpoint, sizeof(ngx_http_latchkey_endpoint_t));

    if (u.naddrs == 0) {
        endpoint->host = u.host;
        endpoint->port = u.port;
    }

    endpoint->text = u.url;
    endpoint->addrs = u.addrs;
    endpoint->naddrs = u.naddrs;

    return NULL;
}
