/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/shadow.h"

#include "base/arena.h"

struct sl_shadow *sl_shadow_new(struct sl_arena *arena)
{
    struct sl_shadow *shadow = SL_ARENA_NEW(arena, struct sl_shadow);
    if (shadow) {
        atomic_init(&shadow->n_calls, 0);
    }
    return shadow;
}

/* How many of the first n calls are due. */
static uint64_t due_of(uint64_t n, uint32_t share)
{
    return n / 100 * share + n % 100 * share / 100;
}

bool sl_shadow_is_due(struct sl_shadow *shadow)
{
    uint64_t before = atomic_fetch_add_explicit(&shadow->n_calls, 1, memory_order_relaxed);
    return due_of(before + 1, shadow->share) > due_of(before, shadow->share);
}

void sl_shadow_adopt(struct sl_shadow *shadow, struct sl_shadow *before)
{
    atomic_store_explicit(&shadow->n_calls, atomic_load_explicit(&before->n_calls, memory_order_relaxed),
                          memory_order_relaxed);
}
