/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a call for an upstream of OpenAI's language: the client's own bytes if it speaks that language too, else a
 * chat made of the canonical call. */
#include "llm/chat/chat.h"
#include "llm/form/form.h"
#include "llm/form/ids.h"
#include "llm/form/models.h"
#include "llm/form/schema.h"
#include "llm/openai/host.h"
#include "llm/openai/openai.h"
#include "llm/openai/write_messages.h"

#define STOPS_MAX 4 /* OpenAI takes at most this many */

static const struct sl_fate_row fates[] = {
    { "thinking", SL_FATE_OWN },
    { "service_tier", SL_FATE_OWN },
    { "seed", SL_FATE_PASS },
    { "presence_penalty", SL_FATE_PASS },
    { "frequency_penalty", SL_FATE_PASS },
    { "logprobs", SL_FATE_PASS },
    { "top_logprobs", SL_FATE_PASS },
    { NULL, SL_FATE_NEVER },
};

/* For a completion that becomes a chat of a client with the same language: the upstream knows all its members. */
static const struct sl_fate_row near_fates[] = {
    { "seed", SL_FATE_PASS },
    { "frequency_penalty", SL_FATE_PASS },
    { "presence_penalty", SL_FATE_PASS },
    { "logit_bias", SL_FATE_PASS },
    { "top_k", SL_FATE_PASS },
    { "min_p", SL_FATE_PASS },
    { "suffix", SL_FATE_REFUSE },
    { "echo", SL_FATE_REFUSE },
    { "logprobs", SL_FATE_REFUSE },
    { "best_of", SL_FATE_DROP },
    { NULL, SL_FATE_DROP },
};

/* --- form --- */

/* The schemas that OpenAI takes; other languages allow more. */
static const struct sl_schema_rules input = { .takes = SL_SCHEMA_ALL, .needs_object = true, .is_shallow = true };
static const struct sl_form_rules form_rules = {
    .label = "OpenAI",
    .ids = { .max = 40 },
    .names = { .alphabet = SL_NAME_WORD | SL_NAME_HYPHEN, .max = 64 },
    .shape = SL_SHAPE_RESULTS,
    .person = { .max = 64 },
    .results_are_text = true,
    .tools = &input,
};

/* --- tools --- */

static void tool_write(struct sl_body *body, const struct sl_tool *tool)
{
    struct sl_jw *w = &body->w;
    sl_jw_object(w);
    sl_jw_member_str(w, "type", SL_STR("function"));
    sl_jw_key(w, "function");
    sl_jw_object(w);
    sl_body_member(body, "name", tool->name);
    if (tool->description.p) {
        sl_body_member(body, "description", tool->description);
    }
    if (tool->parameters.p) {
        sl_body_member(body, "parameters", tool->parameters);
    }
    if (tool->strict.p) {
        sl_body_member(body, "strict", tool->strict);
    }
    sl_jw_end(w);
    sl_jw_end(w);
}

static bool has_tools(const struct sl_chat *chat)
{
    for (uint32_t i = 0; i < chat->n_tools; i++) {
        if (!chat->tools[i].is_left_out) {
            return true;
        }
    }
    return false;
}

static int tools_write(const struct sl_call *call, const struct sl_chat *chat, struct sl_body *body,
                       struct sl_arena *arena, struct sl_llm_error *error)
{
    if (!has_tools(chat)) {
        return 0;
    }
    sl_jw_key(&body->w, "tools");
    sl_jw_array(&body->w);
    for (uint32_t i = 0; i < chat->n_tools; i++) {
        if (chat->tools[i].type.n) {
            return sl_refuse(call, arena, error, "tools",
                             "Only function calling tool is supported, but received tool type %.*s",
                             SL_STR_ARG(chat->tools[i].type));
        }
        if (!chat->tools[i].is_left_out) {
            tool_write(body, &chat->tools[i]);
        }
    }
    sl_jw_end(&body->w);
    return 0;
}

static void choice_write(const struct sl_chat *chat, struct sl_body *body)
{
    static const char *const words[] = {
        [SL_CHOICE_AUTO] = "auto",
        [SL_CHOICE_NONE] = "none",
        [SL_CHOICE_REQUIRED] = "required",
    };
    struct sl_jw *w = &body->w;
    if (!has_tools(chat)) {
        return; /* there is nothing to choose */
    }
    if (chat->choice == SL_CHOICE_NAMED) {
        sl_jw_key(w, "tool_choice");
        sl_jw_object(w);
        sl_jw_member_str(w, "type", SL_STR("function"));
        sl_jw_key(w, "function");
        sl_jw_object(w);
        sl_body_member(body, "name", chat->choice_name);
        sl_jw_end(w);
        sl_jw_end(w);
    } else if (chat->choice != SL_CHOICE_NONE_SAID) {
        sl_jw_member_str(w, "tool_choice", sl_str_c(words[chat->choice]));
    }
    if (chat->parallel >= 0) {
        sl_jw_member_bool(w, "parallel_tool_calls", chat->parallel == 1);
    }
}

/* --- values --- */

struct sl_str sl_openai_effort(const struct sl_chat *chat)
{
    struct sl_json_val thinking = sl_chat_member(chat, "thinking"), type = sl_json_get(thinking, "type");
    int64_t budget = -1;
    struct sl_str effort = chat->effort;
    SL_IGNORE(sl_json_int(sl_json_get(thinking, "budget_tokens"), true, &budget) < 0); /* not given */
    if (sl_json_str_eq(type, SL_STR("disabled"))) {
        effort = SL_STR("none");
    } else if (!effort.p && sl_json_str_eq(type, SL_STR("enabled"))) {
        effort = budget < 2048 ? SL_STR("low") : budget < 8192 ? SL_STR("medium") : SL_STR("high");
    }
    return effort;
}

/* A model that reasons decides how much; one that does not reason gets no effort. */
static void effort_write(const struct sl_chat *chat, const struct sl_model *model, struct sl_body *body)
{
    struct sl_str effort = sl_openai_effort(chat);
    struct sl_json_val type = sl_json_get(sl_chat_member(chat, "thinking"), "type");
    if (effort.p) {
        sl_jw_member_str(&body->w, "reasoning_effort", effort);
    } else if (sl_json_str_eq(type, SL_STR("adaptive")) && !(model->can & SL_MODEL_THINKING)) {
        sl_body_leave_out(body, SL_STR("thinking"));
    }
}

static void format_write(const struct sl_chat *chat, struct sl_body *body)
{
    struct sl_jw *w = &body->w;
    if (chat->format == SL_ANSWER_TEXT) {
        return;
    }
    sl_jw_key(w, "response_format");
    sl_jw_object(w);
    sl_jw_member_str(w, "type", chat->format == SL_ANSWER_JSON ? SL_STR("json_object") : SL_STR("json_schema"));
    if (chat->format == SL_ANSWER_SCHEMA) {
        sl_jw_key(w, "json_schema");
        sl_jw_object(w);
        sl_body_member(body, "name", chat->schema_name.p ? chat->schema_name : SL_STR("\"output\""));
        if (chat->schema_description.p) {
            sl_body_member(body, "description", chat->schema_description);
        }
        sl_body_member(body, "schema", chat->schema);
        if (chat->schema_strict.p) {
            sl_body_member(body, "strict", chat->schema_strict);
        }
        sl_jw_end(w);
    }
    sl_jw_end(w);
}

static void stop_write(const struct sl_chat *chat, struct sl_body *body)
{
    if (chat->n_stop == 0) {
        return;
    }
    sl_jw_key(&body->w, "stop");
    sl_jw_array(&body->w);
    for (uint32_t i = 0; i < chat->n_stop && i < STOPS_MAX; i++) {
        sl_body_raw(body, chat->stop[i]);
    }
    sl_jw_end(&body->w);
    if (chat->n_stop > STOPS_MAX) {
        sl_body_leave_out(body, SL_STR("stop"));
    }
}

void sl_openai_tier_write(const struct sl_chat *chat, struct sl_body *body)
{
    struct sl_json_val tier = sl_chat_member(chat, "service_tier");
    if (sl_json_str_eq(tier, SL_STR("standard_only"))) {
        sl_jw_member_str(&body->w, "service_tier", SL_STR("default"));
    } else if (sl_json_is(tier, SL_JSON_STRING)) {
        sl_body_member(body, "service_tier", sl_json_raw(tier));
    }
}

static void values_write(const struct sl_call *call, const struct sl_chat *chat, const struct sl_model *model,
                         bool ask_usage, struct sl_body *body)
{
    struct sl_jw *w = &body->w;
    if (chat->max_tokens >= 0) {
        sl_jw_member_i64(w, "max_completion_tokens", chat->max_tokens);
    }
    if (chat->has_n) {
        sl_jw_member_i64(w, "n", chat->n);
    }
    if (sl_json_is_present(chat->temperature)) {
        sl_body_member(body, "temperature", sl_json_raw(chat->temperature));
    }
    if (sl_json_is_present(chat->top_p)) {
        sl_body_member(body, "top_p", sl_json_raw(chat->top_p));
    }
    stop_write(chat, body);
    effort_write(chat, model, body);
    format_write(chat, body);
    if (chat->user.p) {
        sl_body_member(body, "user", chat->user);
    }
    sl_openai_tier_write(chat, body);
    if (call->is_stream) {
        sl_jw_member_bool(w, "stream", true);
    }
    if (call->is_stream && ask_usage) {
        sl_jw_member_raw(w, "stream_options", SL_STR("{\"include_usage\":true}"));
    }
}

/* --- the whole --- */

int sl_openai_chat_write(const struct sl_call *call, const struct sl_chat *chat, const struct sl_target *target,
                         bool ask_usage, struct sl_arena *arena, struct sl_body *body, struct sl_llm_error *ret_error)
{
    const struct sl_openai_conf *conf = target->conf;
    sl_jw_object(&body->w);
    if (conf->model_json.p) {
        sl_body_member(body, "model", conf->model_json);
    }
    int r = sl_openai_messages_write(call, chat, conf->host, arena, body, ret_error);
    r = r < 0 ? r : tools_write(call, chat, body, arena, ret_error);
    if (r < 0) {
        return r;
    }
    choice_write(chat, body);
    values_write(call, chat, target->row, ask_usage, body);
    sl_form_marks_leave_out(chat, body);
    r = sl_chat_members(call, chat, target->provider, call->type == SL_LLM_COMPLETIONS ? near_fates : fates, body,
                        arena, ret_error);
    sl_jw_end(&body->w);
    return r;
}

static int translate(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                     bool ask_usage, struct sl_arena *arena, struct sl_http_req *io_req, struct sl_llm_error *ret_error)
{
    struct sl_chat chat;
    struct sl_body body;
    const struct sl_openai_host *host = ((const struct sl_openai_conf *)target->conf)->host;
    int r = call->type == SL_LLM_EMBEDDINGS ? sl_openai_embed_write(call, target, env, arena, io_req, ret_error)
                                            : sl_chat_read(call, env, arena, &chat, ret_error);
    if (r < 0) {
        return r;
    }
    if (call->type == SL_LLM_EMBEDDINGS) {
        return host ? sl_host_mend(host, call, target, env, arena, io_req, ret_error) : 0;
    }
    sl_body_init(&body, call);
    struct sl_form form = { .rules = &form_rules,
                            .model = target->row,
                            .call = call,
                            .env = env,
                            .arena = arena,
                            .body = &body,
                            .error = ret_error };
    r = sl_form_call(&form, &chat);
    r = r < 0 ? r : sl_openai_chat_write(call, &chat, target, ask_usage, arena, &body, ret_error);
    if (r < 0) {
        sl_body_drop(&body);
        return r;
    }
    r = sl_body_finish(&body, arena, io_req);
    r = r < 0 ? r : sl_form_aliases_keep(&form, io_req);
    return r < 0 || !host ? r : sl_host_mend(host, call, target, env, arena, io_req, ret_error);
}

/* True: the client's own body goes up. */
static bool is_same_call(const struct sl_call *call, const struct sl_target *target)
{
    bool is_as_chat = call->type == SL_LLM_COMPLETIONS &&
                      sl_target_speaks(target, call->type, &sl_language_openai_like);
    return call->language == &sl_language_openai && !is_as_chat;
}

int sl_openai_write_call(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                         bool ask_usage, struct sl_arena *arena, struct sl_http_req *io_req,
                         struct sl_llm_error *ret_error)
{
    const struct sl_openai_conf *conf = target->conf;
    if (!is_same_call(call, target)) {
        return translate(call, target, env, ask_usage, arena, io_req, ret_error);
    }
    struct sl_call_edit edits[] = {
        { "stream_options", SL_STR("{\"include_usage\":true}"), ask_usage && !call->has_stream_options },
        { "model", conf->model_json, true },
    };
    int r = conf->host
                ? sl_host_pass(conf->host, call, target, env, edits, SL_ARRAY_LEN(edits), arena, io_req, ret_error)
                : sl_call_pass(call, edits, SL_ARRAY_LEN(edits), arena, io_req, ret_error);
    return r < 0 ? r : sl_host_halves_mend(call, arena, io_req);
}
