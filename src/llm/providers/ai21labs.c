/* SPDX-License-Identifier: Apache-2.0 */
/* Provider ai21labs: chats of the Jamba models, which speak nearly OpenAI's language, and text completions of the older
 * Jurassic models ("j2-…"). MLflow knows only the latter. */
#include "llm/chat/chat.h"
#include "llm/core/errbody.h"
#include "llm/core/pieces.h"
#include "llm/core/language.h"
#include "llm/core/llm.h"
#include "llm/core/prepare.h"
#include "llm/core/reading.h"
#include "llm/openai/openai.h"
#include "llm/openai/write_messages.h"

#define AI21LABS_BASE "https://api.ai21.com/studio/v1"

struct ai21labs_conf {
    struct sl_secret key;
    struct sl_str base;
    /* made by prepare */
    struct sl_str target; /* path and query */
    struct sl_str model_json;
    struct sl_headers headers;
};

extern const struct sl_provider sl_provider_ai21labs;
static const struct sl_language jurassic;

static int prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    struct ai21labs_conf *conf = target->conf;
    struct sl_str model = sl_percent_encode(target->model, bind->arena), rel = SL_STR("chat/completions");
    if (sl_str_has_prefix(target->model, SL_STR("j2-"))) {
        rel = model.p ? sl_arena_printf(bind->arena, "%.*s/complete", SL_STR_ARG(model)) : SL_STR_NONE;
        target->languages[SL_LLM_COMPLETIONS] = &jurassic;
        target->languages[SL_LLM_CHAT] = NULL;
    }
    conf->model_json = sl_json_quote(target->model, bind->arena);
    int r = rel.p && conf->model_json.p ? sl_prepare_base(bind, val, "ai21labs_api_base", conf->base, &target->base)
                                        : SL_E_NOMEM;
    r = r < 0 ? r : sl_uri_join(&target->base, rel, bind->arena, &conf->target);
    r = r < 0 ? r : sl_prepare_key(bind, val, "ai21labs_api_key", SL_STR("Bearer "), &conf->key);
    r = r < 0 ? r : sl_headers_add(&conf->headers, bind->arena, SL_STR("content-type"), SL_STR("application/json"));
    r = r < 0 ? r : sl_headers_add(&conf->headers, bind->arena, SL_STR("authorization"), sl_secret_reveal(&conf->key));
    return r == SL_E_NOMEM ? SL_PREPARE_FAIL(bind, val, "", "out of memory") : r;
}

/* --- Jamba: chats --- */

static const struct sl_fate_row jamba_fates[] = {
    { "documents", SL_FATE_PASS },       { "best_of", SL_FATE_OWN },
    { "modalities", SL_FATE_OWN },       { "logprobs", SL_FATE_REFUSE },
    { "audio", SL_FATE_REFUSE },         { "functions", SL_FATE_REFUSE },
    { "function_call", SL_FATE_REFUSE }, { "suffix", SL_FATE_REFUSE },
    { "echo", SL_FATE_REFUSE },          { NULL, SL_FATE_NEVER },
};

static int jamba_check(const struct sl_call *call, const struct sl_chat *chat, struct sl_arena *arena,
                       struct sl_llm_error *error)
{
    if (chat->n > 1 && call->is_stream) {
        return sl_refuse(call, arena, error, "n", "AI21Labs models stream one choice: 'n' must be 1.");
    }
    for (uint32_t i = 0; i < chat->n_messages; i++) {
        for (uint32_t k = 0; k < chat->messages[i].n_parts; k++) {
            enum sl_part_kind kind = chat->messages[i].parts[k].kind;
            if (kind == SL_PART_IMAGE || kind == SL_PART_AUDIO || kind == SL_PART_FILE) {
                return sl_refuse(call, arena, error, "messages", "messages[%u]: AI21Labs models take text only.", i);
            }
        }
    }
    for (uint32_t i = 0; i < chat->n_tools; i++) {
        if (chat->tools[i].type.n) {
            return sl_refuse(call, arena, error, "tools",
                             "Only function calling tool is supported, but received tool type %.*s",
                             SL_STR_ARG(chat->tools[i].type));
        }
    }
    return 0;
}

/* AI21 has no choice among tools: tools that must not be called do not go up, and any other wish is named. */
static void jamba_tools_write(const struct sl_chat *chat, struct sl_body *body)
{
    bool is_open = false, is_named = chat->choice == SL_CHOICE_NAMED;
    for (uint32_t i = 0; i < chat->n_tools && chat->choice != SL_CHOICE_NONE; i++) {
        const struct sl_tool *tool = &chat->tools[i];
        if (tool->is_left_out || (is_named && !sl_str_eq(tool->name, chat->choice_name))) {
            continue;
        }
        if (!is_open) {
            is_open = true;
            sl_jw_key(&body->w, "tools");
            sl_jw_array(&body->w);
        }
        sl_jw_object(&body->w);
        sl_jw_member_str(&body->w, "type", SL_STR("function"));
        sl_jw_key(&body->w, "function");
        sl_jw_object(&body->w);
        sl_body_member(body, "name", tool->name);
        if (tool->description.p) {
            sl_body_member(body, "description", tool->description);
        }
        if (tool->parameters.p) {
            sl_body_member(body, "parameters", tool->parameters);
        }
        sl_jw_end(&body->w);
        sl_jw_end(&body->w);
    }
    if (is_open) {
        sl_jw_end(&body->w);
    }
    if (is_named || chat->choice == SL_CHOICE_REQUIRED) {
        sl_body_leave_out(body, SL_STR("tool_choice"));
    }
    if (chat->parallel == 0) {
        sl_body_leave_out(body, SL_STR("parallel_tool_calls"));
    }
}

static void jamba_stop_write(const struct sl_chat *chat, struct sl_body *body)
{
    if (!chat->n_stop) {
        return;
    }
    sl_jw_key(&body->w, "stop");
    sl_jw_array(&body->w);
    for (uint32_t i = 0; i < chat->n_stop; i++) {
        sl_body_raw(body, chat->stop[i]);
    }
    sl_jw_end(&body->w);
}

static int jamba_write(const struct sl_call *call, const struct ai21labs_conf *conf, const struct sl_chat *chat,
                       struct sl_body *body, struct sl_arena *arena, struct sl_llm_error *ret_error)
{
    sl_jw_object(&body->w);
    sl_body_member(body, "model", conf->model_json);
    int r = sl_openai_messages_write(call, chat, NULL, arena, body, ret_error);
    if (r < 0) {
        return r;
    }
    jamba_tools_write(chat, body);
    if (chat->max_tokens >= 0) {
        sl_jw_member_i64(&body->w, "max_tokens", chat->max_tokens);
    }
    if (chat->n > 1) {
        sl_jw_member_i64(&body->w, "n", chat->n);
    }
    if (sl_json_is_present(chat->temperature)) {
        sl_body_member(body, "temperature", sl_json_raw(chat->temperature));
    }
    if (sl_json_is_present(chat->top_p)) {
        sl_body_member(body, "top_p", sl_json_raw(chat->top_p));
    }
    jamba_stop_write(chat, body);
    if (chat->format != SL_ANSWER_TEXT) {
        sl_body_member(body, "response_format", SL_STR("{\"type\":\"json_object\"}"));
    }
    if (chat->format == SL_ANSWER_SCHEMA) {
        sl_body_leave_out(body, SL_STR("response_format.json_schema"));
    }
    if (chat->effort.p && !sl_str_eq_c(chat->effort, "none")) {
        sl_body_leave_out(body, SL_STR("reasoning_effort"));
    }
    if (chat->user.p) {
        sl_body_leave_out(body, SL_STR("user"));
    }
    if (call->is_stream) {
        sl_jw_member_bool(&body->w, "stream", true);
    }
    r = sl_chat_members(call, chat, &sl_provider_ai21labs, jamba_fates, body, arena, ret_error);
    sl_jw_end(&body->w);
    return r;
}

/* --- Jurassic: completions --- */

static const struct sl_fate_row fates[] = {
    { "minTokens", SL_FATE_PASS },
    { "topKReturn", SL_FATE_PASS },
    { "presencePenalty", SL_FATE_PASS },
    { "frequencyPenalty", SL_FATE_PASS },
    { "countPenalty", SL_FATE_PASS },
    { "numResults", SL_FATE_DROP },
    { "maxTokens", SL_FATE_DROP },
    { "stopSequences", SL_FATE_DROP },
    { "topP", SL_FATE_PASS },
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

/* MLflow refuses the provider's own names where it has a generic one. */
static int native_check(const struct sl_call *call, const struct sl_chat *chat, struct sl_arena *arena,
                        struct sl_llm_error *ret_error)
{
    static const struct {
        const char *native, *generic;
    } names[] = { { "numResults", "n" }, { "maxTokens", "max_tokens" }, { "stopSequences", "stop" } };
    for (size_t i = 0; i < SL_ARRAY_LEN(names) && call->manners->checks_as_mlflow; i++) {
        if (sl_json_is_present(sl_chat_member(chat, names[i].native))) {
            return sl_refuse(call, arena, ret_error, names[i].native, "Invalid parameter %s. Use %s instead.",
                             names[i].native, names[i].generic);
        }
    }
    return 0;
}

static int body_write(const struct sl_call *call, const struct sl_chat *chat, struct sl_body *body,
                      struct sl_arena *arena, struct sl_llm_error *ret_error)
{
    sl_jw_object(&body->w);
    sl_body_member(body, "prompt", chat->messages[0].text);
    if (chat->has_n) {
        sl_jw_key(&body->w, "numResults");
        sl_jw_i64(&body->w, chat->n);
    }
    if (chat->max_tokens >= 0) {
        sl_jw_key(&body->w, "maxTokens");
        sl_jw_i64(&body->w, chat->max_tokens);
    }
    if (sl_json_is_present(chat->temperature)) {
        sl_body_member(body, "temperature", sl_json_raw(chat->temperature));
    }
    if (sl_json_is_present(chat->top_p)) {
        sl_body_member(body, "topP", sl_json_raw(chat->top_p));
    }
    if (chat->n_stop) {
        sl_jw_key(&body->w, "stopSequences");
        sl_jw_array(&body->w);
        for (uint32_t i = 0; i < chat->n_stop; i++) {
            sl_body_raw(body, chat->stop[i]);
        }
        sl_jw_end(&body->w);
    }
    if (chat->user.p) {
        sl_body_leave_out(body, SL_STR("user"));
    }
    int r = sl_chat_members(call, chat, &sl_provider_ai21labs, fates, body, arena, ret_error);
    sl_jw_end(&body->w);
    return r;
}

static int build(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env, bool ask_usage,
                 struct sl_arena *arena, struct sl_http_req *ret_req, struct sl_llm_error *ret_error)
{
    (void)ask_usage;
    const struct ai21labs_conf *conf = target->conf;
    struct sl_http_req req = { .method = "POST", .target = conf->target };
    struct sl_chat chat;
    int r = sl_headers_start(&conf->headers, arena, &req.headers);
    bool is_jurassic = target->languages[call->type] == &jurassic;
    if (is_jurassic && call->is_stream) {
        return sl_unsupported(call, ret_error, sl_provider_refusal(&sl_provider_ai21labs, call->type, true, arena));
    }
    r = r < 0 ? r : sl_chat_read(call, env, arena, &chat, ret_error);
    r = r < 0 ? r : native_check(call, &chat, arena, ret_error);
    r = r < 0 || is_jurassic ? r : jamba_check(call, &chat, arena, ret_error);
    if (r < 0) {
        return r;
    }
    struct sl_body body;
    sl_body_init(&body, call);
    r = is_jurassic ? body_write(call, &chat, &body, arena, ret_error)
                    : jamba_write(call, conf, &chat, &body, arena, ret_error);
    if (r < 0) {
        sl_body_drop(&body);
        return r;
    }
    r = sl_body_finish(&body, arena, &req);
    if (r == 0) {
        *ret_req = req;
    }
    return r;
}

/* --- replies --- */

static enum sl_finish finish_of(struct sl_str reason)
{
    return sl_str_eq_c(reason, "stop")     ? SL_FINISH_STOP
           : sl_str_eq_c(reason, "length") ? SL_FINISH_LENGTH
           : reason.n                      ? SL_FINISH_OTHER
                                           : SL_FINISH_NONE;
}

static int choice_read(struct sl_json_val v, struct sl_arena *arena, struct sl_choice *choice, struct sl_err *err)
{
    choice->blocks = SL_ARENA_NEW(arena, struct sl_block);
    struct sl_json_val text = sl_json_at(v, "data.text"), reason = sl_json_at(v, "finishReason.reason");
    int r = choice->blocks ? sl_json_text(text, arena, &choice->blocks[0].text) : SL_E_NOMEM;
    if (r == 0 && sl_json_is(reason, SL_JSON_STRING)) {
        r = sl_json_text(reason, arena, &choice->finish_text);
    }
    choice->n_blocks = 1;
    choice->finish = finish_of(choice->finish_text);
    return r == SL_E_TYPE ? sl_fail(err, SL_E_INVAL, "a completion has no text") : r;
}

static int on_reply(const struct sl_call *call, const struct sl_env *env, struct sl_str body, struct sl_arena *arena,
                    struct sl_reply *ret_reply, struct sl_err *err)
{
    (void)call;
    struct sl_json *doc = env->scratch;
    int r = sl_reply_parse(doc, body, 0, err);
    if (r < 0) {
        return r;
    }
    struct sl_json_val list = sl_json_get(sl_json_root(doc), "completions");
    if (!sl_json_is(list, SL_JSON_ARRAY)) {
        return sl_fail(err, SL_E_INVAL, "it has no list of completions");
    }
    struct sl_reply reply = { .created = -1, .usage = SL_USAGE_NONE };
    reply.choices = SL_ARENA_ARRAY(arena, struct sl_choice, sl_json_count(list) + 1);
    r = reply.choices ? 0 : SL_E_NOMEM;
    for (struct sl_json_iter it = sl_json_each(list); r == 0 && sl_json_next(&it);) {
        reply.choices[reply.n_choices].index = it.index;
        r = choice_read(it.val, arena, &reply.choices[reply.n_choices++], err);
    }
    if (r == 0) {
        *ret_reply = reply;
    }
    return r;
}

/* --- the row --- */

static const struct sl_language jurassic = {
    .name = "ai21labs",
    .read_reply = on_reply,
    .read_error = sl_errbody_classify,
};

/* Replies are OpenAI's. Requests are written here: members of OpenAI's that AI21 does not have are refused. */
static const struct sl_language jamba = {
    .name = "jamba",
    .framing = SL_FRAMING_SSE,
    .stream_type = SL_STR_INIT("text/event-stream"),
    .read_state_size = sizeof(struct sl_openai_stream),
    .read_reply = sl_openai_on_reply,
    .on_frame = sl_openai_on_frame,
    .on_end = sl_openai_on_end,
    .is_over = sl_openai_is_over,
    .read_error = sl_errbody_classify,
};

static const struct sl_opt opts[] = {
    { "ai21labs_api_key", SL_OPT_SECRET, offsetof(struct ai21labs_conf, key), NULL, 0, 0,
      SL_OPT_RELOAD | SL_OPT_REQUIRED, NULL, NULL, NULL,
      "the credential: a literal, $NAME, or the path of a file that holds it" },
    { "ai21labs_api_base", SL_OPT_URL, offsetof(struct ai21labs_conf, base), AI21LABS_BASE, 0, 0, SL_OPT_RELOAD, NULL,
      NULL, NULL, "base URL with the version" },
    { NULL },
};

const struct sl_provider sl_provider_ai21labs = {
    .name = "ai21labs",
    .priced_as = "ai21",
    .label = "AI21Labs",
    .caps = SL_CAP_CHAT | SL_CAP_COMPLETIONS | SL_CAP_STREAM,
    .languages = { &jamba, &jamba },
    .stream_usage = SL_USAGE_ALWAYS,
    .credential_headers = sl_credential_bearer,
    .pass_headers = sl_pass_common,
    .hidden_headers = sl_hidden_common,
    .opts = opts,
    .conf_size = sizeof(struct ai21labs_conf),
    .prepare = prepare,
    .build = build,
};
