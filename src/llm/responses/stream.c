/* SPDX-License-Identifier: Apache-2.0 */
/* Reads streams of /v1/responses to deltas. Items come one after the other, each in pieces:
 *
 *   response.created ─> (output_item.added ─> pieces ─> output_item.done)* ─> response.completed, .incomplete or
 * .failed
 *
 * A block begins with its first piece. Events that repeat the pieces count only if there were no pieces. */
#include "llm/core/lost.h"
#include "llm/core/reading.h"
#include "llm/form/ids.h"
#include "llm/responses/responses.h"

#define BLOCK_MAX 65535 /* the most blocks in a stream; a dialect has limits of its own */
#define NO_PART   UINT32_MAX

struct frame {
    struct sl_responses_stream *st;
    const struct sl_call *call;
    struct sl_reading in;
};

/* --- blocks --- */

static void piece(struct frame *f, uint32_t block, enum sl_block_kind kind, struct sl_str text)
{
    if (text.n) {
        sl_reading_push(&f->in,
                        &(struct sl_delta){ .kind = SL_DELTA_BLOCK, .block = block, .block_kind = kind, .text = text });
    }
}

static void open_piece(struct frame *f, struct sl_str text)
{
    f->st->has_text |= text.n > 0;
    f->st->chars += f->st->open_kind == SL_BLOCK_TEXT ? sl_reading_chars(text) : 0;
    piece(f, f->st->n_blocks - 1, (enum sl_block_kind)f->st->open_kind, text);
}

static void block_stop(struct frame *f)
{
    struct sl_responses_stream *st = f->st;
    if (!st->is_open) {
        return;
    }
    open_piece(f, sl_half_end(&st->half));
    st->is_open = false;
    sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_BLOCK_STOP,
                                                .block = st->n_blocks - 1,
                                                .block_kind = (enum sl_block_kind)st->open_kind });
}

static void block_start(struct frame *f, enum sl_block_kind kind, uint32_t item, struct sl_str id, struct sl_str name)
{
    struct sl_responses_stream *st = f->st;
    block_stop(f);
    if (st->n_blocks == BLOCK_MAX) {
        f->in.status = f->in.status ? f->in.status
                                    : sl_fail(f->in.err, SL_E_LIMIT, "more blocks than a stream may have");
        return;
    }
    st->n_blocks++;
    st->is_open = true;
    st->has_text = false;
    st->open_kind = (uint8_t)kind;
    st->item = item;
    st->part = NO_PART;
    st->half.high = 0;
    sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_BLOCK_START,
                                                .block = st->n_blocks - 1,
                                                .block_kind = kind,
                                                .tool_id = id,
                                                .tool_name = name });
}

static uint32_t index_of(struct sl_json_val root, const char *key)
{
    int64_t index = 0;
    SL_IGNORE(sl_json_int(sl_json_get(root, key), true, &index) < 0); /* if not given, the first */
    return index >= 0 && index < UINT32_MAX ? (uint32_t)index : UINT32_MAX - 1;
}

/* --- texts --- */

/* A piece of a text of `item`: for the block that is open, or for a new one. */
static void words_push(struct frame *f, enum sl_block_kind kind, uint32_t item, struct sl_json_val v)
{
    struct sl_responses_stream *st = f->st;
    if (!sl_json_is(v, SL_JSON_STRING) || sl_json_tok(v)->len == 0) {
        return;
    }
    if (!st->is_open || st->open_kind != kind || st->item != item) {
        block_start(f, kind, item, SL_STR_NONE, SL_STR_NONE);
    }
    st->told = item + 1;
    open_piece(f, sl_reading_half(&f->in, &st->half, v));
}

/* An empty piece opens no block, and does not change the open one. */
static void part_set(struct sl_responses_stream *st, uint32_t item, uint32_t part)
{
    st->part = st->is_open && st->item == item ? part : st->part;
}

/* Notes where a part of a text begins: the places of its sources count from there. */
static void part_note(struct frame *f, uint32_t item, uint32_t part)
{
    struct sl_responses_stream *st = f->st;
    bool goes_on = st->is_open && st->open_kind == SL_BLOCK_TEXT && st->item == item && st->part == part;
    st->before = goes_on ? st->before : st->chars;
}

static void text_push(struct frame *f, uint32_t item, uint32_t part, struct sl_json_val v)
{
    part_note(f, item, part);
    words_push(f, SL_BLOCK_TEXT, item, v);
    part_set(f->st, item, part);
}

/* For the piece that an event brought, or for a whole part. */
static void logprobs_push(struct frame *f, struct sl_json_val list)
{
    const struct sl_responses_stream *st = f->st;
    if (!sl_json_is(list, SL_JSON_ARRAY) || sl_json_count(list) == 0 || !st->is_open) {
        return;
    }
    struct sl_delta delta = { .kind = SL_DELTA_BLOCK, .block = st->n_blocks - 1 };
    delta.logprobs = sl_responses_logprobs(&f->in, list);
    sl_reading_push(&f->in, &delta);
}

static void text_delta(struct frame *f, struct sl_json_val root)
{
    text_push(f, index_of(root, "output_index"), index_of(root, "content_index"), sl_json_get(root, "delta"));
    logprobs_push(f, sl_json_get(root, "logprobs"));
}

static void annotation_push(struct frame *f, struct sl_json_val v)
{
    struct sl_responses_stream *st = f->st;
    struct sl_str list = sl_responses_annotation(&f->in, v, st->before);
    if (list.n && st->is_open && st->open_kind == SL_BLOCK_TEXT) {
        sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_BLOCK,
                                                    .block = st->n_blocks - 1,
                                                    .block_kind = SL_BLOCK_TEXT,
                                                    .annotations = list });
    }
    sl_reading_lose(&f->in, list.n ? 0u : SL_LOST_ANNOTATIONS);
}

static void annotation_added(struct frame *f, struct sl_json_val root)
{
    annotation_push(f, sl_json_get(root, "annotation"));
}

static void refusal_delta(struct frame *f, struct sl_json_val root)
{
    words_push(f, SL_BLOCK_REFUSAL, index_of(root, "output_index"), sl_json_get(root, "delta"));
}

/* Thoughts come in parts; empty lines separate them. */
static void thought_push(struct frame *f, uint32_t item, uint32_t part, struct sl_json_val v)
{
    struct sl_responses_stream *st = f->st;
    bool goes_on = st->is_open && st->open_kind == SL_BLOCK_THINKING && st->item == item;
    if (goes_on && st->has_text && st->part != part && sl_json_is(v, SL_JSON_STRING) && sl_json_tok(v)->len > 0) {
        open_piece(f, sl_half_end(&st->half));
        open_piece(f, SL_STR("\n\n"));
    }
    words_push(f, SL_BLOCK_THINKING, item, v);
    part_set(st, item, part);
}

static void summary_delta(struct frame *f, struct sl_json_val root)
{
    thought_push(f, index_of(root, "output_index"), index_of(root, "summary_index"), sl_json_get(root, "delta"));
}

static void thought_delta(struct frame *f, struct sl_json_val root)
{
    thought_push(f, index_of(root, "output_index"), index_of(root, "content_index"), sl_json_get(root, "delta"));
}

/* --- calls --- */

static int call_find(const struct sl_responses_stream *st, uint32_t item)
{
    for (int i = st->n_calls; i > 0; i--) { /* the newest first */
        if (st->calls[i - 1].item == item) {
            return i - 1;
        }
    }
    return -1;
}

static void call_start(struct frame *f, uint32_t item, struct sl_json_val v)
{
    struct sl_responses_stream *st = f->st;
    if (st->n_calls == SL_RESPONSES_CALLS_MAX) {
        f->in.status = sl_fail(f->in.err, SL_E_LIMIT, "more than %d tool calls in one stream", SL_RESPONSES_CALLS_MAX);
        return;
    }
    struct sl_str id = sl_reading_text(&f->in, sl_json_get(v, "call_id"));
    struct sl_str name = sl_reading_text(&f->in, sl_json_get(v, "name"));
    if (!id.n) {
        id = sl_call_id_make(sl_reading_text(&f->in, sl_json_get(v, "id")), 0, st->n_blocks, f->in.arena);
    }
    if (!id.p) {
        sl_reading_no_memory(&f->in);
        return;
    }
    block_start(f, SL_BLOCK_TOOL_CALL, item, id, sl_form_name_back(f->call->aliases, name));
    st->calls[st->n_calls].item = item;
    st->calls[st->n_calls].block = st->n_blocks - 1;
    st->calls[st->n_calls++].has_arguments = false;
}

static void arguments_delta(struct frame *f, struct sl_json_val root)
{
    struct sl_responses_stream *st = f->st;
    int at = call_find(st, index_of(root, "output_index"));
    struct sl_json_val v = sl_json_get(root, "delta");
    if (at < 0 || !sl_json_is(v, SL_JSON_STRING) || sl_json_tok(v)->len == 0) {
        return;
    }
    bool is_open = st->is_open && st->n_blocks - 1 == st->calls[at].block;
    st->calls[at].has_arguments = true;
    piece(f, st->calls[at].block, SL_BLOCK_TOOL_CALL,
          is_open ? sl_reading_half(&f->in, &st->half, v) : sl_reading_text(&f->in, v));
}

/* Whole arguments: again after their pieces, or for the first time. */
static void arguments_whole(struct frame *f, int at, struct sl_json_val v)
{
    if (at < 0 || f->st->calls[at].has_arguments) {
        return;
    }
    struct sl_str text = sl_arguments_text(v, f->in.arena);
    if (!text.p) {
        sl_reading_no_memory(&f->in);
        return;
    }
    f->st->calls[at].has_arguments = true;
    piece(f, f->st->calls[at].block, SL_BLOCK_TOOL_CALL, text);
}

static void arguments_done(struct frame *f, struct sl_json_val root)
{
    arguments_whole(f, call_find(f->st, index_of(root, "output_index")), sl_json_get(root, "arguments"));
}

/* --- items --- */

static bool is_type(struct sl_json_val item, const char *type)
{
    return sl_json_str_eq(sl_json_get(item, "type"), sl_str_c(type));
}

static void item_added(struct frame *f, struct sl_json_val root)
{
    struct sl_json_val item = sl_json_get(root, "item");
    block_stop(f);
    if (is_type(item, "function_call")) {
        call_start(f, index_of(root, "output_index"), item);
    }
}

static void call_done(struct frame *f, uint32_t index, struct sl_json_val item)
{
    if (call_find(f->st, index) < 0) {
        call_start(f, index, item);
    }
    arguments_whole(f, call_find(f->st, index), sl_json_get(item, "arguments"));
}

static void message_done(struct frame *f, uint32_t index, struct sl_json_val item)
{
    struct sl_json_val content = sl_json_get(item, "content");
    if (f->st->told == index + 1) {
        return;
    }
    for (struct sl_json_iter it = sl_json_each(content); sl_json_is(content, SL_JSON_ARRAY) && sl_json_next(&it);) {
        struct sl_json_val sources = sl_json_get(it.val, "annotations");
        if (is_type(it.val, "refusal")) {
            words_push(f, SL_BLOCK_REFUSAL, index, sl_json_get(it.val, "refusal"));
            continue;
        }
        text_push(f, index, it.index, sl_json_get(it.val, "text"));
        logprobs_push(f, sl_json_get(it.val, "logprobs"));
        for (struct sl_json_iter s = sl_json_each(sources); sl_json_is(sources, SL_JSON_ARRAY) && sl_json_next(&s);) {
            annotation_push(f, s.val);
        }
    }
}

static void thoughts_whole(struct frame *f, uint32_t index, struct sl_json_val list)
{
    for (struct sl_json_iter it = sl_json_each(list); sl_json_is(list, SL_JSON_ARRAY) && sl_json_next(&it);) {
        thought_push(f, index, it.index, sl_json_get(it.val, "text"));
    }
}

/* The encrypted form comes only at the end. */
static void reasoning_done(struct frame *f, uint32_t index, struct sl_json_val item)
{
    struct sl_responses_stream *st = f->st;
    struct sl_str signature = sl_responses_signature(&f->in, item);
    if (st->told != index + 1) {
        thoughts_whole(f, index, sl_json_get(item, "summary"));
    }
    if (st->told != index + 1) {
        thoughts_whole(f, index, sl_json_get(item, "content"));
    }
    if (!signature.n) {
        return;
    }
    bool has_text = st->is_open && st->open_kind == SL_BLOCK_THINKING && st->item == index && st->has_text;
    if (!has_text) {
        block_start(f, SL_BLOCK_THINKING, index, SL_STR_NONE, SL_STR_NONE);
    }
    open_piece(f, sl_half_end(&st->half));
    sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_BLOCK,
                                                .block = st->n_blocks - 1,
                                                .block_kind = SL_BLOCK_THINKING,
                                                .signature = has_text ? signature : SL_STR_NONE,
                                                .redacted = has_text ? SL_STR_NONE : signature });
}

static void item_done(struct frame *f, struct sl_json_val root)
{
    struct sl_json_val item = sl_json_get(root, "item");
    uint32_t index = index_of(root, "output_index");
    if (is_type(item, "function_call")) {
        call_done(f, index, item);
    } else if (is_type(item, "message")) {
        message_done(f, index, item);
    } else if (is_type(item, "reasoning")) {
        reasoning_done(f, index, item);
    } else {
        sl_reading_lose(&f->in, SL_LOST_SERVER_TOOLS); /* tools that the upstream ran itself */
    }
    block_stop(f);
}

/* --- the response --- */

static void start_push(struct frame *f, struct sl_json_val root)
{
    struct sl_json_val response = sl_json_get(root, "response");
    if (f->st->has_start || !sl_json_is(response, SL_JSON_OBJECT)) {
        return;
    }
    f->st->has_start = true;
    struct sl_delta delta = { .kind = SL_DELTA_START,
                              .id = sl_reading_text(&f->in, sl_json_get(response, "id")),
                              .model = sl_reading_text(&f->in, sl_json_get(response, "model")),
                              .created = -1 };
    SL_IGNORE(sl_json_int(sl_json_get(response, "created_at"), true, &delta.created) < 0); /* not given */
    sl_reading_push(&f->in, &delta);
}

static void usage_push(struct frame *f, struct sl_json_val response)
{
    struct sl_usage usage;
    sl_responses_usage_read(sl_json_get(response, "usage"), &usage);
    usage.tier = sl_tier_read(sl_json_get(response, "service_tier"));
    if (usage.input >= 0 || usage.output >= 0) {
        sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_USAGE, .usage = usage });
    }
}

static void error_push(struct frame *f, struct sl_json_val v)
{
    struct sl_llm_error error;
    sl_responses_error_read(v, f->in.arena, &error);
    f->st->has_error = true;
    sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_ERROR, .error = &error });
}

static void response_failed(struct frame *f, struct sl_json_val root)
{
    struct sl_json_val response = sl_json_get(root, "response");
    block_stop(f);
    usage_push(f, response);
    error_push(f, sl_json_get(response, "error"));
}

/* The event is flat; some servers put it into a member, as in a body. */
static void error_event(struct frame *f, struct sl_json_val root)
{
    struct sl_json_val error = sl_json_get(root, "error");
    block_stop(f);
    error_push(f, sl_json_is(error, SL_JSON_OBJECT) ? error : root);
}

static void response_end(struct frame *f, struct sl_json_val root)
{
    struct sl_json_val response = sl_json_get(root, "response");
    if (sl_json_is(sl_json_get(response, "error"), SL_JSON_OBJECT)) {
        response_failed(f, root);
        return;
    }
    start_push(f, root);
    block_stop(f);
    usage_push(f, response);
    struct sl_delta delta = { .kind = SL_DELTA_FINISH };
    delta.finish = sl_responses_finish(&f->in, response, f->st->n_calls > 0, &delta.finish_text);
    if (delta.finish == SL_FINISH_OTHER && f->st->n_blocks == 0) {
        struct sl_llm_error none = {
            .type = SL_ERR_PROVIDER_SERVER_ERROR,
            .message = sl_arena_printf(f->in.arena, "The response ended with %.*s and no answer",
                                       SL_STR_ARG(delta.finish_text)),
        };
        f->st->has_error = true;
        sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_ERROR, .error = &none });
        return;
    }
    f->st->is_done = true;
    sl_reading_push(&f->in, &delta);
}

/* The most frequent first. */
static const struct {
    struct sl_str type;
    void (*on)(struct frame *f, struct sl_json_val root);
} events[] = {
    { SL_STR_INIT("response.output_text.delta"), text_delta },
    { SL_STR_INIT("response.function_call_arguments.delta"), arguments_delta },
    { SL_STR_INIT("response.reasoning_summary_text.delta"), summary_delta },
    { SL_STR_INIT("response.reasoning_text.delta"), thought_delta },
    { SL_STR_INIT("response.refusal.delta"), refusal_delta },
    { SL_STR_INIT("response.output_text.annotation.added"), annotation_added },
    { SL_STR_INIT("response.output_item.added"), item_added },
    { SL_STR_INIT("response.output_item.done"), item_done },
    { SL_STR_INIT("response.function_call_arguments.done"), arguments_done },
    { SL_STR_INIT("response.created"), start_push },
    { SL_STR_INIT("response.completed"), response_end },
    { SL_STR_INIT("response.incomplete"), response_end },
    { SL_STR_INIT("response.cancelled"), response_end },
    { SL_STR_INIT("response.failed"), response_failed },
    { SL_STR_INIT("error"), error_event },
};

/* True: the event only shows that work goes on. */
static bool is_alive(struct sl_str type)
{
    static const char *const tails[] = { ".in_progress", ".queued", ".searching", ".interpreting", ".generating" };
    for (size_t i = 0; i < SL_ARRAY_LEN(tails); i++) {
        if (sl_str_has_suffix(type, sl_str_c(tails[i]))) {
            return true;
        }
    }
    return sl_str_eq_c(type, "keepalive") || sl_str_eq_c(type, "ping");
}

static void root_push(struct frame *f, struct sl_json_val root, struct sl_str name)
{
    struct sl_json_val type = sl_json_get(root, "type");
    bool has_type = sl_json_is(type, SL_JSON_STRING);
    for (size_t i = 0; i < SL_ARRAY_LEN(events); i++) {
        if (has_type ? sl_json_str_eq(type, events[i].type) : sl_str_eq(name, events[i].type)) {
            events[i].on(f, root);
            return;
        }
    }
    /* An error as in a body, in the place of an event. */
    if (!has_type && sl_json_is(sl_json_get(root, "error"), SL_JSON_OBJECT)) {
        error_event(f, root);
        return;
    }
    start_push(f, root);
    if (is_alive(has_type ? sl_reading_text(&f->in, type) : name)) {
        sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_ALIVE });
    }
}

int sl_responses_on_frame(void *state, const struct sl_call *call, const struct sl_frame *frame,
                          struct sl_delta_sink *sink, struct sl_err *err)
{
    struct frame f = { state, call, SL_READING_STREAM(sink, err) };
    if (f.st->is_done || f.st->has_error || sl_str_eq_c(frame->data, "[DONE]")) {
        return 0; /* bytes after the end do not count */
    }
    struct sl_json_val root;
    if (sl_reading_event(&f.in, frame->data, &root) < 0) {
        return f.in.status;
    }
    root_push(&f, root, frame->name);
    return f.in.status;
}

bool sl_responses_is_over(const void *state)
{
    const struct sl_responses_stream *st = state;
    return st->is_done || st->has_error;
}

int sl_responses_on_end(void *state, struct sl_delta_sink *sink, struct sl_err *err)
{
    (void)sink;
    return sl_responses_is_over(state) ? 0 : sl_reading_cut(err);
}
