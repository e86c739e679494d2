/* SPDX-License-Identifier: Apache-2.0 */
/* What is noted about Cohere's bytes as they pass untouched. Most events are pieces of content: their first line shows
 * this, and they are not parsed. */
#include "llm/cohere/pass.h"

#include "llm/cohere/cohere.h"
#include "llm/core/errbody.h"
#include "wire/sse.h"

/* The message of an error is a text. */
const struct sl_json_scan_want sl_cohere_reply_members[SL_REPLY_COUNT] = {
    [SL_REPLY_USAGE] = { SL_STR_INIT("usage"), 4096, '\0' }, [SL_REPLY_ERROR] = { SL_STR_INIT("error"), 4096, '\0' },
    [SL_REPLY_ANSWER] = { SL_STR_INIT("message"), 0, '{' },  [SL_REPLY_DATA] = { SL_STR_INIT("embeddings"), 0, '\0' },
    [SL_REPLY_META] = { SL_STR_INIT("meta"), 4096, '\0' },
};

int sl_cohere_read_usage(struct sl_json_val usage, struct sl_usage *ret)
{
    if (!sl_json_is(usage, SL_JSON_OBJECT)) {
        return SL_E_TYPE;
    }
    *ret = SL_USAGE_NONE;
    sl_cohere_usage_read(usage, ret);
    return 0;
}

static void root_note(struct sl_pass_state *state, struct sl_json_val root, struct sl_str name)
{
    struct sl_json_val type = sl_json_get(root, "type"), delta = sl_json_get(root, "delta");
    struct sl_json_val error = sl_json_get(delta, "error");
    bool has_type = sl_json_is(type, SL_JSON_STRING);
    bool is_end = has_type ? sl_json_str_eq(type, SL_STR("message-end")) : sl_str_eq_c(name, "message-end");
    if (is_end) {
        sl_cohere_usage_read(sl_json_get(delta, "usage"), &state->usage);
        state->has_finish = state->is_done = true;
    }
    bool is_bare = !has_type && !is_end &&
                   (sl_json_is(sl_json_get(root, "message"), SL_JSON_STRING) || sl_json_is_present(error));
    if ((is_end && !sl_json_is_nothing(error)) || is_bare) {
        state->has_error = true;
        state->error_type = SL_ERR_PROVIDER_SERVER_ERROR;
    }
}

struct noted {
    struct sl_pass_state *state;
    struct sl_json *scratch;
    enum sl_pass pass;
};

static int event_note(void *arg, const struct sl_sse_event *event)
{
    struct noted *noted = arg;
    noted->pass = SL_PASS_FORWARD;
    if (sl_str_eq_c(event->data, "[DONE]")) {
        return 0;
    }
    noted->state->is_unread = sl_json_parse(noted->scratch, event->data) < 0;
    if (!noted->state->is_unread) {
        root_note(noted->state, sl_json_root(noted->scratch), event->name);
    }
    return 0;
}

/* True: an event with a piece; no other event begins like this. */
static bool is_piece(struct sl_str event)
{
    static const struct sl_str begins[] = { SL_STR_INIT("event: content-"), SL_STR_INIT("event: tool-"),
                                            SL_STR_INIT("event: citation-") };
    for (size_t i = 0; i < SL_ARRAY_LEN(begins); i++) {
        if (sl_str_has_prefix(event, begins[i])) {
            return true;
        }
    }
    return false;
}

enum sl_pass sl_cohere_pass_event(struct sl_pass_state *state, struct sl_str event, struct sl_json *scratch)
{
    struct noted noted = { state, scratch, SL_PASS_ALIVE }; /* a comment is a heartbeat */
    if (is_piece(event)) {
        return SL_PASS_FORWARD;
    }
    struct sl_sse_decoder dec;
    sl_sse_decoder_init(&dec, event.n, event_note, &noted);
    bool is_read = sl_sse_push(&dec, event) == 0 && sl_sse_finish(&dec) == 0;
    sl_sse_decoder_done(&dec);
    if (!is_read) {
        state->is_unread = true; /* not ours to judge */
        return SL_PASS_FORWARD;
    }
    return noted.pass;
}
