/* SPDX-License-Identifier: Apache-2.0 */
/* Hugging Face's text-generation-inference: texts by {"inputs", "parameters"}. Its chats have OpenAI's language. */
#ifndef SL_LLM_TGI_H
#define SL_LLM_TGI_H

#include "llm/core/language.h"
#include "llm/core/llm.h"
#include "llm/core/pieces.h"

struct sl_tgi_stream {
    bool has_start, has_text, is_done, has_error;
    struct sl_half half;
};

int sl_tgi_write_call(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                      bool ask_usage, struct sl_arena *arena, struct sl_http_req *io_req,
                      struct sl_llm_error *ret_error);
/* Reads one object, or a list with one. */
int sl_tgi_read_reply(const struct sl_call *call, const struct sl_env *env, struct sl_str body, struct sl_arena *arena,
                      struct sl_reply *ret_reply, struct sl_err *err);
int sl_tgi_on_frame(void *state, const struct sl_call *call, const struct sl_frame *frame, struct sl_delta_sink *sink,
                    struct sl_err *err);
bool sl_tgi_is_over(const void *state);
int sl_tgi_on_end(void *state, struct sl_delta_sink *sink, struct sl_err *err);

/* MLflow's clients get the server's own word. */
enum sl_finish sl_tgi_finish(const struct sl_call *call, struct sl_str word);

/* Only completions. The provider sets the request's path. */
extern const struct sl_language sl_language_tgi;

#endif
