/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/limit_shard.h"

#include <stdlib.h>

#include "base/map.h"
#include "base/num.h"
#include "gate/policy/limit_record.h"
#include "gate/policy/period.h"

#define BUCKETS_MIN 16
/* A counter that is due for removal while a call holds it is looked at again after this time. */
#define HELD_USEC (60 * SL_USEC_PER_SEC)

uint64_t sl_limit_who_hash(struct sl_str who)
{
    return sl_hash(who);
}

uint64_t sl_limit_scope_hash(const struct sl_limits *owner, enum sl_limit_key key, uint64_t who_hash)
{
    uint64_t h = owner->hash + owner->incarnation * 0x9e3779b97f4a7c15u;
    h = (h ^ (h >> 29)) * 0xbf58476d1ce4e5b9u + (uint64_t)key + who_hash;
    h = (h ^ (h >> 32)) * 0x94d049bb133111ebu;
    return h ^ (h >> 31);
}

uint64_t sl_limit_window_end(const struct sl_limit_rule *rule, uint64_t now)
{
    return rule->kind == SL_LIMIT_CONCURRENT ? UINT64_MAX
           : rule->zone                      ? sl_period_next(rule->zone, rule->period_usec, now)
                                             : now + rule->period_usec;
}

/* --- one shard --- */

struct sl_counter *sl_counter_find(const struct sl_limit_shard *shard, const struct sl_counter_id *id)
{
    if (!shard->n_buckets) {
        return NULL;
    }
    const struct sl_limits *owner = id->owner;
    const struct sl_limit_rule *rule = id->rule;
    for (struct sl_counter *c = shard->buckets[id->hash & (shard->n_buckets - 1)]; c; c = c->next) {
        if (c->hash == id->hash && c->kind == rule->kind && c->period_usec == rule->period_usec &&
            c->zone == rule->zone && c->key == id->key && c->owner == owner->owner &&
            c->incarnation == owner->incarnation && c->n_name == owner->name.n && c->n_who == id->who.n &&
            sl_str_same_n(c->text, owner->name.p, c->n_name) &&
            sl_str_same_n(c->text + c->n_name, id->who.p, c->n_who)) {
            return c;
        }
    }
    return NULL;
}

static void heap_put(struct sl_limit_shard *shard, size_t at, struct sl_counter *c)
{
    shard->heap[at] = c;
    c->heap_index = (uint32_t)at;
}

static void heap_up(struct sl_limit_shard *shard, size_t at)
{
    struct sl_counter *c = shard->heap[at];
    while (at > 0 && shard->heap[(at - 1) / 2]->heap_usec > c->heap_usec) {
        heap_put(shard, at, shard->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(shard, at, c);
}

static void heap_down(struct sl_limit_shard *shard, size_t at)
{
    struct sl_counter *c = shard->heap[at];
    for (size_t child; (child = at * 2 + 1) < shard->n; at = child) {
        if (child + 1 < shard->n && shard->heap[child + 1]->heap_usec < shard->heap[child]->heap_usec) {
            child++;
        }
        if (shard->heap[child]->heap_usec >= c->heap_usec) {
            break;
        }
        heap_put(shard, at, shard->heap[child]);
    }
    heap_put(shard, at, c);
}

/* Tokens and money that callers of a key or a group used are not forgotten before their window is over. */
static enum sl_limit_sort sort_of(enum sl_limit_key key, enum sl_limit_kind kind, enum sl_limit_owner owner)
{
    bool is_kept = owner != SL_LIMIT_OF_ROUTE && kind != SL_LIMIT_REQUESTS && kind != SL_LIMIT_CONCURRENT;
    return key == SL_LIMIT_SESSION            ? SL_LIMIT_SESSIONS
           : key == SL_LIMIT_USER && !is_kept ? SL_LIMIT_CALLERS
           : key == SL_LIMIT_USER             ? SL_LIMIT_KEPT
                                              : SL_LIMIT_UNBOUNDED;
}

enum sl_limit_sort sl_counter_sort(const struct sl_counter_id *id)
{
    return sort_of(id->key, id->rule->kind, id->owner->owner);
}

void sl_counter_remove(struct sl_limit_shard *shard, struct sl_counter *c)
{
    enum sl_limit_sort sort = sort_of(c->key, c->kind, c->owner);
    struct sl_counter **at = &shard->buckets[c->hash & (shard->n_buckets - 1)];
    while (*at != c) {
        at = &(*at)->next;
    }
    *at = c->next;
    struct sl_counter *last = shard->heap[--shard->n];
    if (last != c) {
        heap_put(shard, c->heap_index, last);
        heap_down(shard, last->heap_index);
        heap_up(shard, last->heap_index);
    }
    if (sort != SL_LIMIT_UNBOUNDED) {
        sl_limit_crowd_remove(&shard->crowds[sort], c);
    }
    shard->n_changed -= c->is_changed;
    free(c->remote);
    free(c);
}

void sl_counter_end(struct sl_limit_shard *shard, struct sl_counter *c)
{
    c->end_usec = c->heap_usec = 0;
    heap_up(shard, c->heap_index);
}

void sl_limit_shard_sweep(struct sl_limit_shard *shard, unsigned max, uint64_t now)
{
    while (max && shard->n && shard->heap[0]->heap_usec <= now) {
        struct sl_counter *c = shard->heap[0];
        uint64_t end = c->end_usec == UINT64_MAX ? 0 : c->end_usec;
        end = c->n_open ? SL_MAX(end, now + HELD_USEC) : end;
        if (end > c->heap_usec) {
            c->heap_usec = end;
            heap_down(shard, 0);
            continue;
        }
        sl_counter_remove(shard, c);
        max--;
    }
}

/* Makes room for one more counter in buckets and heap. */
static int shard_grow(struct sl_limit_shard *shard)
{
    if (shard->n == shard->cap_heap) {
        size_t cap = SL_MAX(shard->cap_heap * 2, (size_t)BUCKETS_MIN);
        struct sl_counter **heap = realloc(shard->heap, cap * sizeof(struct sl_counter *));
        if (!heap) {
            return SL_E_NOMEM;
        }
        shard->heap = heap;
        shard->cap_heap = cap;
    }
    if (shard->n < shard->n_buckets) {
        return 0;
    }
    size_t n_buckets = SL_MAX(shard->n_buckets * 2, (size_t)BUCKETS_MIN);
    struct sl_counter **buckets = calloc(n_buckets, sizeof(struct sl_counter *));
    if (!buckets) {
        return SL_E_NOMEM;
    }
    for (size_t i = 0; i < shard->n; i++) {
        struct sl_counter *c = shard->heap[i];
        c->next = buckets[c->hash & (n_buckets - 1)];
        buckets[c->hash & (n_buckets - 1)] = c;
    }
    free(shard->buckets);
    shard->buckets = buckets;
    shard->n_buckets = n_buckets;
    return 0;
}

struct sl_counter *sl_counter_add(struct sl_limit_shard *shard, const struct sl_counter_id *id, uint64_t end_usec)
{
    const struct sl_limits *owner = id->owner;
    if (shard_grow(shard) < 0) {
        return NULL;
    }
    struct sl_counter *c = calloc(1, sizeof(*c) + owner->name.n + id->who.n);
    if (!c) {
        return NULL;
    }
    c->hash = id->hash;
    c->owner = (uint8_t)owner->owner;
    c->key = (uint8_t)id->key;
    c->kind = (uint8_t)id->rule->kind;
    c->period_usec = id->rule->period_usec;
    c->zone = id->rule->zone;
    c->alert_at = UINT64_MAX;
    c->heap_usec = end_usec == UINT64_MAX ? 0 : end_usec;
    c->listed_usec = end_usec;
    c->incarnation = owner->incarnation;
    c->n_name = (uint32_t)owner->name.n;
    c->n_who = (uint32_t)id->who.n;
    memcpy(c->text, owner->name.p, c->n_name);
    if (c->n_who) {
        memcpy(c->text + c->n_name, id->who.p, c->n_who);
    }
    enum sl_limit_sort sort = sl_counter_sort(id);
    if (sort != SL_LIMIT_UNBOUNDED && sl_limit_crowd_add(&shard->crowds[sort], id->tenant, c) < 0) {
        free(c);
        return NULL;
    }
    struct sl_counter **bucket = &shard->buckets[c->hash & (shard->n_buckets - 1)];
    c->next = *bucket;
    *bucket = c;
    shard->heap[shard->n] = c;
    heap_up(shard, shard->n++);
    return c;
}

struct sl_limit_record sl_counter_record(const struct sl_counter *c)
{
    return (struct sl_limit_record){
        .owner = (enum sl_limit_owner)c->owner,
        .name = sl_str_make(c->text, c->n_name),
        .incarnation = c->incarnation,
        .key = (enum sl_limit_key)c->key,
        .who = sl_str_make(c->text + c->n_name, c->n_who),
        .kind = (enum sl_limit_kind)c->kind,
        .period_usec = c->period_usec,
        .zone = c->zone,
        .end_wall_usec = c->end_usec,
        .used = c->used,
        .reserved = c->reserved,
        .cap = c->cap,
    };
}

/* --- thresholds --- */

/* The least amount that is so much of the cap. */
static uint64_t mark_of(uint64_t cap, unsigned percent)
{
    return cap / 100 * percent + (cap % 100 * percent + 99) / 100;
}

/* How many thresholds the counter has reached. */
static uint8_t reached(const struct sl_limit_shard *shard, const struct sl_counter *c)
{
    uint64_t used = c->used - c->reserved;
    uint8_t n = 0;
    while (n < shard->marks.n && used >= mark_of(c->cap, shard->marks.at[n])) {
        n++;
    }
    return n;
}

/* False: it tells nothing. Admins of groups give their keys and groups limits of any window, and an operator who is
 * told of each second sees nothing else. */
static bool is_told(const struct sl_counter *c)
{
    return c->owner == SL_LIMIT_OF_ROUTE || c->period_usec >= SL_ALERT_OWN_PERIOD_MIN;
}

/* A counter without a window has no alerts, and a cap of 0 cannot be reached. */
static void aim(const struct sl_limit_shard *shard, struct sl_counter *c)
{
    bool is_watched = c->cap && is_told(c) && c->kind != SL_LIMIT_CONCURRENT && c->n_alerted < shard->marks.n;
    c->alert_at = is_watched ? mark_of(c->cap, shard->marks.at[c->n_alerted]) : UINT64_MAX;
}

void sl_counter_renew_marks(const struct sl_limit_shard *shard, struct sl_counter *c)
{
    c->n_alerted = 0;
    aim(shard, c);
}

void sl_counter_set_cap(const struct sl_limit_shard *shard, struct sl_counter *c, uint64_t cap)
{
    bool was_known = c->cap;
    c->cap = cap;
    uint8_t n = cap ? reached(shard, c) : 0;
    c->n_alerted = was_known ? SL_MIN(c->n_alerted, n) : n;
    aim(shard, c);
}

void sl_counter_alert(const struct sl_limit_shard *shard, struct sl_counter *c)
{
    uint8_t n = reached(shard, c);
    const struct sl_limit_record record = sl_counter_record(c);
    for (; c->n_alerted < n; c->n_alerted++) {
        sl_alerts_raise(shard->alerts, &record, shard->marks.at[c->n_alerted]);
    }
    aim(shard, c);
}
