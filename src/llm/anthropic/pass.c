/* SPDX-License-Identifier: Apache-2.0 */
/* What is noted about the Messages API's bytes as they pass untouched. Most events are pieces of content: their first
 * line shows this, and they are not parsed. */
#include "llm/anthropic/pass.h"

#include "llm/anthropic/anthropic.h"
#include "llm/core/errbody.h"
#include "llm/core/pass.h"

const struct sl_json_scan_want sl_anthropic_reply_members[SL_REPLY_COUNT] = {
    [SL_REPLY_USAGE] = { SL_STR_INIT("usage"), 4096 },
    [SL_REPLY_ERROR] = { SL_STR_INIT("error"), 4096 },
    [SL_REPLY_ANSWER] = { SL_STR_INIT("content"), 0 },
    [SL_REPLY_DATA] = { SL_STR_INIT("completion"), 0 },
};

int sl_anthropic_read_usage(struct sl_json_val usage, struct sl_usage *ret)
{
    if (!sl_json_is(usage, SL_JSON_OBJECT)) {
        return SL_E_TYPE;
    }
    *ret = SL_USAGE_NONE;
    sl_anthropic_usage_read(usage, ret);
    return 0;
}

static struct sl_str word_of(struct sl_json_val v)
{
    struct sl_str raw = sl_json_is(v, SL_JSON_STRING) ? sl_json_raw(v) : SL_STR_NONE;
    return raw.n > 2 ? sl_str_sub(raw, 1, raw.n - 1) : SL_STR_NONE;
}

static void root_note(struct sl_pass_state *state, struct sl_json_val root)
{
    struct sl_json_val type = sl_json_get(root, "type");
    if (sl_json_str_eq(type, SL_STR("message_start"))) {
        state->usage = SL_USAGE_NONE;
        sl_anthropic_usage_read(sl_json_at(root, "message.usage"), &state->usage);
    } else if (sl_json_str_eq(type, SL_STR("message_delta"))) {
        state->has_finish |= sl_json_is(sl_json_at(root, "delta.stop_reason"), SL_JSON_STRING);
        sl_anthropic_usage_read(sl_json_get(root, "usage"), &state->usage);
    } else if (sl_json_str_eq(type, SL_STR("message_stop"))) {
        state->is_done = true;
    } else if (sl_json_str_eq(type, SL_STR("error"))) {
        state->has_error = true;
        state->error_type = sl_error_type_of(0, word_of(sl_json_at(root, "error.type")), SL_STR_NONE);
    }
}

static bool is_alive(struct sl_str name)
{
    return sl_str_eq_c(name, "ping");
}

static const struct sl_pass_reader reader = { is_alive, root_note };

enum sl_pass sl_anthropic_pass_event(struct sl_pass_state *state, struct sl_str event, struct sl_json *scratch)
{
    if (sl_str_has_prefix(event, SL_STR("event: content_block_"))) {
        return SL_PASS_FORWARD;
    }
    return sl_pass_event_read(&reader, state, event, scratch);
}
