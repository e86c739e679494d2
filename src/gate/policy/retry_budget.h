/* SPDX-License-Identifier: Apache-2.0 */
/* How many attempts beside the first ones the whole process may make in a second, so that retries do not multiply an
 * outage: a share of the calls of the last second, but always at least a few. Shared by all workers; time is a
 * parameter. */
#ifndef SL_GATE_RETRY_BUDGET_H
#define SL_GATE_RETRY_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct sl_retry_budget_rule {
    uint32_t share; /* percent of the calls */
    uint32_t least; /* in a second, however few calls there are */
};

/* The calls of one worker; only that worker writes it. */
struct sl_call_count {
    SL_ALIGNED(64) atomic_uint_fast64_t n;
};

struct sl_retry_budget;

SL_MUST int sl_retry_budget_new(struct sl_retry_budget **ret);
void sl_retry_budget_free(struct sl_retry_budget *budget); /* NULL is fine */
/* A worker's own count; it lives as long as `budget`. */
struct sl_call_count *sl_retry_budget_join(struct sl_retry_budget *budget);
/* Call this when a call begins. */
SL_INLINE void sl_call_count_add(struct sl_call_count *count)
{
    uint64_t n = atomic_load_explicit(&count->n, memory_order_relaxed);
    atomic_store_explicit(&count->n, n + 1, memory_order_relaxed);
}
/* True: one more attempt may be made; it is counted. */
SL_MUST bool sl_retry_budget_take(struct sl_retry_budget *budget, const struct sl_retry_budget_rule *rule,
                                  uint64_t now_usec);
/* Gives back what was taken just now: the attempt was not made. */
void sl_retry_budget_give(struct sl_retry_budget *budget);

#endif
