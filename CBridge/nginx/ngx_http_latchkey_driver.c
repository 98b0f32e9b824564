
/*
 * A worker's gateway on nginx's event loop.
 *
 * Whatever touches the gateway (a check, bytes from the store, the timer) posts
 * one event; it runs when the other events of the turn have run and settles the
 * gateway once: decisions go out to their requests, orders to the links.  So
 * the reads of all requests of a turn leave in one write, and no request is
 * resumed or ended within a call of the library or of a link.
 */

#include "ngx_http_latchkey.h"


#define NGX_HTTP_LATCHKEY_SETTLE_ROUNDS 32
#define NGX_HTTP_LATCHKEY_ORDERS        ((ngx_uint_t) 4 * LATCHKEY_LINKS_MAX)
#define NGX_HTTP_LATCHKEY_LOG_LINES     16
#define NGX_HTTP_LATCHKEY_TIMER_MAX     3600000
#define NGX_HTTP_LATCHKEY_EXIT_TIMEOUT  1000


static void ngx_http_latchkey_turn_handler(ngx_event_t *ev);
static void ngx_http_latchkey_timer_handler(ngx_event_t *ev);
static void ngx_http_latchkey_settle(ngx_http_latchkey_worker_t *worker);
static void ngx_http_latchkey_drop_accept_timers(
    ngx_http_latchkey_worker_t *worker);
static ngx_uint_t ngx_http_latchkey_hand_out(
    ngx_http_latchkey_worker_t *worker);
static ngx_uint_t ngx_http_latchkey_obey(ngx_http_latchkey_worker_t *worker,
    latchkey_time now, ngx_uint_t opened);
static void ngx_http_latchkey_log(ngx_http_latchkey_worker_t *worker);
static void ngx_http_latchkey_set_timer(ngx_http_latchkey_worker_t *worker,
    uint64_t deadline);
static void ngx_http_latchkey_drain(ngx_http_latchkey_worker_t *worker);


static ngx_uint_t ngx_http_latchkey_log_levels[] = {
    [LATCHKEY_LOG_ERROR] = NGX_LOG_ERR,
    [LATCHKEY_LOG_WARN] = NGX_LOG_WARN,
    [LATCHKEY_LOG_NOTICE] = NGX_LOG_NOTICE
};


/*
 * A worker that cannot check keys goes on and answers 503: to end it would have
 * the master start it again and again, and would take down what needs no key.
 */

ngx_int_t
ngx_http_latchkey_init_worker(ngx_cycle_t *cycle,
    ngx_http_latchkey_main_conf_t *lmcf)
{
    u_char host[NGX_MAXHOSTNAMELEN];
    uint32_t i;
    latchkey_fault fault;
    latchkey_process process;
    ngx_http_latchkey_worker_t *worker;

    worker = ngx_pcalloc(cycle->pool, sizeof(ngx_http_latchkey_worker_t));
    if (worker == NULL) {
        return NGX_ERROR;
    }

    worker->conf = lmcf;
    worker->log = cycle->log;
    worker->ident = -1;
    worker->nlistening = cycle->listening.nelts;

    if (ngx_http_latchkey_load_library(&worker->library, &lmcf->library,
            fault.message, sizeof(fault.message))
        != NGX_OK)
    {
        goto failed;
    }

    ngx_cpystrn(host, cycle->hostname.data, cycle->hostname.len + 1);

    process.host = (char *) host;
    process.pid = (uint32_t) ngx_pid;

    worker->gateway = worker->library.gateway_new(lmcf->directives.elts,
        lmcf->directives.nelts, lmcf->secrets.data, lmcf->secrets.len,
        process, &fault);

    if (worker->gateway == NULL) {
        goto failed;
    }

    worker->turn.data = worker;
    worker->turn.log = cycle->log;
    worker->turn.handler = ngx_http_latchkey_turn_handler;

    worker->timer.data = worker;
    worker->timer.log = cycle->log;
    worker->timer.handler = ngx_http_latchkey_timer_handler;

    ngx_queue_init(&worker->announcements);

    for (i = 0; i < LATCHKEY_LINKS_MAX; i++) {
        ngx_http_latchkey_link_init(worker, i);
    }

    lmcf->worker = worker;

    /* the event loop would wait for an event before it ran the others */

    ngx_post_event(&worker->turn, &ngx_posted_next_events);

    return NGX_OK;

failed:

    ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
        "latchkey: no key can be checked: %s", fault.message);

    return NGX_ERROR;
}


void
ngx_http_latchkey_exit_worker(ngx_http_latchkey_worker_t *worker)
{
    uint32_t i;

    worker->library.finish(worker->gateway, ngx_http_latchkey_now());

    ngx_http_latchkey_drain(worker);

    for (i = 0; i < LATCHKEY_LINKS_MAX; i++) {
        ngx_http_latchkey_link_close(&worker->links[i]);
    }

    if (worker->turn.posted) {
        ngx_delete_posted_event(&worker->turn);
    }

    if (worker->timer.timer_set) {
        ngx_del_timer(&worker->timer);
    }

    ngx_http_latchkey_publish_metrics();

    worker->library.gateway_free(worker->gateway);
    worker->gateway = NULL;
}


/*
 * Returns NGX_OK if the decision is there, NGX_AGAIN if it comes later.  Only
 * then the gateway has got something to do in this turn.
 */

ngx_int_t
ngx_http_latchkey_begin_check(ngx_http_latchkey_worker_t *worker,
    ngx_http_latchkey_ctx_t *ctx, ngx_str_t *credential)
{
    ctx->ticket = worker->library.check_begin(worker->gateway, ctx,
        credential->data, credential->len, ngx_http_latchkey_now(),
        &ctx->decision);

    if (ctx->ticket == 0) {
        return NGX_OK;
    }

    ngx_http_latchkey_post_turn(worker);

    return NGX_AGAIN;
}


void
ngx_http_latchkey_cancel_check(ngx_http_latchkey_worker_t *worker,
    ngx_http_latchkey_ctx_t *ctx)
{
    worker->library.check_cancel(worker->gateway, ctx->ticket);

    ngx_http_latchkey_post_turn(worker);
}


void
ngx_http_latchkey_post_turn(ngx_http_latchkey_worker_t *worker)
{
    ngx_post_event(&worker->turn, &ngx_posted_events);
}


static void
ngx_http_latchkey_turn_handler(ngx_event_t *ev)
{
    ngx_http_latchkey_settle(ev->data);
}


static void
ngx_http_latchkey_timer_handler(ngx_event_t *ev)
{
    ngx_http_latchkey_post_turn(ev->data);
}


/*
 * To open a stream or to carry out an order is to tell the gateway something (a
 * link opened, or could not be), which may bring decisions and orders again:
 * hence the rounds.  Each begins with the clock; nothing is decided behind that.
 */

static void
ngx_http_latchkey_settle(ngx_http_latchkey_worker_t *worker)
{
    uint64_t deadline;
    ngx_uint_t rounds, opened, busy;
    latchkey_time now;

    rounds = NGX_HTTP_LATCHKEY_SETTLE_ROUNDS;

    if (ngx_exiting && !worker->exiting) {
        worker->exiting = 1;
        ngx_http_latchkey_drop_accept_timers(worker);
    }

    do {
        ngx_http_latchkey_announce_streams(worker);

        now = ngx_http_latchkey_now();

        deadline = worker->library.tick(worker->gateway, now);

        opened = ngx_http_latchkey_hand_out(worker);

        busy = ngx_http_latchkey_obey(worker, now, opened);

    } while (busy && --rounds);

    if (busy) {
        ngx_post_event(&worker->turn, &ngx_posted_next_events);
    }

    ngx_http_latchkey_log(worker);
    ngx_http_latchkey_refresh_metrics();
    ngx_http_latchkey_set_timer(worker, deadline);
}


/*
 * Where descriptors ran out, nginx accepts again when a timer is over.  A worker
 * that was told to end gives the connections that listen back, but leaves these
 * timers in the tree; whoever gets such a connection next, a link to the store
 * say, wipes its event, and the tree is broken.
 */

static void
ngx_http_latchkey_drop_accept_timers(ngx_http_latchkey_worker_t *worker)
{
    ngx_uint_t i;
    ngx_listening_t *ls;
    ngx_connection_t *c;

    ls = ngx_cycle->listening.elts;

    for (i = 0; i < worker->nlistening; i++) {
        c = ls[i].connection;

        if (c && c->fd == (ngx_socket_t) -1 && c->read->timer_set) {
            ngx_log_error(NGX_LOG_INFO, worker->log, 0,
                "latchkey: the timer of a closed %V is dropped",
                &ls[i].addr_text);

            ngx_del_timer(c->read);
        }
    }
}


/* Returns whether streams were opened. */

static ngx_uint_t
ngx_http_latchkey_hand_out(ngx_http_latchkey_worker_t *worker)
{
    void *request;
    ngx_uint_t opened;
    latchkey_decision decision;

    while (worker->library.check_next(worker->gateway, &request, &decision)) {
        ngx_http_latchkey_decided(request, &decision);
    }

    opened = !ngx_queue_empty(&worker->announcements);

    ngx_http_latchkey_announce_streams(worker);

    while (worker->library.stream_next(worker->gateway, &request)) {
        ngx_http_latchkey_post_end(request);
    }

    return opened;
}


/*
 * Returns whether the gateway has to be asked once more.  A write tells it
 * nothing; but what a stream that was just opened brings to be written came
 * behind the deadline.
 */

static ngx_uint_t
ngx_http_latchkey_obey(ngx_http_latchkey_worker_t *worker, latchkey_time now,
    ngx_uint_t opened)
{
    ngx_uint_t n, told;
    latchkey_link_order order;
    ngx_http_latchkey_link_t *link;

    told = 0;

    for (n = 0; n < NGX_HTTP_LATCHKEY_ORDERS; n++) {

        if (!worker->library.link_next(worker->gateway, now, &order)) {
            break;
        }

        link = &worker->links[order.link];

        switch (order.action) {

        case LATCHKEY_LINK_OPEN:
            ngx_http_latchkey_link_open(link, order.endpoint);
            told = 1;
            break;

        case LATCHKEY_LINK_CLOSE:
            ngx_http_latchkey_link_close(link);
            told = 1;
            break;

        case LATCHKEY_LINK_WRITE:
            told |= (ngx_http_latchkey_link_write(link) != NGX_OK) || opened;
            break;
        }
    }

    return told || n == NGX_HTTP_LATCHKEY_ORDERS;
}


static void
ngx_http_latchkey_log(ngx_http_latchkey_worker_t *worker)
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
ngx_http_latchkey_set_timer(ngx_http_latchkey_worker_t *worker,
    uint64_t deadline)
{
    uint64_t now, delay;

    /* a graceful exit waits for requests, but not for pings and reconnects */

    worker->timer.cancelable =
        (worker->library.checks_waiting(worker->gateway) == 0);

    if (worker->timer.timer_set) {

        /* to be woken up early, now and then, costs less than a change a check */

        if (worker->deadline <= deadline) {
            return;
        }

        /* ngx_add_timer() would keep an armed timer if the change is small */

        ngx_del_timer(&worker->timer);
    }

    if (deadline == LATCHKEY_NEVER) {
        return;
    }

    worker->deadline = deadline;

    now = ngx_http_latchkey_now().boottime_ns;
    delay = (deadline > now) ? (deadline - now) / 1000000 + 1 : 1;

    ngx_add_timer(&worker->timer,
        (ngx_msec_t) ngx_min(delay, NGX_HTTP_LATCHKEY_TIMER_MAX));
}


/*
 * The event loop has ended: what is still to be written moves by poll(), for as
 * long as the store goes on taking it.
 */

static void
ngx_http_latchkey_drain(ngx_http_latchkey_worker_t *worker)
{
    size_t n, left;
    uint64_t now, deadline;

    left = NGX_MAX_SIZE_T_VALUE;
    deadline = 0;

    for (;;) {
        ngx_http_latchkey_settle(worker);

        n = worker->library.unconfirmed(worker->gateway);
        now = ngx_http_latchkey_now().boottime_ns / 1000000;

        if (n < left) {
            left = n;
            deadline = now + NGX_HTTP_LATCHKEY_EXIT_TIMEOUT;
        }

        if (n == 0 || now >= deadline) {
            return;
        }

        if (ngx_http_latchkey_links_wait(worker, (ngx_msec_t) (deadline - now))
            != NGX_OK)
        {
            return;
        }
    }
}
