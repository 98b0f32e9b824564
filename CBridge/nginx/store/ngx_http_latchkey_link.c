
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

#include <poll.h>


#define NGX_HTTP_LATCHKEY_POOL_SIZE   1024
#define NGX_HTTP_LATCHKEY_BUFFER_SIZE 16384
#define NGX_HTTP_LATCHKEY_READS       64


static ngx_int_t ngx_http_latchkey_link_connect(ngx_http_latchkey_link_t *link,
    const char *endpoint);
static void ngx_http_latchkey_link_connecting_handler(ngx_event_t *ev);
static ngx_int_t ngx_http_latchkey_link_test_connect(
    ngx_http_latchkey_link_t *link);
static void ngx_http_latchkey_link_opened(ngx_http_latchkey_link_t *link);
static void ngx_http_latchkey_link_lost(ngx_http_latchkey_link_t *link);
static void ngx_http_latchkey_link_read_handler(ngx_event_t *rev);
static void ngx_http_latchkey_link_write_handler(ngx_event_t *wev);


void
ngx_http_latchkey_link_open(ngx_http_latchkey_link_t *link,
    const char *endpoint)
{
    ngx_int_t rc;

    ngx_http_latchkey_link_close(link);

    rc = ngx_http_latchkey_link_connect(link, endpoint);

    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, link->worker->log, 0,
        "latchkey link %uD: connect to %s: %i", link->number, endpoint, rc);

    if (rc == NGX_ERROR) {
        ngx_http_latchkey_link_lost(link);
        return;
    }

    if (rc == NGX_OK) {
        ngx_http_latchkey_link_opened(link);
    }
}


/* Returns NGX_AGAIN while the connection is being made. */

static ngx_int_t
ngx_http_latchkey_link_connect(ngx_http_latchkey_link_t *link,
    const char *endpoint)
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

    pool = ngx_create_pool(NGX_HTTP_LATCHKEY_POOL_SIZE, &link->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    link->output = ngx_create_temp_buf(pool, NGX_HTTP_LATCHKEY_BUFFER_SIZE);
    if (link->output == NULL) {
        goto failed;
    }

    if (ngx_http_latchkey_find_endpoint(link->worker->endpoints, endpoint, pool,
            &ep)
        != NGX_OK)
    {
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
        ngx_http_latchkey_link_lost(link);
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
ngx_http_latchkey_link_lost(ngx_http_latchkey_link_t *link)
{
    if (!link->opened) {
        link->failures++;
        link->logged = ngx_time();
    }

    ngx_http_latchkey_link_close(link);

    ngx_http_latchkey_notify_closed(link);
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
                ngx_http_latchkey_link_lost(link);
            }

            return;
        }

        if (n == NGX_ERROR || n == 0) {
            ngx_http_latchkey_link_lost(link);
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
            ngx_http_latchkey_link_lost(link);
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
        ngx_http_latchkey_link_lost(link);
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * Moves bytes without the event loop, for a worker that is exiting.  links are
 * all LATCHKEY_LINKS_MAX.  Returns NGX_DONE if no link is left to wait for.
 */

ngx_int_t
ngx_http_latchkey_links_wait(ngx_http_latchkey_link_t *links,
    ngx_msec_t timeout)
{
    nfds_t i, n;
    struct pollfd fds[LATCHKEY_LINKS_MAX];
    ngx_connection_t *c;
    ngx_http_latchkey_link_t *link, *polled[LATCHKEY_LINKS_MAX];

    n = 0;

    for (i = 0; i < LATCHKEY_LINKS_MAX; i++) {
        link = &links[i];

        if (link->connection == NULL) {
            continue;
        }

        fds[n].fd = link->connection->fd;
        fds[n].events = POLLIN;

        if (!link->opened || link->output->pos != link->output->last) {
            fds[n].events |= POLLOUT;
        }

        polled[n++] = link;
    }

    if (n == 0) {
        return NGX_DONE;
    }

    if (poll(fds, n, (int) timeout) <= 0) {
        return NGX_OK;
    }

    for (i = 0; i < n; i++) {
        c = polled[i]->connection;

        if (fds[i].revents & ~POLLOUT) {
            c->read->ready = 1;
            c->read->available = -1;
            c->read->handler(c->read);
        }

        if ((fds[i].revents & POLLOUT) && polled[i]->connection == c) {
            c->write->ready = 1;
            c->write->handler(c->write);
        }
    }

    return NGX_OK;
}
