/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_OPENAI_READ_H
#define SL_LLM_OPENAI_READ_H

#include "llm/chat/chat.h"

SL_MUST int sl_openai_read_chat(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena,
                                struct sl_chat *ret_chat, struct sl_llm_error *ret_error);

#endif
