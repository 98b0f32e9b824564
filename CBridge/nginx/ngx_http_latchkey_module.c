
/*
 * Latchkey for nginx: checks API keys in the worker, on its event loop.
 *
 * nginx calls the files at the top: the module with its phases and process
 * hooks, the table of directives, and the driver of a worker's gateway.  Below
 * are folders, each with a header that lists its files.  A folder calls only
 * folders below it:
 *
 *   request  the path of a request: its key found, checked, admitted or refused
 *   metrics  counters in memory that all workers share, and their text
 *   answer   the answer to a refused request
 *   conf     the configuration, and what it is checked for
 *   store    a worker's gateway and its connections to the store
 *   secrecy  no key in logs, no pepper in dumps
 */

#include "ngx_http_latchkey_module.h"
#include "ngx_http_latchkey_metrics.h"
#include "ngx_http_latchkey_ctx.h"
#include "ngx_http_latchkey_secrecy.h"


static void *ngx_http_latchkey_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_latchkey_create_loc_conf(ngx_conf_t *cf);
static char *ngx_http_latchkey_merge_loc_conf(ngx_conf_t *cf, void *parent,
    void *child);
static ngx_int_t ngx_http_latchkey_merge_verify(ngx_conf_t *cf,
    ngx_http_latchkey_loc_conf_t *conf, ngx_http_latchkey_loc_conf_t *prev);
static ngx_int_t ngx_http_latchkey_init(ngx_conf_t *cf);
static ngx_int_t ngx_http_latchkey_add_handlers(ngx_conf_t *cf);
static ngx_int_t ngx_http_latchkey_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_latchkey_init_process(ngx_cycle_t *cycle);
static void ngx_http_latchkey_exit_process(ngx_cycle_t *cycle);


static ngx_http_module_t ngx_http_latchkey_module_ctx = {
    ngx_http_latchkey_add_variables, /* preconfiguration */
    ngx_http_latchkey_init,          /* postconfiguration */

    ngx_http_latchkey_create_main_conf, /* create main configuration */
    NULL,                               /* init main configuration */

    NULL, /* create server configuration */
    NULL, /* merge server configuration */

    ngx_http_latchkey_create_loc_conf, /* create location configuration */
    ngx_http_latchkey_merge_loc_conf   /* merge location configuration */
};


ngx_module_t ngx_http_latchkey_module = {
    NGX_MODULE_V1,
    &ngx_http_latchkey_module_ctx,  /* module context */
    ngx_http_latchkey_commands,     /* module directives */
    NGX_HTTP_MODULE,                /* module type */
    NULL,                           /* init master */
    ngx_http_latchkey_init_module,  /* init module */
    ngx_http_latchkey_init_process, /* init process */
    NULL,                           /* init thread */
    NULL,                           /* exit thread */
    ngx_http_latchkey_exit_process, /* exit process */
    NULL,                           /* exit master */
    NGX_MODULE_V1_PADDING
};


static void *
ngx_http_latchkey_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_latchkey_main_conf_t *lmcf;

    lmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_latchkey_main_conf_t));
    if (lmcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&lmcf->directives, cf->pool, 8,
            sizeof(latchkey_directive))
            != NGX_OK
        || ngx_array_init(&lmcf->places, cf->pool, 8,
               sizeof(ngx_http_latchkey_place_t))
            != NGX_OK
        || ngx_array_init(&lmcf->endpoints, cf->pool, 1,
               sizeof(ngx_http_latchkey_endpoint_t))
            != NGX_OK
        || ngx_array_init(&lmcf->logs, cf->pool, 8, sizeof(ngx_log_t *))
            != NGX_OK)
    {
        return NULL;
    }

    lmcf->library = ngx_http_latchkey_default_library;

    return lmcf;
}


static void *
ngx_http_latchkey_create_loc_conf(ngx_conf_t *cf)
{
    ngx_http_latchkey_loc_conf_t *llcf;

    llcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_latchkey_loc_conf_t));
    if (llcf == NULL) {
        return NULL;
    }

    /*
     * set by ngx_pcalloc():
     *
     *     llcf->variable = NULL;
     *     llcf->place = { { 0, NULL }, 0 };
     *     llcf->verify_place = { { 0, NULL }, 0 };
     *     llcf->realm = { 0, NULL };
     *     llcf->verify = 0;
     *     llcf->checked = 0;
     */

    llcf->mode = NGX_CONF_UNSET_UINT;
    llcf->credentials = NGX_CONF_UNSET_PTR;
    llcf->error_format = NGX_CONF_UNSET_UINT;
    llcf->end_streams = NGX_CONF_UNSET;

    return llcf;
}


static char *
ngx_http_latchkey_merge_loc_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_latchkey_loc_conf_t *prev = parent;
    ngx_http_latchkey_loc_conf_t *conf = child;

    ngx_uint_t inherited;
    ngx_http_latchkey_main_conf_t *lmcf;

    ngx_http_latchkey_merge_credentials(conf, prev);
    ngx_conf_merge_str_value(conf->realm, prev->realm, "api");
    ngx_conf_merge_uint_value(conf->error_format, prev->error_format,
        NGX_HTTP_LATCHKEY_PROBLEM);
    ngx_conf_merge_value(conf->end_streams, prev->end_streams, 1);

    if (ngx_http_latchkey_merge_verify(cf, conf, prev) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    inherited = (conf->mode == NGX_CONF_UNSET_UINT && !conf->verify);

    ngx_http_latchkey_merge_mode(conf, prev);

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_latchkey_module);

    if (ngx_http_latchkey_collect_log(cf, &lmcf->logs) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (conf->checked) {

        if (ngx_http_latchkey_check_bypass(cf, conf, inherited) != NGX_OK) {
            return NGX_CONF_ERROR;
        }

        ngx_http_latchkey_warn_of_dropped_headers(cf, conf);

        lmcf->used = 1;
    }

    return NGX_CONF_OK;
}


/*
 * The blocks of "if" and "limit_except" are parts of their location and answer
 * as it does.
 */

static ngx_int_t
ngx_http_latchkey_merge_verify(ngx_conf_t *cf,
    ngx_http_latchkey_loc_conf_t *conf, ngx_http_latchkey_loc_conf_t *prev)
{
    ngx_http_core_loc_conf_t *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->noname && prev->verify) {
        conf->verify = 1;
        conf->verify_place = prev->verify_place;

        if (clcf->handler == NULL) {
            clcf->handler = ngx_http_latchkey_verify_handler;
        }
    }

    if (conf->verify && clcf->handler != ngx_http_latchkey_verify_handler) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
            "nothing else may answer in the location of "
            "\"latchkey_verify\" in %V:%ui",
            &conf->verify_place.file, conf->verify_place.line);
        return NGX_ERROR;
    }

    /* it reads no body, and auth_request turns a 413 into a 500 */

    if (conf->verify) {
        clcf->client_max_body_size = 0;
    }

    return NGX_OK;
}


/* If no location requires keys, the module does nothing. */

static ngx_int_t
ngx_http_latchkey_init(ngx_conf_t *cf)
{
    ngx_http_latchkey_main_conf_t *lmcf;

    lmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_latchkey_module);

    if ((lmcf->used || lmcf->metrics)
        && ngx_http_latchkey_add_zone(cf, lmcf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!lmcf->used) {
        return NGX_OK;
    }

    ngx_http_latchkey_forbid_dumps(cf->log);

    if (ngx_http_latchkey_prepare(cf, lmcf) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_latchkey_add_handlers(cf);
}


static ngx_int_t
ngx_http_latchkey_add_handlers(ngx_conf_t *cf)
{
    ngx_array_t *handlers;
    ngx_http_handler_pt *h;
    ngx_http_core_main_conf_t *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_PREACCESS_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ngx_http_latchkey_preaccess_handler;

    handlers = &cmcf->phases[NGX_HTTP_ACCESS_PHASE].handlers;

    if (ngx_array_push_n(handlers, 2) == NULL) {
        return NGX_ERROR;
    }

    /* these handlers run from the last to the first */

    h = handlers->elts;

    ngx_memmove(h + 1, h, (handlers->nelts - 2) * sizeof(ngx_http_handler_pt));

    h[0] = ngx_http_latchkey_last_access_handler;
    h[handlers->nelts - 1] = ngx_http_latchkey_access_handler;

    /* but these run from the first to the last */

    handlers = &cmcf->phases[NGX_HTTP_LOG_PHASE].handlers;

    if (ngx_array_push(handlers) == NULL) {
        return NGX_ERROR;
    }

    h = handlers->elts;

    ngx_memmove(h + 1, h, (handlers->nelts - 1) * sizeof(ngx_http_handler_pt));

    h[0] = ngx_http_latchkey_log_handler;

    return NGX_OK;
}


static ngx_int_t
ngx_http_latchkey_init_module(ngx_cycle_t *cycle)
{
    ngx_http_latchkey_main_conf_t *lmcf;

    lmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_latchkey_module);

    if (lmcf == NULL || !lmcf->used) {
        return NGX_OK;
    }

    ngx_http_latchkey_warn_of_cores(cycle);

    return ngx_http_latchkey_guard_logs(cycle, &lmcf->logs);
}


static ngx_int_t
ngx_http_latchkey_init_process(ngx_cycle_t *cycle)
{
    ngx_http_latchkey_main_conf_t *lmcf;

    lmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_latchkey_module);

    if (lmcf == NULL || !lmcf->used) {
        return NGX_OK;
    }

    ngx_http_latchkey_forbid_dumps(cycle->log);

    if (ngx_process == NGX_PROCESS_WORKER
        || ngx_process == NGX_PROCESS_SINGLE)
    {
        ngx_http_latchkey_init_worker(cycle, lmcf);
        ngx_http_latchkey_init_metrics(cycle, lmcf);
    }

    /* the gateway has its own copy, and a cache manager needs none */

    ngx_explicit_memzero(lmcf->secrets.data, lmcf->secrets.len);

    return NGX_OK;
}


static void
ngx_http_latchkey_exit_process(ngx_cycle_t *cycle)
{
    ngx_http_latchkey_main_conf_t *lmcf;

    lmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_latchkey_module);

    if (lmcf && lmcf->worker) {
        ngx_http_latchkey_exit_worker(lmcf->worker);
        lmcf->worker = NULL;
    }

    ngx_http_latchkey_exit_metrics();
}
