
/*
 * The refusal of a gRPC call.  A client library reads the status of the call, not
 * that of HTTP.  It is sent in headers that also end the answer, which gRPC calls
 * "Trailers-Only".
 */

#include "ngx_http_latchkey_answer.h"


ngx_uint_t
ngx_http_latchkey_is_grpc(ngx_http_request_t *r)
{
#if (NGX_HTTP_V2)
    u_char ch;
    ngx_str_t *type;

    static ngx_str_t grpc = ngx_string("application/grpc");

    if (r != r->main || r->stream == NULL
        || r->headers_in.content_type == NULL)
    {
        return 0;
    }

    type = &r->headers_in.content_type->value;

    if (type->len < grpc.len
        || ngx_strncasecmp(type->data, grpc.data, grpc.len) != 0)
    {
        return 0;
    }

    /* application/grpc-web is another protocol, which uses HTTP's status */

    ch = (type->len == grpc.len) ? '\0' : type->data[grpc.len];

    return ch == '\0' || ch == '+' || ch == ';' || ch == ' ';
#else
    return 0;
#endif
}


ngx_int_t
ngx_http_latchkey_send_grpc(ngx_http_request_t *r,
    const ngx_http_latchkey_refusal_t *refusal)
{
    ngx_int_t rc;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    /* a detail holds no character that would have to be percent-encoded */

    if (ngx_http_latchkey_push_header(r, "grpc-status", refusal->grpc_status)
            == NULL
        || ngx_http_latchkey_push_header(r, "grpc-message", refusal->detail)
            == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->err_status = NGX_HTTP_OK;
    r->headers_out.status = NGX_HTTP_OK;

    ngx_str_set(&r->headers_out.content_type, "application/grpc");
    r->headers_out.content_type_len = r->headers_out.content_type.len;

    r->header_only = 1;

    return ngx_http_send_header(r);
}
