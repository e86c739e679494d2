/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that their upstream keeps are noted as they pass, for who asks for one again: gate/call/follow.h. */
#ifndef SL_GATE_NOTED_H
#define SL_GATE_NOTED_H

#include "base/str.h"

struct sl_xchg;

/* The exchange's answer has this id. Noted once; `id` is borrowed. */
void sl_noted_id(struct sl_xchg *x, struct sl_str id);

#endif
