/* SPDX-License-Identifier: Apache-2.0 */
/* Which target is tried next, when, and how often: owns the attempt and the relay of its reply. */
#ifndef SL_GATE_PLAN_H
#define SL_GATE_PLAN_H

#include "llm/core/error.h"

struct sl_xchg;

/* The call is admitted: tries its targets until the client is told something. */
void sl_plan_start(struct sl_xchg *x);
/* The client takes more. */
void sl_plan_resume(struct sl_xchg *x);
/* The client has left: had it heard the last word of the upstream's stream, be it an error? */
bool sl_plan_is_said(struct sl_xchg *x);
/* It may not go on: the client is told so, as far as that is possible. */
void sl_plan_break(struct sl_xchg *x, enum sl_error_type type, struct sl_str text);
/* The same for what its client did: told whole where nothing has left for it yet. */
void sl_plan_refuse(struct sl_xchg *x, struct sl_llm_error *error);

#endif
