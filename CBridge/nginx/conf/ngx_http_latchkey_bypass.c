
/*
 * Directives that answer, or leave a location, in the REWRITE phase: before any
 * check.  In a protected location they cause a warning, in a latchkey_verify
 * location an error.
 *
 * nginx's rewrite module keeps them as code of the script engine.  Its
 * configuration is private, and so is that of try_files; both have begun with a
 * pointer in every version so far.  They are only read, and only in versions
 * whose source has been checked.
 */

#include "ngx_http_latchkey_conf.h"


/* The last version whose source has been checked. */
#define NGX_HTTP_LATCHKEY_PRIVATE_KNOWN 1031005


static const char *ngx_http_latchkey_bypass_code(ngx_conf_t *cf,
    ngx_uint_t inherited);
static const char *ngx_http_latchkey_bypass_return(ngx_conf_t *cf,
    ngx_http_script_return_code_t *code, ngx_uint_t inherited);
#if (NGX_PCRE)
static const char *ngx_http_latchkey_bypass_rewrite(
    ngx_http_script_regex_code_t *code);
#endif
static ngx_uint_t ngx_http_latchkey_moved_by_server(ngx_conf_t *cf);
static void *ngx_http_latchkey_private_pointer(ngx_conf_t *cf,
    void **loc_conf, const char *module);
static void ngx_http_latchkey_log_bypass(ngx_conf_t *cf, ngx_uint_t level,
    const char *what, ngx_http_latchkey_place_t *place);


/* Checks the location whose configuration is being merged. */

ngx_int_t
ngx_http_latchkey_check_bypass(ngx_conf_t *cf,
    ngx_http_latchkey_loc_conf_t *llcf, ngx_uint_t inherited)
{
    const char *what;
    ngx_http_conf_ctx_t *ctx;

    if (llcf->mode == NGX_HTTP_LATCHKEY_DRY_RUN && !llcf->verify) {
        return NGX_OK;
    }

    what = ngx_http_latchkey_bypass_code(cf, inherited);

    if (!llcf->verify) {

        if (what) {
            ngx_http_latchkey_log_bypass(cf, NGX_LOG_WARN, what, &llcf->place);
        }

        return NGX_OK;
    }

    ctx = cf->ctx;

    if (what == NULL
        && ngx_http_latchkey_private_pointer(cf, ctx->loc_conf,
            "ngx_http_try_files_module"))
    {
        what = "\"try_files\" answers";
    }

    if (what == NULL) {

        if (ngx_http_latchkey_moved_by_server(cf)) {
            ngx_http_latchkey_log_bypass(cf, NGX_LOG_WARN,
                "\"rewrite\" of the server leads elsewhere",
                &llcf->verify_place);
        }

        return NGX_OK;
    }

    ngx_http_latchkey_log_bypass(cf, NGX_LOG_EMERG, what, &llcf->verify_place);

    return NGX_ERROR;
}


/*
 * Each instruction begins with the address of the function that carries it out.
 * The block of an "if" is skipped: it may be meant for requests without a key,
 * such as preflights.
 *
 * If the mode is inherited, a location that a rewrite leads to inherits it too.
 */

static const char *
ngx_http_latchkey_bypass_code(ngx_conf_t *cf, ngx_uint_t inherited)
{
    u_char *p, *end;
    const char *what, *rewritten;
    ngx_array_t *codes;
    ngx_http_script_code_pt code;
    ngx_http_conf_ctx_t *ctx;
    ngx_http_script_if_code_t *condition;

    ctx = cf->ctx;
    codes = ngx_http_latchkey_private_pointer(cf, ctx->loc_conf,
        "ngx_http_rewrite_module");

    if (codes == NULL || codes->size != 1) {
        return NULL;
    }

    p = codes->elts;
    end = p + codes->nelts;
    rewritten = NULL;

    while ((size_t) (end - p) >= sizeof(ngx_http_script_return_code_t)) {

        code = *(ngx_http_script_code_pt *) p;

        if (code == ngx_http_script_break_code) {
            break;
        }

        if (code == ngx_http_script_return_code) {
            what = ngx_http_latchkey_bypass_return(cf,
                (ngx_http_script_return_code_t *) p, inherited);

            return what ? what : rewritten;
        }

#if (NGX_PCRE)
        if (code == ngx_http_script_regex_start_code && !inherited
            && rewritten == NULL
            && (size_t) (end - p) >= sizeof(ngx_http_script_regex_code_t))
        {
            rewritten = ngx_http_latchkey_bypass_rewrite(
                (ngx_http_script_regex_code_t *) p);
        }
#endif

        if (code == ngx_http_script_if_code) {

            condition = (ngx_http_script_if_code_t *) p;

            if (condition->next == 0
                || condition->next > (size_t) (end - p))
            {
                break;
            }

            p += condition->next;

        } else {
            p += sizeof(uintptr_t);
        }
    }

    return rewritten;
}


static const char *
ngx_http_latchkey_bypass_return(ngx_conf_t *cf,
    ngx_http_script_return_code_t *code, ngx_uint_t inherited)
{
    ngx_http_core_loc_conf_t *clcf;

    if (code->status < NGX_HTTP_SPECIAL_RESPONSE
        || (code->status < NGX_HTTP_BAD_REQUEST && !inherited))
    {
        return "\"return\" answers";
    }

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    return ngx_http_latchkey_find_page(clcf->error_pages, code->status)
        ? "\"return\" and its \"error_page\" answer"
        : NULL;
}


ngx_http_err_page_t *
ngx_http_latchkey_find_page(ngx_array_t *pages, ngx_uint_t status)
{
    ngx_uint_t i;
    ngx_http_err_page_t *page;

    if (pages == NULL) {
        return NULL;
    }

    page = pages->elts;

    for (i = 0; i < pages->nelts; i++) {
        if (page[i].status == (ngx_int_t) status) {
            return &page[i];
        }
    }

    return NULL;
}


#if (NGX_PCRE)

/* The condition of an "if" is such code too, and so is a "rewrite" with "break". */

static const char *
ngx_http_latchkey_bypass_rewrite(ngx_http_script_regex_code_t *code)
{
    if (code->test || !code->uri || code->break_cycle) {
        return NULL;
    }

    return code->redirect ? "\"rewrite\" answers"
                          : "\"rewrite\" leads elsewhere";
}

#endif


/*
 * The server's rewrites apply to subrequests as well, so auth_request would ask
 * another location.  The condition of an "if" cannot be evaluated here.
 */

static ngx_uint_t
ngx_http_latchkey_moved_by_server(ngx_conf_t *cf)
{
#if (NGX_PCRE)
    u_char *p, *end;
    ngx_array_t *codes;
    ngx_http_core_loc_conf_t *clcf;
    ngx_http_core_srv_conf_t *cscf;
    ngx_http_script_regex_code_t *code;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);

    codes = ngx_http_latchkey_private_pointer(cf, cscf->ctx->loc_conf,
        "ngx_http_rewrite_module");

    if (codes == NULL || codes->size != 1 || clcf->noname || clcf->regex) {
        return 0;
    }

    p = codes->elts;
    end = p + codes->nelts;

    while ((size_t) (end - p) >= sizeof(ngx_http_script_regex_code_t)) {

        code = (ngx_http_script_regex_code_t *) p;

        if (code->code == ngx_http_script_regex_start_code
            && !code->test && code->uri && !code->redirect
            && ngx_regex_exec(code->regex->regex, &clcf->name, NULL, 0) >= 0)
        {
            return 1;
        }

        p += sizeof(uintptr_t);
    }
#endif

    return 0;
}


static void *
ngx_http_latchkey_private_pointer(ngx_conf_t *cf, void **loc_conf,
    const char *module)
{
#if (nginx_version <= NGX_HTTP_LATCHKEY_PRIVATE_KNOWN)
    ngx_uint_t i;
    ngx_module_t **modules;

    modules = cf->cycle->modules;

    for (i = 0; modules[i]; i++) {

        if (ngx_strcmp(modules[i]->name, module) == 0) {
            return *(void **) loc_conf[modules[i]->ctx_index];
        }
    }
#endif

    return NULL;
}


static void
ngx_http_latchkey_log_bypass(ngx_conf_t *cf, ngx_uint_t level, const char *what,
    ngx_http_latchkey_place_t *place)
{
    ngx_http_core_loc_conf_t *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (clcf->name.len == 0 && !clcf->noname) {
        ngx_log_error(level, cf->log, 0,
            "%s in a server before a key is checked, "
            "as \"latchkey\" requires in %V:%ui",
            what, &place->file, place->line);
        return;
    }

    ngx_log_error(level, cf->log, 0,
        "%s in location \"%V\" before a key is checked, "
        "as \"latchkey\" requires in %V:%ui",
        what, &clcf->name, &place->file, place->line);
}
