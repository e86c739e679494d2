/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_OPENAI_READ_MESSAGES_H
#define SL_LLM_OPENAI_READ_MESSAGES_H

#include "llm/chat/reader.h"

/* The value of `messages`, and that of a completion's `prompt`. */
SL_MUST int sl_openai_messages_read(struct sl_chat_reader *rd, struct sl_json_val v);
SL_MUST int sl_openai_prompt_read(struct sl_chat_reader *rd, struct sl_json_val v);

#endif
