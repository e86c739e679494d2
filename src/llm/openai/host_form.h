/* SPDX-License-Identifier: Apache-2.0 */
/* What a host would refuse of a call's members for their form alone. */
#ifndef SL_LLM_OPENAI_HOST_FORM_H
#define SL_LLM_OPENAI_HOST_FORM_H

#include "llm/openai/host_messages.h"

/* Members of the top level: lists of tools with nothing in them, choices of tools, words of reasoning, people's
 * identifiers. */
SL_MUST int sl_host_form_edit(struct sl_host_edit *e);
/* The model is told not to reason, where the host says so (SL_HOST_THOUGHTS) and it would. */
SL_MUST int sl_host_rest(struct sl_host_edit *e);

#endif
