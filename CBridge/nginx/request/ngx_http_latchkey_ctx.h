
/*
 * A request on its way through nginx's phases.  From the top down:
 *
 *   request   identified, admitted or refused
 *   context   its check: begun, suspended, concluded, resumed, cancelled
 *   stream    an admitted request, ended with its key
 *   search    the key found in it
 *   variable  $latchkey_organization and its like
 *
 * Owner:     the pool of a request owns its context; the gateway and the driver
 *            only hold its address.
 * Lifetime:  a context lasts as long as that pool.  It is withdrawn from the
 *            gateway when the request ends, before its log phase.
 * NULL:      pointers are not NULL, except where a comment allows it.
 * Thread:    the only thread of the worker.
 */

#ifndef _NGX_HTTP_LATCHKEY_CTX_H_INCLUDED_
#define _NGX_HTTP_LATCHKEY_CTX_H_INCLUDED_


#include "ngx_http_latchkey_conf.h"


typedef enum {
    NGX_HTTP_LATCHKEY_UNCHECKED = 0,
    NGX_HTTP_LATCHKEY_PENDING,
    NGX_HTTP_LATCHKEY_DECIDED
} ngx_http_latchkey_state_e;


/* The check of one request or subrequest. */

typedef struct {
    ngx_http_request_t *request;
    ngx_http_latchkey_worker_t *worker; /* NULL: it has checked nothing yet */
    ngx_array_t *credentials;           /* where its key was looked for */

    /* the location that the request is in, and the mode that holds there */
    ngx_http_latchkey_loc_conf_t *location;
    ngx_uint_t uri_changes;
    ngx_uint_t mode;

    ngx_http_latchkey_state_e state;
    latchkey_decision decision; /* if it is DECIDED */
    uint64_t ticket;            /* if it is PENDING */
    ngx_event_t resume;

    ngx_http_latchkey_stream_t stream;
    ngx_event_t end; /* posted: the key is no longer valid */

    unsigned challenged:1; /* the headers of a refusal are in place */
} ngx_http_latchkey_ctx_t;


/* request */

ngx_int_t ngx_http_latchkey_preaccess_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_latchkey_access_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_latchkey_last_access_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_latchkey_verify_handler(ngx_http_request_t *r);


/* context */

ngx_http_latchkey_ctx_t *ngx_http_latchkey_get_ctx(ngx_http_request_t *r);
ngx_http_latchkey_ctx_t *ngx_http_latchkey_create_ctx(ngx_http_request_t *r);
ngx_int_t ngx_http_latchkey_begin(ngx_http_latchkey_ctx_t *ctx,
    ngx_http_latchkey_worker_t *worker, ngx_str_t *credential);
void ngx_http_latchkey_conclude(ngx_http_latchkey_ctx_t *ctx);
void ngx_http_latchkey_deliver(ngx_http_latchkey_ctx_t *ctx,
    const latchkey_decision *decision);
void ngx_http_latchkey_close_streams(ngx_http_request_t *r);


/* stream */

void ngx_http_latchkey_open_stream(ngx_http_latchkey_ctx_t *ctx);
ngx_uint_t ngx_http_latchkey_lacks_stream(ngx_http_latchkey_ctx_t *ctx);
void ngx_http_latchkey_post_end(ngx_http_latchkey_ctx_t *ctx);


/* search */

ngx_int_t ngx_http_latchkey_find_credential(ngx_http_request_t *r,
    ngx_array_t *credentials, ngx_str_t *value);


/* variable */

ngx_int_t ngx_http_latchkey_add_variables(ngx_conf_t *cf);


static ngx_inline ngx_uint_t
ngx_http_latchkey_has_stream(ngx_http_latchkey_ctx_t *ctx)
{
    return ctx->stream.id || ctx->stream.queued || ctx->end.posted;
}


/* Whatever happens to its key from here on, the request is not ended. */

static ngx_inline void
ngx_http_latchkey_close_stream(ngx_http_latchkey_ctx_t *ctx)
{
    ngx_http_latchkey_drop_stream(ctx->worker, &ctx->stream);

    if (ctx->end.posted) {
        ngx_delete_posted_event(&ctx->end);
    }
}


#endif /* _NGX_HTTP_LATCHKEY_CTX_H_INCLUDED_ */
