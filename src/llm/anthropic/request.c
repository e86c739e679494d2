/* SPDX-License-Identifier: Apache-2.0 */
/* Canonical chats to the Messages API: all but the messages themselves. */
#include "llm/anthropic/anthropic.h"

#include "llm/core/language.h"

#define MAX_TOKENS_OPENAI        8192
#define MAX_TOKENS_MLFLOW_LIMIT  1000000
#define MAX_TOKENS_OF_COMPLETION 16 /* OpenAI's default */

static const struct sl_fate_row fates[] = {
    /* its own words, for clients that add them */
    { "thinking", SL_FATE_PASS },
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
    { "modalities", SL_FATE_OWN },
    /* hints without a counterpart */
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
    /* these would change what the answer is */
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
    if (sl_json_is_present(chat->temperature) && sl_json_is_present(chat->top_p)) {
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

int64_t sl_anthropic_max_tokens(const struct sl_call *call, const struct sl_chat *chat,
                                const struct sl_anthropic_conf *conf)
{
    if (chat->max_tokens >= 0) {
        return chat->max_tokens;
    }
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
    for (uint32_t i = 0; i < b->chat->n_tools; i++) {
        if (b->chat->tools[i].type.n) {
            return sl_refuse(b->call, b->arena, b->error, "tools",
                             "Only function calling tool is supported, but received tool type %.*s",
                             SL_STR_ARG(b->chat->tools[i].type));
        }
    }
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

static const struct {
    struct sl_str word;
    struct sl_str effort; /* as the upstream spells it */
    int64_t budget;       /* of models that think by budget */
} efforts[] = {
    { SL_STR_INIT("none"), SL_STR_INIT(""), 0 },         { SL_STR_INIT("minimal"), SL_STR_INIT("low"), 1024 },
    { SL_STR_INIT("low"), SL_STR_INIT("low"), 1024 },    { SL_STR_INIT("medium"), SL_STR_INIT("medium"), 4096 },
    { SL_STR_INIT("high"), SL_STR_INIT("high"), 16384 }, { SL_STR_INIT("xhigh"), SL_STR_INIT("xhigh"), 16384 },
    { SL_STR_INIT("max"), SL_STR_INIT("max"), 16384 },
};

/* What the call asks of thinking and form, settled before anything is written: it moves max_tokens and what else is
 * sent. */
struct answer {
    struct sl_str effort;
    bool is_adaptive, is_off;
};

static int effort_settle(struct sl_anthropic_builder *b, struct answer *answer)
{
    const struct sl_chat *chat = b->chat;
    unsigned can = b->conf->model_can;
    size_t i = 0;
    if (chat->effort.p == NULL) {
        return 0;
    }
    while (i < SL_ARRAY_LEN(efforts) && !sl_str_eq(chat->effort, efforts[i].word)) {
        i++;
    }
    if (i == SL_ARRAY_LEN(efforts)) {
        return sl_refuse(b->call, b->arena, b->error, "reasoning_effort",
                         "Invalid value for 'reasoning_effort': none, minimal, low, medium, high, xhigh or max is "
                         "expected.");
    }
    bool has_own = sl_json_is_present(sl_chat_member(chat, "thinking"));
    bool is_forced = chat->choice == SL_CHOICE_REQUIRED || chat->choice == SL_CHOICE_NAMED || b->has_answer_tool;
    bool is_off = efforts[i].budget == 0;
    if (is_off) {
        answer->is_off = (can & SL_CLAUDE_THINKS) && !has_own;
    } else if (can & SL_CLAUDE_ADAPTIVE) {
        answer->effort = efforts[i].effort;
        answer->is_adaptive = !has_own && !is_forced;
    } else if ((can & SL_CLAUDE_THINKS) && !has_own && !is_forced) {
        b->budget = efforts[i].budget;
        answer->effort = can & SL_CLAUDE_EFFORT ? efforts[i].effort : SL_STR_NONE;
    } else {
        sl_body_leave_out(b->body, SL_STR("reasoning_effort"));
    }
    return 0;
}

/* Older models answer in a form by a forced tool; where the caller has tools of its own, none can be forced. */
static void format_settle(struct sl_anthropic_builder *b)
{
    if (b->chat->format != SL_ANSWER_SCHEMA || (b->conf->model_can & SL_CLAUDE_SCHEMA)) {
        return;
    }
    b->has_answer_tool = !has_tools(b);
    if (!b->has_answer_tool) {
        sl_body_leave_out(b->body, SL_STR("response_format"));
    }
}

static void thinking_write(struct sl_anthropic_builder *b, const struct answer *answer)
{
    if (answer->is_off) {
        sl_body_member(b->body, "thinking", SL_STR("{\"type\":\"disabled\"}"));
    } else if (answer->is_adaptive) {
        sl_body_member(b->body, "thinking", SL_STR("{\"type\":\"adaptive\"}"));
    } else if (b->budget) {
        sl_jw_key(jw(b), "thinking");
        sl_jw_object(jw(b));
        sl_jw_member_str(jw(b), "type", SL_STR("enabled"));
        sl_jw_key(jw(b), "budget_tokens");
        sl_jw_i64(jw(b), b->budget);
        sl_jw_end(jw(b));
    }
}

static void output_config_write(struct sl_anthropic_builder *b, const struct answer *answer)
{
    bool has_schema = b->chat->format == SL_ANSWER_SCHEMA && (b->conf->model_can & SL_CLAUDE_SCHEMA);
    struct sl_json_val own = sl_chat_member(b->chat, "output_config");
    if (sl_json_is_present(own)) {
        sl_body_member(b->body, "output_config", sl_json_raw(own));
        if (has_schema) {
            sl_body_leave_out(b->body, SL_STR("response_format"));
        }
        return;
    }
    if (!has_schema && !answer->effort.n) {
        return;
    }
    sl_jw_key(jw(b), "output_config");
    sl_jw_object(jw(b));
    if (answer->effort.n) {
        sl_jw_member_str(jw(b), "effort", answer->effort);
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
    struct sl_json_val top_k = sl_chat_member(chat, "top_k");
    bool has_temperature = sl_json_is_present(chat->temperature), has_top_p = sl_json_is_present(chat->top_p);
    bool has_top_k = sl_json_is_present(top_k), is_refused = (b->conf->model_can & SL_CLAUDE_NO_SAMPLING) != 0;
    double t = 1;
    if (has_temperature) {
        SL_IGNORE(sl_json_double(chat->temperature, &t) < 0); /* too large a number: the upstream says so */
    }
    /* By a budget a model thinks at its own temperature only. */
    if (has_temperature && (is_refused || (b->budget && t != 1))) {
        sl_body_leave_out(b->body, SL_STR("temperature"));
    } else {
        sl_anthropic_temperature_write(b->call, chat, b->body);
    }
    if (has_top_p && is_refused) {
        sl_body_leave_out(b->body, SL_STR("top_p"));
    } else if (has_top_p) {
        sl_body_member(b->body, "top_p", sl_json_raw(chat->top_p));
    }
    if (has_top_k && (is_refused || b->budget)) {
        sl_body_leave_out(b->body, SL_STR("top_k"));
    } else if (has_top_k) {
        sl_body_member(b->body, "top_k", sl_json_raw(top_k));
    }
}

/* A raw string of white space only: the upstream refuses such a stop. */
static bool is_blank(struct sl_str raw)
{
    for (size_t i = 1; i + 1 < raw.n; i++) {
        bool is_escape = raw.p[i] == '\\' && i + 2 < raw.n && strchr("nrtf", raw.p[i + 1]);
        if (raw.p[i] != ' ' && !is_escape) {
            return false;
        }
        i += is_escape;
    }
    return true;
}

void sl_anthropic_stop_write(const struct sl_chat *chat, struct sl_body *body)
{
    struct sl_json_val native = sl_chat_member(chat, "stop_sequences");
    uint32_t n = 0;
    for (uint32_t i = 0; i < chat->n_stop; i++) {
        n += !is_blank(chat->stop[i]);
    }
    if (n < chat->n_stop) {
        sl_body_leave_out(body, SL_STR("stop"));
    }
    if (n) {
        sl_jw_key(&body->w, "stop_sequences");
        sl_jw_array(&body->w);
        for (uint32_t i = 0; i < chat->n_stop; i++) {
            if (!is_blank(chat->stop[i])) {
                sl_body_raw(body, chat->stop[i]);
            }
        }
        sl_jw_end(&body->w);
    } else if (sl_json_is_present(native)) {
        sl_body_member(body, "stop_sequences", sl_json_raw(native));
    }
}

static void user_write(struct sl_anthropic_builder *b)
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
    user = user.p ? user : own;
    if (user.p) {
        sl_jw_key(jw(b), "metadata");
        sl_jw_object(jw(b));
        sl_body_member(b->body, "user_id", user);
        sl_jw_end(jw(b));
    }
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

/* What cannot be said in this language and is no hint either. */
static int refusals(struct sl_anthropic_builder *b)
{
    int r = sl_anthropic_mlflow_check(b->call, b->chat, b->arena, b->error);
    if (r == 0 && b->chat->n != 1) {
        r = sl_refuse(b->call, b->arena, b->error, "n", "Anthropic models give one choice: 'n' must be 1.");
    }
    struct sl_json_val modalities = sl_chat_member(b->chat, "modalities");
    for (struct sl_json_iter it = sl_json_each(modalities); r == 0 && sl_json_next(&it);) {
        if (!sl_json_str_eq(it.val, SL_STR("text"))) {
            r = sl_refuse(b->call, b->arena, b->error, "modalities", "Anthropic models answer with text only.");
        }
    }
    int64_t best_of;
    if (r == 0 && sl_json_int(sl_chat_member(b->chat, "best_of"), true, &best_of) == 0 && best_of > 1) {
        r = sl_refuse(b->call, b->arena, b->error, "best_of", "Anthropic models give one choice: 'best_of' must be 1.");
    }
    return r;
}

static int body_write(struct sl_anthropic_builder *b)
{
    struct answer answer = { 0 };
    format_settle(b);
    int r = effort_settle(b, &answer);
    b->max_tokens = sl_anthropic_max_tokens(b->call, b->chat, b->conf);
    if (b->budget && b->max_tokens <= b->budget) {
        b->max_tokens += b->budget; /* the answer comes on top of the thinking */
    }
    sl_jw_object(jw(b));
    sl_body_member(b->body, "model", b->conf->model_json);
    sl_jw_key(jw(b), "max_tokens");
    sl_jw_i64(jw(b), b->max_tokens);
    r = r < 0 ? r : sl_anthropic_system_write(b);
    r = r < 0 ? r : sl_anthropic_messages_write(b);
    r = r < 0 ? r : tools_write(b);
    if (r < 0) {
        return r;
    }
    choice_write(b);
    sampling_write(b);
    sl_anthropic_stop_write(b->chat, b->body);
    thinking_write(b, &answer);
    output_config_write(b, &answer);
    user_write(b);
    tier_write(b);
    if (b->call->is_stream) {
        sl_jw_member_bool(jw(b), "stream", true);
    }
    r = sl_chat_members(b->call, b->chat, &sl_provider_anthropic, fates, b->body, b->arena, b->error);
    sl_jw_end(jw(b));
    return r;
}

int sl_anthropic_messages_build(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                                struct sl_arena *arena, struct sl_http_req *req, struct sl_llm_error *ret_error)
{
    struct sl_chat chat;
    int r = sl_chat_read(call, env, arena, &chat, ret_error);
    if (r < 0) {
        return r;
    }
    struct sl_body body;
    struct sl_anthropic_builder b = {
        .call = call, .conf = target->conf, .chat = &chat, .arena = arena, .body = &body, .error = ret_error
    };
    r = refusals(&b);
    if (r < 0) {
        return r;
    }
    sl_body_init(&body, call);
    r = body_write(&b);
    if (r < 0) {
        sl_body_drop(&body);
        return r;
    }
    return sl_body_finish(&body, arena, req);
}
