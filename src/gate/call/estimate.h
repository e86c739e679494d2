/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that only count tokens. */
#ifndef SL_GATE_ESTIMATE_H
#define SL_GATE_ESTIMATE_H

#include <stdbool.h>

struct sl_xchg;

/* Answers a call that counts tokens with an estimate, if the upstream cannot count; x-sluice-estimate says so. False:
 * it is no such call. */
bool sl_estimate_reply(struct sl_xchg *x);

#endif
