/* SPDX-License-Identifier: Apache-2.0 */
/* The order of messages that a host wants. */
#ifndef SL_LLM_OPENAI_HOST_ORDER_H
#define SL_LLM_OPENAI_HOST_ORDER_H

#include "llm/openai/host_messages.h"

/* Results stand behind the calls that they answer; where the host says so, system messages come first and neighbours of
 * one role are joined. A body that needs it is written anew: e->text, e->root and e->all are of that then, the tape of
 * `spare`. A look at the roles finds the others. */
SL_MUST int sl_host_order_edit(struct sl_host_edit *e, struct sl_json *spare);

#endif
