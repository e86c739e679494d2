/* SPDX-License-Identifier: Apache-2.0 */
/* What an attempt of a plan tells, and what comes of it: the client hears, or another attempt is made in its place.
 * Private to the plan. It begins none by itself: the plan's timer does, in the loop's next turn. */
#ifndef SL_GATE_PLAN_HEARD_H
#define SL_GATE_PLAN_HEARD_H

#include "gate/call/verdict.h"
#include "llm/core/error.h"

struct sl_attempt_events;
struct sl_plan;
struct sl_timer;

/* Their user is the plan. */
extern const struct sl_attempt_events sl_plan_events;

/* What the relay says of the reply is done. */
void sl_plan_obey(struct sl_plan *plan, struct sl_verdict verdict);
/* The relay asks, before it tells the client of an error: is there another way? Then it answers AGAIN. Where there are
 * several targets. */
bool sl_plan_on_failing(void *plan, struct sl_llm_error *error);
/* The attempt is given up, and another one follows. Nothing has left for the client yet. */
void sl_plan_again(struct sl_plan *plan, enum sl_error_type why, uint64_t wait_usec);
/* Another target may come now: what this one said is not about that. */
void sl_plan_forget(struct sl_plan *plan);
/* The first attempt said something, or is over: none is made beside it. */
void sl_plan_hedge_stop(struct sl_plan *plan);
/* A head alone is no answer: what first_byte says holds until the first event is there. */
void sl_plan_on_first(struct sl_timer *timer);

#endif
