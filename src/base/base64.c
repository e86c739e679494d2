/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

#include "base/arena.h"

bool sl_base64_is_sound(struct sl_str s)
{
    static const char tail[] = "==";
    size_t n = s.n;
    for (size_t i = 0; i < 2 && n > 0 && s.p[n - 1] == tail[i]; i++) {
        n--;
    }
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s.p[i], low = c | 0x20;
        if (!((low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/')) {
            return false;
        }
    }
    return n > 0 && s.n % 4 == 0;
}

static int base64_value(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

struct sl_str sl_base64_decode(struct sl_str s, struct sl_arena *arena)
{
    char *out = sl_arena_bytes(arena, s.n / 4 * 3 + 3);
    if (!out) {
        return SL_STR_NONE;
    }
    size_t n = 0;
    uint32_t bits = 0, have = 0;
    for (size_t i = 0; i < s.n && s.p[i] != '='; i++) {
        bits = bits << 6 | (uint32_t)base64_value(s.p[i]);
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = (char)(bits >> have & 0xff);
        }
    }
    return sl_str_make(out, n);
}

void sl_base64url_format(const unsigned char *bytes, size_t n, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0, have = 0;
    for (size_t i = 0; i < n; i++) {
        bits = (bits << 8 | bytes[i]) & 0xffff;
        for (have += 8; have >= 6; have -= 6) {
            *out++ = digits[bits >> (have - 6) & 63];
        }
    }
    if (have) {
        *out++ = digits[bits << (6 - have) & 63];
    }
    *out = '\0';
}
