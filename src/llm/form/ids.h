/* SPDX-License-Identifier: Apache-2.0 */
/* Ids of tool calls and names of tools in the provider's alphabet, and which result belongs to which call. */
#ifndef SL_LLM_FORM_IDS_H
#define SL_LLM_FORM_IDS_H

#include "llm/form/rules.h"

#define SL_LINK_NONE UINT32_MAX

/* The links between results and calls. A message of role tool belongs to the assistant's message with its call. */
struct sl_form_link {
    uint32_t owner;       /* for a result: index of the message with its call */
    uint32_t first, last; /* for a message with calls: its results */
    uint32_t next;        /* for a result: the next one of the same owner */
    uint32_t n_calls, n_results;
    bool is_second; /* for a result: its call already has a result */
};

/* Walks the conversation once: links[i] belongs to chat->messages[i]; ids are rewritten if the rule asks for it. NULL
 * links when there is neither call nor result. */
SL_MUST int sl_form_link(struct sl_form *form, struct sl_chat *chat, struct sl_form_link **ret_links);

/* Gives tools whose names do not fit another name; form->aliases lists these. */
SL_MUST int sl_form_names(struct sl_form *form, struct sl_chat *chat);

/* Keeps the list of renamed tools for reading the reply. */
SL_MUST int sl_form_aliases_keep(const struct sl_form *form, struct sl_http_req *req);
/* The client's name for an upstream's. */
struct sl_str sl_form_name_back(const struct sl_form_aliases *aliases, struct sl_str name);

bool sl_form_name_fits(const struct sl_form_name *rule, struct sl_str text);
/* `text` in form, made from its digest: the same for the same text. On the arena; p == NULL: no memory. */
struct sl_str sl_form_digest(const struct sl_form_name *rule, struct sl_str text, struct sl_arena *arena);
/* The text of a raw string; p == NULL: no memory. */
struct sl_str sl_raw_text(struct sl_str raw, struct sl_arena *arena);

#endif
