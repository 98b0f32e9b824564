
/*
 * The lookup of a name by nginx's resolver, at each new connection.  Open links
 * are not affected.  If a lookup fails or takes too long, the known addresses stay
 * in use.
 */

#include "ngx_http_latchkey_store.h"


static void ngx_http_latchkey_lookup_handler(ngx_resolver_ctx_t *ctx);
static void ngx_http_latchkey_keep_addresses(
    ngx_http_latchkey_endpoint_t *endpoint, ngx_resolver_ctx_t *ctx);
static ngx_int_t ngx_http_latchkey_select_address(
    ngx_http_latchkey_endpoint_t *endpoint, ngx_sockaddr_t *address);
static ngx_int_t ngx_http_latchkey_compare_addresses(const void *one,
    const void *two);


/*
 * Returns NGX_AGAIN if the lookup's handler starts the link: later, or before this
 * function returns.
 */

ngx_int_t
ngx_http_latchkey_start_lookup(ngx_http_latchkey_link_t *link)
{
    ngx_resolver_ctx_t *ctx;
    ngx_http_latchkey_worker_t *worker;
    ngx_http_latchkey_endpoint_t *endpoint;

    worker = link->worker;
    endpoint = ngx_http_latchkey_configured_endpoint(worker->endpoints,
        link->order.endpoint);

    if (endpoint == NULL || endpoint->host.len == 0
        || worker->resolver == NULL)
    {
        return NGX_OK;
    }

    if (link->late && endpoint->naddrs) {
        link->late = 0;
        return NGX_OK;
    }

    ctx = ngx_resolve_start(worker->resolver, NULL);

    if (ctx == NULL || ctx == NGX_NO_RESOLVER) {
        return NGX_OK;
    }

    ctx->name = endpoint->host;
    ctx->handler = ngx_http_latchkey_lookup_handler;
    ctx->data = link;
    ctx->timeout = worker->resolver_timeout;
    ctx->cancelable = 1;

    link->lookup = ctx;

    if (ngx_resolve_name(ctx) != NGX_OK) {
        link->lookup = NULL;
        return NGX_OK;
    }

    return NGX_AGAIN;
}


/*
 * Returns NGX_DECLINED unless an attempt to connect timed out because of its lookup,
 * which is under way or took most of the time.  Then the next attempt uses known
 * addresses.
 */

ngx_int_t
ngx_http_latchkey_blame_lookup(ngx_http_latchkey_link_t *link)
{
    uint64_t elapsed;

    elapsed = (link->started_ns - link->ordered_ns) / 1000000;

    if (link->opened || !ngx_http_latchkey_link_has_lasted(link, 1)
        || (link->lookup == NULL && elapsed < link->worker->timeout / 2))
    {
        return NGX_DECLINED;
    }

    link->late = 1;

    ngx_http_latchkey_link_limit_log(link);

    ngx_log_error(NGX_LOG_ERR, &link->log, 0,
        "latchkey: no answer in time to the lookup of the %s %s",
        ngx_http_latchkey_link_peer(link), link->order.endpoint);

    return NGX_OK;
}


void
ngx_http_latchkey_end_lookup(ngx_http_latchkey_link_t *link)
{
    if (link->lookup) {
        ngx_resolve_name_done(link->lookup);
        link->lookup = NULL;
    }
}


static void
ngx_http_latchkey_lookup_handler(ngx_resolver_ctx_t *ctx)
{
    ngx_http_latchkey_link_t *link;
    ngx_http_latchkey_endpoint_t *endpoint;

    link = ctx->data;
    link->late = 0;

    ngx_http_latchkey_post_turn(link->worker);
    ngx_http_latchkey_link_limit_log(link);

    if (ctx->state == NGX_OK) {
        endpoint = ngx_http_latchkey_configured_endpoint(
            link->worker->endpoints, link->order.endpoint);

        ngx_http_latchkey_keep_addresses(endpoint, ctx);

    } else {
        ngx_log_error(NGX_LOG_ERR, &link->log, 0,
            "latchkey: the %s %s could not be looked up (%i: %s)",
            ngx_http_latchkey_link_peer(link), link->order.endpoint, ctx->state,
            ngx_resolver_strerror(ctx->state));
    }

    ngx_http_latchkey_end_lookup(link);
    ngx_http_latchkey_link_start(link);
}


/*
 * Lookups return addresses in any order.  Sorted, one after the other is tried.  The
 * current one stays; if it is gone, the first of the lookup follows, so that workers
 * spread over all.
 */

static void
ngx_http_latchkey_keep_addresses(ngx_http_latchkey_endpoint_t *endpoint,
    ngx_resolver_ctx_t *ctx)
{
    ngx_uint_t i, n;
    ngx_addr_t *addr;
    ngx_sockaddr_t current, first;

    ngx_memcpy(&current, endpoint->addrs[endpoint->current].sockaddr,
        sizeof(ngx_sockaddr_t));

    n = ngx_min(ctx->naddrs, NGX_HTTP_LATCHKEY_ADDRESSES_MAX);

    for (i = 0; i < n; i++) {
        addr = &endpoint->addrs[i];

        addr->socklen = ctx->addrs[i].socklen;
        ngx_memcpy(addr->sockaddr, ctx->addrs[i].sockaddr, addr->socklen);
        ngx_inet_set_port(addr->sockaddr, endpoint->port);

        addr->name.len = ngx_sock_ntop(addr->sockaddr, addr->socklen,
            addr->name.data, NGX_SOCKADDR_STRLEN, 1);
    }

    ngx_memcpy(&first, endpoint->addrs[0].sockaddr, sizeof(ngx_sockaddr_t));

    ngx_sort(endpoint->addrs, n, sizeof(ngx_addr_t),
        ngx_http_latchkey_compare_addresses);

    endpoint->naddrs = n;

    if (ngx_http_latchkey_select_address(endpoint, &current) != NGX_OK) {
        (void) ngx_http_latchkey_select_address(endpoint, &first);
    }
}


/* Returns NGX_DECLINED if the endpoint does not have the address. */

static ngx_int_t
ngx_http_latchkey_select_address(ngx_http_latchkey_endpoint_t *endpoint,
    ngx_sockaddr_t *address)
{
    ngx_int_t rc;
    ngx_uint_t i;
    ngx_addr_t *addr;

    rc = NGX_DECLINED;

    for (i = 0; i < endpoint->naddrs; i++) {
        addr = &endpoint->addrs[i];

        if (ngx_cmp_sockaddr(addr->sockaddr, addr->socklen, &address->sockaddr,
                addr->socklen, 1)
            == NGX_OK)
        {
            /* the last of several that are the same, or the others had no turn */

            endpoint->current = i;
            rc = NGX_OK;
        }
    }

    return rc;
}


static ngx_int_t
ngx_http_latchkey_compare_addresses(const void *one, const void *two)
{
    const ngx_addr_t *first = one;
    const ngx_addr_t *second = two;

    return ngx_memcmp(first->sockaddr, second->sockaddr,
        ngx_min(first->socklen, second->socklen));
}
