/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/tgi/tgi.h"

#include "base/num.h"
#include "llm/chat/chat.h"
#include "llm/core/errbody.h"
#include "llm/core/reading.h"

/* MLflow's temperature is 0 to 2, and 100 is the largest here; 0 is refused. */
#define TEMPERATURE_FACTOR 50
#define TEMPERATURE_MIN    0.001

/* --- requests --- */

static const struct sl_fate_row fates[] = {
    { "seed", SL_FATE_PASS },
    { "frequency_penalty", SL_FATE_PASS },
    { "best_of", SL_FATE_PASS },
    { "do_sample", SL_FATE_PASS },
    { "repetition_penalty", SL_FATE_PASS },
    { "return_full_text", SL_FATE_PASS },
    { "top_k", SL_FATE_PASS },
    { "top_n_tokens", SL_FATE_PASS },
    { "truncate", SL_FATE_PASS },
    { "typical_p", SL_FATE_PASS },
    { "watermark", SL_FATE_PASS },
    { "grammar", SL_FATE_PASS },
    { "adapter_id", SL_FATE_PASS },
    { "echo", SL_FATE_OWN },
    { "max_new_tokens", SL_FATE_DROP },
    { "details", SL_FATE_OWN },
    { "decoder_input_details", SL_FATE_OWN },
    { "presence_penalty", SL_FATE_DROP },
    { "logit_bias", SL_FATE_DROP },
    { "suffix", SL_FATE_REFUSE },
    { "logprobs", SL_FATE_REFUSE },
    { NULL, SL_FATE_DROP },
};

static int call_check(const struct sl_call *call, const struct sl_chat *chat, struct sl_arena *arena,
                      struct sl_llm_error *error)
{
    bool has_native = sl_json_is_present(sl_chat_member(chat, "max_new_tokens"));
    if (call->manners->checks_as_mlflow && has_native) {
        return sl_refuse(call, arena, error, "max_new_tokens",
                         "Invalid parameter max_new_tokens. Use max_tokens instead.");
    }
    if (chat->n != 1) { /* MLflow's text, in which a space is missing */
        return sl_refuse(call, arena, error, "n",
                         "'n' must be '1' for the Text Generation Inference provider.Received value: '%lld'.",
                         (long long)chat->n);
    }
    if (call->is_stream && sl_json_is(sl_chat_member(chat, "echo"), SL_JSON_TRUE)) {
        return sl_refuse(call, arena, error, "echo", "A stream does not have the prompt: 'echo' must be false.");
    }
    return 0;
}

static void temperature_write(const struct sl_call *call, const struct sl_chat *chat, struct sl_body *body)
{
    double t;
    if (!sl_json_is_present(chat->temperature) || sl_json_double(chat->temperature, &t) < 0) {
        return;
    }
    if (call->manners->temperature_max > 0) {
        sl_jw_key(&body->w, "temperature");
        sl_jw_double(&body->w, SL_MAX(t * TEMPERATURE_FACTOR, TEMPERATURE_MIN));
    } else if (t > 0) {
        sl_body_member(body, "temperature", sl_json_raw(chat->temperature));
    } else if (!sl_json_is_present(sl_chat_member(chat, "do_sample"))) {
        sl_jw_member_bool(&body->w, "do_sample", false);
    }
}

static void stop_write(const struct sl_chat *chat, struct sl_body *body)
{
    if (chat->n_stop == 0) {
        return;
    }
    sl_jw_key(&body->w, "stop");
    sl_jw_array(&body->w);
    for (uint32_t i = 0; i < chat->n_stop; i++) {
        sl_body_raw(body, chat->stop[i]);
    }
    sl_jw_end(&body->w);
}

static void values_write(const struct sl_call *call, const struct sl_chat *chat, struct sl_body *body)
{
    double top_p = 0;
    temperature_write(call, chat, body);
    if (chat->max_tokens >= 0) {
        sl_jw_member_i64(&body->w, "max_new_tokens", chat->max_tokens);
    }
    if (sl_json_double(chat->top_p, &top_p) == 0 && top_p < 1) { /* 1 says nothing, and is refused */
        sl_body_member(body, "top_p", sl_json_raw(chat->top_p));
    }
    stop_write(chat, body);
    if (sl_json_is(sl_chat_member(chat, "echo"), SL_JSON_TRUE) &&
        !sl_json_is_present(sl_chat_member(chat, "return_full_text"))) {
        sl_jw_member_bool(&body->w, "return_full_text", true);
    }
    sl_jw_member_bool(&body->w, "details", true);
    if (!call->is_stream) { /* a stream has the prompt's length in its last event, and refuses this member */
        sl_jw_member_bool(&body->w, "decoder_input_details", true);
    }
    if (chat->user.p) {
        sl_body_leave_out(body, SL_STR("user"));
    }
}

int sl_tgi_write_call(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                      bool ask_usage, struct sl_arena *arena, struct sl_http_req *io_req,
                      struct sl_llm_error *ret_error)
{
    (void)ask_usage; /* streams always have usage */
    struct sl_chat chat;
    struct sl_body body;
    int r = sl_chat_read(call, env, arena, &chat, ret_error);
    r = r < 0 ? r : call_check(call, &chat, arena, ret_error);
    if (r < 0) {
        return r;
    }
    sl_body_init(&body, call);
    sl_jw_object(&body.w);
    sl_body_member(&body, "inputs", chat.messages[0].text);
    sl_jw_key(&body.w, "parameters");
    sl_jw_object(&body.w);
    values_write(call, &chat, &body);
    r = sl_chat_members(call, &chat, target->provider, fates, &body, arena, ret_error);
    sl_jw_end(&body.w);
    if (call->is_stream) {
        sl_jw_member_bool(&body.w, "stream", true);
    }
    sl_jw_end(&body.w);
    if (r < 0) {
        sl_body_drop(&body);
        return r;
    }
    return sl_body_finish(&body, arena, io_req);
}

/* --- replies --- */

enum sl_finish sl_tgi_finish(const struct sl_call *call, struct sl_str word)
{
    static const struct sl_finish_word words[] = {
        { SL_STR_INIT("length"), SL_FINISH_LENGTH },
        { SL_STR_INIT("eos_token"), SL_FINISH_STOP },
        { SL_STR_INIT("stop_sequence"), SL_FINISH_STOP },
        { { 0 }, SL_FINISH_NONE },
    };
    enum sl_finish finish = sl_finish_find(words, word);
    if (finish == SL_FINISH_NONE && !call->manners->checks_as_mlflow) {
        return SL_FINISH_STOP; /* without details there is no finish reason, and clients need a word */
    }
    return finish == SL_FINISH_STOP && call->manners->checks_as_mlflow ? SL_FINISH_OTHER : finish;
}

/* The prompt's tokens: those that were listed, else the number in the head. */
static int64_t input_of(struct sl_json_val details, const struct sl_headers *headers)
{
    uint64_t n = sl_json_count(sl_json_get(details, "prefill"));
    struct sl_str text = headers ? sl_headers_get(headers, "x-prompt-tokens") : SL_STR_NONE;
    if (n == 0 && (!text.n || sl_parse_u64(text, 0, SL_USAGE_COUNT_MAX, &n) < 0)) {
        return -1;
    }
    return (int64_t)n;
}

int sl_tgi_read_reply(const struct sl_call *call, const struct sl_env *env, struct sl_str body, struct sl_arena *arena,
                      struct sl_reply *ret_reply, struct sl_err *err)
{
    int r = sl_reply_parse(env->scratch, body, 0, err);
    if (r < 0) {
        return r;
    }
    struct sl_json_val root = sl_json_root(env->scratch);
    root = sl_json_is(root, SL_JSON_ARRAY) ? sl_json_at(root, "[0]") : root;
    struct sl_json_val text = sl_json_get(root, "generated_text"), details = sl_json_get(root, "details");
    struct sl_reading rd = SL_READING_REPLY(arena, err);
    struct sl_reply reply = { .created = -1, .usage = SL_USAGE_NONE };
    struct sl_choice *choice = sl_reading_choice(&rd, 1, &reply);
    if (!choice) {
        return rd.status;
    }
    if (!sl_json_is(text, SL_JSON_STRING)) {
        return sl_fail(err, SL_E_INVAL, "it has no generated_text");
    }
    choice->blocks[choice->n_blocks++].text = sl_reading_text(&rd, text);
    choice->finish_text = sl_reading_text(&rd, sl_json_get(details, "finish_reason"));
    choice->finish = sl_tgi_finish(call, choice->finish_text);
    reply.usage.input = input_of(details, env->upstream_headers);
    reply.usage.output = sl_count_get(details, "generated_tokens");
    if (rd.status == 0) {
        *ret_reply = reply;
    }
    return rd.status;
}

const struct sl_language sl_language_tgi = {
    .name = "tgi",
    .framing = SL_FRAMING_SSE,
    .stream_type = SL_STR_INIT("text/event-stream"),
    .write_call = sl_tgi_write_call,
    .read_state_size = sizeof(struct sl_tgi_stream),
    .read_reply = sl_tgi_read_reply,
    .on_frame = sl_tgi_on_frame,
    .on_end = sl_tgi_on_end,
    .is_over = sl_tgi_is_over,
    .read_error = sl_errbody_classify,
};
