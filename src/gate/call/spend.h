/* SPDX-License-Identifier: Apache-2.0 */
/* What an attempt costs that is made beside the first one of a call: it is taken from `upstream.retry_budget`, which
 * the whole process has together. */
#ifndef SL_GATE_SPEND_H
#define SL_GATE_SPEND_H

#include <stdbool.h>

#include "base/attr.h"

struct sl_xchg;

/* May one more be made? True: it counts. False: that is counted, too. */
SL_MUST bool sl_spend(struct sl_xchg *x);

#endif
