
/*
 * TLS on a link: the handshake before the first byte, and the session that
 * shortens the next handshake.
 *
 * ngx_ssl_handshake() of nginx sets its own handler for c->read and c->write while
 * it waits.  The link restores its own, so that the limit of its log applies to all
 * events.
 */

#include "ngx_http_latchkey_store.h"


#if (NGX_SSL)

/* A handshake takes about ten, and Redis sends two tickets after it. */
#define NGX_HTTP_LATCHKEY_TLS_MESSAGES 64

static ngx_int_t ngx_http_latchkey_link_require(ngx_http_latchkey_link_t *link);
static void ngx_http_latchkey_link_save_session(ngx_connection_t *c);
static void ngx_http_latchkey_link_count_message(int sent, int version,
    int type, const void *message, size_t len, SSL *ssl, void *data);
static u_char *ngx_http_latchkey_link_log_handler(ngx_log_t *log, u_char *buf,
    size_t len);


ngx_int_t
ngx_http_latchkey_link_start_tls(ngx_http_latchkey_link_t *link)
{
    ngx_connection_t *c;

    c = link->connection;

    link->log.handler = ngx_http_latchkey_link_log_handler;
    link->log.action = "connecting";

    /* without NGX_SSL_BUFFER, as c->send() must not keep bytes back */

    if (ngx_ssl_create_connection(link->worker->tls, c, NGX_SSL_CLIENT)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    c->ssl->save_session = ngx_http_latchkey_link_save_session;

#ifdef SSL_OP_NO_RENEGOTIATION
    SSL_set_options(c->ssl->connection, SSL_OP_NO_RENEGOTIATION);
#endif

    SSL_set_msg_callback(c->ssl->connection,
        ngx_http_latchkey_link_count_message);
    SSL_set_msg_callback_arg(c->ssl->connection, link);

    if (ngx_http_latchkey_link_require(link) != NGX_OK) {
        ngx_ssl_error(NGX_LOG_ERR, c->log, 0, "latchkey: no TLS");
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* Sets the expected server.  A name is also sent to it (SNI), an address is not. */

static ngx_int_t
ngx_http_latchkey_link_require(ngx_http_latchkey_link_t *link)
{
    SSL *ssl;
    u_char address[sizeof(struct in6_addr)];
    const char *name;
    X509_VERIFY_PARAM *param;

    ssl = link->connection->ssl->connection;
    name = link->order.name;
    param = SSL_get0_param(ssl);

    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);

    if (inet_pton(AF_INET, name, address) == 1) {
        if (X509_VERIFY_PARAM_set1_ip(param, address, 4) != 1) {
            return NGX_ERROR;
        }

    } else if (inet_pton(AF_INET6, name, address) == 1) {
        if (X509_VERIFY_PARAM_set1_ip(param, address, 16) != 1) {
            return NGX_ERROR;
        }

    } else if (*name == '\0'
        || X509_VERIFY_PARAM_set1_host(param, name, 0) != 1
        || SSL_set_tlsext_host_name(ssl, name) != 1)
    {
        return NGX_ERROR;
    }

    if (link->session && SSL_set_session(ssl, link->session) != 1) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* Returns NGX_AGAIN if in progress, NGX_ERROR after writing failure. */

ngx_int_t
ngx_http_latchkey_link_handshake(ngx_http_latchkey_link_t *link,
    latchkey_link_failure *failure)
{
    ngx_int_t rc;
    ngx_connection_t *c;

    c = link->connection;

    link->messages = 0;

    rc = ngx_ssl_handshake(c);

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (SSL_get_verify_result(c->ssl->connection) != X509_V_OK) {
        *failure = LATCHKEY_FAILURE_UNTRUSTED;
        rc = NGX_ERROR;

    } else {
        *failure = LATCHKEY_FAILURE_TLS;
    }

    if (rc != NGX_OK) {
        ngx_http_latchkey_link_forget_session(link);
        return NGX_ERROR;
    }

    link->log.action = "talking";

    return NGX_OK;
}


/* A server without TLS is often silent until the gateway gives the link up. */

void
ngx_http_latchkey_link_log_handshake(ngx_http_latchkey_link_t *link)
{
    ngx_connection_t *c;

    c = link->connection;

    if (c && c->ssl && !c->ssl->handshaked
        && ngx_http_latchkey_link_has_lasted(link, 1))
    {
        ngx_http_latchkey_link_limit_log(link);

        ngx_log_error(NGX_LOG_ERR, c->log, 0,
            "latchkey: TLS handshake timed out: "
            "is this a port with TLS?");
    }
}


/*
 * The handshake may be unfinished.  No close_notify is sent, because it could block,
 * and the messages of Redis' protocol show where they end.
 */

void
ngx_http_latchkey_link_end_tls(ngx_http_latchkey_link_t *link)
{
    ngx_connection_t *c;

    c = link->connection;

    if (c->ssl == NULL) {
        return;
    }

    c->ssl->no_wait_shutdown = 1;
    c->ssl->no_send_shutdown = 1;

    (void) ngx_ssl_shutdown(c);
}


/* With TLS 1.3 a ticket may arrive at any time after the handshake. */

static void
ngx_http_latchkey_link_save_session(ngx_connection_t *c)
{
    ngx_http_latchkey_link_t *link;

    link = c->data;

    ngx_http_latchkey_link_forget_session(link);

    link->session = ngx_ssl_get_session(c);
}


/*
 * SSL_read() returns only with data, or when the socket is empty.  A server that
 * keeps sending tickets or key updates would block the whole worker.  So would one
 * that keeps sending HelloRequest in place of a handshake, before it is verified.
 */

static void
ngx_http_latchkey_link_count_message(int sent, int version, int type,
    const void *message, size_t len, SSL *ssl, void *data)
{
    ngx_http_latchkey_link_t *link;

    link = data;

    if (sent || type != SSL3_RT_HANDSHAKE) {
        return;
    }

    if (++link->messages == NGX_HTTP_LATCHKEY_TLS_MESSAGES + 1) {
        (void) shutdown(link->connection->fd, SHUT_RDWR);
    }
}


void
ngx_http_latchkey_link_forget_session(ngx_http_latchkey_link_t *link)
{
    if (link->session) {
        ngx_ssl_free_session(link->session);
        link->session = NULL;
    }
}


static u_char *
ngx_http_latchkey_link_log_handler(ngx_log_t *log, u_char *buf, size_t len)
{
    long result;
    u_char *p;
    ngx_connection_t *c;
    ngx_http_latchkey_link_t *link;

    link = log->data;
    c = link->connection;
    p = ngx_http_latchkey_link_logged(log, buf, len);

    result = (c && c->ssl) ? SSL_get_verify_result(c->ssl->connection)
                           : X509_V_OK;

    if (result != X509_V_OK) {
        p = ngx_snprintf(p, len, ": %s",
            X509_verify_cert_error_string(result));
        len -= p - buf;
    }

    return ngx_snprintf(p, len, " while %s to the %s at %V, name: \"%s\"",
        log->action, ngx_http_latchkey_link_peer(link), &link->address.name,
        link->order.name);
}

#else

ngx_int_t
ngx_http_latchkey_link_start_tls(ngx_http_latchkey_link_t *link)
{
    return NGX_ERROR;
}


ngx_int_t
ngx_http_latchkey_link_handshake(ngx_http_latchkey_link_t *link,
    latchkey_link_failure *failure)
{
    *failure = LATCHKEY_FAILURE_TLS;

    return NGX_ERROR;
}


void
ngx_http_latchkey_link_log_handshake(ngx_http_latchkey_link_t *link)
{
}


void
ngx_http_latchkey_link_end_tls(ngx_http_latchkey_link_t *link)
{
}


void
ngx_http_latchkey_link_forget_session(ngx_http_latchkey_link_t *link)
{
}

#endif
