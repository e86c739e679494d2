/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAI's tools and tool_choice to canonical ones. */
#include "llm/openai/read_tools.h"

#include "base/map.h"

static int tool_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_tool *tool)
{
    if (!sl_json_is(v, SL_JSON_OBJECT)) {
        return sl_chat_fault(rd, v, "an object is expected");
    }
    struct sl_json_val type = sl_json_get(v, "type");
    if (!sl_json_is_nothing(type) && !sl_json_str_eq(type, SL_STR("function"))) {
        tool->type = SL_STR("?");
        tool->node = v;
        int r = sl_json_text(type, rd->arena, &tool->type);
        if (r == 0 && tool->type.n == 0) {
            return sl_chat_fault(rd, type, "the type of a tool is missing, such as function");
        }
        return r == SL_E_NOMEM ? r : 0; /* the provider refuses what it does not know */
    }
    struct sl_json_val function = sl_json_get(v, "function");
    if (!sl_json_is(function, SL_JSON_OBJECT)) {
        return sl_chat_fault(rd, v, "the member 'function' is missing");
    }
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
    struct sl_json_val cache = sl_json_get(v, "cache_control");
    cache = sl_json_is_nothing(cache) ? sl_json_get(function, "cache_control") : cache;
    if (sl_json_is(cache, SL_JSON_OBJECT)) {
        tool->cache_control = sl_json_raw(cache);
    }
    return 0;
}

static int allowed_refuse(struct sl_chat_reader *rd, struct sl_str name)
{
    return sl_refuse(rd->call, rd->arena, rd->error, "tool_choice",
                     "Invalid value for 'tool_choice': the tool %.*s is allowed, but is not in 'tools'.",
                     SL_STR_ARG(name.p ? sl_str_sub(name, 0, 128) : SL_STR("without a name")));
}

/* Tools of one name share the fate of the first: `by_name` has that one. */
static int allowed_mark(struct sl_chat_reader *rd, struct sl_json_val list, struct sl_map *by_name)
{
    struct sl_chat *chat = rd->chat;
    for (uint32_t i = 0; i < chat->n_tools; i++) {
        struct sl_tool *tool = &chat->tools[i];
        tool->is_left_out = true;
        if (tool->name.p && sl_map_put(by_name, tool->name, tool) == SL_E_NOMEM) {
            return SL_E_NOMEM;
        }
    }
    for (struct sl_json_iter it = sl_json_each(list); sl_json_next(&it);) {
        struct sl_json_val function = sl_json_get(it.val, "function");
        struct sl_str name = sl_chat_raw_text(sl_json_is_present(function) ? function : it.val, "name");
        struct sl_tool *tool = name.p ? sl_map_find(by_name, name) : NULL;
        if (!tool) {
            return allowed_refuse(rd, name);
        }
        tool->is_left_out = false;
    }
    for (uint32_t i = 0; i < chat->n_tools; i++) {
        struct sl_tool *tool = &chat->tools[i], *first = tool->name.p ? sl_map_find(by_name, tool->name) : tool;
        tool->is_left_out = first->is_left_out;
    }
    return 0;
}

/* {"mode", "tools": [{"type": "function", "function": {"name"}}]}: the others are left out. */
static int allowed_read(struct sl_chat_reader *rd, struct sl_json_val v)
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

static int choice_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    static const struct {
        struct sl_str word;
        enum sl_tool_choice choice;
    } words[] = {
        { SL_STR_INIT("auto"), SL_CHOICE_AUTO },
        { SL_STR_INIT("none"), SL_CHOICE_NONE },
        { SL_STR_INIT("required"), SL_CHOICE_REQUIRED },
    };
    if (sl_json_is_nothing(v)) {
        return 0;
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
        if (sl_json_str_eq(v, words[i].word)) {
            rd->chat->choice = words[i].choice;
            return 0;
        }
    }
    struct sl_json_val type = sl_json_get(v, "type");
    if (sl_json_str_eq(type, SL_STR("allowed_tools"))) {
        return allowed_read(rd, sl_json_get(v, "allowed_tools"));
    }
    rd->chat->choice = SL_CHOICE_NAMED;
    rd->chat->choice_name = sl_chat_raw_text(sl_json_get(v, "function"), "name");
    if (!sl_json_str_eq(type, SL_STR("function")) || !rd->chat->choice_name.p) {
        return sl_chat_fault(rd, v, "none, auto, required or a function by its name is expected");
    }
    for (uint32_t i = 0; i < rd->chat->n_tools; i++) {
        if (sl_str_eq(rd->chat->tools[i].name, rd->chat->choice_name)) {
            return 0;
        }
    }
    return sl_refuse(rd->call, rd->arena, rd->error, "tool_choice",
                     "Invalid value for 'tool_choice': the tool %.*s is not in 'tools'.",
                     SL_STR_ARG(sl_str_sub(rd->chat->choice_name, 0, 128)));
}

int sl_openai_tools_read(struct sl_chat_reader *rd, struct sl_json_val tools, struct sl_json_val choice)
{
    struct sl_chat *chat = rd->chat;
    if (!sl_json_is_nothing(tools) && !sl_json_is(tools, SL_JSON_ARRAY)) {
        return sl_chat_fault(rd, tools, "a list is expected");
    }
    chat->tools = SL_ARENA_ARRAY(rd->arena, struct sl_tool, sl_json_count(tools) + 1);
    if (!chat->tools) {
        return SL_E_NOMEM;
    }
    for (struct sl_json_iter it = sl_json_each(tools); sl_json_next(&it);) {
        int r = tool_read(rd, it.val, &chat->tools[chat->n_tools++]);
        if (r < 0) {
            return r;
        }
    }
    return choice_read(rd, choice);
}
