
/*
 * The library is loaded with dlopen(), and only after the fork, so that the master
 * never holds the Swift runtime and a reload brings in a new library.  The file's
 * name contains the ABI number: after an upgrade on disk, workers of the running
 * master still find the library that fits their module.
 */

#include "ngx_http_latchkey_store.h"

#include <dlfcn.h>


typedef struct {
    const char *name;
    size_t offset;
} ngx_http_latchkey_symbol_t;


#define ngx_http_latchkey_text_of(number) #number
#define ngx_http_latchkey_text(number)    ngx_http_latchkey_text_of(number)

#define NGX_HTTP_LATCHKEY_LIBRARY \
    NGX_HTTP_LATCHKEY_FOLDER      \
    "/liblatchkey.so." ngx_http_latchkey_text(LATCHKEY_ABI_VERSION)


const ngx_str_t ngx_http_latchkey_default_library =
    ngx_string(NGX_HTTP_LATCHKEY_LIBRARY);


/* "latchkey doctor" finds these in the file, because it cannot load the module */
const char ngx_http_latchkey_interface[] =
    "latchkey interface " ngx_http_latchkey_text(LATCHKEY_ABI_VERSION) "\n";
const char ngx_http_latchkey_server[] =
    "latchkey nginx " NGX_CONF_PATH " " NGX_USER " " NGX_GROUP "\n";


#define ngx_http_latchkey_symbol(name) \
    { "latchkey_" #name, offsetof(ngx_http_latchkey_library_t, name) },


static const ngx_http_latchkey_symbol_t ngx_http_latchkey_symbols[] = {
    NGX_HTTP_LATCHKEY_FUNCTIONS(ngx_http_latchkey_symbol)
};


#define NGX_HTTP_LATCHKEY_SYMBOLS \
    (sizeof(ngx_http_latchkey_symbols) / sizeof(ngx_http_latchkey_symbol_t))


/*
 * Returns NGX_ERROR after writing a null-terminated text to error if the module
 * cannot use the library.  A library stays loaded, because a Swift runtime cannot
 * be unloaded.
 */

ngx_int_t
ngx_http_latchkey_load_library(ngx_http_latchkey_library_t *library,
    ngx_str_t *path, char *error, size_t size)
{
    void *handle, *address;
    u_char *p;
    ngx_uint_t i;
    const ngx_http_latchkey_symbol_t *symbol;

    p = (u_char *) error;
    size--;

    handle = dlopen((char *) path->data, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);

    if (handle == NULL) {
        p = ngx_snprintf(p, size,
            "cannot load the Latchkey library, "
            "set \"latchkey_library\" to its file: %s",
            dlerror());
        goto failed;
    }

    for (i = 0; i < NGX_HTTP_LATCHKEY_SYMBOLS; i++) {
        symbol = &ngx_http_latchkey_symbols[i];
        address = dlsym(handle, symbol->name);

        if (address == NULL) {
            p = ngx_snprintf(p, size,
                "\"%V\" has no function \"%s\": it is not a Latchkey library, "
                "set \"latchkey_library\" to one",
                path, symbol->name);
            goto failed;
        }

        ngx_memcpy((u_char *) library + symbol->offset, &address,
            sizeof(void *));

        /* a library with another interface may lack a function: report its ABI */

        if (i == 0 && library->abi_version() != LATCHKEY_ABI_VERSION) {
            p = ngx_snprintf(p, size,
                "\"%V\" has interface %uD, the module has %d: "
                "install both from one release, whose library is \"%V\"",
                path, library->abi_version(), LATCHKEY_ABI_VERSION,
                &ngx_http_latchkey_default_library);
            goto failed;
        }
    }

    return NGX_OK;

failed:

    *p = '\0';

    return NGX_ERROR;
}
