
/*
 * What drives a worker's gateway on nginx's event loop.
 *
 * Whatever gives the gateway work (a check, bytes from the store, the timer)
 * posts one event, the turn; it is handled when the other events of this turn
 * of the loop have run, and then the gateway is driven once: decisions go out to
 * their requests, orders to the links.  So the reads of all requests of a turn
 * leave in one write, and no request is resumed or ended within a call of the
 * library or of a link.
 */

#include "ngx_http_latchkey_module.h"
#include "ngx_http_latchkey_metrics.h"
#include "ngx_http_latchkey_ctx.h"


#define NGX_HTTP_LATCHKEY_ROUNDS       32
#define NGX_HTTP_LATCHKEY_ORDERS       ((ngx_uint_t) 4 * LATCHKEY_LINKS_MAX)
#define NGX_HTTP_LATCHKEY_LOG_LINES    16
#define NGX_HTTP_LATCHKEY_TIMER_MAX    3600000
#define NGX_HTTP_LATCHKEY_EXIT_TIMEOUT 1000


typedef struct {
    ngx_http_latchkey_worker_t worker; /* first, as others hold a pointer to it alone */
    ngx_http_latchkey_links_t links;

    uint64_t due;      /* the gateway's next deadline */
    ngx_event_t timer; /* for that, or earlier */
    uint64_t deadline; /* that the timer is set for */

    ngx_connection_t dumb; /* the timer's data: debug logs read its fd */

    ngx_uint_t nlistening; /* nginx's own count is 0 once they are closed */
    unsigned exiting:1;    /* and their timers have been dropped */
} ngx_http_latchkey_driver_t;


static void ngx_http_latchkey_timer_handler(ngx_event_t *ev);
static void ngx_http_latchkey_drive(ngx_event_t *ev);
static void ngx_http_latchkey_drop_accept_timers(
    ngx_http_latchkey_driver_t *driver);
static ngx_uint_t ngx_http_latchkey_hand_out(
    ngx_http_latchkey_worker_t *worker);
static ngx_uint_t ngx_http_latchkey_carry_out(
    ngx_http_latchkey_driver_t *driver, latchkey_time now, ngx_uint_t opened);
static void ngx_http_latchkey_write_log(ngx_http_latchkey_worker_t *worker);
static void ngx_http_latchkey_set_timer(ngx_http_latchkey_driver_t *driver,
    uint64_t deadline);
static ngx_msec_t ngx_http_latchkey_delay(uint64_t now, uint64_t deadline);
static void ngx_http_latchkey_drain(ngx_http_latchkey_driver_t *driver);


static ngx_uint_t ngx_http_latchkey_log_levels[] = {
    [LATCHKEY_LOG_ERROR] = NGX_LOG_ERR,
    [LATCHKEY_LOG_WARN] = NGX_LOG_WARN,
    [LATCHKEY_LOG_NOTICE] = NGX_LOG_NOTICE
};


/*
 * A worker that cannot check keys stays up and answers 503.  If it ended, the
 * master would start it again and again, and requests that need no key would
 * fail as well.
 */

ngx_int_t
ngx_http_latchkey_init_worker(ngx_cycle_t *cycle,
    ngx_http_latchkey_main_conf_t *lmcf)
{
    latchkey_fault fault;
    ngx_http_latchkey_driver_t *driver;
    ngx_http_latchkey_worker_t *worker;

    driver = ngx_pcalloc(cycle->pool, sizeof(ngx_http_latchkey_driver_t));
    if (driver == NULL) {
        return NGX_ERROR;
    }

    worker = &driver->worker;

    worker->endpoints = &lmcf->endpoints;
    worker->resolver = lmcf->resolver;
    worker->resolver_timeout = lmcf->resolver_timeout;
    worker->timeout = lmcf->timeout;
    worker->tls = lmcf->tls;
    worker->log = cycle->log;

    if (ngx_http_latchkey_create_gateway(worker, &lmcf->library,
            &lmcf->directives, &lmcf->secrets, &cycle->hostname, &fault)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
            "latchkey: no key can be checked: %s", fault.message);
        return NGX_ERROR;
    }

    worker->turn.data = driver;
    worker->turn.log = cycle->log;
    worker->turn.handler = ngx_http_latchkey_drive;

    driver->dumb.fd = (ngx_socket_t) -1;
    driver->dumb.data = driver;

    driver->timer.data = &driver->dumb;
    driver->timer.log = cycle->log;
    driver->timer.handler = ngx_http_latchkey_timer_handler;

    driver->nlistening = cycle->listening.nelts;

    driver->links.worker = worker;
    driver->links.pool = cycle->pool;

    lmcf->worker = worker;

    /* an event in ngx_posted_events would wait until something else happens */

    ngx_post_event(&worker->turn, &ngx_posted_next_events);

    return NGX_OK;
}


void
ngx_http_latchkey_exit_worker(ngx_http_latchkey_worker_t *worker)
{
    ngx_http_latchkey_driver_t *driver;

    driver = (ngx_http_latchkey_driver_t *) worker;

    ngx_http_latchkey_finish(worker);

    ngx_http_latchkey_drain(driver);

    ngx_http_latchkey_links_close(&driver->links);

    if (driver->timer.timer_set) {
        ngx_del_timer(&driver->timer);
    }

    ngx_http_latchkey_publish_metrics();

    ngx_http_latchkey_free_gateway(worker);
}


static void
ngx_http_latchkey_timer_handler(ngx_event_t *ev)
{
    ngx_connection_t *c;
    ngx_http_latchkey_driver_t *driver;

    c = ev->data;
    driver = c->data;

    ngx_http_latchkey_post_turn(&driver->worker);
}


/*
 * Announcing a stream or carrying out an order (a link opened, or failed to) may
 * bring further decisions and orders: hence the rounds.  Each reads the clock
 * first, so that no decision rests on an old time.
 */

static void
ngx_http_latchkey_drive(ngx_event_t *ev)
{
    uint64_t deadline;
    ngx_uint_t rounds, opened, busy;
    latchkey_time now;
    ngx_http_latchkey_driver_t *driver;
    ngx_http_latchkey_worker_t *worker;

    driver = ev->data;
    worker = &driver->worker;
    rounds = NGX_HTTP_LATCHKEY_ROUNDS;

    if (ngx_exiting && !driver->exiting) {
        driver->exiting = 1;
        ngx_http_latchkey_drop_accept_timers(driver);
    }

    do {
        deadline = ngx_http_latchkey_tick(worker, &now);

        opened = ngx_http_latchkey_hand_out(worker);

        busy = ngx_http_latchkey_carry_out(driver, now, opened);

    } while (busy && --rounds);

    if (busy) {
        ngx_post_event(&worker->turn, &ngx_posted_next_events);
    }

    ngx_http_latchkey_write_log(worker);
    ngx_http_latchkey_refresh_metrics();
    ngx_http_latchkey_set_timer(driver, deadline);
}


/*
 * Once it has run out of descriptors, nginx accepts again when a timer expires.
 * A worker that begins to exit frees its listening connections, but leaves these
 * timers in the tree.  The next owner of such a connection, such as a link to
 * the store, would clear its event and so break the tree.
 */

static void
ngx_http_latchkey_drop_accept_timers(ngx_http_latchkey_driver_t *driver)
{
    ngx_uint_t i;
    ngx_listening_t *ls;
    ngx_connection_t *c;

    ls = ngx_cycle->listening.elts;

    for (i = 0; i < driver->nlistening; i++) {
        c = ls[i].connection;

        if (c && c->fd == (ngx_socket_t) -1 && c->read->timer_set) {
            ngx_log_error(NGX_LOG_INFO, driver->worker.log, 0,
                "latchkey: dropped the timer of the closed socket %V",
                &ls[i].addr_text);

            ngx_del_timer(c->read);
        }
    }
}


/* Returns whether streams were announced. */

static ngx_uint_t
ngx_http_latchkey_hand_out(ngx_http_latchkey_worker_t *worker)
{
    void *ctx;
    ngx_uint_t opened;
    latchkey_decision decision;

    while (worker->library.check_next(worker->gateway, &ctx, &decision)) {
        ngx_http_latchkey_deliver(ctx, &decision);
    }

    opened = ngx_http_latchkey_announce_streams(worker);

    while (worker->library.stream_next(worker->gateway, &ctx)) {
        ngx_http_latchkey_post_end(ctx);
    }

    return opened;
}


/*
 * Returns whether the gateway must be driven once more.  A write does not change
 * its state.  But if streams have just been announced, the output they caused is
 * newer than the deadline.
 */

static ngx_uint_t
ngx_http_latchkey_carry_out(ngx_http_latchkey_driver_t *driver,
    latchkey_time now, ngx_uint_t opened)
{
    ngx_uint_t n, again;
    latchkey_link_order order;
    ngx_http_latchkey_link_t *link;
    ngx_http_latchkey_worker_t *worker;

    worker = &driver->worker;
    again = 0;

    for (n = 0; n < NGX_HTTP_LATCHKEY_ORDERS; n++) {

        if (!worker->library.link_next(worker->gateway, now, &order)) {
            break;
        }

        link = ngx_http_latchkey_links_get(&driver->links, order.link);

        if (link == NULL) {
            ngx_http_latchkey_notify_closed(worker, order.link,
                LATCHKEY_FAILURE_EXHAUSTED);
            again = 1;
            continue;
        }

        switch (order.action) {

        case LATCHKEY_LINK_OPEN:
            ngx_http_latchkey_link_open(link, &order, now);
            again = 1;
            break;

        case LATCHKEY_LINK_CLOSE:
            ngx_http_latchkey_link_give_up(link);
            again = 1;
            break;

        case LATCHKEY_LINK_WRITE:
            again |= (ngx_http_latchkey_link_write(link) != NGX_OK) || opened;
            break;
        }
    }

    return again || n == NGX_HTTP_LATCHKEY_ORDERS;
}


static void
ngx_http_latchkey_write_log(ngx_http_latchkey_worker_t *worker)
{
    char line[LATCHKEY_MESSAGE_MAX + 1];
    ngx_uint_t n;
    latchkey_log_level severity;

    for (n = 0; n < NGX_HTTP_LATCHKEY_LOG_LINES; n++) {

        if (worker->library.log_next(worker->gateway, sizeof(line), &severity,
                line)
            == 0)
        {
            return;
        }

        ngx_log_error(ngx_http_latchkey_log_levels[severity], worker->log, 0,
            "latchkey: %s", line);
    }
}


static void
ngx_http_latchkey_set_timer(ngx_http_latchkey_driver_t *driver,
    uint64_t deadline)
{
    ngx_http_latchkey_worker_t *worker;

    worker = &driver->worker;
    driver->due = deadline;

    /* a graceful exit waits for requests, but not for pings and reconnects */

    driver->timer.cancelable =
        (worker->library.checks_waiting(worker->gateway) == 0);

    if (driver->timer.timer_set) {

        /* an early wake-up now and then costs less than a change per check */

        if (driver->deadline <= deadline) {
            return;
        }

        /* ngx_add_timer() would keep an armed timer if the change is small */

        ngx_del_timer(&driver->timer);
    }

    if (deadline == LATCHKEY_NEVER) {
        return;
    }

    driver->deadline = deadline;

    ngx_add_timer(&driver->timer,
        ngx_http_latchkey_delay(ngx_http_latchkey_now().boottime_ns, deadline));
}


static ngx_msec_t
ngx_http_latchkey_delay(uint64_t now, uint64_t deadline)
{
    uint64_t delay;

    delay = (deadline > now) ? (deadline - now) / 1000000 + 1 : 1;

    return (ngx_msec_t) ngx_min(delay, NGX_HTTP_LATCHKEY_TIMER_MAX);
}


/*
 * The event loop has ended, and its timers with it.  What is left to write moves by
 * poll(), for as long as the store keeps accepting it.
 */

static void
ngx_http_latchkey_drain(ngx_http_latchkey_driver_t *driver)
{
    size_t n, left;
    uint64_t now, deadline;
    ngx_http_latchkey_worker_t *worker;

    worker = &driver->worker;
    left = NGX_MAX_SIZE_T_VALUE;
    deadline = 0;

    /* replies to lookups would come through the event loop */

    worker->resolver = NULL;

    for (;;) {
        ngx_http_latchkey_drive(&worker->turn);

        n = worker->library.unconfirmed(worker->gateway);
        now = ngx_http_latchkey_now().boottime_ns;

        if (n < left) {
            left = n;
            deadline = now + NGX_HTTP_LATCHKEY_EXIT_TIMEOUT * 1000000ull;
        }

        if (n == 0 || now >= deadline) {
            return;
        }

        ngx_http_latchkey_links_wait(&driver->links,
            ngx_http_latchkey_delay(now, ngx_min(deadline, driver->due)));
    }
}
