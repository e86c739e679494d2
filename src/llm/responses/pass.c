/* SPDX-License-Identifier: Apache-2.0 */
/* What is noted about responses as they pass untouched. Nearly all events are pieces of items: their first line shows
 * this, and they are not parsed. */
#include "llm/responses/pass.h"

#include "llm/core/pass.h"
#include "llm/core/reading.h"
#include "llm/responses/responses.h"

const struct sl_json_scan_want sl_responses_reply_members[SL_REPLY_COUNT] = {
    [SL_REPLY_USAGE] = { SL_STR_INIT("usage"), 4096 }, [SL_REPLY_ERROR] = { SL_STR_INIT("error"), 4096 },
    [SL_REPLY_ANSWER] = { SL_STR_INIT("output"), 0 },  [SL_REPLY_DATA] = { SL_STR_INIT("data"), 0 },
    [SL_REPLY_ID] = { SL_STR_INIT("id"), 128, '"' },   [SL_REPLY_TIER] = { SL_STR_INIT("service_tier"), 32, '"' },
};

int sl_responses_read_usage(struct sl_json_val usage, struct sl_usage *ret)
{
    if (!sl_json_is(usage, SL_JSON_OBJECT)) {
        return SL_E_TYPE;
    }
    sl_responses_usage_read(usage, ret);
    return 0;
}

static void error_note(struct sl_pass_state *state, struct sl_json_val error)
{
    struct sl_arena arena;
    struct sl_llm_error said;
    sl_arena_init_small(&arena, 1024);
    sl_responses_error_read(error, &arena, &said);
    state->has_error = true;
    state->error_type = said.type;
    sl_arena_done(&arena);
}

static void root_note(struct sl_pass_state *state, struct sl_json_val root)
{
    struct sl_json_val type = sl_json_get(root, "type"), response = sl_json_get(root, "response");
    if (sl_json_str_eq(type, SL_STR("error"))) {
        struct sl_json_val error = sl_json_get(root, "error");
        error_note(state, sl_json_is(error, SL_JSON_OBJECT) ? error : root);
        return;
    }
    if (!sl_json_is(response, SL_JSON_OBJECT)) {
        return;
    }
    struct sl_json_val error = sl_json_get(response, "error"), id = sl_json_get(response, "id");
    struct sl_usage usage;
    if (state->n_id == 0 && sl_json_is(id, SL_JSON_STRING) && sl_json_tok(id)->len <= sizeof(state->id)) {
        state->n_id = (uint8_t)sl_json_decode(id, state->id);
    }
    if (sl_responses_read_usage(sl_json_get(response, "usage"), &usage) == 0) {
        usage.tier = sl_tier_read(sl_json_get(response, "service_tier"));
        state->usage = usage;
    }
    if (sl_json_is(error, SL_JSON_OBJECT)) {
        error_note(state, error);
    }
    static const struct sl_str ends[] = { SL_STR_INIT("response.completed"), SL_STR_INIT("response.incomplete"),
                                          SL_STR_INIT("response.failed"), SL_STR_INIT("response.cancelled") };
    for (size_t i = 0; i < SL_ARRAY_LEN(ends); i++) {
        state->is_done |= sl_json_str_eq(type, ends[i]);
    }
}

static bool is_alive(struct sl_str name)
{
    return sl_str_eq_c(name, "keepalive") || sl_str_eq_c(name, "ping");
}

static const struct sl_pass_reader reader = { is_alive, root_note };

/* True: a piece of an item; nothing of it is noted. */
static bool is_piece(struct sl_str event)
{
    static const struct sl_str heads[] = {
        SL_STR_INIT("event: response.output_"),  SL_STR_INIT("event: response.function_call_"),
        SL_STR_INIT("event: response.content_"), SL_STR_INIT("event: response.reasoning_"),
        SL_STR_INIT("event: response.refusal."), SL_STR_INIT("event: response.in_progress"),
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(heads); i++) {
        if (sl_str_has_prefix(event, heads[i])) {
            return true;
        }
    }
    return false;
}

enum sl_pass sl_responses_pass_event(struct sl_pass_state *state, struct sl_str event, struct sl_json *scratch)
{
    enum sl_pass pass = is_piece(event) ? SL_PASS_FORWARD : sl_pass_event_read(&reader, state, event, scratch);
    state->n_events += pass == SL_PASS_FORWARD;
    return pass;
}
