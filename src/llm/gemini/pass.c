/* SPDX-License-Identifier: Apache-2.0 */
/* What is noted about generateContent's bytes as they pass untouched. Each event is a whole reply: the ends of its
 * candidates and its counts are read, their contents are not. */
#include "llm/gemini/write.h"

#include "llm/core/google_error.h"
#include "llm/core/reading.h"
#include "wire/sse.h"

const struct sl_json_scan_want sl_gemini_reply_members[SL_REPLY_COUNT] = {
    [SL_REPLY_USAGE] = { SL_STR_INIT("usageMetadata"), 4096 },
    [SL_REPLY_ERROR] = { SL_STR_INIT("error"), 4096 },
    [SL_REPLY_ANSWER] = { SL_STR_INIT("candidates"), 0 },
    [SL_REPLY_DATA] = { SL_STR_INIT("embeddings"), 0 },
};

int sl_gemini_read_usage(struct sl_json_val usage, struct sl_usage *ret)
{
    if (!sl_json_is(usage, SL_JSON_OBJECT)) {
        return SL_E_TYPE;
    }
    *ret = SL_USAGE_NONE;
    sl_gemini_usage_read(usage, ret);
    return 0;
}

static void error_note(struct sl_pass_state *state, struct sl_json_val error)
{
    int64_t code = 0;
    SL_IGNORE(sl_json_int(sl_json_get(error, "code"), true, &code) < 0); /* 0: not given */
    state->has_error = true;
    state->error_type = sl_error_type_of(code >= 400 && code < 600 ? (int)code : 0, SL_STR_NONE, SL_STR_NONE);
}

/* The stream has no event for its end: it is complete when every candidate that began has its finishReason. */
static void candidates_note(struct sl_pass_state *state, struct sl_json_val candidates)
{
    for (struct sl_json_iter it = sl_json_each(candidates); sl_json_next(&it);) {
        int64_t index = it.index;
        SL_IGNORE(sl_json_int(sl_json_get(it.val, "index"), true, &index) < 0); /* if not given, its place counts */
        uint64_t bit = UINT64_C(1) << (index >= 0 && index < 64 ? index : 63);
        bool is_over = sl_json_is(sl_json_get(it.val, "finishReason"), SL_JSON_STRING);
        state->begun |= bit;
        state->finished |= is_over ? bit : 0;
    }
    state->has_finish = state->is_done = state->begun && state->begun == (state->begun & state->finished);
}

static void root_note(struct sl_pass_state *state, struct sl_json_val root)
{
    struct sl_json_val error = sl_json_get(root, "error"), candidates = sl_json_get(root, "candidates");
    if (!sl_json_is_nothing(error)) {
        error_note(state, error);
        return;
    }
    if (sl_json_count(candidates)) {
        candidates_note(state, candidates);
    } else if (sl_json_is_present(sl_json_get(sl_json_get(root, "promptFeedback"), "blockReason"))) {
        state->is_done = state->has_finish = true;
    }
    sl_gemini_usage_read(sl_json_get(root, "usageMetadata"), &state->usage);
}

struct noted {
    struct sl_pass_state *state;
    struct sl_json *scratch;
    enum sl_pass pass;
};

/* Containers inside a candidate stay folded, because contents may be large. */
#define DEPTH 3

static int event_note(void *arg, const struct sl_sse_event *event)
{
    struct noted *noted = arg;
    noted->pass = SL_PASS_FORWARD;
    noted->state->is_unread = sl_json_parse_at(noted->scratch, event->data, DEPTH) < 0;
    if (!noted->state->is_unread) {
        struct sl_json_val root = sl_json_root(noted->scratch), first = sl_json_at(root, "[0]");
        root_note(noted->state, sl_json_is_present(first) ? first : root); /* an error may come inside a list */
    }
    return 0;
}

enum sl_pass sl_gemini_pass_event(struct sl_pass_state *state, struct sl_str event, struct sl_json *scratch)
{
    struct noted noted = { state, scratch, SL_PASS_ALIVE }; /* a comment is a heartbeat */
    struct sl_sse_decoder dec;
    sl_sse_decoder_init(&dec, event.n, event_note, &noted);
    bool is_read = sl_sse_push(&dec, event) == 0 && sl_sse_finish(&dec) == 0;
    sl_sse_decoder_done(&dec);
    state->is_unread |= !is_read;
    return is_read ? noted.pass : SL_PASS_FORWARD; /* not ours to judge */
}
