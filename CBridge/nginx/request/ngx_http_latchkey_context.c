
/*
 * A check that outlives the call in which it began: kept with its request,
 * found again, suspended until the store has answered, resumed, given up.
 */

#include "ngx_http_latchkey.h"


static void ngx_http_latchkey_resume_handler(ngx_event_t *ev);


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

    ngx_http_latchkey_init_stream(ctx);

    hcln->handler = ngx_http_latchkey_cancel;
    hcln->data = ctx;

    cln->handler = ngx_http_latchkey_cancel;

    ngx_http_set_ctx(r, ctx, ngx_http_latchkey_module);

    return ctx;
}


/* Leaves the client watched, so that its going away ends the wait. */

ngx_int_t
ngx_http_latchkey_suspend(ngx_http_request_t *r, ngx_http_latchkey_ctx_t *ctx)
{
    ngx_event_t *rev;

    ctx->state = NGX_HTTP_LATCHKEY_PENDING;

    rev = r->connection->read;

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


/* The gateway has decided: the request goes on when this turn's events ran. */

void
ngx_http_latchkey_decided(ngx_http_latchkey_ctx_t *ctx,
    const latchkey_decision *decision)
{
    ctx->decision = *decision;
    ctx->state = NGX_HTTP_LATCHKEY_DECIDED;

    ngx_http_latchkey_count_check(&ctx->decision);
    ngx_http_latchkey_open_stream(ctx);

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

    r->read_event_handler = ngx_http_block_reading;
    r->write_event_handler = ngx_http_core_run_phases;

    ngx_http_core_run_phases(r);

    ngx_http_run_posted_requests(c);
}


/* Runs when the request ends, and once more when its pool is destroyed. */

void
ngx_http_latchkey_cancel(void *data)
{
    ngx_http_latchkey_ctx_t *ctx = data;

    if (ctx->state == NGX_HTTP_LATCHKEY_PENDING) {
        ctx->state = NGX_HTTP_LATCHKEY_UNCHECKED;
        ngx_http_latchkey_cancel_check(ctx->worker, ctx);
    }

    if (ctx->resume.posted) {
        ngx_delete_posted_event(&ctx->resume);
    }

    ngx_http_latchkey_close_stream(ctx);
}
