/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_BEDROCK_READ_MESSAGES_H
#define SL_LLM_BEDROCK_READ_MESSAGES_H

#include "llm/chat/reader.h"

/* The values of `system` and `messages`: one list, the system's texts first. What only Bedrock can do with a block
 * becomes a member of the call, for which there is room. */
SL_MUST int sl_bedrock_messages_read(struct sl_chat_reader *rd, struct sl_json_val system, struct sl_json_val messages);
/* A mark that what stands before it is to be cached, as other languages say it. */
SL_MUST int sl_bedrock_cache_point_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_str *ret);

#endif
