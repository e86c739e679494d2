/* SPDX-License-Identifier: Apache-2.0 */
/* What the metrics are told of an exchange. */
#ifndef SL_GATE_MEASURE_H
#define SL_GATE_MEASURE_H

#include "llm/core/error.h"

struct sl_worker;
struct sl_xchg;

/* When its reply is about to be complete: whoever has the reply finds it counted. */
void sl_measure_exchange(struct sl_xchg *x, int status);
/* When it is: the gateway's own time in it. */
void sl_measure_overhead(struct sl_xchg *x);
/* An attempt ended with `type`; once each. */
void sl_measure_attempt(struct sl_xchg *x, enum sl_error_type type, uint64_t now_usec);
/* It was stopped because another attempt of its call was faster. */
void sl_measure_beaten(struct sl_xchg *x, uint64_t now_usec);
/* What came of one more attempt beside the first: a word. */
/* A call that goes to another route as well, where that is known before it begins. */
void sl_measure_shadow(struct sl_xchg *x, const char *outcome);
void sl_measure_hedge(struct sl_xchg *x, const char *outcome);
/* The breaker of a target of its route opened or closed. */
void sl_measure_breaker(struct sl_xchg *x, uint32_t target, bool is_open, uint64_t now_usec);
/* No target could be asked: the log says why. */
void sl_measure_no_target(struct sl_xchg *x, const struct sl_llm_error *error, uint64_t now_usec);
/* What a limit decided. */
void sl_measure_limit(struct sl_xchg *x, bool is_refused);
/* It waited for a place at a target, and got one or not. */
void sl_measure_queue(struct sl_xchg *x, uint64_t waited_usec);
/* upstream.retry_budget let no further attempt be made. */
void sl_measure_refused(struct sl_xchg *x);
/* A connection was answered 503 before it was read from. */
void sl_measure_turned_away(struct sl_worker *worker);

#endif
