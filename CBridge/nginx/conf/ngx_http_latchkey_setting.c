
/*
 * The directives that both nginx and the executable read.  nginx keeps them as
 * they are written, and only the library interprets them, so the two programs
 * cannot disagree.
 */

#include "ngx_http_latchkey_conf.h"


char *
ngx_http_latchkey_setting(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_latchkey_main_conf_t *lmcf = conf;

    const char **values;
    ngx_str_t *args;
    ngx_uint_t i, n;
    latchkey_directive *directive;
    ngx_http_latchkey_place_t *place;

    n = ngx_http_latchkey_setting_index(lmcf, (char *) cmd->name.data);

    if (n != lmcf->directives.nelts) {
        return "is duplicate";
    }

    args = cf->args->elts;
    n = cf->args->nelts - 1;

    values = ngx_palloc(cf->pool, n * sizeof(char *));
    directive = ngx_array_push(&lmcf->directives);
    place = ngx_array_push(&lmcf->places);

    if (values == NULL || directive == NULL || place == NULL) {
        return NGX_CONF_ERROR;
    }

    for (i = 0; i < n; i++) {
        values[i] = (char *) args[i + 1].data;
    }

    directive->name = (char *) cmd->name.data;
    directive->values = values;
    directive->value_count = n;

    *place = ngx_http_latchkey_current_place(cf);

    return NGX_CONF_OK;
}


/* The place of the directive that is being read. */

ngx_http_latchkey_place_t
ngx_http_latchkey_current_place(ngx_conf_t *cf)
{
    ngx_http_latchkey_place_t place;

    place.file = cf->conf_file->file.name;
    place.line = cf->conf_file->line;

    return place;
}


/* The only setting that the module interprets, as it must load the library. */

char *
ngx_http_latchkey_set_library(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_latchkey_main_conf_t *lmcf = conf;

    char *rv;
    ngx_str_t *args;

    rv = ngx_http_latchkey_setting(cf, cmd, conf);

    if (rv != NGX_CONF_OK) {
        return rv;
    }

    args = cf->args->elts;
    lmcf->library = args[1];

    if (ngx_conf_full_name(cf->cycle, &lmcf->library, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/* Returns the number of settings if none has that name. */

ngx_uint_t
ngx_http_latchkey_setting_index(ngx_http_latchkey_main_conf_t *lmcf,
    const char *name)
{
    ngx_uint_t i;
    latchkey_directive *directive;

    directive = lmcf->directives.elts;

    for (i = 0; i < lmcf->directives.nelts; i++) {
        if (ngx_strcmp(directive[i].name, name) == 0) {
            break;
        }
    }

    return i;
}


void
ngx_http_latchkey_setting_error(ngx_conf_t *cf,
    ngx_http_latchkey_main_conf_t *lmcf, ngx_uint_t index, const char *message)
{
    ngx_http_latchkey_place_t *place;

    if (index >= lmcf->places.nelts) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%s", message);
        return;
    }

    place = (ngx_http_latchkey_place_t *) lmcf->places.elts + index;

    ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%s in %V:%ui",
        message, &place->file, place->line);
}
