
/*
 * A link: one connection of a worker to the store, on nginx's event loop.  It
 * moves bytes and tells the gateway when it is open and when it is lost; when
 * to connect, to give up and to try again is for the gateway to say.
 *
 *     connecting  the socket is being connected
 *     opened      bytes move; a transport with a handshake, such as TLS, has it
 *                 before this and brings its own c->recv and c->send
 *     lost        closed, and the gateway was told
 *
 * Only the handlers of events post a turn: what the gateway itself asked for is
 * followed up by its own settling.
 */

#include "ngx_http_latchkey.h"

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
ngx_http_latchkey_link_init(ngx_http_latchkey_worker_t *worker, uint32_t number)
{
    worker->links[number].worker = worker;
    worker->links[number].number = number;
}


void
ngx_http_latchkey_link_open(ngx_http_latchkey_link_t *link,
    const char *endpoint)
{
    ngx_int_t rc;

    ngx_http_latchkey_link_close(link);

    rc = ngx_http_latchkey_link_connect(link, endpoint);

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

    if (ngx_http_latchkey_find_endpoint(link->worker->conf, endpoint, pool, &ep)
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

    /* an edge-triggered event is told once: it may be this one */

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

    ngx_http_latchkey_announce_streams(worker);

    worker->library.link_opened(worker->gateway, link->number,
        ngx_http_latchkey_now());
}


static void
ngx_http_latchkey_link_lost(ngx_http_latchkey_link_t *link)
{
    if (!link->opened) {
        link->failures++;
        link->logged = ngx_time();
    }

    ngx_http_latchkey_link_close(link);

    ngx_http_latchkey_announce_streams(link->worker);

    link->worker->library.link_closed(link->worker->gateway, link->number,
        ngx_http_latchkey_now());
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
    ngx_http_latchkey_worker_t *worker;

    c = rev->data;
    link = c->data;
    worker = link->worker;

    ngx_http_latchkey_post_turn(worker);

    /*
     * worker_shutdown_timeout is over: the requests have to go, not the link.
     * On it the worker still tells that it leaves, so that nobody waits for it.
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

        ngx_http_latchkey_announce_streams(worker);

        worker->library.link_received(worker->gateway, link->number, buffer, n,
            ngx_http_latchkey_now());
    }

    /* there is more: let others have their turn first */

    ngx_post_event(rev, &ngx_posted_next_events);
}


static void
ngx_http_latchkey_link_write_handler(ngx_event_t *wev)
{
    ngx_connection_t *c;
    ngx_http_latchkey_link_t *link;

    c = wev->data;
    link = c->data;

    /* it comes with each answer, too: that bytes may be sent is told at every edge */

    if (link->output->pos == link->output->last) {
        return;
    }

    ngx_http_latchkey_post_turn(link->worker);
    (void) ngx_http_latchkey_link_write(link);
}


/*
 * What could not be sent stays where it is: TLS must retry the same bytes.
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

        /* a buffer that did not become full holds all there is */

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
 * Moves bytes without the event loop, for a worker that is about to end.
 * Returns NGX_DONE if no link is left to wait for.
 */

ngx_int_t
ngx_http_latchkey_links_wait(ngx_http_latchkey_worker_t *worker,
    ngx_msec_t timeout)
{
    nfds_t i, n;
    struct pollfd fds[LATCHKEY_LINKS_MAX];
    ngx_connection_t *c;
    ngx_http_latchkey_link_t *link, *links[LATCHKEY_LINKS_MAX];

    n = 0;

    for (i = 0; i < LATCHKEY_LINKS_MAX; i++) {
        link = &worker->links[i];

        if (link->connection == NULL) {
            continue;
        }

        fds[n].fd = link->connection->fd;
        fds[n].events = POLLIN;

        if (!link->opened || link->output->pos != link->output->last) {
            fds[n].events |= POLLOUT;
        }

        links[n++] = link;
    }

    if (n == 0) {
        return NGX_DONE;
    }

    if (poll(fds, n, (int) timeout) <= 0) {
        return NGX_OK;
    }

    for (i = 0; i < n; i++) {
        c = links[i]->connection;

        if (fds[i].revents & ~POLLOUT) {
            c->read->ready = 1;
            c->read->available = -1;
            c->read->handler(c->read);
        }

        if ((fds[i].revents & POLLOUT) && links[i]->connection == c) {
            c->write->ready = 1;
            c->write->handler(c->write);
        }
    }

    return NGX_OK;
}
