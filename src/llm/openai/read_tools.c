/* SPDX-License-Identifier: Apache-2.0 */
/* Reads OpenAI's tools and tool_choice to canonical ones. */
#include "llm/openai/read_tools.h"

#include "base/map.h"

int sl_openai_function_read(struct sl_chat_reader *rd, struct sl_json_val function, struct sl_tool *tool)
{
    tool->name = sl_chat_raw_text(function, "name");
    tool->description = sl_chat_raw_text(function, "description");
    if (!tool->name.p) {
        return sl_chat_fault(rd, function, "the member 'name' is missing");
    }
    struct sl_json_val parameters = sl_json_get(function, "parameters");
    if (sl_json_is(parameters, SL_JSON_OBJECT)) {
        tool->parameters = sl_json_raw(parameters);
        tool->schema = parameters;
    } else if (!sl_json_is_nothing(parameters)) {
        return sl_chat_fault(rd, parameters, "a JSON Schema is expected");
    }
    struct sl_json_val strict = sl_json_get(function, "strict");
    if (sl_json_is_bool(strict)) {
        tool->strict = sl_json_raw(strict);
    }
    struct sl_json_val cache = sl_json_get(function, "cache_control");
    if (sl_json_is(cache, SL_JSON_OBJECT)) {
        tool->cache_control = sl_json_raw(cache);
    }
    return 0;
}

int sl_openai_hosted_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_tool *tool)
{
    struct sl_json_val type = sl_json_get(v, "type");
    tool->type = SL_STR("?");
    tool->node = v;
    int r = sl_json_text(type, rd->arena, &tool->type);
    if (r == 0 && tool->type.n == 0) {
        return sl_chat_fault(rd, type, "the type of a tool is missing, such as function");
    }
    return r == SL_E_NOMEM ? r : 0; /* the provider refuses a word that it does not know */
}

static int tool_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_tool *tool)
{
    if (!sl_json_is(v, SL_JSON_OBJECT)) {
        return sl_chat_fault(rd, v, "an object is expected");
    }
    struct sl_json_val type = sl_json_get(v, "type");
    if (!sl_json_is_nothing(type) && !sl_json_str_eq(type, SL_STR("function"))) {
        return sl_openai_hosted_read(rd, v, tool);
    }
    struct sl_json_val function = sl_json_get(v, "function");
    if (!sl_json_is(function, SL_JSON_OBJECT)) {
        return sl_chat_fault(rd, v, "the member 'function' is missing");
    }
    int r = sl_openai_function_read(rd, function, tool);
    struct sl_json_val cache = sl_json_get(v, "cache_control");
    if (sl_json_is(cache, SL_JSON_OBJECT)) {
        tool->cache_control = sl_json_raw(cache);
    }
    return r;
}
static int allowed_refuse(struct sl_chat_reader *rd, struct sl_str name)
{
    return sl_refuse(rd->call, rd->arena, rd->error, "tool_choice",
                     "Invalid value for 'tool_choice': the tool %.*s is allowed, but is not in 'tools'.",
                     SL_STR_ARG(name.p ? sl_str_sub(name, 0, 128) : SL_STR("without a name")));
}

/* The text by which a tool is allowed: its name, or its type if it has no name. */
static struct sl_str allowed_key(const struct sl_tool *tool)
{
    return tool->name.p ? tool->name : tool->type;
}

/* The same for an entry of the list; p == NULL: it has neither. */
static struct sl_str listed_key(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_json_val function = sl_json_get(v, "function"), type = sl_json_get(v, "type");
    struct sl_str key = sl_chat_raw_text(sl_json_is_present(function) ? function : v, "name");
    bool is_hosted = !key.p && sl_json_is(type, SL_JSON_STRING) && !sl_json_str_eq(type, SL_STR("function"));
    if (is_hosted && sl_json_text(type, rd->arena, &key) < 0) {
        key = SL_STR_NONE;
    }
    return key;
}

/* Tools of one name are handled like the first of them, which is in `by_name`. */
static int allowed_mark(struct sl_chat_reader *rd, struct sl_json_val list, struct sl_map *by_name)
{
    struct sl_chat *chat = rd->chat;
    for (uint32_t i = 0; i < chat->n_tools; i++) {
        struct sl_tool *tool = &chat->tools[i];
        tool->is_left_out = true;
        if (sl_map_put(by_name, allowed_key(tool), tool) == SL_E_NOMEM) {
            return SL_E_NOMEM;
        }
    }
    for (struct sl_json_iter it = sl_json_each(list); sl_json_next(&it);) {
        struct sl_str key = listed_key(rd, it.val);
        struct sl_tool *tool = key.p ? sl_map_find(by_name, key) : NULL;
        if (!tool) {
            return allowed_refuse(rd, key);
        }
        tool->is_left_out = false;
    }
    for (uint32_t i = 0; i < chat->n_tools; i++) {
        const struct sl_tool *first = sl_map_find(by_name, allowed_key(&chat->tools[i]));
        chat->tools[i].is_left_out = first->is_left_out;
    }
    return 0;
}

int sl_openai_allowed_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_json_val list = sl_json_get(v, "tools");
    if (!sl_json_is(list, SL_JSON_ARRAY)) {
        return sl_chat_fault(rd, v, "the member 'tools' is missing");
    }
    bool is_required = sl_json_str_eq(sl_json_get(v, "mode"), SL_STR("required"));
    rd->chat->choice = is_required ? SL_CHOICE_REQUIRED : SL_CHOICE_AUTO;
    struct sl_map by_name = { 0 };
    int r = allowed_mark(rd, list, &by_name);
    sl_map_done(&by_name);
    return r;
}

bool sl_openai_choice_word(struct sl_chat_reader *rd, struct sl_json_val v)
{
    static const struct {
        struct sl_str word;
        enum sl_tool_choice choice;
    } words[] = {
        { SL_STR_INIT("auto"), SL_CHOICE_AUTO },
        { SL_STR_INIT("none"), SL_CHOICE_NONE },
        { SL_STR_INIT("required"), SL_CHOICE_REQUIRED },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
        if (sl_json_str_eq(v, words[i].word)) {
            rd->chat->choice = words[i].choice;
            return true;
        }
    }
    return sl_json_is_nothing(v);
}

int sl_openai_choice_name(struct sl_chat_reader *rd, struct sl_str name)
{
    rd->chat->choice = SL_CHOICE_NAMED;
    rd->chat->choice_name = name;
    for (uint32_t i = 0; i < rd->chat->n_tools; i++) {
        if (sl_str_eq(rd->chat->tools[i].name, name)) {
            return 0;
        }
    }
    return sl_refuse(rd->call, rd->arena, rd->error, "tool_choice",
                     "Invalid value for 'tool_choice': the tool %.*s is not in 'tools'.",
                     SL_STR_ARG(sl_str_sub(name, 0, 128)));
}

static int choice_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_json_val type = sl_json_get(v, "type");
    if (sl_openai_choice_word(rd, v)) {
        return 0;
    }
    if (sl_json_str_eq(type, SL_STR("allowed_tools"))) {
        return sl_openai_allowed_read(rd, sl_json_get(v, "allowed_tools"));
    }
    struct sl_str name = sl_chat_raw_text(sl_json_get(v, "function"), "name");
    return sl_json_str_eq(type, SL_STR("function")) && name.p
               ? sl_openai_choice_name(rd, name)
               : sl_chat_fault(rd, v, "none, auto, required or a function by its name is expected");
}

int sl_openai_tools_read(struct sl_chat_reader *rd, struct sl_json_val tools, struct sl_json_val choice)
{
    struct sl_chat *chat = rd->chat;
    if (!sl_json_is_nothing(tools) && !sl_json_is(tools, SL_JSON_ARRAY)) {
        return sl_chat_fault(rd, tools, "a list is expected");
    }
    chat->tools = SL_ARENA_ARRAY(rd->arena, struct sl_tool, sl_json_count(tools) + 1);
    int r = chat->tools ? 0 : SL_E_NOMEM;
    for (struct sl_json_iter it = sl_json_each(tools); r == 0 && sl_json_next(&it);) {
        r = tool_read(rd, it.val, &chat->tools[chat->n_tools++]);
    }
    return r < 0 ? r : choice_read(rd, choice);
}
