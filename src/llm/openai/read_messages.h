/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_OPENAI_READ_MESSAGES_H
#define SL_LLM_OPENAI_READ_MESSAGES_H

#include "llm/chat/reader.h"

/* Read the value of `messages`, and that of a completion's `prompt`. */
SL_MUST int sl_openai_messages_read(struct sl_chat_reader *rd, struct sl_json_val v);
SL_MUST int sl_openai_prompt_read(struct sl_chat_reader *rd, struct sl_json_val v);
/* For languages that have these parts in OpenAI's form: a part of type image_url, and an assistant's call. Its
 * arguments must be the text of an object, because most upstreams take an object. */
SL_MUST int sl_openai_image_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part);
SL_MUST int sl_openai_call_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part);

/* Reads a web URL or a data URI into the part's media. */
SL_MUST int sl_openai_place_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part);
SL_MUST int sl_openai_audio_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part);
/* Reads the member `arguments` of a function's call: the text of an object, because most upstreams take the object
 * itself; nothing: "{}". */
SL_MUST int sl_openai_arguments_read(struct sl_chat_reader *rd, struct sl_json_val function, struct sl_str *ret);

#endif
