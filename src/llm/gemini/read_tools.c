/* SPDX-License-Identifier: Apache-2.0 */
/* Reads functionDeclarations and toolConfig to canonical tools and their choice. */
#include "llm/gemini/read_tools.h"

#include "base/map.h"
#include "llm/gemini/member.h"

/* Members of functions and of toolConfig that only this language has; each is named once for all. */
enum left { LEFT_RESPONSE, LEFT_RESPONSE_JSON, LEFT_BEHAVIOR, LEFT_OF_TOOLS, LEFT_STREAM = LEFT_OF_TOOLS, LEFT_COUNT };
static const struct {
    const char *key;
    struct sl_str name;
} left[LEFT_COUNT] = {
    [LEFT_RESPONSE] = { "response", SL_STR_INIT("tools.response") },
    [LEFT_RESPONSE_JSON] = { "responseJsonSchema", SL_STR_INIT("tools.responseJsonSchema") },
    [LEFT_BEHAVIOR] = { "behavior", SL_STR_INIT("tools.behavior") },
    [LEFT_STREAM] = { "streamFunctionCallArguments", SL_STR_INIT("toolConfig.streamFunctionCallArguments") },
};
_Static_assert(LEFT_COUNT <= SL_GEMINI_TOOLS_LEFT_MAX / 2, "the rest is for members of toolConfig");

static void left_add(struct sl_chat_reader *rd, enum left what, struct sl_json_val v, unsigned *io_found)
{
    struct sl_json_val member = sl_gemini_get(v, left[what].key);
    if (!sl_json_says_nothing(member) && !sl_json_is_nothing(member) && !(*io_found & SL_BIT(what))) {
        *io_found |= SL_BIT(what);
        sl_chat_member_add(rd, left[what].name, member);
    }
}

static int declaration_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_tool *tool, unsigned *io_found)
{
    struct sl_json_val json = sl_gemini_get(v, "parametersJsonSchema");
    struct sl_json_val parameters = sl_json_is_nothing(json) ? sl_json_get(v, "parameters") : json;
    tool->name = sl_chat_raw_text(v, "name");
    tool->description = sl_chat_raw_text(v, "description");
    if (tool->name.n <= 2) {
        return sl_chat_fault(rd, v, "a functionDeclaration has a name");
    }
    for (unsigned i = 0; i < LEFT_OF_TOOLS; i++) {
        left_add(rd, i, v, io_found);
    }
    if (sl_json_is(parameters, SL_JSON_OBJECT)) {
        tool->parameters = sl_json_raw(parameters);
        tool->schema = parameters;
    } else if (!sl_json_is_nothing(parameters)) {
        return sl_chat_fault(rd, parameters, "a schema, an object, is expected");
    }
    return 0;
}

/* Google's own tools are members with the tool's name: providers without such a tool refuse them. */
static int tool_read(struct sl_chat_reader *rd, struct sl_json_val v, unsigned *io_found)
{
    int r = 0;
    if (!sl_json_is(v, SL_JSON_OBJECT)) {
        return sl_chat_fault(rd, v, "an object is expected, with functionDeclarations");
    }
    for (struct sl_json_iter it = sl_json_each(v); r == 0 && sl_json_next(&it);) {
        if (sl_gemini_is_key(it.key, "functionDeclarations")) {
            for (struct sl_gemini_iter f = sl_gemini_each(it.val); r == 0 && sl_gemini_next(&f);) {
                r = declaration_read(rd, f.val, &rd->chat->tools[rd->chat->n_tools++], io_found);
            }
        } else if (!sl_json_is(it.val, SL_JSON_NULL)) {
            struct sl_tool *tool = &rd->chat->tools[rd->chat->n_tools++];
            tool->node = v;
            r = sl_json_text(it.key, rd->arena, &tool->type);
        }
    }
    return r;
}

static int tools_read(struct sl_chat_reader *rd, struct sl_json_val tools)
{
    size_t n = 0;
    unsigned found = 0;
    for (struct sl_gemini_iter it = sl_gemini_each(tools); sl_gemini_next(&it);) {
        n += sl_json_count(it.val) + sl_gemini_each(sl_gemini_get(it.val, "functionDeclarations")).n;
    }
    rd->chat->tools = SL_ARENA_ARRAY(rd->arena, struct sl_tool, n + 1);
    int r = rd->chat->tools ? 0 : SL_E_NOMEM;
    for (struct sl_gemini_iter it = sl_gemini_each(tools); r == 0 && sl_gemini_next(&it);) {
        r = tool_read(rd, it.val, &found);
    }
    return r;
}

/* Names are compared as they are written; of two tools with one name the first counts. */
static int names_map(struct sl_chat *chat, struct sl_map *by_name)
{
    int r = 0;
    for (uint32_t i = 0; i < chat->n_tools && r != SL_E_NOMEM; i++) {
        struct sl_tool *tool = &chat->tools[i];
        tool->is_left_out = true;
        r = tool->name.p ? sl_map_put(by_name, tool->name, tool) : 0;
    }
    return r == SL_E_NOMEM ? r : 0;
}

static int allowed_read(struct sl_chat_reader *rd, struct sl_json_val names, struct sl_map *by_name)
{
    uint32_t n = 0;
    int r = names_map(rd->chat, by_name);
    for (struct sl_gemini_iter it = sl_gemini_each(names); r == 0 && sl_gemini_next(&it); n++) {
        struct sl_tool *tool = sl_json_is(it.val, SL_JSON_STRING) ? sl_map_find(by_name, sl_json_raw(it.val)) : NULL;
        if (!tool) {
            return sl_chat_fault(rd, it.val, "a name of the functionDeclarations is expected");
        }
        tool->is_left_out = false;
        rd->chat->choice_name = tool->name;
    }
    if (r == 0 && n == 1 && rd->chat->choice == SL_CHOICE_REQUIRED) {
        rd->chat->choice = SL_CHOICE_NAMED;
        for (uint32_t i = 0; i < rd->chat->n_tools; i++) {
            rd->chat->tools[i].is_left_out = false; /* the list names it */
        }
    }
    return r;
}

static int choice_read(struct sl_chat_reader *rd, struct sl_json_val config)
{
    static const struct {
        struct sl_str word;
        enum sl_tool_choice choice;
    } modes[] = {
        { SL_STR_INIT("AUTO"), SL_CHOICE_AUTO },
        { SL_STR_INIT("ANY"), SL_CHOICE_REQUIRED },
        { SL_STR_INIT("NONE"), SL_CHOICE_NONE },
        { SL_STR_INIT("VALIDATED"), SL_CHOICE_AUTO },
        { SL_STR_INIT("MODE_UNSPECIFIED"), SL_CHOICE_NONE_SAID },
    };
    struct sl_json_val calling = sl_gemini_get(config, "functionCallingConfig"), mode = sl_json_get(calling, "mode");
    struct sl_json_val names = sl_gemini_get(calling, "allowedFunctionNames");
    size_t i = 0;
    if (sl_json_is_nothing(calling)) {
        return 0;
    }
    while (!sl_json_is_nothing(mode) && i < SL_ARRAY_LEN(modes) && !sl_json_str_eq(mode, modes[i].word)) {
        i++;
    }
    if (i == SL_ARRAY_LEN(modes)) {
        return sl_chat_fault(rd, mode, "AUTO, ANY, NONE or VALIDATED is expected");
    }
    rd->chat->choice = modes[i].choice;
    if (sl_gemini_each(names).n == 0) {
        return 0;
    }
    struct sl_map by_name = { 0 };
    int r = allowed_read(rd, names, &by_name);
    sl_map_done(&by_name);
    return r;
}

/* Reads the other members of toolConfig. */
static int config_left_read(struct sl_chat_reader *rd, struct sl_json_val config)
{
    unsigned said = 0, found = 0;
    int r = 0;
    left_add(rd, LEFT_STREAM, sl_gemini_get(config, "functionCallingConfig"), &said);
    for (struct sl_json_iter it = sl_json_each(config);
         r == 0 && found < SL_GEMINI_TOOLS_LEFT_MAX - LEFT_COUNT && sl_json_next(&it);) {
        struct sl_str key;
        if (sl_gemini_is_key(it.key, "functionCallingConfig") || sl_json_says_nothing(it.val)) {
            continue;
        }
        r = sl_json_text(it.key, rd->arena, &key);
        struct sl_str name = r == 0 ? sl_arena_printf(rd->arena, "toolConfig.%.*s", SL_STR_ARG(key)) : SL_STR_NONE;
        r = name.p ? 0 : SL_E_NOMEM;
        if (r == 0) {
            sl_chat_member_add(rd, name, it.val);
            found++;
        }
    }
    return r;
}

int sl_gemini_tools_read(struct sl_chat_reader *rd, struct sl_json_val tools, struct sl_json_val config)
{
    if (!sl_json_is_nothing(config) && !sl_json_is(config, SL_JSON_OBJECT)) {
        return sl_chat_fault(rd, config, "an object is expected");
    }
    int r = tools_read(rd, tools);
    r = r < 0 ? r : config_left_read(rd, config);
    return r < 0 ? r : choice_read(rd, config);
}
