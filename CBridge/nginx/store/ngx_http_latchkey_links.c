
/*
 * The links of a worker, allocated on first use and kept until the worker exits.
 */

#include "ngx_http_latchkey_store.h"

#include <poll.h>


static ngx_uint_t ngx_http_latchkey_link_awaits_room(
    ngx_http_latchkey_link_t *link);


/* Returns NULL if memory is exhausted, or the number is out of range. */

ngx_http_latchkey_link_t *
ngx_http_latchkey_links_get(ngx_http_latchkey_links_t *links, uint32_t number)
{
    ngx_http_latchkey_link_t *link;

    if (number >= LATCHKEY_LINKS_MAX) {
        return NULL;
    }

    link = links->table[number];

    if (link == NULL) {
        link = ngx_pcalloc(links->pool, sizeof(ngx_http_latchkey_link_t));
        if (link == NULL) {
            return NULL;
        }

        link->worker = links->worker;
        link->number = number;

        links->table[number] = link;
    }

    return link;
}


void
ngx_http_latchkey_links_close(ngx_http_latchkey_links_t *links)
{
    ngx_uint_t i;

    for (i = 0; i < LATCHKEY_LINKS_MAX; i++) {
        if (links->table[i]) {
            ngx_http_latchkey_link_close(links->table[i]);
            ngx_http_latchkey_link_forget_session(links->table[i]);
        }
    }
}


/* Moves bytes without the event loop, for a worker that is exiting. */

void
ngx_http_latchkey_links_wait(ngx_http_latchkey_links_t *links,
    ngx_msec_t timeout)
{
    nfds_t i, n;
    ngx_event_t *rev;
    struct pollfd fds[LATCHKEY_LINKS_MAX];
    ngx_connection_t *c;
    ngx_http_latchkey_link_t *link, *polled[LATCHKEY_LINKS_MAX];

    n = 0;

    for (i = 0; i < LATCHKEY_LINKS_MAX; i++) {
        link = links->table[i];

        if (link == NULL || link->connection == NULL) {
            continue;
        }

        /* poll() does not see bytes that TLS has read ahead */

        if (link->connection->read->posted) {
            timeout = 0;
        }

        fds[n].fd = link->connection->fd;
        fds[n].events = POLLIN;

        if (ngx_http_latchkey_link_awaits_room(link)) {
            fds[n].events |= POLLOUT;
        }

        polled[n++] = link;
    }

    if (poll(fds, n, (int) timeout) < 0) {
        return;
    }

    for (i = 0; i < n; i++) {
        c = polled[i]->connection;
        rev = c->read;

        if ((fds[i].revents & ~POLLOUT) || rev->posted) {

            if (rev->posted) {
                ngx_delete_posted_event(rev);
            }

            rev->ready = 1;
            rev->available = -1;
            rev->handler(rev);
        }

        if ((fds[i].revents & POLLOUT) && polled[i]->connection == c) {
            c->write->ready = 1;
            c->write->handler(c->write);
        }
    }
}


/* During a handshake the socket stays writable while the server is awaited. */

static ngx_uint_t
ngx_http_latchkey_link_awaits_room(ngx_http_latchkey_link_t *link)
{
    if (link->opened) {
        return link->output->pos != link->output->last;
    }

#if (NGX_SSL)
    if (link->connection->ssl) {
        return !link->connection->write->ready;
    }
#endif

    return 1;
}
