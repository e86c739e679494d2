/* SPDX-License-Identifier: Apache-2.0 */
/* A number of bytes that several users share: together they may not take more. Any thread; it implies no memory
 * order. */
#ifndef SL_BASE_BUDGET_H
#define SL_BASE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/attr.h"

struct sl_budget {
    atomic_size_t used;
    atomic_size_t max; /* may change at any time; bytes that are taken stay taken */
};

/* With NULL everything is allowed and nothing is counted. */
SL_MUST SL_INLINE bool sl_budget_take(struct sl_budget *budget, size_t n)
{
    if (!budget) {
        return true;
    }
    size_t before = atomic_fetch_add_explicit(&budget->used, n, memory_order_relaxed);
    size_t max = atomic_load_explicit(&budget->max, memory_order_relaxed);
    if (n <= max && before <= max - n) {
        return true;
    }
    atomic_fetch_sub_explicit(&budget->used, n, memory_order_relaxed);
    return false;
}

/* Takes without asking: for bytes that exist already. */
SL_INLINE void sl_budget_force(struct sl_budget *budget, size_t n)
{
    if (budget) {
        atomic_fetch_add_explicit(&budget->used, n, memory_order_relaxed);
    }
}

/* True: more is taken than allowed, by force or because `max` was reduced. */
SL_INLINE bool sl_budget_is_over(struct sl_budget *budget)
{
    return atomic_load_explicit(&budget->used, memory_order_relaxed) >
           atomic_load_explicit(&budget->max, memory_order_relaxed);
}

SL_INLINE void sl_budget_give(struct sl_budget *budget, size_t n)
{
    if (budget) {
        atomic_fetch_sub_explicit(&budget->used, n, memory_order_relaxed);
    }
}

#endif
