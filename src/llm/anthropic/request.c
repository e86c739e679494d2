/* SPDX-License-Identifier: Apache-2.0 */
/* Writes canonical chats for the Messages API, except for the messages themselves. */
#include "llm/anthropic/anthropic.h"

#include "llm/core/language.h"
#include "llm/core/llm.h"
#include "llm/form/form.h"
#include "llm/form/person.h"
#include "llm/form/refuse.h"
#include "llm/form/shape.h"

#define MAX_TOKENS_OPENAI        8192
#define MAX_TOKENS_MLFLOW_LIMIT  1000000
#define MAX_TOKENS_OF_COMPLETION 16 /* OpenAI's default */

static const struct sl_fate_row fates[] = {
    /* Anthropic's own members, for clients that add them */
    { "thinking", SL_FATE_OWN },
    { "top_k", SL_FATE_OWN },
    { "system", SL_FATE_OWN },
    { "stop_sequences", SL_FATE_OWN },
    { "output_config", SL_FATE_OWN },
    { "cache_control", SL_FATE_PASS },
    { "container", SL_FATE_PASS },
    { "inference_geo", SL_FATE_PASS },
    { "context_management", SL_FATE_PASS },
    { "mcp_servers", SL_FATE_PASS },
    /* mapped below */
    { "metadata", SL_FATE_OWN },
    { "service_tier", SL_FATE_OWN },
    { SL_CHAT_CITES, SL_FATE_OWN },
    { SL_CHAT_CONTEXT, SL_FATE_OWN },
    { "modalities", SL_FATE_OWN },
    /* hints without an equivalent */
    { "seed", SL_FATE_DROP },
    { "frequency_penalty", SL_FATE_DROP },
    { "presence_penalty", SL_FATE_DROP },
    { "logit_bias", SL_FATE_DROP },
    { "verbosity", SL_FATE_DROP },
    { "prediction", SL_FATE_DROP },
    { "store", SL_FATE_DROP },
    { "prompt_cache_key", SL_FATE_DROP },
    { "prompt_cache_retention", SL_FATE_DROP },
    { "web_search_options", SL_FATE_DROP },
    /* without these the answer would be another one */
    { "logprobs", SL_FATE_REFUSE },
    { "top_logprobs", SL_FATE_REFUSE },
    { "audio", SL_FATE_REFUSE },
    { "functions", SL_FATE_REFUSE },
    { "function_call", SL_FATE_REFUSE },
    { "suffix", SL_FATE_REFUSE },
    { "echo", SL_FATE_REFUSE },
    { NULL, SL_FATE_DROP },
};

static struct sl_jw *jw(struct sl_anthropic_builder *b)
{
    return &b->body->w;
}

/* --- numbers --- */

int sl_anthropic_mlflow_check(const struct sl_call *call, const struct sl_chat *chat, struct sl_arena *arena,
                              struct sl_llm_error *ret_error)
{
    if (!call->manners->checks_as_mlflow) {
        return 0;
    }
    bool is_chat = call->type == SL_LLM_CHAT;
    if (chat->max_tokens > MAX_TOKENS_MLFLOW_LIMIT) {
        return sl_refuse(call, arena, ret_error, "max_tokens", "Invalid value for max_tokens: cannot exceed %d.",
                         MAX_TOKENS_MLFLOW_LIMIT);
    }
    double top_p = 1; /* 1 says nothing: MLflow's own judges send it beside a temperature */
    if (sl_json_is_present(chat->top_p)) {
        SL_IGNORE(sl_json_double(chat->top_p, &top_p) < 0);
    }
    if (sl_json_is_present(chat->temperature) && top_p != 1) {
        return sl_refuse(call, arena, ret_error, "top_p", "Cannot set both 'temperature' and 'top_p' parameters.%s",
                         is_chat ? "" : " Please use only the temperature parameter for your query.");
    }
    if (chat->n != 1 && is_chat) {
        /* MLflow's text, braces included. */
        return sl_refuse(call, arena, ret_error, "n",
                         "'n' must be '1' for the Anthropic provider. Received value: '{n}'.");
    }
    if (chat->n != 1) {
        return sl_refuse(call, arena, ret_error, "n",
                         "'n' must be '1' for the Anthropic provider. Received value: '%lld'.", (long long)chat->n);
    }
    return 0;
}

int64_t sl_anthropic_fallback_tokens(const struct sl_call *call, const struct sl_anthropic_conf *conf)
{
    if (conf->max_tokens) {
        return (int64_t)conf->max_tokens;
    }
    if (call->manners->max_tokens_default) {
        return call->manners->max_tokens_default;
    }
    return call->type == SL_LLM_COMPLETIONS ? MAX_TOKENS_OF_COMPLETION : MAX_TOKENS_OPENAI;
}

void sl_anthropic_temperature_write(const struct sl_call *call, const struct sl_chat *chat, struct sl_body *body)
{
    double t;
    if (!sl_json_is_present(chat->temperature)) {
        return;
    }
    if (call->manners->temperature_max > 0 && sl_json_double(chat->temperature, &t) == 0) {
        sl_jw_key(&body->w, "temperature");
        sl_jw_double(&body->w, t / call->manners->temperature_max);
    } else {
        sl_body_member(body, "temperature", sl_json_raw(chat->temperature));
    }
}

/* --- tools --- */

static bool has_tools(const struct sl_anthropic_builder *b)
{
    for (uint32_t i = 0; i < b->chat->n_tools; i++) {
        if (!b->chat->tools[i].is_left_out) {
            return true;
        }
    }
    return false;
}

static void tool_write(struct sl_anthropic_builder *b, const struct sl_tool *tool)
{
    sl_jw_object(jw(b));
    sl_body_member(b->body, "name", tool->name);
    if (tool->description.p) {
        sl_body_member(b->body, "description", tool->description);
    }
    sl_body_member(b->body, "input_schema",
                   tool->parameters.p ? tool->parameters : SL_STR("{\"type\":\"object\",\"properties\":{}}"));
    if (tool->strict.p) {
        sl_body_member(b->body, "strict", tool->strict);
    }
    if (tool->cache_control.p) {
        sl_body_member(b->body, "cache_control", tool->cache_control);
    }
    sl_jw_end(jw(b));
}

static int tools_write(struct sl_anthropic_builder *b)
{
    if (!has_tools(b) && !b->has_answer_tool) {
        return 0;
    }
    sl_jw_key(jw(b), "tools");
    sl_jw_array(jw(b));
    for (uint32_t i = 0; i < b->chat->n_tools; i++) {
        if (!b->chat->tools[i].is_left_out) {
            tool_write(b, &b->chat->tools[i]);
        }
    }
    if (b->has_answer_tool) {
        struct sl_str description = b->chat->schema_description;
        tool_write(b, &(struct sl_tool){ .name = SL_STR("\"" SL_ANTHROPIC_ANSWER_TOOL "\""),
                                         .description = description.p ? description
                                                                      : SL_STR("\"Give the answer in this form.\""),
                                         .parameters = b->chat->schema });
    }
    sl_jw_end(jw(b));
    return 0;
}

static void choice_write(struct sl_anthropic_builder *b)
{
    static const char *const words[] = {
        [SL_CHOICE_NONE_SAID] = "auto", [SL_CHOICE_AUTO] = "auto",  [SL_CHOICE_NONE] = "none",
        [SL_CHOICE_REQUIRED] = "any",   [SL_CHOICE_NAMED] = "tool",
    };
    const struct sl_chat *chat = b->chat;
    bool is_single = chat->parallel == 0 && chat->choice != SL_CHOICE_NONE;
    if (b->has_answer_tool) {
        sl_body_member(b->body, "tool_choice", SL_STR("{\"type\":\"tool\",\"name\":\"" SL_ANTHROPIC_ANSWER_TOOL "\"}"));
        return;
    }
    if (!has_tools(b) || (chat->choice == SL_CHOICE_NONE_SAID && !is_single)) {
        return;
    }
    sl_jw_key(jw(b), "tool_choice");
    sl_jw_object(jw(b));
    sl_jw_member_str(jw(b), "type", sl_str_c(words[chat->choice]));
    if (chat->choice == SL_CHOICE_NAMED) {
        sl_body_member(b->body, "name", chat->choice_name);
    }
    if (is_single) {
        sl_jw_member_bool(jw(b), "disable_parallel_tool_use", true);
    }
    sl_jw_end(jw(b));
}

/* --- thinking and the form of the answer --- */

#define BUDGET_MIN 1024

/* The caller's own `thinking`, if there is one. */
static struct sl_json_val own_thinking(const struct sl_anthropic_builder *b, struct sl_form_ask *ask)
{
    struct sl_json_val own = sl_chat_member(b->chat, "thinking"), type = sl_json_get(own, "type");
    bool is_enabled = sl_json_str_eq(type, SL_STR("enabled")), is_off = sl_json_str_eq(type, SL_STR("disabled"));
    if (is_enabled || is_off || sl_json_str_eq(type, SL_STR("adaptive"))) {
        ask->own_name = "thinking";
        ask->own = is_enabled ? SL_REASONING_BUDGET : is_off ? SL_REASONING_OFF : SL_REASONING_ADAPTIVE;
        SL_IGNORE(sl_json_int(sl_json_get(own, "budget_tokens"), true, &ask->own_budget) < 0);
    } else if (sl_json_is_present(own)) {
        sl_body_leave_out(b->body, SL_STR("thinking"));
    }
    return own;
}

static int params_settle(struct sl_anthropic_builder *b, struct sl_form *form)
{
    const struct sl_chat *chat = b->chat;
    struct sl_form_ask ask = {
        .own_budget = -1,
        .is_forced = chat->choice == SL_CHOICE_REQUIRED || chat->choice == SL_CHOICE_NAMED || b->has_answer_tool,
        .fallback = sl_anthropic_fallback_tokens(b->call, b->conf),
        .budget_min = BUDGET_MIN,
        .top_k = sl_chat_member(chat, "top_k"),
        .scale = b->call->manners->temperature_max > 0 ? 1 / b->call->manners->temperature_max : 1,
        .top_p_beside_reasoning = 0.95,
    };
    SL_IGNORE(own_thinking(b, &ask).i);
    /* A client of this language may send both, and both count. */
    struct sl_chat asked = *chat;
    bool has_both = ask.own_name && b->call->language == &sl_language_anthropic;
    asked.effort = has_both ? SL_STR_NONE : chat->effort;
    int r = sl_form_params(form, &asked, &ask, &b->params);
    if (r == 0 && has_both && !b->params.effort.n && (b->model->can & SL_MODEL_EFFORT)) {
        b->params.effort = chat->effort;
    }
    return r;
}

/* Older models give structured answers by a forced tool. When the caller has tools of its own, none can be forced. */
static void format_settle(struct sl_anthropic_builder *b)
{
    if (b->chat->format != SL_ANSWER_SCHEMA || (b->model->can & SL_MODEL_SCHEMA)) {
        return;
    }
    b->has_answer_tool = !has_tools(b);
    if (!b->has_answer_tool) {
        sl_body_leave_out(b->body, SL_STR("response_format"));
    }
}

static void thinking_write(struct sl_anthropic_builder *b)
{
    static const char *const types[] = {
        [SL_REASONING_OFF] = "disabled", [SL_REASONING_BUDGET] = "enabled", [SL_REASONING_ADAPTIVE] = "adaptive"
    };
    const struct sl_form_params *params = &b->params;
    struct sl_json_val display = sl_json_get(sl_chat_member(b->chat, "thinking"), "display");
    if (params->reasoning == SL_REASONING_UNSAID) {
        return;
    }
    sl_jw_key(jw(b), "thinking");
    sl_jw_object(jw(b));
    sl_jw_member_str(jw(b), "type", sl_str_c(types[params->reasoning]));
    if (params->reasoning == SL_REASONING_BUDGET) {
        sl_jw_member_i64(jw(b), "budget_tokens", params->budget);
    }
    if (sl_json_is(display, SL_JSON_STRING) && params->reasoning != SL_REASONING_OFF) {
        sl_body_member(b->body, "display", sl_json_raw(display));
    }
    sl_jw_end(jw(b));
}

/* Writes the caller's own members, and beside them what its members in OpenAI's language ask for. */
static void output_config_write(struct sl_anthropic_builder *b)
{
    bool has_schema = b->chat->format == SL_ANSWER_SCHEMA && (b->model->can & SL_MODEL_SCHEMA);
    struct sl_json_val own = sl_chat_member(b->chat, "output_config");
    bool has_effort = b->params.effort.n && !sl_json_is_present(sl_json_get(own, "effort"));
    if (!has_schema && !has_effort && !sl_json_is_present(own)) {
        return;
    }
    sl_jw_key(jw(b), "output_config");
    if (!sl_json_is(own, SL_JSON_OBJECT) && sl_json_is_present(own)) {
        sl_body_raw(b->body, sl_json_raw(own));
        return;
    }
    sl_jw_object(jw(b));
    for (struct sl_json_iter it = sl_json_each(own); sl_json_next(&it);) {
        struct sl_str key = sl_json_raw(it.key);
        if (!(has_schema && sl_json_str_eq(it.key, SL_STR("format")))) {
            sl_jw_key_str(jw(b), sl_str_sub(key, 1, key.n - 1));
            sl_body_raw(b->body, sl_json_raw(it.val));
        }
    }
    if (has_effort) {
        sl_jw_member_str(jw(b), "effort", b->params.effort);
    }
    if (has_schema) {
        sl_jw_key(jw(b), "format");
        sl_jw_object(jw(b));
        sl_jw_member_str(jw(b), "type", SL_STR("json_schema"));
        sl_body_member(b->body, "schema", b->chat->schema);
        sl_jw_end(jw(b));
    }
    sl_jw_end(jw(b));
}

/* --- the rest --- */

static void sampling_write(struct sl_anthropic_builder *b)
{
    const struct sl_chat *chat = b->chat;
    if (b->params.temperature) {
        sl_anthropic_temperature_write(b->call, chat, b->body);
    }
    if (b->params.top_p) {
        sl_body_member(b->body, "top_p", sl_json_raw(chat->top_p));
    }
    if (b->params.top_k) {
        sl_body_member(b->body, "top_k", sl_json_raw(sl_chat_member(chat, "top_k")));
    }
}

void sl_anthropic_stop_write(const struct sl_chat *chat, struct sl_body *body)
{
    struct sl_json_val native = sl_chat_member(chat, "stop_sequences");
    uint32_t n = 0;
    for (uint32_t i = 0; i < chat->n_stop; i++) {
        n += !sl_raw_is_blank(chat->stop[i]);
    }
    if (n < chat->n_stop) {
        sl_body_leave_out(body, SL_STR("stop"));
    }
    if (n) {
        sl_jw_key(&body->w, "stop_sequences");
        sl_jw_array(&body->w);
        for (uint32_t i = 0; i < chat->n_stop; i++) {
            if (!sl_raw_is_blank(chat->stop[i])) {
                sl_body_raw(body, chat->stop[i]);
            }
        }
        sl_jw_end(&body->w);
    } else if (sl_json_is_present(native)) {
        sl_body_member(body, "stop_sequences", sl_json_raw(native));
    }
}

static int user_write(struct sl_anthropic_builder *b, const struct sl_form *form)
{
    struct sl_json_val metadata = sl_chat_member(b->chat, "metadata");
    struct sl_str user = b->chat->user, own = SL_STR_NONE;
    struct sl_json_val id = sl_json_get(metadata, "user_id");
    if (sl_json_is(id, SL_JSON_STRING)) {
        own = sl_json_raw(id);
    }
    if (sl_json_count(metadata) > (own.p ? 1u : 0u) || (own.p && user.p)) {
        sl_body_leave_out(b->body, SL_STR("metadata"));
    }
    if (!user.p && own.p) {
        user = sl_form_person(form, own);
        if (!user.p) {
            return SL_E_NOMEM;
        }
    }
    if (user.p) {
        sl_jw_key(jw(b), "metadata");
        sl_jw_object(jw(b));
        sl_body_member(b->body, "user_id", user);
        sl_jw_end(jw(b));
    }
    return 0;
}

static void tier_write(struct sl_anthropic_builder *b)
{
    struct sl_json_val tier = sl_chat_member(b->chat, "service_tier");
    if (sl_json_str_eq(tier, SL_STR("auto"))) {
        sl_body_member(b->body, "service_tier", SL_STR("\"auto\""));
    } else if (sl_json_str_eq(tier, SL_STR("default")) || sl_json_str_eq(tier, SL_STR("standard_only"))) {
        sl_body_member(b->body, "service_tier", SL_STR("\"standard_only\""));
    } else if (sl_json_is_present(tier)) {
        sl_body_leave_out(b->body, SL_STR("service_tier"));
    }
}

/* Refuses what this language cannot express and what is no hint either. */
static int refusals(struct sl_anthropic_builder *b, const struct sl_form *form)
{
    int r = sl_anthropic_mlflow_check(b->call, b->chat, b->arena, b->error);
    return r < 0 ? r : sl_form_refuse_many(form, b->chat, "Anthropic");
}

static int body_write(struct sl_anthropic_builder *b, struct sl_form *form)
{
    format_settle(b);
    int r = params_settle(b, form);
    sl_jw_object(jw(b));
    if (b->conf->hosted_version.p) {
        sl_body_member(b->body, "anthropic_version", b->conf->hosted_version);
    } else {
        sl_body_member(b->body, "model", b->conf->model_json);
    }
    sl_jw_key(jw(b), "max_tokens");
    sl_jw_i64(jw(b), b->params.max_tokens);
    r = r < 0 ? r : sl_anthropic_system_write(b);
    r = r < 0 ? r : sl_anthropic_messages_write(b);
    sl_form_names_leave_out(b->chat, b->body);
    r = r < 0 ? r : tools_write(b);
    if (r < 0) {
        return r;
    }
    choice_write(b);
    sampling_write(b);
    sl_anthropic_stop_write(b->chat, b->body);
    thinking_write(b);
    output_config_write(b);
    r = user_write(b, form);
    tier_write(b);
    if (b->call->is_stream) {
        sl_jw_member_bool(jw(b), "stream", true);
    }
    r = r < 0 ? r : sl_chat_members(b->call, b->chat, &sl_provider_anthropic, fates, b->body, b->arena, b->error);
    sl_jw_end(jw(b));
    return r;
}

static int chat_write(struct sl_form *form, struct sl_chat *chat, const struct sl_target *target)
{
    struct sl_anthropic_builder b = { .call = form->call,
                                      .conf = target->conf,
                                      .model = target->row,
                                      .chat = chat,
                                      .arena = form->arena,
                                      .body = form->body,
                                      .error = form->error };
    int r = refusals(&b, form);
    r = r < 0 ? r : sl_form_refuse_tools(form, chat);
    r = r < 0 ? r : sl_form_call(form, chat);
    return r < 0 ? r : body_write(&b, form);
}

int sl_anthropic_messages_build(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                                struct sl_arena *arena, struct sl_http_req *req, struct sl_llm_error *ret_error)
{
    return sl_form_write(&sl_anthropic_form, chat_write, call, target, env, arena, req, ret_error);
}
