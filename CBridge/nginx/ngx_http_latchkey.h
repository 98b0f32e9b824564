
/*
 * What the files of the module share.  From the top down:
 *
 *   module      configurations, phases and the hooks of a process
 *   directive   where each directive may stand, and who reads it
 *   setting     the directives that the executable reads too, kept as written
 *   prepare     a configuration checked by the library, in a child process
 *   mode        what a location does with the result of a check
 *   early       what no check comes before: warned of, or refused
 *   request     a request identified, let in or refused
 *   context     its check: kept, found again, suspended, resumed, given up
 *   stream      a request that was let in, ended with its key
 *   credential  where a key may stand in a request
 *   search      the key found there
 *   star        keys, told by their form, made unreadable
 *   log         no key in nginx's logs
 *   dump        no pepper for other processes and core dumps
 *   refusal     the answer to a request that is not let in
 *   format      the words of that answer, in the format that is wanted
 *   accept      whether a client names a media type
 *   grpc        that answer to a gRPC call
 *   header      a header of an answer
 *   variable    $latchkey_organization and its like
 *   worker      a worker's gateway, driven once a turn of the event loop
 *   metrics     what has been counted, over all workers
 *   link        a connection to the store
 *   endpoint    the addresses of the store
 *   library     liblatchkey.so, loaded by hand
 */

#ifndef _NGX_HTTP_LATCHKEY_H_INCLUDED_
#define _NGX_HTTP_LATCHKEY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>
#include <ngx_http.h>

#include "latchkey.h"


typedef struct ngx_http_latchkey_ctx_s ngx_http_latchkey_ctx_t;
typedef struct ngx_http_latchkey_link_s ngx_http_latchkey_link_t;
typedef struct ngx_http_latchkey_worker_s ngx_http_latchkey_worker_t;


/* What a location does with the result of a check. */

typedef enum {
    NGX_HTTP_LATCHKEY_OFF = 0,
    NGX_HTTP_LATCHKEY_ON,
    NGX_HTTP_LATCHKEY_OPTIONAL, /* a request without a key comes from nobody */
    NGX_HTTP_LATCHKEY_DRY_RUN,  /* reports and refuses nothing */
    NGX_HTTP_LATCHKEY_VARIABLE  /* of a location alone: one of the others */
} ngx_http_latchkey_mode_e;


/* A place where a key may stand. */

typedef enum {
    NGX_HTTP_LATCHKEY_BEARER = 0,
    NGX_HTTP_LATCHKEY_HEADER,
    NGX_HTTP_LATCHKEY_COOKIE,
    NGX_HTTP_LATCHKEY_QUERY
} ngx_http_latchkey_source_e;


typedef struct {
    ngx_uint_t source;
    ngx_str_t header;  /* that holds it, in lower case; none for query */
    ngx_str_t name;    /* of a cookie or an argument */
    unsigned warned:1; /* that nginx drops the header */
} ngx_http_latchkey_credential_t;


/* The format of a refusal's words. */

typedef enum {
    NGX_HTTP_LATCHKEY_PROBLEM = 0,
    NGX_HTTP_LATCHKEY_GRAPHQL,
    NGX_HTTP_LATCHKEY_PLAIN
} ngx_http_latchkey_format_e;


/* What a request is told that is not let in. */

typedef struct {
    ngx_uint_t status;
    const char *title; /* of the status */
    const char *code;  /* as GraphQL servers name it */
    const char *grpc_status;
    const char *detail; /* printable ASCII without quotes, backslashes and % */
    const char *error;  /* what follows the realm in the challenge */
} ngx_http_latchkey_refusal_t;


/* Where a directive stands. */

typedef struct {
    ngx_str_t file;
    ngx_uint_t line;
} ngx_http_latchkey_place_t;


typedef struct {
    ngx_str_t text; /* as the gateway writes it */
    ngx_addr_t *addrs;
    ngx_uint_t naddrs;
} ngx_http_latchkey_endpoint_t;


typedef struct {
    ngx_array_t directives; /* of latchkey_directive */
    ngx_array_t places;     /* of ngx_http_latchkey_place_t, one a directive */
    ngx_array_t endpoints;  /* of ngx_http_latchkey_endpoint_t */
    ngx_array_t logs;       /* of ngx_log_t *: those of all locations */
    ngx_str_t library;
    ngx_str_t secrets; /* opaque, from latchkey_prepare() */

    ngx_http_latchkey_worker_t *worker; /* NULL: no key can be checked */
    ngx_shm_zone_t *zone;               /* of what is counted */

    unsigned used:1;    /* keys are checked somewhere */
    unsigned metrics:1; /* what is counted is shown somewhere */
} ngx_http_latchkey_main_conf_t;


typedef struct {
    ngx_uint_t mode;
    ngx_http_complex_value_t *variable; /* that says the mode */
    ngx_http_latchkey_place_t place;    /* of what says the mode */
    ngx_http_latchkey_place_t verify_place;
    ngx_array_t *credentials; /* of ngx_http_latchkey_credential_t */
    ngx_http_latchkey_place_t credentials_place;
    ngx_str_t realm;
    ngx_uint_t error_format;
    ngx_flag_t end_streams;

    unsigned verify:1;  /* of this location alone: not inherited */
    unsigned checked:1; /* not off, or verify */
} ngx_http_latchkey_loc_conf_t;


typedef enum {
    NGX_HTTP_LATCHKEY_UNCHECKED = 0,
    NGX_HTTP_LATCHKEY_PENDING,
    NGX_HTTP_LATCHKEY_DECIDED
} ngx_http_latchkey_state_e;


/* The check of one request or subrequest. */

struct ngx_http_latchkey_ctx_s {
    ngx_http_request_t *request;
    ngx_http_latchkey_worker_t *worker;
    ngx_array_t *credentials; /* where its key was looked for */

    /* where the request is, and what holds there */
    ngx_http_latchkey_loc_conf_t *location;
    ngx_uint_t uri_changes;
    ngx_uint_t mode;

    ngx_http_latchkey_state_e state;
    latchkey_decision decision;

    uint64_t ticket; /* while pending */
    ngx_event_t resume;

    /* while the request can be ended with its key, one of: */
    ngx_queue_t announcement; /* linked: the gateway has not been told yet */
    uint64_t stream;          /* not 0: it has */

    ngx_event_t end;

    unsigned challenged:1; /* the headers of a refusal are in place */
};


/* The functions of latchkey.h, each with its prototype there. */

typedef struct {
    __typeof__(latchkey_abi_version) *abi_version;
    __typeof__(latchkey_prepare) *prepare;
    __typeof__(latchkey_endpoints) *endpoints;
    __typeof__(latchkey_gateway_new) *gateway_new;
    __typeof__(latchkey_gateway_free) *gateway_free;
    __typeof__(latchkey_check_begin) *check_begin;
    __typeof__(latchkey_check_cancel) *check_cancel;
    __typeof__(latchkey_check_next) *check_next;
    __typeof__(latchkey_checks_waiting) *checks_waiting;
    __typeof__(latchkey_stream_open) *stream_open;
    __typeof__(latchkey_stream_close) *stream_close;
    __typeof__(latchkey_stream_next) *stream_next;
    __typeof__(latchkey_link_next) *link_next;
    __typeof__(latchkey_link_opened) *link_opened;
    __typeof__(latchkey_link_closed) *link_closed;
    __typeof__(latchkey_link_received) *link_received;
    __typeof__(latchkey_link_output) *link_output;
    __typeof__(latchkey_tick) *tick;
    __typeof__(latchkey_finish) *finish;
    __typeof__(latchkey_unconfirmed) *unconfirmed;
    __typeof__(latchkey_metrics_read) *metrics_read;
    __typeof__(latchkey_log_next) *log_next;
} ngx_http_latchkey_library_t;


/* A connection to the store; the gateway knows it by its number. */

struct ngx_http_latchkey_link_s {
    ngx_http_latchkey_worker_t *worker;
    uint32_t number;

    ngx_connection_t *connection; /* NULL: closed */
    ngx_buf_t *output;            /* taken from the gateway, not sent yet */

    ngx_addr_t *address;
    ngx_uint_t failures; /* to connect, in a row: picks the next address */
    ngx_log_t log;       /* of the attempt to connect */
    time_t logged;

    unsigned opened:1; /* the gateway was told so */
};


/* A worker's gateway and what moves its bytes. */

struct ngx_http_latchkey_worker_s {
    latchkey_gateway *gateway;
    ngx_http_latchkey_main_conf_t *conf;
    ngx_log_t *log;

    /* the timer's ident must stand after 3 pointers, as in ngx_connection_t */
    ngx_int_t ident;

    ngx_http_latchkey_library_t library;

    ngx_event_t turn;  /* posted: the gateway is settled when the turn ends */
    ngx_event_t timer; /* the gateway's next deadline */
    uint64_t deadline; /* that the timer is set for */

    ngx_queue_t announcements; /* requests that are open, still to be told */

    ngx_http_latchkey_link_t links[LATCHKEY_LINKS_MAX];

    ngx_uint_t nlistening; /* nginx's own count is 0 when they are closed */

    unsigned exiting:1; /* known to be so */
};


/* directive */

extern ngx_command_t ngx_http_latchkey_commands[];

/* setting */

ngx_http_latchkey_place_t ngx_http_latchkey_here(ngx_conf_t *cf);
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
ngx_int_t ngx_http_latchkey_enter_location(ngx_http_request_t *r,
    ngx_http_latchkey_loc_conf_t *llcf, ngx_http_latchkey_ctx_t *ctx);
ngx_uint_t ngx_http_latchkey_is_refused(ngx_http_latchkey_ctx_t *ctx);
ngx_uint_t ngx_http_latchkey_is_vouched_for(ngx_http_latchkey_ctx_t *ctx);

/* early */

ngx_http_err_page_t *ngx_http_latchkey_find_page(ngx_array_t *pages,
    ngx_uint_t status);
ngx_int_t ngx_http_latchkey_examine_early(ngx_conf_t *cf,
    ngx_http_latchkey_loc_conf_t *llcf, ngx_uint_t inherited);

/* request */

ngx_int_t ngx_http_latchkey_preaccess_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_latchkey_access_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_latchkey_last_access_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_latchkey_verify_handler(ngx_http_request_t *r);

/* context */

ngx_http_latchkey_ctx_t *ngx_http_latchkey_get_ctx(ngx_http_request_t *r);
ngx_http_latchkey_ctx_t *ngx_http_latchkey_create_ctx(ngx_http_request_t *r);
ngx_int_t ngx_http_latchkey_suspend(ngx_http_request_t *r,
    ngx_http_latchkey_ctx_t *ctx);
void ngx_http_latchkey_decided(ngx_http_latchkey_ctx_t *ctx,
    const latchkey_decision *decision);
void ngx_http_latchkey_cancel(void *data);

/* stream */

void ngx_http_latchkey_init_stream(ngx_http_latchkey_ctx_t *ctx);
void ngx_http_latchkey_open_stream(ngx_http_latchkey_ctx_t *ctx);
void ngx_http_latchkey_announce_streams(ngx_http_latchkey_worker_t *worker);
void ngx_http_latchkey_close_stream(ngx_http_latchkey_ctx_t *ctx);
void ngx_http_latchkey_close_streams(ngx_http_request_t *r);
ngx_uint_t ngx_http_latchkey_has_stream(ngx_http_latchkey_ctx_t *ctx);
ngx_uint_t ngx_http_latchkey_lacks_stream(ngx_http_latchkey_ctx_t *ctx);
void ngx_http_latchkey_post_end(ngx_http_latchkey_ctx_t *ctx);

/* credential */

extern ngx_array_t ngx_http_latchkey_default_credentials;

char *ngx_http_latchkey_set_credential(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
void ngx_http_latchkey_merge_credentials(ngx_http_latchkey_loc_conf_t *conf,
    ngx_http_latchkey_loc_conf_t *prev);
void ngx_http_latchkey_warn_of_dropped_headers(ngx_conf_t *cf,
    ngx_http_latchkey_loc_conf_t *llcf);

/* search */

ngx_int_t ngx_http_latchkey_find_credential(ngx_http_request_t *r,
    ngx_array_t *credentials, ngx_str_t *value);

/* star */

/* the shortest text that holds a key's locator and secret, each behind a "_" */
#define NGX_HTTP_LATCHKEY_FORM_MIN 48

void ngx_http_latchkey_star(u_char *p, size_t len);
void ngx_http_latchkey_star_copy(ngx_pool_t *pool, ngx_str_t *text);

/* log */

ngx_int_t ngx_http_latchkey_keep_log(ngx_conf_t *cf,
    ngx_http_latchkey_main_conf_t *lmcf);
ngx_int_t ngx_http_latchkey_guard_logs(ngx_cycle_t *cycle,
    ngx_http_latchkey_main_conf_t *lmcf);
ngx_int_t ngx_http_latchkey_log_handler(ngx_http_request_t *r);

/* dump */

void ngx_http_latchkey_forbid_dumps(ngx_log_t *log);
void ngx_http_latchkey_warn_of_cores(ngx_cycle_t *cycle);

/* refusal */

ngx_int_t ngx_http_latchkey_refuse(ngx_http_request_t *r,
    ngx_http_latchkey_ctx_t *ctx);

/* format */

extern ngx_conf_enum_t ngx_http_latchkey_formats[];

ngx_int_t ngx_http_latchkey_format(ngx_http_request_t *r,
    const ngx_http_latchkey_refusal_t *refusal, ngx_str_t *type,
    ngx_str_t *body);

/* accept */

ngx_uint_t ngx_http_latchkey_accepts(ngx_http_request_t *r, ngx_str_t *type);

/* grpc */

ngx_uint_t ngx_http_latchkey_is_grpc(ngx_http_request_t *r);
ngx_int_t ngx_http_latchkey_send_grpc(ngx_http_request_t *r,
    const ngx_http_latchkey_refusal_t *refusal);

/* header */

ngx_table_elt_t *ngx_http_latchkey_push_header(ngx_http_request_t *r,
    const char *key, const char *value);

/* variable */

extern ngx_str_t ngx_http_latchkey_result_names[];
extern ngx_str_t ngx_http_latchkey_source_names[];

ngx_int_t ngx_http_latchkey_add_variables(ngx_conf_t *cf);

/* worker */

ngx_int_t ngx_http_latchkey_init_worker(ngx_cycle_t *cycle,
    ngx_http_latchkey_main_conf_t *lmcf);
void ngx_http_latchkey_exit_worker(ngx_http_latchkey_worker_t *worker);
ngx_int_t ngx_http_latchkey_begin_check(ngx_http_latchkey_worker_t *worker,
    ngx_http_latchkey_ctx_t *ctx, ngx_str_t *credential);
void ngx_http_latchkey_cancel_check(ngx_http_latchkey_worker_t *worker,
    ngx_http_latchkey_ctx_t *ctx);
void ngx_http_latchkey_post_turn(ngx_http_latchkey_worker_t *worker);
latchkey_time ngx_http_latchkey_now(void);

/* metrics */

char *ngx_http_latchkey_set_metrics(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
ngx_int_t ngx_http_latchkey_add_zone(ngx_conf_t *cf,
    ngx_http_latchkey_main_conf_t *lmcf);
void ngx_http_latchkey_init_metrics(ngx_cycle_t *cycle,
    ngx_http_latchkey_main_conf_t *lmcf);
void ngx_http_latchkey_exit_metrics(void);
void ngx_http_latchkey_count_check(const latchkey_decision *decision);
void ngx_http_latchkey_refresh_metrics(void);
void ngx_http_latchkey_publish_metrics(void);
ngx_int_t ngx_http_latchkey_metrics_handler(ngx_http_request_t *r);

/* link */

void ngx_http_latchkey_link_init(ngx_http_latchkey_worker_t *worker,
    uint32_t number);
void ngx_http_latchkey_link_open(ngx_http_latchkey_link_t *link,
    const char *endpoint);
ngx_int_t ngx_http_latchkey_link_write(ngx_http_latchkey_link_t *link);
void ngx_http_latchkey_link_close(ngx_http_latchkey_link_t *link);
ngx_int_t ngx_http_latchkey_links_wait(ngx_http_latchkey_worker_t *worker,
    ngx_msec_t timeout);

/* endpoint */

ngx_int_t ngx_http_latchkey_resolve_endpoints(ngx_conf_t *cf,
    ngx_http_latchkey_main_conf_t *lmcf, u_char *lines, size_t length);
ngx_int_t ngx_http_latchkey_find_endpoint(ngx_http_latchkey_main_conf_t *lmcf,
    const char *name, ngx_pool_t *pool, ngx_http_latchkey_endpoint_t *endpoint);

/* library */

ngx_int_t ngx_http_latchkey_load_library(ngx_http_latchkey_library_t *library,
    ngx_str_t *path, char *error, size_t size);


extern ngx_module_t ngx_http_latchkey_module;


#endif /* _NGX_HTTP_LATCHKEY_H_INCLUDED_ */
