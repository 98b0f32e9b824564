
/*
 * A worker's side of the store.  From the top down:
 *
 *   links     the connections of a worker to the store
 *   link      one connection
 *   link_io   reads and writes on it
 *   lookup    DNS lookups by nginx's resolver
 *   link_tls  the TLS handshake
 *   link_log  lines in the error log
 *   gateway   the gateway of a worker: checks, open streams, time
 *   endpoint  the addresses of the store
 *   tls       trusted authorities and the client certificate
 *   library   the Swift library, loaded by dlopen()
 *
 * Owner:     a worker struct and its links belong to the driver, streams to the
 *            contexts of their requests.
 * Lifetime:  a worker lasts from the start of its process until its exit.
 * NULL:      pointers are not NULL, except where a comment allows it.
 * Thread:    the only thread of the worker; nothing is locked.
 */

#ifndef _NGX_HTTP_LATCHKEY_STORE_H_INCLUDED_
#define _NGX_HTTP_LATCHKEY_STORE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>

#include "latchkey.h"


/* Per name; a lookup ignores more. */

#define NGX_HTTP_LATCHKEY_ADDRESSES_MAX 16


/*
 * The functions of latchkey.h.  abi_version is the first: the others are looked up
 * only in a library with the module's interface.
 */

#define NGX_HTTP_LATCHKEY_FUNCTIONS(FUNCTION) \
    FUNCTION(abi_version)                     \
    FUNCTION(prepare)                         \
    FUNCTION(endpoints)                       \
    FUNCTION(tls_files)                       \
    FUNCTION(gateway_new)                     \
    FUNCTION(gateway_free)                    \
    FUNCTION(check_begin)                     \
    FUNCTION(check_cancel)                    \
    FUNCTION(check_next)                      \
    FUNCTION(checks_waiting)                  \
    FUNCTION(stream_open)                     \
    FUNCTION(stream_close)                    \
    FUNCTION(stream_next)                     \
    FUNCTION(link_next)                       \
    FUNCTION(link_opened)                     \
    FUNCTION(link_closed)                     \
    FUNCTION(link_received)                   \
    FUNCTION(link_output)                     \
    FUNCTION(tick)                            \
    FUNCTION(finish)                          \
    FUNCTION(unconfirmed)                     \
    FUNCTION(metrics_read)                    \
    FUNCTION(log_next)


/* Each has its prototype there. */

#define ngx_http_latchkey_member(name) __typeof__(latchkey_##name) *(name);

typedef struct {
    NGX_HTTP_LATCHKEY_FUNCTIONS(ngx_http_latchkey_member)
} ngx_http_latchkey_library_t;


typedef struct {
    ngx_str_t text; /* in the gateway's notation */
    ngx_str_t host; /* a name to look up; empty: addrs are fixed */
    in_port_t port; /* of host */
    ngx_addr_t *addrs;
    ngx_uint_t naddrs;  /* 0: not looked up yet */
    ngx_uint_t current; /* the index of the address to connect to */
} ngx_http_latchkey_endpoint_t;


/* A link's copy of an address, because lookups overwrite those of an endpoint. */

typedef struct {
    ngx_sockaddr_t sockaddr;
    socklen_t socklen;
    ngx_str_t name;
    u_char text[NGX_SOCKADDR_STRLEN];
} ngx_http_latchkey_address_t;


/* The absolute paths of the PEM files for TLS with the store. */

typedef struct {
    const char *ca;          /* authorities to trust; empty: the system's */
    const char *certificate; /* to present; empty: none */
    const char *key;         /* its private key */
} ngx_http_latchkey_tls_files_t;


/* An admitted request, which must end when its key does. */

typedef struct {
    uint64_t id; /* not 0: open in the gateway */

    ngx_queue_t announcement; /* if queued */
    unsigned queued:1;        /* to be announced to the gateway */

    void *data; /* returned by the gateway when the stream must end */
    const latchkey_decision *decision;
} ngx_http_latchkey_stream_t;


/*
 * A worker's gateway.  Code that only reads from it may call the library itself.
 * Code that passes in time or bytes goes through the functions below, because
 * open streams must be announced first.
 */

typedef struct {
    latchkey_gateway *gateway;
    ngx_http_latchkey_library_t library;

    ngx_event_t turn;          /* posted: the gateway is driven in this turn */
    ngx_queue_t announcements; /* of ngx_http_latchkey_stream_t */

    ngx_array_t *endpoints;   /* of ngx_http_latchkey_endpoint_t: those configured */
    ngx_resolver_t *resolver; /* NULL: addresses stay as they are */
    ngx_msec_t resolver_timeout;
    ngx_msec_t timeout; /* the gateway's, to connect and for each reply */
    ngx_ssl_t *tls;     /* NULL: no TLS with the store */
    ngx_log_t *log;
    time_t logged; /* the time of the last line about a link */
} ngx_http_latchkey_worker_t;


/* A connection to the store, which the gateway identifies by its number. */

typedef struct {
    ngx_http_latchkey_worker_t *worker;
    uint32_t number;

    ngx_connection_t *connection; /* NULL: closed, or being looked up */
    ngx_buf_t *output;            /* moved out of the gateway, unsent */

    latchkey_link_order order;  /* the newest to open it */
    uint64_t ordered_ns;        /* the boottime_ns of that order */
    uint64_t started_ns;        /* the boottime_ns at which it began to connect */
    ngx_resolver_ctx_t *lookup; /* of the endpoint's name; NULL: none */
    ngx_http_latchkey_address_t address;
    ngx_log_t log;

#if (NGX_SSL)
    ngx_ssl_session_t *session; /* to resume; NULL: none */
    ngx_uint_t messages;        /* of handshakes, received by the current call of OpenSSL */
#endif

    unsigned reported:1; /* a line was logged since the endpoint last sent bytes */
    unsigned late:1;     /* the last lookup took too long: use the known addresses */
    unsigned opened:1;   /* the gateway was notified */
    unsigned received:1; /* the store has sent bytes on this connection */
} ngx_http_latchkey_link_t;


typedef struct {
    ngx_http_latchkey_link_t *table[LATCHKEY_LINKS_MAX]; /* NULL: not used yet */
    ngx_http_latchkey_worker_t *worker;
    ngx_pool_t *pool; /* of the links */
} ngx_http_latchkey_links_t;


/* library */

extern const ngx_str_t ngx_http_latchkey_default_library;

ngx_int_t ngx_http_latchkey_load_library(ngx_http_latchkey_library_t *library,
    ngx_str_t *path, char *error, size_t size);


/* endpoint */

ngx_int_t ngx_http_latchkey_resolve_endpoints(ngx_pool_t *pool,
    ngx_array_t *endpoints, u_char *lines, size_t length, ngx_uint_t later,
    char *error, size_t size);
ngx_http_latchkey_endpoint_t *ngx_http_latchkey_configured_endpoint(
    ngx_array_t *endpoints, const char *name);
ngx_http_latchkey_endpoint_t *ngx_http_latchkey_find_endpoint(
    ngx_array_t *endpoints, const char *name, ngx_pool_t *pool);
void ngx_http_latchkey_copy_address(ngx_http_latchkey_address_t *address,
    const ngx_addr_t *from);


/* tls */

ngx_ssl_t *ngx_http_latchkey_create_tls(ngx_conf_t *cf,
    const ngx_http_latchkey_tls_files_t *files);


/* gateway */

extern ngx_str_t ngx_http_latchkey_result_names[];
extern ngx_str_t ngx_http_latchkey_source_names[];

ngx_int_t ngx_http_latchkey_create_gateway(ngx_http_latchkey_worker_t *worker,
    ngx_str_t *library, ngx_array_t *directives, ngx_str_t *secrets,
    ngx_str_t *hostname, latchkey_fault *fault);
void ngx_http_latchkey_free_gateway(ngx_http_latchkey_worker_t *worker);

void ngx_http_latchkey_cancel_check(ngx_http_latchkey_worker_t *worker,
    uint64_t ticket);

ngx_uint_t ngx_http_latchkey_announce_streams(
    ngx_http_latchkey_worker_t *worker);

uint64_t ngx_http_latchkey_tick(ngx_http_latchkey_worker_t *worker,
    latchkey_time *now);
void ngx_http_latchkey_finish(ngx_http_latchkey_worker_t *worker);
void ngx_http_latchkey_notify_opened(ngx_http_latchkey_link_t *link);
void ngx_http_latchkey_notify_closed(ngx_http_latchkey_worker_t *worker,
    uint32_t number, latchkey_link_failure failure);
void ngx_http_latchkey_notify_received(ngx_http_latchkey_link_t *link,
    u_char *bytes, size_t length);


/* link */

void ngx_http_latchkey_link_open(ngx_http_latchkey_link_t *link,
    const latchkey_link_order *order, latchkey_time now);
void ngx_http_latchkey_link_start(ngx_http_latchkey_link_t *link);
void ngx_http_latchkey_link_lost(ngx_http_latchkey_link_t *link,
    latchkey_link_failure failure);
void ngx_http_latchkey_link_give_up(ngx_http_latchkey_link_t *link);
void ngx_http_latchkey_link_close(ngx_http_latchkey_link_t *link);
ngx_uint_t ngx_http_latchkey_link_has_lasted(ngx_http_latchkey_link_t *link,
    ngx_uint_t timeouts);


/* lookup */

ngx_int_t ngx_http_latchkey_start_lookup(ngx_http_latchkey_link_t *link);
ngx_int_t ngx_http_latchkey_blame_lookup(ngx_http_latchkey_link_t *link);
void ngx_http_latchkey_end_lookup(ngx_http_latchkey_link_t *link);


/* link_io */

void ngx_http_latchkey_link_read_handler(ngx_event_t *rev);
void ngx_http_latchkey_link_write_handler(ngx_event_t *wev);
ngx_int_t ngx_http_latchkey_link_write(ngx_http_latchkey_link_t *link);


/* link_tls */

ngx_int_t ngx_http_latchkey_link_start_tls(ngx_http_latchkey_link_t *link);
ngx_int_t ngx_http_latchkey_link_handshake(ngx_http_latchkey_link_t *link,
    latchkey_link_failure *failure);
void ngx_http_latchkey_link_log_handshake(ngx_http_latchkey_link_t *link);
void ngx_http_latchkey_link_end_tls(ngx_http_latchkey_link_t *link);
void ngx_http_latchkey_link_forget_session(ngx_http_latchkey_link_t *link);


/* link_log */

const char *ngx_http_latchkey_link_peer(ngx_http_latchkey_link_t *link);
void ngx_http_latchkey_link_limit_log(ngx_http_latchkey_link_t *link);
u_char *ngx_http_latchkey_link_logged(ngx_log_t *log, u_char *buf, size_t len);


/* links */

ngx_http_latchkey_link_t *ngx_http_latchkey_links_get(
    ngx_http_latchkey_links_t *links, uint32_t number);
void ngx_http_latchkey_links_close(ngx_http_latchkey_links_t *links);
void ngx_http_latchkey_links_wait(ngx_http_latchkey_links_t *links,
    ngx_msec_t timeout);


/*
 * The functions on the path of each check are inline, because the compiler cannot
 * inline calls across files.
 *
 * Returns the time of an event.  The clock of leases also counts suspended time,
 * and is read on each call; nginx's cached time is accurate enough for expiry.
 */

static ngx_inline latchkey_time
ngx_http_latchkey_now(void)
{
    ngx_time_t *tp;
    latchkey_time now;
    struct timespec ts;

    (void) clock_gettime(CLOCK_BOOTTIME, &ts);

    now.boottime_ns = (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;

    tp = ngx_timeofday();

    now.unix_ms = (int64_t) tp->sec * 1000 + (int64_t) tp->msec;

    return now;
}


static ngx_inline void
ngx_http_latchkey_post_turn(ngx_http_latchkey_worker_t *worker)
{
    ngx_post_event(&worker->turn, &ngx_posted_events);
}


/*
 * Returns 0 after writing decision.  Otherwise returns a ticket: the driver hands
 * out the decision later, together with data.
 */

static ngx_inline uint64_t
ngx_http_latchkey_begin_check(ngx_http_latchkey_worker_t *worker, void *data,
    ngx_str_t *credential, latchkey_decision *decision)
{
    uint64_t ticket;

    ticket = worker->library.check_begin(worker->gateway, data,
        credential->data, credential->len, ngx_http_latchkey_now(), decision);

    if (ticket) {
        ngx_http_latchkey_post_turn(worker);
    }

    return ticket;
}


/*
 * Queues a request that the gateway has just allowed.  The stream must be announced
 * before the gateway is notified of anything else, or a revocation in between would
 * be missed.  Most requests end before that, and cost only an entry in a queue.
 */

static ngx_inline void
ngx_http_latchkey_queue_stream(ngx_http_latchkey_worker_t *worker,
    ngx_http_latchkey_stream_t *stream, void *data,
    const latchkey_decision *decision)
{
    stream->data = data;
    stream->decision = decision;
    stream->queued = 1;

    ngx_queue_insert_tail(&worker->announcements, &stream->announcement);
}


static ngx_inline void
ngx_http_latchkey_drop_stream(ngx_http_latchkey_worker_t *worker,
    ngx_http_latchkey_stream_t *stream)
{
    if (stream->queued) {
        ngx_queue_remove(&stream->announcement);
        stream->queued = 0;

    } else if (stream->id) {
        worker->library.stream_close(worker->gateway, stream->id);
        stream->id = 0;
    }
}

#endif /* _NGX_HTTP_LATCHKEY_STORE_H_INCLUDED_ */
