/* SPDX-License-Identifier: Apache-2.0 */
#include "base/word.h"

bool sl_is_word(uint32_t c)
{
    if (c < 0x80) {
        return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9') || c == '_';
    }
    size_t low = 0, high = sl_n_word_ranges;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (sl_word_ranges[mid].to < c) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low < sl_n_word_ranges && sl_word_ranges[low].from <= c;
}

bool sl_utf8_next(struct sl_str *io_rest, uint32_t *ret)
{
    const unsigned char *p = (const unsigned char *)io_rest->p;
    if (io_rest->n == 0) {
        return false;
    }
    if (p[0] < 0x80) {
        *io_rest = sl_str_make(io_rest->p + 1, io_rest->n - 1);
        *ret = p[0];
        return true;
    }
    size_t n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (n > io_rest->n || !sl_str_is_utf8(sl_str_make(io_rest->p, n))) {
        return false;
    }
    uint32_t c = p[0] & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        c = c << 6 | (p[i] & 0x3fu);
    }
    *io_rest = sl_str_make(io_rest->p + n, io_rest->n - n);
    *ret = c;
    return true;
}

bool sl_is_steering(uint32_t c)
{
    bool is_mark = c == 0x061c || c == 0x200b || c == 0x200e || c == 0x200f || c == 0xfeff;
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) ||
           is_mark;
}

size_t sl_utf8_fit(struct sl_str s, size_t max)
{
    size_t n = SL_MIN(s.n, max);
    while (n < s.n && n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80) {
        n--;
    }
    return n;
}
