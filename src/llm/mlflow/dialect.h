/* SPDX-License-Identifier: Apache-2.0 */
/* The MLflow dialect: its reading half, and its writing half in dialect_mlflow_write.c. */
#ifndef SL_LLM_DIALECT_MLFLOW_H
#define SL_LLM_DIALECT_MLFLOW_H

#include "llm/openai/chunks.h"

/* Of all of them: labels are told apart by address. */
extern const char sl_mlflow_name[];

/* Of struct sl_dialect, for the dialects that differ in little. */
SL_MUST int sl_mlflow_parse(enum sl_llm_type type, struct sl_str body, struct sl_str content_type, struct sl_json *doc,
                            struct sl_arena *arena, struct sl_call *ret_call, struct sl_llm_error *ret_error);

int sl_mlflow_write_reply(const struct sl_call *call, const struct sl_reply *reply, const struct sl_env *env,
                          struct sl_buf *out);
int sl_mlflow_write_delta(void *state, const struct sl_call *call, const struct sl_env *env,
                          const struct sl_delta *delta, struct sl_buf *out);
void sl_mlflow_write_end(void *state, struct sl_buf *out);
void sl_mlflow_write_stream_error(void *state, const struct sl_llm_error *error, struct sl_buf *out);

#endif
