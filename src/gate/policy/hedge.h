/* SPDX-License-Identifier: Apache-2.0 */
/* Decides when a call whose first token does not come also asks another target, and how often that may happen. Shared
 * by all workers. */
#ifndef SL_GATE_HEDGE_H
#define SL_GATE_HEDGE_H

#include "gate/policy/pool.h"

struct sl_arena;

struct sl_times;

struct sl_hedges {
    struct sl_hedge_rule rule;
    atomic_uint credit;     /* in percent of one hedge: each call adds `at_most`, a hedge costs 100 */
    struct sl_times *times; /* two for each target: whole replies, streams. NULL when the rule has a fixed time */
    pthread_mutex_t lock;   /* guards `times` */
};

/* Memory is from the arena. SL_E_NOMEM. */
SL_MUST int sl_hedges_init(struct sl_hedges *hedges, const struct sl_hedge_rule *rule, uint32_t n_targets,
                           struct sl_arena *arena);
void sl_hedges_done(struct sl_hedges *hedges);
/* Copies the measured times of a target from older hedges. Call this before `hedges` is in use. */
void sl_hedges_adopt(struct sl_hedges *hedges, uint32_t target, struct sl_hedges *from, uint32_t from_target);
/* Call this when a call begins. */
void sl_hedges_earn(struct sl_hedges *hedges);
/* True: one more hedge may be made; it is counted. */
SL_MUST bool sl_hedges_take(struct sl_hedges *hedges);
/* Gives back what sl_hedges_take took: the hedge was not made. */
void sl_hedges_give(struct sl_hedges *hedges);
/* How long to wait for the target's first token before a hedge; 0: not known yet. */
uint64_t sl_hedges_after(struct sl_hedges *hedges, uint32_t target, bool is_stream);
/* Records a time: the first token came after `took`, or had not come by then and the gateway stopped waiting. */
void sl_hedges_measure(struct sl_hedges *hedges, uint32_t target, bool is_stream, uint64_t took_usec);

#endif
