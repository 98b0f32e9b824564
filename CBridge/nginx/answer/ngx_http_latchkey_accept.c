
/*
 * Whether a client names a media type in "Accept" (RFC 9110, 12.5.1).
 */

#include "ngx_http_latchkey_answer.h"


static ngx_uint_t ngx_http_latchkey_lists(ngx_str_t *list, ngx_str_t *type);
static ngx_uint_t ngx_http_latchkey_is_declined(u_char *p, u_char *end);


/* A wildcard, which most clients send, names no type. */

ngx_uint_t
ngx_http_latchkey_accepts(ngx_http_request_t *r, ngx_str_t *type)
{
    ngx_uint_t i;
    ngx_list_part_t *part;
    ngx_table_elt_t *h;

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

        if (h[i].hash == 0 || h[i].key.len != sizeof("Accept") - 1
            || ngx_strncasecmp(h[i].key.data, (u_char *) "Accept",
                   sizeof("Accept") - 1)
                != 0)
        {
            continue;
        }

        if (ngx_http_latchkey_lists(&h[i].value, type)) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_http_latchkey_lists(ngx_str_t *list, ngx_str_t *type)
{
    u_char *p, *end, *last;

    end = list->data + list->len;

    for (p = list->data; p < end; p = last + 1) {

        last = ngx_strlchr(p, end, ',');

        if (last == NULL) {
            last = end;
        }

        p = ngx_http_latchkey_skip_blanks(p, last);

        if ((size_t) (last - p) < type->len
            || ngx_strncasecmp(p, type->data, type->len) != 0)
        {
            continue;
        }

        p = ngx_http_latchkey_skip_blanks(p + type->len, last);

        if (p == last || *p == ';') {
            return !ngx_http_latchkey_is_declined(p, last);
        }
    }

    return 0;
}


/* "q=0" says that the type is not wanted. */

static ngx_uint_t
ngx_http_latchkey_is_declined(u_char *p, u_char *end)
{
    for (p = ngx_strlchr(p, end, ';'); p; p = ngx_strlchr(p, end, ';')) {

        p = ngx_http_latchkey_skip_blanks(p + 1, end);

        if (end - p < 2 || ngx_strncasecmp(p, (u_char *) "q=", 2) != 0) {
            continue;
        }

        for (p += 2; p < end && (*p == '0' || *p == '.'); p++) {
            /* void */
        }

        return ngx_http_latchkey_skip_blanks(p, end) == end || *p == ';';
    }

    return 0;
}
