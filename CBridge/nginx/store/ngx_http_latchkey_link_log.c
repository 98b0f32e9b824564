
/*
 * The lines of a link in the error log, and their limit.
 */

#include "ngx_http_latchkey_store.h"


const char *
ngx_http_latchkey_link_peer(ngx_http_latchkey_link_t *link)
{
    return link->order.sentinel ? "sentinel" : "store";
}


/*
 * Limits the log to one line per second while the store is down, and to the first
 * failed attempt of a spare server, such as a sentinel.
 */

void
ngx_http_latchkey_link_limit_log(ngx_http_latchkey_link_t *link)
{
    link->log.log_level = link->worker->log->log_level;

    if (link->worker->logged == ngx_time()
        || (link->order.spare && link->reported))
    {
        link->log.log_level = ngx_min(link->log.log_level, NGX_LOG_ALERT);
    }
}


/* nginx calls this for each line that it writes. */

u_char *
ngx_http_latchkey_link_logged(ngx_log_t *log, u_char *buf, size_t len)
{
    ngx_http_latchkey_link_t *link;

    link = log->data;

    link->reported = 1;
    link->worker->logged = ngx_time();

    return buf;
}
