/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/form/wrap.h"

#include "base/arena.h"
#include "base/buf.h"
#include "json/json.h"
#include "llm/core/reply.h"
#include "llm/form/rules.h"

#define BYTES_MAX (1u << 20)
#define REFS_MAX  8 /* references in a row, from the root */

/* --- schemas --- */

/* The schema that "#/$defs/x" or "#/definitions/x" refers to. */
static struct sl_json_val target_of(struct sl_json_val root, struct sl_json_val ref)
{
    static const struct {
        struct sl_str prefix;
        const char *map;
    } maps[] = { { SL_STR_INIT("#/$defs/"), "$defs" }, { SL_STR_INIT("#/definitions/"), "definitions" } };
    struct sl_str raw = sl_json_raw(ref);
    struct sl_str text = raw.n >= 2 ? sl_str_sub(raw, 1, raw.n - 1) : raw;
    for (size_t i = 0; i < SL_ARRAY_LEN(maps); i++) {
        if (sl_str_has_prefix(text, maps[i].prefix)) {
            struct sl_str name = sl_str_sub(text, maps[i].prefix.n, text.n);
            struct sl_json_val map = sl_json_get(root, maps[i].map);
            for (struct sl_json_iter it = sl_json_each(map); sl_json_is(map, SL_JSON_OBJECT) && sl_json_next(&it);) {
                struct sl_str key = sl_json_raw(it.key);
                if (sl_str_eq(sl_str_sub(key, 1, key.n - 1), name)) {
                    return it.val;
                }
            }
        }
    }
    return SL_JSON_ABSENT;
}

static bool is_object_schema(struct sl_json_val root, struct sl_json_val v, unsigned depth);

/* True: all schemas of the list are. */
static bool are_object_schemas(struct sl_json_val root, struct sl_json_val list, unsigned depth)
{
    for (struct sl_json_iter it = sl_json_each(list); sl_json_is(list, SL_JSON_ARRAY) && sl_json_next(&it);) {
        if (!is_object_schema(root, it.val, depth)) {
            return false;
        }
    }
    return true;
}

/* A schema without a type counts as an object's. */
static bool is_object_schema(struct sl_json_val root, struct sl_json_val v, unsigned depth)
{
    static const char *const others[] = { "enum", "const", "items", "prefixItems" };
    struct sl_json_val type = sl_json_get(v, "type"), ref = sl_json_get(v, "$ref");
    if (sl_json_is(type, SL_JSON_STRING)) {
        return sl_json_str_eq(type, SL_STR("object"));
    }
    if (sl_json_is(type, SL_JSON_ARRAY)) {
        bool has_object = false;
        for (struct sl_json_iter it = sl_json_each(type); sl_json_next(&it);) {
            has_object |= sl_json_str_eq(it.val, SL_STR("object"));
        }
        return has_object;
    }
    if (sl_json_is(ref, SL_JSON_STRING) && depth < REFS_MAX) {
        struct sl_json_val to = target_of(root, ref);
        return !sl_json_is(to, SL_JSON_OBJECT) || is_object_schema(root, to, depth + 1);
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(others); i++) {
        if (sl_json_is_present(sl_json_get(v, others[i]))) {
            return sl_json_is_present(sl_json_get(v, "properties"));
        }
    }
    return depth >= REFS_MAX || (are_object_schemas(root, sl_json_get(v, "anyOf"), depth + 1) &&
                                 are_object_schemas(root, sl_json_get(v, "oneOf"), depth + 1));
}

/* True: references lead only to definitions, which are moved too. */
static bool is_movable(struct sl_str raw)
{
    for (size_t at = 0;; at++) {
        ptrdiff_t found = sl_str_find(raw, SL_STR("\"$ref\""), at);
        if (found < 0) {
            return true;
        }
        at = (size_t)found + 6;
        ptrdiff_t begin = sl_str_find_char(raw, '"', at);
        struct sl_str to = begin < 0 ? SL_STR("") : sl_str_sub(raw, (size_t)begin + 1, raw.n);
        if (!sl_str_has_prefix(to, SL_STR("#/$defs/")) && !sl_str_has_prefix(to, SL_STR("#/definitions/"))) {
            return false;
        }
    }
}

static void member_write(struct sl_buf *out, bool is_first, struct sl_json_iter *it)
{
    sl_buf_add_c(out, is_first ? "" : ",");
    sl_buf_add_str(out, sl_json_raw(it->key));
    sl_buf_add_char(out, ':');
    sl_buf_add_str(out, sl_json_raw(it->val));
}

static bool is_definitions(struct sl_json_val key)
{
    return sl_json_str_eq(key, SL_STR("$defs")) || sl_json_str_eq(key, SL_STR("definitions"));
}

int sl_wrap_schema(const struct sl_form *form, struct sl_json_val schema, struct sl_str *ret_raw)
{
    if (!sl_json_is(schema, SL_JSON_OBJECT) || is_object_schema(schema, schema, 0) ||
        !is_movable(sl_json_raw(schema))) {
        return 0;
    }
    struct sl_buf out = SL_BUF_INIT(BYTES_MAX * 16);
    sl_buf_add_lit(&out, "{\"type\":\"object\",\"properties\":{\"value\":{");
    bool is_first = true;
    for (struct sl_json_iter it = sl_json_each(schema); sl_json_next(&it);) {
        if (!is_definitions(it.key)) {
            member_write(&out, is_first, &it);
            is_first = false;
        }
    }
    sl_buf_add_lit(&out, "}},\"required\":[\"value\"],\"additionalProperties\":false");
    for (struct sl_json_iter it = sl_json_each(schema); sl_json_next(&it);) {
        if (is_definitions(it.key)) {
            member_write(&out, false, &it);
        }
    }
    sl_buf_add_char(&out, '}');
    *ret_raw = sl_buf_status(&out) == 0 ? sl_arena_dup(form->arena, sl_buf_str(&out)) : SL_STR_NONE;
    sl_buf_done(&out);
    return ret_raw->p ? 1 : SL_E_NOMEM;
}

/* --- streams --- */

enum match { MATCH_NO, MATCH_MORE, MATCH_YES };

/* Matches `{ "value" :` and the blanks behind it at the front of `text`; *ret_n: their length. */
static enum match begin_match(struct sl_str text, size_t *ret_n)
{
    static const char *const pieces[] = { "{", "\"value\"", ":" };
    size_t at = 0;
    for (size_t i = 0; i < SL_ARRAY_LEN(pieces); i++) {
        while (at < text.n && sl_char_is_blank(text.p[at])) {
            at++;
        }
        size_t n = strlen(pieces[i]), there = SL_MIN(n, text.n - at);
        if (memcmp(text.p + at, pieces[i], there) != 0) {
            return MATCH_NO;
        }
        if (there < n) {
            return MATCH_MORE;
        }
        at += n;
    }
    while (at < text.n && sl_char_is_blank(text.p[at])) {
        at++;
    }
    *ret_n = at;
    return at < text.n ? MATCH_YES : MATCH_MORE; /* more blanks may follow */
}

/* Takes the part of the text that belongs to the value; behind it is the wrapper's end. */
static size_t value_take(struct sl_unwrap_choice *c, struct sl_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char ch = text.p[i];
        if (c->is_string) {
            c->is_string = c->is_escaped || ch != '"';
            c->is_escaped = !c->is_escaped && ch == '\\';
        } else if (ch == '"') {
            c->is_string = true;
        } else if (ch == '{' || ch == '[') {
            c->depth++;
        } else if ((ch == '}' || ch == ']') && c->depth-- == 0) {
            c->at = SL_UNWRAP_END;
            return i;
        }
    }
    return text.n;
}

struct out {
    int (*push)(void *arg, const struct sl_delta *delta);
    void *arg;
};

static int text_push(const struct out *to, const struct sl_delta *like, struct sl_str text)
{
    struct sl_delta delta = {
        .kind = SL_DELTA_BLOCK, .choice = like->choice, .block = like->block, .block_kind = SL_BLOCK_TEXT, .text = text
    };
    return text.n ? to->push(to->arg, &delta) : 0;
}

static int held_push(const struct out *to, struct sl_unwrap_choice *c, uint32_t choice)
{
    const struct sl_delta like = { .choice = choice, .block = c->block };
    uint32_t n = c->n_held;
    c->n_held = 0;
    return text_push(to, &like, sl_str_make(c->held, n));
}

/* Keeps the text until the value begins, because it may be no wrapper. */
static int begin_take(const struct out *to, struct sl_unwrap_choice *c, const struct sl_delta *delta,
                      struct sl_str *io_text)
{
    struct sl_str text = *io_text;
    size_t fits = SL_MIN(text.n, sizeof(c->held) - c->n_held), n = 0;
    memcpy(c->held + c->n_held, text.p, fits);
    size_t n_before = c->n_held;
    c->n_held += (uint32_t)fits;
    c->block = delta->block;
    enum match match = begin_match(sl_str_make(c->held, c->n_held), &n);
    if (match == MATCH_MORE && c->n_held < sizeof(c->held)) {
        *io_text = SL_STR_NONE;
        return 0;
    }
    if (match == MATCH_YES) {
        c->at = SL_UNWRAP_VALUE;
        c->n_held = 0;
        *io_text = sl_str_sub(text, n - SL_MIN(n, n_before), text.n);
        return 0;
    }
    c->at = SL_UNWRAP_PLAIN;
    *io_text = sl_str_sub(text, fits, text.n);
    return held_push(to, c, delta->choice);
}

int sl_unwrap_end(struct sl_unwrap *unwrap, int (*push)(void *arg, const struct sl_delta *delta), void *arg)
{
    const struct out to = { push, arg };
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < SL_UNWRAP_CHOICES; i++) {
        r = held_push(&to, &unwrap->choices[i], i);
    }
    return r;
}

int sl_unwrap_push(struct sl_unwrap *unwrap, const struct sl_delta *delta,
                   int (*push)(void *arg, const struct sl_delta *delta), void *arg)
{
    const struct out to = { push, arg };
    bool is_of_choice = delta->kind == SL_DELTA_BLOCK || delta->kind == SL_DELTA_BLOCK_STOP ||
                        delta->kind == SL_DELTA_FINISH;
    struct sl_unwrap_choice *c = is_of_choice && delta->choice < SL_UNWRAP_CHOICES ? &unwrap->choices[delta->choice]
                                                                                   : NULL;
    bool is_text = c && delta->kind == SL_DELTA_BLOCK && delta->block_kind == SL_BLOCK_TEXT && delta->text.n;
    if (!is_text) {
        int r = 0;
        if (delta->kind == SL_DELTA_ERROR) {
            r = sl_unwrap_end(unwrap, push, arg);
        } else if (c && delta->kind != SL_DELTA_BLOCK) {
            r = held_push(&to, c, delta->choice);
        }
        return r ? r : push(arg, delta);
    }
    struct sl_str text = delta->text;
    int r = c->at == SL_UNWRAP_BEGIN ? begin_take(&to, c, delta, &text) : 0;
    if (c->at == SL_UNWRAP_END) {
        text = SL_STR_NONE;
    } else if (c->at == SL_UNWRAP_VALUE) {
        text = sl_str_sub(text, 0, value_take(c, text));
    }
    struct sl_delta rest = *delta;
    rest.text = text;
    bool has_more = text.n || rest.signature.n || rest.annotations.n || rest.quotes.n || rest.logprobs.n;
    return r || !has_more ? r : push(arg, &rest);
}

/* --- whole replies --- */

int sl_unwrap_reply(struct sl_reply *reply, struct sl_arena *arena)
{
    for (uint32_t i = 0; i < reply->n_choices; i++) {
        for (uint32_t k = 0; k < reply->choices[i].n_blocks; k++) {
            struct sl_block *block = &reply->choices[i].blocks[k];
            size_t n;
            if (block->kind != SL_BLOCK_TEXT || begin_match(block->text, &n) != MATCH_YES) {
                continue;
            }
            struct sl_json doc;
            sl_json_init(&doc, NULL);
            int r = sl_json_parse(&doc, block->text);
            struct sl_json_val value = r == 0 ? sl_json_get(sl_json_root(&doc), "value") : SL_JSON_ABSENT;
            if (sl_json_is_present(value) && sl_json_count(sl_json_root(&doc)) == 1) {
                block->text = sl_arena_dup(arena, sl_json_raw(value));
                r = block->text.p ? 0 : SL_E_NOMEM;
            }
            sl_json_done(&doc);
            if (r == SL_E_NOMEM) {
                return r;
            }
        }
    }
    return 0;
}
