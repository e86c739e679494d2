/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a client's call of /v1/responses to the canonical call. */
#ifndef SL_LLM_RESPONSES_READ_H
#define SL_LLM_RESPONSES_READ_H

#include "llm/chat/chat.h"
#include "llm/core/language.h"
#include "llm/core/llm.h"

SL_MUST int sl_responses_read_call(const struct sl_incoming *in, struct sl_json *doc, struct sl_arena *arena,
                                   struct sl_call *ret_call, struct sl_llm_error *ret_error);
SL_MUST int sl_responses_read_chat(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena,
                                   struct sl_chat *ret_chat, struct sl_llm_error *ret_error);

SL_MUST int sl_responses_count(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena,
                               struct sl_buf *out, struct sl_llm_error *ret_error);

#endif
