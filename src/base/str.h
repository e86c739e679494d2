/* SPDX-License-Identifier: Apache-2.0 */
/* Borrowed bytes: pointer and length. NUL is an ordinary byte. */
#ifndef SL_BASE_STR_H
#define SL_BASE_STR_H

#include <stdbool.h>
#include <string.h>

#include "base/attr.h"

struct sl_str {
    const char *p;
    size_t n;
};

/* A list of texts. */
struct sl_strs {
    struct sl_str *v;
    uint32_t n;
};

/* For printf: "%.*s", SL_STR_ARG(s). */
#define SL_STR_ARG(s) (int)((s).n > 4096 ? 4096 : (s).n), (s).p
/* From a literal; can be used in static initialisers. */
#define SL_STR(lit) ((struct sl_str){ ("" lit), sizeof(lit) - 1 })
#define SL_STR_INIT(lit)          \
    {                             \
        ("" lit), sizeof(lit) - 1 \
    }
#define SL_STR_NONE ((struct sl_str){ NULL, 0 })

SL_INLINE struct sl_str sl_str_make(const char *p, size_t n)
{
    return (struct sl_str){ p, n };
}

SL_INLINE struct sl_str sl_str_c(const char *s)
{
    return (struct sl_str){ s, s ? strlen(s) : 0 };
}

/* Both have n bytes. Makes no call, because names are short. Overlapping reads compare the end of longer ones. */
SL_INLINE bool sl_str_same_n(const char *a, const char *b, size_t n)
{
    uint64_t x, y;
    uint32_t u, v;
    if (n >= 8) {
        for (size_t i = 0; i < n - 8; i += 8) {
            memcpy(&x, a + i, 8);
            memcpy(&y, b + i, 8);
            if (x != y) {
                return false;
            }
        }
        memcpy(&x, a + n - 8, 8);
        memcpy(&y, b + n - 8, 8);
        return x == y;
    }
    if (n >= 4) {
        memcpy(&u, a, 4);
        memcpy(&v, b, 4);
        uint32_t differs = u ^ v;
        memcpy(&u, a + n - 4, 4);
        memcpy(&v, b + n - 4, 4);
        return (differs | (u ^ v)) == 0;
    }
    for (size_t i = 0; i < n; i++) {
        if (a[i] != b[i]) {
            return false;
        }
    }
    return true;
}

SL_INLINE bool sl_str_eq(struct sl_str a, struct sl_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

SL_INLINE bool sl_str_eq_c(struct sl_str a, const char *b)
{
    return sl_str_eq(a, sl_str_c(b));
}

/* Compares n bytes of each. */
bool sl_str_case_eq_n(const char *a, const char *b, size_t n);

/* Ignores the case of ASCII letters only. Makes no call for most header names: many begin alike, but their lengths or
 * last letters differ. The cases of a letter differ only in bit 0x20. */
SL_INLINE bool sl_str_case_eq(struct sl_str a, struct sl_str b)
{
    return a.n == b.n &&
           (a.n == 0 || (((a.p[a.n - 1] ^ b.p[b.n - 1]) & ~0x20) == 0 && sl_str_case_eq_n(a.p, b.p, a.n)));
}

/* White space in JSON: a space, a tab or the end of a line. */
SL_INLINE bool sl_char_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool sl_str_has_prefix(struct sl_str s, struct sl_str prefix);
bool sl_str_has_suffix(struct sl_str s, struct sl_str suffix);
/* Offset of the first `needle` at or after `from`, or -1. */
ptrdiff_t sl_str_find(struct sl_str s, struct sl_str needle, size_t from);
ptrdiff_t sl_str_find_char(struct sl_str s, char c, size_t from);
/* Removes spaces and tabs at both ends. */
struct sl_str sl_str_trim(struct sl_str s);
/* <0, 0, >0 by bytes; a prefix comes first. */
int sl_str_cmp(struct sl_str a, struct sl_str b);
/* Bytes from `from` up to `to` (both clamped to the length). */
struct sl_str sl_str_sub(struct sl_str s, size_t from, size_t to);

/* Splits at `sep`; ends when `rest->p == NULL`: while (sl_str_next(&rest, ',', &part)) … */
bool sl_str_next(struct sl_str *rest, char sep, struct sl_str *ret_part);

/* True: complete and valid UTF-8 (RFC 3629: no surrogates, no overlongs, at most U+10FFFF). */
bool sl_str_is_utf8(struct sl_str s);

/* Edit distance for "did you mean"; two swapped letters are one edit. Returns `cap` when it is that or more. */
size_t sl_str_distance(struct sl_str a, struct sl_str b, size_t cap);

#endif
