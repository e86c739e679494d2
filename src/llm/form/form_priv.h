/* SPDX-License-Identifier: Apache-2.0 */
/* Private to llm/form: what its steps tell each other. */
#ifndef SL_LLM_FORM_PRIV_H
#define SL_LLM_FORM_PRIV_H

#include "llm/form/form.h"

#define SL_LINK_NONE UINT32_MAX

/* Which result belongs to which call. A message of the role tool belongs to the assistant's message with its call. */
struct sl_form_link {
    uint32_t owner;       /* of a result: index of the message with its call */
    uint32_t first, last; /* of a message with calls: its results */
    uint32_t next;        /* of a result: the next of the same owner */
    uint32_t n_calls, n_results;
    bool is_second; /* of a result: its call has one already */
};

/* Walks the conversation once: links[i] is of chat->messages[i]; ids are rewritten on the way where the rule asks for
 * it. NULL links when there is neither call nor result. */
SL_MUST int sl_form_link(struct sl_form *form, struct sl_chat *chat, struct sl_form_link **ret_links);

/* The text of a raw string; p == NULL: no memory. */
struct sl_str sl_raw_text(struct sl_str raw, struct sl_arena *arena);

#endif
