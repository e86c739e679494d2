/* SPDX-License-Identifier: Apache-2.0 */
/* Decides which target is tried next, when, and how often; owns the attempt and the relay of its reply. */
#ifndef SL_GATE_PLAN_H
#define SL_GATE_PLAN_H

#include "llm/core/error.h"

struct sl_xchg;

/* The call is admitted: tries its targets until the client has a reply. */
void sl_plan_start(struct sl_xchg *x);
/* The client takes more. */
void sl_plan_resume(struct sl_xchg *x);
/* True: the client that left had received the last event of the upstream's stream, or an error. */
bool sl_plan_is_said(struct sl_xchg *x);
/* Ends the call, and sends the error as far as that is still possible. */
void sl_plan_break(struct sl_xchg *x, enum sl_error_type type, struct sl_str text);
/* The same for a fault of the client: it gets the whole error, if nothing was sent yet. */
void sl_plan_refuse(struct sl_xchg *x, struct sl_llm_error *error);

#endif
