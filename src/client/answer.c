/* SPDX-License-Identifier: Apache-2.0 */
/* A model's answer: the choices of a reply, or those that a stream's events make up. A reply's texts stay where its
 * document has them; a stream's are put together piece by piece, and at most `max` bytes of them are kept. */
#include "client/priv.h"

#include <string.h>

/* Far more than any provider sends; nothing beyond it is kept, so that a server cannot make the walks long. */
#define ITEMS_MAX 1024

/* --- memory --- */

static void tool_calls_free(struct sluice_choice *choice, const struct sl_alloc *alloc)
{
    for (size_t i = 0; i < choice->n_calls; i++) {
        struct slc_text *const texts[] = { &choice->calls[i].id, &choice->calls[i].name, &choice->calls[i].arguments };
        for (size_t k = 0; k < SL_ARRAY_LEN(texts); k++) {
            sl_alloc_free(alloc, texts[k]->own.p);
        }
    }
    sl_alloc_free(alloc, choice->calls);
}

void slc_answer_done(struct slc_answer *answer, const struct sl_alloc *alloc)
{
    for (size_t i = 0; i < answer->n; i++) {
        struct sluice_choice *choice = &answer->choices[i];
        sl_alloc_free(alloc, choice->text.own.p);
        sl_alloc_free(alloc, choice->refusal.own.p);
        sl_alloc_free(alloc, choice->finish_reason.own.p);
        tool_calls_free(choice, alloc);
    }
    sl_alloc_free(alloc, answer->choices);
    answer->choices = NULL;
    answer->n = answer->cap = 0;
}

/* Keeps nothing more of this answer. */
static void answer_drop(struct slc_answer *answer)
{
    slc_answer_done(answer, answer->alloc);
    answer->is_dropped = true;
}

/* --- texts --- */

static int text_copy(struct slc_answer *answer, struct slc_text *t, const char *p, size_t n)
{
    if (!t->own.max) {
        t->own = (struct sl_buf){ .max = SIZE_MAX / 2, .alloc = answer->alloc };
    }
    sl_buf_add(&t->own, p, n);
    sl_buf_add_char(&t->own, '\0');
    if (sl_buf_status(&t->own)) {
        return SL_E_NOMEM;
    }
    t->own.len--;
    t->p = t->own.p;
    t->n = t->own.len;
    answer->held += n;
    return 0;
}

static int text_put(struct slc_answer *answer, struct slc_text *t, const char *p, size_t n)
{
    if (answer->copies || t->own.p) {
        return text_copy(answer, t, p, n);
    }
    t->p = p;
    t->n = n;
    return 0;
}

/* A string as it is, an object or a list as its JSON; null and absent change nothing. */
static int value_put(struct slc_answer *answer, struct slc_text *t, const struct slc_doc *doc, struct sl_json_val v)
{
    if (sl_json_is_nothing(v)) {
        return 0;
    }
    size_t n;
    const char *p = slc_doc_text(doc, v, &n);
    return sl_json_is(v, SL_JSON_STRING) ? text_put(answer, t, p, n) : text_copy(answer, t, p, n);
}

/* Content is a string, or a list of parts; only parts of type "text" count. */
static int content_put(struct slc_answer *answer, struct slc_text *t, const struct slc_doc *doc, struct sl_json_val v)
{
    if (sl_json_is(v, SL_JSON_STRING)) {
        return value_put(answer, t, doc, v);
    }
    int r = 0;
    for (struct sl_json_iter it = sl_json_each(v); r == 0 && sl_json_is(v, SL_JSON_ARRAY) && sl_json_next(&it);) {
        const char *type = slc_doc_member(doc, it.val, "type");
        struct sl_json_val text = sl_json_get(it.val, "text");
        if (type && strcmp(type, "text") == 0 && sl_json_is(text, SL_JSON_STRING)) {
            size_t n;
            const char *p = slc_doc_text(doc, text, &n);
            r = text_copy(answer, t, p, n);
        }
    }
    return r;
}

/* An id or a name comes once; some servers repeat it in every piece, some send it in pieces. */
static int name_put(struct slc_answer *answer, struct slc_text *t, const struct slc_doc *doc, struct sl_json_val v)
{
    size_t n;
    const char *p = sl_json_is(v, SL_JSON_STRING) ? slc_doc_text(doc, v, &n) : NULL;
    bool is_said = p && t->p && t->n == n && memcmp(t->p, p, n) == 0;
    return p && n && !is_said ? text_put(answer, t, p, n) : 0;
}

/* --- choices and tool calls --- */

/* Makes room for one more at `*io_n` items of `size` bytes; NULL when out of memory. */
static void *items_grow(struct slc_answer *answer, void *items, size_t n, size_t *io_cap, size_t size)
{
    if (n < *io_cap) {
        return items;
    }
    size_t cap = *io_cap ? *io_cap * 2 : 1;
    void *more = sl_alloc_resize(answer->alloc, items, cap * size);
    if (more) {
        *io_cap = cap;
    }
    return more;
}

/* Finds the one with that index, or makes it; they are in ascending order. SL_E_LIMIT: no more are kept. */
static int choice_find(struct slc_answer *answer, int64_t index, struct sluice_choice **ret)
{
    size_t at = answer->n;
    while (at && answer->choices[at - 1].index > index) {
        at--;
    }
    if (at && answer->choices[at - 1].index == index) {
        *ret = &answer->choices[at - 1];
        return 0;
    }
    if (answer->n == ITEMS_MAX) {
        return SL_E_LIMIT;
    }
    struct sluice_choice *more = items_grow(answer, answer->choices, answer->n, &answer->cap, sizeof(*answer->choices));
    if (!more) {
        return SL_E_NOMEM;
    }
    answer->choices = more;
    memmove(more + at + 1, more + at, (answer->n - at) * sizeof(*more));
    more[at] = (struct sluice_choice){ .index = index };
    answer->n++;
    *ret = &more[at];
    return 0;
}

static int call_find(struct slc_answer *answer, struct sluice_choice *choice, int64_t index,
                     struct sluice_tool_call **ret)
{
    size_t at = choice->n_calls;
    while (at && choice->calls[at - 1].index > index) {
        at--;
    }
    if (at && choice->calls[at - 1].index == index) {
        *ret = &choice->calls[at - 1];
        return 0;
    }
    if (choice->n_calls == ITEMS_MAX) {
        return SL_E_LIMIT;
    }
    struct sluice_tool_call *more = items_grow(answer, choice->calls, choice->n_calls, &choice->cap_calls,
                                               sizeof(*choice->calls));
    if (!more) {
        return SL_E_NOMEM;
    }
    choice->calls = more;
    memmove(more + at + 1, more + at, (choice->n_calls - at) * sizeof(*more));
    more[at] = (struct sluice_tool_call){ .index = index };
    choice->n_calls++;
    *ret = &more[at];
    return 0;
}

/* The call that a piece belongs to: by its index; without one by its id; without both the last call. */
static int64_t call_index(const struct slc_answer *answer, const struct sluice_choice *choice,
                          const struct slc_doc *doc, struct sl_json_val piece, uint32_t position)
{
    int64_t index = 0, last = choice->n_calls ? choice->calls[choice->n_calls - 1].index : -1;
    if (sl_json_int(sl_json_get(piece, "index"), true, &index) == 0) {
        return index;
    }
    const char *id = slc_doc_member(doc, piece, "id");
    if (!answer->copies) {
        return position;
    }
    if (!id || !*id) {
        return SL_MAX(last, 0);
    }
    for (size_t i = 0; i < choice->n_calls; i++) {
        if (choice->calls[i].id.p && strcmp(choice->calls[i].id.p, id) == 0) {
            return choice->calls[i].index;
        }
    }
    return last < INT64_MAX ? last + 1 : last;
}

static int function_put(struct slc_answer *answer, struct sluice_tool_call *call, const struct slc_doc *doc,
                        struct sl_json_val function)
{
    int r = name_put(answer, &call->name, doc, sl_json_get(function, "name"));
    return r ? r : value_put(answer, &call->arguments, doc, sl_json_get(function, "arguments"));
}

static int calls_put(struct slc_answer *answer, struct sluice_choice *choice, const struct slc_doc *doc,
                     struct sl_json_val delta)
{
    struct sl_json_val list = sl_json_get(delta, "tool_calls"), old = sl_json_get(delta, "function_call");
    struct sluice_tool_call *call;
    int r = 0;
    if (sl_json_is(list, SL_JSON_ARRAY)) {
        for (struct sl_json_iter it = sl_json_each(list); r == 0 && sl_json_next(&it);) {
            r = call_find(answer, choice, call_index(answer, choice, doc, it.val, it.index), &call);
            r = r ? r : name_put(answer, &call->id, doc, sl_json_get(it.val, "id"));
            r = r ? r : function_put(answer, call, doc, sl_json_get(it.val, "function"));
        }
    } else if (sl_json_is(old, SL_JSON_OBJECT)) {
        r = call_find(answer, choice, 0, &call);
        r = r ? r : function_put(answer, call, doc, old);
    }
    return r;
}

static int choice_put(struct slc_answer *answer, const struct slc_doc *doc, struct sl_json_val v, uint32_t position)
{
    struct sluice_choice *choice;
    struct sl_json_val delta = sl_json_get(v, "delta"), finish = sl_json_get(v, "finish_reason");
    delta = sl_json_is(delta, SL_JSON_OBJECT) ? delta : sl_json_get(v, "message");
    int64_t index = position;
    SL_IGNORE(sl_json_int(sl_json_get(v, "index"), true, &index)); /* if it has none, its place counts */
    int r = choice_find(answer, index, &choice);
    r = r ? r : content_put(answer, &choice->text, doc, sl_json_get(delta, "content"));
    r = r ? r : content_put(answer, &choice->text, doc, sl_json_get(v, "text"));
    r = r ? r : content_put(answer, &choice->refusal, doc, sl_json_get(delta, "refusal"));
    r = r ? r : calls_put(answer, choice, doc, delta);
    if (r == 0 && sl_json_is(finish, SL_JSON_STRING)) {
        answer->is_finished = true;
        choice->finish_reason.own.len = 0; /* the last word counts */
        r = value_put(answer, &choice->finish_reason, doc, finish);
    }
    return r;
}

int slc_answer_add(struct slc_answer *answer, const struct slc_doc *doc)
{
    struct sl_json_val list = sl_json_get(sl_json_root(&doc->json), "choices");
    if (!sl_json_is(list, SL_JSON_ARRAY) || answer->is_dropped) {
        return 0;
    }
    int r = 0;
    for (struct sl_json_iter it = sl_json_each(list); r == 0 && sl_json_next(&it);) {
        r = choice_put(answer, doc, it.val, it.index);
    }
    if (r == SL_E_LIMIT || (r == 0 && answer->held > answer->max)) {
        answer_drop(answer);
        r = 0;
    }
    return r;
}

/* --- public --- */

size_t sluice_result_choice_count(const sluice_result *result)
{
    return result ? result->answer.n : 0;
}

const sluice_choice *sluice_result_choice(const sluice_result *result, size_t index)
{
    return result && index < result->answer.n ? &result->answer.choices[index] : NULL;
}

static const char *text_give(const struct slc_text *t, size_t *len)
{
    if (len) {
        *len = t ? t->n : 0;
    }
    return t ? t->p : NULL;
}

const char *sluice_choice_text(const sluice_choice *choice, size_t *len)
{
    return text_give(choice ? &choice->text : NULL, len);
}

const char *sluice_choice_refusal(const sluice_choice *choice, size_t *len)
{
    return text_give(choice ? &choice->refusal : NULL, len);
}

const char *sluice_choice_finish_reason(const sluice_choice *choice)
{
    return choice ? choice->finish_reason.p : NULL;
}

size_t sluice_choice_tool_call_count(const sluice_choice *choice)
{
    return choice ? choice->n_calls : 0;
}

const sluice_tool_call *sluice_choice_tool_call(const sluice_choice *choice, size_t index)
{
    return choice && index < choice->n_calls ? &choice->calls[index] : NULL;
}

const char *sluice_tool_call_id(const sluice_tool_call *call)
{
    return call ? call->id.p : NULL;
}

const char *sluice_tool_call_name(const sluice_tool_call *call)
{
    return call ? call->name.p : NULL;
}

const char *sluice_tool_call_arguments(const sluice_tool_call *call, size_t *len)
{
    return text_give(call ? &call->arguments : NULL, len);
}

const char *sluice_result_text(const sluice_result *result, size_t *len)
{
    return sluice_choice_text(sluice_result_choice(result, 0), len);
}

const char *sluice_result_finish_reason(const sluice_result *result)
{
    return sluice_choice_finish_reason(sluice_result_choice(result, 0));
}

size_t sluice_result_tool_call_count(const sluice_result *result)
{
    return sluice_choice_tool_call_count(sluice_result_choice(result, 0));
}

const sluice_tool_call *sluice_result_tool_call(const sluice_result *result, size_t index)
{
    return sluice_choice_tool_call(sluice_result_choice(result, 0), index);
}
