/* SPDX-License-Identifier: Apache-2.0 */
/* The MLflow dialect: the half that reads, and the half that writes in write.c. */
#ifndef SL_LLM_DIALECT_MLFLOW_H
#define SL_LLM_DIALECT_MLFLOW_H

#include "llm/core/language.h"
#include "llm/core/llm.h"
#include "llm/core/lost.h"
#include "llm/openai/chunks.h"

/* The name of all of them: metrics tell labels apart by address. */
extern const char sl_mlflow_name[];

/* Functions of struct sl_language, for dialects that differ little. */
SL_MUST int sl_mlflow_read_call(const struct sl_incoming *in, struct sl_json *doc, struct sl_arena *arena,
                                struct sl_call *ret_call, struct sl_llm_error *ret_error);
void sl_mlflow_write_error(struct sl_llm_error *error, struct sl_buf *out);

int sl_mlflow_write_reply(const struct sl_call *call, const struct sl_reply *reply, const struct sl_env *env,
                          struct sl_buf *out);
int sl_mlflow_write_delta(void *state, const struct sl_call *call, const struct sl_env *env,
                          const struct sl_delta *delta, struct sl_buf *out);
void sl_mlflow_write_end(void *state, struct sl_buf *out);
void sl_mlflow_write_stream_error(void *state, const struct sl_llm_error *error, struct sl_buf *out);

/* The same in MLflow 3's form. */
int sl_mlflow3_write_reply(const struct sl_call *call, const struct sl_reply *reply, const struct sl_env *env,
                           struct sl_buf *out);
int sl_mlflow3_write_delta(void *state, const struct sl_call *call, const struct sl_env *env,
                           const struct sl_delta *delta, struct sl_buf *out);
void sl_mlflow3_write_end(void *state, struct sl_buf *out);

/* What the rows of MLflow's languages and manners have in common. Its requests are read to OpenAI's language. */
#define SL_MLFLOW_LACKS (SL_LOST_ANNOTATIONS | SL_LOST_CITATIONS | SL_LOST_LOGPROBS | SL_LOST_REASONING)
#define SL_MLFLOW_LANGUAGE                                                                     \
    .framing = SL_FRAMING_SSE, .stream_type = SL_STR_INIT("text/event-stream; charset=utf-8"), \
    .read_call = sl_mlflow_read_call, .write_state_size = sizeof(struct sl_chunks),            \
    .lacks = { SL_MLFLOW_LACKS, SL_MLFLOW_LACKS }, .write_reply = sl_mlflow_write_reply,       \
    .write_delta = sl_mlflow_write_delta, .cost_at = "usage"

#define SL_MLFLOW_MANNERS                                                                                         \
    .refusal_status = 422, .passes_unknown = true, .takes_any_role = true, .temperature_max = 2,                  \
    .max_tokens_default = INT64_MAX, .checks_as_mlflow = true, .has_old_completions = true, .joins_system = true, \
    .has_two_finishes = true, .has_fastapi_texts = true, .first_byte_usec = 290000000 /* its clients wait for 300 s */

#endif
