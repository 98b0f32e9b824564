
/*
 * The directives: where each may stand, and which function reads it.
 */

#include "ngx_http_latchkey_module.h"
#include "ngx_http_latchkey_answer.h"
#include "ngx_http_latchkey_metrics.h"
#include "ngx_http_latchkey_ctx.h"


static char *ngx_http_latchkey_set_verify(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_latchkey_check_realm(ngx_conf_t *cf, void *post,
    void *data);


static ngx_conf_post_t ngx_http_latchkey_realm_post = {
    ngx_http_latchkey_check_realm
};


#define ngx_http_latchkey_setting_of(name, args)                          \
    {                                                                     \
        ngx_string(name), NGX_HTTP_MAIN_CONF | (args),                    \
            ngx_http_latchkey_setting, NGX_HTTP_MAIN_CONF_OFFSET, 0, NULL \
    }


ngx_command_t ngx_http_latchkey_commands[] = {

    ngx_http_latchkey_setting_of("latchkey_store", NGX_CONF_1MORE),
    ngx_http_latchkey_setting_of("latchkey_store_auth", NGX_CONF_TAKE123),
    ngx_http_latchkey_setting_of("latchkey_store_tls", NGX_CONF_1MORE),
    ngx_http_latchkey_setting_of("latchkey_pepper_file", NGX_CONF_TAKE1),
    ngx_http_latchkey_setting_of("latchkey_prefix", NGX_CONF_TAKE1),
    ngx_http_latchkey_setting_of("latchkey_consistency", NGX_CONF_TAKE1),
    ngx_http_latchkey_setting_of("latchkey_lease", NGX_CONF_TAKE1),
    ngx_http_latchkey_setting_of("latchkey_outage_grace", NGX_CONF_TAKE1),
    ngx_http_latchkey_setting_of("latchkey_timeout", NGX_CONF_TAKE1),
    ngx_http_latchkey_setting_of("latchkey_cache_size", NGX_CONF_TAKE1),

    { ngx_string("latchkey_library"),
        NGX_HTTP_MAIN_CONF | NGX_CONF_TAKE1,
        ngx_http_latchkey_set_library,
        NGX_HTTP_MAIN_CONF_OFFSET,
        0,
        NULL },

    ngx_http_latchkey_setting_of("latchkey_copies", NGX_CONF_TAKE1),
    ngx_http_latchkey_setting_of("latchkey_delegates", NGX_CONF_1MORE),
    ngx_http_latchkey_setting_of("latchkey_operators", NGX_CONF_1MORE),
    ngx_http_latchkey_setting_of("latchkey_rotate_after", NGX_CONF_TAKE1),

    { ngx_string("latchkey"),
        NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
            | NGX_CONF_TAKE1,
        ngx_http_latchkey_set_mode,
        NGX_HTTP_LOC_CONF_OFFSET,
        offsetof(ngx_http_latchkey_loc_conf_t, variable),
        NULL },

    { ngx_string("latchkey_verify"),
        NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
        ngx_http_latchkey_set_verify,
        NGX_HTTP_LOC_CONF_OFFSET,
        0,
        NULL },

    { ngx_string("latchkey_credential"),
        NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
            | NGX_CONF_1MORE,
        ngx_http_latchkey_set_credential,
        NGX_HTTP_LOC_CONF_OFFSET,
        0,
        NULL },

    { ngx_string("latchkey_realm"),
        NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
            | NGX_CONF_TAKE1,
        ngx_conf_set_str_slot,
        NGX_HTTP_LOC_CONF_OFFSET,
        offsetof(ngx_http_latchkey_loc_conf_t, realm),
        &ngx_http_latchkey_realm_post },

    { ngx_string("latchkey_error_format"),
        NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
            | NGX_CONF_TAKE1,
        ngx_conf_set_enum_slot,
        NGX_HTTP_LOC_CONF_OFFSET,
        offsetof(ngx_http_latchkey_loc_conf_t, error_format),
        ngx_http_latchkey_formats },

    { ngx_string("latchkey_end_streams"),
        NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF
            | NGX_CONF_FLAG,
        ngx_conf_set_flag_slot,
        NGX_HTTP_LOC_CONF_OFFSET,
        offsetof(ngx_http_latchkey_loc_conf_t, end_streams),
        NULL },

    { ngx_string("latchkey_metrics"),
        NGX_HTTP_LOC_CONF | NGX_CONF_NOARGS,
        ngx_http_latchkey_set_metrics,
        NGX_HTTP_MAIN_CONF_OFFSET,
        0,
        NULL },

    ngx_null_command
};


static char *
ngx_http_latchkey_set_verify(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_latchkey_loc_conf_t *llcf = conf;

    ngx_http_core_loc_conf_t *clcf;

    if (llcf->verify) {
        return "is duplicate";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->handler) {
        return "must be the only content handler of its location";
    }

    llcf->verify = 1;
    llcf->verify_place = ngx_http_latchkey_current_place(cf);

    clcf->handler = ngx_http_latchkey_verify_handler;

    return NGX_CONF_OK;
}


/* The realm is sent between quotes, in a header. */

static char *
ngx_http_latchkey_check_realm(ngx_conf_t *cf, void *post, void *data)
{
    ngx_str_t *realm = data;

    u_char ch;
    ngx_uint_t i;

    for (i = 0; i < realm->len; i++) {
        ch = realm->data[i];

        if (ch < 0x20 || ch > 0x7e || ch == '"' || ch == '\\') {
            break;
        }
    }

    if (i == 0 || i != realm->len) {
        return "must be printable ASCII without quotes and backslashes";
    }

    return NGX_CONF_OK;
}
