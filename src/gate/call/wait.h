/* SPDX-License-Identifier: Apache-2.0 */
/* A call that waits in its route's queue for a place at a target (gate/policy/queue.h): it is woken on its own loop,
 * whoever gives the place. */
#ifndef SL_GATE_WAIT_H
#define SL_GATE_WAIT_H

#include "base/attr.h"
#include "gate/policy/queue.h"

struct sl_llm_error;
struct sl_wait;
struct sl_xchg;

/* `on_over` comes once, from the loop, unless it is stopped before. `passed`: as of struct sl_ask, for as long as it
 * waits. SL_E_LIMIT: the queue is full; SL_E_NOMEM. */
SL_MUST int sl_wait_start(struct sl_xchg *x, const uint64_t *passed, void (*on_over)(void *arg), void *arg,
                          struct sl_wait **ret);
/* Within on_over: what came of it. GRANTED: the place is the caller's. NOT: the time is over. */
enum sl_waiting sl_wait_take(struct sl_wait *wait, uint32_t *ret_target, enum sl_begun *ret_begun);
/* It is over, or the call is: frees. A place that was not taken goes to the next one. NULL is fine. */
void sl_wait_stop(struct sl_wait *wait);
/* A place of the route where the call is may have got free: others wait for it. */
void sl_wait_serve(const struct sl_xchg *x);
/* What a client is told that got no place. */
void sl_wait_error(const struct sl_xchg *x, enum sl_waiting state, struct sl_llm_error *ret);
/* The same where the queue was full. */
void sl_wait_full_error(const struct sl_xchg *x, struct sl_llm_error *ret);

#endif
