
/*
 * Keys are recognized by their form, "<prefix>_<locator>_<secret>…", and replaced
 * by asterisks from the secret on.  The checksum is not verified: a secret that
 * lacks its last characters must not be logged either.  Any character may be
 * percent-encoded.
 */

#include "ngx_http_latchkey_secrecy.h"

#include "latchkey.h"


#define NGX_HTTP_LATCHKEY_SECRET_LENGTH 32


static u_char *ngx_http_latchkey_find_secret(u_char *p, u_char *end,
    u_char **last);
static u_char *ngx_http_latchkey_find_form(u_char *p, u_char *end);
static ngx_uint_t ngx_http_latchkey_octet(u_char **p, const u_char *end);
static ngx_uint_t ngx_http_latchkey_is_digit(ngx_uint_t ch);


void
ngx_http_latchkey_redact(u_char *p, size_t len)
{
    u_char *end, *last;

    last = p;
    end = p + len;

    while ((p = ngx_http_latchkey_find_secret(last, end, &last))) {
        ngx_memset(p, '*', last - p);
    }
}


/* Redacts a copy, which replaces the text: the original is still in use. */

void
ngx_http_latchkey_redact_copy(ngx_pool_t *pool, ngx_str_t *text)
{
    u_char *p, *last;

    if (ngx_http_latchkey_find_secret(text->data, text->data + text->len, &last)
        == NULL)
    {
        return;
    }

    p = ngx_pstrdup(pool, text);
    if (p == NULL) {
        ngx_str_null(text);
        return;
    }

    text->data = p;

    ngx_http_latchkey_redact(text->data, text->len);
}


static u_char *
ngx_http_latchkey_find_secret(u_char *p, u_char *end, u_char **last)
{
    u_char *start, *next;
    ngx_uint_t ch, digits, is_part, is_secret;

    p = ngx_http_latchkey_find_form(p, end);

    if (p == NULL) {
        return NULL;
    }

    start = p;
    digits = 0;
    is_part = 0;
    is_secret = 0;

    for (/* void */; p < end; p = next) {
        next = p;
        ch = ngx_http_latchkey_octet(&next, end);

        if (ngx_http_latchkey_is_digit(ch)) {
            digits++;
            continue;
        }

        if (is_secret && digits >= NGX_HTTP_LATCHKEY_SECRET_LENGTH) {
            break;
        }

        /* a locator stands between two underscores, the secret after it */

        is_secret = (is_part && digits == LATCHKEY_LOCATOR_LENGTH
            && ch == '_');
        is_part = (ch == '_');
        digits = 0;
        start = next;
    }

    if (!is_secret || digits < NGX_HTTP_LATCHKEY_SECRET_LENGTH) {
        return NULL;
    }

    *last = p;

    return start;
}


/* Most texts hold no key, and a few instructions suffice to see that. */

static u_char *
ngx_http_latchkey_find_form(u_char *p, u_char *end)
{
    u_char *underscore, *percent;

    if (end - p < NGX_HTTP_LATCHKEY_FORM_MIN) {
        return NULL;
    }

    underscore = memchr(p, '_', end - p);
    percent = memchr(p, '%', end - p);

    if (underscore && percent) {
        return ngx_min(underscore, percent);
    }

    return underscore ? underscore : percent;
}


/* Returns the next octet, decoded, and moves *p past it. */

static ngx_uint_t
ngx_http_latchkey_octet(u_char **p, const u_char *end)
{
    u_char ch;
    ngx_int_t decoded;

    ch = *(*p)++;

    if (ch != '%' || end - *p < 2) {
        return ch;
    }

    decoded = ngx_hextoi(*p, 2);

    if (decoded == NGX_ERROR) {
        return ch;
    }

    *p += 2;

    return decoded;
}


static ngx_uint_t
ngx_http_latchkey_is_digit(ngx_uint_t ch)
{
    return (ch >= '0' && ch <= '9') || (ch >= 'A' && ch <= 'Z')
        || (ch >= 'a' && ch <= 'z');
}
