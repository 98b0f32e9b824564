
/*
 * The top of the module: what nginx calls.
 *
 *   directive  the table of directives
 *   driver     what drives a worker: its start, its turns and its exit
 *
 * Owner:     the table is a constant of nginx's own form; the worker struct is
 *            allocated in the pool of its cycle, and main_conf.worker points to it.
 * Lifetime:  that of the module; of a worker, from init_worker() to exit_worker(),
 *            both in the worker process.
 * NULL:      pointers are not NULL; the table's last entry is ngx_null_command.
 * Thread:    the master reads the table while it reads the configuration; the
 *            driver runs in the only thread of the worker.
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
