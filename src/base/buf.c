/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/num.h"

#define BUF_MIN 256

void sl_buf_init(struct sl_buf *buf, size_t max)
{
    *buf = (struct sl_buf){ .max = max };
}

void sl_buf_done(struct sl_buf *buf)
{
    if (buf) {
        sl_alloc_free(buf->alloc, buf->p);
        *buf = (struct sl_buf){ .max = buf->max, .alloc = buf->alloc };
    }
}

void sl_buf_reset(struct sl_buf *buf)
{
    buf->len = 0;
    buf->status = 0;
}

void sl_buf_shrink(struct sl_buf *buf, size_t keep)
{
    if (buf->cap > keep) {
        sl_buf_done(buf);
    } else {
        sl_buf_reset(buf);
    }
}

/* Called when the room is too small, or an append failed before. */
SL_NOINLINE static int grow(struct sl_buf *buf, size_t n)
{
    if (buf->status) {
        return buf->status;
    }
    if (n > buf->max || buf->len > buf->max - n) {
        return buf->status = SL_E_LIMIT;
    }
    size_t need = buf->len + n;
    size_t cap = SL_MAX(buf->cap, (size_t)BUF_MIN);
    while (cap < need) {
        cap *= 2;
    }
    cap = SL_MIN(cap, buf->max);
    char *p = sl_alloc_resize(buf->alloc, buf->p, cap);
    if (!p) {
        return buf->status = SL_E_NOMEM;
    }
    buf->p = p;
    buf->cap = cap;
    return 0;
}

static inline int reserve(struct sl_buf *buf, size_t n)
{
    return SL_UNLIKELY(buf->status || n > buf->cap - buf->len) ? grow(buf, n) : 0;
}

int sl_buf_reserve(struct sl_buf *buf, size_t n)
{
    return reserve(buf, n);
}

void sl_buf_add(struct sl_buf *buf, const void *p, size_t n)
{
    if (n == 0 || reserve(buf, n) < 0) {
        return;
    }
    memcpy(buf->p + buf->len, p, n);
    buf->len += n;
}

void sl_buf_add_str(struct sl_buf *buf, struct sl_str s)
{
    sl_buf_add(buf, s.p, s.n);
}

void sl_buf_add_c(struct sl_buf *buf, const char *s)
{
    sl_buf_add(buf, s, strlen(s));
}

void sl_buf_add_char(struct sl_buf *buf, char c)
{
    if (reserve(buf, 1) == 0) {
        buf->p[buf->len++] = c;
    }
}

void sl_buf_add_u64(struct sl_buf *buf, uint64_t v)
{
    char digits[20];
    sl_buf_add(buf, digits, sl_format_u64(v, digits));
}

void sl_buf_add_i64(struct sl_buf *buf, int64_t v)
{
    if (v < 0) {
        sl_buf_add_char(buf, '-');
        sl_buf_add_u64(buf, 0 - (uint64_t)v);
    } else {
        sl_buf_add_u64(buf, (uint64_t)v);
    }
}

void sl_buf_vprintf(struct sl_buf *buf, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    /* vsnprintf needs one more byte for its NUL. */
    if (n >= 0 && sl_buf_reserve(buf, (size_t)n + 1) == 0) {
        vsnprintf(buf->p + buf->len, (size_t)n + 1, fmt, again);
        buf->len += (size_t)n;
    }
    va_end(again);
}

void sl_buf_printf(struct sl_buf *buf, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    sl_buf_vprintf(buf, fmt, args);
    va_end(args);
}

void sl_buf_drop(struct sl_buf *buf, size_t n)
{
    SL_ASSERT(n <= buf->len);
    if (n) {
        memmove(buf->p, buf->p + n, buf->len - n);
        buf->len -= n;
    }
}

void sl_buf_add_base64(struct sl_buf *buf, struct sl_str s)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *p = (const unsigned char *)s.p;
    for (size_t i = 0; i < s.n; i += 3) {
        uint32_t word = (uint32_t)p[i] << 16 | (i + 1 < s.n ? (uint32_t)p[i + 1] << 8 : 0) |
                        (i + 2 < s.n ? p[i + 2] : 0);
        char four[4] = { digits[word >> 18], digits[word >> 12 & 63], i + 1 < s.n ? digits[word >> 6 & 63] : '=',
                         i + 2 < s.n ? digits[word & 63] : '=' };
        sl_buf_add(buf, four, sizeof(four));
    }
}
