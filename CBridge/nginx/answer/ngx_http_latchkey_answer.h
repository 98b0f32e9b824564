
/*
 * The answer to a request that is refused.
 *
 *   refusal  which refusal it is, its headers, and whether nginx answers
 *   format   the body, in the format that the location and the client want
 *   accept   whether a client names a media type
 *   grpc     the refusal of a gRPC call
 *
 * Owner:     the request; refusals are constants.
 * Lifetime:  texts are not copied: they must last as long as the request.
 * NULL:      pointers are not NULL, except where a comment allows it.
 * Thread:    the only thread of the worker.
 */

#ifndef _NGX_HTTP_LATCHKEY_ANSWER_H_INCLUDED_
#define _NGX_HTTP_LATCHKEY_ANSWER_H_INCLUDED_


#include "ngx_http_latchkey_conf.h"


/* What a refused request is answered. */

typedef struct {
    ngx_uint_t status;
    const char *title; /* of the status */
    const char *code;  /* as GraphQL servers name it */
    const char *grpc_status;
    const char *detail; /* printable ASCII without quotes, backslashes and % */
    const char *error;  /* what follows the realm in the challenge */
} ngx_http_latchkey_refusal_t;


/* refusal */

ngx_int_t ngx_http_latchkey_send_refusal(ngx_http_request_t *r,
    latchkey_result result, ngx_array_t *credentials, ngx_uint_t challenged);


/* format */

extern ngx_conf_enum_t ngx_http_latchkey_formats[];

ngx_int_t ngx_http_latchkey_format(ngx_http_request_t *r,
    const ngx_http_latchkey_refusal_t *refusal, ngx_str_t *type,
    ngx_str_t *body);


/* accept */

ngx_uint_t ngx_http_latchkey_accepts(ngx_http_request_t *r, ngx_str_t *type);


/* grpc */

ngx_uint_t ngx_http_latchkey_is_grpc(ngx_http_request_t *r);
ngx_int_t ngx_http_latchkey_send_grpc(ngx_http_request_t *r,
    const ngx_http_latchkey_refusal_t *refusal);


/* Adds a header to an answer.  Returns NULL if there is no memory. */

static ngx_inline ngx_table_elt_t *
ngx_http_latchkey_push_header(ngx_http_request_t *r, const char *key,
    const char *value)
{
    ngx_table_elt_t *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;
    h->key.len = ngx_strlen(key);
    h->key.data = (u_char *) key;
    h->value.len = ngx_strlen(value);
    h->value.data = (u_char *) value;

#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return h;
}


#endif /* _NGX_HTTP_LATCHKEY_ANSWER_H_INCLUDED_ */
