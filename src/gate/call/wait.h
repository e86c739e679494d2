/* SPDX-License-Identifier: Apache-2.0 */
/* A call that waits in its route's queue for a place at a target (gate/policy/queue.h): it is woken on its own loop,
 * whatever thread gives the place. */
#ifndef SL_GATE_WAIT_H
#define SL_GATE_WAIT_H

#include "base/attr.h"
#include "gate/policy/queue.h"

struct sl_llm_error;
struct sl_wait;
struct sl_xchg;

/* `on_over` is called once, from the loop, unless the wait is stopped before. `passed`: as in struct sl_ask; it must
 * live as long as the wait. SL_E_LIMIT: the queue is full; SL_E_NOMEM. */
SL_MUST int sl_wait_start(struct sl_xchg *x, const uint64_t *passed, void (*on_over)(void *arg), void *arg,
                          struct sl_wait **ret);
/* In on_over: the result. SL_WAITING_GRANTED: the caller has the place now. Otherwise the time is over, or the call
 * lost its place in the queue. */
enum sl_waiting sl_wait_take(struct sl_wait *wait, uint32_t *ret_target, enum sl_begun *ret_begun);
/* Ends the wait and frees it. A place that was not taken goes to the next call. NULL is allowed. */
void sl_wait_stop(struct sl_wait *wait);
/* A place may be free at the route where the call is: gives it to a waiting call. */
void sl_wait_serve(const struct sl_xchg *x);
/* The client's error for a call that got no place. */
void sl_wait_error(const struct sl_xchg *x, enum sl_waiting state, struct sl_llm_error *ret);
/* The same for a full queue. */
void sl_wait_full_error(const struct sl_xchg *x, struct sl_llm_error *ret);

#endif
