
/*
 * The TLS context for the store.  The master, which may read the key, creates it
 * once per configuration, and workers inherit it.
 */

#include "ngx_http_latchkey_store.h"


#if (NGX_SSL)

static ngx_int_t ngx_http_latchkey_trust(ngx_ssl_t *ssl, const char *ca);
static ngx_int_t ngx_http_latchkey_present(ngx_conf_t *cf, ngx_ssl_t *ssl,
    const ngx_http_latchkey_tls_files_t *files);
static ngx_int_t ngx_http_latchkey_file_name(ngx_pool_t *pool,
    const char *file, ngx_str_t *name);


/* Returns NULL after logging the error. */

ngx_ssl_t *
ngx_http_latchkey_create_tls(ngx_conf_t *cf, const ngx_http_latchkey_tls_files_t *files)
{
    ngx_ssl_t *ssl;
    ngx_pool_cleanup_t *cln;

    ssl = ngx_pcalloc(cf->pool, sizeof(ngx_ssl_t));
    if (ssl == NULL) {
        return NULL;
    }

    ssl->log = cf->log;

    if (ngx_ssl_create(ssl, NGX_SSL_TLSv1_2 | NGX_SSL_TLSv1_3, NULL)
        != NGX_OK)
    {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        ngx_ssl_cleanup_ctx(ssl);
        return NULL;
    }

    cln->handler = ngx_ssl_cleanup_ctx;
    cln->data = ssl;

    if (ngx_http_latchkey_trust(ssl, files->ca) != NGX_OK
        || ngx_http_latchkey_present(cf, ssl, files) != NGX_OK
        || ngx_ssl_client_session_cache(cf, ssl, 1) != NGX_OK)
    {
        return NULL;
    }

    return ssl;
}


/*
 * Verifies the certificate within the handshake, which an untrusted peer never
 * completes.  nginx's own callback would accept any certificate.
 */

static ngx_int_t
ngx_http_latchkey_trust(ngx_ssl_t *ssl, const char *ca)
{
    int rc;

    SSL_CTX_set_verify(ssl->ctx, SSL_VERIFY_PEER, NULL);

    if (*ca) {
        rc = SSL_CTX_load_verify_locations(ssl->ctx, ca, NULL);

    } else {
        rc = SSL_CTX_set_default_verify_paths(ssl->ctx);
    }

    if (rc == 0) {
        ngx_ssl_error(NGX_LOG_EMERG, ssl->log, 0,
            "cannot load trusted certificates \"%s\"", ca);
        return NGX_ERROR;
    }

    /* both may leave errors in the queue although they succeed */

    ERR_clear_error();

    return NGX_OK;
}


static ngx_int_t
ngx_http_latchkey_present(ngx_conf_t *cf, ngx_ssl_t *ssl,
    const ngx_http_latchkey_tls_files_t *files)
{
    ngx_str_t certificate, key, *password;
    ngx_array_t *passwords;

    if (*files->certificate == '\0') {
        return NGX_OK;
    }

    /* one empty password, or OpenSSL would prompt on the terminal */

    passwords = ngx_array_create(cf->pool, 1, sizeof(ngx_str_t));
    if (passwords == NULL) {
        return NGX_ERROR;
    }

    password = ngx_array_push(passwords);
    if (password == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(password, "");

    if (ngx_http_latchkey_file_name(cf->pool, files->certificate, &certificate)
            != NGX_OK
        || ngx_http_latchkey_file_name(cf->pool, files->key, &key) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_ssl_certificate(cf, ssl, &certificate, &key, passwords);
}


/* nginx keeps a certificate's name for as long as the certificate. */

static ngx_int_t
ngx_http_latchkey_file_name(ngx_pool_t *pool, const char *file,
    ngx_str_t *name)
{
    ngx_str_t text;

    text.len = ngx_strlen(file) + 1;
    text.data = (u_char *) file;

    name->len = text.len - 1;
    name->data = ngx_pstrdup(pool, &text);

    return name->data ? NGX_OK : NGX_ERROR;
}

#else

ngx_ssl_t *
ngx_http_latchkey_create_tls(ngx_conf_t *cf, const ngx_http_latchkey_tls_files_t *files)
{
    ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
        "this nginx was built without TLS, which the store needs: "
        "use one that was built with --with-http_ssl_module");

    return NULL;
}

#endif
