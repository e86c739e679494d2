/* SPDX-License-Identifier: Apache-2.0 */
/* Results of tools where the provider takes them as text only: what else they hold is shown by the user behind them. */
#ifndef SL_LLM_FORM_RESULTS_H
#define SL_LLM_FORM_RESULTS_H

#include "llm/form/rules.h"

/* How many messages of the chat have something to show: so many more there are at most. */
uint32_t sl_form_results_shown(const struct sl_form *form, const struct sl_chat *chat);
/* Moves what is no text from a result to the message that shows it, and says so in both. That one is begun with the
 * first; n_parts == 0: none did. */
SL_MUST int sl_form_result_show(const struct sl_form *form, struct sl_message *result, struct sl_message *io_shown);

#endif
