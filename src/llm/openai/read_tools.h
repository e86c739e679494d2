/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAI's tools and the choice among them. The same functions read what its Responses API has in the same form. */
#ifndef SL_LLM_OPENAI_READ_TOOLS_H
#define SL_LLM_OPENAI_READ_TOOLS_H

#include "llm/chat/reader.h"

SL_MUST int sl_openai_tools_read(struct sl_chat_reader *rd, struct sl_json_val tools, struct sl_json_val choice);

/* Reads a function from the object that has its name. */
SL_MUST int sl_openai_function_read(struct sl_chat_reader *rd, struct sl_json_val function, struct sl_tool *tool);
/* Reads a tool that is no function. */
SL_MUST int sl_openai_hosted_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_tool *tool);
/* True: the choice is missing, or a known word. */
bool sl_openai_choice_word(struct sl_chat_reader *rd, struct sl_json_val v);
/* A choice of the function with this raw name. */
SL_MUST int sl_openai_choice_name(struct sl_chat_reader *rd, struct sl_str name);
/* Reads {"mode", "tools": [{"type": "function", "function": {"name"}}]}, or the same with the name beside the type: all
 * other tools are left out. A tool without a name is allowed by its type. */
SL_MUST int sl_openai_allowed_read(struct sl_chat_reader *rd, struct sl_json_val v);

#endif
