/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/core/pieces.h"

#include <stdio.h>

#include "json/write.h"

/* --- arguments --- */

static struct sl_str compact(struct sl_str before, struct sl_str json, struct sl_str after, struct sl_arena *arena)
{
    struct sl_buf buf = SL_BUF_INIT(json.n + before.n + after.n + 1);
    sl_buf_add_str(&buf, before);
    sl_json_compact(&buf, json);
    sl_buf_add_str(&buf, after);
    struct sl_str text = sl_buf_status(&buf) == 0 ? sl_arena_dup(arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_done(&buf);
    return text;
}

bool sl_arguments_are_object(struct sl_str text)
{
    struct sl_json_limits limits = { .depth = SL_JSON_DEPTH_MAX, .tokens = SL_JSON_TOKENS_MAX, .record_depth = 1 };
    struct sl_json doc;
    sl_json_init(&doc, &limits);
    bool is = text.n && sl_json_parse(&doc, text) == 0 && sl_json_is(sl_json_root(&doc), SL_JSON_OBJECT);
    sl_json_done(&doc);
    return is;
}

struct sl_str sl_arguments_text(struct sl_json_val input, struct sl_arena *arena)
{
    if (sl_json_is_nothing(input)) {
        return SL_STR("{}");
    }
    if (sl_json_is(input, SL_JSON_OBJECT)) {
        return compact(SL_STR(""), sl_json_raw(input), SL_STR(""), arena);
    }
    if (sl_json_is(input, SL_JSON_STRING)) {
        struct sl_str text;
        if (sl_json_text(input, arena, &text) < 0) {
            return SL_STR_NONE;
        }
        if (text.n == 0 || sl_arguments_are_object(text)) {
            return text.n ? text : SL_STR("{}");
        }
    }
    return compact(SL_STR("{\"input\":"), sl_json_raw(input), SL_STR("}"), arena);
}

void sl_arguments_write(struct sl_jw *w, struct sl_str arguments)
{
    if (sl_arguments_are_object(arguments)) {
        sl_jw_raw(w, arguments);
        return;
    }
    sl_jw_object(w);
    if (arguments.n) {
        sl_jw_member_str(w, "arguments", arguments);
    }
    sl_jw_end(w);
}

struct sl_str sl_call_id_make(struct sl_str reply_id, uint32_t choice, uint32_t block, struct sl_arena *arena)
{
    uint64_t hash = 0xcbf29ce484222325; /* FNV-1a: it only has to differ within a conversation, and is no secret */
    for (size_t i = 0; i < reply_id.n; i++) {
        hash = (hash ^ (unsigned char)reply_id.p[i]) * 0x100000001b3;
    }
    return sl_arena_printf(arena, "call_%016llx_%u_%u", (unsigned long long)hash, choice, block);
}

/* --- half characters --- */

/* The code unit of an escape that makes up all of `s`, or 0. */
static uint16_t unit_of(struct sl_str s)
{
    unsigned unit = 0;
    if (s.n != 6 || s.p[0] != '\\' || s.p[1] != 'u') {
        return 0;
    }
    for (size_t i = 2; i < 6; i++) {
        unsigned char c = (unsigned char)s.p[i], low = c | 0x20;
        unit = unit << 4 | (c <= '9' ? (unsigned)(c - '0') : (unsigned)(low - 'a' + 10));
    }
    return (uint16_t)unit;
}

/* True: the escape at the end of `inside` is one, and not text behind an escaped backslash. */
static bool is_escape_at_end(struct sl_str inside)
{
    size_t n = 0;
    for (size_t i = inside.n - 6; i > 0 && inside.p[i - 1] == '\\'; i--) {
        n++;
    }
    return n % 2 == 0;
}

int sl_half_text(struct sl_half *half, struct sl_json_val v, struct sl_arena *arena, struct sl_str *ret)
{
    struct sl_str raw = sl_json_raw(v);
    if (!sl_json_is(v, SL_JSON_STRING) || (half->high == 0 && !sl_json_tok(v)->escaped)) {
        return sl_json_text(v, arena, ret);
    }
    struct sl_str inside = sl_str_sub(raw, 1, raw.n - 1);
    uint16_t last = inside.n >= 6 ? unit_of(sl_str_sub(inside, inside.n - 6, inside.n)) : 0;
    bool is_cut = last >= 0xd800 && last < 0xdc00 && is_escape_at_end(inside);
    if (!is_cut && half->high == 0) {
        return sl_json_text(v, arena, ret);
    }
    if (inside.n == 0) {
        *ret = SL_STR("");
        return 0;
    }
    if (is_cut) {
        inside.n -= 6;
    }
    struct sl_buf buf = SL_BUF_INIT(raw.n + 8);
    sl_buf_add_char(&buf, '"');
    if (half->high) {
        sl_buf_printf(&buf, "\\u%04x", half->high);
    }
    sl_buf_add_str(&buf, inside);
    sl_buf_add_char(&buf, '"');
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    int r = sl_buf_status(&buf);
    r = r < 0 ? r : sl_json_parse(&doc, sl_buf_str(&buf));
    struct sl_str text = SL_STR_NONE;
    r = r < 0 ? r : sl_json_text(sl_json_root(&doc), arena, &text);
    if (r == 0) {
        *ret = sl_arena_dup(arena, text);
        r = ret->p ? 0 : SL_E_NOMEM;
        half->high = is_cut ? last : 0;
    }
    sl_json_done(&doc);
    sl_buf_done(&buf);
    return r;
}

struct sl_str sl_half_end(struct sl_half *half)
{
    bool waits = half->high != 0;
    half->high = 0;
    return waits ? SL_STR("\xef\xbf\xbd") : SL_STR("");
}

struct sl_str sl_skip_bom(struct sl_str body)
{
    return sl_str_has_prefix(body, SL_STR("\xef\xbb\xbf")) ? sl_str_sub(body, 3, body.n) : body;
}
