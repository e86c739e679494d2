/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/counters.h"

#include <stdlib.h>

#include "base/clock.h"
#include "gate/policy/limit.h"
#include "store/store.h"

/* Ticks between two removals of counters whose window is over: about a minute. */
#define EXPIRE_TICKS 120

struct collected {
    struct sl_arena arena;
    struct sl_store_counter *v;
    size_t n, cap;
    bool is_short; /* out of memory: some records are missing */
};

/* Runs under a shard's lock, so it only copies. */
static void on_record(void *arg, const struct sl_limit_record *record)
{
    struct collected *c = arg;
    if (c->n == c->cap) {
        size_t cap = c->cap ? c->cap * 2 : 64;
        struct sl_store_counter *v = realloc(c->v, cap * sizeof(*v));
        if (!v) {
            c->is_short = true;
            return;
        }
        c->v = v;
        c->cap = cap;
    }
    struct sl_store_counter counter = {
        .route = sl_arena_dup(&c->arena, record->route),
        .key = record->key == SL_LIMIT_USER ? SL_STR("user") : SL_STR("route"),
        .principal = sl_arena_dup(&c->arena, record->principal),
        .incarnation = record->incarnation,
        .period_usec = record->period_usec,
        .end_usec = record->end_wall_usec,
        .used = record->used,
    };
    if (record->key == SL_LIMIT_SHARED) {
        return; /* shared counters are not stored: after a restart their principals get counters of their own */
    }
    if (!counter.route.p || !counter.principal.p) {
        c->is_short = true;
        return;
    }
    c->v[c->n++] = counter;
}

int sl_counters_tick(void *arg, struct sl_store *store, bool was_lost, struct sl_err *err)
{
    struct sl_counters *counters = arg;
    struct collected c = { 0 };
    uint64_t now = sl_clock_wall_usec();
    sl_arena_init(&c.arena, NULL);
    sl_limiter_each(counters->limiter, SL_COUNTERS_PERIOD_MIN, !was_lost && !counters->is_behind, now, on_record, &c);
    int r = 0;
    for (size_t i = 0; r == 0 && i < c.n; i++) {
        r = sl_store_counter_put(store, &c.v[i], err);
    }
    if (r == 0 && counters->n_ticks++ % EXPIRE_TICKS == 0) {
        r = sl_store_counters_expire(store, now, err);
    }
    counters->is_behind = c.is_short;
    free(c.v);
    sl_arena_done(&c.arena);
    return r;
}

static void on_counter(void *arg, const struct sl_store_counter *counter)
{
    struct sl_counters *counters = arg;
    struct sl_limit_record record = {
        .route = counter->route,
        .incarnation = counter->incarnation,
        .key = sl_str_eq_c(counter->key, "user") ? SL_LIMIT_USER : SL_LIMIT_ROUTE,
        .principal = counter->principal,
        .period_usec = counter->period_usec,
        .end_wall_usec = counter->end_usec,
        .used = counter->used,
    };
    /* When there is no memory at the start, this counter starts at zero. */
    SL_IGNORE(sl_limiter_restore(counters->limiter, &record, sl_clock_wall_usec()) < 0);
}

int sl_counters_load(struct sl_counters *counters, struct sl_store *store, struct sl_err *err)
{
    return sl_store_counters_load(store, sl_clock_wall_usec(), on_counter, counters, err);
}
