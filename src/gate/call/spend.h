/* SPDX-License-Identifier: Apache-2.0 */
/* The cost of another attempt of a call: it is taken from `upstream.retry_budget`, which the whole process shares. */
#ifndef SL_GATE_SPEND_H
#define SL_GATE_SPEND_H

#include <stdbool.h>

#include "base/attr.h"

struct sl_xchg;

/* True: another attempt may be made, and counts. False: no; the metrics count that. */
SL_MUST bool sl_spend(struct sl_xchg *x);
/* Gives back what sl_spend took in this turn: the attempt was not made. */
void sl_unspend(struct sl_xchg *x);

#endif
