
/*
 * A header added to an answer.  Texts are not copied: they last as long as the
 * request.
 */

#include "ngx_http_latchkey.h"


ngx_table_elt_t *
ngx_http_latchkey_push_header(ngx_http_request_t *r, const char *key,
    const char *value)
{
    ngx_table_elt_t *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NULL;
    }

    h->hash = 1;
    h->key.len = ngx_strlen(key);
    h->key.data = (u_char *) key;
    h->value.len = ngx_strlen(value);
    h->value.data = (u_char *) value;

#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return h;
}
