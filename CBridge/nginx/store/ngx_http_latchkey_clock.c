
/* The time of an event, as the gateway wants it. */

#include "ngx_http_latchkey.h"


/* Leases must count the time that the machine sleeps, so no cached time. */

latchkey_time
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
