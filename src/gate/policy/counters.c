/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/counters.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/zone.h"
#include "gate/policy/limit_record.h"
#include "gate/policy/limit_table.h"
#include "store/store.h"

/* Ticks between two removals of counters whose window is over, or whose session gave way to others: about a minute.
 * They come sooner when so many counters were written. */
#define EXPIRE_TICKS 120
#define EXPIRE_PUTS  100000

struct collected {
    struct sl_arena arena;
    struct sl_store_counter *v;
    size_t n, cap;
    bool is_short; /* out of memory: some records are missing */
};

static const char *const key_names[] = {
    [SL_LIMIT_WHOLE] = "route", [SL_LIMIT_USER] = "user", [SL_LIMIT_SESSION] = "session", NULL
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
    if (record->key == SL_LIMIT_SHARED) {
        return; /* shared counters are not stored: after a restart their principals get counters of their own */
    }
    struct sl_store_counter counter = {
        .owner = sl_str_c(sl_limit_owner_names[record->owner]),
        .name = sl_arena_dup(&c->arena, record->name),
        .incarnation = record->incarnation,
        .key = sl_str_c(key_names[record->key]),
        .who = sl_arena_dup(&c->arena, record->who),
        .kind = sl_str_c(sl_limit_kind_names[record->kind]),
        .period_usec = record->period_usec,
        .zone = record->zone ? sl_zone_name(record->zone) : SL_STR(""),
        .end_usec = record->end_wall_usec,
        .used = record->used,
    };
    if (!counter.name.p || !counter.who.p) {
        c->is_short = true;
        return;
    }
    c->v[c->n++] = counter;
}

static int put_all(struct sl_store *store, const struct collected *c, struct sl_err *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < c->n; i++) {
        r = sl_store_counter_put(store, &c->v[i], err);
    }
    return r;
}

static void on_forgotten(void *arg, const struct sl_limit_record *record)
{
    struct sl_limit_record ended = *record;
    ended.end_wall_usec = 0; /* the store deletes it with those whose window is over */
    if (record->period_usec >= SL_COUNTERS_PERIOD_MIN) {
        on_record(arg, &ended);
    }
}

/* Removes what no limit counts any more, and what is over. */
static int expire(struct sl_counters *counters, struct sl_store *store, uint64_t now, struct sl_err *err)
{
    struct collected c = { 0 };
    sl_arena_init(&c.arena, NULL);
    if (counters->is_alive) {
        sl_limiter_forget(counters->limiter, now, counters->is_alive, counters->alive_arg, on_forgotten, &c);
    }
    int r = put_all(store, &c, err);
    r = r < 0 ? r : sl_store_counters_expire(store, now, sl_limiter_max(counters->limiter), err);
    free(c.v);
    sl_arena_done(&c.arena);
    return r;
}

int sl_counters_tick(void *arg, struct sl_store *store, bool was_lost, struct sl_err *err)
{
    struct sl_counters *counters = arg;
    struct collected c = { 0 };
    uint64_t now = sl_clock_wall_usec();
    sl_arena_init(&c.arena, NULL);
    sl_limiter_each(counters->limiter, SL_COUNTERS_PERIOD_MIN, !was_lost && !counters->is_behind, now, on_record, &c);
    int r = put_all(store, &c, err);
    counters->n_puts += c.n;
    if (r == 0 && (counters->n_ticks++ % EXPIRE_TICKS == 0 || counters->n_puts >= EXPIRE_PUTS)) {
        r = expire(counters, store, now, err);
        counters->n_puts = 0;
    }
    counters->is_behind = c.is_short;
    free(c.v);
    sl_arena_done(&c.arena);
    return r;
}

/* The place of a word in a list that ends with NULL; -1: it is not there. */
static int word_find(struct sl_str word, const char *const *words)
{
    int i = 0;
    while (words[i] && !sl_str_eq_c(word, words[i])) {
        i++;
    }
    return words[i] ? i : -1;
}

static void on_counter(void *arg, const struct sl_store_counter *counter)
{
    struct sl_counters *counters = arg;
    int owner = word_find(counter->owner, sl_limit_owner_names), key = word_find(counter->key, key_names);
    int kind = word_find(counter->kind, sl_limit_kind_names);
    struct sl_limit_record record = {
        .owner = (enum sl_limit_owner)owner,
        .name = counter->name,
        .incarnation = counter->incarnation,
        .key = (enum sl_limit_key)key,
        .who = counter->who,
        .kind = (enum sl_limit_kind)kind,
        .period_usec = counter->period_usec,
        .end_wall_usec = counter->end_usec,
        .used = counter->used,
    };
    if (owner < 0 || key < 0 || kind < 0 || (counter->zone.n && sl_zone_get(counter->zone, &record.zone, NULL) < 0)) {
        return; /* of a newer version, or of a zone that this machine does not know: no limit here counts with it */
    }
    /* When there is no memory at the start, this counter starts at zero. */
    SL_IGNORE(sl_limiter_restore(counters->limiter, &record, sl_clock_wall_usec()) < 0);
}

int sl_counters_load(struct sl_counters *counters, struct sl_store *store, struct sl_err *err)
{
    return sl_store_counters_load(store, sl_clock_wall_usec(), on_counter, counters, err);
}
