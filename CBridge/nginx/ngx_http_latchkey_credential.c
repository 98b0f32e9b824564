
/*
 * Where a key may stand in a request, and how it is found there.  All places
 * are looked at, not only up to the first key: of two keys, the application
 * behind might take the other one.
 */

#include "ngx_http_latchkey.h"


typedef enum {
    NGX_HTTP_LATCHKEY_BEARER = 0,
    NGX_HTTP_LATCHKEY_HEADER,
    NGX_HTTP_LATCHKEY_COOKIE,
    NGX_HTTP_LATCHKEY_QUERY
} ngx_http_latchkey_source_e;


typedef struct {
    ngx_uint_t source;
    ngx_str_t  header; /* that holds it; none for query */
    ngx_str_t  name;   /* of a cookie or an argument */
} ngx_http_latchkey_credential_t;


typedef struct {
    ngx_int_t  count;
    ngx_uint_t source; /* of the one found last */
    ngx_str_t  value;
} ngx_http_latchkey_finding_t;


static char *ngx_http_latchkey_add_credential(ngx_conf_t *cf,
    ngx_array_t *credentials, ngx_uint_t source, ngx_str_t *name);
static ngx_uint_t ngx_http_latchkey_valid_name(ngx_str_t *name);
static void ngx_http_latchkey_search_headers(ngx_http_request_t *r,
    ngx_array_t *credentials, ngx_http_latchkey_finding_t *finding);
static void ngx_http_latchkey_search_header(
    ngx_http_latchkey_credential_t *credential, ngx_str_t *text,
    ngx_http_latchkey_finding_t *finding);
static ngx_int_t ngx_http_latchkey_search_query(ngx_http_request_t *r,
    ngx_array_t *credentials, ngx_http_latchkey_finding_t *finding);
static void ngx_http_latchkey_found(ngx_http_latchkey_finding_t *finding,
    ngx_uint_t source, u_char *start, u_char *end);
static u_char *ngx_http_latchkey_next_pair(u_char *p, u_char *end,
    u_char separator, ngx_str_t *name, ngx_str_t *value);
static ngx_int_t ngx_http_latchkey_hide_argument(ngx_http_request_t *r,
    ngx_str_t *name);
static ngx_int_t ngx_http_latchkey_unescape(ngx_http_request_t *r,
    ngx_str_t *value);


static ngx_conf_enum_t ngx_http_latchkey_sources[] = {
    { ngx_string("bearer"), NGX_HTTP_LATCHKEY_BEARER },
    { ngx_string("header"), NGX_HTTP_LATCHKEY_HEADER },
    { ngx_string("cookie"), NGX_HTTP_LATCHKEY_COOKIE },
    { ngx_string("query"), NGX_HTTP_LATCHKEY_QUERY },
    { ngx_null_string, 0 }
};


static ngx_http_latchkey_credential_t ngx_http_latchkey_bearer_and_header[] = {
    { NGX_HTTP_LATCHKEY_BEARER, ngx_string("Authorization"), ngx_null_string },
    { NGX_HTTP_LATCHKEY_HEADER, ngx_string("X-API-Key"), ngx_null_string }
};


ngx_array_t ngx_http_latchkey_default_credentials = {
    ngx_http_latchkey_bearer_and_header, 2,
    sizeof(ngx_http_latchkey_credential_t), 2, NULL
};


char *
ngx_http_latchkey_set_credential(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_latchkey_loc_conf_t *llcf = conf;

    char            *rv;
    ngx_str_t       *value, *name;
    ngx_uint_t       i;
    ngx_conf_enum_t *source;

    if (llcf->credentials != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    llcf->credentials = ngx_array_create(cf->pool, 2,
        sizeof(ngx_http_latchkey_credential_t));
    if (llcf->credentials == NULL) {
        return NGX_CONF_ERROR;
    }

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        for (source = ngx_http_latchkey_sources; source->name.len; source++) {
            if (ngx_strcmp(source->name.data, value[i].data) == 0) {
                break;
            }
        }

        if (source->name.len == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid value \"%V\": "
                "\"bearer\", \"header NAME\", \"cookie NAME\" "
                "or \"query NAME\" is expected", &value[i]);
            return NGX_CONF_ERROR;
        }

        name = NULL;

        if (source->value != NGX_HTTP_LATCHKEY_BEARER) {

            if (++i == cf->args->nelts) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                    "\"%V\" needs a name", &source->name);
                return NGX_CONF_ERROR;
            }

            name = &value[i];
        }

        rv = ngx_http_latchkey_add_credential(cf, llcf->credentials,
            source->value, name);

        if (rv != NGX_CONF_OK) {
            return rv;
        }
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_latchkey_add_credential(ngx_conf_t *cf, ngx_array_t *credentials,
    ngx_uint_t source, ngx_str_t *name)
{
    ngx_uint_t                      i;
    ngx_http_latchkey_credential_t *c, added;

    ngx_memzero(&added, sizeof(ngx_http_latchkey_credential_t));

    added.source = source;

    switch (source) {

    case NGX_HTTP_LATCHKEY_BEARER:
        ngx_str_set(&added.header, "Authorization");
        break;

    case NGX_HTTP_LATCHKEY_HEADER:
        added.header = *name;
        break;

    case NGX_HTTP_LATCHKEY_COOKIE:
        ngx_str_set(&added.header, "Cookie");
        added.name = *name;
        break;

    default: /* NGX_HTTP_LATCHKEY_QUERY */
        added.name = *name;
        break;
    }

    if (name && !ngx_http_latchkey_valid_name(name)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid name \"%V\": "
            "letters, digits, \"-\", \"_\" and \".\" are expected", name);
        return NGX_CONF_ERROR;
    }

    c = credentials->elts;

    for (i = 0; i < credentials->nelts; i++) {

        /* looked at twice, each of its keys would count for two */

        if (c[i].header.len == added.header.len
            && c[i].name.len == added.name.len
            && ngx_strncasecmp(c[i].header.data, added.header.data,
                   added.header.len)
                == 0
            && ngx_strncmp(c[i].name.data, added.name.data, added.name.len)
                == 0)
        {
            return "names the same place twice";
        }
    }

    c = ngx_array_push(credentials);
    if (c == NULL) {
        return NGX_CONF_ERROR;
    }

    *c = added;

    return NGX_CONF_OK;
}


static ngx_uint_t
ngx_http_latchkey_valid_name(ngx_str_t *name)
{
    u_char     ch;
    ngx_uint_t i;

    for (i = 0; i < name->len; i++) {
        ch = name->data[i];

        if ((ch < 'a' || ch > 'z') && (ch < 'A' || ch > 'Z')
            && (ch < '0' || ch > '9') && ch != '-' && ch != '_' && ch != '.')
        {
            return 0;
        }
    }

    return name->len != 0;
}


/* Returns how many keys there are; if it is one, value holds it. */

ngx_int_t
ngx_http_latchkey_find_credential(ngx_http_request_t *r,
    ngx_array_t *credentials, ngx_str_t *value)
{
    ngx_http_latchkey_finding_t finding;

    ngx_memzero(&finding, sizeof(ngx_http_latchkey_finding_t));

    ngx_http_latchkey_search_headers(r, credentials, &finding);

    if (ngx_http_latchkey_search_query(r->main, credentials, &finding)
        != NGX_OK)
    {
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
    ngx_uint_t                      i, j;
    ngx_list_part_t                *part;
    ngx_table_elt_t                *h;
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

            if (h[i].key.len == c[j].header.len
                && ngx_strncasecmp(h[i].key.data, c[j].header.data,
                       h[i].key.len)
                    == 0)
            {
                ngx_http_latchkey_search_header(&c[j], &h[i].value, finding);
            }
        }
    }
}


static void
ngx_http_latchkey_search_header(ngx_http_latchkey_credential_t *credential,
    ngx_str_t *text, ngx_http_latchkey_finding_t *finding)
{
    u_char   *p, *end;
    ngx_str_t value;

    p = text->data;
    end = p + text->len;

    switch (credential->source) {

    case NGX_HTTP_LATCHKEY_HEADER:
        ngx_http_latchkey_found(finding, credential->source, p, end);
        break;

    case NGX_HTTP_LATCHKEY_BEARER:

        if (text->len < 6 || ngx_strncasecmp(p, (u_char *) "bearer", 6) != 0) {
            break;
        }

        p += 6;

        /* another scheme may begin with the same letters */

        if (p == end || *p == ' ' || *p == '\t') {
            ngx_http_latchkey_found(finding, credential->source, p, end);
        }

        break;

    case NGX_HTTP_LATCHKEY_COOKIE:

        p = ngx_http_latchkey_next_pair(p, end, ';', &credential->name, &value);

        while (p) {
            ngx_http_latchkey_found(finding, credential->source, value.data,
                value.data + value.len);
            p = ngx_http_latchkey_next_pair(p, end, ';', &credential->name,
                &value);
        }

        break;
    }
}


/*
 * The arguments are those of the main request: what the client sent, and what
 * auth_request does not hand on to its subrequest.
 */

static ngx_int_t
ngx_http_latchkey_search_query(ngx_http_request_t *r, ngx_array_t *credentials,
    ngx_http_latchkey_finding_t *finding)
{
    u_char                         *p, *end;
    ngx_int_t                       count;
    ngx_str_t                       value;
    ngx_uint_t                      i;
    ngx_http_latchkey_credential_t *c;

    c = credentials->elts;
    end = r->args.data + r->args.len;

    for (i = 0; i < credentials->nelts; i++) {

        if (c[i].source != NGX_HTTP_LATCHKEY_QUERY) {
            continue;
        }

        count = finding->count;
        p = ngx_http_latchkey_next_pair(r->args.data, end, '&', &c[i].name,
            &value);

        while (p) {
            ngx_http_latchkey_found(finding, c[i].source, value.data,
                value.data + value.len);
            p = ngx_http_latchkey_next_pair(p, end, '&', &c[i].name, &value);
        }

        if (finding->count != count
            && ngx_http_latchkey_hide_argument(r, &c[i].name) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ngx_http_latchkey_found(ngx_http_latchkey_finding_t *finding,
    ngx_uint_t source, u_char *start, u_char *end)
{
    while (start < end && (*start == ' ' || *start == '\t')) {
        start++;
    }

    while (start < end && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }

    finding->count++;
    finding->source = source;
    finding->value.data = start;
    finding->value.len = end - start;
}


/* Returns where to look for a further one, or NULL if there was none. */

static u_char *
ngx_http_latchkey_next_pair(u_char *p, u_char *end, u_char separator,
    ngx_str_t *name, ngx_str_t *value)
{
    u_char *last;

    for ( /* void */; p < end; p = last + 1) {

        while (p < end && *p == ' ') {
            p++;
        }

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
 * The request line goes to the access log and into errors: there the key is
 * blotted out.  The arguments themselves stay, for the application behind.
 */

static ngx_int_t
ngx_http_latchkey_hide_argument(ngx_http_request_t *r, ngx_str_t *name)
{
    u_char   *p, *end, *last;
    ngx_str_t line, value;

    line.len = r->request_line.len;
    line.data = ngx_pstrdup(r->pool, &r->request_line);
    if (line.data == NULL) {
        return NGX_ERROR;
    }

    end = line.data + line.len;
    p = ngx_strlchr(line.data, end, '?');

    if (p == NULL) {
        return NGX_OK;
    }

    last = ngx_strlchr(++p, end, ' ');

    if (last == NULL) {
        last = end;
    }

    p = ngx_http_latchkey_next_pair(p, last, '&', name, &value);

    while (p) {
        ngx_memset(value.data, '*', value.len);
        p = ngx_http_latchkey_next_pair(p, last, '&', name, &value);
    }

    r->request_line = line;

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
