/* SPDX-License-Identifier: Apache-2.0 */
/* Counts exchanges and their attempts in the metrics. */
#ifndef SL_GATE_MEASURE_H
#define SL_GATE_MEASURE_H

#include "llm/core/error.h"

struct sl_worker;
struct sl_xchg;

/* Call this just before the reply is complete, so that a client that has its reply finds it counted. */
void sl_measure_exchange(struct sl_xchg *x, int status);
/* Sets the record's cost from its usage and from the price of the target that answered. sl_measure_exchange does this,
 * too; call it before where the reply tells the cost. */
void sl_measure_cost(struct sl_xchg *x);
/* Call this when the reply is complete: adds the gateway's own time. */
void sl_measure_overhead(struct sl_xchg *x);
/* An attempt ended with `type`. Counts each attempt once. */
void sl_measure_attempt(struct sl_xchg *x, enum sl_error_type type, uint64_t now_usec);
/* The attempt was stopped because another attempt of its call was faster. */
void sl_measure_beaten(struct sl_xchg *x, uint64_t now_usec);
/* Counts a hedge; `outcome` is its label. */
void sl_measure_hedge(struct sl_xchg *x, const char *outcome);
/* Counts a shadow call; for outcomes that are known before it begins. */
void sl_measure_shadow(struct sl_xchg *x, const char *outcome);
/* The breaker of a target of its route opened or closed. */
void sl_measure_breaker(struct sl_xchg *x, uint32_t target, bool is_open, uint64_t now_usec);
/* No target could be asked; the log says why. */
void sl_measure_no_target(struct sl_xchg *x, const struct sl_llm_error *error, uint64_t now_usec);
/* The decision of a limit. */
void sl_measure_limit(struct sl_xchg *x, bool is_refused);
/* The call waited for a place at a target, and got one or not. */
void sl_measure_queue(struct sl_xchg *x, uint64_t waited_usec);
/* upstream.retry_budget refused another attempt. */
void sl_measure_refused(struct sl_xchg *x);
/* A connection was answered 503 before anything was read from it. */
void sl_measure_turned_away(struct sl_worker *worker);

#endif
