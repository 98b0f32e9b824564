
/*
 * A warning where "return" gives away what a key was to protect: it answers in
 * the REWRITE phase, before any check.
 *
 * What a location returns is known to nginx's rewrite module, as code of the
 * script engine.  The configuration of that module is private; it has begun
 * with a pointer to the code in every version so far.  It is only read, and in
 * versions that are not known yet not even that.
 */

#include "ngx_http_latchkey.h"


/* The last version of which it is known. */
#define NGX_HTTP_LATCHKEY_REWRITE_KNOWN 1031005


static ngx_array_t *ngx_http_latchkey_rewrite_codes(ngx_conf_t *cf);
static ngx_http_script_return_code_t *ngx_http_latchkey_find_return(
    ngx_array_t *codes);
static void ngx_http_latchkey_log_return(ngx_conf_t *cf,
    ngx_http_latchkey_place_t *place);


/* Looks at the location whose configuration is being merged. */

void
ngx_http_latchkey_warn_of_return(ngx_conf_t *cf,
    ngx_http_latchkey_loc_conf_t *llcf, ngx_uint_t inherited)
{
    ngx_array_t *codes;
    ngx_http_latchkey_place_t *place;
    ngx_http_script_return_code_t *code;

    if (llcf->mode == NGX_HTTP_LATCHKEY_DRY_RUN) {
        return;
    }

    codes = ngx_http_latchkey_rewrite_codes(cf);

    if (codes == NULL) {
        return;
    }

    code = ngx_http_latchkey_find_return(codes);

    if (code == NULL) {
        return;
    }

    /* where a whole server is protected, redirects are left out of it */

    if (code->status < NGX_HTTP_SPECIAL_RESPONSE
        || (code->status < NGX_HTTP_BAD_REQUEST && !inherited))
    {
        place = llcf->verify ? &llcf->verify_place : &llcf->place;

        ngx_http_latchkey_log_return(cf, place);
    }
}


static ngx_array_t *
ngx_http_latchkey_rewrite_codes(ngx_conf_t *cf)
{
#if (nginx_version <= NGX_HTTP_LATCHKEY_REWRITE_KNOWN)
    ngx_uint_t i;
    ngx_array_t *codes;
    ngx_module_t **modules;
    ngx_http_conf_ctx_t *ctx;

    ctx = cf->ctx;
    modules = cf->cycle->modules;

    for (i = 0; modules[i]; i++) {

        if (ngx_strcmp(modules[i]->name, "ngx_http_rewrite_module") != 0) {
            continue;
        }

        codes = *(ngx_array_t **) ctx->loc_conf[modules[i]->ctx_index];

        return (codes && codes->size == 1) ? codes : NULL;
    }
#endif

    return NULL;
}


/*
 * Instructions begin with the address of what carries them out.  What "if"
 * makes conditional is passed over: it may well be meant for those who have no
 * key, such as preflights.
 */

static ngx_http_script_return_code_t *
ngx_http_latchkey_find_return(ngx_array_t *codes)
{
    u_char *p, *end;
    ngx_http_script_code_pt code;
    ngx_http_script_if_code_t *condition;

    p = codes->elts;
    end = p + codes->nelts;

    while ((size_t) (end - p) >= sizeof(ngx_http_script_return_code_t)) {

        code = *(ngx_http_script_code_pt *) p;

        if (code == ngx_http_script_return_code) {
            return (ngx_http_script_return_code_t *) p;
        }

        if (code == ngx_http_script_if_code) {

            condition = (ngx_http_script_if_code_t *) p;

            if (condition->next == 0
                || condition->next > (size_t) (end - p))
            {
                return NULL;
            }

            p += condition->next;

        } else {
            p += sizeof(uintptr_t);
        }
    }

    return NULL;
}


static void
ngx_http_latchkey_log_return(ngx_conf_t *cf, ngx_http_latchkey_place_t *place)
{
    ngx_http_core_loc_conf_t *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->name.len == 0) {
        ngx_log_error(NGX_LOG_WARN, cf->log, 0,
            "\"return\" answers in a server before a key is checked, "
            "as \"latchkey\" demands in %V:%ui",
            &place->file, place->line);
        return;
    }

    ngx_log_error(NGX_LOG_WARN, cf->log, 0,
        "\"return\" answers in location \"%V\" before a key is checked, "
        "as \"latchkey\" demands in %V:%ui",
        &clcf->name, &place->file, place->line);
}
