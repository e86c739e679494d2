/* SPDX-License-Identifier: Apache-2.0 */
#include "json/write.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "json/json.h"
#include "json/simd.h"

void sl_jw_init(struct sl_jw *w, struct sl_buf *out)
{
    *w = (struct sl_jw){ .out = out };
}

void sl_jw_inside(struct sl_jw *w, struct sl_buf *out, struct sl_str closers)
{
    SL_ASSERT(closers.n <= SL_JW_DEPTH_MAX);
    *w = (struct sl_jw){ .out = out, .depth = (uint32_t)closers.n };
    memcpy(w->closers, closers.p, closers.n);
}

static void value_begin(struct sl_jw *w)
{
    if (w->need_comma && !w->after_key) {
        sl_buf_add_char(w->out, ',');
    }
    w->need_comma = true;
    w->after_key = false;
}

static void container_begin(struct sl_jw *w, char open, char close)
{
    value_begin(w);
    SL_ASSERT(w->depth < SL_JW_DEPTH_MAX);
    sl_buf_add_char(w->out, open);
    w->closers[w->depth++] = (uint8_t)close;
    w->need_comma = false;
}

void sl_jw_object(struct sl_jw *w)
{
    container_begin(w, '{', '}');
}

void sl_jw_array(struct sl_jw *w)
{
    container_begin(w, '[', ']');
}

void sl_jw_end(struct sl_jw *w)
{
    SL_ASSERT(w->depth > 0 && !w->after_key);
    sl_buf_add_char(w->out, (char)w->closers[--w->depth]);
    w->need_comma = true;
}

void sl_jw_key_str(struct sl_jw *w, struct sl_str key)
{
    SL_ASSERT(w->depth > 0 && w->closers[w->depth - 1] == '}' && !w->after_key);
    if (w->need_comma) {
        sl_buf_add_char(w->out, ',');
    }
    sl_buf_add_char(w->out, '"');
    sl_json_escape(w->out, key);
    sl_buf_add_lit(w->out, "\":");
    w->after_key = true;
    w->need_comma = true;
}

/* Names in the code need no escaping. */
void sl_jw_key(struct sl_jw *w, const char *key)
{
    SL_ASSERT(w->depth > 0 && w->closers[w->depth - 1] == '}' && !w->after_key);
    size_t n = strlen(key);
    if (sl_buf_reserve(w->out, n + 4) == 0) {
        char *p = w->out->p + w->out->len;
        if (w->need_comma) {
            *p++ = ',';
        }
        *p++ = '"';
        memcpy(p, key, n);
        p[n] = '"';
        p[n + 1] = ':';
        w->out->len = (size_t)(p + n + 2 - w->out->p);
    }
    w->after_key = true;
    w->need_comma = true;
}

void sl_jw_str(struct sl_jw *w, struct sl_str text)
{
    value_begin(w);
    sl_buf_add_char(w->out, '"');
    sl_json_escape(w->out, text);
    sl_buf_add_char(w->out, '"');
}

void sl_jw_str_c(struct sl_jw *w, const char *text)
{
    if (text) {
        sl_jw_str(w, sl_str_c(text));
    } else {
        sl_jw_null(w);
    }
}

void sl_jw_u64(struct sl_jw *w, uint64_t v)
{
    value_begin(w);
    sl_buf_add_u64(w->out, v);
}

void sl_jw_i64(struct sl_jw *w, int64_t v)
{
    value_begin(w);
    sl_buf_add_i64(w->out, v);
}

/* Written as Python's repr does: the fewest digits that read back the same, ".0" behind a whole number, an exponent
 * outside 1e-4 … 1e16. */
void sl_jw_double(struct sl_jw *w, double v)
{
    if (!isfinite(v)) {
        sl_jw_null(w);
        return;
    }
    value_begin(w);
    char text[40];
    int digits = 1;
    do {
        snprintf(text, sizeof(text), "%.*e", digits - 1, v);
    } while (strtod(text, NULL) != v && ++digits <= 17);
    int exponent = atoi(strchr(text, 'e') + 1);
    if (exponent >= 16 || (exponent < -4 && v != 0)) {
        /* %e gives at least two digits of exponent, as Python does. */
        sl_buf_add_c(w->out, text);
        return;
    }
    int decimals = SL_MAX(digits - 1 - exponent, 1);
    sl_buf_printf(w->out, "%.*f", decimals, v);
}

void sl_jw_bool(struct sl_jw *w, bool v)
{
    value_begin(w);
    sl_buf_add_c(w->out, v ? "true" : "false");
}

void sl_jw_null(struct sl_jw *w)
{
    value_begin(w);
    sl_buf_add_lit(w->out, "null");
}

void sl_jw_raw(struct sl_jw *w, struct sl_str json)
{
    value_begin(w);
    sl_buf_add_str(w->out, json);
}

void sl_jw_member_str(struct sl_jw *w, const char *key, struct sl_str text)
{
    sl_jw_key(w, key);
    if (text.p) {
        sl_jw_str(w, text);
    } else {
        sl_jw_null(w);
    }
}

void sl_jw_member_u64(struct sl_jw *w, const char *key, uint64_t v)
{
    sl_jw_key(w, key);
    sl_jw_u64(w, v);
}

void sl_jw_member_i64(struct sl_jw *w, const char *key, int64_t v)
{
    sl_jw_key(w, key);
    sl_jw_i64(w, v);
}

void sl_jw_member_bool(struct sl_jw *w, const char *key, bool v)
{
    sl_jw_key(w, key);
    sl_jw_bool(w, v);
}

void sl_jw_member_null(struct sl_jw *w, const char *key)
{
    sl_jw_key(w, key);
    sl_jw_null(w);
}

void sl_jw_member_raw(struct sl_jw *w, const char *key, struct sl_str json)
{
    sl_jw_key(w, key);
    sl_jw_raw(w, json);
}

void sl_jw_member_join(struct sl_jw *w, const char *key, struct sl_json_val list, const char *member)
{
    sl_jw_key(w, key);
    sl_jw_raw(w, SL_STR("\""));
    for (struct sl_json_iter it = sl_json_each(list); sl_json_is(list, SL_JSON_ARRAY) && sl_json_next(&it);) {
        struct sl_json_val text = sl_json_get(it.val, member);
        struct sl_str raw = sl_json_is(text, SL_JSON_STRING) ? sl_json_raw(text) : SL_STR("\"\"");
        sl_buf_add_str(w->out, sl_str_sub(raw, 1, raw.n - 1));
    }
    sl_buf_add_char(w->out, '"');
}

/* --- escaping --- */

static void escape_byte(struct sl_buf *out, char c)
{
    static const char named[] = "\b\t\n\f\r";
    static const char letters[] = "btnfr";
    const char *hit = c ? strchr(named, c) : NULL;
    if (c == '"' || c == '\\') {
        char pair[2] = { '\\', c };
        sl_buf_add(out, pair, 2);
    } else if (hit) {
        char pair[2] = { '\\', letters[hit - named] };
        sl_buf_add(out, pair, 2);
    } else {
        sl_buf_printf(out, "\\u%04x", (unsigned)(unsigned char)c);
    }
}

/* Adds a run without quotes, backslashes and control characters unchanged, but invalid UTF-8 replaced. */
static void run_add(struct sl_buf *out, const char *p, const char *end, bool has_high)
{
    struct sl_str run = sl_str_make(p, (size_t)(end - p));
    if (!has_high || sl_str_is_utf8(run)) {
        sl_buf_add_str(out, run);
        return;
    }
    while (p < end) {
        size_t n = 1;
        while (n < 4 && p + n < end && ((unsigned char)p[n] & 0xc0) == 0x80) {
            n++;
        }
        if (sl_str_is_utf8(sl_str_make(p, n))) {
            sl_buf_add(out, p, n);
            p += n;
        } else {
            sl_buf_add_lit(out, "\xef\xbf\xbd");
            p++;
            while (p < end && ((unsigned char)*p & 0xc0) == 0x80) {
                p++; /* one replacement for one broken sequence */
            }
        }
    }
}

void sl_json_escape(struct sl_buf *out, struct sl_str text)
{
    if (text.n == 0) {
        return; /* the pointer may be NULL */
    }
    const char *p = text.p, *end = text.p + text.n;
    while (p < end) {
        bool has_high = false;
        const char *stop = sl_simd_string_stop(p, end, &has_high);
        run_add(out, p, stop, has_high);
        p = stop;
        if (p < end) {
            escape_byte(out, *p++);
        }
    }
}

void sl_json_compact(struct sl_buf *out, struct sl_str json)
{
    size_t from = 0;
    bool is_inside = false;
    for (size_t i = 0; i < json.n; i++) {
        char c = json.p[i];
        if (is_inside) {
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                is_inside = false;
            }
        } else if (c == '"') {
            is_inside = true;
        } else if (sl_char_is_blank(c)) {
            sl_buf_add_str(out, sl_str_sub(json, from, i));
            from = i + 1;
        }
    }
    sl_buf_add_str(out, sl_str_sub(json, from, json.n));
}

struct sl_str sl_json_flat(struct sl_str raw, struct sl_arena *arena)
{
    if (sl_str_find_char(raw, '\n', 0) < 0 && sl_str_find_char(raw, '\r', 0) < 0) {
        return raw;
    }
    struct sl_buf buf = SL_BUF_INIT(raw.n + 1);
    sl_json_compact(&buf, raw);
    raw = sl_buf_status(&buf) == 0 ? sl_arena_dup(arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_done(&buf);
    return raw;
}
