
/*
 * latchkey_error_format: the body of a refusal as a problem document (RFC 9457),
 * a GraphQL response or a line of text.
 */

#include "ngx_http_latchkey_answer.h"


/* Enough for the longest body. */
#define NGX_HTTP_LATCHKEY_BODY_MAX 256


ngx_conf_enum_t ngx_http_latchkey_formats[] = {
    { ngx_string("problem"), NGX_HTTP_LATCHKEY_PROBLEM },
    { ngx_string("graphql"), NGX_HTTP_LATCHKEY_GRAPHQL },
    { ngx_string("plain"), NGX_HTTP_LATCHKEY_PLAIN },
    { ngx_null_string, 0 }
};


ngx_int_t
ngx_http_latchkey_format(ngx_http_request_t *r,
    const ngx_http_latchkey_refusal_t *refusal, ngx_str_t *type,
    ngx_str_t *body)
{
    u_char *p, *last;
    ngx_http_latchkey_loc_conf_t *llcf;

    static ngx_str_t graphql = ngx_string("application/graphql-response+json");

    p = ngx_pnalloc(r->pool, NGX_HTTP_LATCHKEY_BODY_MAX);
    if (p == NULL) {
        return NGX_ERROR;
    }

    last = p + NGX_HTTP_LATCHKEY_BODY_MAX;

    body->data = p;

    llcf = ngx_http_get_module_loc_conf(r, ngx_http_latchkey_module);

    switch (llcf->error_format) {

    case NGX_HTTP_LATCHKEY_GRAPHQL:

        /* clients older than the GraphQL media type expect JSON */

        ngx_str_set(type, "application/json");

        if (ngx_http_latchkey_accepts(r, &graphql)) {
            *type = graphql;
        }

        p = ngx_slprintf(p, last,
            "{\"errors\":[{\"message\":\"%s\","
            "\"extensions\":{\"code\":\"%s\"}}]}\n",
            refusal->detail, refusal->code);
        break;

    case NGX_HTTP_LATCHKEY_PLAIN:
        ngx_str_set(type, "text/plain");

        p = ngx_slprintf(p, last, "%s\n", refusal->detail);
        break;

    default: /* NGX_HTTP_LATCHKEY_PROBLEM */
        ngx_str_set(type, "application/problem+json");

        p = ngx_slprintf(p, last,
            "{\"type\":\"about:blank\",\"title\":\"%s\","
            "\"status\":%ui,\"detail\":\"%s\"}\n",
            refusal->title, refusal->status, refusal->detail);
        break;
    }

    body->len = p - body->data;

    return NGX_OK;
}
