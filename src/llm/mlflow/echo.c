/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a value as Python's json would (or, for a tag in a message, as its repr): without the caller's white space,
 * texts without escapes, numbers in Python's spelling, and of a repeated member the last one. */
#include "llm/mlflow/echo.h"

#include <math.h>

#include "base/arena.h"
#include "base/num.h"
#include "json/write.h"

/* Members of larger objects are not compared with each other, because the cost is quadratic. */
#define UNIQUE_MAX 64

struct style {
    struct sl_str null, yes, no, comma, colon;
    bool is_repr;
};

static const struct style json_style = { SL_STR_INIT("null"), SL_STR_INIT("true"), SL_STR_INIT("false"),
                                         SL_STR_INIT(","),    SL_STR_INIT(":"),    false };
static const struct style repr_style = { SL_STR_INIT("None"), SL_STR_INIT("True"), SL_STR_INIT("False"),
                                         SL_STR_INIT(", "),   SL_STR_INIT(": "),   true };

struct level {
    struct sl_json_val container;
    struct sl_json_iter it;
    bool is_unique; /* members must be compared */
    bool has_one;
};

struct echo {
    struct sl_buf *out;
    struct sl_arena *arena;
    const struct style *style;
    struct level stack[SL_JSON_DEPTH_MAX + 1];
    unsigned depth;
};

/* Python's choice of quotes: double quotes only if they save escapes. */
static void repr_write(struct sl_buf *out, struct sl_str s)
{
    char quote = sl_str_find_char(s, '\'', 0) >= 0 && sl_str_find_char(s, '"', 0) < 0 ? '"' : '\'';
    sl_buf_add_char(out, quote);
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        const char *from = "\n\r\t", *to = "nrt";
        const char *at = c ? strchr(from, c) : NULL;
        if (at) {
            sl_buf_add_char(out, '\\');
            sl_buf_add_char(out, to[at - from]);
        } else if (c == '\\' || c == quote) {
            sl_buf_add_char(out, '\\');
            sl_buf_add_char(out, c);
        } else if ((unsigned char)c < 0x20 || c == 0x7f) {
            sl_buf_printf(out, "\\x%02x", (unsigned)(unsigned char)c);
        } else {
            sl_buf_add_char(out, c);
        }
    }
    sl_buf_add_char(out, quote);
}

static void string_write(struct echo *e, struct sl_json_val v)
{
    if (!e->style->is_repr && !sl_json_tok(v)->escaped) {
        sl_buf_add_str(e->out, sl_json_raw(v));
        return;
    }
    struct sl_str text;
    struct sl_arena_mark mark = sl_arena_mark(e->arena);
    if (sl_json_text(v, e->arena, &text) < 0) {
        sl_buf_add_str(e->out, sl_json_raw(v)); /* without memory it is written unchanged */
    } else if (e->style->is_repr) {
        repr_write(e->out, text);
    } else {
        sl_buf_add_char(e->out, '"');
        sl_json_escape(e->out, text);
        sl_buf_add_char(e->out, '"');
    }
    sl_arena_rewind(e->arena, mark);
}

static void number_write(struct echo *e, struct sl_str raw)
{
    bool is_float = false;
    for (size_t i = 0; i < raw.n && !is_float; i++) {
        is_float = raw.p[i] == '.' || raw.p[i] == 'e' || raw.p[i] == 'E';
    }
    double v;
    if (sl_str_eq(raw, SL_STR("-0"))) {
        sl_buf_add_char(e->out, '0');
    } else if (is_float && sl_parse_double(raw, &v) == 0 && isfinite(v)) {
        struct sl_jw w;
        sl_jw_init(&w, e->out);
        sl_jw_double(&w, v);
    } else {
        sl_buf_add_str(e->out, raw);
    }
}

/* Writes a scalar, or opens a container. */
static void value_write(struct echo *e, struct sl_json_val v)
{
    const struct style *style = e->style;
    switch ((enum sl_json_kind)sl_json_tok(v)->kind) {
    case SL_JSON_NULL:
        sl_buf_add_str(e->out, style->null);
        break;
    case SL_JSON_FALSE:
        sl_buf_add_str(e->out, style->no);
        break;
    case SL_JSON_TRUE:
        sl_buf_add_str(e->out, style->yes);
        break;
    case SL_JSON_NUMBER:
        number_write(e, sl_json_raw(v));
        break;
    case SL_JSON_STRING:
        string_write(e, v);
        break;
    case SL_JSON_ARRAY:
    case SL_JSON_OBJECT:
        if (sl_json_tok(v)->folded || e->depth == SL_ARRAY_LEN(e->stack)) {
            sl_json_compact(e->out, sl_json_raw(v));
            break;
        }
        sl_buf_add_char(e->out, sl_json_is(v, SL_JSON_ARRAY) ? '[' : '{');
        e->stack[e->depth++] = (struct level){
            .container = v,
            .it = sl_json_each(v),
            .is_unique = sl_json_is(v, SL_JSON_OBJECT) && sl_json_count(v) <= UNIQUE_MAX,
        };
        break;
    }
}

static bool is_same_key(struct sl_json_val a, struct sl_json_val b)
{
    return sl_str_eq(sl_json_raw(a), sl_json_raw(b));
}

/* False: a member of this name came before. Else *ret_val is the value that counts, the last of its name. */
static bool member_resolve(const struct level *level, struct sl_json_val *ret_val)
{
    *ret_val = level->it.val;
    if (!level->is_unique) {
        return true;
    }
    for (struct sl_json_iter it = sl_json_each(level->container); sl_json_next(&it);) {
        if (!is_same_key(it.key, level->it.key)) {
            continue;
        }
        if (it.key.i < level->it.key.i) {
            return false;
        }
        *ret_val = it.val;
    }
    return true;
}

static void level_step(struct echo *e, struct level *level)
{
    struct sl_json_val val = level->it.val;
    bool is_object = level->it.is_object;
    if (is_object && !member_resolve(level, &val)) {
        return;
    }
    if (level->has_one) {
        sl_buf_add_str(e->out, e->style->comma);
    }
    level->has_one = true;
    if (is_object) {
        string_write(e, level->it.key);
        sl_buf_add_str(e->out, e->style->colon);
    }
    value_write(e, val);
}

static void echo_run(struct sl_buf *out, struct sl_json_val v, struct sl_arena *arena, const struct style *style)
{
    struct echo e;
    e.out = out;
    e.arena = arena;
    e.style = style;
    e.depth = 0;
    value_write(&e, v);
    while (e.depth && sl_buf_status(out) == 0) {
        struct level *level = &e.stack[e.depth - 1];
        if (sl_json_next(&level->it)) {
            level_step(&e, level);
        } else {
            sl_buf_add_char(out, sl_json_is(level->container, SL_JSON_ARRAY) ? ']' : '}');
            e.depth--;
        }
    }
}

void sl_mf_echo(struct sl_buf *out, struct sl_json_val v, struct sl_arena *arena)
{
    echo_run(out, v, arena, &json_style);
}

void sl_mf_repr(struct sl_buf *out, struct sl_json_val v, struct sl_arena *arena)
{
    echo_run(out, v, arena, &repr_style);
}
