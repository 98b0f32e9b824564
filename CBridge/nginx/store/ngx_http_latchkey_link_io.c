
/*
 * The bytes of an opened link, in both directions.
 */

#include "ngx_http_latchkey_store.h"


#define NGX_HTTP_LATCHKEY_READ_SIZE 16384
#define NGX_HTTP_LATCHKEY_READS     64


/* With TLS 1.3 a server rejects the client certificate only after the handshake. */

static void
ngx_http_latchkey_link_broken(ngx_http_latchkey_link_t *link)
{
    latchkey_link_failure failure;

    failure = LATCHKEY_FAILURE_LOST;

    if (link->order.secure && !link->received) {
        failure = LATCHKEY_FAILURE_TLS;
    }

    ngx_http_latchkey_link_lost(link, failure);
}


void
ngx_http_latchkey_link_read_handler(ngx_event_t *rev)
{
    u_char buffer[NGX_HTTP_LATCHKEY_READ_SIZE];
    ssize_t n;
    ngx_uint_t reads;
    ngx_connection_t *c;
    ngx_http_latchkey_link_t *link;

    c = rev->data;
    link = c->data;

    ngx_http_latchkey_post_turn(link->worker);
    ngx_http_latchkey_link_limit_log(link);

    /*
     * worker_shutdown_timeout has expired: requests must end, but not the link.
     * The worker still leaves the membership on it, so that no command waits.
     */

    c->close = 0;

    for (reads = 0; reads < NGX_HTTP_LATCHKEY_READS; reads++) {

#if (NGX_SSL)
        link->messages = 0;
#endif

        n = c->recv(c, buffer, sizeof(buffer));

        if (n == NGX_AGAIN) {
            if (ngx_handle_read_event(rev, 0) != NGX_OK) {
                ngx_http_latchkey_link_broken(link);
            }

            return;
        }

        if (n == NGX_ERROR || n == 0) {
            ngx_http_latchkey_link_broken(link);
            return;
        }

        link->received = 1;
        link->reported = 0;

        ngx_http_latchkey_notify_received(link, buffer, n);
    }

    /* more to read: let other events run first */

    ngx_post_event(rev, &ngx_posted_next_events);
}


void
ngx_http_latchkey_link_write_handler(ngx_event_t *wev)
{
    ngx_connection_t *c;
    ngx_http_latchkey_link_t *link;

    c = wev->data;
    link = c->data;

    /* edge-triggered: incoming bytes cause this event as well */

    if (link->output->pos == link->output->last) {
        return;
    }

    ngx_http_latchkey_post_turn(link->worker);
    (void) ngx_http_latchkey_link_write(link);
}


/*
 * Unsent bytes stay in place, because TLS must retry with the same buffer.
 * Returns NGX_ERROR if the link was lost.
 */

ngx_int_t
ngx_http_latchkey_link_write(ngx_http_latchkey_link_t *link)
{
    ssize_t n;
    ngx_buf_t *b;
    ngx_uint_t drained;
    ngx_connection_t *c;
    ngx_http_latchkey_worker_t *worker;

    if (!link->opened) {
        return NGX_OK;
    }

    ngx_http_latchkey_link_limit_log(link);

    b = link->output;
    c = link->connection;
    worker = link->worker;
    drained = 0;

    for (;;) {

        if (b->pos == b->last) {

            if (drained) {
                break;
            }

            b->pos = b->start;
            b->last = b->start;
            b->last += worker->library.link_output(worker->gateway,
                link->number, b->end - b->start, b->start);

            if (b->pos == b->last) {
                break;
            }

            /* a buffer that is not full holds all output */

            drained = (b->last != b->end);
        }

        n = c->send(c, b->pos, b->last - b->pos);

        if (n == NGX_ERROR) {
            ngx_http_latchkey_link_broken(link);
            return NGX_ERROR;
        }

        if (n == NGX_AGAIN || n == 0) {
            break;
        }

        b->pos += n;
    }

    if (ngx_handle_write_event(c->write, 0) != NGX_OK) {
        ngx_http_latchkey_link_broken(link);
        return NGX_ERROR;
    }

    return NGX_OK;
}
