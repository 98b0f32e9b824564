
/*
 * No key in nginx's logs.
 *
 * Each error log gets a writer in front of its own, which redacts the line: no
 * matter which code logged it, nor which phase a request had reached.  An access
 * log consists of variables, and most of them point into the request as it was
 * received.  That text is redacted after the request has ended and before it is
 * logged, even if the request never reached a location.
 */

#include "ngx_http_latchkey_secrecy.h"


static ngx_int_t ngx_http_latchkey_guard_log(ngx_cycle_t *cycle,
    ngx_log_t *log);
static void ngx_http_latchkey_unguard_log(void *data);
static void ngx_http_latchkey_log_writer(ngx_log_t *log, ngx_uint_t level,
    u_char *buf, size_t len);
static void ngx_http_latchkey_redact_request(ngx_http_request_t *r);
static ngx_uint_t ngx_http_latchkey_is_within(ngx_str_t *text,
    ngx_str_t *whole);
static void ngx_http_latchkey_redact_referer(ngx_http_request_t *r);


/* Adds the error log of the location that is being merged. */

ngx_int_t
ngx_http_latchkey_collect_log(ngx_conf_t *cf, ngx_array_t *logs)
{
    ngx_log_t **log;
    ngx_http_core_loc_conf_t *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    log = logs->elts;

    if (logs->nelts && log[logs->nelts - 1] == clcf->error_log) {
        return NGX_OK;
    }

    log = ngx_array_push(logs);
    if (log == NULL) {
        return NGX_ERROR;
    }

    *log = clcf->error_log;

    return NGX_OK;
}


ngx_int_t
ngx_http_latchkey_guard_logs(ngx_cycle_t *cycle, ngx_array_t *logs)
{
    ngx_log_t **log;
    ngx_uint_t i;
    ngx_listening_t *ls;

    if (ngx_http_latchkey_guard_log(cycle, cycle->log) != NGX_OK) {
        return NGX_ERROR;
    }

    log = logs->elts;

    for (i = 0; i < logs->nelts; i++) {

        if (ngx_http_latchkey_guard_log(cycle, log[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    /* nginx has already copied these; each connection starts with them */

    ls = cycle->listening.elts;

    for (i = 0; i < cycle->listening.nelts; i++) {
        ls[i].log.next = ls[i].logp->next;
        ls[i].log.writer = ls[i].logp->writer;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_latchkey_guard_log(ngx_cycle_t *cycle, ngx_log_t *log)
{
    ngx_log_t *copy;
    ngx_pool_cleanup_t *cln;

    if (log->writer == ngx_http_latchkey_log_writer) {
        return NGX_OK;
    }

    copy = ngx_palloc(cycle->pool, sizeof(ngx_log_t));
    cln = ngx_pool_cleanup_add(cycle->pool, 0);

    if (copy == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    *copy = *log;

    /* the pool still uses its log when the module is unloaded */

    cln->handler = ngx_http_latchkey_unguard_log;
    cln->data = log;

    log->next = copy;
    log->writer = ngx_http_latchkey_log_writer;

    return NGX_OK;
}


static void
ngx_http_latchkey_unguard_log(void *data)
{
    ngx_log_t *log = data;

    log->writer = log->next->writer;
    log->next = log->next->next;
}


/* The buffer is the caller's; the next writer of the log gets it redacted. */

static void
ngx_http_latchkey_log_writer(ngx_log_t *log, ngx_uint_t level, u_char *buf,
    size_t len)
{
    ngx_http_latchkey_redact(buf, len);
}


/* The first handler of the LOG phase. */

ngx_int_t
ngx_http_latchkey_log_handler(ngx_http_request_t *r)
{
    /*
     * Most requests are too short to hold a key.  A line that could not be
     * parsed has length 0, which counts as long here.
     */

    if (r->request_line.len - 1 < NGX_HTTP_LATCHKEY_FORM_MIN - 1
        && (r->uri.len | r->args.len) < NGX_HTTP_LATCHKEY_FORM_MIN
        && r->headers_in.referer == NULL)
    {
        return NGX_OK;
    }

    ngx_http_latchkey_redact_request(r);
    ngx_http_latchkey_redact_referer(r);

    return NGX_OK;
}


static void
ngx_http_latchkey_redact_request(ngx_http_request_t *r)
{
    ngx_str_t *line;

    line = &r->request_line;

    if (line->data == NULL && r->request_start && r->header_in) {

        /* it could not be parsed, but nginx logs it all the same */

        ngx_http_latchkey_redact(r->request_start,
            r->header_in->last - r->request_start);
        return;
    }

    if (r != r->main) {

        /* the main request continues and still needs the shared text */

        ngx_http_latchkey_redact_copy(r->pool, line);
        ngx_http_latchkey_redact_copy(r->pool, &r->unparsed_uri);

    } else {

        /* in place, because cached variables point to it */

        ngx_http_latchkey_redact(line->data, line->len);

        if (!ngx_http_latchkey_is_within(&r->unparsed_uri, line)) {
            ngx_http_latchkey_redact(r->unparsed_uri.data, r->unparsed_uri.len);
        }
    }

    /* these may point into the configuration */

    if (!ngx_http_latchkey_is_within(&r->args, line)) {
        ngx_http_latchkey_redact_copy(r->pool, &r->args);
    }

    if (!ngx_http_latchkey_is_within(&r->uri, line)) {
        ngx_http_latchkey_redact_copy(r->pool, &r->uri);
    }
}


static ngx_uint_t
ngx_http_latchkey_is_within(ngx_str_t *text, ngx_str_t *whole)
{
    return text->data >= whole->data
        && text->data + text->len <= whole->data + whole->len;
}


/* The address of the page before; its key is of no use to the application. */

static void
ngx_http_latchkey_redact_referer(ngx_http_request_t *r)
{
    ngx_table_elt_t *h;

    h = r->headers_in.referer;

    while (h) {
        ngx_http_latchkey_redact(h->value.data, h->value.len);

#if (nginx_version >= 1023000)
        h = h->next;
#else
        break;
#endif
    }
}
