/* SPDX-License-Identifier: Apache-2.0 */
/* The old text completions, for MLflow's completions routes: a prompt between "
 *
 * Human: " and "
 *
 * Assistant:". */
#include "llm/anthropic/anthropic.h"

#define HUMAN     "\\n\\nHuman: " /* as written inside a JSON string */
#define LINES     "\\n\\n"
#define ASSISTANT "\\n\\nAssistant:"

static const struct sl_fate_row fates[] = {
    { "stop_sequences", SL_FATE_OWN },
    { "max_tokens_to_sample", SL_FATE_DROP },
    { "seed", SL_FATE_DROP },
    { "frequency_penalty", SL_FATE_DROP },
    { "presence_penalty", SL_FATE_DROP },
    { "logit_bias", SL_FATE_DROP },
    { "best_of", SL_FATE_DROP },
    { "suffix", SL_FATE_REFUSE },
    { "echo", SL_FATE_REFUSE },
    { "logprobs", SL_FATE_REFUSE },
    { NULL, SL_FATE_DROP },
};

/* Adds the frame where it is missing. Two spellings of a newline are the same text. */
static void prompt_write(const struct sl_chat *chat, struct sl_body *body)
{
    struct sl_str raw = chat->messages[0].text;
    struct sl_str inside = sl_str_sub(raw, 1, raw.n - 1);
    bool has_head = sl_str_has_prefix(inside, SL_STR(HUMAN)), has_tail = sl_str_has_suffix(inside, SL_STR(ASSISTANT));
    if (has_head && has_tail) {
        sl_body_member(body, "prompt", raw);
        return;
    }
    struct sl_str head = SL_STR(HUMAN);
    if (has_head) {
        head = SL_STR("");
    } else if (sl_str_has_prefix(inside, SL_STR("Human: "))) {
        head = SL_STR(LINES);
    }
    struct sl_str pieces[] = { SL_STR("\""), head, inside, has_tail ? SL_STR("") : SL_STR(ASSISTANT), SL_STR("\"") };
    sl_jw_key(&body->w, "prompt");
    sl_jw_raw(&body->w, SL_STR(""));
    for (size_t i = 0; i < SL_ARRAY_LEN(pieces); i++) {
        sl_buf_add_str(&body->buf, pieces[i]);
    }
}

int sl_anthropic_complete_build(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                                struct sl_arena *arena, struct sl_http_req *req, struct sl_llm_error *ret_error)
{
    const struct sl_anthropic_conf *conf = target->conf;
    if (call->is_stream) {
        return sl_unsupported(call, ret_error,
                              sl_provider_refusal(&sl_provider_anthropic, SL_LLM_COMPLETIONS, true, arena));
    }
    struct sl_chat chat;
    int r = sl_chat_read(call, env, arena, &chat, ret_error);
    r = r < 0 ? r : sl_anthropic_mlflow_check(call, &chat, arena, ret_error);
    if (r < 0) {
        return r;
    }
    struct sl_body body;
    sl_body_init(&body, call);
    sl_jw_object(&body.w);
    sl_body_member(&body, "model", conf->model_json);
    prompt_write(&chat, &body);
    int64_t limit = target->row->output;
    int64_t asked = chat.max_tokens >= 0 ? chat.max_tokens : sl_anthropic_fallback_tokens(call, conf);
    if (chat.max_tokens > limit) {
        sl_body_leave_out(&body, SL_STR("max_tokens"));
    }
    sl_jw_key(&body.w, "max_tokens_to_sample");
    sl_jw_i64(&body.w, SL_MIN(asked, limit));
    sl_anthropic_temperature_write(call, &chat, &body);
    if (sl_json_is_present(chat.top_p)) {
        sl_body_member(&body, "top_p", sl_json_raw(chat.top_p));
    }
    sl_anthropic_stop_write(&chat, &body);
    r = sl_chat_members(call, &chat, &sl_provider_anthropic, fates, &body, arena, ret_error);
    sl_jw_end(&body.w);
    if (r < 0) {
        sl_body_drop(&body);
        return r;
    }
    return sl_body_finish(&body, arena, req);
}
