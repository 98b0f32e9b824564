
/*
 * A worker's gateway, for requests, links and the driver.  Only this file passes
 * time and bytes to it, after announcing open streams.
 *
 * New work posts one event, the turn.  The driver handles it after the other
 * events of this turn of the event loop.
 */

#include "ngx_http_latchkey_store.h"


ngx_str_t ngx_http_latchkey_result_names[] = {
    [LATCHKEY_ALLOWED] = ngx_string("allowed"),
    [LATCHKEY_MISSING] = ngx_string("missing"),
    [LATCHKEY_AMBIGUOUS] = ngx_string("ambiguous"),
    [LATCHKEY_MALFORMED] = ngx_string("malformed"),
    [LATCHKEY_FORGED] = ngx_string("forged"),
    [LATCHKEY_REVOKED] = ngx_string("revoked"),
    [LATCHKEY_EXPIRED] = ngx_string("expired"),
    [LATCHKEY_UNAVAILABLE] = ngx_string("unavailable")
};


ngx_str_t ngx_http_latchkey_source_names[] = {
    [LATCHKEY_SOURCE_NONE] = ngx_null_string,
    [LATCHKEY_SOURCE_CACHE] = ngx_string("cache"),
    [LATCHKEY_SOURCE_STORE] = ngx_string("store"),
    [LATCHKEY_SOURCE_GRACE] = ngx_string("grace")
};


/* Returns NGX_ERROR after writing the message of fault. */

ngx_int_t
ngx_http_latchkey_create_gateway(ngx_http_latchkey_worker_t *worker,
    ngx_str_t *library, ngx_array_t *directives, ngx_str_t *secrets,
    ngx_str_t *hostname, latchkey_fault *fault)
{
    u_char host[NGX_MAXHOSTNAMELEN];
    latchkey_process process;

    ngx_queue_init(&worker->announcements);

    if (ngx_http_latchkey_load_library(&worker->library, library,
            fault->message, sizeof(fault->message))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_cpystrn(host, hostname->data, hostname->len + 1);

    process.host = (char *) host;
    process.pid = (uint32_t) ngx_pid;

    worker->gateway = worker->library.gateway_new(directives->elts,
        directives->nelts, secrets->data, secrets->len, process, fault);

    return worker->gateway ? NGX_OK : NGX_ERROR;
}


void
ngx_http_latchkey_free_gateway(ngx_http_latchkey_worker_t *worker)
{
    if (worker->turn.posted) {
        ngx_delete_posted_event(&worker->turn);
    }

    worker->library.gateway_free(worker->gateway);
    worker->gateway = NULL;
}


void
ngx_http_latchkey_cancel_check(ngx_http_latchkey_worker_t *worker,
    uint64_t ticket)
{
    worker->library.check_cancel(worker->gateway, ticket);

    ngx_http_latchkey_post_turn(worker);
}


/* Returns whether there were any. */

ngx_uint_t
ngx_http_latchkey_announce_streams(ngx_http_latchkey_worker_t *worker)
{
    ngx_queue_t *q, *announcements;
    ngx_http_latchkey_stream_t *stream;

    announcements = &worker->announcements;

    if (ngx_queue_empty(announcements)) {
        return 0;
    }

    for (q = ngx_queue_head(announcements);
         q != ngx_queue_sentinel(announcements);
         q = ngx_queue_next(q))
    {
        stream = ngx_queue_data(q, ngx_http_latchkey_stream_t, announcement);

        stream->queued = 0;
        stream->id = worker->library.stream_open(worker->gateway, stream->data,
            stream->decision);
    }

    ngx_queue_init(announcements);

    return 1;
}


/* Returns the boottime_ns of the gateway's next deadline, or LATCHKEY_NEVER. */

uint64_t
ngx_http_latchkey_tick(ngx_http_latchkey_worker_t *worker, latchkey_time *now)
{
    (void) ngx_http_latchkey_announce_streams(worker);

    *now = ngx_http_latchkey_now();

    return worker->library.tick(worker->gateway, *now);
}


void
ngx_http_latchkey_finish(ngx_http_latchkey_worker_t *worker)
{
    (void) ngx_http_latchkey_announce_streams(worker);

    worker->library.finish(worker->gateway, ngx_http_latchkey_now());
}


void
ngx_http_latchkey_notify_opened(ngx_http_latchkey_link_t *link)
{
    ngx_http_latchkey_worker_t *worker = link->worker;

    (void) ngx_http_latchkey_announce_streams(worker);

    worker->library.link_opened(worker->gateway, link->number,
        ngx_http_latchkey_now());
}


void
ngx_http_latchkey_notify_closed(ngx_http_latchkey_worker_t *worker,
    uint32_t number, latchkey_link_failure failure)
{
    (void) ngx_http_latchkey_announce_streams(worker);

    worker->library.link_closed(worker->gateway, number,
        ngx_http_latchkey_now(), failure);
}


void
ngx_http_latchkey_notify_received(ngx_http_latchkey_link_t *link, u_char *bytes,
    size_t length)
{
    ngx_http_latchkey_worker_t *worker = link->worker;

    (void) ngx_http_latchkey_announce_streams(worker);

    worker->library.link_received(worker->gateway, link->number, bytes, length,
        ngx_http_latchkey_now());
}
