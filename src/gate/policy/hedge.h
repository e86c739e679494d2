/* SPDX-License-Identifier: Apache-2.0 */
/* When a call whose first token does not come is asked of another target as well, and how often. Shared by all
 * workers. */
#ifndef SL_GATE_HEDGE_H
#define SL_GATE_HEDGE_H

#include "gate/policy/pool.h"

struct sl_arena;

struct sl_times;

struct sl_hedges {
    struct sl_hedge_rule rule;
    atomic_uint credit;     /* in percents of one hedge: each call earns, a hedge costs 100 */
    struct sl_times *times; /* two a target: of whole replies, of streams; NULL: not needed */
    pthread_mutex_t lock;   /* guards them */
};

/* On the arena. SL_E_NOMEM. */
SL_MUST int sl_hedges_init(struct sl_hedges *hedges, const struct sl_hedge_rule *rule, uint32_t n_targets,
                           struct sl_arena *arena);
void sl_hedges_done(struct sl_hedges *hedges);
/* What is known of a target that others were made for before; nobody is served by these yet. */
void sl_hedges_adopt(struct sl_hedges *hedges, uint32_t target, struct sl_hedges *from, uint32_t from_target);
/* A call begins. */
void sl_hedges_earn(struct sl_hedges *hedges);
/* True: one more may be made, and counts. */
SL_MUST bool sl_hedges_take(struct sl_hedges *hedges);
/* It was not made after all. */
void sl_hedges_give(struct sl_hedges *hedges);
/* How long the target's first token is waited for; 0: not known yet. */
uint64_t sl_hedges_after(struct sl_hedges *hedges, uint32_t target, bool is_stream);
/* It came after so long, or had not come when nobody waited for it any more. */
void sl_hedges_measure(struct sl_hedges *hedges, uint32_t target, bool is_stream, uint64_t took_usec);

#endif
