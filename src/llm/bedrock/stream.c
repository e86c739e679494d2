/* SPDX-License-Identifier: Apache-2.0 */
/* Reads events of ConverseStream to deltas. One block is open at a time; only a tool block has an event for its start.
 *
 *   messageStart ─> (contentBlockStart? ─> contentBlockDelta* ─> contentBlockStop)* ─> messageStop ─> metadata;
 *   an exception may come in place of any event, and unknown events anywhere. */
#include "llm/bedrock/bedrock.h"
#include "llm/bedrock/citations.h"
#include "llm/form/ids.h"
#include "llm/core/errbody.h"
#include "llm/core/lost.h"
#include "llm/core/reading.h"

/* The highest index in a stream; a dialect has limits of its own. */
#define BLOCK_MAX 65535

struct frame {
    struct sl_bedrock_stream *st;
    const struct sl_call *call;
    struct sl_reading in;
};

static struct sl_str reply_id(const struct frame *f)
{
    const struct sl_headers *headers = f->in.sink->env->upstream_headers;
    return headers ? sl_headers_get(headers, "x-amzn-requestid") : SL_STR_NONE;
}

static void message_start(struct frame *f, struct sl_json_val root)
{
    (void)root;
    if (!f->st->has_start) {
        f->st->has_start = true;
        sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_START, .id = reply_id(f), .created = -1 });
    }
}

/* --- blocks --- */

static struct sl_delta open_delta(const struct frame *f, enum sl_delta_kind kind)
{
    return (struct sl_delta){ .kind = kind, .block = f->st->n_blocks - 1, .block_kind = f->st->open_kind };
}

static void piece(struct frame *f, struct sl_str text)
{
    if (text.n) {
        struct sl_delta delta = open_delta(f, SL_DELTA_BLOCK);
        delta.text = text;
        f->st->has_output = true;
        f->st->chars += f->st->open_kind == SL_BLOCK_TEXT ? sl_reading_chars(text) : 0;
        sl_reading_push(&f->in, &delta);
    }
}

static bool index_read(struct frame *f, struct sl_json_val root, uint32_t *ret)
{
    int64_t index;
    if (sl_json_int(sl_json_get(root, "contentBlockIndex"), true, &index) < 0 || index < 0 || index > BLOCK_MAX) {
        f->in.status = sl_fail(f->in.err, SL_E_INVAL, "a block has no index from 0 to %d", BLOCK_MAX);
        return false;
    }
    *ret = (uint32_t)index;
    return true;
}

static void block_close(struct frame *f)
{
    struct sl_bedrock_stream *st = f->st;
    if (!st->is_open) {
        return;
    }
    if ((st->open_kind == SL_BLOCK_TOOL_CALL || st->is_answer) && !st->has_arguments) {
        piece(f, SL_STR("{}"));
    }
    piece(f, sl_half_end(&st->half));
    struct sl_delta delta = open_delta(f, SL_DELTA_BLOCK_STOP);
    sl_reading_push(&f->in, &delta);
    st->is_open = false;
}

static struct sl_delta block_open(struct frame *f, uint32_t index, enum sl_block_kind kind)
{
    struct sl_bedrock_stream *st = f->st;
    block_close(f); /* one that was left open */
    message_start(f, SL_JSON_ABSENT);
    st->is_open = true;
    st->is_answer = st->has_arguments = false;
    st->open = index;
    st->open_kind = (uint8_t)kind;
    st->half.high = 0;
    st->n_blocks++;
    st->before = st->chars;
    return open_delta(f, SL_DELTA_BLOCK_START);
}

static void block_start(struct frame *f, struct sl_json_val root)
{
    struct sl_json_val tool = sl_json_at(root, "start.toolUse");
    uint32_t index;
    if (!index_read(f, root, &index) || !sl_json_is(tool, SL_JSON_OBJECT)) {
        return;
    }
    struct sl_str name = sl_reading_text(&f->in, sl_json_get(tool, "name")),
                  id = sl_reading_text(&f->in, sl_json_get(tool, "toolUseId"));
    bool is_answer = sl_str_eq_c(name, SL_BEDROCK_ANSWER_TOOL);
    struct sl_delta delta = block_open(f, index, is_answer ? SL_BLOCK_TEXT : SL_BLOCK_TOOL_CALL);
    if (is_answer) {
        f->st->is_answer = f->st->was_answer = true;
    } else {
        delta.tool_id = id.n ? id : sl_call_id_make(reply_id(f), 0, f->st->n_blocks - 1, f->in.arena);
        delta.tool_name = sl_form_name_back(f->call->aliases, name);
        f->in.status = f->in.status == 0 && !delta.tool_id.p ? sl_fail(f->in.err, SL_E_NOMEM, "out of memory")
                                                             : f->in.status;
    }
    f->st->has_output = true;
    sl_reading_push(&f->in, &delta);
}

/* The block that a piece of this kind belongs to: the open one, or a new one. */
static bool block_for(struct frame *f, uint32_t index, enum sl_block_kind kind)
{
    const struct sl_bedrock_stream *st = f->st;
    if (st->is_open && st->open == index && st->open_kind == kind && !st->is_answer) {
        return true;
    }
    if (st->is_open && st->open == index) {
        f->in.status = sl_fail(f->in.err, SL_E_INVAL, "pieces of two kinds in block %u", index);
        return false;
    }
    struct sl_delta delta = block_open(f, index, kind);
    sl_reading_push(&f->in, &delta);
    return f->in.status == 0;
}

static void reasoning_delta(struct frame *f, uint32_t index, struct sl_json_val v)
{
    struct sl_json_val text = sl_json_get(v, "text");
    if (!block_for(f, index, SL_BLOCK_THINKING)) {
        return;
    }
    piece(f, sl_reading_half(&f->in, &f->st->half, text));
    struct sl_delta delta = open_delta(f, SL_DELTA_BLOCK);
    delta.signature = sl_reading_text(&f->in, sl_json_get(v, "signature"));
    delta.redacted = sl_reading_text(&f->in, sl_json_get(v, "redactedContent"));
    if (delta.signature.n || delta.redacted.n) {
        sl_reading_push(&f->in, &delta);
    }
}

/* A citation belongs to its whole text: as much as came until now, or a place that is not known yet. */
static void citation_delta(struct frame *f, uint32_t index, struct sl_json_val v)
{
    const struct sl_bedrock_stream *st = f->st;
    if (!block_for(f, index, SL_BLOCK_TEXT)) {
        return;
    }
    struct sl_delta delta = open_delta(f, SL_DELTA_BLOCK);
    struct sl_cited cited;
    bool has_place = st->chars > st->before;
    sl_bedrock_citations_read(&f->in, v, has_place ? st->before : -1, has_place ? st->chars : -1, &cited);
    delta.annotations = cited.annotations;
    delta.quotes = cited.quotes;
    delta.has_more_quotes = cited.has_more_quotes;
    if (cited.annotations.n || cited.quotes.n || cited.has_more_quotes) {
        sl_reading_push(&f->in, &delta);
    }
}

static void block_delta(struct frame *f, struct sl_json_val root)
{
    struct sl_json_val delta = sl_json_get(root, "delta"), text = sl_json_get(delta, "text");
    struct sl_json_val tool = sl_json_get(delta, "toolUse"), reasoning = sl_json_get(delta, "reasoningContent");
    struct sl_json_val citation = sl_json_get(delta, "citation");
    struct sl_bedrock_stream *st = f->st;
    uint32_t index;
    if (!index_read(f, root, &index)) {
        return;
    }
    if (sl_json_is(text, SL_JSON_STRING)) {
        if (sl_json_raw(text).n > 2 && block_for(f, index, SL_BLOCK_TEXT)) {
            piece(f, sl_reading_half(&f->in, &f->st->half, text));
        }
    } else if (sl_json_is(tool, SL_JSON_OBJECT)) {
        if (!st->is_open || st->open != index || (st->open_kind != SL_BLOCK_TOOL_CALL && !st->is_answer)) {
            f->in.status = sl_fail(f->in.err, SL_E_INVAL, "a piece of the tool call %u, which is not open", index);
            return;
        }
        struct sl_str input = sl_reading_half(&f->in, &f->st->half, sl_json_get(tool, "input"));
        st->has_arguments |= input.n > 0;
        piece(f, input);
    } else if (sl_json_is(reasoning, SL_JSON_OBJECT)) {
        reasoning_delta(f, index, reasoning);
    } else if (sl_json_is(citation, SL_JSON_OBJECT)) {
        citation_delta(f, index, citation);
    } else if (sl_json_count(delta) > 0) {
        sl_reading_lose(&f->in, SL_LOST_PARTS);
    }
}

static void block_stop(struct frame *f, struct sl_json_val root)
{
    uint32_t index;
    if (index_read(f, root, &index) && f->st->is_open && index == f->st->open) {
        block_close(f);
    }
}

/* --- the end --- */

static void message_stop(struct frame *f, struct sl_json_val root)
{
    struct sl_str word = sl_reading_text(&f->in, sl_json_get(root, "stopReason"));
    if (f->st->has_finish) {
        return; /* a second one says nothing new */
    }
    if (!f->st->has_output && sl_bedrock_is_malformed(word)) {
        f->in.status = sl_fail(f->in.err, SL_E_INVAL, "the model's answer was malformed: %.*s", SL_STR_ARG(word));
        return;
    }
    f->st->has_finish = true;
    sl_bedrock_beside_lose(&f->in, root);
    message_start(f, SL_JSON_ABSENT);
    block_close(f);
    sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_FINISH,
                                                .finish = sl_bedrock_finish(word, f->st->was_answer),
                                                .finish_text = word });
}

static void metadata(struct frame *f, struct sl_json_val root)
{
    struct sl_json_val usage = sl_json_get(root, "usage");
    f->st->is_done = f->st->has_finish;
    sl_bedrock_beside_lose(&f->in, root);
    if (sl_json_is(usage, SL_JSON_OBJECT)) {
        struct sl_delta delta = { .kind = SL_DELTA_USAGE };
        sl_bedrock_usage_read(usage, &delta.usage);
        delta.usage.tier = sl_tier_read(sl_json_at(root, "serviceTier.type"));
        sl_reading_push(&f->in, &delta);
    }
}

static int exception_push(struct frame *f, const struct sl_frame *frame)
{
    struct sl_llm_error error;
    sl_bedrock_error_read(0, NULL, frame->name, frame->data, f->in.arena, &error);
    error.upstream_body = SL_STR_NONE;
    error.message = error.message.n ? error.message : SL_STR("the upstream reported an error");
    f->st->has_error = true;
    sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_ERROR, .error = &error });
    return f->in.status;
}

/* The most frequent first. */
static const struct {
    struct sl_str name;
    void (*on)(struct frame *f, struct sl_json_val root);
} events[] = {
    { SL_STR_INIT("contentBlockDelta"), block_delta }, { SL_STR_INIT("contentBlockStart"), block_start },
    { SL_STR_INIT("contentBlockStop"), block_stop },   { SL_STR_INIT("messageStart"), message_start },
    { SL_STR_INIT("messageStop"), message_stop },      { SL_STR_INIT("metadata"), metadata },
};

int sl_bedrock_on_frame(void *state, const struct sl_call *call, const struct sl_frame *frame,
                        struct sl_delta_sink *sink, struct sl_err *err)
{
    struct frame f = { state, call, SL_READING_STREAM(sink, err) };
    if (sl_bedrock_is_over(state)) {
        return 0; /* bytes after the end do not count */
    }
    if (!sl_str_eq_c(frame->kind, "event")) {
        return exception_push(&f, frame);
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(events); i++) {
        if (!sl_str_eq(frame->name, events[i].name)) {
            continue;
        }
        struct sl_json_val root;
        if (sl_reading_event(&f.in, frame->data, &root) < 0) {
            return f.in.status;
        }
        events[i].on(&f, root);
        break;
    }
    return f.in.status;
}

bool sl_bedrock_is_over(const void *state)
{
    const struct sl_bedrock_stream *st = state;
    return st->is_done || st->has_error;
}

int sl_bedrock_on_end(void *state, struct sl_delta_sink *sink, struct sl_err *err)
{
    (void)sink;
    const struct sl_bedrock_stream *st = state;
    if (st->has_finish || st->has_error) { /* the event with the token counts may be missing */
        return 0;
    }
    return sl_reading_cut(err);
}
