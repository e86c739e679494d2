/* SPDX-License-Identifier: Apache-2.0 */
/* Writes canonical tools and their choice as functionDeclarations, Google's own tools and toolConfig. */
#include "llm/gemini/gemini.h"

static struct sl_jw *jw(struct sl_gemini_builder *b)
{
    return &b->body->w;
}

static bool has_tools(const struct sl_gemini_builder *b)
{
    for (uint32_t i = 0; i < b->chat->n_tools; i++) {
        if (!b->chat->tools[i].type.n) {
            return true;
        }
    }
    return false;
}

/* False: the function has no parameters. Then the member is left out, because an object without members is refused. */
static bool has_parameters(const struct sl_gemini_builder *b, const struct sl_tool *tool)
{
    struct sl_json_limits limits = { .depth = SL_JSON_DEPTH_MAX, .tokens = 4096, .record_depth = 2 };
    struct sl_json doc;
    if (!tool->parameters.p || tool->parameters.n > 256) {
        return tool->parameters.p != NULL;
    }
    sl_json_init(&doc, &limits);
    doc.budget = b->env->scratch->budget;
    bool has_any = sl_json_parse(&doc, tool->parameters) < 0; /* sent unchanged */
    static const char *const keys[] = { "properties", "$ref", "anyOf", "oneOf", "allOf", "additionalProperties" };
    for (size_t i = 0; i < SL_ARRAY_LEN(keys) && !has_any; i++) {
        has_any = !sl_json_says_nothing(sl_json_get(sl_json_root(&doc), keys[i]));
    }
    sl_json_done(&doc);
    return has_any;
}

static void declaration_write(struct sl_gemini_builder *b, const struct sl_tool *tool)
{
    sl_jw_object(jw(b));
    sl_body_member(b->body, "name", tool->name);
    if (tool->description.p) {
        sl_body_member(b->body, "description", tool->description);
    }
    if (has_parameters(b, tool)) {
        bool is_json = (b->model->can & SL_MODEL_SCHEMA) != 0;
        sl_body_member(b->body, is_json ? "parametersJsonSchema" : "parameters", tool->parameters);
    }
    sl_jw_end(jw(b));
}

/* Google's own tools by their names: {"type": "google_search"} and the like. */
static const struct {
    struct sl_str type;
    const char *key;
} own_tools[] = {
    { SL_STR_INIT("google_search"), "googleSearch" },   { SL_STR_INIT("googleSearch"), "googleSearch" },
    { SL_STR_INIT("web_search"), "googleSearch" },      { SL_STR_INIT("web_search_preview"), "googleSearch" },
    { SL_STR_INIT("code_execution"), "codeExecution" }, { SL_STR_INIT("codeExecution"), "codeExecution" },
    { SL_STR_INIT("url_context"), "urlContext" },       { SL_STR_INIT("urlContext"), "urlContext" },
};

static int own_tool_write(struct sl_gemini_builder *b, struct sl_str type)
{
    for (size_t i = 0; i < SL_ARRAY_LEN(own_tools); i++) {
        if (sl_str_eq(type, own_tools[i].type)) {
            sl_jw_object(jw(b));
            sl_body_member(b->body, own_tools[i].key, SL_STR("{}"));
            sl_jw_end(jw(b));
            return 0;
        }
    }
    return sl_refuse(b->call, b->arena, b->error, "tools",
                     "Only function calling tool is supported, but received tool type %.*s", SL_STR_ARG(type));
}

static int list_write(struct sl_gemini_builder *b)
{
    const struct sl_chat *chat = b->chat;
    bool wants_search = sl_json_is(sl_chat_member(chat, "web_search_options"), SL_JSON_OBJECT);
    int r = 0;
    if (chat->n_tools == 0 && !wants_search) {
        return 0;
    }
    sl_jw_key(jw(b), "tools");
    sl_jw_array(jw(b));
    if (has_tools(b)) {
        sl_jw_object(jw(b));
        sl_jw_key(jw(b), "functionDeclarations");
        sl_jw_array(jw(b));
        for (uint32_t i = 0; i < chat->n_tools; i++) {
            if (!chat->tools[i].type.n) {
                declaration_write(b, &chat->tools[i]);
            }
        }
        sl_jw_end(jw(b));
        sl_jw_end(jw(b));
    }
    for (uint32_t i = 0; i < chat->n_tools && r == 0; i++) {
        if (chat->tools[i].type.n) {
            r = own_tool_write(b, chat->tools[i].type);
            wants_search &= !sl_str_has_prefix(chat->tools[i].type, SL_STR("web_search"));
        }
    }
    if (r == 0 && wants_search) {
        r = own_tool_write(b, SL_STR("google_search"));
    }
    sl_jw_end(jw(b));
    return r;
}

/* True: allowed_tools leaves some out. They are removed from the allowed names, not from the list. */
static bool has_left_out(const struct sl_gemini_builder *b)
{
    for (uint32_t i = 0; i < b->chat->n_tools; i++) {
        if (b->chat->tools[i].is_left_out) {
            return true;
        }
    }
    return false;
}

static void allowed_write(struct sl_gemini_builder *b, bool is_named)
{
    sl_jw_key(jw(b), "allowedFunctionNames");
    sl_jw_array(jw(b));
    if (is_named) {
        sl_body_raw(b->body, b->chat->choice_name);
    }
    for (uint32_t i = 0; i < b->chat->n_tools && !is_named; i++) {
        if (!b->chat->tools[i].is_left_out && !b->chat->tools[i].type.n) {
            sl_body_raw(b->body, b->chat->tools[i].name);
        }
    }
    sl_jw_end(jw(b));
}

static void choice_write(struct sl_gemini_builder *b)
{
    static const char *const words[] = {
        [SL_CHOICE_NONE_SAID] = "AUTO", [SL_CHOICE_AUTO] = "AUTO", [SL_CHOICE_NONE] = "NONE",
        [SL_CHOICE_REQUIRED] = "ANY",   [SL_CHOICE_NAMED] = "ANY",
    };
    const struct sl_chat *chat = b->chat;
    if (chat->parallel == 0) {
        sl_body_leave_out(b->body, SL_STR("parallel_tool_calls"));
    }
    if (!has_tools(b) || chat->choice == SL_CHOICE_NONE_SAID) {
        return;
    }
    bool is_named = chat->choice == SL_CHOICE_NAMED, has_names = is_named || has_left_out(b);
    const char *mode = has_names && chat->choice == SL_CHOICE_AUTO ? "VALIDATED" : words[chat->choice];
    sl_jw_key(jw(b), "toolConfig");
    sl_jw_object(jw(b));
    sl_jw_key(jw(b), "functionCallingConfig");
    sl_jw_object(jw(b));
    sl_jw_member_str(jw(b), "mode", sl_str_c(mode));
    if (has_names) {
        allowed_write(b, is_named);
    }
    sl_jw_end(jw(b));
    sl_jw_end(jw(b));
}

int sl_gemini_tools_write(struct sl_gemini_builder *b)
{
    int r = list_write(b);
    choice_write(b);
    return r;
}
