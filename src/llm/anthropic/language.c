/* SPDX-License-Identifier: Apache-2.0 */
/* The language of the Messages API, and of the old completions. */
#include "llm/core/lost.h"
#include "llm/core/language.h"
#include "llm/core/llm.h"

#include "llm/anthropic/anthropic.h"
#include "llm/anthropic/pass.h"
#include "llm/anthropic/read.h"
#include "llm/anthropic/write.h"
#include "llm/core/errbody.h"
#include "llm/dialects.h"

static void read_error(int status, const struct sl_headers *headers, struct sl_str body, struct sl_arena *arena,
                       struct sl_llm_error *ret_error)
{
    sl_errbody_classify(status, headers, body, arena, ret_error);
    if (status == 429 && sl_str_find(body, SL_STR("enforced_spend_limit_reached"), 0) >= 0) {
        ret_error->type = SL_ERR_PROVIDER_BILLING; /* a cap on money: waiting does not help */
    }
}

bool sl_anthropic_is_complete(const struct sl_call *call, const struct sl_target *target)
{
    return call->type == SL_LLM_COMPLETIONS && call->manners->has_old_completions &&
           (target->row->can & SL_MODEL_COMPLETE);
}

static int write_call(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                      bool ask_usage, struct sl_arena *arena, struct sl_http_req *io_req,
                      struct sl_llm_error *ret_error)
{
    (void)ask_usage; /* streams always have usage */
    const struct sl_anthropic_conf *conf = target->conf;
    if (sl_target_speaks(target, call->type, call->language)) {
        struct sl_call_edit edits[] = {
            { "model", conf->hosted_version.p && !call->is_count ? SL_STR_NONE : conf->model_json, true },
            { "anthropic_version", conf->hosted_version, true },
        };
        return sl_call_pass(call, edits, conf->hosted_version.p ? 2 : 1, arena, io_req, ret_error);
    }
    return (sl_anthropic_is_complete(call, target) ? sl_anthropic_complete_build : sl_anthropic_messages_build)(
        call, target, env, arena, io_req, ret_error);
}

const struct sl_language sl_language_anthropic = {
    .name = "anthropic",
    .framing = SL_FRAMING_SSE,
    .stream_type = SL_STR_INIT("text/event-stream; charset=utf-8"),
    .alive = SL_STR_INIT("event: ping\ndata: {\"type\": \"ping\"}\n\n"),
    .read_call = sl_anthropic_read_call,
    .read_chat = sl_anthropic_read_chat,
    .count = sl_anthropic_count,
    .write_call = write_call,
    .read_state_size = sizeof(struct sl_anthropic_stream),
    .read_reply = sl_anthropic_on_reply,
    .on_frame = sl_anthropic_on_frame,
    .on_end = sl_anthropic_on_end,
    .is_over = sl_anthropic_is_over,
    .read_error = read_error,
    .lacks = { [SL_LLM_CHAT] = SL_LOST_LOGPROBS },
    .write_state_size = sizeof(struct sl_anthropic_writer),
    .write_reply = sl_anthropic_write_reply,
    .write_delta = sl_anthropic_write_delta,
    .write_end = sl_anthropic_write_end,
    .write_error = sl_anthropic_write_error,
    .write_stream_error = sl_anthropic_write_stream_error,
    .reply_members = sl_anthropic_reply_members,
    .read_usage = sl_anthropic_read_usage,
    .pass_event = sl_anthropic_pass_event,
};

static const struct sl_manners manners = {
    .refusal_status = 400,
    .limit_names_wait = true,
};

static void no_route(struct sl_str name, struct sl_arena *arena, struct sl_llm_error *io_error)
{
    io_error->message = sl_arena_printf(arena, "model: %.*s", SL_STR_ARG(name));
}

static const struct sl_str own_headers[] = { SL_STR_INIT("anthropic-beta"), { 0 } };

const struct sl_dialect sl_dialect_anthropic = {
    .name = "anthropic",
    .language = &sl_language_anthropic,
    .manners = &manners,
    .no_route = no_route,
    .listing = &sl_anthropic_listing,
    .own_headers = own_headers,
    .request_id_header = "request-id",
};
