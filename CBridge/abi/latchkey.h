/*
 * latchkey.h: the contract between a proxy written in C and the gatekeeper
 * written in Swift (liblatchkey.so).
 *
 * The gatekeeper does no I/O and reads no clock.  The proxy owns connections,
 * timers and requests; it reports what happened and when, and carries out the
 * gatekeeper's orders.
 *
 * Unless a declaration says otherwise:
 *
 *   - Threads: a gateway belongs to the thread that created it.  There are no locks.
 *   - Re-entrancy: no function calls back into the proxy.
 *   - Lifetime: pointers are read and written during the call only.  Swift copies
 *     what it keeps.
 *   - NULL: only pointers marked LATCHKEY_NULLABLE may be NULL: bytes and lists of
 *     length 0, and the caller's own data.
 *   - Inputs precede outputs.  An output is written only where the return value
 *     says so.
 *   - No bytes from a client or the store can trap.
 */

#ifndef LATCHKEY_H
#define LATCHKEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Swift imports this file with clang and needs to know what may be NULL. */
#ifdef __clang__
#pragma clang assume_nonnull begin
#define LATCHKEY_NULLABLE _Nullable
#define LATCHKEY_NONNULL  _Nonnull
#else
#define LATCHKEY_NULLABLE
#define LATCHKEY_NONNULL
#endif

/*
 * Rises with every incompatible change of this file, or of the bytes that
 * latchkey_prepare() writes.  The library's file is liblatchkey.so.VERSION, so that
 * libraries of several versions are installed side by side: a process that is still
 * running loads its own after an upgrade, too.
 */
#define LATCHKEY_ABI_VERSION 8

/* Longest organization name, and the length of a locator, in bytes. */
#define LATCHKEY_ORGANIZATION_MAX 64
#define LATCHKEY_LOCATOR_LENGTH   14

/* Longest endpoint ("unix:" and a path, or host:port), without the final 0. */
#define LATCHKEY_ENDPOINT_MAX 255

/* Longest name of a server, without the final 0. */
#define LATCHKEY_NAME_MAX 255

/* Longest message of a fault or log line, without the final 0. */
#define LATCHKEY_MESSAGE_MAX 511

/* Most bytes that latchkey_prepare() writes. */
#define LATCHKEY_SECRETS_MAX 65536

/* Buckets of a histogram. */
#define LATCHKEY_HISTOGRAM_BUCKETS 17

/* No deadline is set. */
#define LATCHKEY_NEVER UINT64_MAX


/* Returns the LATCHKEY_ABI_VERSION that the library was built with. */
uint32_t latchkey_abi_version(void);


/* One moment on the two clocks that decisions need. */
typedef struct {
    uint64_t boottime_ns; /* CLOCK_BOOTTIME, read for this call: for leases and deadlines */
    int64_t unix_ms;      /* milliseconds since 1970 UTC: for expiry and last use */
} latchkey_time;


/* A directive of the configuration file, as written.  Strings end with a 0. */
typedef struct {
    const char *name;
    const char *LATCHKEY_NONNULL const *LATCHKEY_NULLABLE values;
    size_t value_count;
} latchkey_directive;

/* Why a configuration is refused. */
typedef struct {
    size_t directive; /* index of the directive at fault; directive_count if there is none */
    char message[LATCHKEY_MESSAGE_MAX + 1];
} latchkey_fault;

/*
 * Checks a configuration and reads the secrets that it names (pepper, store
 * password).  Workers need not be able to read their files: call this in a process
 * that is, and pass the bytes to latchkey_gateway_new().  The caller owns the
 * buffer and wipes it.
 *
 * Returns the number of bytes written to secrets, never 0; or 0 after writing
 * fault.  A capacity of LATCHKEY_SECRETS_MAX always suffices.
 */
size_t latchkey_prepare(const latchkey_directive *directives, size_t directive_count,
    size_t capacity, uint8_t *secrets, latchkey_fault *fault);

/*
 * Lists the endpoints that a configuration names, so that their names can be
 * resolved ahead of time: "127.0.0.1:6379" or "unix:/run/redis.sock", one a line.
 * Orders may name others, which sentinels or a cluster have named: those are IP
 * addresses.
 *
 * Returns the number of bytes written to endpoints, without a final 0; or 0 if the
 * configuration is refused or capacity is too small.
 */
size_t latchkey_endpoints(const latchkey_directive *directives, size_t directive_count,
    size_t capacity, char *endpoints);

/*
 * Tells whether a configuration asks for TLS with the store, and names the PEM files
 * that it needs, so that they can be loaded ahead of time in a process that may read
 * the key: the authorities to trust (empty: the system's), the certificate to present
 * (empty: none), its private key.  Each path ends with a 0.
 *
 * Returns the number of bytes written to files; or 0 without TLS, or if the
 * configuration is refused or capacity is too small.
 */
size_t latchkey_tls_files(const latchkey_directive *directives, size_t directive_count,
    size_t capacity, char *files);


/* One worker's gatekeeper. */
typedef struct latchkey_gateway latchkey_gateway;

/* How a worker appears in the membership list. */
typedef struct {
    const char *host; /* the machine's name, ending with a 0 */
    uint32_t pid;
} latchkey_process;

/*
 * Creates a gateway from the directives that latchkey_prepare() checked and the
 * bytes that it wrote.  The caller owns the gateway and frees it with
 * latchkey_gateway_free().  Returns NULL after writing fault.
 */
latchkey_gateway *LATCHKEY_NULLABLE latchkey_gateway_new(const latchkey_directive *directives, size_t directive_count,
    const uint8_t *secrets, size_t secrets_length, latchkey_process process, latchkey_fault *fault);

/* Frees a gateway and wipes its secrets.  NULL is ignored. */
void latchkey_gateway_free(latchkey_gateway *LATCHKEY_NULLABLE gateway);


typedef enum {
    LATCHKEY_ALLOWED = 0,
    LATCHKEY_MISSING = 1,   /* for the proxy's use: no credential */
    LATCHKEY_AMBIGUOUS = 2, /* for the proxy's use: more than one credential */
    LATCHKEY_MALFORMED = 3,
    LATCHKEY_FORGED = 4,  /* well formed, but never issued here */
    LATCHKEY_REVOKED = 5, /* issued here, since replaced or revoked */
    LATCHKEY_EXPIRED = 6,
    LATCHKEY_UNAVAILABLE = 7 /* the store does not answer, or its record is not genuine */
} latchkey_result;

typedef enum {
    LATCHKEY_SOURCE_NONE = 0,  /* decided by the credential alone, or not decided */
    LATCHKEY_SOURCE_CACHE = 1, /* a cached record, under the lease */
    LATCHKEY_SOURCE_STORE = 2, /* a record that was read for this check */
    LATCHKEY_SOURCE_GRACE = 3  /* a cached record beyond its lease, while the store does not answer */
} latchkey_source;

/* The answer to a check.  Strings have no final 0; a length of 0 means unknown. */
typedef struct {
    latchkey_result result;
    latchkey_source source;
    uint8_t organization_length;
    uint8_t locator_length;
    char organization[LATCHKEY_ORGANIZATION_MAX];
    char locator[LATCHKEY_LOCATOR_LENGTH]; /* only of keys that were issued here */

    /* of allowed keys, for latchkey_stream_open() only */
    uint64_t key;
    int64_t key_until_ms;
} latchkey_decision;

/*
 * Begins the check of a credential.  data is the caller's: latchkey_check_next()
 * hands it back, and it is never dereferenced.
 *
 * Returns 0 after writing decision.  Otherwise returns a ticket: the decision comes
 * from latchkey_check_next(), exactly once unless the check is cancelled.
 */
uint64_t latchkey_check_begin(latchkey_gateway *gateway, void *LATCHKEY_NULLABLE data,
    const uint8_t *LATCHKEY_NULLABLE credential, size_t credential_length, latchkey_time now,
    latchkey_decision *decision);

/* Cancels a check whose decision was not handed out.  Unknown tickets are ignored. */
void latchkey_check_cancel(latchkey_gateway *gateway, uint64_t ticket);

/*
 * Hands out one decision of a check that waited, with the check's data.  Returns
 * false when there is none.  After every call that passes in bytes or time, call it
 * until then.
 */
bool latchkey_check_next(latchkey_gateway *gateway, void *LATCHKEY_NULLABLE *LATCHKEY_NONNULL data, latchkey_decision *decision);

/* Returns the number of checks that wait for the store. */
size_t latchkey_checks_waiting(const latchkey_gateway *gateway);


/*
 * Reports an admitted request that is open, so that it ends with its key.  decision
 * is the one that allowed it.  Call this before the next call that passes in bytes
 * or time, latchkey_check_begin() excepted; a request that has ended by then need
 * not be reported.  data is the caller's: latchkey_stream_next() hands it back, and
 * it is never dereferenced.
 *
 * Returns a stream, never 0, to be closed with latchkey_stream_close() when the
 * request has ended.
 */
uint64_t latchkey_stream_open(latchkey_gateway *gateway, void *LATCHKEY_NULLABLE data,
    const latchkey_decision *decision);

/* Closes a stream: its request has ended.  Unknown streams are ignored. */
void latchkey_stream_close(latchkey_gateway *gateway, uint64_t stream);

/*
 * Hands out the data of one open request whose key was replaced or revoked, or has
 * expired: the caller ends the request.  Its stream is closed; closing it again does
 * no harm.  Returns false when there is none.  After every call that passes in bytes
 * or time, call it until then.
 */
bool latchkey_stream_next(latchkey_gateway *gateway, void *LATCHKEY_NULLABLE *LATCHKEY_NONNULL data);


typedef enum {
    LATCHKEY_LINK_OPEN = 1,  /* connect to endpoint, then call latchkey_link_opened() or _closed() */
    LATCHKEY_LINK_CLOSE = 2, /* close; do not call latchkey_link_closed() */
    LATCHKEY_LINK_WRITE = 3  /* write what latchkey_link_output() holds */
} latchkey_link_action;

/* What to do with one of the gateway's connections to the store. */
typedef struct {
    uint32_t link; /* below LATCHKEY_LINKS_MAX, reused: an index for the caller's table */
    latchkey_link_action action;

    /* of LATCHKEY_LINK_OPEN only */
    char endpoint[LATCHKEY_ENDPOINT_MAX + 1];
    uint8_t secure;                   /* not 0: with TLS */
    uint8_t spare;                    /* not 0: others make up for its loss, log that once */
    uint8_t sentinel;                 /* not 0: it leads to a sentinel */
    char name[LATCHKEY_NAME_MAX + 1]; /* with TLS: a host name or IP address that the
                                         certificate must be valid for */
} latchkey_link_order;

/* Most links of a gateway at a time. */
#define LATCHKEY_LINKS_MAX 128

/* Why a connection could not be established, or was lost. */
typedef enum {
    LATCHKEY_FAILURE_UNRESOLVED = 1,  /* the endpoint's name has no address */
    LATCHKEY_FAILURE_UNREACHABLE = 2, /* it was not established */
    LATCHKEY_FAILURE_LOST = 3,        /* it was established, and ended */
    LATCHKEY_FAILURE_EXHAUSTED = 4,   /* this process is out of connections, descriptors or memory */
    LATCHKEY_FAILURE_TLS = 5,         /* the handshake failed, or the caller has no TLS */
    LATCHKEY_FAILURE_UNTRUSTED = 6    /* the certificate was not accepted */
} latchkey_link_failure;

/*
 * Hands out the next order.  Returns false when there is none.  Call it until then
 * after every call that passes in bytes or time, and at the end of each turn of the
 * event loop in which checks began: this call, or latchkey_tick() before it, combines
 * all reads of the turn into one write.
 */
bool latchkey_link_next(latchkey_gateway *gateway, latchkey_time now, latchkey_link_order *order);

/* Reports that a connection is established (TLS included). */
void latchkey_link_opened(latchkey_gateway *gateway, uint32_t link, latchkey_time now);

/*
 * Reports that a connection could not be established or was lost, and why; the caller
 * has closed it.  An unknown failure counts as LATCHKEY_FAILURE_LOST.
 */
void latchkey_link_closed(latchkey_gateway *gateway, uint32_t link, latchkey_time now,
    latchkey_link_failure failure);

/* Passes in bytes that were received on a link, in order. */
void latchkey_link_received(latchkey_gateway *gateway, uint32_t link,
    const uint8_t *LATCHKEY_NULLABLE bytes, size_t length, latchkey_time now);

/*
 * Moves up to capacity bytes of a link's output into buffer.  Returns their number:
 * if it is below capacity, that was all of the output.
 */
size_t latchkey_link_output(latchkey_gateway *gateway, uint32_t link,
    size_t capacity, uint8_t *buffer);


/*
 * Does what is due: answers overdue checks, gives up dead links, sends heartbeats.
 * Returns the boottime_ns at which to call again, or LATCHKEY_NEVER.  Any other call
 * may bring that time forward, so call this after each; except after a
 * latchkey_check_begin() that decided at once, and latchkey_stream_open() for such a
 * decision.
 */
uint64_t latchkey_tick(latchkey_gateway *gateway, latchkey_time now);

/*
 * Ends the lease and queues what the store still has to receive: last uses, and then
 * that this worker leaves.  Call it after the last check, then carry out orders and
 * call latchkey_tick() until latchkey_unconfirmed() has not decreased for a second.
 * The worker leaves without its last uses if none is written for half of that.
 */
void latchkey_finish(latchkey_gateway *gateway, latchkey_time now);

/* Returns how much the store has not confirmed; 0 if nothing is left. */
size_t latchkey_unconfirmed(const latchkey_gateway *gateway);


/*
 * A histogram of durations.  A bucket counts those up to its bound and above the
 * bound before it.  The bounds are 100 us, then 2, 5, 10, 20, 50, ... times that; the
 * last bucket has none.
 */
typedef struct {
    uint64_t counts[LATCHKEY_HISTOGRAM_BUCKETS];
    uint64_t sum_ns;
} latchkey_histogram;

typedef struct {
    /* counters, since the gateway was created */
    latchkey_histogram store_wait;     /* of checks that waited for the store */
    latchkey_histogram change_delay;   /* from a change to its acknowledgement here */
    uint64_t store_reads;              /* records that were read */
    uint64_t data_connections;         /* established: the link for reads and writes */
    uint64_t data_losses;              /* of those */
    uint64_t invalidation_connections; /* established: the link for invalidations */
    uint64_t invalidation_losses;      /* of those */
    uint64_t invalidations;            /* of single records */
    uint64_t flushes;                  /* invalidations of all records */
    uint64_t barriers_acknowledged;
    uint64_t cache_evictions;
    uint64_t streams_ended;   /* handed out by latchkey_stream_next() */
    uint64_t primary_changes; /* another server became the primary, or one of a cluster's */
    uint64_t map_changes;     /* slots of a cluster moved, or one of its primaries changed */

    /* gauges */
    uint64_t cache_records;
    uint64_t streams_open;
    uint64_t trusted_until_ns;    /* boottime_ns at which the lease ends; 0 without one */
    uint64_t attested_until_ns;   /* boottime_ns until which the primary remains attested: by the
                                     sentinels, or in a cluster by the other primaries, for the
                                     one whose time ends first; 0 while it is not attested,
                                     LATCHKEY_NEVER where there is only one server */
    uint64_t sentinels;           /* that are configured */
    uint64_t sentinels_connected; /* of those */
    uint64_t cluster;             /* 1 where the store is a cluster, else 0 */
    uint64_t primaries_connected; /* of the cluster */
} latchkey_metrics;

/* Copies a gateway's counters and gauges. */
void latchkey_metrics_read(const latchkey_gateway *gateway, latchkey_metrics *metrics);


typedef enum {
    LATCHKEY_LOG_ERROR = 1,
    LATCHKEY_LOG_WARN = 2,
    LATCHKEY_LOG_NOTICE = 3
} latchkey_log_level;

/*
 * Hands out one line for the error log: printable, without keys or secrets, and at
 * most one a second of each kind.  Returns its length without the final 0, or 0 when
 * there is none.  capacity includes the final 0.
 */
size_t latchkey_log_next(latchkey_gateway *gateway, size_t capacity,
    latchkey_log_level *level, char *line);

#ifdef __clang__
#pragma clang assume_nonnull end
#endif

#ifdef __cplusplus
}
#endif

#endif /* LATCHKEY_H */
