/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_COHERE_READ_EMBED_H
#define SL_LLM_COHERE_READ_EMBED_H

#include "llm/chat/embed.h"

SL_MUST int sl_cohere_read_embed(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena,
                                 struct sl_embed *ret_embed, struct sl_llm_error *ret_error);

#endif
