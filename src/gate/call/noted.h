/* SPDX-License-Identifier: Apache-2.0 */
/* Remembers responses that their upstream keeps, while they pass, so that they can be asked for again:
 * gate/call/follow.h. */
#ifndef SL_GATE_NOTED_H
#define SL_GATE_NOTED_H

#include "base/str.h"

struct sl_xchg;

/* The exchange's response has this id. Remembered once; `id` is borrowed. */
void sl_noted_id(struct sl_xchg *x, struct sl_str id);

#endif
