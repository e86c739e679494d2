/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a canonical chat as a call of /v1/responses: all members except `input`. */
#include "llm/core/language.h"
#include "llm/form/form.h"
#include "llm/form/refuse.h"
#include "llm/openai/openai.h"
#include "llm/responses/responses.h"

#define OUTPUT_MIN 16 /* the API refuses a smaller limit of output tokens */

static const struct sl_fate_row fates[] = {
    { "truncation", SL_FATE_PASS },
    { "max_tool_calls", SL_FATE_PASS },
    { "metadata", SL_FATE_PASS },
    { "prompt_cache_key", SL_FATE_PASS },
    { "prompt_cache_retention", SL_FATE_PASS },
    { "prompt_cache_options", SL_FATE_PASS },
    /* mapped below */
    { "store", SL_FATE_OWN },
    { "include", SL_FATE_OWN },
    { "reasoning", SL_FATE_OWN },
    { "thinking", SL_FATE_OWN },
    { "verbosity", SL_FATE_OWN },
    { "logprobs", SL_FATE_OWN },
    { "top_logprobs", SL_FATE_OWN },
    { "service_tier", SL_FATE_OWN },
    { "web_search_options", SL_FATE_OWN },
    { "modalities", SL_FATE_OWN },
    { "best_of", SL_FATE_OWN },
    /* without these the answer would be another one */
    { "audio", SL_FATE_REFUSE },
    { "functions", SL_FATE_REFUSE },
    { "function_call", SL_FATE_REFUSE },
    { "suffix", SL_FATE_REFUSE },
    { "echo", SL_FATE_REFUSE },
    { "background", SL_FATE_REFUSE },
    { "conversation", SL_FATE_REFUSE },
    { "previous_response_id", SL_FATE_REFUSE },
    { "prompt", SL_FATE_REFUSE },
    { NULL, SL_FATE_NEVER },
};

static struct sl_jw *jw(struct sl_responses_builder *b)
{
    return &b->body->w;
}

/* --- members that the language does not have --- */

static int refusals(struct sl_responses_builder *b, const struct sl_form *form)
{
    const struct sl_chat *chat = b->chat;
    int r = sl_form_refuse_many(form, chat, "The Responses API's");
    for (uint32_t i = 0; i < chat->n_stop && r == 0; i++) {
        if (chat->stop[i].n > 2) { /* an empty one stops nothing */
            r = sl_refuse(b->call, b->arena, b->error, "stop",
                          "The parameter 'stop' is not supported for this model: the Responses API has none.");
        }
    }
    return r;
}

/* --- tools --- */

/* In this API a tool without `strict` is strict. So `strict` is always written. */
static void tool_write(struct sl_responses_builder *b, const struct sl_tool *tool)
{
    sl_jw_object(jw(b));
    sl_jw_member_str(jw(b), "type", SL_STR("function"));
    sl_body_member(b->body, "name", tool->name);
    if (tool->description.p) {
        sl_body_member(b->body, "description", tool->description);
    }
    sl_body_member(b->body, "parameters",
                   tool->parameters.p ? tool->parameters : SL_STR("{\"type\":\"object\",\"properties\":{}}"));
    sl_body_member(b->body, "strict", tool->strict.p ? tool->strict : SL_STR("false"));
    sl_jw_end(jw(b));
}

/* The web search that a chat asks for is a tool in this API. */
static void search_write(struct sl_responses_builder *b, struct sl_json_val options)
{
    struct sl_json_val size = sl_json_get(options, "search_context_size");
    struct sl_json_val where = sl_json_get(options, "user_location"), near = sl_json_get(where, "approximate");
    sl_jw_object(jw(b));
    sl_jw_member_str(jw(b), "type", SL_STR("web_search"));
    if (!sl_json_is_nothing(size)) {
        sl_body_member(b->body, "search_context_size", sl_json_raw(size));
    }
    if (sl_json_is(near, SL_JSON_OBJECT)) {
        static const char *const names[] = { "city", "country", "region", "timezone" };
        sl_jw_key(jw(b), "user_location");
        sl_jw_object(jw(b));
        sl_jw_member_str(jw(b), "type", SL_STR("approximate"));
        for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
            struct sl_json_val v = sl_json_get(near, names[i]);
            if (!sl_json_is_nothing(v)) {
                sl_body_member(b->body, names[i], sl_json_raw(v));
            }
        }
        sl_jw_end(jw(b));
    }
    sl_jw_end(jw(b));
}

/* Anthropic's web search has a name, and this API's has none. The allowed domains and the user's location go up. */
static void foreign_search_write(struct sl_responses_builder *b, struct sl_json_val tool)
{
    static const struct {
        const char *key;
        struct sl_str name;
    } lost[] = { { "max_uses", SL_STR_INIT("tools.max_uses") },
                 { "blocked_domains", SL_STR_INIT("tools.blocked_domains") } };
    struct sl_json_val domains = sl_json_get(tool, "allowed_domains"), near = sl_json_get(tool, "user_location");
    sl_jw_object(jw(b));
    sl_jw_member_str(jw(b), "type", SL_STR("web_search"));
    if (sl_json_count(domains)) {
        sl_jw_key(jw(b), "filters");
        sl_jw_object(jw(b));
        sl_body_member(b->body, "allowed_domains", sl_json_raw(domains));
        sl_jw_end(jw(b));
    }
    if (sl_json_is(near, SL_JSON_OBJECT)) {
        sl_body_member(b->body, "user_location", sl_json_raw(near));
    }
    sl_jw_end(jw(b));
    for (size_t i = 0; i < SL_ARRAY_LEN(lost); i++) {
        if (!sl_json_is_nothing(sl_json_get(tool, lost[i].key))) {
            sl_body_leave_out(b->body, lost[i].name);
        }
    }
}

static void hosted_write(struct sl_responses_builder *b, const struct sl_tool *tool)
{
    bool is_foreign = sl_str_has_prefix(tool->type, SL_STR("web_search")) &&
                      sl_json_is_present(sl_json_get(tool->node, "name"));
    if (is_foreign) {
        foreign_search_write(b, tool->node);
    } else {
        sl_body_raw(b->body, sl_json_raw(tool->node));
    }
}

/* Tools that the API runs itself and that end in a text go up unchanged. Tools that the client has to run or to allow
 * are refused: their items cannot be written in a chat's reply. */
static bool is_hosted(struct sl_str type)
{
    static const char *const names[] = { "file_search", "code_interpreter" };
    for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
        if (sl_str_eq_c(type, names[i])) {
            return true;
        }
    }
    return sl_str_has_prefix(type, SL_STR("web_search")); /* it has versions */
}

static int tools_write(struct sl_responses_builder *b)
{
    const struct sl_chat *chat = b->chat;
    struct sl_json_val search = sl_chat_member(chat, "web_search_options");
    bool searches = sl_json_is(search, SL_JSON_OBJECT);
    for (uint32_t i = 0; i < chat->n_tools; i++) {
        if (chat->tools[i].type.n && !is_hosted(chat->tools[i].type)) {
            return sl_refuse(b->call, b->arena, b->error, "tools",
                             "Only function calling tool is supported, but received tool type %.*s",
                             SL_STR_ARG(chat->tools[i].type));
        }
    }
    if (chat->n_tools == 0 && !searches) {
        return 0;
    }
    sl_jw_key(jw(b), "tools");
    sl_jw_array(jw(b));
    for (uint32_t i = 0; i < chat->n_tools; i++) {
        if (chat->tools[i].type.n) {
            hosted_write(b, &chat->tools[i]);
        } else {
            tool_write(b, &chat->tools[i]);
        }
    }
    if (searches) {
        search_write(b, search);
    }
    sl_jw_end(jw(b));
    return 0;
}

static void function_name(struct sl_responses_builder *b, struct sl_str name)
{
    sl_jw_object(jw(b));
    sl_jw_member_str(jw(b), "type", SL_STR("function"));
    sl_body_member(b->body, "name", name);
    sl_jw_end(jw(b));
}

/* When only some tools may be called, the others are sent too, so that the upstream's cache still fits. */
static void allowed_write(struct sl_responses_builder *b)
{
    const struct sl_chat *chat = b->chat;
    bool is_required = chat->choice == SL_CHOICE_REQUIRED;
    sl_jw_object(jw(b));
    sl_jw_member_str(jw(b), "type", SL_STR("allowed_tools"));
    sl_jw_member_str(jw(b), "mode", is_required ? SL_STR("required") : SL_STR("auto"));
    sl_jw_key(jw(b), "tools");
    sl_jw_array(jw(b));
    for (uint32_t i = 0; i < chat->n_tools; i++) {
        if (chat->tools[i].is_left_out) {
            continue;
        }
        if (chat->tools[i].name.p) {
            function_name(b, chat->tools[i].name);
        } else {
            sl_jw_object(jw(b));
            sl_jw_member_str(jw(b), "type", chat->tools[i].type);
            sl_jw_end(jw(b));
        }
    }
    sl_jw_end(jw(b));
    sl_jw_end(jw(b));
}

static void choice_write(struct sl_responses_builder *b)
{
    static const char *const words[] = {
        [SL_CHOICE_AUTO] = "auto",
        [SL_CHOICE_NONE] = "none",
        [SL_CHOICE_REQUIRED] = "required",
    };
    const struct sl_chat *chat = b->chat;
    bool is_some = false;
    for (uint32_t i = 0; i < chat->n_tools; i++) {
        is_some |= chat->tools[i].is_left_out;
    }
    if (chat->choice != SL_CHOICE_NONE_SAID) {
        sl_jw_key(jw(b), "tool_choice");
        if (is_some) {
            allowed_write(b);
        } else if (chat->choice == SL_CHOICE_NAMED) {
            function_name(b, chat->choice_name);
        } else {
            sl_jw_str_c(jw(b), words[chat->choice]);
        }
    }
    if (chat->parallel >= 0) {
        sl_jw_member_bool(jw(b), "parallel_tool_calls", chat->parallel == 1);
    }
}

/* --- reasoning, the form of the answer --- */

/* Some clients send this API's own `reasoning`. It is passed on; an effort is added when it has none. */
static void reasoning_write(struct sl_responses_builder *b, struct sl_str effort)
{
    static const char *const names[] = { "effort", "summary", "mode", "context" };
    struct sl_json_val own = sl_chat_member(b->chat, "reasoning");
    bool has_effort = !sl_json_is_nothing(sl_json_get(own, "effort"));
    if (!sl_json_is(own, SL_JSON_OBJECT) && !effort.p) {
        return;
    }
    sl_jw_key(jw(b), "reasoning");
    sl_jw_object(jw(b));
    for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
        struct sl_json_val v = sl_json_get(own, names[i]);
        if (!sl_json_is_nothing(v)) {
            sl_body_member(b->body, names[i], sl_json_raw(v));
        }
    }
    if (!has_effort && effort.p) {
        sl_jw_member_str(jw(b), "effort", effort);
    }
    sl_jw_end(jw(b));
}

static void format_write(struct sl_responses_builder *b)
{
    const struct sl_chat *chat = b->chat;
    struct sl_json_val verbosity = sl_chat_member(chat, "verbosity");
    if (chat->format == SL_ANSWER_TEXT && sl_json_is_nothing(verbosity)) {
        return;
    }
    sl_jw_key(jw(b), "text");
    sl_jw_object(jw(b));
    if (chat->format != SL_ANSWER_TEXT) {
        sl_jw_key(jw(b), "format");
        sl_jw_object(jw(b));
        sl_jw_member_str(jw(b), "type", chat->format == SL_ANSWER_JSON ? SL_STR("json_object") : SL_STR("json_schema"));
    }
    if (chat->format == SL_ANSWER_SCHEMA) {
        sl_body_member(b->body, "name", chat->schema_name.p ? chat->schema_name : SL_STR("\"output\""));
        if (chat->schema_description.p) {
            sl_body_member(b->body, "description", chat->schema_description);
        }
        sl_body_member(b->body, "schema", chat->schema);
        if (chat->schema_strict.p) {
            sl_body_member(b->body, "strict", chat->schema_strict);
        }
    }
    if (chat->format != SL_ANSWER_TEXT) {
        sl_jw_end(jw(b));
    }
    if (!sl_json_is_nothing(verbosity)) {
        sl_body_member(b->body, "verbosity", sl_json_raw(verbosity));
    }
    sl_jw_end(jw(b));
}

/* --- include --- */

#define CLOSED_REASONING "reasoning.encrypted_content"
#define LOGPROBS         "message.output_text.logprobs"

static bool has_text(struct sl_json_val list, struct sl_str text)
{
    for (struct sl_json_iter it = sl_json_each(list); sl_json_next(&it);) {
        if (sl_json_str_eq(it.val, text)) {
            return true;
        }
    }
    return false;
}

/* What the caller asks for, and the encrypted form of the reasoning. The client sends that back with the next turn,
 * because the upstream stores nothing. A model that does not reason refuses to be asked for it. */
static void include_write(struct sl_responses_builder *b, struct sl_str effort, bool wants_logprobs)
{
    struct sl_json_val own = sl_chat_member(b->chat, "include");
    bool is_list = sl_json_is(own, SL_JSON_ARRAY);
    struct sl_json_val said = sl_json_get(sl_chat_member(b->chat, "reasoning"), "effort");
    bool is_said = sl_json_is_nothing(said) ? effort.p && !sl_str_eq_c(effort, "none")
                                            : !sl_json_str_eq(said, SL_STR("none"));
    bool reasons = b->call->type == SL_LLM_CHAT && ((b->model->can & SL_MODEL_THINKING) || is_said);
    bool closed = reasons && !has_text(own, SL_STR(CLOSED_REASONING));
    bool logprobs = wants_logprobs && !has_text(own, SL_STR(LOGPROBS));
    if (!closed && !logprobs && !is_list) {
        return;
    }
    sl_jw_key(jw(b), "include");
    sl_jw_array(jw(b));
    for (struct sl_json_iter it = sl_json_each(own); is_list && sl_json_next(&it);) {
        sl_body_raw(b->body, sl_json_raw(it.val));
    }
    if (closed) {
        sl_jw_str_c(jw(b), CLOSED_REASONING);
    }
    if (logprobs) {
        sl_jw_str_c(jw(b), LOGPROBS);
    }
    sl_jw_end(jw(b));
}

static bool logprobs_write(struct sl_responses_builder *b)
{
    struct sl_json_val wanted = sl_chat_member(b->chat, "logprobs"), top = sl_chat_member(b->chat, "top_logprobs");
    if (!sl_json_is(wanted, SL_JSON_TRUE)) {
        return false;
    }
    if (!sl_json_is_nothing(top)) {
        sl_body_member(b->body, "top_logprobs", sl_json_raw(top));
    }
    return true;
}

/* --- values --- */

static void room_write(struct sl_responses_builder *b)
{
    int64_t room = b->chat->max_tokens;
    if (room >= 0 && room < OUTPUT_MIN) {
        sl_body_leave_out(b->body, SL_STR("max_tokens"));
        room = OUTPUT_MIN;
    }
    if (room >= 0) {
        sl_jw_member_i64(jw(b), "max_output_tokens", room);
    }
}

static void person_write(struct sl_responses_builder *b)
{
    const struct sl_chat *chat = b->chat;
    if (chat->safety_id.p) {
        sl_body_member(b->body, "safety_identifier", chat->safety_id);
    }
    if (chat->user.p && !sl_str_eq(chat->user, chat->safety_id)) {
        sl_body_member(b->body, "user", chat->user);
    }
}

/* A model that does not reason refuses the word. One that always reasons refuses `none`: that is sent if the caller
 * said it, and not if it was made from Anthropic's `thinking`. */
static struct sl_str effort_of(struct sl_responses_builder *b)
{
    struct sl_str effort = sl_openai_effort(b->chat);
    bool is_none = sl_str_eq_c(effort, "none");
    bool has_thinking = !sl_json_is_nothing(sl_chat_member(b->chat, "thinking"));
    unsigned knows = (is_none && has_thinking ? SL_MODEL_RESTS : SL_MODEL_THINKING) | SL_MODEL_GUESS;
    if (!effort.p || (b->model->can & knows)) {
        return effort;
    }
    if (!is_none || (b->model->can & SL_MODEL_THINKING)) {
        sl_body_leave_out(b->body, has_thinking ? SL_STR("thinking") : SL_STR("reasoning_effort"));
    }
    return SL_STR_NONE;
}

static void values_write(struct sl_responses_builder *b)
{
    const struct sl_chat *chat = b->chat;
    struct sl_json_val store = sl_chat_member(chat, "store");
    struct sl_str effort = effort_of(b);
    room_write(b);
    if (sl_json_is_present(chat->temperature)) {
        sl_body_member(b->body, "temperature", sl_json_raw(chat->temperature));
    }
    if (sl_json_is_present(chat->top_p)) {
        sl_body_member(b->body, "top_p", sl_json_raw(chat->top_p));
    }
    reasoning_write(b, effort);
    format_write(b);
    include_write(b, effort, logprobs_write(b));
    person_write(b);
    sl_openai_tier_write(chat, b->body);
    /* This API stores a call unless it is told not to; a chat is only stored when its caller asks for it. */
    sl_body_member(b->body, "store", sl_json_is_bool(store) ? sl_json_raw(store) : SL_STR("false"));
    if (b->call->is_stream) {
        sl_jw_member_bool(jw(b), "stream", true);
    }
}

/* --- the whole request --- */

static int body_write(struct sl_responses_builder *b, struct sl_str model_json)
{
    sl_jw_object(jw(b));
    sl_body_member(b->body, "model", model_json);
    int r = sl_responses_input_write(b);
    sl_form_names_leave_out(b->chat, b->body);
    sl_form_marks_leave_out(b->chat, b->body);
    r = r < 0 ? r : tools_write(b);
    if (r < 0) {
        return r;
    }
    choice_write(b);
    values_write(b);
    r = sl_chat_members(b->call, b->chat, b->provider, fates, b->body, b->arena, b->error);
    sl_jw_end(jw(b));
    return r;
}

static int chat_write(struct sl_form *form, struct sl_chat *chat, const struct sl_target *target)
{
    const struct sl_openai_conf *conf = target->conf;
    struct sl_responses_builder b = { .form = form,
                                      .call = form->call,
                                      .model = target->row,
                                      .chat = chat,
                                      .provider = target->provider,
                                      .arena = form->arena,
                                      .body = form->body,
                                      .error = form->error };
    int r = refusals(&b, form);
    r = r < 0 ? r : sl_form_call(form, chat);
    return r < 0 ? r : body_write(&b, conf->response_model);
}

int sl_responses_chat_write(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                            struct sl_arena *arena, struct sl_http_req *io_req, struct sl_llm_error *ret_error)
{
    return sl_form_write(&sl_responses_form, chat_write, call, target, env, arena, io_req, ret_error);
}
