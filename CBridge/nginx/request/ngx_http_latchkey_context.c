
/*
 * The check of a request, which may outlive the call in which it began: kept
 * with its request and found again; begun, and suspended if the store must be
 * read; concluded, resumed, cancelled.
 */

#include "ngx_http_latchkey_ctx.h"
#include "ngx_http_latchkey_metrics.h"


static ngx_int_t ngx_http_latchkey_suspend(ngx_http_latchkey_ctx_t *ctx);
static void ngx_http_latchkey_resume_handler(ngx_event_t *ev);
static void ngx_http_latchkey_cancel(void *data);


/*
 * nginx clears the contexts of a request that it redirects internally, but not
 * its pool, which the request shares with its subrequests.
 */

ngx_http_latchkey_ctx_t *
ngx_http_latchkey_get_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t *cln;
    ngx_http_latchkey_ctx_t *ctx;

    ctx = ngx_http_get_module_ctx(r, ngx_http_latchkey_module);

    if (ctx || (!r->internal && !r->filter_finalize)) {
        return ctx;
    }

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler != ngx_http_latchkey_cancel) {
            continue;
        }

        ctx = cln->data;

        if (ctx->request == r) {
            ngx_http_set_ctx(r, ctx, ngx_http_latchkey_module);
            return ctx;
        }
    }

    return NULL;
}


ngx_http_latchkey_ctx_t *
ngx_http_latchkey_create_ctx(ngx_http_request_t *r)
{
    ngx_pool_cleanup_t *cln;
    ngx_http_cleanup_t *hcln;
    ngx_http_latchkey_ctx_t *ctx;

    hcln = ngx_http_cleanup_add(r, 0);
    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_latchkey_ctx_t));

    if (hcln == NULL || cln == NULL) {
        return NULL;
    }

    ctx = cln->data;
    ngx_memzero(ctx, sizeof(ngx_http_latchkey_ctx_t));

    ctx->request = r;

    ctx->resume.data = ctx;
    ctx->resume.log = r->connection->log;
    ctx->resume.handler = ngx_http_latchkey_resume_handler;

    hcln->handler = ngx_http_latchkey_cancel;
    hcln->data = ctx;

    cln->handler = ngx_http_latchkey_cancel;

    ngx_http_set_ctx(r, ctx, ngx_http_latchkey_module);

    return ctx;
}


/*
 * Returns NGX_OK if the check is concluded, NGX_AGAIN if its request is
 * suspended, or a status.
 */

ngx_int_t
ngx_http_latchkey_begin(ngx_http_latchkey_ctx_t *ctx,
    ngx_http_latchkey_worker_t *worker, ngx_str_t *credential)
{
    ctx->worker = worker;

    ctx->ticket = ngx_http_latchkey_begin_check(worker, ctx, credential,
        &ctx->decision);

    if (ctx->ticket) {
        return ngx_http_latchkey_suspend(ctx);
    }

    ngx_http_latchkey_conclude(ctx);

    return NGX_OK;
}


/* Leaves the client watched: if it closes the connection, the check ends. */

static ngx_int_t
ngx_http_latchkey_suspend(ngx_http_latchkey_ctx_t *ctx)
{
    ngx_event_t *rev;
    ngx_http_request_t *r;

    r = ctx->request;
    rev = r->connection->read;

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
        "latchkey check suspended, ticket: %uL", ctx->ticket);

    ctx->state = NGX_HTTP_LATCHKEY_PENDING;

    if (rev->ready) {
        ngx_post_event(rev, &ngx_posted_events);

    } else if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_http_latchkey_cancel(ctx);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_AGAIN;
}


/* There is a decision: it is counted, and may open a stream. */

void
ngx_http_latchkey_conclude(ngx_http_latchkey_ctx_t *ctx)
{
    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, ctx->request->connection->log, 0,
        "latchkey check concluded: %V",
        &ngx_http_latchkey_result_names[ctx->decision.result]);

    ctx->state = NGX_HTTP_LATCHKEY_DECIDED;

    ngx_http_latchkey_count_check(&ctx->decision);
    ngx_http_latchkey_open_stream(ctx);
}


/* Concludes a suspended check.  Its request is resumed later in this turn. */

void
ngx_http_latchkey_deliver(ngx_http_latchkey_ctx_t *ctx,
    const latchkey_decision *decision)
{
    ctx->decision = *decision;

    ngx_http_latchkey_conclude(ctx);

    ngx_post_event(&ctx->resume, &ngx_posted_events);
}


static void
ngx_http_latchkey_resume_handler(ngx_event_t *ev)
{
    ngx_connection_t *c;
    ngx_http_request_t *r;
    ngx_http_latchkey_ctx_t *ctx;

    ctx = ev->data;
    r = ctx->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, c->log, 0, "latchkey resume handler");

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);

    ngx_http_run_posted_requests(c);
}


/*
 * A request has come into a location that leaves requests open.  It may have
 * opened a stream where it came from, and so may its subrequests.
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


/* Runs when the request ends, and once more when its pool is destroyed. */

static void
ngx_http_latchkey_cancel(void *data)
{
    ngx_http_latchkey_ctx_t *ctx = data;

    if (ctx->state == NGX_HTTP_LATCHKEY_PENDING) {
        ctx->state = NGX_HTTP_LATCHKEY_UNCHECKED;
        ngx_http_latchkey_cancel_check(ctx->worker, ctx->ticket);
    }

    if (ctx->resume.posted) {
        ngx_delete_posted_event(&ctx->resume);
    }

    ngx_http_latchkey_close_stream(ctx);
}
