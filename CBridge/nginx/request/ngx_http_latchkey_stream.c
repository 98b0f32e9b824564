
/*
 * Requests that were let in and are still open: WebSockets, event streams, long
 * downloads and uploads.  The gateway knows each by its ctx, and hands back
 * those whose key is no longer good: they are ended, whatever they are doing.
 */

#include "ngx_http_latchkey.h"


static ngx_uint_t ngx_http_latchkey_may_be_ended(ngx_http_latchkey_ctx_t *ctx);
static ngx_uint_t ngx_http_latchkey_is_announcing(ngx_http_latchkey_ctx_t *ctx);
static void ngx_http_latchkey_withdraw_announcement(
    ngx_http_latchkey_ctx_t *ctx);
static void ngx_http_latchkey_end_handler(ngx_event_t *ev);
#if (NGX_HTTP_V2)
static void ngx_http_latchkey_send_reset(ngx_http_request_t *r);
static void ngx_http_latchkey_wake_up(void *data);
#endif


void
ngx_http_latchkey_init_stream(ngx_http_latchkey_ctx_t *ctx)
{
    ctx->end.data = ctx;
    ctx->end.log = ctx->request->connection->log;
    ctx->end.handler = ngx_http_latchkey_end_handler;
}


/*
 * A decision has just been made.  The gateway has to be told before it hears of
 * anything else, or a revocation in between would be missed; but most requests
 * have ended by then, and cost no more than a place in a queue.
 */

void
ngx_http_latchkey_open_stream(ngx_http_latchkey_ctx_t *ctx)
{
    if (ctx->decision.result == LATCHKEY_ALLOWED
        && ngx_http_latchkey_may_be_ended(ctx))
    {
        ngx_queue_insert_tail(&ctx->worker->announcements, &ctx->announcement);
    }
}


/* To be called before any call of the gateway that takes bytes or time. */

void
ngx_http_latchkey_announce_streams(ngx_http_latchkey_worker_t *worker)
{
    ngx_queue_t *q;
    ngx_http_latchkey_ctx_t *ctx;

    while (!ngx_queue_empty(&worker->announcements)) {
        q = ngx_queue_head(&worker->announcements);
        ctx = ngx_queue_data(q, ngx_http_latchkey_ctx_t, announcement);

        ngx_http_latchkey_withdraw_announcement(ctx);

        ctx->stream = worker->library.stream_open(worker->gateway, ctx,
            &ctx->decision);
    }
}


/* Whatever happens to its key from here on, the request is not ended. */

void
ngx_http_latchkey_close_stream(ngx_http_latchkey_ctx_t *ctx)
{
    ngx_http_latchkey_worker_t *worker;

    if (ngx_http_latchkey_is_announcing(ctx)) {
        ngx_http_latchkey_withdraw_announcement(ctx);

    } else if (ctx->stream) {
        worker = ctx->worker;
        worker->library.stream_close(worker->gateway, ctx->stream);
        ctx->stream = 0;
    }

    if (ctx->end.posted) {
        ngx_delete_posted_event(&ctx->end);
    }
}


/*
 * A request has come into a location that wants it left alone.  Where it came
 * from, it may have opened a stream, and so may its subrequests.
 */

void
ngx_http_latchkey_close_streams(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t *cln;
    ngx_http_latchkey_ctx_t *ctx;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler != ngx_http_latchkey_cancel) {
            continue;
        }

        ctx = cln->data;

        if (ctx->request == r || r == r->main) {
            ngx_http_latchkey_close_stream(ctx);
        }
    }
}


static ngx_inline ngx_uint_t
ngx_http_latchkey_is_tied(ngx_http_latchkey_ctx_t *ctx)
{
    return ctx->stream || ngx_http_latchkey_is_announcing(ctx)
        || ctx->end.posted;
}


ngx_uint_t
ngx_http_latchkey_has_stream(ngx_http_latchkey_ctx_t *ctx)
{
    return ngx_http_latchkey_is_tied(ctx);
}


/*
 * An internal redirect may have brought an allowed request here from where it
 * was to be left alone.
 */

ngx_uint_t
ngx_http_latchkey_lacks_stream(ngx_http_latchkey_ctx_t *ctx)
{
    return ctx->decision.result == LATCHKEY_ALLOWED
        && !ngx_http_latchkey_is_tied(ctx)
        && ngx_http_latchkey_may_be_ended(ctx);
}


static ngx_inline ngx_uint_t
ngx_http_latchkey_is_announcing(ngx_http_latchkey_ctx_t *ctx)
{
    return ctx->announcement.next != NULL;
}


static ngx_inline void
ngx_http_latchkey_withdraw_announcement(ngx_http_latchkey_ctx_t *ctx)
{
    ngx_queue_remove(&ctx->announcement);
    ctx->announcement.next = NULL;
}


/* The gateway has closed the stream; the request ends by itself, see below. */

void
ngx_http_latchkey_post_end(ngx_http_latchkey_ctx_t *ctx)
{
    ctx->stream = 0;

    ngx_post_event(&ctx->end, &ngx_posted_events);
}


/*
 * To end a subrequest is to end its main request: both have a say.  A dry run
 * refuses nothing, and ends nothing either.
 */

static ngx_uint_t
ngx_http_latchkey_may_be_ended(ngx_http_latchkey_ctx_t *ctx)
{
    ngx_http_request_t *r;
    ngx_http_latchkey_loc_conf_t *llcf, *mlcf;

    r = ctx->request;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_latchkey_module);
    mlcf = ngx_http_get_module_loc_conf(r->main, ngx_http_latchkey_module);

    return ctx->mode != NGX_HTTP_LATCHKEY_DRY_RUN
        && llcf->end_streams && mlcf->end_streams;
}


static void
ngx_http_latchkey_end_handler(ngx_event_t *ev)
{
    ngx_connection_t *c;
    ngx_http_request_t *r;
    ngx_http_latchkey_ctx_t *ctx;

    ctx = ev->data;
    r = ctx->request->main;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_log_error(NGX_LOG_INFO, c->log, 0,
        "latchkey: the request is ended, because its key was replaced, "
        "revoked or has expired");

#if (NGX_HTTP_V2)
    ngx_http_latchkey_send_reset(r);
#endif

    /* the cleanup of an upstream gives up a reference, and it may be the last */

    r->count++;

    ngx_http_finalize_request(r, NGX_HTTP_CLOSE);

    ngx_http_run_posted_requests(c);
}


#if (NGX_HTTP_V2)

/*
 * nginx queues the RST_STREAM of a stream that it closes, and would send it with
 * the next frame of another stream.  It closes it at once, unless a thread works
 * for the request: so the connection is woken up when the pool is destroyed.
 */

static void
ngx_http_latchkey_send_reset(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t *cln;

    if (r->stream == NULL) {
        return;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return;
    }

    cln->handler = ngx_http_latchkey_wake_up;
    cln->data = r->stream->connection->connection->write;
}


static void
ngx_http_latchkey_wake_up(void *data)
{
    ngx_event_t *wev = data;

    ngx_post_event(wev, &ngx_posted_events);
}

#endif
