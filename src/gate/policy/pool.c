/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/pool.h"

#include <string.h>

#include "base/arena.h"
#include "base/num.h"

static bool is_behind(const struct sl_target_rule *a, const struct sl_target_rule *b)
{
    return a->tier != b->tier ? a->tier > b->tier : a->place > b->place;
}

/* --- which targets take calls --- */

/* A target that is down: the time is not known. */
#define UNTIL_TOLD UINT64_MAX

/* The time until which the target gets no calls: it asked to wait, or its breaker is open. A target that is down gets
 * none until a health check is answered. */
static uint64_t until_of(const struct sl_target_state *state)
{
    uint64_t until = atomic_load_explicit(&state->rest_until_usec, memory_order_relaxed);
    if (SL_UNLIKELY(atomic_load_explicit(&state->is_down, memory_order_relaxed))) {
        return UNTIL_TOLD;
    }
    if (atomic_load_explicit(&state->breaker.state, memory_order_relaxed) == SL_BREAKER_CLOSED) {
        return until;
    }
    uint64_t open = atomic_load_explicit(&state->breaker.open_until_usec, memory_order_relaxed);
    return SL_MAX(until, open);
}

/* The same time as it is shown: for a target that is down, when its next check is due. A check that runs may take a
 * while. */
static uint64_t until_told(const struct sl_target_state *state, uint64_t now_usec)
{
    uint64_t until = until_of(state);
    return until == UNTIL_TOLD
               ? SL_MAX(atomic_load_explicit(&state->check_usec, memory_order_relaxed), now_usec + SL_USEC_PER_SEC)
               : until;
}

static void bit_set(atomic_uint_fast64_t *word, uint64_t bit, bool is_set)
{
    if (is_set) {
        atomic_fetch_or(word, bit);
    } else {
        atomic_fetch_and(word, ~bit);
    }
}

/* Updates the target's bits: does it take calls, and if not, from when on. Call it under the lock, or while nobody else
 * knows the pool. */
static void ready_look(struct sl_pool *pool, uint32_t target, uint64_t now_usec)
{
    const struct sl_target_rule *rule = &pool->rules[target];
    const struct sl_target_state *state = &pool->states[target];
    uint32_t seat = pool->seats[target];
    struct sl_pool_tier *tier = &pool->tiers[pool->tier_of[seat]];
    uint64_t until = until_of(state), bit = 1ULL << seat % 64;
    bool is_full = rule->max_concurrent && atomic_load(&pool->in_flight[seat]) >= rule->max_concurrent;
    bool is_ready = until <= now_usec && !is_full && atomic_load(&state->breaker.state) != SL_BREAKER_HALF;
    if (until > now_usec && until < atomic_load(&pool->wake_usec)) {
        atomic_store(&pool->wake_usec, until);
    }
    tier->gains -= pool->gain[seat];
    pool->gain[seat] = is_ready ? (int32_t)rule->weight : 0;
    tier->gains += pool->gain[seat];
    bit_set(&pool->ready[seat / 64], bit, is_ready);
    bit_set(&pool->doubtful[seat / 64], bit, atomic_load(&state->breaker.state) == SL_BREAKER_OPEN);
}

/* A target that waits makes this loop run at most once. */
void sl_pool_wake(struct sl_pool *pool, uint64_t now_usec)
{
    if (SL_LIKELY(atomic_load_explicit(&pool->wake_usec, memory_order_relaxed) > now_usec)) {
        return;
    }
    pthread_mutex_lock(&pool->lock);
    atomic_store(&pool->wake_usec, UINT64_MAX);
    for (uint32_t seat = 0; seat < pool->n; seat++) {
        if (!(atomic_load(&pool->ready[seat / 64]) >> seat % 64 & 1)) {
            ready_look(pool, pool->targets[seat], now_usec);
        }
    }
    pthread_mutex_unlock(&pool->lock);
}

/* A call began or ended at its max_concurrent. */
static void ready_change(struct sl_pool *pool, uint32_t target, uint64_t now_usec)
{
    pthread_mutex_lock(&pool->lock);
    ready_look(pool, target, now_usec);
    pthread_mutex_unlock(&pool->lock);
}

/* --- begin and end --- */

/* The arrays by target and by seat. */
static int arrays_make(struct sl_pool *pool, struct sl_arena *arena)
{
    uint32_t n = pool->n, n_words = SL_POOL_WORDS(n);
    pool->states = SL_ARENA_ARRAY(arena, struct sl_target_state, n);
    pool->seats = SL_ARENA_ARRAY(arena, uint32_t, n);
    pool->targets = SL_ARENA_ARRAY(arena, uint32_t, n);
    pool->tier_of = SL_ARENA_ARRAY(arena, uint32_t, n);
    pool->tiers = SL_ARENA_ARRAY(arena, struct sl_pool_tier, n);
    pool->ready = SL_ARENA_ARRAY(arena, atomic_uint_fast64_t, n_words);
    pool->doubtful = SL_ARENA_ARRAY(arena, atomic_uint_fast64_t, n_words);
    pool->in_flight = SL_ARENA_ARRAY(arena, atomic_uint, n);
    pool->weighs = SL_ARENA_ARRAY(arena, uint64_t, n_words);
    pool->lighter = SL_ARENA_ARRAY(arena, uint32_t, n);
    pool->price = SL_ARENA_ARRAY(arena, atomic_uint_fast64_t, n);
    pool->step = SL_ARENA_ARRAY(arena, uint64_t, n);
    pool->gain = SL_ARENA_ARRAY(arena, int32_t, n);
    pool->credit = SL_ARENA_ARRAY(arena, int32_t, n);
    bool has_all = pool->states && pool->seats && pool->targets && pool->tier_of && pool->tiers && pool->ready &&
                   pool->doubtful && pool->in_flight && pool->weighs && pool->lighter && pool->price && pool->step &&
                   pool->gain && pool->credit;
    for (unsigned k = 0; has_all && k < 2; k++) {
        atomic_uint_fast64_t *room = SL_ARENA_ARRAY(arena, atomic_uint_fast64_t, (size_t)n * 3);
        pool->times[k] = (struct sl_pool_times){ room, room ? room + n : NULL, room ? room + 2 * (size_t)n : NULL };
        for (size_t i = 0; room && i < (size_t)n * 3; i++) {
            atomic_init(&room[i], 0);
        }
        has_all = room != NULL;
    }
    for (uint32_t word = 0; has_all && word < n_words; word++) {
        atomic_init(&pool->ready[word], 0);
        atomic_init(&pool->doubtful[word], 0);
    }
    return has_all ? 0 : SL_E_NOMEM;
}

/* A call at a target of weight 1 adds this to its load. So loads are compared without a division, and millions of calls
 * fit. */
#define STEP_OF_WEIGHT_1 (1ULL << 32)

static void seat_fill(struct sl_pool *pool, uint32_t seat)
{
    uint32_t target = pool->targets[seat];
    const struct sl_target_rule *rule = &pool->rules[target];
    struct sl_target_state *state = &pool->states[target];
    bool is_first = seat == 0 || pool->rules[pool->targets[seat - 1]].tier != rule->tier;
    if (is_first) {
        pool->tiers[pool->n_tiers++] = (struct sl_pool_tier){ .from = seat, .to = seat };
    }
    struct sl_pool_tier *tier = &pool->tiers[pool->n_tiers - 1];
    tier->to++;
    pool->lighter[seat] = tier->weights;
    tier->weights += rule->weight;
    pool->tier_of[seat] = pool->n_tiers - 1;
    pool->seats[target] = seat;
    atomic_init(&state->breaker.state, SL_BREAKER_CLOSED);
    atomic_init(&state->breaker.open_until_usec, 0);
    atomic_init(&state->rest_until_usec, 0);
    atomic_init(&state->is_down, false);
    atomic_init(&state->check_usec, 0);
    atomic_init(&pool->in_flight[seat], 0);
    atomic_init(&pool->price[seat], UINT64_MAX);
    pool->weighs[seat / 64] |= (uint64_t)(rule->weight > 0) << seat % 64;
    pool->step[seat] = rule->weight ? STEP_OF_WEIGHT_1 / rule->weight : 0;
    ready_look(pool, target, 0);
}

int sl_pool_init(struct sl_pool *pool, enum sl_balance balance, const struct sl_breaker_rule *breaker,
                 const struct sl_target_rule *rules, uint32_t n, struct sl_arena *arena)
{
    SL_ASSERT(n <= SL_POOL_MAX);
    *pool = (struct sl_pool){ .balance = balance, .n = n, .rules = rules, .breaker = *breaker };
    if (arrays_make(pool, arena) < 0 || pthread_mutex_init(&pool->lock, NULL) != 0) {
        pool->states = NULL; /* sl_pool_done has nothing to free */
        return SL_E_NOMEM;
    }
    atomic_init(&pool->wake_usec, UINT64_MAX);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t at = i; /* insertion sort: there are nearly always few targets */
        for (; at > 0 && is_behind(&rules[pool->targets[at - 1]], &rules[i]); at--) {
            pool->targets[at] = pool->targets[at - 1];
        }
        pool->targets[at] = i;
    }
    for (uint32_t seat = 0; seat < n; seat++) {
        seat_fill(pool, seat);
    }
    return 0;
}

void sl_pool_done(struct sl_pool *pool)
{
    if (pool->states) {
        pthread_mutex_destroy(&pool->lock);
    }
}

void sl_pool_price(struct sl_pool *pool, uint32_t target, uint64_t price)
{
    atomic_store_explicit(&pool->price[pool->seats[target]], price, memory_order_relaxed);
}

const char *sl_breaker_word(enum sl_breaker_state state)
{
    static const char *const words[] = { "closed", "half-open", "open" };
    return words[state];
}

void sl_pool_look(const struct sl_pool *pool, uint32_t target, uint64_t now_usec, struct sl_target_look *ret)
{
    const struct sl_target_state *state = &pool->states[target];
    uint64_t until = until_told(state, now_usec);
    uint32_t seat = pool->seats[target];
    bool is_down = atomic_load_explicit(&state->is_down, memory_order_relaxed);
    unsigned breaker = atomic_load_explicit(&state->breaker.state, memory_order_relaxed);
    *ret = (struct sl_target_look){
        .state = is_down ? SL_BREAKER_OPEN : (enum sl_breaker_state)breaker,
        .is_down = is_down,
        .in_flight = atomic_load_explicit(&pool->in_flight[seat], memory_order_relaxed),
        .waits_usec = until > now_usec ? until - now_usec : 0,
        .took_usec = { atomic_load_explicit(&pool->times[0].took_usec[seat], memory_order_relaxed),
                       atomic_load_explicit(&pool->times[1].took_usec[seat], memory_order_relaxed) },
    };
}

bool sl_pool_is_full(const struct sl_pool *pool, const uint64_t *passed, uint64_t now_usec)
{
    for (uint32_t i = 0; i < pool->n; i++) {
        const struct sl_target_state *state = &pool->states[i];
        uint32_t max = pool->rules[i].max_concurrent;
        if (max && !(passed[i / 64] >> i % 64 & 1) && atomic_load(&pool->in_flight[pool->seats[i]]) >= max &&
            until_of(state) <= now_usec && atomic_load(&state->breaker.state) != SL_BREAKER_HALF) {
            return true;
        }
    }
    return false;
}

uint64_t sl_pool_rested_usec(const struct sl_pool *pool, uint64_t now_usec)
{
    uint64_t first = 0;
    for (uint32_t i = 0; i < pool->n; i++) {
        uint64_t until = until_told(&pool->states[i], now_usec);
        if (until > now_usec && (!first || until < first)) {
            first = until;
        }
    }
    return first;
}

/* --- begin and end of attempts --- */

/* True: the breaker is open, its time is over, and this call probes the target. Of several callers one gets true. */
static bool probe_take(struct sl_pool *pool, uint32_t target, uint64_t now_usec)
{
    struct sl_breaker *breaker = &pool->states[target].breaker;
    pthread_mutex_lock(&pool->lock);
    bool is_taken = atomic_load(&breaker->state) == SL_BREAKER_OPEN &&
                    atomic_load(&breaker->open_until_usec) <= now_usec;
    if (is_taken) {
        atomic_store(&breaker->state, SL_BREAKER_HALF);
        ready_look(pool, target, now_usec);
    }
    pthread_mutex_unlock(&pool->lock);
    return is_taken;
}

/* Gives the place at the target back. */
static void place_leave(struct sl_pool *pool, uint32_t target, uint64_t now_usec)
{
    uint32_t before = atomic_fetch_sub(&pool->in_flight[pool->seats[target]], 1);
    if (before == pool->rules[target].max_concurrent) {
        ready_change(pool, target, now_usec);
    }
}

enum sl_begun sl_pool_begin(struct sl_pool *pool, uint32_t target, uint64_t now_usec)
{
    uint32_t max = pool->rules[target].max_concurrent;
    const struct sl_breaker *breaker = &pool->states[target].breaker;
    uint32_t before = atomic_fetch_add(&pool->in_flight[pool->seats[target]], 1);
    if (max && before >= max) {
        place_leave(pool, target, now_usec);
        return SL_BEGUN_NOT;
    }
    if (max && before + 1 == max) {
        ready_change(pool, target, now_usec);
    }
    if (atomic_load_explicit(&breaker->state, memory_order_relaxed) == SL_BREAKER_CLOSED) {
        return SL_BEGUN;
    }
    if (probe_take(pool, target, now_usec)) {
        return SL_BEGUN_PROBE;
    }
    place_leave(pool, target, now_usec);
    return SL_BEGUN_NOT;
}

static void breaker_close(struct sl_breaker *breaker)
{
    breaker->half_usec = 0;
    breaker->n_good[0] = breaker->n_good[1] = 0;
    breaker->n_bad[0] = breaker->n_bad[1] = 0;
    atomic_store_explicit(&breaker->state, SL_BREAKER_CLOSED, memory_order_relaxed);
}

static void breaker_open(struct sl_breaker *breaker, uint64_t until_usec)
{
    atomic_store_explicit(&breaker->open_until_usec, until_usec, memory_order_relaxed);
    atomic_store_explicit(&breaker->state, SL_BREAKER_OPEN, memory_order_relaxed);
}

/* Forgets counts older than the window, half a window at a time. */
static void window_move(struct sl_breaker *breaker, uint64_t now_usec, uint64_t half)
{
    uint64_t passed = now_usec - SL_MIN(breaker->half_usec, now_usec);
    if (passed < half) {
        return;
    }
    bool is_next = passed < 2 * half;
    breaker->n_good[1] = is_next ? breaker->n_good[0] : 0;
    breaker->n_bad[1] = is_next ? breaker->n_bad[0] : 0;
    breaker->n_good[0] = 0;
    breaker->n_bad[0] = 0;
    breaker->half_usec = is_next ? breaker->half_usec + half : now_usec;
}

SL_INLINE uint64_t half_window(const struct sl_breaker_rule *rule)
{
    return SL_MAX(rule->window_usec / 2, (uint64_t)1);
}

/* Counts one outcome. True: the breaker opened. */
static bool breaker_count(const struct sl_breaker_rule *rule, struct sl_breaker *breaker, enum sl_outcome outcome,
                          uint64_t now_usec)
{
    window_move(breaker, now_usec, half_window(rule));
    if (outcome == SL_OUTCOME_BAD) {
        breaker->n_bad[0]++;
    } else {
        breaker->n_good[0]++;
    }
    uint64_t n_bad = (uint64_t)breaker->n_bad[0] + breaker->n_bad[1];
    uint64_t n = n_bad + breaker->n_good[0] + breaker->n_good[1];
    bool opens = outcome == SL_OUTCOME_BAD && n_bad >= rule->errors && n_bad * 100 >= n * rule->ratio;
    if (opens) {
        breaker_open(breaker, now_usec + rule->open_usec);
    }
    return opens;
}

/* Counts a good outcome without the lock: nearly all are. False: the lock is needed, because the window moves, or the
 * breaker is not closed. */
static bool good_count(const struct sl_breaker_rule *rule, struct sl_breaker *breaker, uint64_t now_usec)
{
    uint64_t since = atomic_load_explicit(&breaker->half_usec, memory_order_relaxed);
    bool is_within = now_usec - SL_MIN(since, now_usec) < half_window(rule);
    if (!is_within || atomic_load_explicit(&breaker->state, memory_order_relaxed) != SL_BREAKER_CLOSED) {
        return false;
    }
    atomic_fetch_add_explicit(&breaker->n_good[0], 1, memory_order_relaxed);
    return true;
}

bool sl_pool_end(struct sl_pool *pool, uint32_t target, enum sl_begun begun, enum sl_outcome outcome, uint64_t now_usec)
{
    struct sl_breaker *breaker = &pool->states[target].breaker;
    place_leave(pool, target, now_usec);
    if (!pool->breaker.errors || (begun == SL_BEGUN && outcome == SL_OUTCOME_NEUTRAL)) {
        return false;
    }
    if (begun == SL_BEGUN && outcome == SL_OUTCOME_GOOD && good_count(&pool->breaker, breaker, now_usec)) {
        return false;
    }
    bool is_turn = false;
    pthread_mutex_lock(&pool->lock);
    unsigned state = atomic_load_explicit(&breaker->state, memory_order_relaxed);
    if (begun == SL_BEGUN_PROBE && state == SL_BREAKER_HALF) {
        if (outcome == SL_OUTCOME_GOOD) {
            breaker_close(breaker);
            is_turn = true;
        } else { /* a neutral outcome: the next call may probe at once */
            breaker_open(breaker, outcome == SL_OUTCOME_BAD ? now_usec + pool->breaker.open_usec : now_usec);
        }
        ready_look(pool, target, now_usec);
    } else if (begun == SL_BEGUN && state == SL_BREAKER_CLOSED) {
        is_turn = breaker_count(&pool->breaker, breaker, outcome, now_usec);
        if (is_turn) {
            ready_look(pool, target, now_usec);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return is_turn;
}

void sl_pool_reset(struct sl_pool *pool, uint32_t target)
{
    pthread_mutex_lock(&pool->lock);
    breaker_close(&pool->states[target].breaker);
    atomic_store_explicit(&pool->states[target].rest_until_usec, 0, memory_order_relaxed);
    atomic_store_explicit(&pool->states[target].is_down, false, memory_order_relaxed);
    pool->states[target].n_failed = 0;
    ready_look(pool, target, 0);
    pthread_mutex_unlock(&pool->lock);
}

/* This one's own rule bounds how long it believes that. */
void sl_pool_told(struct sl_pool *pool, uint32_t target, uint64_t open_usec, uint64_t now_usec)
{
    struct sl_breaker *breaker = &pool->states[target].breaker;
    if (!pool->breaker.errors) {
        return;
    }
    pthread_mutex_lock(&pool->lock);
    if (!open_usec) {
        breaker_close(breaker);
    } else if (atomic_load(&breaker->state) == SL_BREAKER_CLOSED) {
        breaker_open(breaker, now_usec + SL_MIN(open_usec, pool->breaker.open_usec));
    }
    ready_look(pool, target, now_usec);
    pthread_mutex_unlock(&pool->lock);
}

/* --- health --- */

/* The wait, give or take an eighth. */
static uint64_t drifted(uint64_t wait_usec, uint64_t random)
{
    return wait_usec - wait_usec / 8 + random % (wait_usec / 4 + 1);
}

uint64_t sl_pool_check_due(struct sl_pool *pool, uint32_t target, uint64_t random, uint64_t now_usec)
{
    atomic_uint_fast64_t *due = &pool->states[target].check_usec;
    uint64_t every = pool->health.every_usec;
    if (!atomic_load(due)) {
        atomic_store(due, now_usec + random % SL_MIN(every, (uint64_t)SL_HEALTH_FIRST_USEC));
    } else if (atomic_load(due) > now_usec + every + every / 8) { /* `every` was longer before */
        atomic_store(due, now_usec + drifted(every, random));
    }
    return atomic_load(due);
}

void sl_pool_unchecked(struct sl_pool *pool, uint32_t target, uint64_t random, uint64_t now_usec)
{
    uint64_t wait = SL_MIN(pool->health.every_usec, (uint64_t)SL_HEALTH_AGAIN_USEC);
    atomic_store(&pool->states[target].check_usec, now_usec + drifted(wait, random));
}

bool sl_pool_checked(struct sl_pool *pool, uint32_t target, bool is_well, uint64_t random, uint64_t now_usec)
{
    struct sl_target_state *state = &pool->states[target];
    uint64_t wait = pool->health.every_usec;
    pthread_mutex_lock(&pool->lock);
    bool was_down = atomic_load(&state->is_down);
    state->n_failed = is_well ? 0 : SL_MIN(state->n_failed + 1, (uint32_t)SL_HEALTH_FALL);
    bool is_down = !is_well && (was_down || state->n_failed == SL_HEALTH_FALL);
    if (!is_well && !is_down) {
        wait = SL_MIN(wait, (uint64_t)SL_HEALTH_AGAIN_USEC);
    }
    atomic_store(&state->check_usec, now_usec + drifted(wait, random));
    if (is_down != was_down) {
        atomic_store(&state->is_down, is_down);
        ready_look(pool, target, now_usec);
    }
    pthread_mutex_unlock(&pool->lock);
    return is_down != was_down;
}

/* --- to the next pool --- */

static void time_adopt(atomic_uint_fast64_t *to, const atomic_uint_fast64_t *from)
{
    atomic_store_explicit(to, atomic_load_explicit(from, memory_order_relaxed), memory_order_relaxed);
}

/* When a call of the old pool is probing the target, it reports to that pool; so in this pool the next call may
 * probe. */
void sl_pool_adopt(struct sl_pool *pool, uint32_t target, struct sl_pool *from, uint32_t from_target)
{
    struct sl_target_state *state = &pool->states[target], *before = &from->states[from_target];
    uint32_t seat = pool->seats[target], from_seat = from->seats[from_target];
    pthread_mutex_lock(&from->lock);
    if (pool->breaker.errors) {
        unsigned is = atomic_load_explicit(&before->breaker.state, memory_order_relaxed);
        for (unsigned i = 0; i < 2; i++) {
            state->breaker.n_good[i] = before->breaker.n_good[i];
        }
        memcpy(state->breaker.n_bad, before->breaker.n_bad, sizeof(state->breaker.n_bad));
        time_adopt(&state->breaker.half_usec, &before->breaker.half_usec);
        atomic_store(&state->breaker.state, is == SL_BREAKER_HALF ? SL_BREAKER_OPEN : is);
        time_adopt(&state->breaker.open_until_usec, &before->breaker.open_until_usec);
    }
    if (pool->health.every_usec && from->health.every_usec) { /* else no check would bring it back */
        atomic_store(&state->is_down, atomic_load(&before->is_down));
        state->n_failed = before->n_failed;
        time_adopt(&state->check_usec, &before->check_usec);
    }
    time_adopt(&state->rest_until_usec, &before->rest_until_usec);
    pthread_mutex_unlock(&from->lock);
    for (unsigned k = 0; k < 2; k++) {
        time_adopt(&pool->times[k].took_usec[seat], &from->times[k].took_usec[from_seat]);
        time_adopt(&pool->times[k].measured_usec[seat], &from->times[k].measured_usec[from_seat]);
        time_adopt(&pool->times[k].due_usec[seat], &from->times[k].due_usec[from_seat]);
    }
    pthread_mutex_lock(&pool->lock);
    ready_look(pool, target, 0);
    pthread_mutex_unlock(&pool->lock);
}

void sl_pool_measure(struct sl_pool *pool, uint32_t target, bool is_stream, uint64_t took_usec, uint64_t now_usec)
{
    const struct sl_pool_times *times = &pool->times[is_stream];
    uint32_t seat = pool->seats[target];
    uint64_t before = atomic_load_explicit(&times->took_usec[seat], memory_order_relaxed);
    uint64_t last = atomic_load_explicit(&times->measured_usec[seat], memory_order_relaxed);
    bool is_old = now_usec > last && now_usec - last >= SL_STALE_USEC;
    uint64_t after = !before || is_old ? took_usec : before - before / 4 + took_usec / 4;
    /* When two calls write at the same moment, only one of them counts. */
    atomic_store_explicit(&times->took_usec[seat], SL_MAX(after, (uint64_t)1), memory_order_relaxed);
    atomic_store_explicit(&times->measured_usec[seat], now_usec, memory_order_relaxed);
    atomic_store_explicit(&times->due_usec[seat], now_usec + SL_STALE_USEC, memory_order_relaxed);
}

void sl_pool_rest(struct sl_pool *pool, uint32_t target, uint64_t wait_usec, uint64_t now_usec)
{
    atomic_uint_fast64_t *until = &pool->states[target].rest_until_usec;
    uint64_t after = now_usec + SL_MIN(wait_usec, (uint64_t)SL_REST_MAX_USEC);
    pthread_mutex_lock(&pool->lock);
    if (after > atomic_load(until)) {
        atomic_store(until, after);
        ready_look(pool, target, now_usec);
    }
    pthread_mutex_unlock(&pool->lock);
}
