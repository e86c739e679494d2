/* SPDX-License-Identifier: Apache-2.0 */
/* The language of Cohere's second API, as an upstream speaks it. */
#include "llm/core/language.h"

#include "llm/cohere/cohere.h"
#include "llm/core/errbody.h"

/* 498 is a token that is blocked or not known: what others call 401. */
#define STATUS_TOKEN 498

static void read_error(int status, const struct sl_headers *headers, struct sl_str body, struct sl_arena *arena,
                       struct sl_llm_error *ret_error)
{
    sl_errbody_classify(status == STATUS_TOKEN ? 401 : status, headers, body, arena, ret_error);
}

static int write_call(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                      bool ask_usage, struct sl_arena *arena, struct sl_http_req *io_req,
                      struct sl_llm_error *ret_error)
{
    (void)ask_usage; /* it is always told */
    bool is_embed = call->type == SL_LLM_EMBEDDINGS;
    return (is_embed ? sl_cohere_embed_write : sl_cohere_chat_write)(call, target, env, arena, io_req, ret_error);
}

const struct sl_language sl_language_cohere = {
    .name = "cohere",
    .framing = SL_FRAMING_SSE,
    .stream_type = SL_STR_INIT("text/event-stream"),
    .write_call = write_call,
    .read_state_size = sizeof(struct sl_cohere_stream),
    .read_reply = sl_cohere_on_reply,
    .on_frame = sl_cohere_on_frame,
    .on_end = sl_cohere_on_end,
    .is_over = sl_cohere_is_over,
    .read_error = read_error,
};
