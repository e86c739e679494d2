/* SPDX-License-Identifier: Apache-2.0 */
/* Images, speech, moderations and rerank pass untouched; their usage is noted if the reply, or the last event of a
 * stream, has it. */
#include "llm/core/errbody.h"
#include "llm/core/passage.h"
#include "llm/core/reading.h"
#include "llm/openai/openai.h"
#include "wire/sse.h"

static const struct sl_json_scan_want members[SL_REPLY_COUNT] = {
    [SL_REPLY_USAGE] = { SL_STR_INIT("usage"), 4096 },
    [SL_REPLY_ERROR] = { SL_STR_INIT("error"), 4096 },
    [SL_REPLY_META] = { SL_STR_INIT("meta"), 4096 }, /* Cohere's */
};

/* Pictures and sounds: images name their tokens in input_tokens_details, transcriptions in input_token_details. */
static void parts_read(struct sl_json_val usage, struct sl_usage *io)
{
    struct sl_json_val in = sl_json_get(usage, "input_tokens_details"), seconds = sl_json_get(usage, "seconds");
    struct sl_json_val sound = sl_json_get(usage, "input_token_details");
    struct sl_json_val out = sl_json_get(usage, "output_tokens_details");
    double length;
    bool is_picture = sl_json_is_present(sl_json_get(in, "image_tokens"));
    sl_parts_read(sl_json_is_present(in) ? in : sound, out, io);
    if (is_picture && !sl_json_is_present(out)) {
        io->image_output = io->output;
    }
    if (sl_json_double(seconds, &length) == 0 && length >= 0 && length <= 1e9) {
        io->msec = (int64_t)(length * 1000 + 0.5);
    }
}

static int read_usage(struct sl_json_val usage, struct sl_usage *ret)
{
    struct sl_json_val billed = sl_json_get(usage, "billed_units");
    usage = sl_json_is_present(billed) ? billed : usage;
    struct sl_usage u = SL_USAGE_NONE;
    int r = sl_openai_read_usage(usage, &u);
    if (r == 0) {
        int64_t input = sl_count_get(usage, "input_tokens"), output = sl_count_get(usage, "output_tokens");
        u.input = input >= 0 ? input : u.input;
        u.output = output >= 0 ? output : u.output;
        u.queries = sl_count_get(billed, "search_units");
        parts_read(usage, &u);
        *ret = u;
    }
    return r;
}

/* "image_generation.completed", "speech.audio.done": only these events are read. */
static enum sl_pass pass_event(struct sl_pass_state *state, struct sl_str event, struct sl_json *scratch)
{
    struct sl_str data = SL_STR_NONE;
    if (sl_str_find(event, SL_STR("\"usage\""), 0) < 0) {
        return SL_PASS_FORWARD;
    }
    for (struct sl_str rest = event, line; sl_str_next(&rest, '\n', &line);) {
        if (sl_str_has_prefix(line, SL_STR("data:"))) {
            data = sl_str_sub(line, 5, line.n);
        }
    }
    if (data.n && sl_json_parse(scratch, data) == 0) {
        /* A reply with strange counts passes, too. */
        SL_IGNORE(read_usage(sl_json_get(sl_json_root(scratch), "usage"), &state->usage) < 0);
    }
    return SL_PASS_FORWARD;
}

const struct sl_language sl_language_openai_passed = {
    .name = "openai_passed",
    .framing = SL_FRAMING_SSE,
    .stream_type = SL_STR_INIT("text/event-stream"),
    .read_error = sl_errbody_classify,
    .reply_members = members,
    .read_usage = read_usage,
    .pass_event = pass_event,
};

const struct sl_language *const sl_language_of_forms = &sl_language_openai_passed;
