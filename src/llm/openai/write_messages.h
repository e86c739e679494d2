/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_OPENAI_WRITE_MESSAGES_H
#define SL_LLM_OPENAI_WRITE_MESSAGES_H

#include "llm/chat/chat.h"

struct sl_openai_host;

/* Writes the member `messages` of a chat. `host` may be NULL: it has no differences. */
SL_MUST int sl_openai_messages_write(const struct sl_call *call, const struct sl_chat *chat,
                                     const struct sl_openai_host *host, struct sl_arena *arena, struct sl_body *body,
                                     struct sl_llm_error *ret_error);

#endif
