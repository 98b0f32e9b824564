
/*
 * The path of a request.  It is identified in the PREACCESS phase, so that later
 * handlers of that phase (limit_req, limit_conn) can use the organization.  It is
 * admitted or refused in the ACCESS phase, so that "satisfy" works.  In between
 * it may be suspended until the store has answered.
 */

#include "ngx_http_latchkey_ctx.h"
#include "ngx_http_latchkey_answer.h"


static ngx_int_t ngx_http_latchkey_check(ngx_http_request_t *r,
    ngx_http_latchkey_loc_conf_t *llcf, ngx_http_latchkey_ctx_t **pctx);
static ngx_int_t ngx_http_latchkey_enter_location(ngx_http_request_t *r,
    ngx_http_latchkey_loc_conf_t *llcf, ngx_http_latchkey_ctx_t *ctx);
static ngx_int_t ngx_http_latchkey_identify(ngx_http_request_t *r,
    ngx_http_latchkey_ctx_t *ctx);
static ngx_uint_t ngx_http_latchkey_inherit(ngx_http_request_t *r,
    ngx_http_latchkey_ctx_t *ctx);
static ngx_int_t ngx_http_latchkey_refuse(ngx_http_request_t *r,
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

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
        "latchkey preaccess handler");

    rc = ngx_http_latchkey_check(r, llcf, &ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    /* subrequests (auth_request, SSI, mirror, njs) skip the ACCESS phase */

    if (r != r->main
        && ngx_http_latchkey_is_refused(ctx->mode, ctx->decision.result))
    {
        return ngx_http_latchkey_end(r, ngx_http_latchkey_refuse(r, ctx));
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_latchkey_access_handler(ngx_http_request_t *r)
{
    ngx_int_t rc;
    latchkey_result result;
    ngx_http_latchkey_ctx_t *ctx;
    ngx_http_core_loc_conf_t *clcf;
    ngx_http_latchkey_loc_conf_t *llcf;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_latchkey_module);

    if (!llcf->checked) {
        return NGX_DECLINED;
    }

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
        "latchkey access handler");

    /* PREACCESS has checked it, unless another module cut that phase short */

    ctx = ngx_http_get_module_ctx(r, ngx_http_latchkey_module);

    if (ctx == NULL || ctx->state != NGX_HTTP_LATCHKEY_DECIDED
        || ctx->location != llcf || ctx->uri_changes != r->uri_changes)
    {
        rc = ngx_http_latchkey_check(r, llcf, &ctx);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    result = ctx->decision.result;

    if (!ngx_http_latchkey_is_refused(ctx->mode, result)) {
        return ngx_http_latchkey_is_authenticated(ctx->mode, result)
            ? NGX_OK
            : NGX_DECLINED;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->satisfy == NGX_HTTP_SATISFY_ANY) {

        /* with any other status, nginx would not call the other handlers */

        return NGX_HTTP_UNAUTHORIZED;
    }

    return ngx_http_latchkey_end(r, ngx_http_latchkey_refuse(r, ctx));
}


/*
 * Runs after all other handlers of the ACCESS phase.  Under "satisfy any" a
 * refusal is made only here, when no handler has admitted the request: none of
 * its headers can then reach the answer to an admitted request.
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

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
        "latchkey last access handler, access code: %ui", r->access_code);

    ctx = ngx_http_latchkey_get_ctx(r);

    if (ctx == NULL
        || !ngx_http_latchkey_is_refused(ctx->mode, ctx->decision.result))
    {
        return NGX_DECLINED;
    }

    /* kept, it would refuse the error page of our 400 or 503 as well */

    r->access_code = 0;

    return ngx_http_latchkey_end(r, ngx_http_latchkey_refuse(r, ctx));
}


/* The content of a latchkey_verify location, for admitted requests as well. */

ngx_int_t
ngx_http_latchkey_verify_handler(ngx_http_request_t *r)
{
    ngx_http_latchkey_ctx_t *ctx;

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
        "latchkey verify handler");

    ctx = ngx_http_latchkey_get_ctx(r);

    if (ctx == NULL
        || (ctx->state != NGX_HTTP_LATCHKEY_DECIDED
            && ctx->mode != NGX_HTTP_LATCHKEY_OFF))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_latchkey_is_refused(ctx->mode, ctx->decision.result)) {
        return ngx_http_latchkey_refuse(r, ctx);
    }

    return NGX_HTTP_NO_CONTENT;
}


/*
 * Returns NGX_OK once the check is concluded, or if the mode wants none;
 * NGX_AGAIN while the request is suspended.
 */

static ngx_int_t
ngx_http_latchkey_check(ngx_http_request_t *r,
    ngx_http_latchkey_loc_conf_t *llcf, ngx_http_latchkey_ctx_t **pctx)
{
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
     * After an internal redirect the client has still sent the same key.  But a
     * stream can only be opened together with a decision.
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

    return ngx_http_latchkey_identify(r, ctx);
}


/*
 * A variable is evaluated once for each location that a request passes, before
 * its key is looked for, and its value holds until the request leaves.
 */

static ngx_int_t
ngx_http_latchkey_enter_location(ngx_http_request_t *r,
    ngx_http_latchkey_loc_conf_t *llcf, ngx_http_latchkey_ctx_t *ctx)
{
    ngx_int_t mode;

    /* nginx counts each way into a location, even an internal redirect */

    if (ctx->location == llcf && ctx->uri_changes == r->uri_changes) {
        return NGX_OK;
    }

    mode = (ngx_int_t) llcf->mode;

    if (mode == NGX_HTTP_LATCHKEY_VARIABLE) {

        mode = ngx_http_latchkey_evaluate_mode(r, llcf);

        if (mode == NGX_ERROR) {
            return NGX_ERROR;
        }

    } else if (mode == NGX_HTTP_LATCHKEY_OFF) {

        /* latchkey_verify alone */

        mode = NGX_HTTP_LATCHKEY_ON;
    }

    ctx->location = llcf;
    ctx->uri_changes = r->uri_changes;
    ctx->mode = mode;

    return NGX_OK;
}


static ngx_int_t
ngx_http_latchkey_identify(ngx_http_request_t *r, ngx_http_latchkey_ctx_t *ctx)
{
    ngx_int_t n;
    ngx_str_t value;
    ngx_http_latchkey_main_conf_t *lmcf;

    if (r != r->main && ngx_http_latchkey_inherit(r, ctx)) {
        return NGX_OK;
    }

    n = ngx_http_latchkey_find_credential(r, ctx->credentials, &value);

    if (n == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
        "latchkey credentials found: %i", n);

    ngx_memzero(&ctx->decision, sizeof(latchkey_decision));

    if (n == 1) {
        lmcf = ngx_http_get_module_main_conf(r, ngx_http_latchkey_module);

        if (lmcf->worker) {
            return ngx_http_latchkey_begin(ctx, lmcf->worker, &value);
        }

        ctx->decision.result = LATCHKEY_UNAVAILABLE;

    } else {
        ctx->decision.result = (n == 0) ? LATCHKEY_MISSING : LATCHKEY_AMBIGUOUS;
    }

    ngx_http_latchkey_conclude(ctx);

    return NGX_OK;
}


/*
 * A subrequest inherits the decision on its main request's key, which has been
 * counted and may have a stream.  Returns 0 if the subrequest must be checked.
 */

static ngx_uint_t
ngx_http_latchkey_inherit(ngx_http_request_t *r, ngx_http_latchkey_ctx_t *ctx)
{
    ngx_http_latchkey_ctx_t *mctx;

    mctx = ngx_http_latchkey_get_ctx(r->main);

    if (mctx == NULL || mctx->state != NGX_HTTP_LATCHKEY_DECIDED
        || mctx->credentials != ctx->credentials)
    {
        return 0;
    }

    ctx->decision = mctx->decision;

    /* a main request in a dry run has no stream; here one may be needed */

    if (!ngx_http_latchkey_has_stream(mctx)
        && ngx_http_latchkey_lacks_stream(ctx))
    {
        return 0;
    }

    ctx->state = NGX_HTTP_LATCHKEY_DECIDED;

    return 1;
}


static ngx_int_t
ngx_http_latchkey_refuse(ngx_http_request_t *r, ngx_http_latchkey_ctx_t *ctx)
{
    ngx_uint_t challenged;

    /* an error page that is refused in its turn has the headers already */

    challenged = ctx->challenged;
    ctx->challenged = 1;

    return ngx_http_latchkey_send_refusal(r, ctx->decision.result,
        ctx->credentials, challenged);
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
