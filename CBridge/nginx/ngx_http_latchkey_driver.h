
/*
 * What drives a worker: its start, its turns and its exit.
 *
 * Owner:     the worker struct is allocated in the pool of its cycle, and
 *            main_conf.worker points to it.
 * Lifetime:  from init_worker() to exit_worker(), both in the worker process.
 * NULL:      pointers are not NULL.
 * Thread:    the only thread of the worker.
 */

#ifndef _NGX_HTTP_LATCHKEY_DRIVER_H_INCLUDED_
#define _NGX_HTTP_LATCHKEY_DRIVER_H_INCLUDED_


#include "ngx_http_latchkey_conf.h"


ngx_int_t ngx_http_latchkey_init_worker(ngx_cycle_t *cycle,
    ngx_http_latchkey_main_conf_t *lmcf);
void ngx_http_latchkey_exit_worker(ngx_http_latchkey_worker_t *worker);


#endif /* _NGX_HTTP_LATCHKEY_DRIVER_H_INCLUDED_ */
