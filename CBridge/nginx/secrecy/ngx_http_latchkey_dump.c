
/*
 * Keeps the memory of a process that holds the pepper from other processes of
 * its account, and out of core dumps.
 */

#include "ngx_http_latchkey_secrecy.h"

#include <sys/prctl.h>


/*
 * Any process of the same account may read the memory of a dumpable process,
 * through ptrace and /proc/PID/mem.  nginx makes each worker dumpable just before
 * it calls init_process, so this is called twice: before the pepper is read, and
 * in each process that nginx starts.
 */

void
ngx_http_latchkey_forbid_dumps(ngx_log_t *log)
{
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1) {
        ngx_log_error(NGX_LOG_ALERT, log, ngx_errno,
            "latchkey: prctl(PR_SET_DUMPABLE) failed");
    }
}


void
ngx_http_latchkey_warn_of_cores(ngx_cycle_t *cycle)
{
    ngx_core_conf_t *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cycle->conf_ctx, ngx_core_module);

    if (ccf->rlimit_core > 0) {
        ngx_log_error(NGX_LOG_WARN, cycle->log, 0,
            "\"worker_rlimit_core\" has no effect: "
            "a core dump would hold the pepper");
    }
}
