/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of the OpenAI dialect that write; the provider `mock` uses them too. */
#ifndef SL_LLM_DIALECT_OPENAI_H
#define SL_LLM_DIALECT_OPENAI_H

#include "llm/openai/chunks.h"

extern const struct sl_listing sl_openai_listing;

int sl_openai_write_reply(const struct sl_call *call, const struct sl_reply *reply, const struct sl_env *env,
                          struct sl_buf *out);
int sl_openai_write_delta(void *state, const struct sl_call *call, const struct sl_env *env,
                          const struct sl_delta *delta, struct sl_buf *out);
void sl_openai_write_end(void *state, struct sl_buf *out);
void sl_openai_write_error(struct sl_llm_error *error, struct sl_buf *out);
void sl_openai_no_route(struct sl_str name, struct sl_arena *arena, struct sl_llm_error *io_error);
/* The error's own code, else the code of its type. */
struct sl_str sl_openai_error_code(const struct sl_llm_error *error);
/* Writes one data line with the error, without the stream's end. */
void sl_openai_write_error_event(const struct sl_llm_error *error, struct sl_buf *out);

#endif
