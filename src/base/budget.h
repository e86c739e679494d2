/* SPDX-License-Identifier: Apache-2.0 */
/* A number of bytes that many share: together they may not take more. A part of it may have a bound of its own. Any
 * thread; no order of memory is implied. */
#ifndef SL_BASE_BUDGET_H
#define SL_BASE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/attr.h"

struct sl_budget {
    atomic_size_t used;
    atomic_size_t max;    /* may change any time; what is taken stays taken */
    struct sl_budget *of; /* it is a part of that one, where all of it counts, too; NULL: of none */
};

/* Of this one alone: what it is about is counted in the whole already. */
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

/* NULL: everything is allowed and nothing counted. */
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

/* Takes without asking: for bytes that are there already. */
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

/* Is more than so many of a hundred parts taken? */
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
