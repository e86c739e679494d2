/* SPDX-License-Identifier: Apache-2.0 */
/* Refuses what cannot be brought into the upstream's form. The text says where it stands in the call. */
#ifndef SL_LLM_FORM_REFUSE_H
#define SL_LLM_FORM_REFUSE_H

#include "llm/form/rules.h"

/* Refuses a value of the call by its path: "messages[1].content[0]: …". */
int sl_form_refuse(const struct sl_form *form, struct sl_json_val v, const char *fmt, ...) SL_PRINTF(3, 4);
/* Refuses more than one choice (n, best_of) and answers other than text. `who` is the provider's name: "Cohere". */
SL_MUST int sl_form_refuse_many(const struct sl_form *form, const struct sl_chat *chat, const char *who);

/* Refuses tools that are no functions. */
SL_MUST int sl_form_refuse_tools(const struct sl_form *form, const struct sl_chat *chat);

#endif
