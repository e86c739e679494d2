/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_COHERE_READ_MESSAGES_H
#define SL_LLM_COHERE_READ_MESSAGES_H

#include "llm/chat/reader.h"

/* The value of `messages`; what stands in `documents` goes in front of the last words of the user. */
SL_MUST int sl_cohere_messages_read(struct sl_chat_reader *rd, struct sl_json_val messages,
                                    struct sl_json_val documents);

#endif
