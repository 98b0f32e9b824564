
/*
 * Latchkey for nginx.  Each room has a header, which says what stands in it;
 * a room uses only those below it:
 *
 *   module, directive, driver   what nginx calls: phases, directives, a
 *                               worker's start, turns and exit
 *   request   the way of a request: key found, checked, admitted or refused
 *   metrics   counters in memory that all workers share, and their text
 *   answer    the answer to a refused request
 *   conf      the configuration, and what it is checked for
 *   store     a worker's gateway and its connections to the store
 *   secrecy   no key in logs, no pepper in dumps
 *
 * Owner:     a worker struct is allocated in the pool of its cycle.
 * Lifetime:  from init_worker() to exit_worker(), both in the worker process.
 * NULL:      no pointer here is NULL.
 * Thread:    the only thread of the process.
 */

#ifndef _NGX_HTTP_LATCHKEY_MODULE_H_INCLUDED_
#define _NGX_HTTP_LATCHKEY_MODULE_H_INCLUDED_


#include "ngx_http_latchkey_conf.h"


/* directive */

extern ngx_command_t ngx_http_latchkey_commands[];


/* driver */

ngx_int_t ngx_http_latchkey_init_worker(ngx_cycle_t *cycle,
    ngx_http_latchkey_main_conf_t *lmcf);
void ngx_http_latchkey_exit_worker(ngx_http_latchkey_worker_t *worker);


#endif /* _NGX_HTTP_LATCHKEY_MODULE_H_INCLUDED_ */
