
/*
 * Metrics, in memory that all workers share and that a reload takes over.
 *
 *   metrics       counters added to, published and summed up
 *   metrics_text  latchkey_metrics: their sums as Prometheus reads them
 *
 * Owner:     the zone belongs to nginx's master; each worker adds to a block of
 *            counters and publishes its state in a slot of its own.
 * Lifetime:  counters last as long as the master, a slot as long as its worker.
 * NULL:      pointers are not NULL, except where a comment allows it.
 * Thread:    counters are atomic, because processes share them; the rest is used
 *            by the only thread of the worker.
 */

#ifndef _NGX_HTTP_LATCHKEY_METRICS_H_INCLUDED_
#define _NGX_HTTP_LATCHKEY_METRICS_H_INCLUDED_


#include "ngx_http_latchkey_conf.h"


#define NGX_HTTP_LATCHKEY_RESULTS (LATCHKEY_UNAVAILABLE + 1)
#define NGX_HTTP_LATCHKEY_SOURCES (LATCHKEY_SOURCE_GRACE + 1)

/* The numbers at the start of latchkey_metrics that are only ever added to. */
#define NGX_HTTP_LATCHKEY_COUNTERS \
    (offsetof(latchkey_metrics, cache_records) / sizeof(uint64_t))

/* Workers whose state can be shown; more are counted all the same. */
#define NGX_HTTP_LATCHKEY_WORKERS_MAX 128


typedef struct {
    ngx_pid_t pid;
    uint64_t lease_ns;       /* for which it may still trust its cache */
    uint64_t attestation_ns; /* for which the primary is still attested */
    uint64_t sentinels;      /* that it is connected to */
    uint64_t primaries;      /* of a cluster, that it is connected to */
} ngx_http_latchkey_worker_state_t;


/* All workers together. */

typedef struct {
    uint64_t checks[NGX_HTTP_LATCHKEY_RESULTS][NGX_HTTP_LATCHKEY_SOURCES];
    latchkey_metrics metrics; /* sums; what follows streams_open stays 0 */
    ngx_uint_t sentinels;     /* whether workers ask any */
    ngx_uint_t cluster;       /* whether they use one */

    ngx_uint_t nworkers;
    ngx_http_latchkey_worker_state_t workers[NGX_HTTP_LATCHKEY_WORKERS_MAX];
} ngx_http_latchkey_summary_t;


/* metrics */

ngx_int_t ngx_http_latchkey_add_zone(ngx_conf_t *cf,
    ngx_http_latchkey_main_conf_t *lmcf);
void ngx_http_latchkey_init_metrics(ngx_cycle_t *cycle,
    ngx_http_latchkey_main_conf_t *lmcf);
void ngx_http_latchkey_exit_metrics(void);
void ngx_http_latchkey_count_check(const latchkey_decision *decision);
void ngx_http_latchkey_refresh_metrics(void);
void ngx_http_latchkey_publish_metrics(void);
void ngx_http_latchkey_sum_up(ngx_shm_zone_t *zone,
    ngx_http_latchkey_summary_t *summary);


/* metrics_text */

char *ngx_http_latchkey_set_metrics(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);


#endif /* _NGX_HTTP_LATCHKEY_METRICS_H_INCLUDED_ */
