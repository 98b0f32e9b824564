
/*
 * The answer to a request that is refused: status, challenge (RFC 6750) and
 * body.  A key that is malformed, forged, revoked or expired gets one and the
 * same answer: which of them it is concerns the operator, not the holder of the
 * key.
 */

#include "ngx_http_latchkey_answer.h"


static const ngx_http_latchkey_refusal_t *ngx_http_latchkey_find_refusal(
    ngx_http_request_t *r, latchkey_result result, ngx_array_t *credentials);
static const ngx_http_latchkey_refusal_t *ngx_http_latchkey_find_missing(
    ngx_http_request_t *r, ngx_array_t *credentials);
static ngx_uint_t ngx_http_latchkey_accepts_bearer(ngx_array_t *credentials);
static ngx_int_t ngx_http_latchkey_push_headers(ngx_http_request_t *r,
    const ngx_http_latchkey_refusal_t *refusal);
static ngx_int_t ngx_http_latchkey_push_challenge(ngx_http_request_t *r,
    const char *error);
static ngx_uint_t ngx_http_latchkey_left_to_nginx(ngx_http_request_t *r,
    ngx_uint_t status);
static ngx_int_t ngx_http_latchkey_send_body(ngx_http_request_t *r,
    ngx_uint_t status, const ngx_http_latchkey_refusal_t *refusal);


static const ngx_http_latchkey_refusal_t ngx_http_latchkey_missing = {
    .status = NGX_HTTP_UNAUTHORIZED,
    .title = "Unauthorized",
    .code = "UNAUTHENTICATED",
    .detail = "An API key is required.",
    .grpc_status = "16",
    .error = ""
};


/*
 * RFC 6750 wants no error in the challenge when another scheme was tried, so
 * only the detail says what is wrong.
 */

static const ngx_http_latchkey_refusal_t ngx_http_latchkey_other_scheme = {
    .status = NGX_HTTP_UNAUTHORIZED,
    .title = "Unauthorized",
    .code = "UNAUTHENTICATED",
    .detail = "An API key is required. The Authorization header lacks the "
              "Bearer scheme: send Authorization: Bearer KEY.",
    .grpc_status = "16",
    .error = ""
};


static const ngx_http_latchkey_refusal_t ngx_http_latchkey_ambiguous = {
    .status = NGX_HTTP_BAD_REQUEST,
    .title = "Bad Request",
    .code = "BAD_REQUEST",
    .detail = "More than one API key was sent.",
    .grpc_status = "16",
    .error = ", error=\"invalid_request\", "
             "error_description=\"More than one API key was sent\""
};


static const ngx_http_latchkey_refusal_t ngx_http_latchkey_invalid = {
    .status = NGX_HTTP_UNAUTHORIZED,
    .title = "Unauthorized",
    .code = "UNAUTHENTICATED",
    .detail = "The API key is not valid.",
    .grpc_status = "16",
    .error = ", error=\"invalid_token\", "
             "error_description=\"The API key is not valid\""
};


static const ngx_http_latchkey_refusal_t ngx_http_latchkey_unavailable = {
    .status = NGX_HTTP_SERVICE_UNAVAILABLE,
    .title = "Service Unavailable",
    .code = "SERVICE_UNAVAILABLE",
    .detail = "API keys cannot be checked at the moment.",
    .grpc_status = "14",
    .error = ""
};


/*
 * challenged says that the headers are in place.  Returns what a content handler
 * returns: a status if nginx is to answer.
 */

ngx_int_t
ngx_http_latchkey_send_refusal(ngx_http_request_t *r, latchkey_result result,
    ngx_array_t *credentials, ngx_uint_t challenged)
{
    ngx_uint_t status;
    const ngx_http_latchkey_refusal_t *refusal;

    refusal = ngx_http_latchkey_find_refusal(r, result, credentials);
    status = refusal->status;

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
        "latchkey refusal, status: %ui", status);

    /* auth_request passes on a 401, but turns a 400 into a 500 */

    if (r != r->main && status == NGX_HTTP_BAD_REQUEST) {
        status = NGX_HTTP_UNAUTHORIZED;
    }

    if (!challenged && ngx_http_latchkey_push_headers(r, refusal) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_latchkey_left_to_nginx(r, status)) {
        return (ngx_int_t) status;
    }

    /* an error page has set its own headers; no client need send a body */

    r->expect_tested = 1;

    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_content_length(r);
    ngx_http_clear_etag(r);

    r->headers_out.content_type_lowcase = NULL;

    if (ngx_http_latchkey_is_grpc(r)) {
        return ngx_http_latchkey_send_grpc(r, refusal);
    }

    return ngx_http_latchkey_send_body(r, status, refusal);
}


static const ngx_http_latchkey_refusal_t *
ngx_http_latchkey_find_refusal(ngx_http_request_t *r, latchkey_result result,
    ngx_array_t *credentials)
{
    switch (result) {

    case LATCHKEY_MISSING:
        return ngx_http_latchkey_find_missing(r, credentials);

    case LATCHKEY_AMBIGUOUS:
        return &ngx_http_latchkey_ambiguous;

    case LATCHKEY_UNAVAILABLE:
        return &ngx_http_latchkey_unavailable;

    default:
        return &ngx_http_latchkey_invalid;
    }
}


/* The answer does not depend on what the header holds, a valid key or none. */

static const ngx_http_latchkey_refusal_t *
ngx_http_latchkey_find_missing(ngx_http_request_t *r, ngx_array_t *credentials)
{
    if (r->headers_in.authorization
        && ngx_http_latchkey_accepts_bearer(credentials))
    {
        return &ngx_http_latchkey_other_scheme;
    }

    return &ngx_http_latchkey_missing;
}


static ngx_uint_t
ngx_http_latchkey_accepts_bearer(ngx_array_t *credentials)
{
    ngx_uint_t i;
    ngx_http_latchkey_credential_t *c;

    c = credentials->elts;

    for (i = 0; i < credentials->nelts; i++) {
        if (c[i].source == NGX_HTTP_LATCHKEY_BEARER) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_latchkey_push_headers(ngx_http_request_t *r,
    const ngx_http_latchkey_refusal_t *refusal)
{
    if (ngx_http_latchkey_push_header(r, "Cache-Control", "no-store") == NULL) {
        return NGX_ERROR;
    }

    if (refusal->status != NGX_HTTP_SERVICE_UNAVAILABLE) {
        return ngx_http_latchkey_push_challenge(r, refusal->error);
    }

    if (ngx_http_latchkey_push_header(r, "Retry-After", "1") == NULL) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_latchkey_push_challenge(ngx_http_request_t *r, const char *error)
{
    u_char *p;
    size_t len;
    ngx_table_elt_t *h;
    ngx_http_latchkey_loc_conf_t *llcf;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_latchkey_module);

    len = sizeof("Bearer realm=\"\"") + llcf->realm.len + ngx_strlen(error);

    p = ngx_pnalloc(r->pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_sprintf(p, "Bearer realm=\"%V\"%s%Z", &llcf->realm, error);

    h = ngx_http_latchkey_push_header(r, "WWW-Authenticate", (char *) p);
    if (h == NULL) {
        return NGX_ERROR;
    }

#if (nginx_version >= 1023000)
    /* another module may have challenged before: "satisfy any" */
    h->next = r->headers_out.www_authenticate;
#endif

    r->headers_out.www_authenticate = h;

    return NGX_OK;
}


/*
 * nginx must be given the status if the site has an error page for it, or delays
 * a 401.  A subrequest gets no error page: "error_page 401 =200 …" would admit the
 * main request.  The same goes for a latchkey_verify location that answers another
 * proxy.
 */

static ngx_uint_t
ngx_http_latchkey_left_to_nginx(ngx_http_request_t *r, ngx_uint_t status)
{
    ngx_http_err_page_t *page;
    ngx_http_core_loc_conf_t *clcf;
    ngx_http_latchkey_loc_conf_t *llcf;

    if (r != r->main) {
        return 0;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    llcf = ngx_http_get_module_loc_conf(r, ngx_http_latchkey_module);

    page = ngx_http_latchkey_find_page(clcf->error_pages, status);

    if (llcf->verify && page && page->overwrite >= 0) {
        return 0;
    }

    if (status == NGX_HTTP_UNAUTHORIZED && clcf->auth_delay) {
        return 1;
    }

    return page && !r->error_page && r->uri_changes != 0;
}


static ngx_int_t
ngx_http_latchkey_send_body(ngx_http_request_t *r, ngx_uint_t status,
    const ngx_http_latchkey_refusal_t *refusal)
{
    ngx_str_t type;
    ngx_http_complex_value_t cv;

    ngx_memzero(&cv, sizeof(ngx_http_complex_value_t));

    if (ngx_http_latchkey_format(r, refusal, &type, &cv.value) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->err_status = status;

    return ngx_http_send_response(r, status, &type, &cv);
}
