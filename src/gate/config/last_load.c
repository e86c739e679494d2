/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/last_load.h"

static int problem_copy(struct sl_arena *arena, const struct sl_problem *from, struct sl_problem *to)
{
    struct sl_str file = from->pos.file ? sl_arena_dup(arena, sl_str_c(from->pos.file)) : SL_STR("");
    *to = *from;
    to->pos.file = from->pos.file ? file.p : NULL;
    to->path = sl_arena_dup(arena, from->path);
    to->text = sl_arena_dup(arena, from->text);
    return file.p && to->path.p && to->text.p ? 0 : SL_E_NOMEM;
}

struct sl_load_note *sl_load_note_new(const struct sl_problems *problems, uint64_t at_wall_usec)
{
    struct sl_arena arena;
    sl_arena_init_small(&arena, 1024);
    struct sl_load_note *note = SL_ARENA_NEW(&arena, struct sl_load_note);
    struct sl_problem *v = SL_ARENA_ARRAY(&arena, struct sl_problem, problems->n + 1);
    int r = note && v ? 0 : SL_E_NOMEM;
    for (uint32_t i = 0; r == 0 && i < problems->n; i++) {
        r = problem_copy(&arena, &problems->v[i], &v[i]);
    }
    if (r < 0) {
        sl_arena_done(&arena);
        return NULL;
    }
    note->refs = 1;
    note->is_ok = problems->n_errors == 0;
    note->at_wall_usec = at_wall_usec;
    note->problems = (struct sl_problems){
        .v = v, .n = problems->n, .n_errors = problems->n_errors, .n_left_out = problems->n_left_out
    };
    note->arena = arena;
    return note;
}

void sl_load_note_unref(struct sl_load_note *note)
{
    if (note && atomic_fetch_sub_explicit(&note->refs, 1, memory_order_acq_rel) == 1) {
        struct sl_arena arena = note->arena; /* the note is on this arena */
        sl_arena_done(&arena);
    }
}

void sl_last_load_init(struct sl_last_load *last)
{
    pthread_mutex_init(&last->lock, NULL);
    last->note = NULL;
}

void sl_last_load_done(struct sl_last_load *last)
{
    sl_load_note_unref(last->note);
    pthread_mutex_destroy(&last->lock);
}

void sl_last_load_set(struct sl_last_load *last, struct sl_load_note *note)
{
    if (!note) {
        return;
    }
    pthread_mutex_lock(&last->lock);
    struct sl_load_note *old = last->note;
    last->note = note;
    pthread_mutex_unlock(&last->lock);
    sl_load_note_unref(old);
}

struct sl_load_note *sl_last_load_get(struct sl_last_load *last)
{
    if (!last) {
        return NULL;
    }
    pthread_mutex_lock(&last->lock);
    struct sl_load_note *note = last->note;
    if (note) {
        atomic_fetch_add_explicit(&note->refs, 1, memory_order_relaxed);
    }
    pthread_mutex_unlock(&last->lock);
    return note;
}
