
/*
 * Variables about a request's key, for logs, limits and applications.  Their
 * values are not cached: one may be read before the check and again after it.
 */

#include "ngx_http_latchkey_ctx.h"


enum {
    NGX_HTTP_LATCHKEY_ORGANIZATION = 0,
    NGX_HTTP_LATCHKEY_LOCATOR,
    NGX_HTTP_LATCHKEY_RESULT,
    NGX_HTTP_LATCHKEY_SOURCE
};


static ngx_int_t ngx_http_latchkey_variable(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_str_t ngx_http_latchkey_variable_text(
    const latchkey_decision *decision, uintptr_t data);


static ngx_http_variable_t ngx_http_latchkey_variables[] = {

    { ngx_string("latchkey_organization"), NULL, ngx_http_latchkey_variable,
        NGX_HTTP_LATCHKEY_ORGANIZATION, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("latchkey_locator"), NULL, ngx_http_latchkey_variable,
        NGX_HTTP_LATCHKEY_LOCATOR, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("latchkey_result"), NULL, ngx_http_latchkey_variable,
        NGX_HTTP_LATCHKEY_RESULT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("latchkey_source"), NULL, ngx_http_latchkey_variable,
        NGX_HTTP_LATCHKEY_SOURCE, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    ngx_http_null_variable
};


ngx_int_t
ngx_http_latchkey_add_variables(ngx_conf_t *cf)
{
    ngx_http_variable_t *var, *v;

    for (v = ngx_http_latchkey_variables; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_latchkey_variable(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_str_t text;
    ngx_http_latchkey_ctx_t *ctx;

    ctx = ngx_http_latchkey_get_ctx(r);

    /* a subrequest without a check has the values of its main request */

    if (r != r->main
        && (ctx == NULL || ctx->state == NGX_HTTP_LATCHKEY_UNCHECKED))
    {
        ctx = ngx_http_latchkey_get_ctx(r->main);
    }

    ngx_str_null(&text);

    if (ctx && ctx->state == NGX_HTTP_LATCHKEY_DECIDED) {
        text = ngx_http_latchkey_variable_text(&ctx->decision, data);
    }

    if (text.len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->len = text.len;
    v->data = text.data;

    return NGX_OK;
}


static ngx_str_t
ngx_http_latchkey_variable_text(const latchkey_decision *decision,
    uintptr_t data)
{
    ngx_str_t text;

    ngx_str_null(&text);

    switch (data) {

    case NGX_HTTP_LATCHKEY_ORGANIZATION:

        /*
         * Applications use this as the caller's identity, so under "satisfy
         * any" a revoked key must not name its organization.
         */

        if (decision->result == LATCHKEY_ALLOWED) {
            text.len = decision->organization_length;
            text.data = (u_char *) decision->organization;
        }

        break;

    case NGX_HTTP_LATCHKEY_LOCATOR:
        text.len = decision->locator_length;
        text.data = (u_char *) decision->locator;
        break;

    case NGX_HTTP_LATCHKEY_RESULT:
        text = ngx_http_latchkey_result_names[decision->result];
        break;

    case NGX_HTTP_LATCHKEY_SOURCE:
        text = ngx_http_latchkey_source_names[decision->source];
        break;
    }

    return text;
}
