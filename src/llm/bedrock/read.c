/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/bedrock/read.h"

#include "llm/bedrock/bedrock.h"
#include "llm/bedrock/read_messages.h"
#include "llm/core/incoming.h"
#include "llm/core/llm.h"

/* The path names the route, and says whether the client wants a stream. */
int sl_bedrock_read_call(const struct sl_incoming *in, struct sl_json *doc, struct sl_arena *arena,
                         struct sl_call *ret_call, struct sl_llm_error *ret_error)
{
    struct sl_call call = { .type = in->type, .language = &sl_language_bedrock, .body = in->body, .doc = doc };
    int r = sl_incoming_pick(in, doc, arena, NULL, 0, ret_error);
    if (r == 0) {
        call.is_stream = sl_str_has_suffix(in->path, SL_STR("/converse-stream"));
        call.wants_usage = true; /* its streams always have usage */
        sl_json_edits_init(&call.edits, arena);
        *ret_call = call;
    }
    return r;
}

/* --- the top level --- */

enum key { K_MESSAGES, K_SYSTEM, K_CONFIG, K_TOOLS, K_FIELDS, K_OUTPUT, K_TIER, K_GUARDRAIL, K_VARIABLES, K_COUNT };

static const struct sl_str keys[K_COUNT] = {
    [K_MESSAGES] = SL_STR_INIT("messages"),
    [K_SYSTEM] = SL_STR_INIT("system"),
    [K_CONFIG] = SL_STR_INIT("inferenceConfig"),
    [K_TOOLS] = SL_STR_INIT("toolConfig"),
    [K_FIELDS] = SL_STR_INIT("additionalModelRequestFields"),
    [K_OUTPUT] = SL_STR_INIT("outputConfig"),
    [K_TIER] = SL_STR_INIT("serviceTier"),
    [K_GUARDRAIL] = SL_STR_INIT("guardrailConfig"),
    [K_VARIABLES] = SL_STR_INIT("promptVariables"),
};

static int object_check(struct sl_chat_reader *rd, struct sl_json_val v)
{
    bool is_sound = sl_json_is_nothing(v) || sl_json_is(v, SL_JSON_OBJECT);
    return is_sound ? 0 : sl_chat_fault(rd, v, "an object is expected");
}

/* --- numbers, additionalModelRequestFields --- */

static int config_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_chat *chat = rd->chat;
    int r = object_check(rd, v);
    r = r < 0 ? r : sl_chat_int(rd, sl_json_get(v, "maxTokens"), 1, &chat->max_tokens);
    r = r < 0 ? r : sl_chat_number(rd, sl_json_get(v, "temperature"), &chat->temperature);
    r = r < 0 ? r : sl_chat_number(rd, sl_json_get(v, "topP"), &chat->top_p);
    return r < 0 ? r : sl_chat_stops(rd, sl_json_get(v, "stopSequences"));
}

/* Reads the models' own members, which Converse does not have: those that other providers know too are read, the others
 * become members of the call, and each provider takes those that it has. */
static int fields_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_chat *chat = rd->chat;
    int r = object_check(rd, v);
    for (struct sl_json_iter it = sl_json_each(v); r == 0 && sl_json_next(&it);) {
        struct sl_json_val top_k = sl_json_get(it.val, "topK");
        struct sl_str name;
        r = sl_json_text(it.key, rd->arena, &name);
        if (r < 0) {
            break;
        }
        if (sl_str_eq_c(name, "reasoning_effort") && sl_json_is(it.val, SL_JSON_STRING)) {
            r = sl_json_text(it.val, rd->arena, &chat->effort);
        } else if (sl_str_eq_c(name, "reasoning_config")) {
            sl_chat_member_add(rd, SL_STR("thinking"), it.val);
        } else if (sl_str_eq_c(name, "inferenceConfig") && sl_json_is_present(top_k)) {
            sl_chat_member_add(rd, SL_STR("top_k"), top_k);
        } else if (sl_str_eq_c(name, "k")) {
            sl_chat_member_add(rd, SL_STR("top_k"), it.val);
        } else {
            sl_chat_member_add(rd, name, it.val);
        }
    }
    return r;
}

/* --- tools --- */

static int tool_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_tool *tool)
{
    struct sl_json_val spec = sl_json_get(v, "toolSpec"), own = sl_json_get(v, "systemTool");
    struct sl_json_val schema = sl_json_at(spec, "inputSchema.json"), strict = sl_json_get(spec, "strict");
    if (sl_json_is_present(own)) {
        tool->type = SL_STR("systemTool"); /* a tool of Bedrock: providers that do not know it refuse it */
        return 0;
    }
    tool->name = sl_chat_raw_text(spec, "name");
    tool->description = sl_chat_raw_text(spec, "description");
    if (!tool->name.p) {
        return sl_chat_fault(rd, v, "a tool is a toolSpec with a name and an inputSchema");
    }
    if (!sl_json_is(schema, SL_JSON_OBJECT)) {
        return sl_chat_fault(rd, spec, "an inputSchema with a JSON Schema as its json is expected");
    }
    tool->parameters = sl_json_raw(schema);
    tool->schema = schema;
    tool->strict = sl_json_is_bool(strict) ? sl_json_raw(strict) : SL_STR_NONE;
    return 0;
}

static int tools_list_read(struct sl_chat_reader *rd, struct sl_json_val list)
{
    struct sl_chat *chat = rd->chat;
    if (!sl_json_is(list, SL_JSON_ARRAY) || sl_json_count(list) == 0) {
        return sl_chat_fault(rd, list, "toolConfig has tools: a list of at least one");
    }
    chat->tools = SL_ARENA_ARRAY(rd->arena, struct sl_tool, sl_json_count(list) + 1);
    int r = chat->tools ? 0 : SL_E_NOMEM;
    for (struct sl_json_iter it = sl_json_each(list); r == 0 && sl_json_next(&it);) {
        struct sl_json_val point = sl_json_get(it.val, "cachePoint");
        if (!sl_json_is_present(point)) {
            r = tool_read(rd, it.val, &chat->tools[chat->n_tools++]);
            continue;
        }
        struct sl_str mark;
        r = sl_bedrock_cache_point_read(rd, point, &mark);
        if (r == 0 && chat->n_tools) {
            chat->tools[chat->n_tools - 1].cache_control = mark;
        }
    }
    return r;
}

static int choice_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_chat *chat = rd->chat;
    struct sl_json_val named = sl_json_get(v, "tool");
    if (sl_json_is_nothing(v)) {
        return 0;
    }
    if (sl_json_is_present(named)) {
        chat->choice = SL_CHOICE_NAMED;
        chat->choice_name = sl_chat_raw_text(named, "name");
    } else if (sl_json_is_present(sl_json_get(v, "any"))) {
        chat->choice = SL_CHOICE_REQUIRED;
    } else if (sl_json_is_present(sl_json_get(v, "auto"))) {
        chat->choice = SL_CHOICE_AUTO;
    }
    bool is_sound = chat->choice != SL_CHOICE_NONE_SAID && (chat->choice != SL_CHOICE_NAMED || chat->choice_name.p);
    return is_sound ? 0 : sl_chat_fault(rd, v, "auto, any or a tool by its name is expected");
}

static int tools_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    if (sl_json_is_nothing(v)) {
        return 0;
    }
    struct sl_json_val list = sl_json_get(v, "tools");
    int r = tools_list_read(rd, sl_json_is_present(list) ? list : v);
    return r < 0 ? r : choice_read(rd, sl_json_get(v, "toolChoice"));
}

/* --- the form of the answer --- */

#define SCHEMA_PATH "outputConfig.textFormat.structure.jsonSchema.schema"

/* The schema comes as a text. The call is parsed again with the schema itself in its place. */
static int schema_open(struct sl_chat_reader *rd, struct sl_json_val *io_root)
{
    struct sl_json_val v = sl_json_at(*io_root, SCHEMA_PATH);
    struct sl_json_edits edits;
    struct sl_str schema;
    if (!sl_json_is(v, SL_JSON_STRING)) {
        return 0;
    }
    int r = sl_json_text(v, rd->arena, &schema);
    if (r == 0 && !sl_arguments_are_object(schema)) {
        return sl_chat_fault(rd, v, "the text of a JSON Schema, an object, is expected");
    }
    sl_json_edits_init(&edits, rd->arena);
    struct sl_buf buf = SL_BUF_INIT(UINT32_MAX);
    if (r == 0) {
        sl_json_edit_replace(&edits, v, schema);
        sl_json_edits_write(&edits, v.doc->text, &buf);
    }
    struct sl_str text = r == 0 && sl_buf_status(&buf) == 0 ? sl_arena_dup(rd->arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_done(&buf);
    r = text.p ? sl_json_parse_at(rd->env->scratch, text, 0) : SL_E_NOMEM;
    if (r == 0) {
        *io_root = sl_json_root(rd->env->scratch);
    }
    return r == 0 || r == SL_E_NOMEM ? r
                                     : sl_refuse(rd->call, rd->arena, rd->error, SCHEMA_PATH,
                                                 SCHEMA_PATH ": the schema is nested too deeply.");
}

static int output_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_chat *chat = rd->chat;
    struct sl_json_val effort = sl_json_get(v, "effort"), format = sl_json_get(v, "textFormat");
    struct sl_json_val about = sl_json_at(format, "structure.jsonSchema"), schema = sl_json_get(about, "schema");
    int r = object_check(rd, v);
    if (r == 0 && sl_json_is(effort, SL_JSON_STRING)) {
        r = sl_json_text(effort, rd->arena, &chat->effort);
    }
    if (r < 0 || sl_json_is_nothing(format)) {
        return r;
    }
    if (!sl_json_str_eq(sl_json_get(format, "type"), SL_STR("json_schema")) || !sl_json_is(schema, SL_JSON_OBJECT)) {
        return sl_chat_fault(rd, format, "the type json_schema, and a schema in structure.jsonSchema, are expected");
    }
    chat->format = SL_ANSWER_SCHEMA;
    chat->schema = sl_json_raw(schema);
    chat->schema_node = schema;
    chat->schema_name = sl_chat_raw_text(about, "name");
    chat->schema_description = sl_chat_raw_text(about, "description");
    return 0;
}

/* --- the whole request --- */

/* Refuses members without which the answer would lack the protection that the caller wants, or its question. */
static int only_bedrocks(struct sl_chat_reader *rd, const struct sl_json_val found[K_COUNT])
{
    if (!sl_json_says_nothing(found[K_GUARDRAIL])) {
        return sl_chat_fault(rd, found[K_GUARDRAIL], "the provider of this route has no guardrails of Amazon Bedrock");
    }
    if (!sl_json_says_nothing(found[K_VARIABLES])) {
        return sl_chat_fault(rd, found[K_VARIABLES],
                             "the provider of this route has no prompts of Amazon Bedrock to fill");
    }
    return 0;
}

static int values_read(struct sl_chat_reader *rd, const struct sl_json_val found[K_COUNT])
{
    struct sl_json_val tier = sl_json_get(found[K_TIER], "type");
    int r = only_bedrocks(rd, found);
    r = r < 0 ? r : config_read(rd, found[K_CONFIG]);
    r = r < 0 ? r : fields_read(rd, found[K_FIELDS]);
    r = r < 0 ? r : output_read(rd, found[K_OUTPUT]);
    r = r < 0 ? r : tools_read(rd, found[K_TOOLS]);
    if (r == 0 && sl_json_is(tier, SL_JSON_STRING)) {
        sl_chat_member_add(rd, SL_STR("service_tier"), tier);
    }
    return r;
}

int sl_bedrock_read_chat(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena,
                         struct sl_chat *ret_chat, struct sl_llm_error *ret_error)
{
    struct sl_chat chat = { .parallel = -1, .max_tokens = -1, .n = 1 };
    struct sl_chat_reader rd = { call, env, arena, &chat, ret_error };
    struct sl_json_val root, found[K_COUNT] = { 0 };
    int r = sl_chat_root(&rd, &root);
    r = r < 0 ? r : schema_open(&rd, &root);
    size_t more = r < 0 ? 0
                        : 2 + SL_CHAT_NOTES_MAX +
                              (size_t)sl_json_count(sl_json_get(root, "additionalModelRequestFields"));
    r = r < 0 ? r : sl_chat_sort(&rd, root, keys, K_COUNT, more, found);
    r = r < 0 ? r : values_read(&rd, found);
    r = r < 0 ? r : sl_bedrock_messages_read(&rd, found[K_SYSTEM], found[K_MESSAGES]);
    if (r == 0) {
        sl_chat_notes_add(&rd);
        *ret_chat = chat;
    }
    return r;
}
