/* SPDX-License-Identifier: Apache-2.0 */
/* The language of OpenAI's Responses API, for both directions, and the dialect of its clients. */
#include "llm/core/errbody.h"
#include "llm/core/language.h"
#include "llm/core/llm.h"
#include "llm/core/lost.h"
#include "llm/core/request.h"
#include "llm/dialects.h"
#include "llm/openai/dialect.h"
#include "llm/openai/openai.h"
#include "llm/responses/pass.h"
#include "llm/responses/read.h"
#include "llm/responses/responses.h"
#include "llm/responses/write.h"

static int write_call(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                      bool ask_usage, struct sl_arena *arena, struct sl_http_req *io_req,
                      struct sl_llm_error *ret_error)
{
    (void)ask_usage; /* streams always have usage */
    const struct sl_openai_conf *conf = target->conf;
    if (call->follow && !call->follow->has_body) {
        return 0;
    }
    if (call->language == &sl_language_responses) {
        struct sl_call_edit edit = { "model", conf->response_model, true };
        return sl_call_pass(call, &edit, 1, arena, io_req, ret_error);
    }
    return sl_responses_chat_write(call, target, env, arena, io_req, ret_error);
}

const struct sl_language sl_language_responses = {
    .name = "responses",
    .framing = SL_FRAMING_SSE,
    .stream_type = SL_STR_INIT("text/event-stream; charset=utf-8"),
    .alive = SL_STR_INIT(": alive\n\n"),
    .cost_at = "response.usage",
    .read_call = sl_responses_read_call,
    .read_chat = sl_responses_read_chat,
    .count = sl_responses_count,
    .write_call = write_call,
    .read_state_size = sizeof(struct sl_responses_stream),
    .read_reply = sl_responses_on_reply,
    .on_frame = sl_responses_on_frame,
    .on_end = sl_responses_on_end,
    .is_over = sl_responses_is_over,
    .read_error = sl_errbody_classify,
    .judge_reply = sl_responses_judge_reply,
    .lacks = { [SL_LLM_CHAT] = SL_LOST_CITATIONS },
    .write_state_size = sizeof(struct sl_responses_writer),
    .write_reply = sl_responses_write_reply,
    .write_held = sl_responses_write_held,
    .write_done = sl_responses_write_done,
    .write_delta = sl_responses_write_delta,
    .write_end = sl_responses_write_end,
    .read_answer = sl_responses_read_answer,
    .write_error = sl_openai_write_error,
    .error_member = "error",
    .write_stream_error = sl_responses_write_stream_error,
    .reply_members = sl_responses_reply_members,
    .read_usage = sl_responses_read_usage,
    .pass_event = sl_responses_pass_event,
};

static const struct sl_manners manners = {
    .refusal_status = 400,
    .limit_names_wait = true,
};

const struct sl_dialect sl_dialect_responses = {
    .name = "responses",
    .language = &sl_language_responses,
    .manners = &manners,
    .no_route = sl_openai_no_route,
};
