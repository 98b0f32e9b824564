
/*
 * What has been counted, in memory that all workers share and that a reload
 * takes over.
 */

#ifndef _NGX_HTTP_LATCHKEY_METRICS_H_INCLUDED_
#define _NGX_HTTP_LATCHKEY_METRICS_H_INCLUDED_


#include "ngx_http_latchkey.h"


#define NGX_HTTP_LATCHKEY_RESULTS (LATCHKEY_UNAVAILABLE + 1)
#define NGX_HTTP_LATCHKEY_SOURCES (LATCHKEY_SOURCE_GRACE + 1)

/* The numbers at the start of latchkey_metrics that are only ever added to. */
#define NGX_HTTP_LATCHKEY_COUNTERS \
    (offsetof(latchkey_metrics, cache_records) / sizeof(uint64_t))

/* Workers whose state can be shown; more are counted all the same. */
#define NGX_HTTP_LATCHKEY_WORKERS_MAX 128


/* How a worker stands. */

typedef struct {
    ngx_pid_t pid;
    uint64_t lease_ns; /* that it may still trust what it knows */
} ngx_http_latchkey_standing_t;


/* All workers together. */

typedef struct {
    uint64_t checks[NGX_HTTP_LATCHKEY_RESULTS][NGX_HTTP_LATCHKEY_SOURCES];
    latchkey_metrics metrics; /* sums; of trusted_until_ns there is none */

    ngx_uint_t nworkers;
    ngx_http_latchkey_standing_t workers[NGX_HTTP_LATCHKEY_WORKERS_MAX];
} ngx_http_latchkey_summary_t;


void ngx_http_latchkey_sum_up(ngx_shm_zone_t *zone,
    ngx_http_latchkey_summary_t *summary);
ngx_int_t ngx_http_latchkey_metrics_text(ngx_pool_t *pool,
    const ngx_http_latchkey_summary_t *summary, ngx_str_t *text);


#endif /* _NGX_HTTP_LATCHKEY_METRICS_H_INCLUDED_ */
