/* SPDX-License-Identifier: Apache-2.0 */
/* A sharded table of counters. Invariants of a shard, under its lock:
 * - every counter is in exactly one bucket and at heap[heap_index];
 * - heap is a minimum heap by `heap_usec`, the end of the counter's window as the heap knows it. When a window begins
 *   anew, only the counter's end changes; the heap is updated when the old end comes up. */
#include "gate/policy/limit.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/map.h"
#include "base/num.h"

/* A mask has one bit for each shard. */
#define LIMIT_SHARDS      64
#define LIMIT_BUCKETS_MIN 16
/* How many counters with an ended window a new counter removes: more than one, so that the table shrinks. */
#define LIMIT_SWEEP 2
/* When the wall clock steps back, a window would stay open too long. Clocks of workers differ by less than this. */
#define LIMIT_CLOCK_SLACK_USEC SL_USEC_PER_SEC

struct counter {
    struct counter *next; /* next in its bucket */
    uint64_t hash;
    uint64_t used;
    uint64_t end_usec; /* end of the window; 0: there was none yet */
    uint64_t heap_usec;
    uint64_t period_usec;
    uint64_t incarnation;
    uint32_t heap_index;
    uint32_t n_route, n_principal;
    enum sl_limit_key key;
    bool is_changed;
    char text[]; /* route, then principal */
};

struct shard {
    pthread_mutex_t lock; /* guards all members below */
    struct counter **buckets;
    size_t n_buckets; /* a power of two */
    struct counter **heap;
    size_t n, cap_heap;
    size_t n_users;
    size_t n_changed; /* changed since the last sl_limiter_each */
} SL_ALIGNED(64);

struct sl_limiter {
    struct shard shards[LIMIT_SHARDS];
    size_t max_users; /* bound for this shard */
};

/* The counter that one rule asks for, whether it was found or not. */
struct claim {
    uint64_t hash;
    enum sl_limit_key key;
    struct sl_str principal; /* "" unless key is SL_LIMIT_USER */
    struct shard *shard;
    struct counter *counter;
};

/* --- one shard --- */

static struct shard *shard_of(struct sl_limiter *limiter, uint64_t hash)
{
    return &limiter->shards[hash >> 58];
}

static uint64_t id_hash(const struct sl_limit_subject *subject, enum sl_limit_key key, struct sl_str principal,
                        uint64_t period_usec)
{
    uint64_t h = sl_hash(subject->route) + subject->incarnation * 0x9e3779b97f4a7c15u;
    h = (h ^ (h >> 29)) * 0xbf58476d1ce4e5b9u + period_usec + (uint64_t)key;
    h = (h ^ (h >> 32)) * 0x94d049bb133111ebu;
    if (principal.n) {
        h += sl_hash(principal);
        h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
    }
    return h ^ (h >> 31);
}

static struct counter *counter_find(const struct shard *shard, const struct claim *claim,
                                    const struct sl_limit_subject *subject, uint64_t period_usec)
{
    if (!shard->n_buckets) {
        return NULL;
    }
    for (struct counter *c = shard->buckets[claim->hash & (shard->n_buckets - 1)]; c; c = c->next) {
        if (c->hash == claim->hash && c->key == claim->key && c->period_usec == period_usec &&
            c->incarnation == subject->incarnation && c->n_route == subject->route.n &&
            c->n_principal == claim->principal.n && memcmp(c->text, subject->route.p, c->n_route) == 0 &&
            (c->n_principal == 0 || memcmp(c->text + c->n_route, claim->principal.p, c->n_principal) == 0)) {
            return c;
        }
    }
    return NULL;
}

static void heap_put(struct shard *shard, size_t at, struct counter *c)
{
    shard->heap[at] = c;
    c->heap_index = (uint32_t)at;
}

static void heap_up(struct shard *shard, size_t at)
{
    struct counter *c = shard->heap[at];
    while (at > 0 && shard->heap[(at - 1) / 2]->heap_usec > c->heap_usec) {
        heap_put(shard, at, shard->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(shard, at, c);
}

static void heap_down(struct shard *shard, size_t at)
{
    struct counter *c = shard->heap[at];
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

static void counter_remove(struct shard *shard, struct counter *c)
{
    struct counter **at = &shard->buckets[c->hash & (shard->n_buckets - 1)];
    while (*at != c) {
        at = &(*at)->next;
    }
    *at = c->next;
    struct counter *last = shard->heap[--shard->n];
    if (last != c) {
        heap_put(shard, c->heap_index, last);
        heap_down(shard, last->heap_index);
        heap_up(shard, last->heap_index);
    }
    shard->n_users -= c->key == SL_LIMIT_USER;
    shard->n_changed -= c->is_changed;
    free(c);
}

/* Removes at most `max` counters whose window is over. */
static void shard_sweep(struct shard *shard, unsigned max, uint64_t now)
{
    while (max && shard->n && shard->heap[0]->heap_usec <= now) {
        struct counter *c = shard->heap[0];
        if (c->end_usec > c->heap_usec) {
            c->heap_usec = c->end_usec;
            heap_down(shard, 0);
            continue;
        }
        counter_remove(shard, c);
        max--;
    }
}

/* Makes room for one more counter in buckets and heap. */
static int shard_grow(struct shard *shard)
{
    if (shard->n == shard->cap_heap) {
        size_t cap = SL_MAX(shard->cap_heap * 2, (size_t)LIMIT_BUCKETS_MIN);
        struct counter **heap = realloc(shard->heap, cap * sizeof(struct counter *));
        if (!heap) {
            return SL_E_NOMEM;
        }
        shard->heap = heap;
        shard->cap_heap = cap;
    }
    if (shard->n < shard->n_buckets) {
        return 0;
    }
    size_t n_buckets = SL_MAX(shard->n_buckets * 2, (size_t)LIMIT_BUCKETS_MIN);
    struct counter **buckets = calloc(n_buckets, sizeof(struct counter *));
    if (!buckets) {
        return SL_E_NOMEM;
    }
    for (size_t i = 0; i < shard->n; i++) {
        struct counter *c = shard->heap[i];
        c->next = buckets[c->hash & (n_buckets - 1)];
        buckets[c->hash & (n_buckets - 1)] = c;
    }
    free(shard->buckets);
    shard->buckets = buckets;
    shard->n_buckets = n_buckets;
    return 0;
}

/* Adds a counter. It has no window yet; the caller will open one until `end_usec`. NULL: no memory. */
static struct counter *counter_add(struct shard *shard, const struct claim *claim,
                                   const struct sl_limit_subject *subject, uint64_t period_usec, uint64_t end_usec)
{
    if (shard_grow(shard) < 0) {
        return NULL;
    }
    struct counter *c = calloc(1, sizeof(*c) + subject->route.n + claim->principal.n);
    if (!c) {
        return NULL;
    }
    c->hash = claim->hash;
    c->key = claim->key;
    c->period_usec = period_usec;
    c->heap_usec = end_usec;
    c->incarnation = subject->incarnation;
    c->n_route = (uint32_t)subject->route.n;
    c->n_principal = (uint32_t)claim->principal.n;
    memcpy(c->text, subject->route.p, c->n_route);
    if (c->n_principal) {
        memcpy(c->text + c->n_route, claim->principal.p, c->n_principal);
    }
    struct counter **bucket = &shard->buckets[c->hash & (shard->n_buckets - 1)];
    c->next = *bucket;
    *bucket = c;
    shard->n_users += c->key == SL_LIMIT_USER;
    shard->heap[shard->n] = c;
    heap_up(shard, shard->n++);
    return c;
}

static void counter_changed(struct shard *shard, struct counter *c)
{
    shard->n_changed += !c->is_changed;
    c->is_changed = true;
}

/* How many calls were counted in the window that is open now. */
static uint64_t counter_used(struct counter *c, uint64_t now)
{
    if (!c || c->end_usec <= now) {
        return 0;
    }
    if (c->end_usec > now + c->period_usec + LIMIT_CLOCK_SLACK_USEC) {
        c->end_usec = now + c->period_usec; /* the clock stepped back */
    }
    return c->used;
}

/* --- all limits of a call --- */

static void claim_make(struct claim *claim, struct sl_limiter *limiter, const struct sl_limit_subject *subject,
                       const struct sl_limit_rule *rule, bool is_shared)
{
    claim->key = is_shared ? SL_LIMIT_SHARED : rule->key;
    claim->principal = claim->key == SL_LIMIT_USER ? subject->principal : SL_STR_NONE;
    claim->hash = id_hash(subject, claim->key, claim->principal, rule->period_usec);
    claim->shard = shard_of(limiter, claim->hash);
    claim->counter = NULL;
}

static void shards_lock(struct sl_limiter *limiter, uint64_t mask)
{
    for (; mask; mask &= mask - 1) {
        pthread_mutex_lock(&limiter->shards[SL_LOWEST_BIT64(mask)].lock);
    }
}

static void shards_unlock(struct sl_limiter *limiter, uint64_t mask)
{
    for (; mask; mask &= mask - 1) {
        pthread_mutex_unlock(&limiter->shards[SL_LOWEST_BIT64(mask)].lock);
    }
}

static void view_make(const struct claim *claims, const struct sl_limit_rule *rules, uint32_t n, uint64_t now,
                      struct sl_limit_view *ret)
{
    struct sl_limit_view best = { 0 };
    uint32_t first = n;
    for (uint32_t i = 0; i < n; i++) {
        struct counter *c = claims[i].counter;
        uint64_t used = counter_used(c, now);
        struct sl_limit_view v = {
            .is_refused = used >= rules[i].calls,
            .rule = i,
            .calls = rules[i].calls,
            .remaining = used < rules[i].calls ? rules[i].calls - used : 0,
            .is_final = rules[i].calls == 0,
            .reset_usec = used && rules[i].calls ? c->end_usec - now : 0,
        };
        bool is_tighter = v.is_refused != best.is_refused ? v.is_refused
                          : v.is_final != best.is_final   ? v.is_final
                          : v.is_refused                  ? v.reset_usec > best.reset_usec
                          : v.remaining != best.remaining ? v.remaining < best.remaining
                                                          : v.reset_usec > best.reset_usec;
        if (i == 0 || is_tighter) {
            best = v;
        }
        first = v.is_refused ? SL_MIN(first, i) : first;
    }
    best.first_refusing = first;
    *ret = best;
}

/* True: a rule's counter does not exist and its shard is full. The principal then uses the route's shared counter. */
static bool is_crowded(struct sl_limiter *limiter, const struct sl_limit_subject *subject,
                       const struct sl_limit_rule *rules, struct claim *claims, uint32_t n, uint64_t now,
                       bool *io_shared)
{
    bool found = false;
    for (uint32_t i = 0; i < n; i++) {
        struct shard *shard = claims[i].shard;
        if (rules[i].calls == 0 || counter_find(shard, &claims[i], subject, rules[i].period_usec)) {
            continue;
        }
        shard_sweep(shard, LIMIT_SWEEP, now);
        if (claims[i].key == SL_LIMIT_USER && shard->n_users >= limiter->max_users) {
            io_shared[i] = found = true;
        }
    }
    return found;
}

static int charge(const struct sl_limit_subject *subject, const struct sl_limit_rule *rules, struct claim *claims,
                  uint32_t n, uint64_t now)
{
    for (uint32_t i = 0; i < n; i++) {
        /* Looks again, because two rules may have the same counter. */
        if (!claims[i].counter) {
            claims[i].counter = counter_find(claims[i].shard, &claims[i], subject, rules[i].period_usec);
        }
        if (!claims[i].counter) {
            claims[i].counter = counter_add(claims[i].shard, &claims[i], subject, rules[i].period_usec,
                                            now + rules[i].period_usec);
        }
        if (!claims[i].counter) {
            return SL_E_NOMEM; /* counters made so far have no window, so a later sweep removes them */
        }
    }
    for (uint32_t i = 0; i < n; i++) {
        struct counter *c = claims[i].counter;
        bool is_charged = false;
        for (uint32_t k = 0; k < i; k++) {
            is_charged |= claims[k].counter == c;
        }
        if (is_charged) {
            continue;
        }
        if (c->end_usec <= now) {
            c->used = 0;
            c->end_usec = now + c->period_usec;
        }
        c->used++;
        counter_changed(claims[i].shard, c);
    }
    return 0;
}

int sl_limiter_take(struct sl_limiter *limiter, const struct sl_limit_subject *subject,
                    const struct sl_limit_rule *rules, uint32_t n_rules, uint64_t now_wall_usec,
                    struct sl_limit_view *ret_view)
{
    SL_ASSERT(n_rules >= 1 && n_rules <= SL_LIMIT_RULES_MAX);
    bool shared[SL_LIMIT_RULES_MAX] = { false };
    for (;;) {
        struct claim claims[SL_LIMIT_RULES_MAX];
        uint64_t mask = 0;
        for (uint32_t i = 0; i < n_rules; i++) {
            claim_make(&claims[i], limiter, subject, &rules[i], shared[i]);
            mask |= (uint64_t)1 << (claims[i].hash >> 58);
        }
        shards_lock(limiter, mask);
        bool is_missing = false;
        for (uint32_t i = 0; i < n_rules; i++) {
            claims[i].counter = counter_find(claims[i].shard, &claims[i], subject, rules[i].period_usec);
            is_missing |= !claims[i].counter;
        }
        if (is_missing) {
            /* The sweep may free counters that were found above. */
            if (is_crowded(limiter, subject, rules, claims, n_rules, now_wall_usec, shared)) {
                shards_unlock(limiter, mask);
                continue; /* happens once for each rule at most: a shared counter always has room */
            }
            for (uint32_t i = 0; i < n_rules; i++) {
                claims[i].counter = counter_find(claims[i].shard, &claims[i], subject, rules[i].period_usec);
            }
        }
        struct sl_limit_view view;
        view_make(claims, rules, n_rules, now_wall_usec, &view);
        int r = 0;
        if (!view.is_refused) {
            r = charge(subject, rules, claims, n_rules, now_wall_usec);
            if (r == 0) {
                view_make(claims, rules, n_rules, now_wall_usec, &view);
                view.is_refused = false; /* the last call that passes leaves none */
            }
        }
        shards_unlock(limiter, mask);
        if (r == 0) {
            *ret_view = view;
        }
        return r;
    }
}

void sl_limiter_peek(struct sl_limiter *limiter, const struct sl_limit_subject *subject,
                     const struct sl_limit_rule *rules, uint32_t n_rules, uint64_t now_wall_usec,
                     struct sl_limit_view *ret_view)
{
    SL_ASSERT(n_rules >= 1 && n_rules <= SL_LIMIT_RULES_MAX);
    struct claim claims[SL_LIMIT_RULES_MAX];
    uint64_t mask = 0;
    for (uint32_t i = 0; i < n_rules; i++) {
        claim_make(&claims[i], limiter, subject, &rules[i], false);
        mask |= (uint64_t)1 << (claims[i].hash >> 58);
    }
    shards_lock(limiter, mask);
    for (uint32_t i = 0; i < n_rules; i++) {
        claims[i].counter = counter_find(claims[i].shard, &claims[i], subject, rules[i].period_usec);
    }
    view_make(claims, rules, n_rules, now_wall_usec, ret_view);
    shards_unlock(limiter, mask);
}

/* --- for the store --- */

static struct sl_limit_record record_of(const struct counter *c)
{
    return (struct sl_limit_record){
        .route = sl_str_make(c->text, c->n_route),
        .incarnation = c->incarnation,
        .key = c->key,
        .principal = sl_str_make(c->text + c->n_route, c->n_principal),
        .period_usec = c->period_usec,
        .end_wall_usec = c->end_usec,
        .used = c->used,
    };
}

void sl_limiter_each(struct sl_limiter *limiter, uint64_t min_period_usec, bool only_changed, uint64_t now_wall_usec,
                     sl_limit_record_fn *fn, void *arg)
{
    for (size_t s = 0; s < LIMIT_SHARDS; s++) {
        struct shard *shard = &limiter->shards[s];
        pthread_mutex_lock(&shard->lock);
        size_t n = only_changed && !shard->n_changed ? 0 : shard->n;
        for (size_t i = 0; i < n; i++) {
            struct counter *c = shard->heap[i];
            bool is_wanted = c->is_changed || !only_changed;
            c->is_changed = false;
            if (!is_wanted || c->period_usec < min_period_usec || c->end_usec <= now_wall_usec) {
                continue;
            }
            struct sl_limit_record record = record_of(c);
            fn(arg, &record);
        }
        shard->n_changed = 0;
        pthread_mutex_unlock(&shard->lock);
    }
}

void sl_limiter_walk(struct sl_limiter *limiter, uint64_t now_wall_usec, sl_limit_record_fn *fn, void *arg)
{
    for (size_t s = 0; s < LIMIT_SHARDS; s++) {
        struct shard *shard = &limiter->shards[s];
        pthread_mutex_lock(&shard->lock);
        for (size_t i = 0; i < shard->n; i++) {
            if (shard->heap[i]->end_usec > now_wall_usec) {
                struct sl_limit_record record = record_of(shard->heap[i]);
                fn(arg, &record);
            }
        }
        pthread_mutex_unlock(&shard->lock);
    }
}

int sl_limiter_restore(struct sl_limiter *limiter, const struct sl_limit_record *record, uint64_t now_wall_usec)
{
    if (record->end_wall_usec <= now_wall_usec) {
        return 0;
    }
    struct sl_limit_subject subject = { record->route, record->incarnation, record->principal };
    struct sl_limit_rule rule = { .period_usec = record->period_usec, .key = record->key };
    struct claim claim;
    claim_make(&claim, limiter, &subject, &rule, record->key == SL_LIMIT_SHARED);
    struct shard *shard = claim.shard;
    pthread_mutex_lock(&shard->lock);
    struct counter *c = counter_find(shard, &claim, &subject, record->period_usec);
    if (!c) {
        c = counter_add(shard, &claim, &subject, record->period_usec, record->end_wall_usec);
    }
    if (c) {
        c->used = SL_MAX(c->end_usec > now_wall_usec ? c->used : 0, record->used);
        c->end_usec = SL_MAX(c->end_usec, record->end_wall_usec);
    }
    pthread_mutex_unlock(&shard->lock);
    return c ? 0 : SL_E_NOMEM;
}

/* --- making and freeing --- */

int sl_limiter_new(size_t max_users, struct sl_limiter **ret)
{
    struct sl_limiter *limiter = aligned_alloc(64, sizeof(*limiter));
    if (!limiter) {
        return SL_E_NOMEM;
    }
    memset(limiter, 0, sizeof(*limiter));
    limiter->max_users = SL_MAX(max_users / LIMIT_SHARDS, (size_t)1);
    for (size_t i = 0; i < LIMIT_SHARDS; i++) {
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
    for (size_t i = 0; i < LIMIT_SHARDS; i++) {
        struct shard *shard = &limiter->shards[i];
        for (size_t k = 0; k < shard->n; k++) {
            free(shard->heap[k]);
        }
        free(shard->heap);
        free(shard->buckets);
        pthread_mutex_destroy(&shard->lock);
    }
    free(limiter);
}

size_t sl_limiter_count(struct sl_limiter *limiter)
{
    size_t n = 0;
    for (size_t i = 0; i < LIMIT_SHARDS; i++) {
        pthread_mutex_lock(&limiter->shards[i].lock);
        n += limiter->shards[i].n;
        pthread_mutex_unlock(&limiter->shards[i].lock);
    }
    return n;
}
