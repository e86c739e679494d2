/* SPDX-License-Identifier: Apache-2.0 */
/* The edits that bring a checked body into the form that goes up: one pass over the tape in the order of the text, so
 * that a body of a million nulls costs no more than one of a million numbers. It removes null members, and of a
 * repeated member all but the last, because an upstream might read another one than was checked here. */
#include "llm/mlflow/edits.h"

#include <stdlib.h>

#include "llm/mlflow/repeats.h"

struct frame {
    uint32_t i, end; /* the next token, and the first one behind the container */
    bool is_object;
    bool has_kept; /* a member before this one stays */
    bool in_run;   /* members right before this one are removed */
    size_t run_from;
    size_t prev_end; /* behind the last value */
};

struct walk {
    const struct sl_json *doc;
    const struct sl_json_edit *coercions;
    uint32_t n_coercions, at;
    const struct sl_mf_repeats *repeats;
    struct sl_json_edits *out;
};

static void edit_append(struct sl_json_edits *edits, struct sl_json_edit edit)
{
    if (edits->status < 0) {
        return;
    }
    if (edits->n == edits->cap) {
        uint32_t cap = edits->cap ? edits->cap * 2 : 8;
        struct sl_json_edit *v = SL_ARENA_ARRAY(edits->arena, struct sl_json_edit, cap);
        if (!v) {
            edits->status = SL_E_NOMEM;
            return;
        }
        if (edits->n) {
            memcpy(v, edits->v, edits->n * sizeof(*v));
        }
        edits->v = v;
        edits->cap = cap;
    }
    edits->v[edits->n++] = edit;
}

/* Coercions before `off` come first. */
static void coercions_flush(struct walk *w, size_t off)
{
    while (w->at < w->n_coercions && w->coercions[w->at].off <= off) {
        edit_append(w->out, w->coercions[w->at++]);
    }
}

static void run_remove(struct walk *w, struct frame *f, size_t to)
{
    coercions_flush(w, f->run_from);
    edit_append(w->out, (struct sl_json_edit){ f->run_from, to - f->run_from, SL_STR_NONE });
    f->in_run = false;
}

static size_t value_end(const struct sl_json *doc, uint32_t i)
{
    const struct sl_json_tok *tok = &doc->toks[i];
    return (size_t)tok->off + tok->len + (tok->kind == SL_JSON_STRING);
}

static struct frame frame_open(const struct sl_json *doc, uint32_t i)
{
    const struct sl_json_tok *tok = &doc->toks[i];
    return (struct frame){
        .i = i + 1, .end = tok->next, .is_object = tok->kind == SL_JSON_OBJECT, .prev_end = (size_t)tok->off + 1
    };
}

/* Handles one member or element; true when it is a container to enter (then *ret_child is its token). */
static bool frame_step(struct walk *w, struct frame *f, uint32_t *ret_child)
{
    const struct sl_json *doc = w->doc;
    size_t key_off = 0;
    bool is_repeated = false;
    if (f->is_object) {
        is_repeated = sl_mf_repeats_has(w->repeats, f->i);
        key_off = (size_t)doc->toks[f->i].off - 1; /* at its quote */
        f->i++;
    }
    uint32_t value = f->i;
    const struct sl_json_tok *tok = &doc->toks[value];
    f->i = tok->next;
    if (f->is_object && (is_repeated || tok->kind == SL_JSON_NULL)) {
        if (!f->in_run) {
            f->in_run = true;
            f->run_from = f->has_kept ? f->prev_end : key_off; /* with the comma in front, or the one behind */
        }
        f->prev_end = value_end(doc, value);
        return false;
    }
    if (f->in_run) {
        run_remove(w, f, f->has_kept ? f->prev_end : key_off);
    }
    f->has_kept = true;
    f->prev_end = value_end(doc, value);
    *ret_child = value;
    return (tok->kind == SL_JSON_ARRAY || tok->kind == SL_JSON_OBJECT) && tok->next > value + 1;
}

static void members_remove(struct walk *w)
{
    struct frame stack[SL_JSON_DEPTH_MAX + 1];
    unsigned depth = 0;
    stack[depth++] = frame_open(w->doc, 0);
    while (depth) {
        struct frame *f = &stack[depth - 1];
        uint32_t child;
        if (f->i >= f->end) {
            if (f->in_run) {
                run_remove(w, f, f->prev_end);
            }
            depth--;
        } else if (frame_step(w, f, &child)) {
            SL_ASSERT(depth < SL_ARRAY_LEN(stack));
            stack[depth++] = frame_open(w->doc, child);
        }
    }
}

static bool has_nulls(const struct sl_json *doc)
{
    for (uint32_t i = 0; i < doc->n_toks; i++) {
        if (doc->toks[i].kind == SL_JSON_NULL) {
            return true;
        }
    }
    return false;
}

static int edit_cmp(const void *a, const void *b)
{
    size_t x = ((const struct sl_json_edit *)a)->off;
    size_t y = ((const struct sl_json_edit *)b)->off;
    return x < y ? -1 : x > y;
}

int sl_mf_edits(const struct sl_json *doc, struct sl_json_edit *coercions, uint32_t n_coercions,
                struct sl_json_edits *ret)
{
    if (n_coercions > 1) {
        qsort(coercions, n_coercions, sizeof(*coercions), edit_cmp);
    }
    struct sl_mf_repeats repeats = { 0 };
    int r = sl_mf_repeats_find(&repeats, doc, ret->arena);
    if (r < 0) {
        return r;
    }
    struct walk w = { doc, coercions, n_coercions, 0, &repeats, ret };
    if (repeats.n || has_nulls(doc)) {
        members_remove(&w);
    }
    coercions_flush(&w, SIZE_MAX);
    return ret->status;
}
