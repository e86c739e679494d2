/* SPDX-License-Identifier: Apache-2.0 */
/* The table of counters is made of shards, each with a lock. Only the files of the limiter use this. Invariants of a
 * shard, under its lock:
 * - every counter is in exactly one bucket and at heap[heap_index];
 * - heap is a minimum heap by `heap_usec`, the time at which the counter may be removed as the heap knows it. When a
 *   window begins anew, only the counter's end changes; the heap is updated when the old end comes up;
 * - a counter that a call holds (n_open) is not removed. */
#ifndef SL_GATE_LIMIT_SHARD_H
#define SL_GATE_LIMIT_SHARD_H

#include <pthread.h>

#include "gate/policy/alert.h"
#include "gate/policy/limit_counter.h"
#include "gate/policy/limit_crowd.h"

/* A mask has one bit for each shard. */
#define SL_LIMIT_SHARDS 64
/* How many counters with an ended window a new counter removes: more than one, so that the table shrinks. */
#define SL_LIMIT_SWEEP 2

struct sl_limit_shard {
    pthread_mutex_t lock; /* guards all members below */
    struct sl_counter **buckets;
    size_t n_buckets; /* a power of two */
    struct sl_counter **heap;
    size_t n, cap_heap;
    struct sl_limit_crowd crowds[SL_LIMIT_SORTS];
    size_t n_changed;         /* changed since the last sl_limiter_each */
    struct sl_alerts *alerts; /* is told when a counter reaches one of `marks`; NULL: there are none */
    struct sl_alert_marks marks;
} SL_ALIGNED(64);

struct sl_limiter {
    struct sl_limit_shard shards[SL_LIMIT_SHARDS];
    size_t max_crowd; /* bound for each crowd of one shard */
    uint32_t n_own;   /* limit_home.c: how many workers have shares of their own; 0: every counter is at home here */
};

/* What identifies a counter. All counters of one scope are in one shard. */
struct sl_counter_id {
    uint64_t hash; /* sl_limit_scope_hash */
    const struct sl_limits *owner;
    enum sl_limit_key key;
    struct sl_str who, tenant;        /* whose share of the room it takes */
    const struct sl_limit_rule *rule; /* kind, period and zone */
};

/* The hash of a principal or a session. */
uint64_t sl_limit_who_hash(struct sl_str who);
/* The hash of a scope; `who_hash` is 0 for a key that names nobody. */
uint64_t sl_limit_scope_hash(const struct sl_limits *owner, enum sl_limit_key key, uint64_t who_hash);
SL_INLINE uint32_t sl_limit_shard_of(uint64_t hash)
{
    return (uint32_t)(hash >> 58);
}

/* All under the shard's lock. */
struct sl_counter *sl_counter_find(const struct sl_limit_shard *shard, const struct sl_counter_id *id);
/* Adds a counter. It has no window yet; the caller will open one until `end_usec`. NULL: no memory. */
struct sl_counter *sl_counter_add(struct sl_limit_shard *shard, const struct sl_counter_id *id, uint64_t end_usec);
/* Which bound the counter is under. */
enum sl_limit_sort sl_counter_sort(const struct sl_counter_id *id);
/* Removes a counter that no call holds. */
void sl_counter_remove(struct sl_limit_shard *shard, struct sl_counter *c);
/* Ends its window now, so that it goes like any other whose window is over. */
void sl_counter_end(struct sl_limit_shard *shard, struct sl_counter *c);
/* Removes at most `max` counters whose window is over. */
void sl_limit_shard_sweep(struct sl_limit_shard *shard, unsigned max, uint64_t now);

/* When a window of the rule ends that opens now. */
uint64_t sl_limit_window_end(const struct sl_limit_rule *rule, uint64_t now);

struct sl_limit_record;
struct sl_limit_record sl_counter_record(const struct sl_counter *c);

/* --- thresholds --- */

/* A new window began. */
void sl_counter_renew_marks(const struct sl_limit_shard *shard, struct sl_counter *c);
/* The cap is another one now, or is known at last. What the counter had reached before it was known was told before
 * the start. */
void sl_counter_set_cap(const struct sl_limit_shard *shard, struct sl_counter *c, uint64_t cap);
/* Raises what is due. */
void sl_counter_alert(const struct sl_limit_shard *shard, struct sl_counter *c);
/* Does so when it is time: a comparison. Call it when more was used. */
SL_INLINE void sl_counter_watch(const struct sl_limit_shard *shard, struct sl_counter *c)
{
    if (SL_UNLIKELY(c->used - c->reserved >= c->alert_at)) {
        sl_counter_alert(shard, c);
    }
}

SL_INLINE void sl_counter_changed(struct sl_limit_shard *shard, struct sl_counter *c)
{
    shard->n_changed += !c->is_changed;
    c->is_changed = true;
}

SL_INLINE void sl_limit_shards_lock(struct sl_limiter *limiter, uint64_t mask)
{
    for (; mask; mask &= mask - 1) {
        pthread_mutex_lock(&limiter->shards[SL_LOWEST_BIT64(mask)].lock);
    }
}

SL_INLINE void sl_limit_shards_unlock(struct sl_limiter *limiter, uint64_t mask)
{
    for (; mask; mask &= mask - 1) {
        pthread_mutex_unlock(&limiter->shards[SL_LOWEST_BIT64(mask)].lock);
    }
}

#endif
