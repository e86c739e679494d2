/* SPDX-License-Identifier: Apache-2.0 */
/* Reads streams of the Messages API to deltas. Its blocks are canonical ones already, and one is open at a time.
 *
 *   message_start ─> (content_block_start ─> content_block_delta* ─> content_block_stop)* ─> message_delta* ─>
 *   message_stop; ping and unknown events may come anywhere, and error in place of any event. */
#include "llm/anthropic/anthropic.h"
#include "llm/core/errbody.h"
#include "llm/core/lost.h"
#include "llm/core/reading.h"
#include "llm/core/sources.h"
#include "llm/form/ids.h"

#define SKIPPED 255 /* a kind of block without an equivalent */
/* The highest index in a stream; a dialect has limits of its own. */
#define BLOCK_MAX 65535

struct frame {
    struct sl_anthropic_stream *st;
    const struct sl_call *call;
    struct sl_reading in;
};

static void usage_push(struct frame *f, struct sl_json_val usage)
{
    if (sl_json_is(usage, SL_JSON_OBJECT)) {
        if (!f->st->has_usage) {
            f->st->has_usage = true;
            f->st->usage = SL_USAGE_NONE;
        }
        sl_anthropic_usage_read(usage, &f->st->usage);
        sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_USAGE, .usage = f->st->usage });
    }
}

static void message_start(struct frame *f, struct sl_json_val root)
{
    struct sl_json_val message = sl_json_get(root, "message");
    if (f->st->has_start) {
        return;
    }
    f->st->has_start = true;
    struct sl_str id = sl_reading_text(&f->in, sl_json_get(message, "id"));
    f->st->id_len = (uint8_t)SL_MIN(id.n, sizeof(f->st->id));
    memcpy(f->st->id, id.n ? id.p : "", f->st->id_len);
    sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_START,
                                                .id = id,
                                                .model = sl_reading_text(&f->in, sl_json_get(message, "model")),
                                                .created = -1 });
    usage_push(f, sl_json_get(message, "usage"));
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
        f->st->chars += f->st->open_kind == SL_BLOCK_TEXT ? sl_reading_chars(text) : 0;
        sl_reading_push(&f->in, &delta);
    }
}

static bool index_read(struct frame *f, struct sl_json_val root, uint32_t *ret)
{
    int64_t index;
    if (sl_json_int(sl_json_get(root, "index"), true, &index) < 0 || index < 0 || index > BLOCK_MAX) {
        f->in.status = sl_fail(f->in.err, SL_E_INVAL, "a block has no index from 0 to %d", BLOCK_MAX);
        return false;
    }
    *ret = (uint32_t)index;
    return true;
}

static void block_stop(struct frame *f)
{
    struct sl_anthropic_stream *st = f->st;
    if (!st->is_open) {
        return;
    }
    bool is_tool = st->open_kind == SL_BLOCK_TOOL_CALL || st->is_answer;
    if (is_tool && !st->has_arguments) {
        piece(f, SL_STR("{}"));
    }
    piece(f, sl_half_end(&st->half));
    if (st->open_kind != SKIPPED) {
        struct sl_delta delta = open_delta(f, SL_DELTA_BLOCK_STOP);
        sl_reading_push(&f->in, &delta);
    }
    st->is_open = false;
}

/* Some servers give a tool's whole input at its start. */
static void input_push(struct frame *f, struct sl_json_val block)
{
    struct sl_json_val input = sl_json_get(block, "input");
    bool is_empty = sl_json_is(input, SL_JSON_OBJECT) || sl_json_is(input, SL_JSON_ARRAY) ? sl_json_count(input) == 0
                                                                                          : sl_json_says_nothing(input);
    if (is_empty) {
        return; /* it comes later */
    }
    struct sl_str text = sl_arguments_text(input, f->in.arena);
    if (text.p) {
        piece(f, text);
    } else {
        sl_reading_no_memory(&f->in);
    }
    f->st->has_arguments = true;
}

/* They belong to their whole text: as much as came until now, or a place that is not known yet. */
static void citations_push(struct frame *f, struct sl_json_val list)
{
    struct sl_delta delta = open_delta(f, SL_DELTA_BLOCK);
    struct sl_cited cited;
    bool has_place = f->st->chars > f->st->before;
    sl_anthropic_citations_read(&f->in, list, has_place ? f->st->before : -1, has_place ? f->st->chars : -1, &cited);
    if (cited.quotes.n) {
        delta.annotations = cited.annotations;
        delta.quotes = cited.quotes;
        delta.has_more_quotes = cited.has_more_quotes;
        sl_reading_push(&f->in, &delta);
    }
}

static void block_start(struct frame *f, struct sl_json_val root)
{
    static const struct {
        struct sl_str type;
        enum sl_block_kind kind;
    } kinds[] = {
        { SL_STR_INIT("text"), SL_BLOCK_TEXT },
        { SL_STR_INIT("tool_use"), SL_BLOCK_TOOL_CALL },
        { SL_STR_INIT("thinking"), SL_BLOCK_THINKING },
        { SL_STR_INIT("redacted_thinking"), SL_BLOCK_THINKING },
    };
    struct sl_anthropic_stream *st = f->st;
    uint32_t index;
    if (!index_read(f, root, &index)) {
        return;
    }
    block_stop(f); /* one that was left open */
    struct sl_json_val block = sl_json_get(root, "content_block"), type = sl_json_get(block, "type");
    st->is_open = true;
    st->open = index;
    st->open_kind = SKIPPED;
    st->half.high = 0;
    st->is_answer = st->has_arguments = false;
    for (size_t i = 0; i < SL_ARRAY_LEN(kinds); i++) {
        if (sl_json_str_eq(type, kinds[i].type)) {
            st->open_kind = (uint8_t)kinds[i].kind;
        }
    }
    if (st->open_kind == SKIPPED) {
        sl_reading_lose(&f->in, SL_LOST_SERVER_TOOLS);
        return;
    }
    st->n_blocks++;
    st->before = st->chars;
    struct sl_str name = sl_reading_text(&f->in, sl_json_get(block, "name"));
    if (st->open_kind == SL_BLOCK_TOOL_CALL && sl_str_eq_c(name, SL_ANTHROPIC_ANSWER_TOOL)) {
        st->is_answer = st->was_answer = true;
        st->open_kind = SL_BLOCK_TEXT;
    }
    struct sl_delta delta = open_delta(f, SL_DELTA_BLOCK_START);
    if (st->open_kind == SL_BLOCK_TOOL_CALL) {
        delta.tool_id = sl_reading_text(&f->in, sl_json_get(block, "id"));
        delta.tool_name = sl_form_name_back(f->call->aliases, name);
        if (delta.tool_id.n == 0) {
            delta.tool_id = sl_call_id_make(sl_str_make(st->id, st->id_len), 0, st->n_blocks - 1, f->in.arena);
        }
        if (!delta.tool_id.p) {
            sl_reading_no_memory(&f->in);
        }
    }
    sl_reading_push(&f->in, &delta);
    if (st->open_kind == SL_BLOCK_TOOL_CALL || st->is_answer) {
        input_push(f, block);
    } else if (st->open_kind == SL_BLOCK_THINKING && sl_json_str_eq(type, SL_STR("redacted_thinking"))) {
        delta.kind = SL_DELTA_BLOCK;
        delta.redacted = sl_reading_text(&f->in, sl_json_get(block, "data"));
        sl_reading_push(&f->in, &delta);
    } else {
        piece(f, sl_reading_text(&f->in, sl_json_get(block, st->open_kind == SL_BLOCK_THINKING ? "thinking" : "text")));
        citations_push(f, sl_json_get(block, "citations"));
    }
}

static void block_delta(struct frame *f, struct sl_json_val root)
{
    struct sl_anthropic_stream *st = f->st;
    uint32_t index;
    if (!index_read(f, root, &index)) {
        return;
    }
    if (!st->is_open || index != st->open) {
        f->in.status = sl_fail(f->in.err, SL_E_INVAL, "a piece of block %u, which is not open", index);
        return;
    }
    struct sl_json_val delta = sl_json_get(root, "delta"), type = sl_json_get(delta, "type");
    if (st->open_kind == SKIPPED) {
        return;
    }
    if (sl_json_str_eq(type, SL_STR("text_delta"))) {
        piece(f, sl_reading_half(&f->in, &f->st->half, sl_json_get(delta, "text")));
    } else if (sl_json_str_eq(type, SL_STR("input_json_delta"))) {
        struct sl_str text = sl_reading_half(&f->in, &f->st->half, sl_json_get(delta, "partial_json"));
        st->has_arguments |= text.n > 0;
        piece(f, text);
    } else if (sl_json_str_eq(type, SL_STR("thinking_delta"))) {
        piece(f, sl_reading_half(&f->in, &f->st->half, sl_json_get(delta, "thinking")));
    } else if (sl_json_str_eq(type, SL_STR("citations_delta"))) {
        citations_push(f, sl_json_get(delta, "citation"));
    } else if (sl_json_str_eq(type, SL_STR("signature_delta"))) {
        struct sl_delta signed_off = open_delta(f, SL_DELTA_BLOCK);
        signed_off.signature = sl_reading_text(&f->in, sl_json_get(delta, "signature"));
        sl_reading_push(&f->in, &signed_off);
    }
}

static void block_stop_event(struct frame *f, struct sl_json_val root)
{
    uint32_t index;
    if (index_read(f, root, &index) && f->st->is_open && index == f->st->open) {
        block_stop(f);
    }
}

/* --- the end --- */

static void message_delta(struct frame *f, struct sl_json_val root)
{
    struct sl_str word = sl_reading_text(&f->in, sl_json_get(sl_json_get(root, "delta"), "stop_reason"));
    if (word.n && !f->st->has_finish) { /* a second one says nothing new */
        f->st->has_finish = true;
        block_stop(f);
        sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_FINISH,
                                                    .finish = sl_anthropic_finish(f->call, word, f->st->was_answer),
                                                    .finish_text = word });
    }
    usage_push(f, sl_json_get(root, "usage"));
}

static void message_stop(struct frame *f, struct sl_json_val root)
{
    (void)root;
    f->st->is_done = true;
}

static void ping(struct frame *f, struct sl_json_val root)
{
    (void)root;
    sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_ALIVE });
}

static void error_push(struct frame *f, struct sl_json_val root)
{
    struct sl_errbody said;
    sl_errbody_read_val(sl_json_get(root, "error"), f->in.arena, &said);
    struct sl_llm_error error = sl_errbody_event(&said);
    f->st->has_error = true;
    sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_ERROR, .error = &error });
}

/* The most frequent first. */
static const struct {
    struct sl_str type;
    void (*on)(struct frame *f, struct sl_json_val root);
} events[] = {
    { SL_STR_INIT("content_block_delta"), block_delta },
    { SL_STR_INIT("content_block_start"), block_start },
    { SL_STR_INIT("content_block_stop"), block_stop_event },
    { SL_STR_INIT("message_start"), message_start },
    { SL_STR_INIT("message_delta"), message_delta },
    { SL_STR_INIT("message_stop"), message_stop },
    { SL_STR_INIT("ping"), ping },
    { SL_STR_INIT("error"), error_push },
};

int sl_anthropic_on_frame(void *state, const struct sl_call *call, const struct sl_frame *frame,
                          struct sl_delta_sink *sink, struct sl_err *err)
{
    struct frame f = { state, call, SL_READING_STREAM(sink, err) };
    if (f.st->is_done || f.st->has_error) {
        return 0; /* bytes after the end do not count */
    }
    struct sl_json_val root;
    if (sl_reading_event(&f.in, frame->data, &root) < 0) {
        return f.in.status;
    }
    struct sl_json_val type = sl_json_get(root, "type");
    for (size_t i = 0; i < SL_ARRAY_LEN(events); i++) {
        if (sl_json_str_eq(type, events[i].type)) {
            events[i].on(&f, root);
            return f.in.status;
        }
    }
    return f.in.status;
}

bool sl_anthropic_is_over(const void *state)
{
    const struct sl_anthropic_stream *st = state;
    return st->is_done || st->has_error;
}

int sl_anthropic_on_end(void *state, struct sl_delta_sink *sink, struct sl_err *err)
{
    (void)sink;
    return sl_anthropic_is_over(state) ? 0 : sl_reading_cut(err);
}
