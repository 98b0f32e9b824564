/*
 * A gateway that orders more kinds of links than Latchkey's own does today: all that
 * there may be and one too many, one with TLS, one to nobody and one to an unknown
 * name.  It decides nothing, and logs what it is told of its links.  For each check
 * it sends many PINGs on the first one, and a last one there a while after it has
 * ended.  With REOPEN it opens links anew that reach nobody.
 */

#include "latchkey.h"

#include <stdio.h>
#include <string.h>

enum {
    SECURE = 1,
    TO_NOBODY = 2,
    UNRESOLVED = 3,
    COUNT = LATCHKEY_LINKS_MAX + 1,
    PINGS_OF_CHECK = 600,
    LAST_AFTER_NS = 200 * 1000 * 1000,
    LINES_MAX = 4 * COUNT
};

static const char PING[] = "PING\r\n";

struct latchkey_gateway {
    char endpoint[LATCHKEY_ENDPOINT_MAX + 1];
    uint32_t ordered; /* links that were opened */
    bool failed[COUNT];
    bool opened[COUNT];
    size_t output[COUNT];   /* bytes of PINGs to be written */
    bool is_ordered[COUNT]; /* the order for that has been handed out */
    void *check;            /* that waits: one at a time */
    size_t unanswered;
    size_t answered;
    bool ends;
    uint64_t last_at; /* when the last PING is due, or 0 */
    char lines[LINES_MAX][64];
    size_t written, read;
};

static struct latchkey_gateway the_gateway;

static void
say(const char *what, uint32_t link, unsigned number)
{
    if (the_gateway.written < LINES_MAX) {
        snprintf(the_gateway.lines[the_gateway.written++], 64, "link %u %s %u", link, what, number);
    }
}

static void
ping(uint32_t link, size_t count)
{
    the_gateway.output[link] += count * (sizeof(PING) - 1);
    the_gateway.unanswered += count;
}

uint32_t
latchkey_abi_version(void)
{
    return LATCHKEY_ABI_VERSION;
}

size_t
latchkey_prepare(const latchkey_directive *directives, size_t directive_count, size_t capacity, uint8_t *secrets,
    latchkey_fault *fault)
{
    secrets[0] = 0;
    return 1;
}

size_t
latchkey_endpoints(const latchkey_directive *directives, size_t directive_count, size_t capacity, char *endpoints)
{
    for (size_t i = 0; i < directive_count; i++) {
        if (strcmp(directives[i].name, "latchkey_store") == 0) {
            return (size_t) snprintf(endpoints, capacity, "%s\n", directives[i].values[0]);
        }
    }
    return 0;
}

size_t
latchkey_tls_files(const latchkey_directive *directives, size_t directive_count, size_t capacity, char *files)
{
    return 0;
}

latchkey_gateway *
latchkey_gateway_new(const latchkey_directive *directives, size_t directive_count, const uint8_t *secrets,
    size_t secrets_length, latchkey_process process, latchkey_fault *fault)
{
    char line[LATCHKEY_ENDPOINT_MAX + 2];
    size_t length = latchkey_endpoints(directives, directive_count, sizeof(line), line);
    memcpy(the_gateway.endpoint, line, length - 1);
    return &the_gateway;
}

void
latchkey_gateway_free(latchkey_gateway *gateway)
{
}

uint64_t
latchkey_check_begin(latchkey_gateway *gateway, void *data, const uint8_t *credential, size_t credential_length,
    latchkey_time now, latchkey_decision *decision)
{
    ping(0, PINGS_OF_CHECK);
    gateway->check = data;
    return 1;
}

void
latchkey_check_cancel(latchkey_gateway *gateway, uint64_t ticket)
{
    gateway->check = NULL;
}

bool
latchkey_check_next(latchkey_gateway *gateway, void **data, latchkey_decision *decision)
{
    if (gateway->check == NULL) {
        return false;
    }
    *data = gateway->check;
    gateway->check = NULL;
    memset(decision, 0, sizeof(*decision));
    decision->result = LATCHKEY_UNAVAILABLE;
    return true;
}

size_t
latchkey_checks_waiting(const latchkey_gateway *gateway)
{
    return 0;
}

uint64_t
latchkey_stream_open(latchkey_gateway *gateway, void *data, const latchkey_decision *decision)
{
    return 1;
}

void
latchkey_stream_close(latchkey_gateway *gateway, uint64_t stream)
{
}

bool
latchkey_stream_next(latchkey_gateway *gateway, void **data)
{
    return false;
}

static void
open_link(uint32_t link, latchkey_link_order *order)
{
    order->link = link;
    order->action = LATCHKEY_LINK_OPEN;
    order->secure = link == SECURE;
    strcpy(order->name, order->secure ? "store.example" : "");
    strcpy(order->endpoint, link == TO_NOBODY ? "unix:/nobody/listens/here.sock" : link == UNRESOLVED ? "nobody.invalid:6379"
                                                                                                      : the_gateway.endpoint);
}

bool
latchkey_link_next(latchkey_gateway *gateway, latchkey_time now, latchkey_link_order *order)
{
    memset(order, 0, sizeof(*order));
    if (gateway->ordered < COUNT) {
        open_link(gateway->ordered++, order);
        return true;
    }
    for (uint32_t link = 0; link < COUNT; link++) {
        if (gateway->failed[link]) {
            gateway->failed[link] = false;
            open_link(link, order);
            return true;
        }
        if (gateway->output[link] > 0 && !gateway->is_ordered[link]) {
            gateway->is_ordered[link] = true;
            order->link = link;
            order->action = LATCHKEY_LINK_WRITE;
            return true;
        }
    }
    return false;
}

void
latchkey_link_opened(latchkey_gateway *gateway, uint32_t link, latchkey_time now)
{
    gateway->opened[link] = true;
    ping(link, 1);
}

void
latchkey_link_closed(latchkey_gateway *gateway, uint32_t link, latchkey_time now, latchkey_link_failure failure)
{
    gateway->opened[link] = false;
    say("failed:", link, failure);
#ifdef REOPEN
    gateway->failed[link] = failure == LATCHKEY_FAILURE_UNREACHABLE && link != TO_NOBODY;
#endif
}

void
latchkey_link_received(latchkey_gateway *gateway, uint32_t link, const uint8_t *bytes, size_t length, latchkey_time now)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == '\n') {
            gateway->answered++;
            gateway->unanswered--;
        }
    }
    if (gateway->unanswered == 0) {
        say(gateway->ends ? "answers last of" : "is ready, with", link, (unsigned) gateway->answered);
        gateway->answered = 0;
    }
}

size_t
latchkey_link_output(latchkey_gateway *gateway, uint32_t link, size_t capacity, uint8_t *buffer)
{
    size_t length = 0;
    size_t ping = sizeof(PING) - 1;
    for (; length < capacity && gateway->output[link] > 0; gateway->output[link]--) {
        buffer[length++] = (uint8_t) PING[(ping - gateway->output[link] % ping) % ping];
    }
    if (gateway->output[link] == 0) {
        gateway->is_ordered[link] = false;
    }
    return length;
}

uint64_t
latchkey_tick(latchkey_gateway *gateway, latchkey_time now)
{
    if (gateway->last_at > 0 && gateway->last_at <= now.boottime_ns) {
        gateway->last_at = 0;
        gateway->unanswered--;
        ping(0, 1);
    }
    if (gateway->last_at > 0) {
        return gateway->last_at;
    }
    return gateway->read == gateway->written ? LATCHKEY_NEVER : now.boottime_ns + 1000000;
}

void
latchkey_finish(latchkey_gateway *gateway, latchkey_time now)
{
    gateway->ends = true;
    gateway->last_at = now.boottime_ns + LAST_AFTER_NS;
    gateway->unanswered++;
    for (uint32_t link = 0; link < COUNT; link++) {
        if (gateway->opened[link]) {
            ping(link, 1);
        }
    }
}

size_t
latchkey_unconfirmed(const latchkey_gateway *gateway)
{
    return gateway->unanswered;
}

void
latchkey_metrics_read(const latchkey_gateway *gateway, latchkey_metrics *metrics)
{
    memset(metrics, 0, sizeof(*metrics));
}

size_t
latchkey_log_next(latchkey_gateway *gateway, size_t capacity, latchkey_log_level *level, char *line)
{
    if (gateway->read == gateway->written) {
        return 0;
    }
    *level = LATCHKEY_LOG_NOTICE;
    return (size_t) snprintf(line, capacity, "%s", gateway->lines[gateway->read++]);
}
