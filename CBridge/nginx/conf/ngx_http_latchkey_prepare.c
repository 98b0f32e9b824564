
/*
 * The library that will act on a configuration also checks it, but in a child
 * process of its own.  The master must not load the library, because every
 * worker forked from it would then be stuck with that one.
 *
 * The child runs with the master's rights, so it can read the pepper.  The
 * secrets come back with its report and wait in the cycle for the workers.
 */

#include "ngx_http_latchkey_conf.h"

#include <poll.h>


#define NGX_HTTP_LATCHKEY_PREPARE_TIMEOUT 10000
#define NGX_HTTP_LATCHKEY_ENDPOINTS_MAX   65536
#define NGX_HTTP_LATCHKEY_TLS_FILES_MAX   16384

/* latchkey_timeout's default in Configuration.swift, in milliseconds */
#define NGX_HTTP_LATCHKEY_TIMEOUT 500


typedef struct {
    size_t secrets_length; /* 0: refused, see fault */
    size_t endpoints_length;
    size_t tls_files_length; /* 0: no TLS */
    latchkey_fault fault;
    u_char secrets[LATCHKEY_SECRETS_MAX];
    u_char endpoints[NGX_HTTP_LATCHKEY_ENDPOINTS_MAX];
    char tls_files[NGX_HTTP_LATCHKEY_TLS_FILES_MAX];
} ngx_http_latchkey_report_t;


static ngx_int_t ngx_http_latchkey_run_child(ngx_conf_t *cf,
    ngx_http_latchkey_main_conf_t *lmcf, ngx_http_latchkey_report_t *report);
static void ngx_http_latchkey_library_error(ngx_conf_t *cf,
    ngx_http_latchkey_main_conf_t *lmcf, const char *what);
static void ngx_http_latchkey_make_report(ngx_http_latchkey_main_conf_t *lmcf,
    ngx_http_latchkey_report_t *report);
static void ngx_http_latchkey_write_report(ngx_fd_t fd,
    ngx_http_latchkey_report_t *report);
static ngx_int_t ngx_http_latchkey_read_report(ngx_fd_t fd,
    ngx_http_latchkey_report_t *report);
static ngx_int_t ngx_http_latchkey_keep_report(ngx_conf_t *cf,
    ngx_http_latchkey_main_conf_t *lmcf, ngx_http_latchkey_report_t *report);
static void ngx_http_latchkey_keep_timeout(ngx_http_latchkey_main_conf_t *lmcf);
static void ngx_http_latchkey_keep_resolver(ngx_conf_t *cf,
    ngx_http_latchkey_main_conf_t *lmcf);
static ngx_int_t ngx_http_latchkey_keep_tls(ngx_conf_t *cf,
    ngx_http_latchkey_main_conf_t *lmcf, const char *paths);
static void ngx_http_latchkey_free_report(ngx_http_latchkey_report_t *report);
static void ngx_http_latchkey_wipe_secrets(void *data);


ngx_int_t
ngx_http_latchkey_prepare(ngx_conf_t *cf, ngx_http_latchkey_main_conf_t *lmcf)
{
    ngx_int_t rc;
    ngx_http_latchkey_report_t *report;

    report = ngx_calloc(sizeof(ngx_http_latchkey_report_t), cf->log);
    if (report == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_latchkey_run_child(cf, lmcf, report);

    if (rc == NGX_OK) {
        rc = ngx_http_latchkey_keep_report(cf, lmcf, report);
    }

    ngx_http_latchkey_free_report(report);

    return rc;
}


static ngx_int_t
ngx_http_latchkey_run_child(ngx_conf_t *cf, ngx_http_latchkey_main_conf_t *lmcf,
    ngx_http_latchkey_report_t *report)
{
    ngx_fd_t fd[2];
    ngx_int_t rc;
    ngx_pid_t pid;

    if (pipe(fd) == -1) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, ngx_errno, "pipe() failed");
        return NGX_ERROR;
    }

    pid = fork();

    if (pid == 0) {
        ngx_http_latchkey_make_report(lmcf, report);
        ngx_http_latchkey_write_report(fd[1], report);
        ngx_http_latchkey_free_report(report);
        _exit(0);
    }

    (void) close(fd[1]);

    if (pid == -1) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, ngx_errno, "fork() failed");
        (void) close(fd[0]);
        return NGX_ERROR;
    }

    rc = ngx_http_latchkey_read_report(fd[0], report);

    (void) close(fd[0]);

    if (rc == NGX_AGAIN) {
        ngx_http_latchkey_library_error(cf, lmcf, "hung");
        (void) kill(pid, SIGKILL);
    }

    if (rc == NGX_ERROR) {
        ngx_http_latchkey_library_error(cf, lmcf, "failed");
    }

    /* nginx's SIGCHLD handler may have reaped it first: no status is read */

    while (waitpid(pid, NULL, 0) == -1 && ngx_errno == NGX_EINTR) {
        /* void */
    }

    return (rc == NGX_OK) ? NGX_OK : NGX_ERROR;
}


static void
ngx_http_latchkey_library_error(ngx_conf_t *cf,
    ngx_http_latchkey_main_conf_t *lmcf, const char *what)
{
    u_char message[LATCHKEY_MESSAGE_MAX + 1];

    *ngx_snprintf(message, LATCHKEY_MESSAGE_MAX,
        "\"%V\" %s while it checked the configuration: "
        "install the library and the module anew, from one release",
        &lmcf->library, what) = '\0';

    ngx_http_latchkey_setting_error(cf, lmcf,
        ngx_http_latchkey_setting_index(lmcf, "latchkey_library"),
        (char *) message);
}


static void
ngx_http_latchkey_make_report(ngx_http_latchkey_main_conf_t *lmcf,
    ngx_http_latchkey_report_t *report)
{
    size_t n;
    ngx_http_latchkey_library_t library;

    if (ngx_http_latchkey_load_library(&library, &lmcf->library,
            report->fault.message, sizeof(report->fault.message))
        != NGX_OK)
    {
        report->fault.directive = ngx_http_latchkey_setting_index(lmcf,
            "latchkey_library");
        return;
    }

    n = library.prepare(lmcf->directives.elts, lmcf->directives.nelts,
        sizeof(report->secrets), report->secrets, &report->fault);

    if (n == 0) {
        return;
    }

    report->secrets_length = n;
    report->endpoints_length = library.endpoints(lmcf->directives.elts,
        lmcf->directives.nelts, sizeof(report->endpoints),
        (char *) report->endpoints);
    report->tls_files_length = library.tls_files(lmcf->directives.elts,
        lmcf->directives.nelts, sizeof(report->tls_files), report->tls_files);
}


static void
ngx_http_latchkey_write_report(ngx_fd_t fd, ngx_http_latchkey_report_t *report)
{
    u_char *p, *end;
    ssize_t n;

    p = (u_char *) report;
    end = p + sizeof(ngx_http_latchkey_report_t);

    while (p < end) {
        n = write(fd, p, end - p);

        if (n == -1 && ngx_errno == NGX_EINTR) {
            continue;
        }

        if (n <= 0) {
            return;
        }

        p += n;
    }
}


/* Returns NGX_AGAIN if the child is late, NGX_ERROR if it ended too early. */

static ngx_int_t
ngx_http_latchkey_read_report(ngx_fd_t fd, ngx_http_latchkey_report_t *report)
{
    u_char *p, *end;
    ssize_t n;
    uint64_t now, deadline;
    struct pollfd pfd;

    p = (u_char *) report;
    end = p + sizeof(ngx_http_latchkey_report_t);

    pfd.fd = fd;
    pfd.events = POLLIN;

    now = ngx_http_latchkey_now().boottime_ns / 1000000;
    deadline = now + NGX_HTTP_LATCHKEY_PREPARE_TIMEOUT;

    while (p < end) {
        now = ngx_http_latchkey_now().boottime_ns / 1000000;

        if (now >= deadline) {
            return NGX_AGAIN;
        }

        if (poll(&pfd, 1, (int) (deadline - now)) <= 0) {
            continue;
        }

        n = read(fd, p, end - p);

        if (n == -1 && ngx_errno == NGX_EINTR) {
            continue;
        }

        if (n <= 0) {
            return NGX_ERROR;
        }

        p += n;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_latchkey_keep_report(ngx_conf_t *cf,
    ngx_http_latchkey_main_conf_t *lmcf, ngx_http_latchkey_report_t *report)
{
    ngx_pool_cleanup_t *cln;

    if (report->secrets_length == 0) {
        ngx_http_latchkey_setting_error(cf, lmcf, report->fault.directive,
            report->fault.message);
        return NGX_ERROR;
    }

    cln = ngx_pool_cleanup_add(cf->pool, 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    lmcf->secrets.data = ngx_pnalloc(cf->pool, report->secrets_length);
    if (lmcf->secrets.data == NULL) {
        return NGX_ERROR;
    }

    lmcf->secrets.len = report->secrets_length;
    ngx_memcpy(lmcf->secrets.data, report->secrets, report->secrets_length);

    cln->handler = ngx_http_latchkey_wipe_secrets;
    cln->data = &lmcf->secrets;

    ngx_http_latchkey_keep_timeout(lmcf);
    ngx_http_latchkey_keep_resolver(cf, lmcf);

    if (ngx_http_latchkey_resolve_endpoints(cf->pool, &lmcf->endpoints,
            report->endpoints, report->endpoints_length, lmcf->resolver != NULL,
            report->fault.message, sizeof(report->fault.message))
        != NGX_OK)
    {
        ngx_http_latchkey_setting_error(cf, lmcf,
            ngx_http_latchkey_setting_index(lmcf, "latchkey_store"),
            report->fault.message);
        return NGX_ERROR;
    }

    if (report->tls_files_length == 0) {
        return NGX_OK;
    }

    return ngx_http_latchkey_keep_tls(cf, lmcf, report->tls_files);
}


/*
 * latchkey_prepare() has checked the time.  Here it tells a link that timed out from
 * one that the gateway closes for another reason.
 */

static void
ngx_http_latchkey_keep_timeout(ngx_http_latchkey_main_conf_t *lmcf)
{
    ngx_int_t time;
    ngx_str_t text;
    ngx_uint_t i;
    latchkey_directive *directive;

    lmcf->timeout = NGX_HTTP_LATCHKEY_TIMEOUT;

    i = ngx_http_latchkey_setting_index(lmcf, "latchkey_timeout");

    if (i == lmcf->directives.nelts) {
        return;
    }

    directive = lmcf->directives.elts;

    text.data = (u_char *) directive[i].values[0];
    text.len = ngx_strlen(text.data);

    time = ngx_parse_time(&text, 0);

    if (time != NGX_ERROR) {
        lmcf->timeout = time;
    }
}


/* Without a "resolver", nginx makes one that knows no name server. */

static void
ngx_http_latchkey_keep_resolver(ngx_conf_t *cf,
    ngx_http_latchkey_main_conf_t *lmcf)
{
    ngx_http_core_loc_conf_t *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->resolver && clcf->resolver->connections.nelts) {
        lmcf->resolver = clcf->resolver;
    }

    lmcf->resolver_timeout = clcf->resolver_timeout;
    ngx_conf_init_msec_value(lmcf->resolver_timeout, 30000);
}


/* What could not be loaded has been logged: this says where it is named. */

static ngx_int_t
ngx_http_latchkey_keep_tls(ngx_conf_t *cf, ngx_http_latchkey_main_conf_t *lmcf,
    const char *paths)
{
    ngx_uint_t i;
    ngx_http_latchkey_tls_files_t files;

    files.ca = paths;
    files.certificate = files.ca + ngx_strlen(files.ca) + 1;
    files.key = files.certificate + ngx_strlen(files.certificate) + 1;

    lmcf->tls = ngx_http_latchkey_create_tls(cf, &files);

    if (lmcf->tls == NULL) {
        i = ngx_http_latchkey_setting_index(lmcf, "latchkey_store_tls");

        if (i == lmcf->directives.nelts) {
            i = ngx_http_latchkey_setting_index(lmcf, "latchkey_store");
        }

        ngx_http_latchkey_setting_error(cf, lmcf, i,
            "the store cannot be reached with TLS");

        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_http_latchkey_free_report(ngx_http_latchkey_report_t *report)
{
    ngx_explicit_memzero(report, sizeof(ngx_http_latchkey_report_t));
    ngx_free(report);
}


static void
ngx_http_latchkey_wipe_secrets(void *data)
{
    ngx_str_t *secrets = data;

    ngx_explicit_memzero(secrets->data, secrets->len);
}
