/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/cohere/read.h"

#include "llm/cohere/cohere.h"
#include "llm/cohere/read_messages.h"
#include "llm/core/incoming.h"
#include "llm/openai/openai.h"
#include "llm/openai/read_tools.h"

int sl_cohere_read_call(const struct sl_incoming *in, struct sl_json *doc, struct sl_arena *arena,
                        struct sl_call *ret_call, struct sl_llm_error *ret_error)
{
    struct sl_json_val model = SL_JSON_ABSENT, stream = SL_JSON_ABSENT;
    struct sl_incoming_row rows[] = { { "model", &model }, { "stream", &stream } };
    struct sl_call call = { .type = in->type, .language = &sl_language_cohere, .body = in->body, .doc = doc };
    int r = sl_incoming_pick(in, doc, arena, rows, SL_ARRAY_LEN(rows), ret_error);
    r = r < 0 ? r : sl_incoming_model(model, arena, &call.model, ret_error);
    if (r == 0 && in->type >= SL_LLM_TRANSLATED_COUNT) {
        call.language = &sl_language_openai_passed;
    } else if (r == 0 && in->type != SL_LLM_EMBEDDINGS) {
        r = sl_incoming_stream(stream, &call.is_stream, ret_error);
    }
    if (r == 0) {
        call.wants_usage = true; /* its streams always have usage */
        sl_json_edits_init(&call.edits, arena);
        *ret_call = call;
    }
    return r;
}

/* --- the top level --- */

enum key {
    K_MODEL,
    K_STREAM,
    K_MESSAGES,
    K_DOCUMENTS,
    K_TOOLS,
    K_TOOL_CHOICE,
    K_STRICT_TOOLS,
    K_FORMAT,
    K_MAX_TOKENS,
    K_STOP,
    K_TEMPERATURE,
    K_P,
    K_K,
    K_THINKING,
    K_COUNT
};

static const struct sl_str keys[K_COUNT] = {
    [K_MODEL] = SL_STR_INIT("model"),
    [K_STREAM] = SL_STR_INIT("stream"),
    [K_MESSAGES] = SL_STR_INIT("messages"),
    [K_DOCUMENTS] = SL_STR_INIT("documents"),
    [K_TOOLS] = SL_STR_INIT("tools"),
    [K_TOOL_CHOICE] = SL_STR_INIT("tool_choice"),
    [K_STRICT_TOOLS] = SL_STR_INIT("strict_tools"),
    [K_FORMAT] = SL_STR_INIT("response_format"),
    [K_MAX_TOKENS] = SL_STR_INIT("max_tokens"),
    [K_STOP] = SL_STR_INIT("stop_sequences"),
    [K_TEMPERATURE] = SL_STR_INIT("temperature"),
    [K_P] = SL_STR_INIT("p"),
    [K_K] = SL_STR_INIT("k"),
    [K_THINKING] = SL_STR_INIT("thinking"),
};

static int tools_read(struct sl_chat_reader *rd, const struct sl_json_val found[K_COUNT])
{
    struct sl_chat *chat = rd->chat;
    struct sl_json_val choice = found[K_TOOL_CHOICE], strict = found[K_STRICT_TOOLS];
    int r = sl_openai_tools_read(rd, found[K_TOOLS], SL_JSON_ABSENT);
    if (r == 0 && !sl_json_is_nothing(strict) && !sl_json_is_bool(strict)) {
        r = sl_chat_fault(rd, strict, "a boolean is expected");
    }
    if (r < 0) {
        return r;
    }
    for (uint32_t i = 0; i < chat->n_tools && sl_json_is(strict, SL_JSON_TRUE); i++) {
        chat->tools[i].strict = sl_json_raw(strict);
    }
    if (sl_json_str_eq(choice, SL_STR("REQUIRED"))) {
        chat->choice = SL_CHOICE_REQUIRED;
    } else if (sl_json_str_eq(choice, SL_STR("NONE"))) {
        chat->choice = SL_CHOICE_NONE;
    } else if (!sl_json_is_nothing(choice)) {
        return sl_chat_fault(rd, choice, "REQUIRED or NONE is expected; left out, the model chooses");
    }
    return 0;
}

static int format_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_json_val type = sl_json_get(v, "type"), schema = sl_json_get(v, "json_schema");
    schema = sl_json_is_nothing(schema) ? sl_json_get(v, "schema") : schema;
    if (sl_json_is_nothing(v) || sl_json_str_eq(type, SL_STR("text"))) {
        return 0;
    }
    if (!sl_json_str_eq(type, SL_STR("json_object"))) {
        return sl_chat_fault(rd, v, "the type text or json_object is expected, with json_schema where it has a schema");
    }
    rd->chat->format = SL_ANSWER_JSON;
    if (sl_json_is_nothing(schema)) {
        return 0;
    }
    if (!sl_json_is(schema, SL_JSON_OBJECT)) {
        return sl_chat_fault(rd, schema, "a JSON Schema is expected");
    }
    rd->chat->format = SL_ANSWER_SCHEMA;
    rd->chat->schema = sl_json_raw(schema);
    rd->chat->schema_node = schema;
    return 0;
}

/* Other languages say how hard a model is to think, not for how many tokens. */
static int thinking_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_json_val type = sl_json_get(v, "type");
    int64_t budget = INT64_MAX;
    if (sl_json_is_nothing(v)) {
        return 0;
    }
    if (sl_json_str_eq(type, SL_STR("disabled"))) {
        rd->chat->effort = SL_STR("none");
        return 0;
    }
    if (!sl_json_is(v, SL_JSON_OBJECT) || (!sl_json_is_nothing(type) && !sl_json_str_eq(type, SL_STR("enabled")))) {
        return sl_chat_fault(rd, v, "the type enabled or disabled is expected");
    }
    int r = sl_chat_int(rd, sl_json_get(v, "token_budget"), 0, &budget);
    rd->chat->effort = budget == 0     ? SL_STR("none")
                       : budget < 2048 ? SL_STR("low")
                       : budget < 8192 ? SL_STR("medium")
                                       : SL_STR("high");
    return r;
}

static int values_read(struct sl_chat_reader *rd, const struct sl_json_val found[K_COUNT])
{
    struct sl_chat *chat = rd->chat;
    struct sl_json_val top_k = SL_JSON_ABSENT;
    int r = sl_chat_int(rd, found[K_MAX_TOKENS], 0, &chat->max_tokens);
    r = r < 0 ? r : sl_chat_number(rd, found[K_TEMPERATURE], &chat->temperature);
    r = r < 0 ? r : sl_chat_number(rd, found[K_P], &chat->top_p);
    r = r < 0 ? r : sl_chat_number(rd, found[K_K], &top_k);
    if (r == 0 && !sl_json_says_nothing(top_k)) { /* 0 means all tokens */
        sl_chat_member_add(rd, SL_STR("top_k"), top_k);
    }
    r = r < 0 ? r : sl_chat_stops(rd, found[K_STOP]);
    r = r < 0 ? r : thinking_read(rd, found[K_THINKING]);
    return r < 0 ? r : format_read(rd, found[K_FORMAT]);
}

int sl_cohere_read_chat(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena,
                        struct sl_chat *ret_chat, struct sl_llm_error *ret_error)
{
    struct sl_chat chat = { .parallel = -1, .max_tokens = -1, .n = 1 };
    struct sl_chat_reader rd = { call, env, arena, &chat, ret_error };
    struct sl_json_val root, found[K_COUNT] = { 0 };
    int r = sl_chat_root(&rd, &root);
    r = r < 0 ? r : sl_chat_sort(&rd, root, keys, K_COUNT, 1, found);
    r = r < 0 ? r : values_read(&rd, found);
    r = r < 0 ? r : tools_read(&rd, found);
    r = r < 0 ? r : sl_cohere_messages_read(&rd, found[K_MESSAGES], found[K_DOCUMENTS]);
    if (r == 0) {
        *ret_chat = chat;
    }
    return r;
}
