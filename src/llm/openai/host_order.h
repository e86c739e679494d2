/* SPDX-License-Identifier: Apache-2.0 */
/* The order of messages that a host wants. */
#ifndef SL_LLM_OPENAI_HOST_ORDER_H
#define SL_LLM_OPENAI_HOST_ORDER_H

#include "llm/openai/host_messages.h"

/* Puts results behind the calls that they answer. For some hosts it also puts system messages first and joins
 * neighbours of one role. A body that needs this is written anew: then e->text, e->root and e->all are those of the new
 * body, on the tape of `spare`. Bodies that do not need it are found by a search for their roles. */
SL_MUST int sl_host_order_edit(struct sl_host_edit *e, struct sl_json *spare);

#endif
