/* SPDX-License-Identifier: Apache-2.0 */
/* The language of OpenAI's Responses API, as an upstream speaks it. */
#include "llm/core/errbody.h"
#include "llm/responses/responses.h"

static int write_call(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                      bool ask_usage, struct sl_arena *arena, struct sl_http_req *io_req,
                      struct sl_llm_error *ret_error)
{
    (void)ask_usage; /* it is always told */
    return sl_responses_chat_write(call, target, env, arena, io_req, ret_error);
}

const struct sl_language sl_language_responses = {
    .name = "responses",
    .framing = SL_FRAMING_SSE,
    .stream_type = SL_STR_INIT("text/event-stream; charset=utf-8"),
    .write_call = write_call,
    .read_state_size = sizeof(struct sl_responses_stream),
    .read_reply = sl_responses_on_reply,
    .on_frame = sl_responses_on_frame,
    .on_end = sl_responses_on_end,
    .is_over = sl_responses_is_over,
    .read_error = sl_errbody_classify,
    .judge_reply = sl_responses_judge_reply,
};
