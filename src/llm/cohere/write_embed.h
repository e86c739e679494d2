/* SPDX-License-Identifier: Apache-2.0 */
/* Writes canonical embeddings in Cohere's form: lists by their type. */
#ifndef SL_LLM_COHERE_WRITE_EMBED_H
#define SL_LLM_COHERE_WRITE_EMBED_H

#include "llm/core/llm.h"

struct sl_jw;

int sl_cohere_write_embed(const struct sl_call *call, const struct sl_reply *reply, const struct sl_env *env,
                          struct sl_buf *out);
/* Writes the member `id` at the head of a reply: the upstream's id, or a made one. */
void sl_cohere_id_write(struct sl_jw *w, struct sl_str id, const struct sl_env *env);

#endif
