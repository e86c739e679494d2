/* SPDX-License-Identifier: Apache-2.0 */
/* Handles the events of a plan's attempt: the client gets something, or another attempt follows. Private to the plan.
 * It starts no attempt itself: the plan's timer does, in the loop's next turn. */
#ifndef SL_GATE_PLAN_HEARD_H
#define SL_GATE_PLAN_HEARD_H

#include "gate/call/verdict.h"
#include "llm/core/error.h"

struct sl_attempt_events;
struct sl_plan;
struct sl_timer;

/* Their user is the plan. */
extern const struct sl_attempt_events sl_plan_events;

/* Does what the relay decided about the reply. */
void sl_plan_obey(struct sl_plan *plan, struct sl_verdict verdict);
/* The relay calls this before it sends an error to the client. True: another attempt will follow, and the relay must
 * answer AGAIN. For routes with several targets. */
bool sl_plan_on_failing(void *plan, struct sl_llm_error *error);
/* Gives the attempt up; another one follows. Nothing was sent to the client yet. */
void sl_plan_again(struct sl_plan *plan, enum sl_error_type why, uint64_t wait_usec);
/* For a route with one target: adds the attempt that is over to the list, which begins when a second one follows. */
void sl_plan_note(const struct sl_plan *plan, enum sl_error_type type);
/* Another target may come now: forgets what this one said. */
void sl_plan_forget(struct sl_plan *plan);
/* The first attempt has an answer, or is over: there will be no hedge. */
void sl_plan_hedge_stop(struct sl_plan *plan);
/* A head alone is no answer: the time of first_byte runs until the first event. */
void sl_plan_on_first(struct sl_timer *timer);

#endif
