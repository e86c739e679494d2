/* SPDX-License-Identifier: Apache-2.0 */
/* Writes canonical chats for Converse, except for the messages themselves. */
#include "llm/bedrock/bedrock.h"
#include "llm/form/form.h"
#include "llm/form/refuse.h"
#include "llm/form/shape.h"

#define BUDGET_MIN               1024 /* Claude's */
#define ROOM                     8192 /* beside a budget, when the caller gives none */
#define MAX_TOKENS_OF_COMPLETION 16   /* OpenAI's default */
#define METADATA_MAX             16
#define METADATA_TEXT_MAX        256

static const struct sl_fate_row fates[] = {
    /* Converse's own members, for clients that add them */
    { "guardrailConfig", SL_FATE_PASS },
    { "performanceConfig", SL_FATE_PASS },
    { "promptVariables", SL_FATE_PASS },
    { "additionalModelResponseFieldPaths", SL_FATE_PASS },
    { "requestMetadata", SL_FATE_PASS },
    { "additionalModelRequestFields", SL_FATE_OWN },
    { "thinking", SL_FATE_OWN },
    { "top_k", SL_FATE_OWN },
    /* mapped below */
    { "metadata", SL_FATE_OWN },
    { "service_tier", SL_FATE_OWN },
    { SL_CHAT_CITES, SL_FATE_OWN },
    { SL_CHAT_CONTEXT, SL_FATE_OWN },
    { "modalities", SL_FATE_OWN },
    /* without these the answer would be another one */
    { "logprobs", SL_FATE_REFUSE },
    { "top_logprobs", SL_FATE_REFUSE },
    { "audio", SL_FATE_REFUSE },
    { "functions", SL_FATE_REFUSE },
    { "function_call", SL_FATE_REFUSE },
    { "suffix", SL_FATE_REFUSE },
    { "echo", SL_FATE_REFUSE },
    { NULL, SL_FATE_NEVER },
};

static struct sl_jw *jw(struct sl_bedrock_builder *b)
{
    return &b->body->w;
}

/* --- tools --- */

static bool has_tools(const struct sl_bedrock_builder *b)
{
    for (uint32_t i = 0; i < b->chat->n_tools; i++) {
        if (!b->chat->tools[i].is_left_out) {
            return true;
        }
    }
    return false;
}

static const struct sl_tool_call *history_call(const struct sl_bedrock_builder *b, uint32_t message, uint32_t part)
{
    const struct sl_part *p = &b->chat->messages[message].parts[part];
    return p->kind == SL_PART_TOOL_CALL ? p->call : NULL;
}

static bool has_history(const struct sl_bedrock_builder *b)
{
    for (uint32_t i = 0; i < b->chat->n_messages; i++) {
        for (uint32_t k = 0; k < b->chat->messages[i].n_parts; k++) {
            if (history_call(b, i, k)) {
                return true;
            }
        }
    }
    return false;
}

static void tool_write(struct sl_bedrock_builder *b, const struct sl_tool *tool)
{
    sl_jw_object(jw(b));
    sl_jw_key(jw(b), "toolSpec");
    sl_jw_object(jw(b));
    sl_body_member(b->body, "name", tool->name);
    if (tool->description.n > 2) {
        sl_body_member(b->body, "description", tool->description);
    }
    sl_jw_key(jw(b), "inputSchema");
    sl_jw_object(jw(b));
    sl_body_member(b->body, "json",
                   tool->parameters.p ? tool->parameters : SL_STR("{\"type\":\"object\",\"properties\":{}}"));
    sl_jw_end(jw(b));
    sl_jw_end(jw(b));
    sl_jw_end(jw(b));
    sl_bedrock_cache_point_write(b, tool->cache_control);
}

/* A history with calls is refused without tools: so the tools that were called are listed, each once. */
static int history_tools_write(struct sl_bedrock_builder *b)
{
    static char there;
    struct sl_map names = { 0 };
    int r = 0;
    for (uint32_t i = 0; i < b->chat->n_messages && r != SL_E_NOMEM; i++) {
        for (uint32_t k = 0; k < b->chat->messages[i].n_parts && r != SL_E_NOMEM; k++) {
            const struct sl_tool_call *call = history_call(b, i, k);
            r = call ? sl_map_put(&names, call->name, &there) : SL_E_EXISTS;
            if (r == 0) {
                tool_write(b, &(struct sl_tool){ .name = call->name });
            }
        }
    }
    sl_map_done(&names);
    return r == SL_E_NOMEM ? r : 0;
}

static void choice_write(struct sl_bedrock_builder *b)
{
    enum sl_tool_choice choice = b->has_answer_tool ? SL_CHOICE_NAMED : b->chat->choice;
    if (choice == SL_CHOICE_NONE_SAID || choice == SL_CHOICE_NONE) {
        return;
    }
    sl_jw_key(jw(b), "toolChoice");
    sl_jw_object(jw(b));
    sl_jw_key(jw(b), choice == SL_CHOICE_NAMED ? "tool" : choice == SL_CHOICE_REQUIRED ? "any" : "auto");
    sl_jw_object(jw(b));
    if (choice == SL_CHOICE_NAMED) {
        sl_body_member(b->body, "name",
                       b->has_answer_tool ? SL_STR("\"" SL_BEDROCK_ANSWER_TOOL "\"") : b->chat->choice_name);
    }
    sl_jw_end(jw(b));
    sl_jw_end(jw(b));
}

static int tools_write(struct sl_bedrock_builder *b)
{
    const struct sl_chat *chat = b->chat;
    bool has_any = has_tools(b), is_history = has_history(b), is_none = chat->choice == SL_CHOICE_NONE;
    if (chat->parallel == 0) {
        sl_body_leave_out(b->body, SL_STR("parallel_tool_calls"));
    }
    if (is_none && is_history && has_any) {
        sl_body_leave_out(b->body, SL_STR("tool_choice")); /* this cannot be expressed: the tools must be there */
    }
    if (!b->has_answer_tool && (!has_any || is_none) && !is_history) {
        return 0;
    }
    sl_jw_key(jw(b), "toolConfig");
    sl_jw_object(jw(b));
    sl_jw_key(jw(b), "tools");
    sl_jw_array(jw(b));
    for (uint32_t i = 0; i < chat->n_tools; i++) {
        if (!chat->tools[i].is_left_out) {
            tool_write(b, &chat->tools[i]);
        }
    }
    int r = has_any ? 0 : history_tools_write(b);
    if (b->has_answer_tool) {
        struct sl_str description = chat->schema_description;
        tool_write(b, &(struct sl_tool){ .name = SL_STR("\"" SL_BEDROCK_ANSWER_TOOL "\""),
                                         .description = description.p ? description
                                                                      : SL_STR("\"Give the answer in this form.\""),
                                         .parameters = chat->schema });
    }
    sl_jw_end(jw(b));
    if (has_any || b->has_answer_tool) {
        choice_write(b);
    }
    sl_jw_end(jw(b));
    return r;
}

/* --- numbers and reasoning --- */

static void own_thinking(const struct sl_bedrock_builder *b, struct sl_form_ask *ask)
{
    struct sl_json_val own = sl_chat_member(b->chat, "thinking"), type = sl_json_get(own, "type");
    bool is_enabled = sl_json_str_eq(type, SL_STR("enabled")), is_off = sl_json_str_eq(type, SL_STR("disabled"));
    if (b->conf->family == SL_BEDROCK_CLAUDE && (is_enabled || is_off || sl_json_str_eq(type, SL_STR("adaptive")))) {
        ask->own_name = "thinking";
        ask->own = is_enabled ? SL_REASONING_BUDGET : is_off ? SL_REASONING_OFF : SL_REASONING_ADAPTIVE;
        SL_IGNORE(sl_json_int(sl_json_get(own, "budget_tokens"), true, &ask->own_budget) < 0); /* -1: not given */
    } else if (sl_json_is_present(own)) {
        sl_body_leave_out(b->body, SL_STR("thinking"));
    }
}

static int params_settle(struct sl_bedrock_builder *b, struct sl_form *form)
{
    const struct sl_chat *chat = b->chat;
    struct sl_form_ask ask = {
        .own_budget = -1,
        .is_forced = chat->choice == SL_CHOICE_REQUIRED || chat->choice == SL_CHOICE_NAMED || b->has_answer_tool,
        .fallback = ROOM,
        .budget_min = BUDGET_MIN,
        .top_k = sl_chat_member(chat, "top_k"),
        .top_p_beside_reasoning = b->conf->family == SL_BEDROCK_CLAUDE ? 0.95 : 0,
    };
    own_thinking(b, &ask);
    int r = sl_form_params(form, chat, &ask, &b->params);
    if (r == 0 && chat->max_tokens < 0 && b->params.reasoning != SL_REASONING_BUDGET) {
        /* The default is the model's own, except for a completion of OpenAI's. */
        bool is_short = b->call->type == SL_LLM_COMPLETIONS && !b->call->manners->checks_as_mlflow;
        b->params.max_tokens = is_short ? MAX_TOKENS_OF_COMPLETION : -1;
    }
    return r;
}

/* Older models give structured answers by a forced tool. When the caller has tools of its own, none can be forced. */
static void format_settle(struct sl_bedrock_builder *b)
{
    if (b->chat->format != SL_ANSWER_SCHEMA || (b->model->can & SL_MODEL_SCHEMA)) {
        return;
    }
    b->has_answer_tool = !has_tools(b) && !has_history(b);
    if (!b->has_answer_tool) {
        sl_body_leave_out(b->body, SL_STR("response_format"));
    }
}

static void stop_write(struct sl_bedrock_builder *b)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < b->chat->n_stop; i++) {
        if (sl_raw_is_blank(b->chat->stop[i])) {
            sl_body_leave_out(b->body, SL_STR("stop"));
            continue;
        }
        if (n++ == 0) {
            sl_jw_key(jw(b), "stopSequences");
            sl_jw_array(jw(b));
        }
        sl_body_raw(b->body, b->chat->stop[i]);
    }
    if (n) {
        sl_jw_end(jw(b));
    }
}

static void config_write(struct sl_bedrock_builder *b)
{
    const struct sl_chat *chat = b->chat;
    bool has_any = b->params.max_tokens >= 0 || b->params.temperature || b->params.top_p;
    for (uint32_t i = 0; i < chat->n_stop; i++) {
        has_any |= !sl_raw_is_blank(chat->stop[i]);
    }
    if (has_any) {
        sl_jw_key(jw(b), "inferenceConfig");
        sl_jw_object(jw(b));
    }
    if (b->params.max_tokens >= 0) {
        sl_jw_member_i64(jw(b), "maxTokens", b->params.max_tokens);
    }
    if (b->params.temperature) {
        sl_body_member(b->body, "temperature", sl_json_raw(chat->temperature));
    }
    if (b->params.top_p) {
        sl_body_member(b->body, "topP", sl_json_raw(chat->top_p));
    }
    stop_write(b);
    if (has_any) {
        sl_jw_end(jw(b));
    }
}

/* --- additionalModelRequestFields --- */

struct extras {
    struct sl_bedrock_builder *b;
    bool is_open;
};

static void extra_key(struct extras *x, const char *key)
{
    if (!x->is_open) {
        sl_jw_key(jw(x->b), "additionalModelRequestFields");
        sl_jw_object(jw(x->b));
        x->is_open = true;
    }
    sl_jw_key(jw(x->b), key);
}

static void claude_reasoning_write(struct extras *x)
{
    static const char *const types[] = {
        [SL_REASONING_OFF] = "disabled", [SL_REASONING_BUDGET] = "enabled", [SL_REASONING_ADAPTIVE] = "adaptive"
    };
    const struct sl_form_params *params = &x->b->params;
    if (params->reasoning != SL_REASONING_UNSAID) {
        extra_key(x, "thinking");
        sl_jw_object(jw(x->b));
        sl_jw_member_str(jw(x->b), "type", sl_str_c(types[params->reasoning]));
        if (params->reasoning == SL_REASONING_BUDGET) {
            sl_jw_member_i64(jw(x->b), "budget_tokens", params->budget);
        }
        sl_jw_end(jw(x->b));
    }
    if (params->effort.n) {
        extra_key(x, "output_config");
        sl_jw_object(jw(x->b));
        sl_jw_member_str(jw(x->b), "effort", params->effort);
        sl_jw_end(jw(x->b));
    }
}

static void top_k_write(struct extras *x)
{
    struct sl_json_val top_k = sl_chat_member(x->b->chat, "top_k");
    switch (x->b->conf->family) {
    case SL_BEDROCK_CLAUDE:
    case SL_BEDROCK_MISTRAL:
        extra_key(x, "top_k");
        sl_body_raw(x->b->body, sl_json_raw(top_k));
        return;
    case SL_BEDROCK_NOVA:
        extra_key(x, "inferenceConfig");
        sl_jw_object(jw(x->b));
        sl_body_member(x->b->body, "topK", sl_json_raw(top_k));
        sl_jw_end(jw(x->b));
        return;
    case SL_BEDROCK_COHERE:
        extra_key(x, "k");
        sl_body_raw(x->b->body, sl_json_raw(top_k));
        return;
    case SL_BEDROCK_OTHER:
    case SL_BEDROCK_TITAN:
    case SL_BEDROCK_AI21:
    case SL_BEDROCK_GPT:
        sl_body_leave_out(x->b->body, SL_STR("top_k"));
        return;
    }
}

/* The caller's own members win: a member that it sends is not written again. */
static void extras_write(struct sl_bedrock_builder *b)
{
    struct extras x = { b, false };
    struct sl_json_val own = sl_chat_member(b->chat, "additionalModelRequestFields");
    for (struct sl_json_iter it = sl_json_each(own); sl_json_is(own, SL_JSON_OBJECT) && sl_json_next(&it);) {
        struct sl_str key = sl_json_raw(it.key);
        if (!x.is_open) {
            sl_jw_key(jw(b), "additionalModelRequestFields");
            sl_jw_object(jw(b));
            x.is_open = true;
        }
        sl_jw_key_str(jw(b), sl_str_sub(key, 1, key.n - 1));
        sl_body_raw(b->body, sl_json_raw(it.val));
    }
    bool has_own = sl_json_is_present(sl_json_get(own, "thinking")) ||
                   sl_json_is_present(sl_json_get(own, "output_config"));
    if (b->conf->family == SL_BEDROCK_CLAUDE && !has_own) {
        claude_reasoning_write(&x);
    } else if (b->conf->family == SL_BEDROCK_GPT && b->params.effort.n &&
               !sl_json_is_present(sl_json_get(own, "reasoning_effort"))) {
        bool is_word = sl_str_eq_c(b->params.effort, "low") || sl_str_eq_c(b->params.effort, "medium");
        extra_key(&x, "reasoning_effort");
        sl_jw_str(jw(b), is_word ? b->params.effort : SL_STR("high"));
    }
    if (b->params.top_k && !sl_json_is_present(sl_json_get(own, "top_k"))) {
        top_k_write(&x);
    }
    if (x.is_open) {
        sl_jw_end(jw(b));
    }
}

/* --- the rest --- */

static int format_write(struct sl_bedrock_builder *b)
{
    const struct sl_chat *chat = b->chat;
    if (chat->format != SL_ANSWER_SCHEMA || !(b->model->can & SL_MODEL_SCHEMA)) {
        return 0;
    }
    struct sl_str text = sl_json_quote(chat->schema, b->arena);
    if (!text.p) {
        return SL_E_NOMEM;
    }
    sl_jw_key(jw(b), "outputConfig");
    sl_body_around(b->body,
                   SL_STR("{\"textFormat\":{\"type\":\"json_schema\",\"structure\":{\"jsonSchema\":{\"schema\":"), text,
                   SL_STR(""));
    if (chat->schema_name.p) {
        sl_body_around(b->body, SL_STR("\"name\":"), chat->schema_name, SL_STR(""));
    }
    if (chat->schema_description.p) {
        sl_body_around(b->body, SL_STR("\"description\":"), chat->schema_description, SL_STR(""));
    }
    sl_buf_add_lit(&b->body->buf, "}}}}");
    return 0;
}

/* True: a map of short texts, or nothing. */
static bool metadata_fits(struct sl_json_val metadata)
{
    bool fits = sl_json_is(metadata, SL_JSON_OBJECT) && sl_json_count(metadata) <= METADATA_MAX;
    for (struct sl_json_iter it = sl_json_each(metadata); fits && sl_json_next(&it);) {
        struct sl_str text = sl_json_raw(it.val);
        fits = sl_json_is(it.val, SL_JSON_STRING) && text.n <= METADATA_TEXT_MAX + 2;
        for (size_t i = 1; fits && i + 1 < text.n; i++) {
            char c = text.p[i];
            fits = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                   (c && strchr(" :_@$#=/+,-.", c) != NULL);
        }
    }
    return fits;
}

static void hints_write(struct sl_bedrock_builder *b)
{
    static const char *const tiers[][2] = {
        { "auto", "default" }, { "default", "default" }, { "flex", "flex" }, { "priority", "priority" }
    };
    const struct sl_chat *chat = b->chat;
    struct sl_json_val tier = sl_chat_member(chat, "service_tier"), metadata = sl_chat_member(chat, "metadata");
    bool is_tier = !sl_json_is_present(tier);
    for (size_t i = 0; i < SL_ARRAY_LEN(tiers) && !is_tier; i++) {
        if (sl_json_str_eq(tier, sl_str_c(tiers[i][0]))) {
            is_tier = true;
            sl_jw_key(jw(b), "serviceTier");
            sl_jw_object(jw(b));
            sl_jw_member_str(jw(b), "type", sl_str_c(tiers[i][1]));
            sl_jw_end(jw(b));
        }
    }
    if (!is_tier) {
        sl_body_leave_out(b->body, SL_STR("service_tier"));
    }
    bool has_own = sl_json_is_present(sl_chat_member(chat, "requestMetadata"));
    if (metadata_fits(metadata) && !has_own && sl_json_count(metadata)) {
        sl_body_member(b->body, "requestMetadata", sl_json_raw(metadata));
    } else if (!sl_json_says_nothing(metadata) && sl_json_is_present(metadata)) {
        sl_body_leave_out(b->body, SL_STR("metadata"));
    }
    if (chat->user.p) {
        sl_body_leave_out(b->body, SL_STR("user"));
    }
}

static int body_write(struct sl_bedrock_builder *b, struct sl_form *form)
{
    format_settle(b);
    int r = params_settle(b, form);
    if (r < 0) {
        return r;
    }
    sl_jw_object(jw(b));
    r = sl_bedrock_messages_write(b);
    sl_form_names_leave_out(b->chat, b->body);
    config_write(b);
    r = r < 0 ? r : tools_write(b);
    if (r < 0) {
        return r;
    }
    r = format_write(b);
    extras_write(b);
    hints_write(b);
    r = r < 0 ? r : sl_chat_members(b->call, b->chat, b->provider, fates, b->body, b->arena, b->error);
    if (r == 0 && sl_json_is_present(b->chat->cites) && !sl_bedrock_cites(b)) {
        sl_body_leave_out(b->body, SL_STR(SL_CHAT_CITES));
    }
    sl_jw_end(jw(b));
    return r;
}

static int chat_write(struct sl_form *form, struct sl_chat *chat, const struct sl_target *target)
{
    struct sl_bedrock_builder b = { .call = form->call,
                                    .conf = target->conf,
                                    .model = target->row,
                                    .chat = chat,
                                    .provider = target->provider,
                                    .arena = form->arena,
                                    .body = form->body,
                                    .error = form->error };
    int r = sl_form_refuse_many(form, chat, "Amazon Bedrock");
    r = r < 0 ? r : sl_form_refuse_tools(form, chat);
    r = r < 0 ? r : sl_form_call(form, chat);
    r = r < 0 ? r : body_write(&b, form);
    sl_map_done(&b.names);
    return r;
}

int sl_bedrock_chat_write(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                          struct sl_arena *arena, struct sl_http_req *io_req, struct sl_llm_error *ret_error)
{
    const struct sl_bedrock_conf *conf = target->conf;
    io_req->target = conf->targets[call->is_stream ? SL_BEDROCK_STREAM : SL_BEDROCK_CONVERSE];
    return sl_form_write(&sl_bedrock_form, chat_write, call, target, env, arena, io_req, ret_error);
}
