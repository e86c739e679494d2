/* SPDX-License-Identifier: Apache-2.0 */
/* A growing byte buffer, always with a maximum. Errors are sticky: after the first failure every append does nothing,
 * so one check of sl_buf_status at the end covers a whole sequence. */
#ifndef SL_BASE_BUF_H
#define SL_BASE_BUF_H

#include <stdarg.h>

#include "base/err.h"
#include "base/str.h"

struct sl_alloc;

struct sl_buf {
    char *p;
    size_t len;
    size_t cap;
    size_t max;
    int status;                   /* 0, SL_E_NOMEM or SL_E_LIMIT */
    const struct sl_alloc *alloc; /* NULL: the C library's */
};

#define SL_BUF_INIT(max_bytes) ((struct sl_buf){ .max = (max_bytes) })

void sl_buf_init(struct sl_buf *buf, size_t max);
/* Frees the memory and leaves an empty buffer with the same maximum. Accepts NULL. */
void sl_buf_done(struct sl_buf *buf);
/* Empties the buffer and clears the status; keeps the memory. */
void sl_buf_reset(struct sl_buf *buf);
/* The same, but frees memory beyond `keep` bytes. */
void sl_buf_shrink(struct sl_buf *buf, size_t keep);

/* Makes room for `n` more bytes; sticky. Returns the status. */
int sl_buf_reserve(struct sl_buf *buf, size_t n);
void sl_buf_add(struct sl_buf *buf, const void *p, size_t n);
void sl_buf_add_str(struct sl_buf *buf, struct sl_str s);
void sl_buf_add_c(struct sl_buf *buf, const char *s);
void sl_buf_add_char(struct sl_buf *buf, char c);
void sl_buf_add_u64(struct sl_buf *buf, uint64_t v);
void sl_buf_add_i64(struct sl_buf *buf, int64_t v);
void sl_buf_printf(struct sl_buf *buf, const char *fmt, ...) SL_PRINTF(2, 3);
void sl_buf_vprintf(struct sl_buf *buf, const char *fmt, va_list args) SL_PRINTF(2, 0);
/* Standard alphabet, with padding. */
void sl_buf_add_base64(struct sl_buf *buf, struct sl_str s);
/* Removes the first `n` bytes. */
void sl_buf_drop(struct sl_buf *buf, size_t n);
#define sl_buf_add_lit(buf, lit) sl_buf_add((buf), "" lit, sizeof(lit) - 1)

SL_INLINE struct sl_str sl_buf_str(const struct sl_buf *buf)
{
    return (struct sl_str){ buf->p, buf->len };
}

SL_INLINE int sl_buf_status(const struct sl_buf *buf)
{
    return buf->status;
}

#endif
