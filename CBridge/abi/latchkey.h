/*
 * latchkey.h: the one contract between a proxy written in C and the gatekeeper
 * written in Swift (liblatchkey.so).
 *
 * The gatekeeper does no I/O and reads no clock.  The proxy owns connections,
 * timers and requests; it tells the gatekeeper what happened and when, and
 * carries out what the gatekeeper asks for.
 *
 * Conventions, which hold unless a declaration says otherwise:
 *
 *   - Threads: a gateway belongs to the thread that made it.  Nothing is locked.
 *   - Re-entrancy: no function calls back into the proxy.
 *   - Pointers passed in are read or written during the call only.  Swift
 *     copies what it keeps.
 *   - No pointer may be NULL but those marked LATCHKEY_NULLABLE: bytes and lists
 *     whose length is 0, and the caller's own mark.
 *   - Inputs stand before outputs.  An output is written only where the return
 *     value says that it holds something.
 *   - Nothing passed in as bytes, by a client or by the store, can trap.
 */

#ifndef LATCHKEY_H
#define LATCHKEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Tells Swift, which compiles this file with clang, what may be NULL. */
#ifdef __clang__
#pragma clang assume_nonnull begin
#define LATCHKEY_NULLABLE _Nullable
#define LATCHKEY_NONNULL  _Nonnull
#else
#define LATCHKEY_NULLABLE
#define LATCHKEY_NONNULL
#endif

/* Changes with every incompatible change of this file. */
#define LATCHKEY_ABI_VERSION 3

/* Longest organization name, and a locator's fixed length, in bytes. */
#define LATCHKEY_ORGANIZATION_MAX 64
#define LATCHKEY_LOCATOR_LENGTH   14

/* Longest endpoint ("unix:" and a path, or host:port), without the final 0. */
#define LATCHKEY_ENDPOINT_MAX 255

/* Longest text of a fault or of a log line, without the final 0. */
#define LATCHKEY_MESSAGE_MAX 511

/* Most bytes that latchkey_prepare() hands over. */
#define LATCHKEY_SECRETS_MAX 65536

/* Buckets of a histogram. */
#define LATCHKEY_HISTOGRAM_BUCKETS 17

/* No deadline is set. */
#define LATCHKEY_NEVER UINT64_MAX


/* Returns LATCHKEY_ABI_VERSION as the library was built with it. */
uint32_t latchkey_abi_version(void);


/* The time of an event, by both clocks that decisions need. */
typedef struct {
    uint64_t boottime_ns; /* CLOCK_BOOTTIME, read for this call: leases and deadlines */
    int64_t unix_ms;      /* milliseconds since 1970 UTC: expiry and last use */
} latchkey_time;


/* A directive of the configuration file, as written: texts end with a 0. */
typedef struct {
    const char *name;
    const char *LATCHKEY_NONNULL const *LATCHKEY_NULLABLE values;
    size_t value_count;
} latchkey_directive;

/* Why a configuration is refused. */
typedef struct {
    size_t directive; /* index of the directive at fault; their count if none is */
    char message[LATCHKEY_MESSAGE_MAX + 1];
} latchkey_fault;

/*
 * Checks a configuration and reads the secrets that it names (pepper, store
 * passwords), which the account of a worker need not be able to read.  Call it
 * in the process that may read them; hand the bytes to latchkey_gateway_new().
 * The caller owns the buffer and wipes it.
 *
 * Returns the number of bytes written to secrets, never 0; or 0 after writing
 * fault.  LATCHKEY_SECRETS_MAX bytes of capacity are always enough.
 */
size_t latchkey_prepare(const latchkey_directive *directives, size_t directive_count,
    size_t capacity, uint8_t *secrets, latchkey_fault *fault);

/*
 * Lists the endpoints that a configuration names, for name resolution ahead of
 * time: "127.0.0.1:6379" or "unix:/run/redis.sock", a line each.
 *
 * Returns the number of bytes written to endpoints, without a final 0; or 0
 * where the configuration is refused or capacity is too small.
 */
size_t latchkey_endpoints(const latchkey_directive *directives, size_t directive_count,
    size_t capacity, char *endpoints);


/* One worker's gatekeeper. */
typedef struct latchkey_gateway latchkey_gateway;

/* Under what name the fleet knows a worker. */
typedef struct {
    const char *host; /* the machine's name, with a 0 behind it */
    uint32_t pid;
} latchkey_process;

/*
 * Makes a gateway from the same directives that latchkey_prepare() checked, and
 * the bytes that it wrote.  The caller owns the gateway and ends it with
 * latchkey_gateway_free().  Returns NULL after writing fault.
 */
latchkey_gateway *LATCHKEY_NULLABLE latchkey_gateway_new(const latchkey_directive *directives, size_t directive_count,
    const uint8_t *secrets, size_t secrets_length, latchkey_process process, latchkey_fault *fault);

/* Ends a gateway and wipes its secrets.  NULL is ignored. */
void latchkey_gateway_free(latchkey_gateway *LATCHKEY_NULLABLE gateway);


typedef enum {
    LATCHKEY_ALLOWED = 0,
    LATCHKEY_MISSING = 1,   /* for the proxy's own use: there is no credential */
    LATCHKEY_AMBIGUOUS = 2, /* for the proxy's own use: there is more than one */
    LATCHKEY_MALFORMED = 3,
    LATCHKEY_FORGED = 4,  /* well formed, and never issued here */
    LATCHKEY_REVOKED = 5, /* issued here, and replaced or revoked since */
    LATCHKEY_EXPIRED = 6,
    LATCHKEY_UNAVAILABLE = 7 /* the store cannot answer, or its record cannot be trusted */
} latchkey_result;

typedef enum {
    LATCHKEY_SOURCE_NONE = 0,  /* decided from the key alone, or not decided by a record */
    LATCHKEY_SOURCE_CACHE = 1, /* known from before, and the store would have told of a change */
    LATCHKEY_SOURCE_STORE = 2,
    LATCHKEY_SOURCE_GRACE = 3 /* known from before, and the store cannot be reached */
} latchkey_source;

/* The answer to a check.  Texts have no final 0; a length of 0 means unknown. */
typedef struct {
    latchkey_result result;
    latchkey_source source;
    uint8_t organization_length;
    uint8_t locator_length;
    char organization[LATCHKEY_ORGANIZATION_MAX];
    char locator[LATCHKEY_LOCATOR_LENGTH]; /* set only where the key was issued here */

    /* for latchkey_stream_open() alone, where the key is allowed */
    uint64_t key;
    int64_t key_until_ms;
} latchkey_decision;

/*
 * Begins the check of a credential.  request is a mark of the caller's, handed
 * back by latchkey_check_next() and never dereferenced.
 *
 * Returns 0 after writing decision; otherwise a ticket, and the decision comes
 * from latchkey_check_next() later, exactly once unless it is cancelled.
 */
uint64_t latchkey_check_begin(latchkey_gateway *gateway, void *LATCHKEY_NULLABLE request,
    const uint8_t *LATCHKEY_NULLABLE credential, size_t credential_length, latchkey_time now,
    latchkey_decision *decision);

/* Forgets a check whose decision was not handed out yet.  Unknown tickets are ignored. */
void latchkey_check_cancel(latchkey_gateway *gateway, uint64_t ticket);

/*
 * Hands out one decision that has become known.  Returns false when there is
 * none.  Call it until then, after every call that takes bytes or time.
 */
bool latchkey_check_next(latchkey_gateway *gateway, void *LATCHKEY_NULLABLE *LATCHKEY_NONNULL request, latchkey_decision *decision);

/* Number of checks that wait for the store. */
size_t latchkey_checks_waiting(const latchkey_gateway *gateway);


/*
 * Tells that a request which was let in is open, so that it can be ended with
 * its key.  decision is the one that allowed it; call this before any other call
 * that takes bytes or time but latchkey_check_begin(): a request that has ended
 * by then need not be told.  request is a mark of the caller's, handed back by
 * latchkey_stream_next() and never dereferenced.
 *
 * Returns a stream, never 0, to be closed with latchkey_stream_close() when the
 * request has ended.
 */
uint64_t latchkey_stream_open(latchkey_gateway *gateway, void *LATCHKEY_NULLABLE request,
    const latchkey_decision *decision);

/* Forgets an open request.  Unknown streams are ignored. */
void latchkey_stream_close(latchkey_gateway *gateway, uint64_t stream);

/*
 * Hands out one open request whose key has been replaced, revoked or has
 * expired: the caller ends it.  Its stream is closed with that; closing it again
 * does no harm.  Returns false when there is none.  Call it until then, after
 * every call that takes bytes or time.
 */
bool latchkey_stream_next(latchkey_gateway *gateway, void *LATCHKEY_NULLABLE *LATCHKEY_NONNULL request);


typedef enum {
    LATCHKEY_LINK_OPEN = 1,  /* connect link to endpoint, then latchkey_link_opened() or _closed() */
    LATCHKEY_LINK_CLOSE = 2, /* close link; no latchkey_link_closed() is expected */
    LATCHKEY_LINK_WRITE = 3  /* bytes wait in latchkey_link_output() */
} latchkey_link_action;

/* What the gateway asks to be done with one of its connections to the store. */
typedef struct {
    uint32_t link; /* small number, reused: an index for the caller's table */
    latchkey_link_action action;
    char endpoint[LATCHKEY_ENDPOINT_MAX + 1]; /* with LATCHKEY_LINK_OPEN only */
} latchkey_link_order;

/* Number of links a gateway may use at once: link numbers are below it. */
#define LATCHKEY_LINKS_MAX 16

/*
 * Hands out the next order.  Returns false when there is none.  Call it until
 * then, after every call that takes bytes or time, and once at the end of each
 * turn of the event loop in which checks began: it is at this moment, or in
 * latchkey_tick() just before, that all reads of the turn are put into one write.
 */
bool latchkey_link_next(latchkey_gateway *gateway, latchkey_time now, latchkey_link_order *order);

/* Tells that a connection is made (TLS included). */
void latchkey_link_opened(latchkey_gateway *gateway, uint32_t link, latchkey_time now);

/* Tells that a connection was lost or could not be made; the caller has closed it. */
void latchkey_link_closed(latchkey_gateway *gateway, uint32_t link, latchkey_time now);

/* Hands over bytes that were received on a link, in order. */
void latchkey_link_received(latchkey_gateway *gateway, uint32_t link,
    const uint8_t *LATCHKEY_NULLABLE bytes, size_t length, latchkey_time now);

/*
 * Moves up to capacity bytes of what is to be written on a link into buffer.
 * Returns their number; 0 when nothing waits.
 */
size_t latchkey_link_output(latchkey_gateway *gateway, uint32_t link,
    size_t capacity, uint8_t *buffer);


/*
 * Lets time pass: overdue checks are answered, dead links given up, due work is
 * begun.  Returns the boottime_ns at which to call again, or LATCHKEY_NEVER.
 * Any other call may bring that time forward, so ask again after each; but not
 * latchkey_check_begin() that decided at once, and not latchkey_stream_open()
 * for such a decision.
 */
uint64_t latchkey_tick(latchkey_gateway *gateway, latchkey_time now);

/*
 * Ends the gateway's trust in what it knows, and puts what is still to be
 * recorded (last uses, that the worker has left) into the output.  Call it when
 * no request will be checked any more, then carry out orders until nothing is
 * left, or for as long as latchkey_unsettled() goes down.
 */
void latchkey_finish(latchkey_gateway *gateway, latchkey_time now);

/* How much is left that the store has not confirmed; 0 if nothing is. */
size_t latchkey_unsettled(const latchkey_gateway *gateway);


/*
 * Durations, counted by their length.  A bucket holds those that are at most as
 * long as its bound and that are in no bucket before it.  The bounds are 100 us,
 * then 2, 5, 10, 20, 50, ... times as long; the last bucket has none.
 */
typedef struct {
    uint64_t counts[LATCHKEY_HISTOGRAM_BUCKETS];
    uint64_t sum_ns;
} latchkey_histogram;

typedef struct {
    /* since the gateway was made: these are only ever added to */
    latchkey_histogram store_wait;   /* of checks that had to wait for the store */
    latchkey_histogram change_delay; /* between a change and its confirmation here */
    uint64_t store_reads;            /* records that were asked for */
    uint64_t data_connections;       /* made: the link on which is asked and written */
    uint64_t data_losses;            /* of those */
    uint64_t news_connections;       /* made: the link on which changes are told */
    uint64_t news_losses;
    uint64_t invalidations;      /* records of which a change was told */
    uint64_t flushes;            /* all records may have changed */
    uint64_t barriers_confirmed; /* changes that this gateway has confirmed */
    uint64_t cache_evictions;
    uint64_t streams_ended; /* handed out by latchkey_stream_next() */

    /* how it stands */
    uint64_t cache_records;
    uint64_t streams_open;
    uint64_t trusted_until_ns; /* boottime_ns at which the lease ends; 0: nothing is trusted */
} latchkey_metrics;

/* Tells what a gateway has counted.  Costs no more than the copying. */
void latchkey_metrics_read(const latchkey_gateway *gateway, latchkey_metrics *metrics);


typedef enum {
    LATCHKEY_LOG_ERROR = 1,
    LATCHKEY_LOG_WARN = 2,
    LATCHKEY_LOG_NOTICE = 3
} latchkey_log_level;

/*
 * Hands out one line for the error log: printable, without key or secret, and of
 * each kind at most one a second.  Returns its length without the final 0, or 0
 * when there is none.  capacity includes the final 0.
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
