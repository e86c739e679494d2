/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/responses/read.h"

#include "llm/core/incoming.h"
#include "llm/responses/own.h"
#include "llm/responses/read_input.h"
#include "llm/responses/responses.h"
#include "llm/responses/tools.h"

/* --- for its routing --- */

/* Notes the members that the answer repeats, as slices of the body. */
static int own_note(const struct sl_incoming *in, const struct sl_json_val said[SL_ECHO_COUNT], struct sl_arena *arena,
                    struct sl_call *call)
{
    struct sl_responses_own *own = SL_ARENA_NEW(arena, struct sl_responses_own);
    if (!own) {
        return SL_E_NOMEM;
    }
    for (size_t i = 0; i < SL_ECHO_COUNT; i++) {
        own->echo[i] = sl_json_is_nothing(said[i]) ? SL_STR_NONE : sl_json_raw(said[i]);
    }
    own->offers_all = own->echo[SL_ECHO_TOOLS].n &&
                      sl_str_find(sl_headers_get(in->headers, "user-agent"), SL_STR("codex"), 0) >= 0;
    call->own = own;
    return 0;
}

int sl_responses_read_call(const struct sl_incoming *in, struct sl_json *doc, struct sl_arena *arena,
                           struct sl_call *ret_call, struct sl_llm_error *ret_error)
{
    struct sl_json_val model = SL_JSON_ABSENT, stream = SL_JSON_ABSENT, said[SL_ECHO_COUNT] = { 0 };
    struct sl_json_val *previous = &said[SL_ECHO_PREVIOUS], input = SL_JSON_ABSENT, store = SL_JSON_ABSENT;
    struct sl_incoming_row rows[4 + SL_ECHO_COUNT] = {
        { "model", &model }, { "stream", &stream }, { "input", &input }, { "store", &store }
    };
    for (enum sl_responses_echo i = 0; i < SL_ECHO_COUNT; i++) {
        rows[4 + i] = (struct sl_incoming_row){ sl_responses_echo_name(i), &said[i] };
    }
    struct sl_call call = { .type = in->type, .language = &sl_language_responses, .body = in->body, .doc = doc };
    int r = sl_incoming_pick(in, doc, arena, rows, SL_ARRAY_LEN(rows), ret_error);
    r = r < 0 ? r : sl_incoming_model(model, arena, &call.model, ret_error);
    r = r < 0 ? r : sl_incoming_stream(stream, &call.is_stream, ret_error);
    r = r < 0 ? r : own_note(in, said, arena, &call);
    if (r == 0 && sl_json_is(*previous, SL_JSON_STRING)) {
        r = sl_json_text(*previous, arena, &call.previous);
    }
    call.is_count = in->is_count;
    call.is_stream &= !in->is_count;
    if (r == 0 && !in->is_count && !sl_json_is(store, SL_JSON_FALSE)) {
        call.items = sl_json_is_nothing(input) ? SL_STR_NONE : sl_json_raw(input);
    }
    if (r == 0) {
        call.wants_usage = true; /* the end of its streams always has usage */
        sl_json_edits_init(&call.edits, arena);
        *ret_call = call;
    }
    return r;
}

/* --- the top level --- */

enum key {
    K_INSTRUCTIONS,
    K_INPUT,
    K_TEMPERATURE,
    K_TOP_P,
    K_MAX_TOKENS,
    K_TEXT,
    K_TOOLS,
    K_TOOL_CHOICE,
    K_PARALLEL,
    K_REASONING,
    K_USER,
    K_SAFETY_ID,
    K_BACKGROUND,
    K_TRUNCATION,
    K_INCLUDE,
    K_TOP_LOGPROBS,
    K_PREVIOUS,
    K_CONVERSATION,
    K_PROMPT,
    /* these are about the reply only, or were handled before */
    K_MODEL,
    K_STREAM,
    K_STREAM_OPTIONS,
    K_METADATA,
    K_STORE,
    K_COUNT
};

static const struct sl_str keys[K_COUNT] = {
    [K_INSTRUCTIONS] = SL_STR_INIT("instructions"),
    [K_INPUT] = SL_STR_INIT("input"),
    [K_TEMPERATURE] = SL_STR_INIT("temperature"),
    [K_TOP_P] = SL_STR_INIT("top_p"),
    [K_MAX_TOKENS] = SL_STR_INIT("max_output_tokens"),
    [K_TEXT] = SL_STR_INIT("text"),
    [K_TOOLS] = SL_STR_INIT("tools"),
    [K_TOOL_CHOICE] = SL_STR_INIT("tool_choice"),
    [K_PARALLEL] = SL_STR_INIT("parallel_tool_calls"),
    [K_REASONING] = SL_STR_INIT("reasoning"),
    [K_USER] = SL_STR_INIT("user"),
    [K_SAFETY_ID] = SL_STR_INIT("safety_identifier"),
    [K_BACKGROUND] = SL_STR_INIT("background"),
    [K_TRUNCATION] = SL_STR_INIT("truncation"),
    [K_INCLUDE] = SL_STR_INIT("include"),
    [K_TOP_LOGPROBS] = SL_STR_INIT("top_logprobs"),
    [K_PREVIOUS] = SL_STR_INIT("previous_response_id"),
    [K_CONVERSATION] = SL_STR_INIT("conversation"),
    [K_PROMPT] = SL_STR_INIT("prompt"),
    [K_MODEL] = SL_STR_INIT("model"),
    [K_STREAM] = SL_STR_INIT("stream"),
    [K_STREAM_OPTIONS] = SL_STR_INIT("stream_options"),
    [K_METADATA] = SL_STR_INIT("metadata"),
    [K_STORE] = SL_STR_INIT("store"),
};

/* Refuses a member that only a server with stored responses can serve, and says what to do instead. */
static int state_refuse(struct sl_chat_reader *rd, const struct sl_json_val found[K_COUNT])
{
    static const struct {
        enum key key;
        const char *text;
    } rows[] = {
        { K_PREVIOUS,
          "this route keeps no responses, and its provider none of its own: send the earlier items in 'input' (the "
          "operator can let it keep them with sluice: { responses: { keep, size } })" },
        { K_CONVERSATION, "this route's provider keeps no conversations: send the earlier items in 'input'" },
        { K_PROMPT, "this route's provider keeps no prompts: send the text in 'instructions' and 'input'" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        const char *name = keys[rows[i].key].p;
        if (sl_json_is_present(found[rows[i].key])) {
            return sl_refuse(rd->call, rd->arena, rd->error, name, "The parameter '%s' cannot be served: %s.", name,
                             rows[i].text);
        }
    }
    return 0;
}

/* A member that is null counts as missing. */
static int members_sort(struct sl_chat_reader *rd, struct sl_json_val root, struct sl_json_val found[K_COUNT])
{
    int r = sl_chat_sort(rd, root, keys, K_COUNT, 12, found);
    for (size_t i = 0; i < K_COUNT; i++) {
        found[i] = sl_json_is_nothing(found[i]) ? SL_JSON_ABSENT : found[i];
    }
    return r < 0 ? r : state_refuse(rd, found);
}

/* --- values --- */

static int string_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_str *ret)
{
    *ret = sl_json_is(v, SL_JSON_STRING) ? sl_json_raw(v) : SL_STR_NONE;
    return !sl_json_is_present(v) || ret->p ? 0 : sl_chat_fault(rd, v, "a string is expected");
}

static int person_read(struct sl_chat_reader *rd, const struct sl_json_val found[K_COUNT])
{
    struct sl_chat *chat = rd->chat;
    int r = string_read(rd, found[K_SAFETY_ID], &chat->safety_id);
    r = r < 0 ? r : string_read(rd, found[K_USER], &chat->user);
    chat->user = chat->user.p ? chat->user : chat->safety_id;
    return r;
}

/* Members of `reasoning` other than effort and summary, such as `context`, are named by themselves. */
static int reasoning_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_json_val effort = sl_json_get(v, "effort");
    if (!sl_json_is_present(v)) {
        return 0;
    }
    if (!sl_json_is(v, SL_JSON_OBJECT)) {
        return sl_chat_fault(rd, v, "an object such as {\"effort\": \"low\"} is expected");
    }
    if (!sl_json_is_nothing(effort) && !sl_json_is(effort, SL_JSON_STRING)) {
        return sl_chat_fault(rd, effort, "a string is expected");
    }
    bool has_more = false;
    for (struct sl_json_iter it = sl_json_each(v); sl_json_next(&it);) {
        has_more |= !sl_json_str_eq(it.key, SL_STR("effort")) && !sl_json_str_eq(it.key, SL_STR("summary")) &&
                    !sl_json_str_eq(it.key, SL_STR("generate_summary")) && !sl_json_is_nothing(it.val);
    }
    if (has_more) {
        sl_chat_member_add(rd, SL_STR("reasoning"), v);
    }
    return sl_json_is_nothing(effort) ? 0 : sl_json_text(effort, rd->arena, &rd->chat->effort);
}

static int format_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_chat *chat = rd->chat;
    struct sl_json_val type = sl_json_get(v, "type"), schema = sl_json_get(v, "schema");
    if (sl_json_is_nothing(v) || sl_json_str_eq(type, SL_STR("text"))) {
        return 0;
    }
    if (sl_json_str_eq(type, SL_STR("json_object"))) {
        chat->format = SL_ANSWER_JSON;
        return 0;
    }
    if (!sl_json_str_eq(type, SL_STR("json_schema"))) {
        return sl_chat_fault(rd, sl_json_is_present(type) ? type : v, "text, json_object or json_schema is expected");
    }
    if (!sl_json_is(schema, SL_JSON_OBJECT)) {
        return sl_chat_fault(rd, v, "the member 'schema' is missing: it stands beside the type and the name");
    }
    struct sl_json_val strict = sl_json_get(v, "strict");
    chat->format = SL_ANSWER_SCHEMA;
    chat->schema = sl_json_raw(schema);
    chat->schema_node = schema;
    chat->schema_name = sl_chat_raw_text(v, "name");
    chat->schema_description = sl_chat_raw_text(v, "description");
    chat->schema_strict = sl_json_is_bool(strict) ? sl_json_raw(strict) : SL_STR_NONE;
    return 0;
}

static int text_read(struct sl_chat_reader *rd, struct sl_json_val v)
{
    struct sl_json_val verbosity = sl_json_get(v, "verbosity");
    if (!sl_json_is_present(v)) {
        return 0;
    }
    if (!sl_json_is(v, SL_JSON_OBJECT)) {
        return sl_chat_fault(rd, v, "an object such as {\"format\": {\"type\": \"text\"}} is expected");
    }
    if (!sl_json_is_nothing(verbosity)) {
        sl_chat_member_add(rd, SL_STR("verbosity"), verbosity);
    }
    return format_read(rd, sl_json_get(v, "format"));
}

/* Chats have another member for the tokens' probabilities. */
static int logprobs_add(struct sl_chat_reader *rd)
{
    struct sl_json_val node;
    int r = sl_chat_node(rd, SL_STR("true"), &node);
    if (r == 0) {
        sl_chat_member_add(rd, SL_STR("logprobs"), node);
    }
    return r;
}

/* Reads what else the reply is to contain: encrypted reasoning is always there, and parts of tools that do not exist
 * here are ignored. */
static int include_read(struct sl_chat_reader *rd, struct sl_json_val list, struct sl_json_val top)
{
    int64_t n = 0;
    if (sl_json_is_present(list) && !sl_json_is(list, SL_JSON_ARRAY)) {
        return sl_chat_fault(rd, list, "a list of strings is expected");
    }
    if (sl_json_is_present(top) && (sl_json_int(top, true, &n) < 0 || n < 0)) {
        return sl_chat_fault(rd, top, "an integer of at least 0 is expected");
    }
    bool wants = n > 0;
    for (struct sl_json_iter it = sl_json_each(list); sl_json_next(&it);) {
        if (!sl_json_is(it.val, SL_JSON_STRING)) {
            return sl_chat_fault(rd, it.val, "a string is expected");
        }
        wants |= sl_json_str_eq(it.val, SL_STR("message.output_text.logprobs"));
    }
    if (n > 0) {
        sl_chat_member_add(rd, SL_STR("top_logprobs"), top);
    }
    return wants ? logprobs_add(rd) : 0;
}

static int flags_read(struct sl_chat_reader *rd, const struct sl_json_val found[K_COUNT])
{
    struct sl_json_val parallel = found[K_PARALLEL], truncation = found[K_TRUNCATION];
    if (sl_json_is(found[K_BACKGROUND], SL_JSON_TRUE)) {
        return sl_refuse(rd->call, rd->arena, rd->error, "background",
                         "The parameter 'background' cannot be served: this route's provider answers at once only. "
                         "Leave it out.");
    }
    if (sl_json_is_present(parallel) && !sl_json_is_bool(parallel)) {
        return sl_chat_fault(rd, parallel, "a boolean is expected");
    }
    rd->chat->parallel = sl_json_is(parallel, SL_JSON_TRUE) ? 1 : sl_json_is(parallel, SL_JSON_FALSE) ? 0 : -1;
    if (sl_json_is_present(truncation) && !sl_json_str_eq(truncation, SL_STR("disabled"))) {
        sl_chat_member_add(rd, SL_STR("truncation"), truncation);
    }
    return 0;
}

/* --- the whole --- */

static int values_read(struct sl_chat_reader *rd, const struct sl_json_val found[K_COUNT])
{
    int r = sl_chat_int(rd, found[K_MAX_TOKENS], 0, &rd->chat->max_tokens);
    r = r < 0 ? r : sl_chat_number(rd, found[K_TEMPERATURE], &rd->chat->temperature);
    r = r < 0 ? r : sl_chat_number(rd, found[K_TOP_P], &rd->chat->top_p);
    r = r < 0 ? r : person_read(rd, found);
    r = r < 0 ? r : reasoning_read(rd, found[K_REASONING]);
    r = r < 0 ? r : text_read(rd, found[K_TEXT]);
    r = r < 0 ? r : flags_read(rd, found);
    r = r < 0 ? r : include_read(rd, found[K_INCLUDE], found[K_TOP_LOGPROBS]);
    return r < 0 ? r : sl_responses_tools_read(rd, found[K_TOOLS], found[K_TOOL_CHOICE]);
}

int sl_responses_read_chat(const struct sl_call *call, const struct sl_env *env, struct sl_arena *arena,
                           struct sl_chat *ret_chat, struct sl_llm_error *ret_error)
{
    struct sl_chat chat = { .parallel = -1, .max_tokens = -1, .n = 1 };
    struct sl_chat_reader rd = { call, env, arena, &chat, ret_error };
    struct sl_json_val root, found[K_COUNT] = { 0 };
    int r = sl_chat_root(&rd, &root);
    r = r < 0 ? r : members_sort(&rd, root, found);
    r = r < 0 ? r : values_read(&rd, found);
    r = r < 0 ? r : sl_responses_input_read(&rd, found[K_INSTRUCTIONS], found[K_INPUT]);
    if (r == 0) {
        *ret_chat = chat;
    }
    return r;
}
