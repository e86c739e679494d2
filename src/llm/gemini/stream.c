/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of streamGenerateContent to deltas. Each frame is a whole reply whose parts are added: texts in pieces, calls
 * whole. A block ends when another kind of output begins, or with its candidate's finishReason. The stream has no event
 * for its end: it is complete when every candidate that began has its finishReason. */
#include "llm/core/lost.h"
#include "llm/core/google_error.h"
#include "llm/core/reading.h"
#include "llm/form/ids.h"
#include "llm/gemini/gemini.h"

struct frame {
    struct sl_gemini_stream *st;
    const struct sl_call *call;
    struct sl_reading in;
};

/* --- blocks --- */

static struct sl_delta open_delta(struct frame *f, uint32_t choice, enum sl_delta_kind kind)
{
    return (struct sl_delta){ .kind = kind,
                              .choice = choice,
                              .block = f->st->choices[choice].open - 1u,
                              .block_kind = (enum sl_block_kind)f->st->choices[choice].open_kind };
}

static void block_stop(struct frame *f, uint32_t choice)
{
    if (f->st->choices[choice].open) {
        struct sl_delta stop = open_delta(f, choice, SL_DELTA_BLOCK_STOP);
        f->st->choices[choice].open = 0;
        sl_reading_push(&f->in, &stop);
    }
}

static void block_start(struct frame *f, uint32_t choice, enum sl_block_kind kind, const struct sl_delta *call)
{
    block_stop(f, choice);
    if (f->st->choices[choice].next_block == UINT16_MAX - 1) {
        f->in.status = f->in.status ? f->in.status
                                    : sl_fail(f->in.err, SL_E_LIMIT, "more blocks than a stream may have");
        return;
    }
    f->st->choices[choice].open = ++f->st->choices[choice].next_block;
    f->st->choices[choice].open_kind = (uint8_t)kind;
    struct sl_delta start = open_delta(f, choice, SL_DELTA_BLOCK_START);
    if (call) {
        start.tool_id = call->tool_id;
        start.tool_name = call->tool_name;
        start.signature = call->signature;
    }
    sl_reading_push(&f->in, &start);
}

/* Marks where characters begin in the bytes after the plain ones. */
static void begins_mark(struct sl_gemini_stream *st, uint32_t choice, struct sl_str text)
{
    if (!st->marked) {
        memset(st->begins, 0, sizeof(st->begins));
        st->marked = (uint8_t)(choice + 1);
    }
    if (st->marked != choice + 1 || st->choices[choice].bytes >= SL_GEMINI_MARKED_MAX) {
        return;
    }
    size_t at = (size_t)st->choices[choice].bytes, n = SL_MIN(text.n, SL_GEMINI_MARKED_MAX - at);
    for (size_t i = 0; i < n; i++, at++) {
        st->begins[at / 64] |= (uint64_t)(((unsigned char)text.p[i] & 0xc0) != 0x80) << at % 64;
    }
}

/* Counts for the places of sources, which may come later. */
static void text_count(struct sl_gemini_stream *st, uint32_t choice, enum sl_block_kind kind, struct sl_str text)
{
    if (kind != SL_BLOCK_TEXT) {
        return;
    }
    int64_t plain = 0, n = (int64_t)text.n;
    if (st->choices[choice].plain == st->choices[choice].bytes) {
        while (plain < n && !((unsigned char)text.p[plain] & 0x80)) {
            plain++;
        }
        st->choices[choice].plain += plain;
    }
    if (plain < n) {
        begins_mark(st, choice, text);
    }
    st->choices[choice].bytes += n;
    st->choices[choice].chars += plain + sl_reading_chars(sl_str_sub(text, (size_t)plain, text.n));
    st->choices[choice].text_block = st->choices[choice].open;
}

static void text_push(struct frame *f, uint32_t choice, enum sl_block_kind kind, struct sl_str text,
                      struct sl_str signature)
{
    bool goes_on = f->st->choices[choice].open && f->st->choices[choice].open_kind == kind;
    if (!text.n && !signature.n) {
        return;
    }
    if (!goes_on) {
        block_start(f, choice, kind, NULL);
    }
    struct sl_delta delta = open_delta(f, choice, SL_DELTA_BLOCK);
    if (text.n) {
        delta.text = text;
        text_count(f->st, choice, kind, text);
        sl_reading_push(&f->in, &delta);
    }
    if (signature.n) {
        delta.text = SL_STR_NONE;
        delta.signature = signature;
        sl_reading_push(&f->in, &delta);
    }
}

static void call_push(struct frame *f, uint32_t choice, const struct sl_gemini_part *part)
{
    struct sl_str arguments = sl_gemini_arguments(part->call, f->in.arena);
    struct sl_delta call = {
        .tool_id = sl_gemini_call_id(part->call, f->in.sink->env, f->st->n_calls++, f->in.arena),
        .tool_name = sl_form_name_back(f->call->aliases, sl_reading_text(&f->in, sl_json_get(part->call, "name"))),
        .signature = sl_reading_text(&f->in, part->signature),
    };
    if (!arguments.p || !call.tool_id.p) {
        sl_reading_no_memory(&f->in);
        return;
    }
    f->st->choices[choice].has_call = true;
    block_start(f, choice, SL_BLOCK_TOOL_CALL, &call);
    struct sl_delta delta = open_delta(f, choice, SL_DELTA_BLOCK);
    delta.text = arguments;
    sl_reading_push(&f->in, &delta);
    block_stop(f, choice);
}

static void part_push(struct frame *f, uint32_t choice, struct sl_json_val v)
{
    struct sl_gemini_part part;
    sl_gemini_part_read(v, &part);
    switch (part.kind) {
    case SL_GEMINI_TEXT:
        text_push(f, choice, SL_BLOCK_TEXT, sl_reading_text(&f->in, part.text),
                  sl_reading_text(&f->in, part.signature));
        break;
    case SL_GEMINI_THOUGHT:
        text_push(f, choice, SL_BLOCK_THINKING, sl_reading_text(&f->in, part.text), SL_STR_NONE);
        break;
    case SL_GEMINI_CALL:
        call_push(f, choice, &part);
        break;
    case SL_GEMINI_IMAGE:
        text_push(f, choice, SL_BLOCK_TEXT, sl_gemini_image_text(part.data, f->in.arena), SL_STR_NONE);
        break;
    case SL_GEMINI_AUDIO:
    case SL_GEMINI_OTHER:
        sl_reading_lose(&f->in, part.kind == SL_GEMINI_AUDIO ? SL_LOST_AUDIO : SL_LOST_PARTS);
        break;
    }
}

/* --- candidates --- */

static void error_push(struct frame *f, const struct sl_llm_error *error)
{
    f->st->has_error = true;
    sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_ERROR, .error = error });
}

static void finish_push(struct frame *f, uint32_t choice, struct sl_json_val candidate)
{
    struct sl_str word = sl_reading_text(&f->in, sl_json_get(candidate, "finishReason"));
    struct sl_str message = sl_reading_text(&f->in, sl_json_get(candidate, "finishMessage"));
    if (!word.n) {
        return;
    }
    enum sl_finish finish = sl_gemini_finish(word, f->st->choices[choice].has_call);
    bool has_output = f->st->choices[choice].next_block > 0;
    block_stop(f, choice);
    if (!has_output && finish == SL_FINISH_OTHER) {
        struct sl_llm_error error = {
            .type = SL_ERR_PROVIDER_SERVER_ERROR,
            .message = sl_arena_printf(f->in.arena, "The model ended with %.*s and no answer%s%.*s", SL_STR_ARG(word),
                                       message.n ? ": " : "", SL_STR_ARG(message)),
        };
        error_push(f, &error);
        return;
    }
    if (!has_output && finish == SL_FINISH_CONTENT_FILTER && message.n) {
        text_push(f, choice, SL_BLOCK_REFUSAL, message, SL_STR_NONE);
        block_stop(f, choice);
    }
    f->st->choices[choice].has_finish = true;
    sl_reading_push(
        &f->in, &(struct sl_delta){ .kind = SL_DELTA_FINISH, .choice = choice, .finish = finish, .finish_text = word });
}

struct counted {
    int64_t bytes, chars, plain;
    const uint64_t *begins; /* NULL: the marks are for another choice's texts */
};

/* Finds a character in texts that are not in memory any more. A stream's pieces are one part. */
static int64_t counted_find(const void *arg, int64_t part, int64_t byte)
{
    const struct counted *texts = arg;
    if (part != 0 || byte > texts->bytes) {
        return -1;
    }
    if (byte <= texts->plain || byte == texts->bytes) {
        return byte <= texts->plain ? byte : texts->chars;
    }
    if (!texts->begins || byte > SL_GEMINI_MARKED_MAX) {
        return -1;
    }
    size_t from = (size_t)texts->plain, to = (size_t)byte;
    int64_t n = texts->plain;
    for (size_t word = from / 64; word * 64 < to; word++) {
        uint64_t bits = texts->begins[word];
        bits &= word == from / 64 ? UINT64_MAX << from % 64 : UINT64_MAX;
        bits &= word == to / 64 ? ((uint64_t)1 << to % 64) - 1 : UINT64_MAX;
        n += __builtin_popcountll(bits);
    }
    return n;
}

static void sources_push(struct frame *f, uint32_t choice, struct sl_json_val metadata)
{
    struct sl_gemini_stream *st = f->st;
    bool left_out = false;
    struct counted texts = { st->choices[choice].bytes, st->choices[choice].chars, st->choices[choice].plain,
                             st->marked == choice + 1 ? st->begins : NULL };
    struct sl_delta delta = { .kind = SL_DELTA_BLOCK, .choice = choice, .block_kind = SL_BLOCK_TEXT };
    if (f->in.status < 0 || sl_json_count(metadata) == 0) {
        return;
    }
    if (!st->choices[choice].text_block) {
        sl_reading_lose(&f->in, SL_LOST_GROUNDING);
        return;
    }
    delta.block = st->choices[choice].text_block - 1u;
    struct sl_gemini_places places = { counted_find, &texts };
    if (sl_gemini_sources(metadata, places, f->in.arena, &delta.annotations, &left_out) < 0) {
        sl_reading_no_memory(&f->in);
    } else if (delta.annotations.n) {
        sl_reading_push(&f->in, &delta);
    }
    sl_reading_lose(&f->in, left_out ? SL_LOST_GROUNDING : 0u);
}

/* For the text that this event brought. */
static void logprobs_push(struct frame *f, uint32_t choice, struct sl_json_val result)
{
    uint32_t block = f->st->choices[choice].text_block;
    struct sl_delta delta = { .kind = SL_DELTA_BLOCK, .choice = choice, .block = block - 1u };
    if (f->in.status < 0 || sl_json_count(result) == 0) {
        return;
    }
    if (sl_gemini_logprobs(result, f->in.arena, &delta.logprobs) < 0) {
        sl_reading_no_memory(&f->in);
    } else if (delta.logprobs.n && block) {
        sl_reading_push(&f->in, &delta);
    }
}

static void candidate_push(struct frame *f, struct sl_json_val candidate, uint32_t at)
{
    int64_t index = at;
    SL_IGNORE(sl_json_int(sl_json_get(candidate, "index"), true, &index) < 0); /* if not given, its place counts */
    if (index < 0 || index >= SL_GEMINI_CHOICES_MAX) {
        f->in.status = sl_fail(f->in.err, SL_E_INVAL, "a candidate's index is not from 0 to %d",
                               SL_GEMINI_CHOICES_MAX - 1);
        return;
    }
    uint32_t choice = (uint32_t)index;
    if (f->st->choices[choice].has_finish) {
        return; /* bytes after the end do not count */
    }
    f->st->choices[choice].has_begun = true;
    struct sl_json_val parts = sl_json_at(candidate, "content.parts");
    for (struct sl_json_iter it = sl_json_each(parts); f->in.status == 0 && sl_json_next(&it);) {
        part_push(f, choice, it.val);
    }
    logprobs_push(f, choice, sl_json_get(candidate, "logprobsResult"));
    sources_push(f, choice, sl_json_get(candidate, "groundingMetadata"));
    sl_reading_lose(&f->in, sl_gemini_lost(candidate));
    if (f->in.status == 0) {
        finish_push(f, choice, candidate);
    }
}

static void start_push(struct frame *f, struct sl_json_val root)
{
    if (!f->st->has_start) {
        f->st->has_start = true;
        sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_START,
                                                    .id = sl_reading_text(&f->in, sl_json_get(root, "responseId")),
                                                    .model = sl_reading_text(&f->in, sl_json_get(root, "modelVersion")),
                                                    .created = -1 });
    }
}

/* The prompt was blocked: this becomes an answer with a refusal. */
static void block_push(struct frame *f, struct sl_json_val feedback)
{
    if (!sl_json_is_present(sl_json_get(feedback, "blockReason")) || f->st->choices[0].has_finish) {
        return;
    }
    struct sl_str text = sl_gemini_block_text(feedback, f->in.arena);
    if (!text.p) {
        sl_reading_no_memory(&f->in);
        return;
    }
    text_push(f, 0, SL_BLOCK_REFUSAL, text, SL_STR_NONE);
    block_stop(f, 0);
    f->st->choices[0].has_begun = f->st->choices[0].has_finish = true;
    sl_reading_push(&f->in,
                    &(struct sl_delta){ .kind = SL_DELTA_FINISH,
                                        .finish = SL_FINISH_CONTENT_FILTER,
                                        .finish_text = sl_reading_text(&f->in, sl_json_get(feedback, "blockReason")) });
}

static void root_push(struct frame *f, struct sl_json_val root)
{
    struct sl_json_val error = sl_json_get(root, "error");
    if (!sl_json_is_nothing(error)) {
        struct sl_llm_error said = { 0 };
        sl_google_error_read(error, 0, f->in.arena, &said);
        if (said.type == SL_ERR_PROVIDER_AUTH_FAILED) {
            said.message = SL_STR("The upstream provider refused this gateway's credential.");
        }
        error_push(f, &said);
        return;
    }
    struct sl_json_val candidates = sl_json_get(root, "candidates"), usage = sl_json_get(root, "usageMetadata");
    start_push(f, root);
    for (struct sl_json_iter it = sl_json_each(candidates); f->in.status == 0 && sl_json_next(&it);) {
        candidate_push(f, it.val, it.index);
    }
    if (sl_json_count(candidates) == 0) {
        block_push(f, sl_json_get(root, "promptFeedback"));
    }
    if (sl_json_is(usage, SL_JSON_OBJECT) && !f->st->has_error) {
        struct sl_delta delta = { .kind = SL_DELTA_USAGE, .usage = SL_USAGE_NONE };
        sl_gemini_usage_read(usage, &delta.usage);
        sl_reading_push(&f->in, &delta);
    }
}

int sl_gemini_on_frame(void *state, const struct sl_call *call, const struct sl_frame *frame,
                       struct sl_delta_sink *sink, struct sl_err *err)
{
    struct frame f = { state, call, SL_READING_STREAM(sink, err) };
    if (f.st->has_error || sl_str_eq_c(frame->data, "[DONE]")) {
        return 0; /* proxies in between end streams in this way */
    }
    struct sl_json *doc = sink->doc;
    int r = sl_event_parse(doc, frame->data, err);
    if (r < 0) {
        return r;
    }
    struct sl_json_val root = sl_json_root(doc);
    if (sl_json_is(root, SL_JSON_ARRAY)) { /* an error may come inside a list */
        for (struct sl_json_iter it = sl_json_each(root); f.in.status == 0 && sl_json_next(&it);) {
            root_push(&f, it.val);
        }
        return f.in.status;
    }
    if (!sl_json_is(root, SL_JSON_OBJECT)) {
        return sl_fail(err, SL_E_INVAL, "an event is not a JSON object");
    }
    root_push(&f, root);
    return f.in.status;
}

bool sl_gemini_is_over(const void *state)
{
    const struct sl_gemini_stream *st = state;
    bool has_any = false;
    for (size_t i = 0; i < SL_GEMINI_CHOICES_MAX; i++) {
        if (st->choices[i].has_begun && !st->choices[i].has_finish) {
            return st->has_error;
        }
        has_any |= st->choices[i].has_finish;
    }
    return has_any || st->has_error;
}

int sl_gemini_on_end(void *state, struct sl_delta_sink *sink, struct sl_err *err)
{
    (void)sink;
    return sl_gemini_is_over(state) ? 0 : sl_reading_cut(err);
}
