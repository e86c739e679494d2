/* SPDX-License-Identifier: Apache-2.0 */
/* What a call cost, where its price depends on more than what the upstream says that it used: on what was asked for
 * (images by the piece, the characters of a text, the size of a search), or on where it was served. */
#ifndef SL_GATE_ASKED_H
#define SL_GATE_ASKED_H

#include "llm/core/types.h"

struct sl_target;
struct sl_xchg;

/* What so much costs at a target; SL_COST_UNKNOWN. *ret_is_apart: the cost depends on more than these counts, so nobody
 * can make it anew from them. May be NULL. */
int64_t sl_asked_cost(const struct sl_xchg *x, const struct sl_target *target, const struct sl_usage *usage,
                      bool *ret_is_apart);

#endif
