
/*
 * A link: one connection of a worker to the store, on nginx's event loop.  It
 * moves bytes and notifies the gateway when it is opened and when it is lost;
 * the gateway decides when to connect, to give up and to try again.
 *
 *     connecting  the socket is being connected
 *     opened      bytes move; a transport with a handshake, such as TLS, makes
 *                 it before this and brings its own c->recv and c->send
 *     lost        closed, and the gateway has been notified
 *
 * Only the handlers of events post a turn, because the driver follows up its own
 * orders in the same turn.
 */

#include "ngx_http_latchkey_store.h"


#define NGX_HTTP_LATCHKEY_POOL_SIZE   1024
#define NGX_HTTP_LATCHKEY_BUFFER_SIZE 16384
#define NGX_HTTP_LATCHKEY_READS       64


static ngx_int_t ngx_http_latchkey_link_connect(ngx_http_latchkey_link_t *link,
    const latchkey_link_order *order, latchkey_link_failure *failure);
static void ngx_http_latchkey_link_connecting_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_latchkey_link_test_connect(
    ngx_http_latchkey_link_t *link);
static void ngx_http_latchkey_link_opened(ngx_http_latchkey_link_t *link);
static void ngx_http_latchkey_link_lost(ngx_http_latchkey_link_t *link,
    latchkey_link_failure failure);
static void ngx_http_latchkey_link_read_handler(ngx_event_t *rev);
static void ngx_http_latchkey_link_write_handler(ngx_event_t *wev);


void
ngx_http_latchkey_link_open(ngx_http_latchkey_link_t *link,
    const latchkey_link_order *order)
{
    ngx_int_t rc;
    latchkey_link_failure failure;

    ngx_http_latchkey_link_close(link);

    rc = ngx_http_latchkey_link_connect(link, order, &failure);

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, link->worker->log, 0,
        "latchkey link %uD: connect to %s: %i", link->number, order->endpoint,
        rc);

    if (rc == NGX_ERROR) {
        ngx_http_latchkey_link_lost(link, failure);
        return;
    }

    if (rc == NGX_OK) {
        ngx_http_latchkey_link_opened(link);
    }
}


/*
 * Returns NGX_AGAIN while the connection is being made, NGX_ERROR after writing
 * failure.
 */

static ngx_int_t
ngx_http_latchkey_link_connect(ngx_http_latchkey_link_t *link,
    const latchkey_link_order *order, latchkey_link_failure *failure)
{
    ngx_int_t rc;
    ngx_pool_t *pool;
    ngx_connection_t *c;
    ngx_peer_connection_t pc;
    ngx_http_latchkey_endpoint_t ep;

    /* a store that is down is worth one line a second, not one an attempt */

    link->log = *link->worker->log;

    if (link->logged == ngx_time()) {
        link->log.log_level = ngx_min(link->log.log_level, NGX_LOG_ALERT);
    }

    if (order->secure) {
        ngx_log_error(NGX_LOG_ERR, &link->log, 0,
            "latchkey: the store at %s needs TLS, which this module lacks",
            order->endpoint);
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

    if (ngx_http_latchkey_find_endpoint(link->worker->endpoints,
            order->endpoint, pool, &ep)
        != NGX_OK)
    {
        *failure = LATCHKEY_FAILURE_UNRESOLVED;
        goto failed;
    }

    link->address = ep.addrs + link->failures % ep.naddrs;

    ngx_memzero(&pc, sizeof(ngx_peer_connection_t));

    pc.sockaddr = link->address->sockaddr;
    pc.socklen = link->address->socklen;
    pc.name = &link->address->name;
    pc.get = ngx_event_get_peer;
    pc.log = &link->log;
    pc.log_error = NGX_ERROR_ERR;

    rc = ngx_event_connect_peer(&pc);

    if (rc == NGX_DECLINED) {
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

    if (c->close || ngx_http_latchkey_link_test_connect(link) != NGX_OK) {
        ngx_http_latchkey_link_lost(link, LATCHKEY_FAILURE_UNREACHABLE);
        return;
    }

    ngx_http_latchkey_link_opened(link);

    /* an edge-triggered event comes once, and it may be this one */

    if (c->read->ready) {
        ngx_http_latchkey_link_read_handler(c->read);
    }
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
            "connect() to %V failed", &link->address->name);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_latchkey_link_opened(ngx_http_latchkey_link_t *link)
{
    ngx_connection_t *c;
    ngx_http_latchkey_worker_t *worker;

    c = link->connection;
    worker = link->worker;

    c->log = worker->log;
    c->pool->log = worker->log;
    c->read->log = worker->log;
    c->write->log = worker->log;

    c->read->handler = ngx_http_latchkey_link_read_handler;
    c->write->handler = ngx_http_latchkey_link_write_handler;

    link->opened = 1;
    link->failures = 0;

    ngx_http_latchkey_notify_opened(link);
}


static void
ngx_http_latchkey_link_lost(ngx_http_latchkey_link_t *link,
    latchkey_link_failure failure)
{
    if (!link->opened) {
        link->failures++;
        link->logged = ngx_time();
    }

    ngx_http_latchkey_link_close(link);

    ngx_http_latchkey_notify_closed(link->worker, link->number, failure);
}


void
ngx_http_latchkey_link_close(ngx_http_latchkey_link_t *link)
{
    ngx_pool_t *pool;

    link->opened = 0;

    if (link->connection == NULL) {
        return;
    }

    pool = link->connection->pool;

    ngx_close_connection(link->connection);
    ngx_destroy_pool(pool);

    link->connection = NULL;
    link->output = NULL;
}


static void
ngx_http_latchkey_link_read_handler(ngx_event_t *rev)
{
    u_char buffer[NGX_HTTP_LATCHKEY_BUFFER_SIZE];
    ssize_t n;
    ngx_uint_t reads;
    ngx_connection_t *c;
    ngx_http_latchkey_link_t *link;

    c = rev->data;
    link = c->data;

    ngx_http_latchkey_post_turn(link->worker);

    /*
     * worker_shutdown_timeout has expired: requests must end, but not the link.
     * The worker still leaves the membership on it, so that no command waits.
     */

    c->close = 0;

    for (reads = 0; reads < NGX_HTTP_LATCHKEY_READS; reads++) {

        n = c->recv(c, buffer, sizeof(buffer));

        if (n == NGX_AGAIN) {
            if (ngx_handle_read_event(rev, 0) != NGX_OK) {
                ngx_http_latchkey_link_lost(link, LATCHKEY_FAILURE_LOST);
            }

            return;
        }

        if (n == NGX_ERROR || n == 0) {
            ngx_http_latchkey_link_lost(link, LATCHKEY_FAILURE_LOST);
            return;
        }

        ngx_http_latchkey_notify_received(link, buffer, n);
    }

    /* there is more: other events get their turn first */

    ngx_post_event(rev, &ngx_posted_next_events);
}


static void
ngx_http_latchkey_link_write_handler(ngx_event_t *wev)
{
    ngx_connection_t *c;
    ngx_http_latchkey_link_t *link;

    c = wev->data;
    link = c->data;

    /* an edge-triggered event comes with each answer as well */

    if (link->output->pos == link->output->last) {
        return;
    }

    ngx_http_latchkey_post_turn(link->worker);
    (void) ngx_http_latchkey_link_write(link);
}


/*
 * Bytes that could not be sent stay where they are, as TLS must retry the same.
 * Returns NGX_ERROR if the link was lost.
 */

ngx_int_t
ngx_http_latchkey_link_write(ngx_http_latchkey_link_t *link)
{
    ssize_t n;
    ngx_buf_t *b;
    ngx_connection_t *c;
    ngx_http_latchkey_worker_t *worker;

    if (!link->opened) {
        return NGX_OK;
    }

    b = link->output;
    c = link->connection;
    worker = link->worker;

    for (;;) {

        if (b->pos == b->last) {
            b->pos = b->start;
            b->last = b->start;
            b->last += worker->library.link_output(worker->gateway,
                link->number, b->end - b->start, b->start);

            if (b->pos == b->last) {
                break;
            }
        }

        n = c->send(c, b->pos, b->last - b->pos);

        if (n == NGX_ERROR) {
            ngx_http_latchkey_link_lost(link, LATCHKEY_FAILURE_LOST);
            return NGX_ERROR;
        }

        if (n == NGX_AGAIN || n == 0) {
            break;
        }

        b->pos += n;

        /* a buffer that is not full held all the output there was */

        if (b->pos == b->last && b->last != b->end) {
            break;
        }
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        ngx_http_latchkey_link_lost(link, LATCHKEY_FAILURE_LOST);
        return NGX_ERROR;
    }

    return NGX_OK;
}
