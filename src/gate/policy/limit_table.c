/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/limit_table.h"

#include <limits.h>
#include <stdlib.h>

#include "gate/policy/limit_shard.h"

/* --- for the store --- */

void sl_limiter_each(struct sl_limiter *limiter, uint64_t min_period_usec, bool only_changed, uint64_t now_wall_usec,
                     sl_limit_record_fn *fn, void *arg)
{
    for (size_t s = 0; s < SL_LIMIT_SHARDS; s++) {
        struct sl_limit_shard *shard = &limiter->shards[s];
        pthread_mutex_lock(&shard->lock);
        size_t n = only_changed && !shard->n_changed ? 0 : shard->n;
        for (size_t i = 0; i < n; i++) {
            struct sl_counter *c = shard->heap[i];
            bool is_wanted = c->is_changed || !only_changed;
            c->is_changed = false;
            if (!is_wanted || c->period_usec < min_period_usec || c->end_usec <= now_wall_usec) {
                continue;
            }
            struct sl_limit_record record = sl_counter_record(c);
            fn(arg, &record);
        }
        shard->n_changed = 0;
        pthread_mutex_unlock(&shard->lock);
    }
}

void sl_limiter_walk(struct sl_limiter *limiter, uint64_t now_wall_usec, sl_limit_record_fn *fn, void *arg)
{
    for (size_t s = 0; s < SL_LIMIT_SHARDS; s++) {
        struct sl_limit_shard *shard = &limiter->shards[s];
        pthread_mutex_lock(&shard->lock);
        for (size_t i = 0; i < shard->n; i++) {
            if (shard->heap[i]->end_usec > now_wall_usec) {
                struct sl_limit_record record = sl_counter_record(shard->heap[i]);
                fn(arg, &record);
            }
        }
        pthread_mutex_unlock(&shard->lock);
    }
}

void sl_limiter_forget(struct sl_limiter *limiter, uint64_t now_wall_usec, sl_limit_alive_fn *is_alive,
                       const void *alive_arg, sl_limit_record_fn *fn, void *arg)
{
    for (size_t s = 0; s < SL_LIMIT_SHARDS; s++) {
        struct sl_limit_shard *shard = &limiter->shards[s];
        pthread_mutex_lock(&shard->lock);
        /* One that ends moves towards the front: what takes its place was looked at. */
        for (size_t i = 0; i < shard->n; i++) {
            struct sl_counter *c = shard->heap[i];
            if (!c->incarnation || c->owner == SL_LIMIT_OF_ROUTE || c->kind == SL_LIMIT_CONCURRENT ||
                c->end_usec <= now_wall_usec) {
                continue;
            }
            struct sl_limit_record record = sl_counter_record(c);
            if (!is_alive(alive_arg, &record)) {
                fn(arg, &record);
                sl_counter_end(shard, c);
            }
        }
        sl_limit_shard_sweep(shard, UINT_MAX, now_wall_usec);
        pthread_mutex_unlock(&shard->lock);
    }
}

/* The store does not say whose a counter is. A group begins with its topmost one (in a pair, too), a principal in a
 * group with the group's path, a session with the key's id. */
static struct sl_str tenant_of(const struct sl_limit_record *record)
{
    struct sl_str who = record->owner >= SL_LIMIT_OF_GROUP ? record->name : record->who;
    size_t n = 0;
    while (n < who.n && who.p[n] != '/' && who.p[n] != '\n') {
        n++;
    }
    return sl_str_sub(who, 0, n);
}

int sl_limiter_restore(struct sl_limiter *limiter, const struct sl_limit_record *record, uint64_t now_wall_usec)
{
    if (record->end_wall_usec <= now_wall_usec) {
        return 0;
    }
    struct sl_limits owner;
    const struct sl_limit_rule rule = {
        .period_usec = record->period_usec, .key = record->key, .kind = record->kind, .zone = record->zone
    };
    sl_limits_init(&owner, record->owner, record->name, record->incarnation, &rule, 1);
    bool is_named = record->key == SL_LIMIT_USER || record->key == SL_LIMIT_SESSION;
    uint64_t hash = sl_limit_scope_hash(&owner, record->key, is_named ? sl_limit_who_hash(record->who) : 0);
    const struct sl_counter_id id = { hash, &owner, record->key, record->who, tenant_of(record), &rule };
    enum sl_limit_sort sort = sl_counter_sort(&id);
    struct sl_limit_shard *shard = &limiter->shards[sl_limit_shard_of(hash)];
    pthread_mutex_lock(&shard->lock);
    struct sl_counter *c = sl_counter_find(shard, &id);
    bool has_room = c || sort == SL_LIMIT_UNBOUNDED || sort == SL_LIMIT_KEPT ||
                    shard->crowds[sort].n < limiter->max_crowd;
    if (!c && has_room) {
        c = sl_counter_add(shard, &id, record->end_wall_usec);
    }
    if (c) {
        c->used = SL_MAX(c->end_usec > now_wall_usec ? c->used : 0, record->used);
        c->end_usec = SL_MAX(c->end_usec, record->end_wall_usec);
    }
    pthread_mutex_unlock(&shard->lock);
    return c || !has_room ? 0 : SL_E_NOMEM;
}

void sl_limiter_look(struct sl_limiter *limiter, const struct sl_limits *owner, const struct sl_limit_rule *rule,
                     struct sl_str who, uint64_t now_wall_usec, struct sl_limit_look *ret)
{
    bool is_named = rule->key == SL_LIMIT_USER || rule->key == SL_LIMIT_SESSION;
    const struct sl_counter_id id = { .hash = sl_limit_scope_hash(owner, rule->key,
                                                                  is_named ? sl_limit_who_hash(who) : 0),
                                      .owner = owner,
                                      .key = rule->key,
                                      .who = is_named ? who : SL_STR_NONE,
                                      .rule = rule };
    struct sl_limit_shard *shard = &limiter->shards[sl_limit_shard_of(id.hash)];
    *ret = (struct sl_limit_look){ .used = 0 };
    pthread_mutex_lock(&shard->lock);
    const struct sl_counter *c = sl_counter_find(shard, &id);
    if (c && c->end_usec > now_wall_usec) {
        *ret = (struct sl_limit_look){ c->used, c->reserved, c->end_usec };
    }
    pthread_mutex_unlock(&shard->lock);
}

/* --- alerts --- */

void sl_limiter_watch(struct sl_limiter *limiter, struct sl_alerts *alerts, const struct sl_alert_marks *marks)
{
    for (size_t s = 0; s < SL_LIMIT_SHARDS; s++) {
        struct sl_limit_shard *shard = &limiter->shards[s];
        pthread_mutex_lock(&shard->lock);
        bool is_same = shard->alerts == alerts && memcmp(&shard->marks, marks, sizeof(*marks)) == 0;
        shard->alerts = alerts;
        shard->marks = *marks;
        for (size_t i = 0; i < shard->n && !is_same; i++) {
            uint64_t cap = shard->heap[i]->cap;
            shard->heap[i]->cap = 0;
            sl_counter_set_cap(shard, shard->heap[i], cap);
        }
        pthread_mutex_unlock(&shard->lock);
    }
}

/* --- making and freeing --- */

int sl_limiter_new(size_t max, struct sl_limiter **ret)
{
    struct sl_limiter *limiter = aligned_alloc(64, sizeof(*limiter));
    if (!limiter) {
        return SL_E_NOMEM;
    }
    memset(limiter, 0, sizeof(*limiter));
    limiter->max_crowd = SL_MAX(max / SL_LIMIT_SHARDS, (size_t)1);
    for (size_t i = 0; i < SL_LIMIT_SHARDS; i++) {
        pthread_mutex_init(&limiter->shards[i].lock, NULL);
    }
    *ret = limiter;
    return 0;
}

void sl_limiter_free(struct sl_limiter *limiter)
{
    if (!limiter) {
        return;
    }
    for (size_t i = 0; i < SL_LIMIT_SHARDS; i++) {
        struct sl_limit_shard *shard = &limiter->shards[i];
        for (size_t k = 0; k < shard->n; k++) {
            free(shard->heap[k]->remote);
            free(shard->heap[k]);
        }
        for (size_t k = 0; k < SL_LIMIT_SORTS; k++) {
            sl_limit_crowd_done(&shard->crowds[k]);
        }
        free(shard->heap);
        free(shard->buckets);
        pthread_mutex_destroy(&shard->lock);
    }
    free(limiter);
}

size_t sl_limiter_max(const struct sl_limiter *limiter)
{
    return limiter->max_crowd * SL_LIMIT_SHARDS;
}

size_t sl_limiter_count(struct sl_limiter *limiter)
{
    size_t n = 0;
    for (size_t i = 0; i < SL_LIMIT_SHARDS; i++) {
        pthread_mutex_lock(&limiter->shards[i].lock);
        n += limiter->shards[i].n;
        pthread_mutex_unlock(&limiter->shards[i].lock);
    }
    return n;
}
