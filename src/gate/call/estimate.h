/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that only count tokens. */
#ifndef SL_GATE_ESTIMATE_H
#define SL_GATE_ESTIMATE_H

#include <stdbool.h>

struct sl_xchg;

/* An admitted call that counts, where the upstream cannot: it is answered from here, with an estimate that says so in
 * x-sluice-estimate. False: it is no such call. */
bool sl_estimate_reply(struct sl_xchg *x);

#endif
