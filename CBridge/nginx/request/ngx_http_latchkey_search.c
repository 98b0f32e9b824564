
/*
 * How a key is found in a request.  The search covers all places and does not
 * stop at the first key: the application behind nginx might use another one.
 */

#include "ngx_http_latchkey_ctx.h"


typedef struct {
    ngx_int_t count;
    ngx_uint_t source; /* of the last key found */
    ngx_str_t value;
} ngx_http_latchkey_finding_t;


static void ngx_http_latchkey_search_headers(ngx_http_request_t *r,
    ngx_array_t *credentials, ngx_http_latchkey_finding_t *finding);
static void ngx_http_latchkey_search_header(
    ngx_http_latchkey_credential_t *credential, ngx_str_t *text,
    ngx_http_latchkey_finding_t *finding);
static ngx_int_t ngx_http_latchkey_search_query(ngx_http_request_t *r,
    ngx_array_t *credentials, ngx_http_latchkey_finding_t *finding);
static void ngx_http_latchkey_search_pairs(
    ngx_http_latchkey_credential_t *credential, u_char *p, u_char *end,
    u_char separator, ngx_http_latchkey_finding_t *finding);
static void ngx_http_latchkey_found(ngx_http_latchkey_finding_t *finding,
    ngx_uint_t source, u_char *start, u_char *end);
static u_char *ngx_http_latchkey_next_pair(u_char *p, u_char *end,
    u_char separator, ngx_str_t *name, ngx_str_t *value);
static ngx_int_t ngx_http_latchkey_redact_line_argument(ngx_http_request_t *r,
    ngx_str_t *name);
static ngx_int_t ngx_http_latchkey_redact_referer_argument(ngx_http_request_t *r,
    ngx_str_t *name);
static ngx_int_t ngx_http_latchkey_redact_argument(ngx_http_request_t *r, ngx_str_t *text,
    u_char terminator, ngx_str_t *name);
static ngx_int_t ngx_http_latchkey_unescape(ngx_http_request_t *r,
    ngx_str_t *value);


/* Returns the number of keys; value holds the key if there is exactly one. */

ngx_int_t
ngx_http_latchkey_find_credential(ngx_http_request_t *r,
    ngx_array_t *credentials, ngx_str_t *value)
{
    ngx_http_latchkey_finding_t finding;

    ngx_memzero(&finding, sizeof(ngx_http_latchkey_finding_t));

    ngx_http_latchkey_search_headers(r, credentials, &finding);

    if (ngx_http_latchkey_search_query(r, credentials, &finding) != NGX_OK) {
        return NGX_ERROR;
    }

    *value = finding.value;

    if (finding.count == 1 && finding.source == NGX_HTTP_LATCHKEY_QUERY
        && ngx_http_latchkey_unescape(r, value) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return finding.count;
}


static void
ngx_http_latchkey_search_headers(ngx_http_request_t *r,
    ngx_array_t *credentials, ngx_http_latchkey_finding_t *finding)
{
    ngx_int_t rc;
    ngx_uint_t i, j;
    ngx_list_part_t *part;
    ngx_table_elt_t *h;
    ngx_http_latchkey_credential_t *c;

    c = credentials->elts;
    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                break;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].hash == 0) {
            continue;
        }

        for (j = 0; j < credentials->nelts; j++) {

            if (h[i].key.len != c[j].header.len) {
                continue;
            }

            rc = ngx_memcmp(h[i].lowcase_key, c[j].header.data,
                c[j].header.len);

            if (rc == 0) {
                ngx_http_latchkey_search_header(&c[j], &h[i].value, finding);
            }
        }
    }
}


static void
ngx_http_latchkey_search_header(ngx_http_latchkey_credential_t *credential,
    ngx_str_t *text, ngx_http_latchkey_finding_t *finding)
{
    u_char *p, *end;

    p = text->data;
    end = p + text->len;

    switch (credential->source) {

    case NGX_HTTP_LATCHKEY_HEADER:
        ngx_http_latchkey_found(finding, credential->source, p, end);
        break;

    case NGX_HTTP_LATCHKEY_BEARER:

        /* nginx strips spaces before a value, but not tabs */

        p = ngx_http_latchkey_skip_blanks(p, end);

        if (end - p < 6 || ngx_strncasecmp(p, (u_char *) "bearer", 6) != 0) {
            break;
        }

        p += 6;

        /* another scheme may begin with the same letters */

        if (p == end || *p == ' ' || *p == '\t') {
            ngx_http_latchkey_found(finding, credential->source, p, end);
        }

        break;

    case NGX_HTTP_LATCHKEY_COOKIE:
        ngx_http_latchkey_search_pairs(credential, p, end, ';', finding);
        break;
    }
}


/*
 * Searches the arguments as the client sent them: "rewrite" and "try_files" may
 * have dropped them, and auth_request passes none to its subrequest.
 */

static ngx_int_t
ngx_http_latchkey_search_query(ngx_http_request_t *r, ngx_array_t *credentials,
    ngx_http_latchkey_finding_t *finding)
{
    u_char *p, *end;
    ngx_int_t count;
    ngx_uint_t i;
    ngx_http_latchkey_credential_t *c;

    c = credentials->elts;
    end = r->unparsed_uri.data + r->unparsed_uri.len;

    for (i = 0; i < credentials->nelts; i++) {

        if (c[i].source != NGX_HTTP_LATCHKEY_QUERY) {
            continue;
        }

        if (ngx_http_latchkey_redact_referer_argument(r, &c[i].name) != NGX_OK) {
            return NGX_ERROR;
        }

        p = ngx_strlchr(r->unparsed_uri.data, end, '?');

        if (p == NULL) {
            continue;
        }

        count = finding->count;

        ngx_http_latchkey_search_pairs(&c[i], p + 1, end, '&', finding);

        if (finding->count != count
            && ngx_http_latchkey_redact_line_argument(r, &c[i].name) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_http_latchkey_search_pairs(ngx_http_latchkey_credential_t *credential,
    u_char *p, u_char *end, u_char separator,
    ngx_http_latchkey_finding_t *finding)
{
    ngx_str_t value;

    while ((p = ngx_http_latchkey_next_pair(p, end, separator,
                &credential->name, &value)))
    {
        ngx_http_latchkey_found(finding, credential->source, value.data,
            value.data + value.len);
    }
}


static void
ngx_http_latchkey_found(ngx_http_latchkey_finding_t *finding,
    ngx_uint_t source, u_char *start, u_char *end)
{
    start = ngx_http_latchkey_skip_blanks(start, end);

    while (start < end && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }

    finding->count++;
    finding->source = source;
    finding->value.data = start;
    finding->value.len = end - start;
}


/* Returns where the search for the next pair begins, or NULL if there is none. */

static u_char *
ngx_http_latchkey_next_pair(u_char *p, u_char *end, u_char separator,
    ngx_str_t *name, ngx_str_t *value)
{
    u_char *last;

    for (/* void */; p < end; p = last + 1) {

        p = ngx_http_latchkey_skip_blanks(p, end);

        last = ngx_strlchr(p, end, separator);

        if (last == NULL) {
            last = end;
        }

        if ((size_t) (last - p) < name->len
            || ngx_strncmp(p, name->data, name->len) != 0)
        {
            continue;
        }

        p += name->len;

        if (p < last && *p++ != '=') {
            continue;
        }

        value->data = p;
        value->len = last - p;

        return last;
    }

    return NULL;
}


/*
 * The request line is written to the access log and the error log, so the key is
 * redacted in it.  The arguments stay as they are for the application.
 */

static ngx_int_t
ngx_http_latchkey_redact_line_argument(ngx_http_request_t *r, ngx_str_t *name)
{
    if (ngx_http_latchkey_redact_argument(r, &r->request_line, ' ', name) != NGX_OK) {
        return NGX_ERROR;
    }

    /* logs show the line of the main request */

    r->main->request_line = r->request_line;

    return NGX_OK;
}


/*
 * The referrer is logged as well and may hold the key of the page before.  The
 * application does not need that one, so the header itself is redacted.
 */

static ngx_int_t
ngx_http_latchkey_redact_referer_argument(ngx_http_request_t *r, ngx_str_t *name)
{
    ngx_table_elt_t *h;

    h = r->headers_in.referer;

    while (h) {

        if (ngx_http_latchkey_redact_argument(r, &h->value, '#', name) != NGX_OK) {
            return NGX_ERROR;
        }

#if (nginx_version >= 1023000)
        h = h->next;
#else
        break;
#endif
    }

    return NGX_OK;
}


/* Redacts the values of an argument in a copy, which replaces the text. */

static ngx_int_t
ngx_http_latchkey_redact_argument(ngx_http_request_t *r, ngx_str_t *text,
    u_char terminator, ngx_str_t *name)
{
    u_char *p, *end, *last;
    ngx_str_t value, copy;

    end = text->data + text->len;
    p = ngx_strlchr(text->data, end, '?');

    if (p == NULL) {
        return NGX_OK;
    }

    copy.len = text->len;
    copy.data = ngx_pnalloc(r->pool, copy.len + 1);
    if (copy.data == NULL) {
        return NGX_ERROR;
    }

    *ngx_cpymem(copy.data, text->data, copy.len) = '\0';

    p = copy.data + (p + 1 - text->data);
    end = copy.data + copy.len;
    last = ngx_strlchr(p, end, terminator);

    if (last == NULL) {
        last = end;
    }

    while ((p = ngx_http_latchkey_next_pair(p, last, '&', name, &value))) {
        ngx_memset(value.data, '*', value.len);
    }

    *text = copy;

    return NGX_OK;
}


static ngx_int_t
ngx_http_latchkey_unescape(ngx_http_request_t *r, ngx_str_t *value)
{
    u_char *p, *dst, *src;

    src = value->data;

    if (ngx_strlchr(src, src + value->len, '%') == NULL) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, value->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    dst = p;
    ngx_unescape_uri(&dst, &src, value->len, 0);

    value->data = p;
    value->len = dst - p;

    return NGX_OK;
}
