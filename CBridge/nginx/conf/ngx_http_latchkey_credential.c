
/*
 * latchkey_credential: the places where a key may stand in a request.
 */

#include "ngx_http_latchkey_conf.h"


static char *ngx_http_latchkey_add_credential(ngx_conf_t *cf,
    ngx_array_t *credentials, ngx_uint_t source, ngx_str_t *name);
static ngx_uint_t ngx_http_latchkey_same_place(
    ngx_http_latchkey_credential_t *a, ngx_http_latchkey_credential_t *b);
static ngx_uint_t ngx_http_latchkey_valid_name(ngx_str_t *name);
static const char *ngx_http_latchkey_missing_setting(
    ngx_http_core_srv_conf_t *cscf, ngx_str_t *header);


static ngx_conf_enum_t ngx_http_latchkey_sources[] = {
    { ngx_string("bearer"), NGX_HTTP_LATCHKEY_BEARER },
    { ngx_string("header"), NGX_HTTP_LATCHKEY_HEADER },
    { ngx_string("cookie"), NGX_HTTP_LATCHKEY_COOKIE },
    { ngx_string("query"), NGX_HTTP_LATCHKEY_QUERY },
    { ngx_null_string, 0 }
};


static ngx_http_latchkey_credential_t ngx_http_latchkey_bearer_and_header[] = {
    { NGX_HTTP_LATCHKEY_BEARER, ngx_string("authorization"), ngx_null_string,
        0 },
    { NGX_HTTP_LATCHKEY_HEADER, ngx_string("x-api-key"), ngx_null_string, 0 }
};


ngx_array_t ngx_http_latchkey_default_credentials = {
    ngx_http_latchkey_bearer_and_header, 2,
    sizeof(ngx_http_latchkey_credential_t), 2, NULL
};


char *
ngx_http_latchkey_set_credential(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_latchkey_loc_conf_t *llcf = conf;

    char *rv;
    ngx_str_t *value, *name;
    ngx_uint_t i;
    ngx_conf_enum_t *source;

    if (llcf->credentials != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    llcf->credentials_place = ngx_http_latchkey_current_place(cf);

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
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                "invalid value \"%V\": \"bearer\", \"header NAME\", "
                "\"cookie NAME\" or \"query NAME\" is expected",
                &value[i]);
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


void
ngx_http_latchkey_merge_credentials(ngx_http_latchkey_loc_conf_t *conf,
    ngx_http_latchkey_loc_conf_t *prev)
{
    if (conf->credentials == NGX_CONF_UNSET_PTR) {
        ngx_conf_merge_ptr_value(conf->credentials, prev->credentials,
            &ngx_http_latchkey_default_credentials);
        conf->credentials_place = prev->credentials_place;
    }
}


/* Locations that inherit the directive share its array: one warning a header. */

void
ngx_http_latchkey_warn_of_dropped_headers(ngx_conf_t *cf,
    ngx_http_latchkey_loc_conf_t *llcf)
{
    ngx_uint_t i;
    const char *wanted;
    ngx_http_core_srv_conf_t *cscf;
    ngx_http_latchkey_credential_t *c;

    cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
    c = llcf->credentials->elts;

    for (i = 0; i < llcf->credentials->nelts; i++) {

        wanted = ngx_http_latchkey_missing_setting(cscf, &c[i].header);

        if (wanted == NULL || c[i].warned) {
            continue;
        }

        c[i].warned = 1;

        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
            "nginx drops the header \"%V\", so no key is found there: "
            "rename it, or set \"%s\" in http {}, in %V:%ui",
            &c[i].header, wanted, &llcf->credentials_place.file,
            llcf->credentials_place.line);
    }
}


static char *
ngx_http_latchkey_add_credential(ngx_conf_t *cf, ngx_array_t *credentials,
    ngx_uint_t source, ngx_str_t *name)
{
    ngx_uint_t i;
    ngx_http_latchkey_credential_t *c, added;

    ngx_str_set(&added.header, "");
    ngx_str_set(&added.name, "");

    added.source = source;
    added.warned = 0;

    switch (source) {

    case NGX_HTTP_LATCHKEY_BEARER:
        ngx_str_set(&added.header, "authorization");
        break;

    case NGX_HTTP_LATCHKEY_HEADER:
        added.header.len = name->len;
        added.header.data = ngx_pnalloc(cf->pool, name->len);
        if (added.header.data == NULL) {
            return NGX_CONF_ERROR;
        }

        ngx_strlow(added.header.data, name->data, name->len);
        break;

    case NGX_HTTP_LATCHKEY_COOKIE:
        ngx_str_set(&added.header, "cookie");
        added.name = *name;
        break;

    default: /* NGX_HTTP_LATCHKEY_QUERY */
        added.name = *name;
        break;
    }

    if (name && !ngx_http_latchkey_valid_name(name)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
            "invalid name \"%V\": "
            "letters, digits, \"-\", \"_\" and \".\" are expected",
            name);
        return NGX_CONF_ERROR;
    }

    c = credentials->elts;

    for (i = 0; i < credentials->nelts; i++) {

        /* one key in a place searched twice would count as two */

        if (ngx_http_latchkey_same_place(&c[i], &added)) {
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
ngx_http_latchkey_same_place(ngx_http_latchkey_credential_t *a,
    ngx_http_latchkey_credential_t *b)
{
    if (a->header.len != b->header.len || a->name.len != b->name.len) {
        return 0;
    }

    return ngx_strncmp(a->header.data, b->header.data, a->header.len) == 0
        && ngx_strncmp(a->name.data, b->name.data, a->name.len) == 0;
}


static ngx_uint_t
ngx_http_latchkey_valid_name(ngx_str_t *name)
{
    u_char ch;
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


/* Returns the setting with which nginx would keep the header, or NULL. */

static const char *
ngx_http_latchkey_missing_setting(ngx_http_core_srv_conf_t *cscf,
    ngx_str_t *header)
{
    if (!cscf->ignore_invalid_headers) {
        return NULL;
    }

    if (ngx_strlchr(header->data, header->data + header->len, '.')) {
        return "ignore_invalid_headers off";
    }

    if (!cscf->underscores_in_headers
        && ngx_strlchr(header->data, header->data + header->len, '_'))
    {
        return "underscores_in_headers on";
    }

    return NULL;
}
