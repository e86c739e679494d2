/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_OPENAI_READ_MESSAGES_H
#define SL_LLM_OPENAI_READ_MESSAGES_H

#include "llm/chat/reader.h"

/* The value of `messages`, and that of a completion's `prompt`. */
SL_MUST int sl_openai_messages_read(struct sl_chat_reader *rd, struct sl_json_val v);
SL_MUST int sl_openai_prompt_read(struct sl_chat_reader *rd, struct sl_json_val v);
/* For languages that have these as OpenAI has them: a part of the type image_url, and an assistant's call, whose
 * arguments must be an object's text: most upstreams take an object. */
SL_MUST int sl_openai_image_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part);
SL_MUST int sl_openai_call_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part);

#endif
