
/*
 * latchkey_metrics: the metrics as Prometheus reads them (text format 0.0.4).
 * They name no key and no organization.
 */

#include "ngx_http_latchkey_metrics.h"
#include "ngx_http_latchkey_answer.h"


/* Enough for everything but the workers, and for one worker. */
#define NGX_HTTP_LATCHKEY_TEXT_SIZE        16384
#define NGX_HTTP_LATCHKEY_TEXT_WORKER_SIZE 256


/* A number of latchkey_metrics; only the first of a name has a help. */

typedef struct {
    const char *name;
    const char *type;
    const char *help;
    const char *labels;
    size_t offset;
} ngx_http_latchkey_series_t;


typedef struct {
    u_char *pos;
    u_char *last;
} ngx_http_latchkey_text_t;


static ngx_int_t ngx_http_latchkey_metrics_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_latchkey_metrics_text(ngx_pool_t *pool,
    const ngx_http_latchkey_summary_t *summary, ngx_str_t *text);
static void ngx_http_latchkey_write_family(ngx_http_latchkey_text_t *text,
    const char *name, const char *type, const char *help);
static void ngx_http_latchkey_write_checks(ngx_http_latchkey_text_t *text,
    const ngx_http_latchkey_summary_t *summary);
static void ngx_http_latchkey_write_series(ngx_http_latchkey_text_t *text,
    const latchkey_metrics *metrics);
static void ngx_http_latchkey_write_histogram(ngx_http_latchkey_text_t *text,
    const char *name, const char *help, const latchkey_histogram *histogram);
static void ngx_http_latchkey_write_workers(ngx_http_latchkey_text_t *text,
    const ngx_http_latchkey_summary_t *summary);
static void ngx_http_latchkey_write_times(ngx_http_latchkey_text_t *text,
    const ngx_http_latchkey_summary_t *summary, const char *name,
    const char *help, size_t offset);
static void ngx_http_latchkey_write_connected(ngx_http_latchkey_text_t *text,
    const ngx_http_latchkey_summary_t *summary);
static void ngx_http_latchkey_write_seconds(ngx_http_latchkey_text_t *text,
    uint64_t ns);


#define ngx_http_latchkey_write(text, ...) \
    (text)->pos = ngx_slprintf((text)->pos, (text)->last, __VA_ARGS__)


#define ngx_http_latchkey_series(name, type, help, labels, field) \
    {                                                             \
        name, type, help, labels,                                 \
            offsetof(latchkey_metrics, field)                     \
    }


static const ngx_http_latchkey_series_t ngx_http_latchkey_all_series[] = {

    ngx_http_latchkey_series("latchkey_store_reads_total", "counter",
        "Records read from the store.", "", store_reads),

    ngx_http_latchkey_series("latchkey_store_connections_total", "counter",
        "Connections made to the store.", "{link=\"data\"}",
        data_connections),
    ngx_http_latchkey_series("latchkey_store_connections_total", NULL,
        NULL, "{link=\"invalidation\"}", invalidation_connections),

    ngx_http_latchkey_series("latchkey_store_losses_total", "counter",
        "Connections to the store lost.", "{link=\"data\"}",
        data_losses),
    ngx_http_latchkey_series("latchkey_store_losses_total", NULL,
        NULL, "{link=\"invalidation\"}", invalidation_losses),

    ngx_http_latchkey_series("latchkey_invalidations_total", "counter",
        "Records invalidated by the store.", "",
        invalidations),

    ngx_http_latchkey_series("latchkey_flushes_total", "counter",
        "Times the whole cache was invalidated.", "",
        flushes),

    ngx_http_latchkey_series("latchkey_barriers_acknowledged_total", "counter",
        "Changes that a worker has acknowledged.", "", barriers_acknowledged),

    ngx_http_latchkey_series("latchkey_cache_evictions_total", "counter",
        "Records evicted from the cache to make room.", "", cache_evictions),

    ngx_http_latchkey_series("latchkey_streams_ended_total", "counter",
        "Open requests ended because their key was no longer valid.", "",
        streams_ended),

    ngx_http_latchkey_series("latchkey_primary_changes_total", "counter",
        "Times another server became the primary.", "", primary_changes),

    ngx_http_latchkey_series("latchkey_map_changes_total", "counter",
        "Times slots of a cluster moved, or one of its primaries changed.", "",
        map_changes),

    ngx_http_latchkey_series("latchkey_cache_records", "gauge",
        "Records in the cache.", "", cache_records),

    ngx_http_latchkey_series("latchkey_streams_open", "gauge",
        "Open requests that end with their key.", "",
        streams_open),

    { NULL, NULL, NULL, NULL, 0 }
};


char *
ngx_http_latchkey_set_metrics(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_latchkey_main_conf_t *lmcf = conf;

    ngx_http_core_loc_conf_t *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler == ngx_http_latchkey_metrics_handler) {
        return "is duplicate";
    }

    clcf->handler = ngx_http_latchkey_metrics_handler;

    lmcf->metrics = 1;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_latchkey_metrics_handler(ngx_http_request_t *r)
{
    ngx_http_complex_value_t cv;
    ngx_http_latchkey_summary_t summary;
    ngx_http_latchkey_main_conf_t *lmcf;

    static ngx_str_t type =
        ngx_string("text/plain; version=0.0.4; charset=utf-8");

    if (!(r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD))) {
        return NGX_HTTP_NOT_ALLOWED;
    }

    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
        "latchkey metrics handler");

    lmcf = ngx_http_get_module_main_conf(r, ngx_http_latchkey_module);

    ngx_http_latchkey_publish_metrics();
    ngx_http_latchkey_sum_up(lmcf->zone, &summary);

    ngx_memzero(&cv, sizeof(ngx_http_complex_value_t));

    if (ngx_http_latchkey_metrics_text(r->pool, &summary, &cv.value) != NGX_OK
        || ngx_http_latchkey_push_header(r, "Cache-Control", "no-store")
            == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_send_response(r, NGX_HTTP_OK, &type, &cv);
}


static ngx_int_t
ngx_http_latchkey_metrics_text(ngx_pool_t *pool,
    const ngx_http_latchkey_summary_t *summary, ngx_str_t *value)
{
    size_t size;
    ngx_http_latchkey_text_t text;

    size = NGX_HTTP_LATCHKEY_TEXT_SIZE
        + summary->nworkers * NGX_HTTP_LATCHKEY_TEXT_WORKER_SIZE;

    value->data = ngx_pnalloc(pool, size);
    if (value->data == NULL) {
        return NGX_ERROR;
    }

    text.pos = value->data;
    text.last = value->data + size;

    ngx_http_latchkey_write_checks(&text, summary);

    ngx_http_latchkey_write_histogram(&text, "latchkey_store_wait_seconds",
        "Time that checks waited for the store.",
        &summary->metrics.store_wait);

    ngx_http_latchkey_write_histogram(&text, "latchkey_change_delay_seconds",
        "Time from a change to its acknowledgement by a worker.",
        &summary->metrics.change_delay);

    ngx_http_latchkey_write_series(&text, &summary->metrics);
    ngx_http_latchkey_write_workers(&text, summary);

    if (summary->sentinels || summary->cluster) {
        ngx_http_latchkey_write_times(&text, summary,
            "latchkey_attestation_seconds",
            "Time for which the primary remains attested.",
            offsetof(ngx_http_latchkey_worker_state_t, attestation_ns));

        ngx_http_latchkey_write_connected(&text, summary);
    }

    value->len = text.pos - value->data;

    return NGX_OK;
}


static void
ngx_http_latchkey_write_family(ngx_http_latchkey_text_t *text,
    const char *name, const char *type, const char *help)
{
    ngx_http_latchkey_write(text, "# HELP %s %s\n# TYPE %s %s\n",
        name, help, name, type);
}


/*
 * A series that may appear is written from the start, as only then its first
 * count is an increase.
 */

static void
ngx_http_latchkey_write_checks(ngx_http_latchkey_text_t *text,
    const ngx_http_latchkey_summary_t *summary)
{
    uint64_t count;
    ngx_str_t name;
    ngx_uint_t result, source, by_record;

    static ngx_str_t none = ngx_string("none");

    ngx_http_latchkey_write_family(text, "latchkey_checks_total", "counter",
        "Checks, by result and by the source of the record that decided.");

    for (result = 0; result < NGX_HTTP_LATCHKEY_RESULTS; result++) {

        by_record = (result == LATCHKEY_ALLOWED || result == LATCHKEY_REVOKED
            || result == LATCHKEY_EXPIRED);

        for (source = 0; source < NGX_HTTP_LATCHKEY_SOURCES; source++) {
            count = summary->checks[result][source];

            if (count == 0
                && by_record == (source == LATCHKEY_SOURCE_NONE))
            {
                continue;
            }

            name = (source == LATCHKEY_SOURCE_NONE)
                ? none
                : ngx_http_latchkey_source_names[source];

            ngx_http_latchkey_write(text,
                "latchkey_checks_total{result=\"%V\",source=\"%V\"} %uL\n",
                &ngx_http_latchkey_result_names[result], &name, count);
        }
    }
}


static void
ngx_http_latchkey_write_series(ngx_http_latchkey_text_t *text,
    const latchkey_metrics *metrics)
{
    const uint64_t *value;
    const ngx_http_latchkey_series_t *series;

    for (series = ngx_http_latchkey_all_series; series->name; series++) {

        if (series->help) {
            ngx_http_latchkey_write_family(text, series->name, series->type,
                series->help);
        }

        value = (const uint64_t *) ((const u_char *) metrics + series->offset);

        ngx_http_latchkey_write(text, "%s%s %uL\n",
            series->name, series->labels, *value);
    }
}


static void
ngx_http_latchkey_write_histogram(ngx_http_latchkey_text_t *text,
    const char *name, const char *help, const latchkey_histogram *histogram)
{
    uint64_t bound, count;
    ngx_uint_t i;

    /* see latchkey_histogram: 1, 2, 5, 10, ... */

    static const ngx_uint_t steps[] = { 1, 2, 5 };

    ngx_http_latchkey_write_family(text, name, "histogram", help);

    bound = 100000;
    count = 0;

    for (i = 0; i < LATCHKEY_HISTOGRAM_BUCKETS - 1; i++) {

        if (i > 0 && i % 3 == 0) {
            bound *= 10;
        }

        count += histogram->counts[i];

        ngx_http_latchkey_write(text, "%s_bucket{le=\"", name);
        ngx_http_latchkey_write_seconds(text, bound * steps[i % 3]);
        ngx_http_latchkey_write(text, "\"} %uL\n", count);
    }

    count += histogram->counts[i];

    ngx_http_latchkey_write(text, "%s_bucket{le=\"+Inf\"} %uL\n%s_sum ",
        name, count, name);
    ngx_http_latchkey_write_seconds(text, histogram->sum_ns);
    ngx_http_latchkey_write(text, "\n%s_count %uL\n", name, count);
}


static void
ngx_http_latchkey_write_workers(ngx_http_latchkey_text_t *text,
    const ngx_http_latchkey_summary_t *summary)
{
    ngx_http_latchkey_write_family(text, "latchkey_workers", "gauge",
        "Workers that check keys.");
    ngx_http_latchkey_write(text, "latchkey_workers %ui\n", summary->nworkers);

    ngx_http_latchkey_write_times(text, summary, "latchkey_lease_seconds",
        "Time for which a worker may still trust its cache.",
        offsetof(ngx_http_latchkey_worker_state_t, lease_ns));
}


/* A number of nanoseconds in the state of each worker. */

static void
ngx_http_latchkey_write_times(ngx_http_latchkey_text_t *text,
    const ngx_http_latchkey_summary_t *summary, const char *name,
    const char *help, size_t offset)
{
    ngx_uint_t i;
    const ngx_http_latchkey_worker_state_t *worker;

    ngx_http_latchkey_write_family(text, name, "gauge", help);

    for (i = 0; i < summary->nworkers; i++) {
        worker = &summary->workers[i];

        ngx_http_latchkey_write(text, "%s{pid=\"%P\"} ", name, worker->pid);
        ngx_http_latchkey_write_seconds(text,
            *(const uint64_t *) ((const u_char *) worker + offset));
        ngx_http_latchkey_write(text, "\n");
    }
}


static void
ngx_http_latchkey_write_connected(ngx_http_latchkey_text_t *text,
    const ngx_http_latchkey_summary_t *summary)
{
    const char *name;
    ngx_uint_t i;

    name = summary->cluster ? "latchkey_primaries_connected"
                            : "latchkey_sentinels_connected";

    ngx_http_latchkey_write_family(text, name, "gauge",
        summary->cluster
            ? "Primaries of the cluster that a worker is connected to."
            : "Sentinels that a worker is connected to.");

    for (i = 0; i < summary->nworkers; i++) {
        ngx_http_latchkey_write(text, "%s{pid=\"%P\"} %uL\n", name,
            summary->workers[i].pid,
            summary->cluster ? summary->workers[i].primaries
                             : summary->workers[i].sentinels);
    }
}


/* The shortest decimal number, as the labels of buckets must be. */

static void
ngx_http_latchkey_write_seconds(ngx_http_latchkey_text_t *text, uint64_t ns)
{
    uint64_t rest;

    rest = ns % 1000000000;

    ngx_http_latchkey_write(text, "%uL", ns / 1000000000);

    if (rest == 0) {
        return;
    }

    ngx_http_latchkey_write(text, ".%09uL", rest);

    while (rest % 10 == 0) {
        rest /= 10;
        text->pos--;
    }
}
