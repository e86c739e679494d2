/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/pool.h"

#include <string.h>

#include "base/arena.h"
#include "base/num.h"

static bool is_behind(const struct sl_target_rule *a, const struct sl_target_rule *b)
{
    return a->tier != b->tier ? a->tier > b->tier : a->place > b->place;
}

int sl_pool_init(struct sl_pool *pool, enum sl_balance balance, const struct sl_breaker_rule *breaker,
                 const struct sl_target_rule *rules, uint32_t n, struct sl_arena *arena)
{
    *pool = (struct sl_pool){ .balance = balance, .n = n, .rules = rules, .breaker = *breaker };
    pool->order = SL_ARENA_ARRAY(arena, uint32_t, n);
    pool->states = SL_ARENA_ARRAY(arena, struct sl_target_state, n);
    pool->current = SL_ARENA_ARRAY(arena, int64_t, n);
    if (!pool->order || !pool->states || !pool->current || pthread_mutex_init(&pool->lock, NULL) != 0) {
        return SL_E_NOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct sl_target_state *state = &pool->states[i];
        memset(&state->breaker, 0, sizeof(state->breaker));
        atomic_init(&state->breaker.state, SL_BREAKER_CLOSED);
        atomic_init(&state->breaker.open_until_usec, 0);
        atomic_init(&state->in_flight, 0);
        atomic_init(&state->rest_until_usec, 0);
        for (unsigned k = 0; k < 2; k++) {
            atomic_init(&state->first_usec[k], 0);
            atomic_init(&state->measured_usec[k], 0);
        }
        pool->current[i] = 0;
        uint32_t at = i; /* nearly always there are few */
        for (; at > 0 && is_behind(&rules[pool->order[at - 1]], &rules[i]); at--) {
            pool->order[at] = pool->order[at - 1];
        }
        pool->order[at] = i;
    }
    return 0;
}

void sl_pool_done(struct sl_pool *pool)
{
    if (pool->current) {
        pthread_mutex_destroy(&pool->lock);
    }
}

void sl_ask_pass(uint64_t *passed, uint32_t target)
{
    passed[target / 64] |= 1ULL << (target % 64);
}

/* Closed, or it is time to look. */
static bool may_pass(const struct sl_breaker *breaker, uint64_t now_usec)
{
    unsigned state = atomic_load_explicit(&breaker->state, memory_order_relaxed);
    return state == SL_BREAKER_CLOSED ||
           (state == SL_BREAKER_OPEN &&
            atomic_load_explicit(&breaker->open_until_usec, memory_order_relaxed) <= now_usec);
}

static bool is_usable(const struct sl_pool *pool, const struct sl_ask *ask, uint32_t i)
{
    const struct sl_target_state *state = &pool->states[i];
    uint32_t max = pool->rules[i].max_concurrent;
    return !(ask->passed[i / 64] >> (i % 64) & 1) && may_pass(&state->breaker, ask->now_usec) &&
           atomic_load_explicit(&state->rest_until_usec, memory_order_relaxed) <= ask->now_usec &&
           (!max || atomic_load_explicit(&state->in_flight, memory_order_relaxed) < max);
}

/* --- within one tier: order[from] to order[to - 1] --- */

/* The first usable one, whatever its weight. */
static uint32_t pick_first(const struct sl_pool *pool, const struct sl_ask *ask, uint32_t from, uint32_t to)
{
    for (uint32_t at = from; at < to; at++) {
        if (is_usable(pool, ask, pool->order[at])) {
            return pool->order[at];
        }
    }
    return SL_NO_TARGET;
}

/* Everyone gains its weight, the richest is taken and pays what all gained: over time each has its share, and no
 * target has all of its calls in one row. Those that cannot be picked gain nothing, so that none comes back rich. */
static uint32_t pick_weighted(struct sl_pool *pool, const struct sl_ask *ask, uint32_t from, uint32_t to)
{
    int64_t all = 0;
    uint32_t best = SL_NO_TARGET;
    pthread_mutex_lock(&pool->lock);
    for (uint32_t at = from; at < to; at++) {
        uint32_t i = pool->order[at];
        uint32_t weight = pool->rules[i].weight;
        if (!weight || !is_usable(pool, ask, i)) {
            continue;
        }
        pool->current[i] += weight;
        all += weight;
        if (best == SL_NO_TARGET || pool->current[i] > pool->current[best]) {
            best = i;
        }
    }
    if (best != SL_NO_TARGET) {
        pool->current[best] -= all;
    }
    pthread_mutex_unlock(&pool->lock);
    return best;
}

/* Of equals another one each time. */
static uint32_t pick_least_busy(const struct sl_pool *pool, const struct sl_ask *ask, uint32_t from, uint32_t to)
{
    uint32_t best = SL_NO_TARGET, n = to - from, turn = (uint32_t)(ask->random % n);
    uint64_t best_load = 0, best_weight = 1;
    for (uint32_t k = 0; k < n; k++) {
        uint32_t at = from + turn + k;
        uint32_t i = pool->order[at < to ? at : at - n];
        uint64_t weight = pool->rules[i].weight;
        if (!weight || !is_usable(pool, ask, i)) {
            continue;
        }
        uint64_t load = atomic_load_explicit(&pool->states[i].in_flight, memory_order_relaxed) + 1;
        if (best == SL_NO_TARGET || load * best_weight < best_load * weight) {
            best = i;
            best_load = load;
            best_weight = weight;
        }
    }
    return best;
}

/* What was measured so long ago may be otherwise now. */
#define STALE_USEC (30 * SL_USEC_PER_SEC)
/* A target that is not known, or no more, gets a call at most so often. */
#define PROBE_USEC SL_USEC_PER_SEC

/* Is it this one's turn to be measured? Of several callers one takes it. */
static bool takes_turn(struct sl_target_state *state, const struct sl_ask *ask)
{
    uint64_t last = atomic_load_explicit(&state->measured_usec[ask->is_stream], memory_order_relaxed);
    bool is_known = atomic_load_explicit(&state->first_usec[ask->is_stream], memory_order_relaxed) != 0;
    uint64_t next = is_known ? last + STALE_USEC : last ? last + PROBE_USEC : 0;
    return ask->now_usec >= next &&
           atomic_compare_exchange_strong_explicit(&state->measured_usec[ask->is_stream], &last, ask->now_usec,
                                                   memory_order_relaxed, memory_order_relaxed);
}

static uint32_t pick_fastest(struct sl_pool *pool, const struct sl_ask *ask, uint32_t from, uint32_t to)
{
    uint32_t best = SL_NO_TARGET, unknown = SL_NO_TARGET, oldest = SL_NO_TARGET;
    uint64_t best_usec = 0, oldest_usec = 0;
    for (uint32_t at = from; at < to; at++) {
        uint32_t i = pool->order[at];
        struct sl_target_state *state = &pool->states[i];
        if (!pool->rules[i].weight || !is_usable(pool, ask, i)) {
            continue;
        }
        uint64_t usec = atomic_load_explicit(&state->first_usec[ask->is_stream], memory_order_relaxed);
        uint64_t last = atomic_load_explicit(&state->measured_usec[ask->is_stream], memory_order_relaxed);
        if (oldest == SL_NO_TARGET || last < oldest_usec) {
            oldest = i;
            oldest_usec = last;
        }
        if (!usec) {
            unknown = unknown == SL_NO_TARGET ? i : unknown;
        } else if (best == SL_NO_TARGET || usec < best_usec) {
            best = i;
            best_usec = usec;
        }
    }
    if (oldest != SL_NO_TARGET && takes_turn(&pool->states[oldest], ask)) {
        return oldest;
    }
    return best != SL_NO_TARGET ? best : unknown == SL_NO_TARGET ? unknown : pick_least_busy(pool, ask, from, to);
}

static uint32_t tier_pick(struct sl_pool *pool, const struct sl_ask *ask, uint32_t from, uint32_t to)
{
    uint32_t found = SL_NO_TARGET;
    switch (pool->balance) {
    case SL_BALANCE_WEIGHTED:
        found = pick_weighted(pool, ask, from, to);
        break;
    case SL_BALANCE_LEAST_BUSY:
        found = pick_least_busy(pool, ask, from, to);
        break;
    case SL_BALANCE_FASTEST:
        found = pick_fastest(pool, ask, from, to);
        break;
    case SL_BALANCE_ORDERED:
        break;
    }
    return found != SL_NO_TARGET ? found : pick_first(pool, ask, from, to);
}

/* --- over the tiers --- */

uint32_t sl_pool_pick(struct sl_pool *pool, const struct sl_ask *ask)
{
    for (uint32_t from = 0, to = 0; from < pool->n; from = to) {
        uint32_t tier = pool->rules[pool->order[from]].tier;
        while (to < pool->n && pool->rules[pool->order[to]].tier == tier) {
            to++;
        }
        uint32_t found = tier_pick(pool, ask, from, to);
        if (found != SL_NO_TARGET) {
            return found;
        }
    }
    return SL_NO_TARGET;
}

uint32_t sl_pool_left(const struct sl_pool *pool, const struct sl_ask *ask)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < pool->n; i++) {
        n += is_usable(pool, ask, i);
    }
    return n;
}

/* Until when it gets no calls: its rest, or its breaker's time. */
static uint64_t until_of(const struct sl_target_state *state)
{
    uint64_t until = atomic_load_explicit(&state->rest_until_usec, memory_order_relaxed);
    if (atomic_load_explicit(&state->breaker.state, memory_order_relaxed) == SL_BREAKER_CLOSED) {
        return until;
    }
    uint64_t open = atomic_load_explicit(&state->breaker.open_until_usec, memory_order_relaxed);
    return SL_MAX(until, open);
}

void sl_pool_look(const struct sl_pool *pool, uint32_t target, uint64_t now_usec, struct sl_target_look *ret)
{
    const struct sl_target_state *state = &pool->states[target];
    uint64_t until = until_of(state);
    *ret = (struct sl_target_look){
        .state = (enum sl_breaker_state)atomic_load_explicit(&state->breaker.state, memory_order_relaxed),
        .in_flight = atomic_load_explicit(&state->in_flight, memory_order_relaxed),
        .waits_usec = until > now_usec ? until - now_usec : 0,
        .first_usec = { atomic_load_explicit(&state->first_usec[0], memory_order_relaxed),
                        atomic_load_explicit(&state->first_usec[1], memory_order_relaxed) },
    };
}

uint64_t sl_pool_rested_usec(const struct sl_pool *pool, uint64_t now_usec)
{
    uint64_t first = 0;
    for (uint32_t i = 0; i < pool->n; i++) {
        uint64_t until = until_of(&pool->states[i]);
        if (until > now_usec && (!first || until < first)) {
            first = until;
        }
    }
    return first;
}

/* --- what happens --- */

/* It is open, and the time to look has come: of several callers one does. */
static bool probe_take(struct sl_pool *pool, struct sl_breaker *breaker, uint64_t now_usec)
{
    pthread_mutex_lock(&pool->lock);
    bool is_taken = atomic_load(&breaker->state) == SL_BREAKER_OPEN &&
                    atomic_load(&breaker->open_until_usec) <= now_usec;
    if (is_taken) {
        atomic_store(&breaker->state, SL_BREAKER_HALF);
    }
    pthread_mutex_unlock(&pool->lock);
    return is_taken;
}

enum sl_begun sl_pool_begin(struct sl_pool *pool, uint32_t target, uint64_t now_usec)
{
    uint32_t max = pool->rules[target].max_concurrent;
    struct sl_breaker *breaker = &pool->states[target].breaker;
    atomic_uint *in_flight = &pool->states[target].in_flight;
    if (atomic_fetch_add_explicit(in_flight, 1, memory_order_relaxed) >= max && max) {
        atomic_fetch_sub_explicit(in_flight, 1, memory_order_relaxed);
        return SL_BEGUN_NOT;
    }
    if (atomic_load_explicit(&breaker->state, memory_order_relaxed) == SL_BREAKER_CLOSED) {
        return SL_BEGUN;
    }
    if (probe_take(pool, breaker, now_usec)) {
        return SL_BEGUN_PROBE;
    }
    atomic_fetch_sub_explicit(in_flight, 1, memory_order_relaxed);
    return SL_BEGUN_NOT;
}

static void breaker_close(struct sl_breaker *breaker)
{
    breaker->half_usec = 0;
    breaker->n_good[0] = breaker->n_good[1] = breaker->n_bad[0] = breaker->n_bad[1] = 0;
    atomic_store_explicit(&breaker->state, SL_BREAKER_CLOSED, memory_order_relaxed);
}

static void breaker_open(struct sl_breaker *breaker, uint64_t until_usec)
{
    atomic_store_explicit(&breaker->open_until_usec, until_usec, memory_order_relaxed);
    atomic_store_explicit(&breaker->state, SL_BREAKER_OPEN, memory_order_relaxed);
}

/* What is older than the window is forgotten, half of it at a time. */
static void window_move(struct sl_breaker *breaker, uint64_t now_usec, uint64_t half)
{
    uint64_t passed = now_usec - SL_MIN(breaker->half_usec, now_usec);
    if (passed < half) {
        return;
    }
    bool is_next = passed < 2 * half;
    breaker->n_good[1] = is_next ? breaker->n_good[0] : 0;
    breaker->n_bad[1] = is_next ? breaker->n_bad[0] : 0;
    breaker->n_good[0] = breaker->n_bad[0] = 0;
    breaker->half_usec = is_next ? breaker->half_usec + half : now_usec;
}

static void breaker_count(const struct sl_breaker_rule *rule, struct sl_breaker *breaker, enum sl_outcome outcome,
                          uint64_t now_usec)
{
    window_move(breaker, now_usec, SL_MAX(rule->window_usec / 2, (uint64_t)1));
    (outcome == SL_OUTCOME_BAD ? breaker->n_bad : breaker->n_good)[0]++;
    uint64_t n_bad = (uint64_t)breaker->n_bad[0] + breaker->n_bad[1];
    uint64_t n = n_bad + breaker->n_good[0] + breaker->n_good[1];
    if (outcome == SL_OUTCOME_BAD && n_bad >= rule->errors && n_bad * 100 >= n * rule->ratio) {
        breaker_open(breaker, now_usec + rule->open_usec);
    }
}

void sl_pool_end(struct sl_pool *pool, uint32_t target, enum sl_begun begun, enum sl_outcome outcome, uint64_t now_usec)
{
    struct sl_breaker *breaker = &pool->states[target].breaker;
    atomic_fetch_sub_explicit(&pool->states[target].in_flight, 1, memory_order_relaxed);
    if (!pool->breaker.errors || (begun == SL_BEGUN && outcome == SL_OUTCOME_NEUTRAL)) {
        return;
    }
    pthread_mutex_lock(&pool->lock);
    unsigned state = atomic_load_explicit(&breaker->state, memory_order_relaxed);
    if (begun == SL_BEGUN_PROBE && state == SL_BREAKER_HALF) {
        if (outcome == SL_OUTCOME_GOOD) {
            breaker_close(breaker);
        } else { /* it says nothing: the next call may look */
            breaker_open(breaker, outcome == SL_OUTCOME_BAD ? now_usec + pool->breaker.open_usec : now_usec);
        }
    } else if (begun == SL_BEGUN && state == SL_BREAKER_CLOSED) {
        breaker_count(&pool->breaker, breaker, outcome, now_usec);
    }
    pthread_mutex_unlock(&pool->lock);
}

void sl_pool_reset(struct sl_pool *pool, uint32_t target)
{
    pthread_mutex_lock(&pool->lock);
    breaker_close(&pool->states[target].breaker);
    pthread_mutex_unlock(&pool->lock);
    atomic_store_explicit(&pool->states[target].rest_until_usec, 0, memory_order_relaxed);
}

void sl_pool_measure(struct sl_pool *pool, uint32_t target, bool is_stream, uint64_t took_usec, uint64_t now_usec)
{
    struct sl_target_state *state = &pool->states[target];
    uint64_t before = atomic_load_explicit(&state->first_usec[is_stream], memory_order_relaxed);
    uint64_t last = atomic_load_explicit(&state->measured_usec[is_stream], memory_order_relaxed);
    bool is_old = now_usec > last && now_usec - last > STALE_USEC;
    uint64_t after = !before || is_old ? took_usec : before - before / 4 + took_usec / 4;
    /* Of two that come at one moment one counts. */
    atomic_store_explicit(&state->first_usec[is_stream], SL_MAX(after, (uint64_t)1), memory_order_relaxed);
    atomic_store_explicit(&state->measured_usec[is_stream], now_usec, memory_order_relaxed);
}

void sl_pool_rest(struct sl_pool *pool, uint32_t target, uint64_t wait_usec, uint64_t now_usec)
{
    atomic_store_explicit(&pool->states[target].rest_until_usec,
                          now_usec + SL_MIN(wait_usec, (uint64_t)SL_REST_MAX_USEC), memory_order_relaxed);
}
