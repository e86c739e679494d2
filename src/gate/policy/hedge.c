/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/hedge.h"

#include "base/arena.h"

#define COST 100
/* Calls that needed no hedge leave credit for later ones. It is bounded, so that one bad minute does not use up the
 * credit of an hour. */
#define CREDIT_MAX (10 * COST)

/* Times are counted by size class. There are four classes for each power of two, from a millisecond to four minutes. */
#define POWERS  18
#define N_SIZES (POWERS * 4)

/* KNOWN_MIN times are enough for a p95. At KNOWN_MAX all counts are halved, so that old times count less. */
#define KNOWN_MIN 20
#define KNOWN_MAX 1000

struct sl_times {
    uint32_t n, of[N_SIZES];
};

int sl_hedges_init(struct sl_hedges *hedges, const struct sl_hedge_rule *rule, uint32_t n_targets,
                   struct sl_arena *arena)
{
    hedges->rule = *rule;
    atomic_init(&hedges->credit, 0);
    if (rule->at_most && !rule->after_usec) {
        hedges->times = SL_ARENA_ARRAY(arena, struct sl_times, 2 * (size_t)n_targets);
        if (!hedges->times || pthread_mutex_init(&hedges->lock, NULL) != 0) {
            hedges->times = NULL;
            return SL_E_NOMEM;
        }
    }
    return 0;
}

void sl_hedges_done(struct sl_hedges *hedges)
{
    if (hedges->times) {
        pthread_mutex_destroy(&hedges->lock);
    }
}

static void credit_add(struct sl_hedges *hedges, unsigned n)
{
    unsigned before = atomic_load(&hedges->credit), after;
    do {
        after = SL_MIN(before + n, (unsigned)CREDIT_MAX);
    } while (!atomic_compare_exchange_weak(&hedges->credit, &before, after));
}

void sl_hedges_earn(struct sl_hedges *hedges)
{
    credit_add(hedges, hedges->rule.at_most);
}

void sl_hedges_give(struct sl_hedges *hedges)
{
    credit_add(hedges, COST);
}

bool sl_hedges_take(struct sl_hedges *hedges)
{
    unsigned before = atomic_load(&hedges->credit);
    do {
        if (before < COST) {
            return false;
        }
    } while (!atomic_compare_exchange_weak(&hedges->credit, &before, before - COST));
    return true;
}

static unsigned size_of(uint64_t usec)
{
    uint64_t msec = usec / 1000 + 1;
    unsigned power = 0;
    while (power < POWERS && msec >> (power + 1)) {
        power++;
    }
    unsigned quarter = (unsigned)((power >= 2 ? msec >> (power - 2) : msec << (2 - power)) & 3);
    return power < POWERS ? power * 4 + quarter : N_SIZES - 1;
}

/* The upper end of a size class. */
static uint64_t usec_of(unsigned size)
{
    return ((uint64_t)(5 + size % 4) << (size / 4)) * 1000 / 4;
}

static struct sl_times *times_of(const struct sl_hedges *hedges, uint32_t target, bool is_stream)
{
    return &hedges->times[2 * (size_t)target + is_stream];
}

void sl_hedges_adopt(struct sl_hedges *hedges, uint32_t target, struct sl_hedges *from, uint32_t from_target)
{
    if (!hedges->times || !from->times) {
        return;
    }
    pthread_mutex_lock(&from->lock);
    for (unsigned k = 0; k < 2; k++) {
        *times_of(hedges, target, k) = *times_of(from, from_target, k);
    }
    pthread_mutex_unlock(&from->lock);
}

uint64_t sl_hedges_after(struct sl_hedges *hedges, uint32_t target, bool is_stream)
{
    if (hedges->rule.after_usec) {
        return hedges->rule.after_usec;
    }
    unsigned size = 0;
    pthread_mutex_lock(&hedges->lock);
    const struct sl_times *times = times_of(hedges, target, is_stream);
    bool is_known = times->n >= KNOWN_MIN;
    for (uint32_t n = 0; is_known && size < N_SIZES; size++) {
        n += times->of[size];
        if ((uint64_t)n * 100 >= (uint64_t)times->n * 95) {
            break;
        }
    }
    pthread_mutex_unlock(&hedges->lock);
    return is_known ? usec_of(size) : 0;
}

void sl_hedges_measure(struct sl_hedges *hedges, uint32_t target, bool is_stream, uint64_t took_usec)
{
    if (!hedges->times) {
        return;
    }
    pthread_mutex_lock(&hedges->lock);
    struct sl_times *times = times_of(hedges, target, is_stream);
    times->of[size_of(took_usec)]++;
    if (++times->n >= KNOWN_MAX) {
        times->n = 0;
        for (unsigned i = 0; i < N_SIZES; i++) {
            times->of[i] /= 2;
            times->n += times->of[i];
        }
    }
    pthread_mutex_unlock(&hedges->lock);
}
