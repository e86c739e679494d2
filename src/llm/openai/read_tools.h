/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAI's tools and the choice among them; what its Responses API spells alike is read by the same functions. */
#ifndef SL_LLM_OPENAI_READ_TOOLS_H
#define SL_LLM_OPENAI_READ_TOOLS_H

#include "llm/chat/reader.h"

SL_MUST int sl_openai_tools_read(struct sl_chat_reader *rd, struct sl_json_val tools, struct sl_json_val choice);

/* A function by the object that has its name. */
SL_MUST int sl_openai_function_read(struct sl_chat_reader *rd, struct sl_json_val function, struct sl_tool *tool);
/* A tool that is no function. */
SL_MUST int sl_openai_hosted_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_tool *tool);
/* Is the choice nothing, or a word that is known? */
bool sl_openai_choice_word(struct sl_chat_reader *rd, struct sl_json_val v);
/* A function by its raw name. */
SL_MUST int sl_openai_choice_name(struct sl_chat_reader *rd, struct sl_str name);
/* {"mode", "tools": [{"type": "function", "function": {"name"}}]}, or each with its name beside its type: the others
 * are left out. A tool that has no name is allowed by its type. */
SL_MUST int sl_openai_allowed_read(struct sl_chat_reader *rd, struct sl_json_val v);

#endif
