/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/responses/tools.h"

#include "base/buf.h"
#include "json/write.h"
#include "llm/chat/reader.h"
#include "llm/core/request.h"
#include "llm/openai/read_tools.h"
#include "llm/responses/own.h"

#define HOSTED_NAMED 4 /* this many tools of a server are named when they are left out; further ones are not */

/* --- names --- */

static struct sl_str joined(struct sl_chat_reader *rd, struct sl_str space, struct sl_str name)
{
    if (!space.p || !name.p) {
        return name;
    }
    struct sl_str texts[] = { sl_str_sub(space, 0, space.n - 1), SL_STR("__"), sl_str_sub(name, 1, name.n) };
    return sl_arena_join(rd->arena, texts, SL_ARRAY_LEN(texts));
}

struct sl_str sl_responses_tool_name(struct sl_chat_reader *rd, struct sl_json_val v)
{
    return joined(rd, sl_chat_raw_text(v, "namespace"), sl_chat_raw_text(v, "name"));
}

const struct sl_responses_tool *sl_responses_tool_find(const struct sl_call *call, struct sl_str name)
{
    const struct sl_responses_own *own = call->own;
    for (size_t i = 0; own && i < own->n_tools; i++) {
        if (sl_str_eq(own->tools[i].name, name)) {
            return &own->tools[i];
        }
    }
    return NULL;
}

static int spelling_note(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_json_val space, bool is_custom)
{
    struct sl_responses_own *own = (struct sl_responses_own *)(uintptr_t)rd->call->own;
    struct sl_responses_tool *tool = &own->tools[own->n_tools];
    *tool = (struct sl_responses_tool){ .is_custom = is_custom };
    int r = sl_json_text(sl_json_get(v, "name"), rd->arena, &tool->own);
    r = r < 0 || !sl_json_is_present(space) ? r : sl_json_text(space, rd->arena, &tool->space);
    if (r < 0) {
        return r == SL_E_NOMEM ? r : 0;
    }
    tool->name = tool->own;
    if (tool->space.p) {
        tool->name = sl_arena_join(rd->arena, (struct sl_str[]){ tool->space, SL_STR("__"), tool->own }, 3);
    }
    own->n_tools += tool->name.p != NULL;
    return tool->name.p ? 0 : SL_E_NOMEM;
}

/* --- a tool --- */

/* The schema of every custom tool's function. */
static const struct sl_str schema = SL_STR_INIT("{\"type\":\"object\",\"properties\":{\"input\":{\"type\":\"string\"}},"
                                                "\"required\":[\"input\"],\"additionalProperties\":false}");

/* Its grammar goes into the description, because no other language has a place for it. */
static int custom_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_tool *tool)
{
    struct sl_json_val format = sl_json_get(v, "format");
    struct sl_str definition = sl_chat_raw_text(format, "definition"), syntax = sl_chat_raw_text(format, "syntax");
    tool->name = sl_chat_raw_text(v, "name");
    tool->description = sl_chat_raw_text(v, "description");
    if (!tool->name.p) {
        return sl_chat_fault(rd, v, "the member 'name' is missing");
    }
    if (definition.p && syntax.p) {
        struct sl_str before = tool->description.p ? tool->description : SL_STR("\"\"");
        struct sl_str texts[] = { sl_str_sub(before, 0, before.n - 1), SL_STR("\\n\\nThe input follows this grammar ("),
                                  sl_str_sub(syntax, 1, syntax.n - 1), SL_STR("):\\n"),
                                  sl_str_sub(definition, 1, definition.n) };
        tool->description = sl_arena_join(rd->arena, texts, SL_ARRAY_LEN(texts));
        if (!tool->description.p) {
            return SL_E_NOMEM;
        }
    }
    tool->parameters = schema;
    return sl_chat_node(rd, schema, &tool->schema);
}

/* Clients of this kind always offer tools of OpenAI's servers, and work well without them. */
static bool hosted_leave_out(struct sl_chat_reader *rd, const struct sl_tool *tool, size_t *io_n)
{
    const struct sl_responses_own *own = rd->call->own;
    if (!own || !own->offers_all) {
        return false;
    }
    struct sl_str name = (*io_n)++ < HOSTED_NAMED
                             ? sl_arena_join(rd->arena, (struct sl_str[]){ SL_STR("tools."), tool->type }, 2)
                             : SL_STR_NONE;
    if (name.p) {
        sl_chat_member_add(rd, name, tool->node);
    }
    return true;
}

static int tool_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_json_val space, size_t *io_n_hosted)
{
    struct sl_json_val type = sl_json_get(v, "type");
    struct sl_tool *tool = &rd->chat->tools[rd->chat->n_tools];
    if (!sl_json_is(v, SL_JSON_OBJECT) || !sl_json_is(type, SL_JSON_STRING)) {
        return sl_chat_fault(rd, v, "a tool is an object with a type, such as function");
    }
    bool is_custom = sl_json_str_eq(type, SL_STR("custom")), is_inside = sl_json_is_present(space);
    *tool = (struct sl_tool){ 0 }; /* a tool that is left out may have been here */
    if (!is_custom && !sl_json_str_eq(type, SL_STR("function"))) {
        int r = sl_openai_hosted_read(rd, v, tool);
        rd->chat->n_tools += r == 0 && !hosted_leave_out(rd, tool, io_n_hosted);
        return r;
    }
    if (sl_json_is(sl_json_get(v, "function"), SL_JSON_OBJECT)) {
        return sl_chat_fault(rd, v, "name, description and parameters stand beside the type here");
    }
    int r = is_custom ? custom_read(rd, v, tool) : sl_openai_function_read(rd, v, tool);
    if (r == 0 && is_inside) {
        tool->name = joined(rd, sl_json_raw(space), tool->name);
        r = tool->name.p ? 0 : SL_E_NOMEM;
    }
    r = r == 0 && (is_custom || is_inside) ? spelling_note(rd, v, space, is_custom) : r;
    rd->chat->n_tools += r == 0;
    return r;
}

static int space_read(struct sl_chat_reader *rd, struct sl_json_val v, size_t *io_n_hosted)
{
    struct sl_json_val name = sl_json_get(v, "name"), list = sl_json_get(v, "tools");
    int r = 0;
    if (!sl_json_is(name, SL_JSON_STRING) || !sl_json_is(list, SL_JSON_ARRAY)) {
        return sl_chat_fault(rd, v, "a namespace has a name and a list of tools");
    }
    for (struct sl_json_iter it = sl_json_each(list); r == 0 && sl_json_next(&it);) {
        r = tool_read(rd, it.val, name, io_n_hosted);
    }
    return r;
}

/* --- all tools --- */

static bool is_space(struct sl_json_val v)
{
    return sl_json_str_eq(sl_json_get(v, "type"), SL_STR("namespace"));
}

/* Makes room for every tool, and for each that has another name. */
static int room_make(struct sl_chat_reader *rd, struct sl_json_val tools)
{
    struct sl_responses_own *own = (struct sl_responses_own *)(uintptr_t)rd->call->own;
    size_t n = 0, n_spelt = 0;
    for (struct sl_json_iter it = sl_json_each(tools); sl_json_next(&it); n++) {
        bool is_custom = sl_json_str_eq(sl_json_get(it.val, "type"), SL_STR("custom"));
        size_t inside = is_space(it.val) ? sl_json_count(sl_json_get(it.val, "tools")) : 0;
        n += inside;
        n_spelt += inside + is_custom;
    }
    own->n_tools = 0; /* the call may be read again for the next attempt */
    rd->chat->tools = SL_ARENA_ARRAY(rd->arena, struct sl_tool, n + 1);
    if (n_spelt) {
        own->tools = SL_ARENA_ARRAY(rd->arena, struct sl_responses_tool, n_spelt);
    }
    return rd->chat->tools && (n_spelt == 0 || own->tools) ? 0 : SL_E_NOMEM;
}

static int choice_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_json_val type = sl_json_get(v, "type");
    struct sl_str name = sl_responses_tool_name(rd, v);
    bool is_named = sl_json_str_eq(type, SL_STR("function")) || sl_json_str_eq(type, SL_STR("custom"));
    if (sl_openai_choice_word(rd, v)) {
        return 0;
    }
    if (sl_json_str_eq(type, SL_STR("allowed_tools"))) {
        return sl_openai_allowed_read(rd, v);
    }
    return is_named && name.p
               ? sl_openai_choice_name(rd, name)
               : sl_chat_fault(rd, v, "none, auto, required, a function by its name or allowed_tools is expected");
}

int sl_responses_tools_read(struct sl_chat_reader *rd, struct sl_json_val tools, struct sl_json_val choice)
{
    size_t n_hosted = 0;
    if (!sl_json_is_nothing(tools) && !sl_json_is(tools, SL_JSON_ARRAY)) {
        return sl_chat_fault(rd, tools, "a list is expected");
    }
    int r = room_make(rd, tools);
    for (struct sl_json_iter it = sl_json_each(tools); r == 0 && sl_json_next(&it);) {
        r = is_space(it.val) ? space_read(rd, it.val, &n_hosted) : tool_read(rd, it.val, SL_JSON_ABSENT, &n_hosted);
    }
    return r < 0 ? r : choice_read(rd, choice);
}

/* --- answers --- */

void sl_responses_tool_input(struct sl_str arguments, struct sl_buf *out)
{
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    bool is_json = sl_json_parse(&doc, arguments) == 0;
    struct sl_json_val input = is_json ? sl_json_get(sl_json_root(&doc), "input") : SL_JSON_ABSENT;
    if (sl_json_is(input, SL_JSON_STRING)) {
        sl_buf_add_str(out, sl_json_raw(input));
    } else {
        sl_buf_add_char(out, '"');
        sl_json_escape(out, arguments);
        sl_buf_add_char(out, '"');
    }
    sl_json_done(&doc);
}
