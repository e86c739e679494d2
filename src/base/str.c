/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#define DISTANCE_MAX 64

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Compares eight bytes at once: two bytes may differ only in the bit of a letter's case, and must both be letters. */
static bool eight_case_eq(const char *a, const char *b)
{
    const uint64_t ones = 0x0101010101010101ULL, highs = 0x8080808080808080ULL;
    uint64_t x, y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    uint64_t diff = x ^ y;
    if (diff & ~(ones * 0x20)) {
        return false;
    }
    uint64_t low = (x | (ones * 0x20)) & ~highs;
    uint64_t letters = (low + ones * (0x80 - 'a')) & ~(low + ones * (0x7f - 'z')) & ~x & highs;
    return (diff << 2 & ~letters) == 0;
}

bool sl_str_case_eq_n(const char *a, const char *b, size_t n)
{
    if (n < 8) {
        for (size_t i = 0; i < n; i++) {
            if (a[i] != b[i] && lower(a[i]) != lower(b[i])) {
                return false;
            }
        }
        return true;
    }
    for (size_t i = 0; i < n - 8; i += 8) {
        if (!eight_case_eq(a + i, b + i)) {
            return false;
        }
    }
    return eight_case_eq(a + n - 8, b + n - 8); /* the last eight bytes; some are compared twice */
}

bool sl_str_has_prefix(struct sl_str s, struct sl_str prefix)
{
    return s.n >= prefix.n && sl_str_eq(sl_str_make(s.p, prefix.n), prefix);
}

bool sl_str_has_suffix(struct sl_str s, struct sl_str suffix)
{
    return s.n >= suffix.n && sl_str_eq(sl_str_make(s.p + (s.n - suffix.n), suffix.n), suffix);
}

ptrdiff_t sl_str_find(struct sl_str s, struct sl_str needle, size_t from)
{
    if (from > s.n || needle.n > s.n - from) {
        return -1;
    }
    if (needle.n == 0) {
        return (ptrdiff_t)from;
    }
    const char *hit = memmem(s.p + from, s.n - from, needle.p, needle.n);
    return hit ? hit - s.p : -1;
}

ptrdiff_t sl_str_find_char(struct sl_str s, char c, size_t from)
{
    if (from >= s.n) {
        return -1;
    }
    const char *hit = memchr(s.p + from, c, s.n - from);
    return hit ? hit - s.p : -1;
}

struct sl_str sl_str_trim(struct sl_str s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) {
        s.p++;
        s.n--;
    }
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t')) {
        s.n--;
    }
    return s;
}

int sl_str_cmp(struct sl_str a, struct sl_str b)
{
    size_t n = SL_MIN(a.n, b.n);
    int r = n ? memcmp(a.p, b.p, n) : 0;
    if (r == 0 && a.n != b.n) {
        r = a.n < b.n ? -1 : 1;
    }
    return r;
}

struct sl_str sl_str_sub(struct sl_str s, size_t from, size_t to)
{
    to = SL_MIN(to, s.n);
    from = SL_MIN(from, to);
    return sl_str_make(s.p ? s.p + from : NULL, to - from);
}

bool sl_str_next(struct sl_str *rest, char sep, struct sl_str *ret_part)
{
    if (!rest->p) {
        return false;
    }
    ptrdiff_t at = sl_str_find_char(*rest, sep, 0);
    if (at < 0) {
        *ret_part = *rest;
        *rest = SL_STR_NONE;
    } else {
        *ret_part = sl_str_make(rest->p, (size_t)at);
        *rest = sl_str_make(rest->p + at + 1, rest->n - (size_t)at - 1);
    }
    return true;
}

/* Length of the valid UTF-8 sequence at p (2 to 4), or 0. RFC 3629 section 4. */
static size_t utf8_sequence(const unsigned char *p, size_t n)
{
    unsigned char a = p[0];
    size_t need = a >= 0xc2 && a <= 0xdf ? 2 : (a & 0xf0) == 0xe0 ? 3 : a >= 0xf0 && a <= 0xf4 ? 4 : 0;
    if (need == 0 || n < need) {
        return 0;
    }
    unsigned char low = 0x80, high = 0xbf;
    if (a == 0xe0) {
        low = 0xa0; /* overlong */
    } else if (a == 0xed) {
        high = 0x9f; /* surrogates */
    } else if (a == 0xf0) {
        low = 0x90;
    } else if (a == 0xf4) {
        high = 0x8f; /* above U+10FFFF */
    }
    if (p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < need; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return need;
}

bool sl_str_is_utf8(struct sl_str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    for (size_t i = 0; i < s.n;) {
        uint64_t word;
        if (s.n - i >= 8 && (memcpy(&word, p + i, 8), (word & 0x8080808080808080ULL) == 0)) {
            i += 8;
        } else if (p[i] < 0x80) {
            i++;
        } else {
            size_t n = utf8_sequence(p + i, s.n - i);
            if (n == 0) {
                return false;
            }
            i += n;
        }
    }
    return true;
}

size_t sl_str_distance(struct sl_str a, struct sl_str b, size_t cap)
{
    if (a.n > DISTANCE_MAX || b.n > DISTANCE_MAX) {
        return cap;
    }
    /* Three rows of the usual table (Wagner and Fischer 1974), and a swap of neighbours as one edit (Damerau 1964; no
     * letter is edited twice). */
    size_t rows[3][DISTANCE_MAX + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b.n; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= a.n; i++) {
        size_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            char x = lower(a.p[i - 1]), y = lower(b.p[j - 1]);
            row[j] = SL_MIN(above[j - 1] + (x != y), SL_MIN(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && x == lower(b.p[j - 2]) && y == lower(a.p[i - 2])) {
                row[j] = SL_MIN(row[j], before[j - 2] + 1);
            }
        }
    }
    return SL_MIN(row[b.n], cap);
}
