/* SPDX-License-Identifier: Apache-2.0 */
/* The language of Cohere's second API. */
#include "llm/core/language.h"

#include "llm/cohere/cohere.h"
#include "llm/cohere/pass.h"
#include "llm/cohere/read.h"
#include "llm/cohere/read_embed.h"
#include "llm/cohere/write.h"
#include "llm/core/errbody.h"
#include "llm/core/lost.h"
#include "llm/dialects.h"

/* 498: the token is blocked or unknown; other APIs say 401. */
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
    (void)ask_usage; /* streams always have usage */
    const struct sl_cohere_conf *conf = target->conf;
    bool is_embed = call->type == SL_LLM_EMBEDDINGS;
    if (sl_target_speaks(target, call->type, call->language)) {
        struct sl_call_edit model = { "model", conf->model_json, true };
        io_req->target = is_embed ? conf->embed : conf->chat;
        return sl_call_pass(call, &model, 1, arena, io_req, ret_error);
    }
    return (is_embed ? sl_cohere_embed_write : sl_cohere_chat_write)(call, target, env, arena, io_req, ret_error);
}

static void judge_reply(struct sl_str body, enum sl_llm_type type, struct sl_json *doc, struct sl_reply_judgement *ret)
{
    sl_errbody_judge(body, type == SL_LLM_EMBEDDINGS ? "embeddings" : "message", doc, ret);
}

const struct sl_language sl_language_cohere = {
    .name = "cohere",
    .framing = SL_FRAMING_SSE,
    .stream_type = SL_STR_INIT("text/event-stream"),
    .alive = SL_STR_INIT(": alive\n\n"),
    .read_call = sl_cohere_read_call,
    .read_chat = sl_cohere_read_chat,
    .read_embed = sl_cohere_read_embed,
    .write_call = write_call,
    .read_state_size = sizeof(struct sl_cohere_stream),
    .read_reply = sl_cohere_on_reply,
    .on_frame = sl_cohere_on_frame,
    .on_end = sl_cohere_on_end,
    .is_over = sl_cohere_is_over,
    .read_error = read_error,
    .lacks = { [SL_LLM_CHAT] = SL_LOST_CITATIONS },
    .write_state_size = sizeof(struct sl_cohere_writer),
    .write_reply = sl_cohere_write_reply,
    .write_delta = sl_cohere_write_delta,
    .write_end = sl_cohere_write_end,
    .write_error = sl_cohere_write_error,
    .error_member = "message",
    .write_stream_error = sl_cohere_write_stream_error,
    .judge_reply = judge_reply,
    .reply_members = sl_cohere_reply_members,
    .read_usage = sl_cohere_read_usage,
    .pass_event = sl_cohere_pass_event,
};

static const struct sl_manners manners = { .refusal_status = 400, .limit_names_wait = true };

static void no_route(struct sl_str name, struct sl_arena *arena, struct sl_llm_error *io_error)
{
    io_error->message = sl_arena_printf(arena, "model '%.*s' not found: no route of this gateway has that name",
                                        SL_STR_ARG(name));
}

const struct sl_dialect sl_dialect_cohere = {
    .name = "cohere",
    .language = &sl_language_cohere,
    .manners = &manners,
    .no_route = no_route,
};
