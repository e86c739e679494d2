/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_GEMINI_READ_TOOLS_H
#define SL_LLM_GEMINI_READ_TOOLS_H

#include "llm/chat/reader.h"

/* The most members that tools and their configuration add to the call: those that have no place in other languages. */
#define SL_GEMINI_TOOLS_LEFT_MAX 8

/* Reads the values of `tools` and `toolConfig`. */
SL_MUST int sl_gemini_tools_read(struct sl_chat_reader *rd, struct sl_json_val tools, struct sl_json_val config);

#endif
