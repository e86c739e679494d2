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

/* A URL of the web, or a data URI, into the part's media. */
SL_MUST int sl_openai_place_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part);
SL_MUST int sl_openai_audio_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part);
/* The member `arguments` of a function's call: the text of an object, since most upstreams take one and not its text;
 * nothing: "{}". */
SL_MUST int sl_openai_arguments_read(struct sl_chat_reader *rd, struct sl_json_val function, struct sl_str *ret);

#endif
