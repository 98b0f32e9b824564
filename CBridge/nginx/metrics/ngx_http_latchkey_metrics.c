
/*
 * Counters in shared memory.  Each check adds to one of them at once; what the
 * gateway counts is added many times a second.  Workers add to blocks of their
 * own, so that they do not wait for each other's cache lines; a reader sums up
 * the blocks.
 */

#include "ngx_http_latchkey_metrics.h"


/* To be raised whenever the shared structures change. */
#define NGX_HTTP_LATCHKEY_LAYOUT 3

#define NGX_HTTP_LATCHKEY_BLOCKS 16

/* How often the metrics of an idle and of a busy gateway are published, in ms. */
#define NGX_HTTP_LATCHKEY_PUBLISH_IDLE 250
#define NGX_HTTP_LATCHKEY_PUBLISH_BUSY 10

/* A worker that has published nothing for this long is gone, or hangs. */
#define NGX_HTTP_LATCHKEY_STALE_NS 5000000000

#define NGX_HTTP_LATCHKEY_CACHE_LINE 64


typedef struct {
    ngx_atomic_t checks[NGX_HTTP_LATCHKEY_RESULTS][NGX_HTTP_LATCHKEY_SOURCES];
    ngx_atomic_t counters[NGX_HTTP_LATCHKEY_COUNTERS];
} __attribute__((aligned(NGX_HTTP_LATCHKEY_CACHE_LINE)))
ngx_http_latchkey_block_t;


typedef struct {
    ngx_atomic_t pid; /* 0: free */
    volatile uint64_t updated_ns;
    volatile uint64_t cache_records;
    volatile uint64_t streams_open;
    volatile uint64_t trusted_until_ns;
    volatile uint64_t attested_until_ns;
    volatile uint64_t sentinels;
    volatile uint64_t sentinels_connected;
    volatile uint64_t cluster;
    volatile uint64_t primaries_connected;
} __attribute__((aligned(NGX_HTTP_LATCHKEY_CACHE_LINE)))
ngx_http_latchkey_slot_t;


typedef struct {
    ngx_uint_t layout;
    ngx_http_latchkey_block_t blocks[NGX_HTTP_LATCHKEY_BLOCKS];
    ngx_http_latchkey_slot_t slots[NGX_HTTP_LATCHKEY_WORKERS_MAX];
} ngx_http_latchkey_shared_t;


/* How a process adds to what is shared. */

typedef struct {
    ngx_http_latchkey_worker_t *worker; /* NULL: no key can be checked */
    ngx_http_latchkey_shared_t *shared; /* NULL: the process checks no keys */
    ngx_http_latchkey_block_t *block;
    ngx_http_latchkey_slot_t *slot; /* NULL: all are in use */

    latchkey_metrics published;
    ngx_msec_t published_at;

    ngx_event_t timer;
    ngx_connection_t dumb; /* the timer's data: debug logs read its fd */
} ngx_http_latchkey_publisher_t;


static ngx_int_t ngx_http_latchkey_init_zone(ngx_shm_zone_t *zone, void *data);
static void ngx_http_latchkey_publish_handler(ngx_event_t *ev);
static void ngx_http_latchkey_add_counters(const latchkey_metrics *metrics);
static void ngx_http_latchkey_update_slot(const latchkey_metrics *metrics);
static ngx_http_latchkey_slot_t *ngx_http_latchkey_claim_slot(uint64_t now);
static ngx_uint_t ngx_http_latchkey_is_stale(ngx_http_latchkey_slot_t *slot,
    uint64_t now);
static uint64_t ngx_http_latchkey_span(uint64_t now, uint64_t until);
static void ngx_http_latchkey_add_state(ngx_http_latchkey_slot_t *slot,
    uint64_t now, ngx_http_latchkey_summary_t *summary);


/* Of this process; all zero in one that checks no keys. */

static ngx_http_latchkey_publisher_t ngx_http_latchkey_publisher;


ngx_int_t
ngx_http_latchkey_add_zone(ngx_conf_t *cf, ngx_http_latchkey_main_conf_t *lmcf)
{
    size_t size;

    static ngx_str_t name = ngx_string("latchkey");

    /* room for nginx's own tables, and for old and new data side by side */

    size = ngx_align(sizeof(ngx_http_latchkey_shared_t), ngx_pagesize);
    size = 8 * ngx_pagesize + 2 * size;

    lmcf->zone = ngx_shared_memory_add(cf, &name, size,
        &ngx_http_latchkey_module);

    if (lmcf->zone == NULL) {
        return NGX_ERROR;
    }

    lmcf->zone->init = ngx_http_latchkey_init_zone;

    return NGX_OK;
}


/* After a reload, data is what the old workers still add to. */

static ngx_int_t
ngx_http_latchkey_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t *pool;
    ngx_http_latchkey_shared_t *shared;

    pool = (ngx_slab_pool_t *) zone->shm.addr;

    shared = (zone->shm.exists && data == NULL) ? pool->data : data;

    if (shared == NULL || shared->layout != NGX_HTTP_LATCHKEY_LAYOUT) {

        shared = ngx_slab_calloc(pool, sizeof(ngx_http_latchkey_shared_t));
        if (shared == NULL) {
            return NGX_ERROR;
        }

        shared->layout = NGX_HTTP_LATCHKEY_LAYOUT;
        pool->data = shared;
    }

    zone->data = shared;

    return NGX_OK;
}


void
ngx_http_latchkey_init_metrics(ngx_cycle_t *cycle,
    ngx_http_latchkey_main_conf_t *lmcf)
{
    ngx_http_latchkey_publisher_t *p = &ngx_http_latchkey_publisher;

    p->worker = lmcf->worker;
    p->shared = lmcf->zone->data;
    p->block = &p->shared->blocks[ngx_worker % NGX_HTTP_LATCHKEY_BLOCKS];

    p->dumb.fd = (ngx_socket_t) -1;

    p->timer.data = &p->dumb;
    p->timer.log = cycle->log;
    p->timer.handler = ngx_http_latchkey_publish_handler;
    p->timer.cancelable = 1;

    ngx_http_latchkey_publish_handler(&p->timer);
}


void
ngx_http_latchkey_exit_metrics(void)
{
    ngx_http_latchkey_publisher_t *p = &ngx_http_latchkey_publisher;

    if (p->timer.timer_set) {
        ngx_del_timer(&p->timer);
    }

    if (p->slot) {
        (void) ngx_atomic_cmp_set(&p->slot->pid, (ngx_atomic_uint_t) ngx_pid,
            0);
        p->slot = NULL;
    }
}


void
ngx_http_latchkey_count_check(const latchkey_decision *decision)
{
    ngx_atomic_t *counter;

    counter = &ngx_http_latchkey_publisher.block
                   ->checks[decision->result][decision->source];

    (void) ngx_atomic_fetch_add(counter, 1);
}


static void
ngx_http_latchkey_publish_handler(ngx_event_t *ev)
{
    ngx_http_latchkey_publish_metrics();

    ngx_add_timer(ev, NGX_HTTP_LATCHKEY_PUBLISH_IDLE);
}


/* The gateway has been driven: its lease may have been renewed. */

void
ngx_http_latchkey_refresh_metrics(void)
{
    if (ngx_current_msec - ngx_http_latchkey_publisher.published_at
        >= NGX_HTTP_LATCHKEY_PUBLISH_BUSY)
    {
        ngx_http_latchkey_publish_metrics();
    }
}


/* Adds what the gateway of this process has counted since the last time. */

void
ngx_http_latchkey_publish_metrics(void)
{
    latchkey_metrics metrics;
    ngx_http_latchkey_worker_t *worker;
    ngx_http_latchkey_publisher_t *p = &ngx_http_latchkey_publisher;

    if (p->shared == NULL) {
        return;
    }

    p->published_at = ngx_current_msec;

    ngx_memzero(&metrics, sizeof(latchkey_metrics));

    worker = p->worker;

    if (worker && worker->gateway) {
        worker->library.metrics_read(worker->gateway, &metrics);
        ngx_http_latchkey_add_counters(&metrics);
    }

    ngx_http_latchkey_update_slot(&metrics);
}


static void
ngx_http_latchkey_add_counters(const latchkey_metrics *metrics)
{
    uint64_t difference;
    ngx_uint_t i;
    const uint64_t *now, *before;
    ngx_http_latchkey_publisher_t *p = &ngx_http_latchkey_publisher;

    now = (const uint64_t *) metrics;
    before = (const uint64_t *) &p->published;

    for (i = 0; i < NGX_HTTP_LATCHKEY_COUNTERS; i++) {
        difference = now[i] - before[i];

        if (difference) {
            (void) ngx_atomic_fetch_add(&p->block->counters[i],
                (ngx_atomic_int_t) difference);
        }
    }

    p->published = *metrics;
}


static void
ngx_http_latchkey_update_slot(const latchkey_metrics *metrics)
{
    uint64_t now;
    ngx_http_latchkey_slot_t *slot;

    now = ngx_http_latchkey_now().boottime_ns;
    slot = ngx_http_latchkey_publisher.slot;

    /* while this process was stopped, another may have claimed it */

    if (slot == NULL || slot->pid != (ngx_atomic_uint_t) ngx_pid) {
        slot = ngx_http_latchkey_claim_slot(now);
        ngx_http_latchkey_publisher.slot = slot;
    }

    if (slot == NULL) {
        return;
    }

    slot->cache_records = metrics->cache_records;
    slot->streams_open = metrics->streams_open;
    slot->trusted_until_ns = metrics->trusted_until_ns;
    slot->attested_until_ns = metrics->attested_until_ns;
    slot->sentinels = metrics->sentinels;
    slot->sentinels_connected = metrics->sentinels_connected;
    slot->cluster = metrics->cluster;
    slot->primaries_connected = metrics->primaries_connected;
    slot->updated_ns = now;
}


static ngx_http_latchkey_slot_t *
ngx_http_latchkey_claim_slot(uint64_t now)
{
    ngx_uint_t i;
    ngx_atomic_uint_t pid;
    ngx_http_latchkey_slot_t *slot;

    for (i = 0; i < NGX_HTTP_LATCHKEY_WORKERS_MAX; i++) {
        slot = &ngx_http_latchkey_publisher.shared->slots[i];
        pid = slot->pid;

        if (pid != 0 && !ngx_http_latchkey_is_stale(slot, now)) {
            continue;
        }

        if (ngx_atomic_cmp_set(&slot->pid, pid, (ngx_atomic_uint_t) ngx_pid)) {
            return slot;
        }
    }

    return NULL;
}


static ngx_uint_t
ngx_http_latchkey_is_stale(ngx_http_latchkey_slot_t *slot, uint64_t now)
{
    uint64_t updated;

    updated = slot->updated_ns;

    return updated < now && now - updated > NGX_HTTP_LATCHKEY_STALE_NS;
}


void
ngx_http_latchkey_sum_up(ngx_shm_zone_t *zone,
    ngx_http_latchkey_summary_t *summary)
{
    uint64_t now, *counters;
    ngx_uint_t i, n, result, source;
    ngx_http_latchkey_block_t *block;
    ngx_http_latchkey_shared_t *shared;

    ngx_memzero(summary, sizeof(ngx_http_latchkey_summary_t));

    shared = zone->data;
    counters = (uint64_t *) &summary->metrics;

    for (i = 0; i < NGX_HTTP_LATCHKEY_BLOCKS; i++) {
        block = &shared->blocks[i];

        for (result = 0; result < NGX_HTTP_LATCHKEY_RESULTS; result++) {
            for (source = 0; source < NGX_HTTP_LATCHKEY_SOURCES; source++) {
                summary->checks[result][source] +=
                    block->checks[result][source];
            }
        }

        for (n = 0; n < NGX_HTTP_LATCHKEY_COUNTERS; n++) {
            counters[n] += block->counters[n];
        }
    }

    now = ngx_http_latchkey_now().boottime_ns;

    for (i = 0; i < NGX_HTTP_LATCHKEY_WORKERS_MAX; i++) {
        ngx_http_latchkey_add_state(&shared->slots[i], now, summary);
    }
}


static uint64_t
ngx_http_latchkey_span(uint64_t now, uint64_t until)
{
    return (until > now) ? until - now : 0;
}


static void
ngx_http_latchkey_add_state(ngx_http_latchkey_slot_t *slot, uint64_t now,
    ngx_http_latchkey_summary_t *summary)
{
    ngx_http_latchkey_worker_state_t *state;

    if (slot->pid == 0 || ngx_http_latchkey_is_stale(slot, now)) {
        return;
    }

    state = &summary->workers[summary->nworkers++];
    state->pid = (ngx_pid_t) slot->pid;
    state->lease_ns = ngx_http_latchkey_span(now, slot->trusted_until_ns);
    state->attestation_ns = ngx_http_latchkey_span(now, slot->attested_until_ns);
    state->sentinels = slot->sentinels_connected;
    state->primaries = slot->primaries_connected;

    if (slot->sentinels) {
        summary->sentinels = 1;
    }

    if (slot->cluster) {
        summary->cluster = 1;
    }

    summary->metrics.cache_records += slot->cache_records;
    summary->metrics.streams_open += slot->streams_open;
}
