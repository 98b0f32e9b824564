
/*
 * latchkey on | off | optional | dry_run | $variable: what a location does with
 * the result of a check.
 */

#include "ngx_http_latchkey_conf.h"


static ngx_int_t ngx_http_latchkey_find_mode(ngx_str_t *name);
static void ngx_http_latchkey_log_unknown_mode(ngx_http_request_t *r,
    ngx_http_latchkey_loc_conf_t *llcf);


static ngx_conf_enum_t ngx_http_latchkey_modes[] = {
    { ngx_string("off"), NGX_HTTP_LATCHKEY_OFF },
    { ngx_string("on"), NGX_HTTP_LATCHKEY_ON },
    { ngx_string("optional"), NGX_HTTP_LATCHKEY_OPTIONAL },
    { ngx_string("dry_run"), NGX_HTTP_LATCHKEY_DRY_RUN },
    { ngx_null_string, 0 }
};


char *
ngx_http_latchkey_set_mode(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_latchkey_loc_conf_t *llcf = conf;

    ngx_int_t mode;
    ngx_str_t *value;

    if (llcf->mode != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    llcf->place = ngx_http_latchkey_current_place(cf);

    value = cf->args->elts;

    if (ngx_http_script_variables_count(&value[1]) == 0) {

        mode = ngx_http_latchkey_find_mode(&value[1]);

        if (mode == NGX_ERROR) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                "invalid value \"%V\": \"on\", \"off\", \"optional\", "
                "\"dry_run\" or a variable is expected",
                &value[1]);
            return NGX_CONF_ERROR;
        }

        llcf->mode = mode;

        return NGX_CONF_OK;
    }

    llcf->mode = NGX_HTTP_LATCHKEY_VARIABLE;

    return ngx_http_set_complex_value_slot(cf, cmd, conf);
}


void
ngx_http_latchkey_merge_mode(ngx_http_latchkey_loc_conf_t *conf,
    ngx_http_latchkey_loc_conf_t *prev)
{
    if (conf->mode == NGX_CONF_UNSET_UINT) {
        ngx_conf_merge_uint_value(conf->mode, prev->mode,
            NGX_HTTP_LATCHKEY_OFF);
        conf->variable = prev->variable;
        conf->place = prev->place;
    }

    conf->checked = (conf->mode != NGX_HTTP_LATCHKEY_OFF || conf->verify);
}


/* Returns the mode that the variable names, or NGX_ERROR without memory. */

ngx_int_t
ngx_http_latchkey_evaluate_mode(ngx_http_request_t *r,
    ngx_http_latchkey_loc_conf_t *llcf)
{
    ngx_int_t mode;
    ngx_str_t value;

    if (ngx_http_complex_value(r, llcf->variable, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    mode = ngx_http_latchkey_find_mode(&value);

    if (mode == NGX_ERROR) {
        ngx_http_latchkey_log_unknown_mode(r, llcf);
        return NGX_HTTP_LATCHKEY_ON;
    }

    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
        "latchkey mode: %V", &ngx_http_latchkey_modes[mode].name);

    return mode;
}


static ngx_int_t
ngx_http_latchkey_find_mode(ngx_str_t *name)
{
    ngx_conf_enum_t *mode;

    for (mode = ngx_http_latchkey_modes; mode->name.len; mode++) {

        if (mode->name.len == name->len
            && ngx_strncmp(mode->name.data, name->data, name->len) == 0)
        {
            return (ngx_int_t) mode->value;
        }
    }

    return NGX_ERROR;
}


/*
 * Logs neither the value nor, as the request's own log would, the request line:
 * either may hold a key.
 */

static void
ngx_http_latchkey_log_unknown_mode(ngx_http_request_t *r,
    ngx_http_latchkey_loc_conf_t *llcf)
{
    ngx_http_core_loc_conf_t *clcf;

    static time_t logged;

    if (logged == ngx_time()) {
        return;
    }

    logged = ngx_time();

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    ngx_log_error(NGX_LOG_ERR, clcf->error_log, 0,
        "latchkey: \"%V\" is none of \"on\", \"off\", \"optional\" and "
        "\"dry_run\" in location \"%V\": a key is required",
        &llcf->variable->value, &clcf->name);
}
