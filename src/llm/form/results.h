/* SPDX-License-Identifier: Apache-2.0 */
/* Results of tools, for providers that take them only as text: other parts are shown in a message of the user behind
 * them. */
#ifndef SL_LLM_FORM_RESULTS_H
#define SL_LLM_FORM_RESULTS_H

#include "llm/form/rules.h"

/* How many messages of the chat have such parts: at most this many messages are added. */
uint32_t sl_form_results_shown(const struct sl_form *form, const struct sl_chat *chat);
/* Moves parts other than text from a result to the message that shows them, and says so in both. The first such part
 * begins that message; n_parts == 0: there was none. */
SL_MUST int sl_form_result_show(const struct sl_form *form, struct sl_message *result, struct sl_message *io_shown);

#endif
