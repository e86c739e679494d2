/* SPDX-License-Identifier: Apache-2.0 */
/* The cause of a failed attempt, as in `fallback.on`, and what an attempt says of its target. */
#ifndef SL_GATE_CAUSE_H
#define SL_GATE_CAUSE_H

#include "gate/policy/next.h"
#include "gate/policy/pool.h"
#include "llm/core/error.h"

/* SL_CAUSE_COUNT: another target would not help. */
enum sl_cause sl_cause_of(const struct sl_llm_error *error);
/* SL_OUTCOME_BAD only for faults of the target: rate limits, refused calls and clients that leave are neutral. */
enum sl_outcome sl_outcome_of(enum sl_error_type type);

#endif
