/* SPDX-License-Identifier: Apache-2.0 */
/* What is noted about Converse's bytes as they pass untouched. Most frames are pieces of content: their first header
 * shows this, and they are not parsed. */
#include "llm/bedrock/pass.h"

#include "llm/bedrock/bedrock.h"
#include "llm/core/reading.h"
#include "wire/aws_event.h"

const struct sl_json_scan_want sl_bedrock_reply_members[SL_REPLY_COUNT] = {
    [SL_REPLY_USAGE] = { SL_STR_INIT("usage"), 4096, '\0' },
    [SL_REPLY_TIER] = { SL_STR_INIT("serviceTier"), 64, '{' },
    [SL_REPLY_ANSWER] = { SL_STR_INIT("output"), 0, '{' },
};

int sl_bedrock_read_usage(struct sl_json_val usage, struct sl_usage *ret)
{
    if (!sl_json_is(usage, SL_JSON_OBJECT)) {
        return SL_E_TYPE;
    }
    sl_bedrock_usage_read(usage, ret);
    return 0;
}

static void error_note(struct sl_pass_state *state, const struct sl_aws_event *frame)
{
    struct sl_arena arena;
    struct sl_llm_error error;
    sl_arena_init(&arena, NULL);
    sl_bedrock_error_read(0, NULL, frame->type, frame->error.p ? frame->error : frame->payload, &arena, &error);
    sl_arena_done(&arena);
    state->has_error = true;
    state->error_type = error.type;
}

#define PRELUDE 12 /* bytes of a frame before its headers */

/* True: the frame's first header, in the form that AWS writes, names a piece of content. */
static bool is_piece(struct sl_str frame)
{
    static const struct sl_str name = SL_STR_INIT("\x0b:event-type\x07"), word = SL_STR_INIT("contentBlock");
    struct sl_str headers = sl_str_sub(frame, PRELUDE, frame.n);
    return sl_str_has_prefix(headers, name) && sl_str_has_prefix(sl_str_sub(headers, name.n + 2, headers.n), word);
}

enum sl_pass sl_bedrock_pass_event(struct sl_pass_state *state, struct sl_str event, struct sl_json *scratch)
{
    struct sl_aws_event frame;
    if (is_piece(event)) {
        return SL_PASS_FORWARD;
    }
    if (sl_aws_frame_read(event, &frame) < 0) {
        state->is_unread = true;
    } else if (!sl_str_eq_c(frame.message_type, "event")) {
        error_note(state, &frame);
    } else if (sl_str_eq_c(frame.type, "messageStop")) {
        state->has_finish = true;
    } else if (sl_str_eq_c(frame.type, "metadata")) {
        state->is_done = state->has_finish;
        if (sl_json_parse(scratch, frame.payload) == 0) {
            struct sl_json_val usage = sl_json_get(sl_json_root(scratch), "usage");
            SL_IGNORE(sl_bedrock_read_usage(usage, &state->usage) < 0); /* it may have no counts */
            state->usage.tier = sl_tier_read(sl_json_at(sl_json_root(scratch), "serviceTier.type"));
        }
    }
    return SL_PASS_FORWARD;
}
