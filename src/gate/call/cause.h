/* SPDX-License-Identifier: Apache-2.0 */
/* The cause of a failed attempt, as in `fallback.on`. */
#ifndef SL_GATE_CAUSE_H
#define SL_GATE_CAUSE_H

#include "gate/policy/next.h"

struct sl_llm_error;

/* SL_CAUSE_COUNT: another target would not help. */
enum sl_cause sl_cause_of(const struct sl_llm_error *error);

#endif
