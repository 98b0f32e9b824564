
/*
 * A link: one connection of a worker to the store, on nginx's event loop.  It
 * moves bytes and notifies the gateway when it is opened and when it is lost.
 * The gateway decides when to connect, to give up and to retry.
 *
 *     looking up  the endpoint's name is being resolved
 *     connecting  the socket is being connected
 *     securing    the TLS handshake, which verifies the server's certificate, and
 *                 replaces c->recv and c->send
 *     opened      the gateway was notified, and bytes move
 *     closed      by the gateway's order, or lost: then the gateway was notified
 *
 * Only handlers of events and lookups post a turn: the driver handles the effects of
 * its own orders in the same turn.
 */

#include "ngx_http_latchkey_store.h"


#define NGX_HTTP_LATCHKEY_POOL_SIZE   1024
#define NGX_HTTP_LATCHKEY_BUFFER_SIZE 16384


static void ngx_http_latchkey_link_keep_order(ngx_http_latchkey_link_t *link,
    const latchkey_link_order *order);
static ngx_int_t ngx_http_latchkey_link_connect(ngx_http_latchkey_link_t *link,
    latchkey_link_failure *failure);
static void ngx_http_latchkey_link_judge_address(ngx_http_latchkey_link_t *link);
static void ngx_http_latchkey_link_leave_address(ngx_http_latchkey_link_t *link);
static void ngx_http_latchkey_link_connecting_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_latchkey_link_test_connect(
    ngx_http_latchkey_link_t *link);
static void ngx_http_latchkey_link_connected(ngx_http_latchkey_link_t *link);
static void ngx_http_latchkey_link_securing_handler(ngx_event_t *ev);
static void ngx_http_latchkey_link_secure(ngx_http_latchkey_link_t *link);
static void ngx_http_latchkey_link_opened(ngx_http_latchkey_link_t *link);


void
ngx_http_latchkey_link_open(ngx_http_latchkey_link_t *link,
    const latchkey_link_order *order, latchkey_time now)
{
    ngx_http_latchkey_link_close(link);
    ngx_http_latchkey_link_keep_order(link, order);

    link->ordered_ns = now.boottime_ns;

    link->log = *link->worker->log;
    link->log.handler = ngx_http_latchkey_link_logged;
    link->log.data = link;

    if (ngx_http_latchkey_start_lookup(link) == NGX_AGAIN) {
        return;
    }

    ngx_http_latchkey_link_start(link);
}


void
ngx_http_latchkey_link_start(ngx_http_latchkey_link_t *link)
{
    ngx_int_t rc;
    latchkey_link_failure failure;

    link->started_ns = ngx_http_latchkey_now().boottime_ns;

    ngx_http_latchkey_link_limit_log(link);

    rc = ngx_http_latchkey_link_connect(link, &failure);

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, link->worker->log, 0,
        "latchkey link %uD: connect to %s: %i", link->number,
        link->order.endpoint, rc);

    if (rc == NGX_ERROR) {
        ngx_http_latchkey_link_lost(link, failure);
        return;
    }

    if (rc == NGX_OK) {
        ngx_http_latchkey_link_connected(link);
    }
}


/*
 * What is known of one server says nothing of another.  A resumed session verifies
 * no certificate, so it is kept only for the server that issued it.
 */

static void
ngx_http_latchkey_link_keep_order(ngx_http_latchkey_link_t *link,
    const latchkey_link_order *order)
{
    if (ngx_strcmp(link->order.endpoint, order->endpoint) != 0
        || ngx_strcmp(link->order.name, order->name) != 0)
    {
        ngx_http_latchkey_link_forget_session(link);
        link->reported = 0;
        link->late = 0;
    }

    link->order = *order;
}


/*
 * Returns NGX_AGAIN if the connection is in progress, NGX_ERROR after writing
 * failure.
 */

static ngx_int_t
ngx_http_latchkey_link_connect(ngx_http_latchkey_link_t *link,
    latchkey_link_failure *failure)
{
    ngx_int_t rc;
    ngx_pool_t *pool;
    ngx_connection_t *c;
    ngx_peer_connection_t pc;
    ngx_http_latchkey_endpoint_t *ep;

    if (link->order.secure && link->worker->tls == NULL) {
        ngx_log_error(NGX_LOG_ERR, &link->log, 0,
            "latchkey: the %s at %s needs TLS, which this module was built without",
            ngx_http_latchkey_link_peer(link), link->order.endpoint);
        *failure = LATCHKEY_FAILURE_TLS;
        return NGX_ERROR;
    }

    *failure = LATCHKEY_FAILURE_EXHAUSTED;

    pool = ngx_create_pool(NGX_HTTP_LATCHKEY_POOL_SIZE, &link->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    link->output = ngx_create_temp_buf(pool, NGX_HTTP_LATCHKEY_BUFFER_SIZE);
    if (link->output == NULL) {
        goto failed;
    }

    ep = ngx_http_latchkey_find_endpoint(link->worker->endpoints,
        link->order.endpoint, pool);

    if (ep == NULL || ep->naddrs == 0) {
        *failure = LATCHKEY_FAILURE_UNRESOLVED;
        goto failed;
    }

    ngx_http_latchkey_copy_address(&link->address, &ep->addrs[ep->current]);

    ngx_memzero(&pc, sizeof(ngx_peer_connection_t));

    pc.sockaddr = &link->address.sockaddr.sockaddr;
    pc.socklen = link->address.socklen;
    pc.name = &link->address.name;
    pc.get = ngx_event_get_peer;
    pc.log = &link->log;
    pc.log_error = NGX_ERROR_ERR;

    rc = ngx_event_connect_peer(&pc);

    if (rc == NGX_DECLINED) {
        ngx_http_latchkey_link_leave_address(link);
        *failure = LATCHKEY_FAILURE_UNREACHABLE;
    }

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        goto failed;
    }

    c = pc.connection;

    c->pool = pool;
    c->data = link;
    c->read->handler = ngx_http_latchkey_link_connecting_handler;
    c->write->handler = ngx_http_latchkey_link_connecting_handler;

    link->connection = c;

    if (ngx_tcp_nodelay(c) != NGX_OK) {
        return NGX_ERROR;
    }

    return rc;

failed:

    ngx_destroy_pool(pool);
    link->output = NULL;

    return NGX_ERROR;
}


static void
ngx_http_latchkey_link_connecting_handler(ngx_event_t *ev)
{
    ngx_connection_t *c;
    ngx_http_latchkey_link_t *link;

    c = ev->data;
    link = c->data;

    ngx_http_latchkey_post_turn(link->worker);
    ngx_http_latchkey_link_limit_log(link);

    if (c->close || ngx_http_latchkey_link_test_connect(link) != NGX_OK) {
        ngx_http_latchkey_link_lost(link, LATCHKEY_FAILURE_UNREACHABLE);
        return;
    }

    ngx_http_latchkey_link_connected(link);
}


static ngx_int_t
ngx_http_latchkey_link_test_connect(ngx_http_latchkey_link_t *link)
{
    int err;
    socklen_t len;

    err = 0;
    len = sizeof(int);

    if (getsockopt(link->connection->fd, SOL_SOCKET, SO_ERROR, &err, &len)
        == -1)
    {
        err = ngx_socket_errno;
    }

    if (err) {
        ngx_log_error(NGX_LOG_ERR, &link->log, err,
            "connect() to %V failed", &link->address.name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_latchkey_link_connected(ngx_http_latchkey_link_t *link)
{
    if (!link->order.secure) {
        ngx_http_latchkey_link_opened(link);
        return;
    }

    if (ngx_http_latchkey_link_start_tls(link) != NGX_OK) {
        ngx_http_latchkey_link_lost(link, LATCHKEY_FAILURE_TLS);
        return;
    }

    ngx_http_latchkey_link_secure(link);
}


static void
ngx_http_latchkey_link_securing_handler(ngx_event_t *ev)
{
    ngx_connection_t *c;
    ngx_http_latchkey_link_t *link;

    c = ev->data;
    link = c->data;

    ngx_http_latchkey_post_turn(link->worker);
    ngx_http_latchkey_link_limit_log(link);

    if (c->close) {
        ngx_http_latchkey_link_lost(link, LATCHKEY_FAILURE_UNREACHABLE);
        return;
    }

    ngx_http_latchkey_link_secure(link);
}


static void
ngx_http_latchkey_link_secure(ngx_http_latchkey_link_t *link)
{
    ngx_int_t rc;
    ngx_connection_t *c;
    latchkey_link_failure failure;

    c = link->connection;

    rc = ngx_http_latchkey_link_handshake(link, &failure);

    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, link->worker->log, 0,
        "latchkey link %uD: handshake: %i", link->number, rc);

    if (rc == NGX_AGAIN) {
        c->read->handler = ngx_http_latchkey_link_securing_handler;
        c->write->handler = ngx_http_latchkey_link_securing_handler;
        return;
    }

    if (rc == NGX_ERROR) {
        ngx_http_latchkey_link_lost(link, failure);
        return;
    }

    ngx_http_latchkey_link_opened(link);
}


static void
ngx_http_latchkey_link_opened(ngx_http_latchkey_link_t *link)
{
    ngx_connection_t *c;

    c = link->connection;

    c->read->handler = ngx_http_latchkey_link_read_handler;
    c->write->handler = ngx_http_latchkey_link_write_handler;

    link->opened = 1;

    ngx_http_latchkey_notify_opened(link);

    /*
     * This may be the only edge-triggered event for bytes that have arrived, and
     * bytes that came with the end of the handshake cause none.
     */

    if (c->read->ready) {
        ngx_http_latchkey_link_read_handler(c->read);
    }
}


void
ngx_http_latchkey_link_lost(ngx_http_latchkey_link_t *link,
    latchkey_link_failure failure)
{
    ngx_http_latchkey_link_judge_address(link);
    ngx_http_latchkey_link_close(link);

    ngx_http_latchkey_notify_closed(link->worker, link->number, failure);
}


/* The gateway closes the link. */

void
ngx_http_latchkey_link_give_up(ngx_http_latchkey_link_t *link)
{
    if (ngx_http_latchkey_blame_lookup(link) != NGX_OK) {
        ngx_http_latchkey_link_log_handshake(link);
        ngx_http_latchkey_link_judge_address(link);
    }

    ngx_http_latchkey_link_close(link);
}


/*
 * An address that refuses, is silent or answers nothing useful costs the link its
 * connection soon: the gateway waits one timeout to connect and one for a reply.
 */

static void
ngx_http_latchkey_link_judge_address(ngx_http_latchkey_link_t *link)
{
    if (link->connection
        && !(link->received && ngx_http_latchkey_link_has_lasted(link, 2)))
    {
        ngx_http_latchkey_link_leave_address(link);
    }
}


/* The next attempt takes the next address, unless another link has left this one. */

static void
ngx_http_latchkey_link_leave_address(ngx_http_latchkey_link_t *link)
{
    ngx_addr_t *addr;
    ngx_http_latchkey_endpoint_t *ep;

    ep = ngx_http_latchkey_configured_endpoint(link->worker->endpoints,
        link->order.endpoint);

    if (ep == NULL) {
        return;
    }

    addr = &ep->addrs[ep->current];

    if (ngx_cmp_sockaddr(addr->sockaddr, addr->socklen,
            &link->address.sockaddr.sockaddr, link->address.socklen, 1)
        == NGX_OK)
    {
        ep->current = (ep->current + 1) % ep->naddrs;
    }
}


void
ngx_http_latchkey_link_close(ngx_http_latchkey_link_t *link)
{
    ngx_pool_t *pool;

    link->opened = 0;
    link->received = 0;

    ngx_http_latchkey_end_lookup(link);

    if (link->connection == NULL) {
        return;
    }

    pool = link->connection->pool;

    ngx_http_latchkey_link_end_tls(link);
    ngx_close_connection(link->connection);
    ngx_destroy_pool(pool);

    link->connection = NULL;
    link->output = NULL;
}


/*
 * The gateway does not say why it closes a link.  It gives one up when the timeout
 * after its order has passed, and closes it earlier if, for example, another server
 * takes the place of this one, or the worker exits.
 */

ngx_uint_t
ngx_http_latchkey_link_has_lasted(ngx_http_latchkey_link_t *link,
    ngx_uint_t timeouts)
{
    uint64_t elapsed;

    elapsed = ngx_http_latchkey_now().boottime_ns - link->ordered_ns;

    return elapsed / 1000000 >= timeouts * link->worker->timeout;
}
