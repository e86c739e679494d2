/* SPDX-License-Identifier: Apache-2.0 */
/* Reads schemas: their keywords, the schemas that allOf and references make part of them, and whether they contain
 * themselves. */
#include "llm/form/schema_view.h"

#include "llm/form/refuse.h"

const struct sl_schema_word_row sl_schema_words[SL_SCHEMA_WORD_COUNT] = {
#define X(symbol, word_, kind_, fate_) \
    [SL_SCHEMA_AT_##symbol] = { SL_STR_INIT(word_), SL_SCHEMA_##kind_, SL_SCHEMA_##fate_ },
    SL_SCHEMA_WORDS(X)
#undef X
};

bool sl_schema_takes(const struct sl_schema_cast *c, enum sl_schema_word word)
{
    return (c->rules->takes >> word & 1) != 0;
}

int sl_schema_refuse(const struct sl_schema_cast *c, struct sl_json_val v, const char *text)
{
    return sl_form_refuse(c->form, v, "%s", text);
}

/* --- reading --- */

static int word_of(struct sl_json_val key)
{
    size_t len = sl_json_tok(key)->len;
    for (int i = 0; i < SL_SCHEMA_WORD_COUNT; i++) {
        if (sl_schema_words[i].word.n == len && sl_json_str_eq(key, sl_schema_words[i].word)) {
            return i;
        }
    }
    return -1;
}

/* One step of a JSON pointer: ~1 is '/', ~0 is '~'; authors of schemas do not use %XX. */
static struct sl_json_val step(struct sl_json_val v, struct sl_str name)
{
    char room[256];
    size_t n = 0;
    for (size_t i = 0; i < name.n && n < sizeof(room); i++) {
        bool is_escape = name.p[i] == '~' && i + 1 < name.n;
        room[n++] = is_escape ? (name.p[i + 1] == '1' ? '/' : '~') : name.p[i];
        i += is_escape;
    }
    if (!sl_json_is(v, SL_JSON_ARRAY)) {
        return sl_json_get_str(v, sl_str_make(room, n));
    }
    uint32_t index = 0;
    for (size_t i = 0; i < n && i < 9; i++) {
        index = index * 10 + (uint32_t)(room[i] - '0');
    }
    for (struct sl_json_iter it = sl_json_each(v); sl_json_next(&it);) {
        if (it.index == index) {
            return it.val;
        }
    }
    return SL_JSON_ABSENT;
}

struct sl_json_val sl_schema_target(const struct sl_schema_cast *c, struct sl_json_val ref)
{
    struct sl_str text = SL_STR_NONE, part;
    if (sl_json_text(ref, c->form->arena, &text) < 0 || text.n == 0 || text.p[0] != '#') {
        return SL_JSON_ABSENT;
    }
    struct sl_str rest = sl_str_sub(text, 1, text.n);
    struct sl_json_val v = c->root;
    if (rest.n == 0) {
        return v;
    }
    rest = sl_str_sub(rest, 1, rest.n);
    while (sl_json_is_present(v) && sl_str_next(&rest, '/', &part)) {
        v = step(v, part);
    }
    return v;
}

static int view_add(const struct sl_schema_cast *c, struct sl_schema_view *view, struct sl_json_val v)
{
    if (view->n == SL_SCHEMA_VIEW_MAX) {
        return sl_schema_refuse(c, v, "the schema has too many parts in allOf.");
    }
    view->v[view->n++] = v;
    for (struct sl_json_iter it = sl_json_each(v); sl_json_is(v, SL_JSON_OBJECT) && sl_json_next(&it);) {
        int word = word_of(it.key);
        if (word >= 0 && !(view->has >> word & 1)) {
            view->has |= UINT64_C(1) << word;
            view->at[word] = it.val;
        }
    }
    return 0;
}

static void forget(struct sl_schema_view *view, enum sl_schema_word word)
{
    view->has &= ~(UINT64_C(1) << word);
    view->at[word] = SL_JSON_ABSENT;
}

int sl_schema_view_make(struct sl_schema_cast *c, struct sl_schema_view *view, struct sl_json_val v)
{
    int r = view_add(c, view, v);
    for (size_t i = 0; i < view->n && r == 0; i++) {
        struct sl_json_val all = sl_json_get(view->v[i], "allOf"), ref = sl_json_get(view->v[i], "$ref");
        bool is_alone = view->n == 1 && !sl_json_is_present(all) && sl_schema_takes(c, SL_SCHEMA_AT_REF) &&
                        !(c->depth == 1 && c->rules->needs_object);
        for (struct sl_json_iter it = sl_json_each(all);
             r == 0 && sl_json_is(all, SL_JSON_ARRAY) && sl_json_next(&it);) {
            r = view_add(c, view, it.val);
        }
        if (r < 0 || !sl_json_is(ref, SL_JSON_STRING) || is_alone) {
            continue;
        }
        struct sl_json_val target = sl_schema_target(c, ref);
        if (!sl_json_is(target, SL_JSON_OBJECT)) {
            return sl_schema_refuse(c, ref, "the reference points to no schema of this one.");
        }
        if (*sl_schema_state(c, target.i) && c->rules->is_shallow) {
            continue;
        }
        if (*sl_schema_state(c, target.i)) {
            return sl_schema_refuse(c, ref, "the schema holds itself; it can be sent only without recursion.");
        }
        if (view->n_marks < SL_SCHEMA_VIEW_MAX) {
            *sl_schema_state(c, target.i) = 1;
            view->marks[view->n_marks++] = target.i;
        }
        r = view_add(c, view, target);
        forget(view, SL_SCHEMA_AT_REF);
    }
    if (view->n > 1) {
        forget(view, SL_SCHEMA_AT_ALL_OF);
    }
    return r;
}

/* --- recursion --- */

static int children_check(struct sl_schema_cast *c, struct sl_json_val v)
{
    int r = 0;
    for (struct sl_json_iter it = sl_json_each(v); r == 0 && sl_json_next(&it);) {
        r = sl_schema_recursion_check(c, it.val);
    }
    return r;
}

int sl_schema_recursion_check(struct sl_schema_cast *c, struct sl_json_val v)
{
    int r = 0;
    if (!sl_json_is(v, SL_JSON_OBJECT) || *sl_schema_state(c, v.i) == 2) {
        return 0;
    }
    if (*sl_schema_state(c, v.i) == 1) {
        return sl_schema_refuse(c, v, "the schema holds itself; it can be sent only without recursion.");
    }
    if (++c->depth > SL_SCHEMA_DEPTH_MAX) {
        return sl_schema_refuse(c, v, "the schema is nested too deeply.");
    }
    *sl_schema_state(c, v.i) = 1;
    for (struct sl_json_iter it = sl_json_each(v); r == 0 && sl_json_next(&it);) {
        int word = word_of(it.key);
        if (word == SL_SCHEMA_AT_REF && sl_json_is(it.val, SL_JSON_STRING)) {
            r = sl_schema_recursion_check(c, sl_schema_target(c, it.val));
        } else if (word >= 0 && (sl_schema_words[word].kind == SL_SCHEMA_MAP ||
                                 sl_schema_words[word].kind == SL_SCHEMA_LIST || sl_json_is(it.val, SL_JSON_ARRAY))) {
            r = sl_schema_words[word].kind == SL_SCHEMA_VALUE ? 0 : children_check(c, it.val);
        } else if (word >= 0 && sl_schema_words[word].kind == SL_SCHEMA_SCHEMA) {
            r = sl_schema_recursion_check(c, it.val);
        }
    }
    *sl_schema_state(c, v.i) = 2;
    c->depth--;
    return r;
}

void sl_schema_view_done(struct sl_schema_cast *c, struct sl_schema_view *view)
{
    while (view->n_marks > 0) {
        *sl_schema_state(c, view->marks[--view->n_marks]) = 0;
    }
}
