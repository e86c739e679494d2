/* SPDX-License-Identifier: Apache-2.0 */
/* Reads requests for Cohere's second API to canonical calls. */
#ifndef SL_LLM_COHERE_READ_H
#define SL_LLM_COHERE_READ_H

#include "llm/chat/embed.h"
#include "llm/chat/reader.h"
#include "llm/core/language.h"

SL_MUST int sl_cohere_read_call(const struct sl_incoming *in, struct sl_json *doc, struct sl_arena *arena,
                                struct sl_call *ret_call, struct sl_llm_error *ret_error);
SL_MUST int sl_cohere_read_chat(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena,
                                struct sl_chat *ret_chat, struct sl_llm_error *ret_error);

#endif
