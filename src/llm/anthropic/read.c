/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/anthropic/read.h"

#include "llm/anthropic/anthropic.h"
#include "llm/anthropic/read_messages.h"
#include "llm/core/incoming.h"

int sl_anthropic_read_call(const struct sl_incoming *in, struct sl_json *doc, struct sl_arena *arena,
                           struct sl_call *ret_call, struct sl_llm_error *ret_error)
{
    struct sl_json_val model = SL_JSON_ABSENT, stream = SL_JSON_ABSENT;
    struct sl_incoming_row rows[] = { { "model", &model }, { "stream", &stream } };
    struct sl_call call = { .type = in->type, .language = &sl_language_anthropic, .body = in->body, .doc = doc };
    int r = sl_incoming_pick(in, doc, arena, rows, SL_ARRAY_LEN(rows), ret_error);
    r = r < 0 ? r : sl_incoming_model(model, arena, &call.model, ret_error);
    r = r < 0 ? r : sl_incoming_stream(stream, &call.is_stream, ret_error);
    if (r == 0) {
        call.wants_usage = true; /* its streams always have usage */
        call.is_count = in->is_count;
        call.is_stream &= !in->is_count;
        sl_json_edits_init(&call.edits, arena);
        *ret_call = call;
    }
    return r;
}

/* --- the top level --- */

enum key {
    K_SYSTEM,
    K_MESSAGES,
    K_MAX_TOKENS,
    K_TEMPERATURE,
    K_TOP_P,
    K_STOP,
    K_METADATA,
    K_TOOLS,
    K_TOOL_CHOICE,
    K_OUTPUT,
    K_MODEL,
    K_STREAM,
    K_THREAD,
    K_COUNT
};

static const struct sl_str keys[K_COUNT] = {
    [K_SYSTEM] = SL_STR_INIT("system"),
    [K_MESSAGES] = SL_STR_INIT("messages"),
    [K_MAX_TOKENS] = SL_STR_INIT("max_tokens"),
    [K_TEMPERATURE] = SL_STR_INIT("temperature"),
    [K_TOP_P] = SL_STR_INIT("top_p"),
    [K_STOP] = SL_STR_INIT("stop_sequences"),
    [K_METADATA] = SL_STR_INIT("metadata"),
    [K_TOOLS] = SL_STR_INIT("tools"),
    [K_TOOL_CHOICE] = SL_STR_INIT("tool_choice"),
    [K_OUTPUT] = SL_STR_INIT("output_config"),
    [K_MODEL] = SL_STR_INIT("model"),
    [K_STREAM] = SL_STR_INIT("stream"),
    [K_THREAD] = SL_STR_INIT("thread"),
};

static int max_tokens_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    if (rd->call->is_count && sl_json_is_nothing(v)) {
        return 0;
    }
    if (sl_json_int(v, true, &rd->chat->max_tokens) < 0 || rd->chat->max_tokens < 0) {
        return sl_refuse(rd->call, rd->arena, rd->error, "max_tokens",
                         "Missing 'max_tokens': an integer of at least 0 is expected.");
    }
    return 0;
}

/* --- tools --- */

/* Members of a tool that only this language has; each is named once for all tools. */
static const struct {
    const char *key;
    struct sl_str name;
} hints[] = {
    { "eager_input_streaming", SL_STR_INIT("tools.eager_input_streaming") },
    { "input_examples", SL_STR_INIT("tools.input_examples") },
    { "defer_loading", SL_STR_INIT("tools.defer_loading") },
    { "allowed_callers", SL_STR_INIT("tools.allowed_callers") },
};

static void hints_read(struct sl_chat_reader *rd, struct sl_json_val v, unsigned *io_found)
{
    for (size_t i = 0; i < SL_ARRAY_LEN(hints); i++) {
        struct sl_json_val hint = sl_json_get(v, hints[i].key);
        if (!sl_json_is_nothing(hint) && !sl_json_says_nothing(hint) && !(*io_found & SL_BIT(i))) {
            *io_found |= SL_BIT(i);
            sl_chat_member_add(rd, hints[i].name, hint);
        }
    }
}

static int tool_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_tool *tool)
{
    struct sl_json_val type = sl_json_get(v, "type"), schema = sl_json_get(v, "input_schema");
    if (sl_json_str_eq(type, SL_STR("function"))) { /* OpenAI's */
        return sl_chat_fault(rd, v, "a tool has a name, a description and an input_schema");
    }
    if (!sl_json_is_nothing(type) && !sl_json_str_eq(type, SL_STR("custom"))) {
        tool->type = SL_STR("?"); /* a tool of the server: providers that do not know it refuse it */
        tool->node = v;
        int r = sl_json_text(type, rd->arena, &tool->type);
        if (r == 0 && tool->type.n == 0) {
            return sl_chat_fault(rd, type, "the type of a tool is empty: custom is expected, or none");
        }
        return r == SL_E_NOMEM ? r : 0;
    }
    tool->name = sl_chat_raw_text(v, "name");
    tool->description = sl_chat_raw_text(v, "description");
    if (!tool->name.p) {
        return sl_chat_fault(rd, v, "the member 'name' is missing");
    }
    if (!sl_json_is_nothing(schema) && !sl_json_is(schema, SL_JSON_OBJECT)) {
        return sl_chat_fault(rd, schema, "a JSON Schema is expected");
    }
    if (sl_json_is(schema, SL_JSON_OBJECT)) {
        tool->parameters = sl_json_raw(schema);
        tool->schema = schema;
    }
    struct sl_json_val strict = sl_json_get(v, "strict"), cache = sl_json_get(v, "cache_control");
    tool->strict = sl_json_is_bool(strict) ? sl_json_raw(strict) : SL_STR_NONE;
    tool->cache_control = sl_json_is(cache, SL_JSON_OBJECT) ? sl_json_raw(cache) : SL_STR_NONE;
    return 0;
}

static int tools_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    if (!sl_json_is_nothing(v) && !sl_json_is(v, SL_JSON_ARRAY)) {
        return sl_chat_fault(rd, v, "a list is expected");
    }
    rd->chat->tools = SL_ARENA_ARRAY(rd->arena, struct sl_tool, sl_json_count(v) + 1);
    unsigned found = 0;
    int r = rd->chat->tools ? 0 : SL_E_NOMEM;
    for (struct sl_json_iter it = sl_json_each(v); r == 0 && sl_json_next(&it);) {
        hints_read(rd, it.val, &found);
        r = tool_read(rd, it.val, &rd->chat->tools[rd->chat->n_tools++]);
    }
    return r;
}

static int choice_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    static const struct {
        struct sl_str word;
        enum sl_tool_choice choice;
    } words[] = {
        { SL_STR_INIT("auto"), SL_CHOICE_AUTO },
        { SL_STR_INIT("any"), SL_CHOICE_REQUIRED },
        { SL_STR_INIT("tool"), SL_CHOICE_NAMED },
        { SL_STR_INIT("none"), SL_CHOICE_NONE },
    };
    struct sl_chat *chat = rd->chat;
    if (sl_json_is_nothing(v)) {
        return 0;
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
        if (sl_json_str_eq(sl_json_get(v, "type"), words[i].word)) {
            chat->choice = words[i].choice;
        }
    }
    chat->choice_name = sl_chat_raw_text(v, "name");
    if (chat->choice == SL_CHOICE_NONE_SAID || (chat->choice == SL_CHOICE_NAMED && !chat->choice_name.p)) {
        return sl_chat_fault(rd, v, "auto, any, none or a tool by its name is expected");
    }
    struct sl_json_val is_single = sl_json_get(v, "disable_parallel_tool_use");
    chat->parallel = sl_json_is(is_single, SL_JSON_TRUE) ? 0 : sl_json_is(is_single, SL_JSON_FALSE) ? 1 : -1;
    return 0;
}

/* --- the form of the answer --- */

static int output_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_json_val effort = sl_json_get(v, "effort"), format = sl_json_get(v, "format");
    struct sl_json_val schema = sl_json_get(format, "schema");
    if (sl_json_count(v) > (uint32_t)(sl_json_is_present(effort) + sl_json_is_present(format))) {
        sl_chat_member_add(rd, keys[K_OUTPUT], v); /* its unknown members */
    }
    if (sl_json_is(effort, SL_JSON_STRING) && sl_json_text(effort, rd->arena, &rd->chat->effort) < 0) {
        return SL_E_NOMEM;
    }
    if (sl_json_is_nothing(format)) {
        return 0;
    }
    if (!sl_json_str_eq(sl_json_get(format, "type"), SL_STR("json_schema")) || !sl_json_is(schema, SL_JSON_OBJECT)) {
        return sl_chat_fault(rd, format, "the type json_schema and a JSON Schema are expected");
    }
    rd->chat->format = SL_ANSWER_SCHEMA;
    rd->chat->schema = sl_json_raw(schema);
    rd->chat->schema_node = schema;
    return 0;
}

/* A conversation that the server keeps. Anthropic's clients know this refusal: they then send the whole
 * conversation. */
static int thread_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    if (sl_json_is_nothing(v)) {
        return 0;
    }
    int r = sl_refuse(rd->call, rd->arena, rd->error, "thread",
                      "The provider of this route keeps no conversation: send all messages, without 'thread'.");
    rd->error->detail = SL_STR("{\"error_code\":\"thread_unsupported_request\",\"unsupported\":[\"thread\"]}");
    return r;
}

static int values_read(struct sl_chat_reader *rd, const struct sl_json_val found[K_COUNT])
{
    struct sl_json_val user = sl_json_get(found[K_METADATA], "user_id");
    int r = thread_read(rd, found[K_THREAD]);
    r = r < 0 ? r : max_tokens_read(rd, found[K_MAX_TOKENS]);
    r = r < 0 ? r : sl_chat_number(rd, found[K_TEMPERATURE], &rd->chat->temperature);
    r = r < 0 ? r : sl_chat_number(rd, found[K_TOP_P], &rd->chat->top_p);
    r = r < 0 ? r : sl_chat_stops(rd, found[K_STOP]);
    rd->chat->user = sl_json_is(user, SL_JSON_STRING) ? sl_json_raw(user) : SL_STR_NONE;
    r = r < 0 ? r : output_read(rd, found[K_OUTPUT]);
    r = r < 0 ? r : tools_read(rd, found[K_TOOLS]);
    return r < 0 ? r : choice_read(rd, found[K_TOOL_CHOICE]);
}

int sl_anthropic_read_chat(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena,
                           struct sl_chat *ret_chat, struct sl_llm_error *ret_error)
{
    struct sl_chat chat = { .parallel = -1, .max_tokens = -1, .n = 1 };
    struct sl_chat_reader rd = { call, env, arena, &chat, ret_error };
    struct sl_json_val root, found[K_COUNT] = { 0 };
    int r = sl_chat_root(&rd, &root);
    r = r < 0 ? r : sl_chat_sort(&rd, root, keys, K_COUNT, 1 + SL_ARRAY_LEN(hints) + SL_CHAT_NOTES_MAX, found);
    r = r < 0 ? r : values_read(&rd, found);
    r = r < 0 ? r : sl_anthropic_messages_read(&rd, found[K_SYSTEM], found[K_MESSAGES]);
    if (r == 0) {
        sl_chat_notes_add(&rd);
        *ret_chat = chat;
    }
    return r;
}
