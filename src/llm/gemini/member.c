/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/gemini/member.h"

#include "base/base64.h"
#include "base/num.h"

#define NAME_MAX 64

/* "topP" to "top_p"; p == NULL: they are the same. */
static struct sl_str snake_of(const char *camel, char out[NAME_MAX])
{
    size_t n = 0;
    bool has_any = false;
    for (const char *p = camel; *p && n + 2 < NAME_MAX; p++) {
        bool is_upper = *p >= 'A' && *p <= 'Z';
        if (is_upper) {
            out[n++] = '_';
        }
        out[n++] = is_upper ? (char)(*p | 0x20) : *p;
        has_any |= is_upper;
    }
    return has_any ? sl_str_make(out, n) : SL_STR_NONE;
}

struct sl_json_val sl_gemini_get(struct sl_json_val object, const char *camel)
{
    char room[NAME_MAX];
    struct sl_json_val v = sl_json_get_str(object, sl_str_c(camel));
    struct sl_str snake = sl_json_is_present(v) ? SL_STR_NONE : snake_of(camel, room);
    return snake.p ? sl_json_get_str(object, snake) : v;
}

bool sl_gemini_is_key(struct sl_json_val key, const char *camel)
{
    char room[NAME_MAX];
    if (sl_json_str_eq(key, sl_str_c(camel))) {
        return true;
    }
    struct sl_str snake = snake_of(camel, room);
    return snake.p && sl_json_str_eq(key, snake);
}

struct sl_str sl_gemini_raw_text(struct sl_json_val object, const char *camel)
{
    struct sl_json_val v = sl_gemini_get(object, camel);
    return sl_json_is(v, SL_JSON_STRING) ? sl_json_raw(v) : SL_STR_NONE;
}

struct sl_gemini_iter sl_gemini_each(struct sl_json_val v)
{
    struct sl_gemini_iter it = { .val = v };
    if (sl_json_is(v, SL_JSON_ARRAY)) {
        it.it = sl_json_each(v);
        it.n = sl_json_count(v);
    } else if (!sl_json_is_nothing(v)) {
        it.is_one = true;
        it.n = 1;
    }
    return it;
}

bool sl_gemini_next(struct sl_gemini_iter *it)
{
    if (it->is_one) {
        it->is_one = false;
        return true;
    }
    if (!sl_json_next(&it->it)) {
        return false;
    }
    it->val = it->it.val;
    return true;
}

int sl_gemini_int(struct sl_json_val v, int64_t *ret)
{
    if (!sl_json_is(v, SL_JSON_STRING)) {
        return sl_json_int(v, true, ret);
    }
    struct sl_str raw = sl_json_raw(v), text = sl_str_sub(raw, 1, raw.n - 1);
    bool is_negative = text.n && text.p[0] == '-';
    uint64_t n = 0;
    if (sl_parse_u64(sl_str_sub(text, is_negative, text.n), 0, INT64_MAX, &n) < 0) {
        return SL_E_TYPE;
    }
    *ret = is_negative ? -(int64_t)n : (int64_t)n;
    return 0;
}

/* A digit of the URL alphabet as the standard one's. */
static char digit_of(char c)
{
    return c == '-' ? '+' : c == '_' ? '/' : c;
}

struct sl_str sl_gemini_base64(struct sl_str text, struct sl_arena *arena, int *ret_r)
{
    *ret_r = 0;
    if (sl_base64_is_sound(text)) {
        return text;
    }
    size_t n = text.n, n_pad = (4 - n % 4) % 4;
    char *p = n && n_pad < 3 ? sl_arena_bytes(arena, n + n_pad) : NULL;
    if (!p) {
        *ret_r = n && n_pad < 3 ? SL_E_NOMEM : 0;
        return SL_STR_NONE;
    }
    for (size_t i = 0; i < n; i++) {
        p[i] = digit_of(text.p[i]);
    }
    memset(p + n, '=', n_pad);
    struct sl_str made = sl_str_make(p, n + n_pad);
    return sl_base64_is_sound(made) ? made : SL_STR_NONE;
}

int sl_gemini_signature_read(struct sl_json_val v, struct sl_arena *arena, struct sl_str *ret_signature,
                             struct sl_str *ret_closed)
{
    static const struct sl_str is_signed = SL_STR_INIT(SL_GEMINI_SIGNED), is_closed = SL_STR_INIT(SL_GEMINI_CLOSED);
    struct sl_str text = SL_STR_NONE;
    int r = sl_json_text(v, arena, &text);
    if (r < 0) {
        return r == SL_E_NOMEM ? r : 0;
    }
    text = sl_gemini_base64(text, arena, &r);
    if (r < 0 || !text.n) {
        return r;
    }
    text = sl_base64_decode(text, arena);
    if (!text.p) {
        return SL_E_NOMEM;
    }
    bool is_sign = sl_str_has_prefix(text, is_signed), is_close = sl_str_has_prefix(text, is_closed);
    if (is_sign || is_close) {
        struct sl_str raw = sl_json_quote(sl_str_sub(text, is_signed.n, text.n), arena);
        *(is_sign ? ret_signature : ret_closed) = raw;
        r = raw.p ? 0 : SL_E_NOMEM;
    }
    return r;
}
