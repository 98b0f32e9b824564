
/*
 * What keeps keys and the pepper where they belong.
 *
 *   log     no key in nginx's logs
 *   redact  keys, recognized by their form, made unreadable
 *   dump    no pepper for other processes and in core dumps
 *
 * Owner:     the texts and logs that are passed in stay the caller's.
 * Lifetime:  a guarded log is restored when the pool of its cycle ends.
 * NULL:      pointers are not NULL, except where a comment allows it.
 * Thread:    the only thread of the process.
 */

#ifndef _NGX_HTTP_LATCHKEY_SECRECY_H_INCLUDED_
#define _NGX_HTTP_LATCHKEY_SECRECY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/* log */

ngx_int_t ngx_http_latchkey_collect_log(ngx_conf_t *cf, ngx_array_t *logs);
ngx_int_t ngx_http_latchkey_guard_logs(ngx_cycle_t *cycle, ngx_array_t *logs);
ngx_int_t ngx_http_latchkey_log_handler(ngx_http_request_t *r);


/* redact */

/* the shortest text that holds a key's locator and secret, each after a "_" */
#define NGX_HTTP_LATCHKEY_FORM_MIN 48

void ngx_http_latchkey_redact(u_char *p, size_t len);
void ngx_http_latchkey_redact_copy(ngx_pool_t *pool, ngx_str_t *text);


/* dump */

void ngx_http_latchkey_forbid_dumps(ngx_log_t *log);
void ngx_http_latchkey_warn_of_cores(ngx_cycle_t *cycle);


#endif /* _NGX_HTTP_LATCHKEY_SECRECY_H_INCLUDED_ */
