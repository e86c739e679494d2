/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a chat or completion in OpenAI's form to the canonical call. */
#include "llm/openai/read.h"

#include "base/num.h"
#include "llm/openai/read_messages.h"
#include "llm/openai/read_tools.h"

/* --- top level --- */

enum key {
    K_OTHER,
    K_SKIP, /* the call itself has it already */
    K_MESSAGES,
    K_PROMPT,
    K_MAX_TOKENS,
    K_MAX_COMPLETION_TOKENS,
    K_TEMPERATURE,
    K_TOP_P,
    K_STOP,
    K_N,
    K_TOOLS,
    K_TOOL_CHOICE,
    K_PARALLEL,
    K_FORMAT,
    K_EFFORT,
    K_USER,
    K_SAFETY_ID,
    K_COUNT
};

static const struct {
    struct sl_str name;
    enum key key;
} keys[] = {
    { SL_STR_INIT("model"), K_SKIP },
    { SL_STR_INIT("stream"), K_SKIP },
    { SL_STR_INIT("stream_options"), K_SKIP },
    { SL_STR_INIT("messages"), K_MESSAGES },
    { SL_STR_INIT("prompt"), K_PROMPT },
    { SL_STR_INIT("max_tokens"), K_MAX_TOKENS },
    { SL_STR_INIT("max_completion_tokens"), K_MAX_COMPLETION_TOKENS },
    { SL_STR_INIT("temperature"), K_TEMPERATURE },
    { SL_STR_INIT("top_p"), K_TOP_P },
    { SL_STR_INIT("stop"), K_STOP },
    { SL_STR_INIT("n"), K_N },
    { SL_STR_INIT("tools"), K_TOOLS },
    { SL_STR_INIT("tool_choice"), K_TOOL_CHOICE },
    { SL_STR_INIT("parallel_tool_calls"), K_PARALLEL },
    { SL_STR_INIT("response_format"), K_FORMAT },
    { SL_STR_INIT("reasoning_effort"), K_EFFORT },
    { SL_STR_INIT("user"), K_USER },
    { SL_STR_INIT("safety_identifier"), K_SAFETY_ID },
};

static enum key key_of(struct sl_json_val name, enum sl_llm_type type)
{
    for (size_t i = 0; i < SL_ARRAY_LEN(keys); i++) {
        if (sl_json_str_eq(name, keys[i].name)) {
            bool is_elsewhere = keys[i].key == (type == SL_LLM_CHAT ? K_PROMPT : K_MESSAGES);
            return is_elsewhere ? K_OTHER : keys[i].key;
        }
    }
    return K_OTHER;
}

static int members_sort(struct sl_chat_reader *rd, struct sl_json_val root, struct sl_json_val found[K_COUNT])
{
    struct sl_chat *chat = rd->chat;
    chat->members = SL_ARENA_ARRAY(rd->arena, struct sl_member, sl_json_count(root) + 1);
    if (!chat->members) {
        return SL_E_NOMEM;
    }
    for (struct sl_json_iter it = sl_json_each(root); sl_json_next(&it);) {
        enum key key = key_of(it.key, rd->call->type);
        if (key != K_OTHER) {
            found[key] = it.val;
        } else if (!sl_json_is(it.val, SL_JSON_NULL)) {
            struct sl_member *member = &chat->members[chat->n_members++];
            member->val = it.val;
            int r = sl_json_text(it.key, rd->arena, &member->name);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

/* --- single values --- */

static int int_read(struct sl_chat_reader *rd, const char *key, struct sl_json_val v, int64_t min, int64_t *ret)
{
    int64_t n;
    if (sl_json_is_nothing(v)) {
        return 0;
    }
    if (sl_json_int(v, true, &n) < 0) {
        return sl_refuse(rd->call, rd->arena, rd->error, key, "Invalid type for '%s': an integer is expected.", key);
    }
    if (n < min) {
        return sl_refuse(rd->call, rd->arena, rd->error, key, "Invalid value for '%s': at least %lld is expected.", key,
                         (long long)min);
    }
    *ret = n;
    return 0;
}

static int number_read(struct sl_chat_reader *rd, const char *key, struct sl_json_val v, struct sl_json_val *ret)
{
    if (sl_json_is_nothing(v)) {
        return 0;
    }
    if (!sl_json_is(v, SL_JSON_NUMBER)) {
        return sl_refuse(rd->call, rd->arena, rd->error, key, "Invalid type for '%s': a number is expected.", key);
    }
    *ret = v;
    return 0;
}

static int stop_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_chat *chat = rd->chat;
    if (sl_json_is_nothing(v)) {
        return 0;
    }
    bool is_one = sl_json_is(v, SL_JSON_STRING);
    if (!is_one && !sl_json_is(v, SL_JSON_ARRAY)) {
        return sl_refuse(rd->call, rd->arena, rd->error, "stop",
                         "Invalid type for 'stop': a string or a list of strings is expected.");
    }
    chat->stop = SL_ARENA_ARRAY(rd->arena, struct sl_str, is_one ? 1 : sl_json_count(v) + 1);
    if (!chat->stop) {
        return SL_E_NOMEM;
    }
    if (is_one) {
        chat->stop[chat->n_stop++] = sl_json_raw(v);
        return 0;
    }
    for (struct sl_json_iter it = sl_json_each(v); sl_json_next(&it);) {
        if (!sl_json_is(it.val, SL_JSON_STRING)) {
            return sl_refuse(rd->call, rd->arena, rd->error, "stop",
                             "Invalid type for 'stop[%u]': a string is expected.", it.index);
        }
        chat->stop[chat->n_stop++] = sl_json_raw(it.val);
    }
    return 0;
}

static int format_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_chat *chat = rd->chat;
    struct sl_json_val type = sl_json_get(v, "type");
    if (sl_json_is_nothing(v) || sl_json_str_eq(type, SL_STR("text"))) {
        return 0;
    }
    if (sl_json_str_eq(type, SL_STR("json_object"))) {
        chat->format = SL_ANSWER_JSON;
        return 0;
    }
    if (!sl_json_str_eq(type, SL_STR("json_schema"))) {
        return sl_refuse(rd->call, rd->arena, rd->error, "response_format.type",
                         "Invalid value for 'response_format.type': text, json_object or json_schema is expected.");
    }
    struct sl_json_val envelope = sl_json_get(v, "json_schema");
    struct sl_json_val schema = sl_json_get(envelope, "schema");
    if (!sl_json_is(schema, SL_JSON_OBJECT)) {
        return sl_refuse(rd->call, rd->arena, rd->error, "response_format.json_schema",
                         "Missing 'response_format.json_schema.schema': a JSON Schema is expected.");
    }
    chat->format = SL_ANSWER_SCHEMA;
    chat->schema = sl_json_raw(schema);
    chat->schema_node = schema;
    chat->schema_name = sl_chat_raw_text(envelope, "name");
    chat->schema_description = sl_chat_raw_text(envelope, "description");
    struct sl_json_val strict = sl_json_get(envelope, "strict");
    chat->schema_strict = sl_json_is_bool(strict) ? sl_json_raw(strict) : SL_STR_NONE;
    return 0;
}

static int parallel_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    rd->chat->parallel = sl_json_is(v, SL_JSON_TRUE) ? 1 : sl_json_is(v, SL_JSON_FALSE) ? 0 : -1;
    if (!sl_json_is_nothing(v) && !sl_json_is_bool(v)) {
        return sl_refuse(rd->call, rd->arena, rd->error, "parallel_tool_calls",
                         "Invalid type for 'parallel_tool_calls': a boolean is expected.");
    }
    return 0;
}

static int text_read(struct sl_chat_reader *rd, const char *key, struct sl_json_val v, struct sl_json_val *ret)
{
    if (sl_json_is_nothing(v)) {
        return 0;
    }
    if (!sl_json_is(v, SL_JSON_STRING)) {
        return sl_refuse(rd->call, rd->arena, rd->error, key, "Invalid type for '%s': a string is expected.", key);
    }
    *ret = v;
    return 0;
}

static int user_read(struct sl_chat_reader *rd, const struct sl_json_val found[K_COUNT])
{
    struct sl_json_val user = SL_JSON_ABSENT;
    int r = text_read(rd, "safety_identifier", found[K_SAFETY_ID], &user);
    rd->chat->safety_id = sl_json_is_present(user) ? sl_json_raw(user) : SL_STR_NONE;
    r = r < 0 ? r : text_read(rd, "user", found[K_USER], &user);
    if (r == 0 && sl_json_is_present(user)) {
        rd->chat->user = sl_json_raw(user);
    }
    return r;
}

static int effort_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_json_val effort = SL_JSON_ABSENT;
    int r = text_read(rd, "reasoning_effort", v, &effort);
    return r == 0 && sl_json_is_present(effort) ? sl_json_text(effort, rd->arena, &rd->chat->effort) : r;
}

static int values_read(struct sl_chat_reader *rd, const struct sl_json_val found[K_COUNT])
{
    struct sl_chat *chat = rd->chat;
    int r = int_read(rd, "max_tokens", found[K_MAX_TOKENS], 0, &chat->max_tokens);
    r = r < 0 ? r : int_read(rd, "max_completion_tokens", found[K_MAX_COMPLETION_TOKENS], 0, &chat->max_tokens);
    r = r < 0 ? r : int_read(rd, "n", found[K_N], 1, &chat->n);
    chat->has_n = !sl_json_is_nothing(found[K_N]);
    r = r < 0 ? r : number_read(rd, "temperature", found[K_TEMPERATURE], &chat->temperature);
    r = r < 0 ? r : number_read(rd, "top_p", found[K_TOP_P], &chat->top_p);
    r = r < 0 ? r : stop_read(rd, found[K_STOP]);
    r = r < 0 ? r : format_read(rd, found[K_FORMAT]);
    r = r < 0 ? r : user_read(rd, found);
    r = r < 0 ? r : effort_read(rd, found[K_EFFORT]);
    return r < 0 ? r : parallel_read(rd, found[K_PARALLEL]);
}

/* --- the whole --- */

int sl_openai_read_chat(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena,
                        struct sl_chat *ret_chat, struct sl_llm_error *ret_error)
{
    struct sl_chat chat = { .parallel = -1, .max_tokens = -1, .n = 1 };
    struct sl_chat_reader rd = { call, env, arena, &chat, ret_error };
    struct sl_json_val root;
    struct sl_json_val found[K_COUNT] = { 0 };
    int r = sl_chat_root(&rd, &root);
    r = r < 0 ? r : members_sort(&rd, root, found);
    r = r < 0 ? r : values_read(&rd, found);
    if (r == 0 && call->type == SL_LLM_COMPLETIONS) {
        r = sl_openai_prompt_read(&rd, found[K_PROMPT]);
    } else if (r == 0) {
        r = sl_openai_messages_read(&rd, found[K_MESSAGES]);
    }
    r = r < 0 ? r : sl_openai_tools_read(&rd, found[K_TOOLS], found[K_TOOL_CHOICE]);
    if (r == 0) {
        *ret_chat = chat;
    }
    return r;
}
