/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_BEDROCK_READ_MESSAGES_H
#define SL_LLM_BEDROCK_READ_MESSAGES_H

#include "llm/chat/reader.h"

/* Reads the values of `system` and `messages` to one list, with the system's texts first. A feature that only Bedrock
 * has becomes a member of the call; there is room for it. */
SL_MUST int sl_bedrock_messages_read(struct sl_chat_reader *rd, struct sl_json_val system, struct sl_json_val messages);
/* Reads a cache point, which marks what stands before it, to the form of other languages. */
SL_MUST int sl_bedrock_cache_point_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_str *ret);

#endif
