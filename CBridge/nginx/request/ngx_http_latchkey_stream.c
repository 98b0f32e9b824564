
/*
 * Admitted requests that are still open: WebSockets, event streams, long
 * downloads and uploads.  The gateway holds the context of each and hands back
 * those whose key is no longer valid: they are ended, whatever they are doing.
 */

#include "ngx_http_latchkey_ctx.h"


static ngx_uint_t ngx_http_latchkey_may_be_ended(ngx_http_latchkey_ctx_t *ctx);
static void ngx_http_latchkey_end_handler(ngx_event_t *ev);
#if (NGX_HTTP_V2)
static void ngx_http_latchkey_send_reset(ngx_http_request_t *r);
static void ngx_http_latchkey_wake_up(void *data);
#endif


/* Called together with a decision, which is the one that the gateway gets. */

void
ngx_http_latchkey_open_stream(ngx_http_latchkey_ctx_t *ctx)
{
    if (ctx->decision.result == LATCHKEY_ALLOWED
        && ngx_http_latchkey_may_be_ended(ctx))
    {
        ngx_http_latchkey_queue_stream(ctx->worker, &ctx->stream, ctx,
            &ctx->decision);
    }
}


/*
 * An internal redirect may have brought an allowed request here from a location
 * that leaves requests open.
 */

ngx_uint_t
ngx_http_latchkey_lacks_stream(ngx_http_latchkey_ctx_t *ctx)
{
    return ctx->decision.result == LATCHKEY_ALLOWED
        && !ngx_http_latchkey_has_stream(ctx)
        && ngx_http_latchkey_may_be_ended(ctx);
}


/* The gateway has closed the stream; its request ends later in this turn. */

void
ngx_http_latchkey_post_end(ngx_http_latchkey_ctx_t *ctx)
{
    ctx->stream.id = 0;

    ctx->end.data = ctx;
    ctx->end.log = ctx->request->connection->log;
    ctx->end.handler = ngx_http_latchkey_end_handler;

    ngx_post_event(&ctx->end, &ngx_posted_events);
}


/*
 * Ending a subrequest ends its main request, so the location of each must agree.
 * A dry run refuses nothing, and ends nothing either.
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
        "latchkey: request ended: its key was replaced or revoked, "
        "or has expired");

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
 * nginx queues the RST_STREAM of a stream that it closes, and sends it only with
 * the next frame of another stream.  The connection is therefore woken up when
 * the pool is destroyed: at once, unless a thread still works for the request.
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
