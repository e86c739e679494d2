/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_ANTHROPIC_READ_MESSAGES_H
#define SL_LLM_ANTHROPIC_READ_MESSAGES_H

#include "llm/chat/reader.h"

/* Reads the values of `system` and `messages` to one list, with the system's texts first. */
SL_MUST int sl_anthropic_messages_read(struct sl_chat_reader *rd, struct sl_json_val system,
                                       struct sl_json_val messages);

#endif
