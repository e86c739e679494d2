/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/made_store.h"

#include "base/arena.h"
#include "base/clock.h"
#include "gate/policy/made.h"
#include "store/store.h"

/* Collects the records of a walk in a list. The walk holds a lock, so it only copies. */
struct copy {
    struct copy *next;
    struct sl_store_answer answer;
};

struct copies {
    struct sl_arena arena;
    struct copy *first, **last;
};

static void on_record(void *arg, const struct sl_made_record *record)
{
    struct copies *copies = arg;
    struct copy *copy = SL_ARENA_NEW(&copies->arena, struct copy);
    if (!copy) {
        return; /* this response is not known after a restart */
    }
    copy->answer = (struct sl_store_answer){
        .id = sl_arena_dup(&copies->arena, record->id),
        .route = sl_arena_dup(&copies->arena, record->by.route),
        .target = sl_arena_dup(&copies->arena, record->by.target),
        .principal = sl_arena_dup(&copies->arena, record->principal),
        .end_usec = record->end_wall_usec,
    };
    if (copy->answer.id.p && copy->answer.route.p && copy->answer.target.p && copy->answer.principal.p) {
        *copies->last = copy;
        copies->last = &copy->next;
    }
}

int sl_made_tick(struct sl_made *made, struct sl_store *store, bool was_lost, struct sl_err *err)
{
    struct copies copies = { .last = &copies.first };
    int r = 0;
    sl_arena_init(&copies.arena, NULL);
    sl_made_each(made, was_lost, on_record, &copies);
    for (struct copy *copy = copies.first; copy && r == 0; copy = copy->next) {
        r = sl_store_answer_put(store, &copy->answer, err);
    }
    if (r == 0 && copies.first) {
        r = sl_store_answers_expire(store, sl_clock_wall_usec(), sl_made_max(made), err);
    }
    sl_arena_done(&copies.arena);
    return r;
}

static void on_answer(void *arg, const struct sl_store_answer *answer)
{
    const struct sl_made_by by = { answer->route, answer->target };
    sl_made_restore(arg, &(struct sl_made_record){ answer->id, answer->principal, by, answer->end_usec });
}

int sl_made_load(struct sl_made *made, struct sl_store *store, struct sl_err *err)
{
    return sl_store_answers_load(store, sl_clock_wall_usec(), on_answer, made, err);
}
