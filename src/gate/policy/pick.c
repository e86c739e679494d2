/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/pick.h"

#include "base/num.h"

/* Seats that this call does not ask (again). */
struct skip {
    bool is_none;
    uint64_t bits[SL_POOL_WORDS(SL_POOL_MAX)];
};

/* The seats that are `ready` and not skipped, of the 64 seats of `word`. */
SL_INLINE uint64_t ready_word(const struct sl_pool *pool, const struct skip *skip, uint32_t word)
{
    return atomic_load_explicit(&pool->ready[word], memory_order_relaxed) & ~skip->bits[word];
}

/* --- seats with a weight --- */

struct walk {
    const struct sl_pool *pool;
    const struct skip *skip;
    uint32_t word, to;
    uint64_t left; /* bits of this word that are not visited yet */
};

SL_INLINE uint64_t walk_word(const struct sl_pool *pool, const struct skip *skip, uint32_t word)
{
    return ready_word(pool, skip, word) & pool->weighs[word];
}

SL_INLINE struct walk walk_from(const struct sl_pool *pool, const struct skip *skip, uint32_t from, uint32_t to)
{
    struct walk walk = { pool, skip, from / 64, to, 0 };
    walk.left = from < to ? walk_word(pool, skip, walk.word) & ~0ULL << from % 64 : 0;
    return walk;
}

SL_INLINE uint32_t walk_next(struct walk *walk)
{
    while (!walk->left) {
        if (++walk->word * 64 >= walk->to) {
            return SL_NO_TARGET;
        }
        walk->left = walk_word(walk->pool, walk->skip, walk->word);
    }
    uint32_t seat = walk->word * 64 + SL_LOWEST_BIT64(walk->left);
    walk->left &= walk->left - 1;
    return seat < walk->to ? seat : SL_NO_TARGET;
}

/* --- weighted --- */

/* Sets the gain of skipped seats to 0 for this round. Returns the sum of the gains that remain in the tier. */
static int32_t gains_skip(struct sl_pool *pool, const struct skip *skip, const struct sl_pool_tier *tier)
{
    int32_t gains = tier->gains;
    for (uint32_t seat = tier->from; !skip->is_none && seat < tier->to; seat++) {
        if (!skip->bits[seat / 64]) {
            seat |= 63;
        } else if (skip->bits[seat / 64] >> seat % 64 & 1) {
            gains -= pool->gain[seat];
            pool->gain[seat] = 0;
        }
    }
    return gains;
}

static void gains_restore(struct sl_pool *pool, const struct skip *skip, const struct sl_pool_tier *tier)
{
    for (uint32_t seat = tier->from; !skip->is_none && seat < tier->to; seat++) {
        uint64_t bits = skip->bits[seat / 64];
        if (!bits) {
            seat |= 63;
        } else if ((bits & pool->ready[seat / 64]) >> seat % 64 & 1) {
            pool->gain[seat] = (int32_t)pool->rules[pool->targets[seat]].weight;
        }
    }
}

/* Each seat gains its weight. Returns the largest credit. A credit is at most the sum of all gains, up or down: so when
 * most targets of a large tier go away, the rest need not wait long. There are no branches, so that the compiler can
 * handle four seats at a time. */
static int32_t credits_grow(int32_t *restrict credit, const int32_t *restrict gain, uint32_t n, int32_t bound)
{
    int32_t most = INT32_MIN;
    for (uint32_t i = 0; i < n; i++) {
        int32_t gains = -(gain[i] > 0); /* all bits set, or none */
        int32_t now = SL_MIN(SL_MAX(credit[i], -bound), bound) + gain[i];
        int32_t has = (now & gains) | (INT32_MIN & ~gains);
        credit[i] = (now & gains) | (credit[i] & ~gains);
        most = SL_MAX(has, most);
    }
    return most;
}

/* Each seat gains its weight; the one with the largest credit is picked and pays the sum of all gains. Over time each
 * gets its share, and no target gets all of its calls in a row. Seats that cannot be picked gain nothing, so that they
 * do not come back with a large credit. */
static uint32_t pick_weighted(struct sl_pool *pool, const struct skip *skip, const struct sl_pool_tier *tier)
{
    uint32_t seat = SL_NO_TARGET;
    pthread_mutex_lock(&pool->lock);
    int32_t gains = gains_skip(pool, skip, tier);
    if (gains > 0) {
        int32_t most = credits_grow(&pool->credit[tier->from], &pool->gain[tier->from], tier->to - tier->from,
                                    tier->gains);
        for (seat = tier->from; pool->credit[seat] != most || !pool->gain[seat]; seat++) {
        }
        pool->credit[seat] -= gains;
    }
    gains_restore(pool, skip, tier);
    pthread_mutex_unlock(&pool->lock);
    return seat;
}

/* --- the seat with the least --- */

/* A number and its seat in one integer, which is compared at once. A number that is too large for it counts as larger
 * than all others. */
#define NONE UINT64_MAX

SL_INLINE uint64_t mark_of(uint64_t number, uint32_t seat)
{
    return number * SL_POOL_MAX | seat % SL_POOL_MAX;
}

SL_INLINE uint32_t seat_of(uint64_t mark)
{
    return mark % SL_POOL_MAX;
}

/* --- least_busy --- */

/* Draws a seat of the tier at random, by the weights. */
static uint32_t seat_drawn(const struct sl_pool *pool, const struct sl_pool_tier *tier, uint64_t random)
{
    uint32_t weight = (uint32_t)((random >> 32) * tier->weights >> 32), from = tier->from, to = tier->to;
    while (to - from > 1) {
        uint32_t middle = from + (to - from) / 2;
        bool is_behind = pool->lighter[middle] <= weight;
        from = is_behind ? middle : from;
        to = is_behind ? to : middle;
    }
    return from;
}

/* A target's load, for comparison: the seat behind `start` that is next decides between equal ones. */
SL_INLINE uint64_t load_of(const struct sl_pool *pool, uint32_t seat, uint32_t start)
{
    uint64_t running = atomic_load_explicit(&pool->in_flight[seat], memory_order_relaxed);
    return mark_of(running ? (running + 1) * pool->step[seat] : 0, seat - start);
}

/* Targets without a running call are equal, whatever their weight, and one of them is drawn by the weights. Otherwise,
 * with few calls, the heaviest target would get them all. */
static uint32_t pick_least_busy(const struct sl_pool *pool, const struct sl_ask *ask, const struct skip *skip,
                                const struct sl_pool_tier *tier)
{
    uint32_t start = seat_drawn(pool, tier, ask->random);
    struct walk walk = walk_from(pool, skip, tier->from, tier->to);
    uint64_t least = NONE;
    for (uint32_t seat; (seat = walk_next(&walk)) != SL_NO_TARGET;) {
        uint64_t load = load_of(pool, seat, start);
        least = SL_MIN(load, least);
    }
    return least == NONE ? SL_NO_TARGET : (seat_of(least) + start) % SL_POOL_MAX;
}

/* --- fastest --- */

/* A target without a measured time gets at most one call in this time. */
#define PROBE_USEC SL_USEC_PER_SEC

/* True: this call measures the target. When several calls ask at once, one of them gets true. */
static bool takes_turn(const struct sl_pool_times *times, uint32_t seat, uint64_t now_usec)
{
    uint64_t due = atomic_load_explicit(&times->due_usec[seat], memory_order_relaxed);
    bool is_known = atomic_load_explicit(&times->took_usec[seat], memory_order_relaxed) != 0;
    return due <= now_usec && atomic_compare_exchange_strong_explicit(
                                  &times->due_usec[seat], &due, now_usec + (is_known ? SL_STALE_USEC : PROBE_USEC),
                                  memory_order_relaxed, memory_order_relaxed);
}

static uint32_t pick_fastest(const struct sl_pool *pool, const struct sl_ask *ask, const struct skip *skip,
                             const struct sl_pool_tier *tier)
{
    const struct sl_pool_times *times = &pool->times[ask->is_stream];
    struct walk walk = walk_from(pool, skip, tier->from, tier->to);
    uint64_t fastest = NONE, longest_due = NONE;
    for (uint32_t seat; (seat = walk_next(&walk)) != SL_NO_TARGET;) {
        uint64_t due = mark_of(atomic_load_explicit(&times->due_usec[seat], memory_order_relaxed), seat);
        uint64_t usec = atomic_load_explicit(&times->took_usec[seat], memory_order_relaxed);
        uint64_t fast = mark_of(usec - 1, seat); /* an unknown time (0) becomes the largest number */
        longest_due = SL_MIN(due, longest_due);
        fastest = SL_MIN(fast, fastest);
    }
    if (longest_due != NONE && takes_turn(times, seat_of(longest_due), ask->now_usec)) {
        return seat_of(longest_due);
    }
    return fastest < mark_of(UINT64_MAX, 0) ? seat_of(fastest) : pick_least_busy(pool, ask, skip, tier);
}

/* --- cheapest --- */

static uint32_t pick_cheapest(const struct sl_pool *pool, const struct sl_ask *ask, const struct skip *skip,
                              const struct sl_pool_tier *tier)
{
    uint32_t start = seat_drawn(pool, tier, ask->random);
    struct walk walk = walk_from(pool, skip, tier->from, tier->to);
    uint64_t lowest = UINT64_MAX, least = NONE;
    for (uint32_t seat; (seat = walk_next(&walk)) != SL_NO_TARGET;) {
        uint64_t price = atomic_load_explicit(&pool->price[seat], memory_order_relaxed);
        uint64_t load = price <= lowest ? load_of(pool, seat, start) : NONE;
        if (price < lowest || load < least) {
            lowest = price;
            least = load;
        }
    }
    return least == NONE ? SL_NO_TARGET : (seat_of(least) + start) % SL_POOL_MAX;
}

/* --- ordered --- */

static uint32_t pick_ordered(const struct sl_pool *pool, const struct skip *skip, const struct sl_pool_tier *tier)
{
    struct walk walk = walk_from(pool, skip, tier->from, tier->to);
    return walk_next(&walk);
}

/* The seat of the next target, among those of the tier that have a weight; SL_NO_TARGET: none. */
static uint32_t pick_in(struct sl_pool *pool, const struct sl_ask *ask, const struct skip *skip,
                        const struct sl_pool_tier *tier)
{
    switch (pool->balance) {
    case SL_BALANCE_WEIGHTED:
        return pick_weighted(pool, skip, tier);
    case SL_BALANCE_LEAST_BUSY:
        return pick_least_busy(pool, ask, skip, tier);
    case SL_BALANCE_FASTEST:
        return pick_fastest(pool, ask, skip, tier);
    case SL_BALANCE_ORDERED:
        return pick_ordered(pool, skip, tier);
    case SL_BALANCE_CHEAPEST:
        return pick_cheapest(pool, ask, skip, tier);
    }
    return SL_NO_TARGET;
}

/* --- tiers --- */

void sl_ask_pass(uint64_t *passed, uint32_t target)
{
    passed[target / 64] |= 1ULL << (target % 64);
}

void sl_ask_only(uint64_t *passed, uint32_t n, uint32_t target)
{
    for (uint32_t i = 0; i < n; i++) {
        passed[i / 64] |= (uint64_t)(i != target) << i % 64;
    }
}

bool sl_pool_can(struct sl_pool *pool, const struct sl_ask *ask, uint32_t target)
{
    uint32_t seat = pool->seats[target];
    sl_pool_wake(pool, ask->now_usec);
    return !(ask->passed[target / 64] >> target % 64 & 1) &&
           (atomic_load_explicit(&pool->ready[seat / 64], memory_order_relaxed) >> seat % 64 & 1);
}

/* The targets that the call has passed, as bits by seat. */
static void skip_make(const struct sl_pool *pool, const struct sl_ask *ask, struct skip *ret)
{
    uint32_t n_words = SL_POOL_WORDS(pool->n);
    ret->is_none = true;
    for (uint32_t word = 0; word < n_words; word++) {
        ret->bits[word] = 0;
        ret->is_none = ret->is_none && !ask->passed[word];
    }
    for (uint32_t word = 0; !ret->is_none && word < n_words; word++) {
        for (uint64_t left = ask->passed[word]; left; left &= left - 1) {
            uint32_t seat = pool->seats[word * 64 + SL_LOWEST_BIT64(left)];
            ret->bits[seat / 64] |= 1ULL << seat % 64;
        }
    }
}

static uint32_t pick_of_all(struct sl_pool *pool, const struct sl_ask *ask, const struct skip *skip)
{
    for (uint32_t word = 0; word < SL_POOL_WORDS(pool->n); word++) {
        uint64_t ready = ready_word(pool, skip, word);
        if (ready) { /* in the lowest tier that has a ready target */
            uint32_t first = word * 64 + SL_LOWEST_BIT64(ready);
            uint32_t seat = pick_in(pool, ask, skip, &pool->tiers[pool->tier_of[first]]);
            return pool->targets[seat != SL_NO_TARGET ? seat : first];
        }
    }
    return SL_NO_TARGET;
}

/* A call tries at most one target in doubt. When many targets failed at the same time and are due for a probe, probing
 * all of them would use up its attempts. */
static uint32_t pick_of_sure(struct sl_pool *pool, const struct sl_ask *ask, const struct skip *skip)
{
    struct skip more = *skip;
    for (uint32_t word = 0; word < SL_POOL_WORDS(pool->n); word++) {
        more.bits[word] |= atomic_load_explicit(&pool->doubtful[word], memory_order_relaxed);
        more.is_none = more.is_none && !more.bits[word];
    }
    return pick_of_all(pool, ask, &more);
}

uint32_t sl_pool_pick(struct sl_pool *pool, const struct sl_ask *ask)
{
    struct skip skip;
    skip_make(pool, ask, &skip);
    sl_pool_wake(pool, ask->now_usec);
    uint32_t target = ask->is_again ? pick_of_sure(pool, ask, &skip) : SL_NO_TARGET;
    return target != SL_NO_TARGET ? target : pick_of_all(pool, ask, &skip);
}

uint32_t sl_pool_left(struct sl_pool *pool, const struct sl_ask *ask)
{
    struct skip skip;
    uint32_t n = 0;
    skip_make(pool, ask, &skip);
    sl_pool_wake(pool, ask->now_usec);
    for (uint32_t word = 0; word < SL_POOL_WORDS(pool->n); word++) {
        for (uint64_t left = ready_word(pool, &skip, word); left; left &= left - 1) {
            n++;
        }
    }
    return n;
}
