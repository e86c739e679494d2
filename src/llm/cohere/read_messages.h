/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_COHERE_READ_MESSAGES_H
#define SL_LLM_COHERE_READ_MESSAGES_H

#include "llm/chat/reader.h"

/* Reads the value of `messages`; `documents` go in front of the user's last message. */
SL_MUST int sl_cohere_messages_read(struct sl_chat_reader *rd, struct sl_json_val messages,
                                    struct sl_json_val documents);

#endif
