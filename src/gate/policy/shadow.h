/* SPDX-License-Identifier: Apache-2.0 */
/* Decides which of a route's calls get a shadow call on another route. Shared by all workers. */
#ifndef SL_GATE_POLICY_SHADOW_H
#define SL_GATE_POLICY_SHADOW_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/val.h"

struct sl_arena;

struct sl_shadow {
    struct sl_str route; /* the other route's name */
    struct sl_pos pos;   /* where the file names it */
    uint32_t share;      /* percent of the calls */
    atomic_uint_fast64_t n_calls;
};

/* All zero; it lives as long as the arena. NULL: no memory. */
struct sl_shadow *sl_shadow_new(struct sl_arena *arena);
/* A call begins. True: it gets a shadow call. They are spread evenly and exactly: `share` of any hundred calls in a
 * row. */
SL_MUST bool sl_shadow_is_due(struct sl_shadow *shadow);
/* Goes on with the count of `before`. */
void sl_shadow_adopt(struct sl_shadow *shadow, struct sl_shadow *before);

#endif
