/* SPDX-License-Identifier: Apache-2.0 */
/* Changes members whose form a host would refuse. */
#ifndef SL_LLM_OPENAI_HOST_FORM_H
#define SL_LLM_OPENAI_HOST_FORM_H

#include "llm/openai/host_messages.h"

/* Changes members of the top level: empty lists of tools, choices of tools, words for reasoning, people's
 * identifiers. */
SL_MUST int sl_host_form_edit(struct sl_host_edit *e);
/* Turns reasoning off, if the host needs that (SL_HOST_THOUGHTS) and the model would reason. */
SL_MUST int sl_host_rest(struct sl_host_edit *e);

#endif
