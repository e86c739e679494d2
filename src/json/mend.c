/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "json/json.h"

static int hex_value(char c)
{
    unsigned char low = (unsigned char)c | 0x20;
    return c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

/* The code unit of the escape \uXXXX at `i`, or -1. */
static int unit_at(struct sl_str s, size_t i)
{
    int unit = 0;
    if (i + 6 > s.n || s.p[i] != '\\' || s.p[i + 1] != 'u') {
        return -1;
    }
    for (size_t k = i + 2; k < i + 6; k++) {
        int v = hex_value(s.p[k]);
        if (v < 0) {
            return -1;
        }
        unit = unit << 4 | v;
    }
    return unit;
}

/* The offset of the next half of a pair that has no other half, or s.n. */
static size_t lone_find(struct sl_str s, size_t from)
{
    const char *p;
    while (from < s.n && (p = memchr(s.p + from, '\\', s.n - from)) != NULL) {
        size_t i = (size_t)(p - s.p);
        int unit = unit_at(s, i);
        from = i + (unit < 0 ? 2 : 6);
        if (unit < 0xd800 || unit > 0xdfff) {
            continue;
        }
        int next = unit < 0xdc00 ? unit_at(s, from) : -1;
        if (next < 0xdc00 || next > 0xdfff) {
            return i;
        }
        from += 6;
    }
    return s.n;
}

int sl_json_mend(struct sl_str *io_text, struct sl_arena *arena)
{
    struct sl_str s = *io_text;
    size_t i = lone_find(s, 0);
    if (i == s.n) {
        return 0;
    }
    char *out = sl_arena_bytes(arena, s.n);
    if (!out) {
        return SL_E_NOMEM;
    }
    memcpy(out, s.p, s.n);
    for (; i < s.n; i = lone_find(s, i + 6)) {
        memcpy(out + i, "\\ufffd", 6);
    }
    *io_text = sl_str_make(out, s.n);
    return 0;
}

/* The length of the constant at `i`, outside a string; 0: there is none. */
static size_t constant_at(struct sl_str s, size_t i)
{
    static const struct sl_str words[] = { SL_STR_INIT("NaN"), SL_STR_INIT("Infinity"), SL_STR_INIT("-Infinity") };
    for (size_t k = 0; k < SL_ARRAY_LEN(words); k++) {
        if (s.p[i] == words[k].p[0] && sl_str_has_prefix(sl_str_sub(s, i, s.n), words[k])) {
            return words[k].n;
        }
    }
    return 0;
}

bool sl_json_has_constants(struct sl_str text)
{
    return sl_str_find(text, SL_STR("NaN"), 0) >= 0 || sl_str_find(text, SL_STR("Infinity"), 0) >= 0;
}

struct sl_str sl_json_constants_null(struct sl_str text, struct sl_arena *arena)
{
    char *p = sl_arena_bytes(arena, text.n + text.n / 3 + 1); /* "NaN" gets a third longer */
    size_t n = 0;
    bool is_inside = false;
    for (size_t i = 0; p && i < text.n; i++) {
        size_t skip = is_inside ? 0 : constant_at(text, i);
        if (skip) {
            memcpy(p + n, "null", 4);
            n += 4;
            i += skip - 1;
            continue;
        }
        char c = text.p[i];
        p[n++] = c;
        if (is_inside && c == '\\' && i + 1 < text.n) {
            p[n++] = text.p[++i];
        } else if (c == '"') {
            is_inside = !is_inside;
        }
    }
    return p ? sl_str_make(p, n) : SL_STR_NONE;
}
