/* SPDX-License-Identifier: Apache-2.0 */
/* The writing half of the MLflow dialect. */
#ifndef SL_LLM_DIALECT_MLFLOW_H
#define SL_LLM_DIALECT_MLFLOW_H

#include "llm/chunks.h"

int sl_mlflow_write_reply(const struct sl_call *call, const struct sl_reply *reply, const struct sl_env *env,
                          struct sl_buf *out);
int sl_mlflow_write_delta(void *state, const struct sl_call *call, const struct sl_env *env,
                          const struct sl_delta *delta, struct sl_buf *out);
void sl_mlflow_write_end(void *state, struct sl_buf *out);
void sl_mlflow_write_stream_error(void *state, const struct sl_llm_error *error, struct sl_buf *out);

#endif
