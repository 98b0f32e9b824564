
/*
 * The way of a request: identified in the PREACCESS phase, so that what comes
 * after it there (limit_req, limit_conn) knows the organization; let in or
 * refused in the ACCESS phase, so that "satisfy" works.  In between it may be
 * suspended until the store has answered.
 */

#include "ngx_http_latchkey.h"


static ngx_int_t ngx_http_latchkey_check(ngx_http_request_t *r,
    ngx_http_latchkey_loc_conf_t *llcf, ngx_http_latchkey_ctx_t **pctx);
static ngx_int_t ngx_http_latchkey_identify(ngx_http_request_t *r,
    ngx_http_latchkey_ctx_t *ctx);
static ngx_int_t ngx_http_latchkey_end(ngx_http_request_t *r, ngx_int_t rc);


ngx_int_t
ngx_http_latchkey_preaccess_handler(ngx_http_request_t *r)
{
    ngx_int_t rc;
    ngx_http_latchkey_ctx_t *ctx;
    ngx_http_latchkey_loc_conf_t *llcf;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_latchkey_module);

    if (!llcf->end_streams) {
        ngx_http_latchkey_close_streams(r);
    }

    if (!llcf->checked) {
        return NGX_DECLINED;
    }

    rc = ngx_http_latchkey_check(r, llcf, &ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    /* no ACCESS phase comes for a subrequest: auth_request, SSI, mirror, njs */

    if (r != r->main && ngx_http_latchkey_is_refused(ctx)) {
        return ngx_http_latchkey_end(r, ngx_http_latchkey_refuse(r, ctx));
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_latchkey_access_handler(ngx_http_request_t *r)
{
    ngx_int_t rc;
    ngx_http_latchkey_ctx_t *ctx;
    ngx_http_core_loc_conf_t *clcf;
    ngx_http_latchkey_loc_conf_t *llcf;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_latchkey_module);

    if (!llcf->checked) {
        return NGX_DECLINED;
    }

    /* it was checked before, unless another module cut PREACCESS short */

    ctx = ngx_http_get_module_ctx(r, ngx_http_latchkey_module);

    if (ctx == NULL || ctx->state != NGX_HTTP_LATCHKEY_DECIDED
        || ctx->location != llcf || ctx->uri_changes != r->uri_changes)
    {
        rc = ngx_http_latchkey_check(r, llcf, &ctx);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (!ngx_http_latchkey_is_refused(ctx)) {
        return ngx_http_latchkey_is_vouched_for(ctx) ? NGX_OK : NGX_DECLINED;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->satisfy == NGX_HTTP_SATISFY_ANY) {

        /* whatever the reason, others are asked: the last handler ends it */

        return NGX_HTTP_UNAUTHORIZED;
    }

    return ngx_http_latchkey_end(r, ngx_http_latchkey_refuse(r, ctx));
}


/*
 * Runs after all other handlers of the ACCESS phase.  Under "satisfy any" a
 * refusal is made only here, when nobody has let the request in: no header of
 * it can then reach the answer to a request that somebody did let in.
 */

ngx_int_t
ngx_http_latchkey_last_access_handler(ngx_http_request_t *r)
{
    ngx_http_latchkey_ctx_t *ctx;
    ngx_http_latchkey_loc_conf_t *llcf;

    if (r->access_code == 0) {
        return NGX_DECLINED;
    }

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_latchkey_module);

    if (!llcf->checked) {
        return NGX_DECLINED;
    }

    ctx = ngx_http_latchkey_get_ctx(r);

    if (ctx == NULL || !ngx_http_latchkey_is_refused(ctx)) {
        return NGX_DECLINED;
    }

    /* it would outlive a 400 or a 503 and refuse the page made for that */

    r->access_code = 0;

    return ngx_http_latchkey_end(r, ngx_http_latchkey_refuse(r, ctx));
}


/* The content of a latchkey_verify location, for whoever was let in as well. */

ngx_int_t
ngx_http_latchkey_verify_handler(ngx_http_request_t *r)
{
    ngx_http_latchkey_ctx_t *ctx;

    ctx = ngx_http_latchkey_get_ctx(r);

    if (ctx == NULL
        || (ctx->state != NGX_HTTP_LATCHKEY_DECIDED
            && ctx->mode != NGX_HTTP_LATCHKEY_OFF))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_latchkey_is_refused(ctx)) {
        return ngx_http_latchkey_refuse(r, ctx);
    }

    return NGX_HTTP_NO_CONTENT;
}


/*
 * Returns NGX_OK once there is a decision, or none is wanted; NGX_AGAIN while it
 * is awaited.
 */

static ngx_int_t
ngx_http_latchkey_check(ngx_http_request_t *r,
    ngx_http_latchkey_loc_conf_t *llcf, ngx_http_latchkey_ctx_t **pctx)
{
    ngx_int_t rc;
    ngx_http_latchkey_ctx_t *ctx;

    ctx = ngx_http_latchkey_get_ctx(r);

    if (ctx == NULL) {
        ctx = ngx_http_latchkey_create_ctx(r);
        if (ctx == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    *pctx = ctx;

    if (ctx->state == NGX_HTTP_LATCHKEY_PENDING) {
        return NGX_AGAIN;
    }

    if (ngx_http_latchkey_enter_location(r, llcf, ctx) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->mode == NGX_HTTP_LATCHKEY_OFF) {
        return NGX_OK;
    }

    if (ctx->mode == NGX_HTTP_LATCHKEY_DRY_RUN) {
        ngx_http_latchkey_close_stream(ctx);
    }

    /*
     * an internal redirect asks again: the client still sent the same key, but
     * a stream can only be opened together with a decision
     */

    if (ctx->state == NGX_HTTP_LATCHKEY_DECIDED
        && ctx->credentials == llcf->credentials
        && !ngx_http_latchkey_lacks_stream(ctx))
    {
        return NGX_OK;
    }

    ngx_http_latchkey_close_stream(ctx);

    ctx->state = NGX_HTTP_LATCHKEY_UNCHECKED;
    ctx->credentials = llcf->credentials;

    rc = ngx_http_latchkey_identify(r, ctx);

    if (rc == NGX_AGAIN) {
        return ngx_http_latchkey_suspend(r, ctx);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->state = NGX_HTTP_LATCHKEY_DECIDED;

    return NGX_OK;
}


static ngx_int_t
ngx_http_latchkey_identify(ngx_http_request_t *r, ngx_http_latchkey_ctx_t *ctx)
{
    ngx_int_t n;
    ngx_str_t value;
    ngx_http_latchkey_ctx_t *mctx;
    ngx_http_latchkey_main_conf_t *lmcf;

    if (r != r->main) {
        mctx = ngx_http_latchkey_get_ctx(r->main);

        if (mctx && mctx->state == NGX_HTTP_LATCHKEY_DECIDED
            && mctx->credentials == ctx->credentials)
        {
            ctx->decision = mctx->decision;

            /* a dry run ends nothing: here it may have to be ended */

            if (ngx_http_latchkey_has_stream(mctx)
                || !ngx_http_latchkey_lacks_stream(ctx))
            {
                return NGX_OK;
            }
        }
    }

    n = ngx_http_latchkey_find_credential(r, ctx->credentials, &value);

    if (n == NGX_ERROR) {
        return NGX_ERROR;
    }

    ngx_memzero(&ctx->decision, sizeof(latchkey_decision));

    if (n != 1) {
        ctx->decision.result = (n == 0) ? LATCHKEY_MISSING : LATCHKEY_AMBIGUOUS;
        ngx_http_latchkey_count_check(&ctx->decision);
        return NGX_OK;
    }

    lmcf = ngx_http_get_module_main_conf(r, ngx_http_latchkey_module);

    if (lmcf->worker == NULL) {
        ctx->decision.result = LATCHKEY_UNAVAILABLE;
        ngx_http_latchkey_count_check(&ctx->decision);
        return NGX_OK;
    }

    ctx->worker = lmcf->worker;

    if (ngx_http_latchkey_begin_check(ctx->worker, ctx, &value) != NGX_OK) {
        return NGX_AGAIN;
    }

    ngx_http_latchkey_count_check(&ctx->decision);
    ngx_http_latchkey_open_stream(ctx);

    return NGX_OK;
}


/* Leaves a status to nginx; an answer that was sent ends the request here. */

static ngx_int_t
ngx_http_latchkey_end(ngx_http_request_t *r, ngx_int_t rc)
{
    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}
