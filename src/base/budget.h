/* SPDX-License-Identifier: Apache-2.0 */
/* A bound for the bytes that many users hold together. A part of it may have a bound of its own. Any thread; no memory
 * order is implied. */
#ifndef SL_BASE_BUDGET_H
#define SL_BASE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/attr.h"

struct sl_budget {
    atomic_size_t used;
    atomic_size_t max;    /* may change at any time; bytes that were taken stay taken */
    struct sl_budget *of; /* the budget that this one is a part of, which counts all its bytes, too; NULL: none */
};

/* Takes from this budget only, for bytes that the whole counts already. */
SL_MUST SL_INLINE bool sl_budget_take_own(struct sl_budget *budget, size_t n)
{
    size_t before = atomic_fetch_add_explicit(&budget->used, n, memory_order_relaxed);
    size_t max = atomic_load_explicit(&budget->max, memory_order_relaxed);
    if (n <= max && before <= max - n) {
        return true;
    }
    atomic_fetch_sub_explicit(&budget->used, n, memory_order_relaxed);
    return false;
}

SL_INLINE void sl_budget_give_own(struct sl_budget *budget, size_t n)
{
    atomic_fetch_sub_explicit(&budget->used, n, memory_order_relaxed);
}

/* `budget` NULL: everything is allowed, and nothing is counted. */
SL_MUST SL_INLINE bool sl_budget_take(struct sl_budget *budget, size_t n)
{
    if (!budget) {
        return true;
    }
    if (!sl_budget_take_own(budget, n)) {
        return false;
    }
    if (SL_UNLIKELY(budget->of) && !sl_budget_take_own(budget->of, n)) {
        sl_budget_give_own(budget, n);
        return false;
    }
    return true;
}

/* Takes in any case: for bytes that are held already. */
SL_INLINE void sl_budget_force(struct sl_budget *budget, size_t n)
{
    for (; budget; budget = budget->of) {
        atomic_fetch_add_explicit(&budget->used, n, memory_order_relaxed);
    }
}

/* True: more is taken than allowed, by force or because `max` was reduced. */
SL_INLINE bool sl_budget_is_over(struct sl_budget *budget)
{
    return atomic_load_explicit(&budget->used, memory_order_relaxed) >
           atomic_load_explicit(&budget->max, memory_order_relaxed);
}

/* True: more than this percentage is taken. */
SL_INLINE bool sl_budget_is_past(struct sl_budget *budget, unsigned percent)
{
    return atomic_load_explicit(&budget->used, memory_order_relaxed) >
           atomic_load_explicit(&budget->max, memory_order_relaxed) / 100 * percent;
}

SL_INLINE void sl_budget_give(struct sl_budget *budget, size_t n)
{
    for (; budget; budget = budget->of) {
        sl_budget_give_own(budget, n);
    }
}

#endif
