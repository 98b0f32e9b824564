
/*
 * The configuration: what the directives say, and what it is checked for.
 *
 *   setting     the directives that the executable reads too, kept as written
 *   prepare     a configuration checked by the library, in a child process
 *   mode        what a location does with the result of a check
 *   credential  where a key may stand in a request
 *   bypass      what answers before any check: warned of, or refused
 *
 * Owner:     the pool of the configuration (cf->pool).
 * Lifetime:  a cycle of nginx: until the last request of an old worker ends.
 * NULL:      pointers are not NULL, except where a comment allows it.
 * Thread:    the master writes it while it reads the configuration; workers only
 *            read it, but for main_conf.worker.
 */

#ifndef _NGX_HTTP_LATCHKEY_CONF_H_INCLUDED_
#define _NGX_HTTP_LATCHKEY_CONF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include "ngx_http_latchkey_store.h"


/* What a location does with the result of a check. */

enum {
    NGX_HTTP_LATCHKEY_OFF = 0,
    NGX_HTTP_LATCHKEY_ON,
    NGX_HTTP_LATCHKEY_OPTIONAL, /* admits a request without a key */
    NGX_HTTP_LATCHKEY_DRY_RUN,  /* reports and refuses nothing */
    NGX_HTTP_LATCHKEY_VARIABLE  /* of a location alone: one of the others */
};


/* A place where a key may stand. */

enum {
    NGX_HTTP_LATCHKEY_BEARER = 0,
    NGX_HTTP_LATCHKEY_HEADER,
    NGX_HTTP_LATCHKEY_COOKIE,
    NGX_HTTP_LATCHKEY_QUERY
};


typedef struct {
    ngx_uint_t source;
    ngx_str_t header;  /* in lower case; empty for query */
    ngx_str_t name;    /* of a cookie or an argument */
    unsigned warned:1; /* that nginx drops the header */
} ngx_http_latchkey_credential_t;


/* The format of a refusal's body. */

enum {
    NGX_HTTP_LATCHKEY_PROBLEM = 0,
    NGX_HTTP_LATCHKEY_GRAPHQL,
    NGX_HTTP_LATCHKEY_PLAIN
};


/* Where a directive stands. */

typedef struct {
    ngx_str_t file;
    ngx_uint_t line;
} ngx_http_latchkey_place_t;


typedef struct {
    ngx_array_t directives;   /* of latchkey_directive */
    ngx_array_t places;       /* of ngx_http_latchkey_place_t, one a directive */
    ngx_array_t endpoints;    /* of ngx_http_latchkey_endpoint_t */
    ngx_array_t logs;         /* of ngx_log_t *: those of all locations */
    ngx_ssl_t *tls;           /* NULL: the store is reached without */
    ngx_resolver_t *resolver; /* of the http block; NULL: none */
    ngx_msec_t resolver_timeout;
    ngx_msec_t timeout; /* latchkey_timeout */
    ngx_str_t library;
    ngx_str_t secrets; /* opaque, from latchkey_prepare() */

    ngx_http_latchkey_worker_t *worker; /* NULL: no key can be checked */
    ngx_shm_zone_t *zone;               /* of the metrics; NULL: none are kept */

    unsigned used:1;    /* keys are checked somewhere */
    unsigned metrics:1; /* metrics are shown somewhere */
} ngx_http_latchkey_main_conf_t;


typedef struct {
    ngx_uint_t mode;
    ngx_http_complex_value_t *variable; /* NULL: the mode is fixed */
    ngx_http_latchkey_place_t place;    /* of the directive that sets the mode */
    ngx_http_latchkey_place_t verify_place;
    ngx_array_t *credentials; /* of ngx_http_latchkey_credential_t */
    ngx_http_latchkey_place_t credentials_place;
    ngx_str_t realm;
    ngx_uint_t error_format;
    ngx_flag_t end_streams;

    unsigned verify:1;  /* of this location alone: not inherited */
    unsigned checked:1; /* not off, or verify */
} ngx_http_latchkey_loc_conf_t;


extern ngx_module_t ngx_http_latchkey_module;


/* setting */

ngx_http_latchkey_place_t ngx_http_latchkey_current_place(ngx_conf_t *cf);
char *ngx_http_latchkey_setting(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_http_latchkey_set_library(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_uint_t ngx_http_latchkey_setting_index(ngx_http_latchkey_main_conf_t *lmcf,
    const char *name);
void ngx_http_latchkey_setting_error(ngx_conf_t *cf,
    ngx_http_latchkey_main_conf_t *lmcf, ngx_uint_t index, const char *message);


/* prepare */

ngx_int_t ngx_http_latchkey_prepare(ngx_conf_t *cf,
    ngx_http_latchkey_main_conf_t *lmcf);


/* mode */

char *ngx_http_latchkey_set_mode(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
void ngx_http_latchkey_merge_mode(ngx_http_latchkey_loc_conf_t *conf,
    ngx_http_latchkey_loc_conf_t *prev);
ngx_int_t ngx_http_latchkey_evaluate_mode(ngx_http_request_t *r,
    ngx_http_latchkey_loc_conf_t *llcf);


/* credential */

extern ngx_array_t ngx_http_latchkey_default_credentials;

char *ngx_http_latchkey_set_credential(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
void ngx_http_latchkey_merge_credentials(ngx_http_latchkey_loc_conf_t *conf,
    ngx_http_latchkey_loc_conf_t *prev);
void ngx_http_latchkey_warn_of_dropped_headers(ngx_conf_t *cf,
    ngx_http_latchkey_loc_conf_t *llcf);


/* bypass */

ngx_http_err_page_t *ngx_http_latchkey_find_page(ngx_array_t *pages,
    ngx_uint_t status);
ngx_int_t ngx_http_latchkey_check_bypass(ngx_conf_t *cf,
    ngx_http_latchkey_loc_conf_t *llcf, ngx_uint_t inherited);


/* Whether a mode refuses a request, given the result of its check. */

static ngx_inline ngx_uint_t
ngx_http_latchkey_is_refused(ngx_uint_t mode, latchkey_result result)
{
    switch (mode) {

    case NGX_HTTP_LATCHKEY_OFF:
    case NGX_HTTP_LATCHKEY_DRY_RUN:
        return 0;

    case NGX_HTTP_LATCHKEY_OPTIONAL:
        return result != LATCHKEY_ALLOWED && result != LATCHKEY_MISSING;

    default: /* NGX_HTTP_LATCHKEY_ON */
        return result != LATCHKEY_ALLOWED;
    }
}


/*
 * Whether a valid key vouches for a request.  Only that satisfies "satisfy any":
 * a request without a key, and any request in a dry run, is left to other
 * modules.
 */

static ngx_inline ngx_uint_t
ngx_http_latchkey_is_authenticated(ngx_uint_t mode, latchkey_result result)
{
    return mode != NGX_HTTP_LATCHKEY_OFF && mode != NGX_HTTP_LATCHKEY_DRY_RUN
        && result == LATCHKEY_ALLOWED;
}


/* Skips blanks in the value of a header. */

static ngx_inline u_char *
ngx_http_latchkey_skip_blanks(u_char *p, const u_char *end)
{
    while (p < end && (*p == ' ' || *p == '\t')) {
        p++;
    }

    return p;
}


#endif /* _NGX_HTTP_LATCHKEY_CONF_H_INCLUDED_ */
