/* SPDX-License-Identifier: Apache-2.0 */
/* Reads streams of /v2/chat to deltas. One block is open at a time; the tool plan is a text.
 *
 *   message-start ─> tool-plan-delta* ─> (content-start ─> content-delta* ─> content-end)* ─>
 *   (tool-call-start ─> tool-call-delta* ─> tool-call-end)* ─> message-end; citations in between, and unknown events
 *   anywhere. */
#include "llm/cohere/cohere.h"
#include "llm/core/errbody.h"
#include "llm/core/lost.h"
#include "llm/core/reading.h"
#include "llm/form/ids.h"

#define BLOCK_MAX 65535 /* the most blocks in a stream; a dialect has limits of its own */

struct frame {
    struct sl_cohere_stream *st;
    const struct sl_call *call;
    struct sl_reading in;
};

/* --- blocks --- */

static struct sl_delta open_delta(const struct frame *f, enum sl_delta_kind kind)
{
    return (struct sl_delta){ .kind = kind,
                              .block = f->st->n_blocks - 1,
                              .block_kind = (enum sl_block_kind)f->st->open_kind };
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

static void block_stop(struct frame *f)
{
    struct sl_cohere_stream *st = f->st;
    if (!st->is_open) {
        return;
    }
    if (st->open_kind == SL_BLOCK_TOOL_CALL && !st->has_arguments) {
        piece(f, SL_STR("{}"));
    }
    piece(f, sl_half_end(&st->half));
    struct sl_delta delta = open_delta(f, SL_DELTA_BLOCK_STOP);
    st->is_open = false;
    sl_reading_push(&f->in, &delta);
}

static void block_start(struct frame *f, enum sl_block_kind kind, struct sl_str id, struct sl_str name)
{
    struct sl_cohere_stream *st = f->st;
    block_stop(f);
    if (st->n_blocks == BLOCK_MAX) {
        f->in.status = f->in.status ? f->in.status
                                    : sl_fail(f->in.err, SL_E_LIMIT, "more blocks than a stream may have");
        return;
    }
    st->n_blocks++;
    st->is_open = st->has_output = true;
    st->has_arguments = false;
    st->open_kind = (uint8_t)kind;
    st->half.high = 0;
    st->before = kind == SL_BLOCK_TEXT ? st->chars : st->before;
    struct sl_delta delta = open_delta(f, SL_DELTA_BLOCK_START);
    delta.tool_id = id;
    delta.tool_name = name;
    sl_reading_push(&f->in, &delta);
}

/* Opens a block if none of that kind is open, because servers in between may leave out the start. */
static void words_push(struct frame *f, enum sl_block_kind kind, struct sl_json_val v)
{
    if (!sl_json_is(v, SL_JSON_STRING) || sl_json_tok(v)->len == 0) {
        return;
    }
    if (!f->st->is_open || f->st->open_kind != kind) {
        block_start(f, kind, SL_STR_NONE, SL_STR_NONE);
    }
    piece(f, sl_reading_half(&f->in, &f->st->half, v));
}

/* The upstream's index of a call or a part. */
static uint32_t index_of(struct sl_json_val root)
{
    int64_t index = 0;
    SL_IGNORE(sl_json_int(sl_json_get(root, "index"), true, &index) < 0); /* if not given, the first */
    return index >= 0 && index < UINT32_MAX ? (uint32_t)index : UINT32_MAX;
}

/* A citation's place counts in a part of the content: the last part, because earlier texts are not in memory any
 * more. */
static void citation_push(struct frame *f, struct sl_json_val root)
{
    struct sl_json_val v = sl_json_at(root, "delta.message.citations");
    struct sl_cohere_stream *st = f->st;
    struct sl_sources sources;
    if (sl_json_is(v, SL_JSON_ARRAY)) { /* a list with one item, as in whole replies */
        struct sl_json_iter it = sl_json_each(v);
        v = sl_json_next(&it) ? it.val : SL_JSON_ABSENT;
    }
    if (f->in.status < 0 || sl_json_count(v) == 0) {
        return;
    }
    if (st->n_blocks == 0) {
        sl_reading_lose(&f->in, SL_LOST_CITATIONS);
        return;
    }
    int64_t part = st->part;
    SL_IGNORE(sl_json_int(sl_json_get(v, "content_index"), true, &part) < 0); /* if not given, the last */
    bool is_last = part == st->part || sl_json_str_eq(sl_json_get(v, "type"), SL_STR("PLAN"));
    struct sl_delta delta = { .kind = SL_DELTA_BLOCK, .block = st->n_blocks - 1 };
    sl_sources_begin(&sources);
    sl_cohere_citation_add(&sources, &f->in, v, is_last ? st->before : -1);
    if (sl_sources_end(&sources, f->in.arena, &delta.annotations) < 0) {
        sl_reading_no_memory(&f->in);
    } else if (delta.annotations.n) {
        sl_reading_push(&f->in, &delta);
    }
}

/* --- events --- */

static void start_push(struct frame *f, struct sl_json_val root)
{
    struct sl_cohere_stream *st = f->st;
    if (st->has_start) {
        return;
    }
    st->has_start = true;
    struct sl_str id = sl_reading_text(&f->in, sl_json_get(root, "id"));
    st->id_len = (uint8_t)SL_MIN(id.n, sizeof(st->id));
    memcpy(st->id, id.n ? id.p : "", st->id_len);
    sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_START, .id = id, .created = -1 });
}

static void plan_delta(struct frame *f, struct sl_json_val root)
{
    words_push(f, SL_BLOCK_TEXT, sl_json_at(root, "delta.message.tool_plan"));
}

static void content_delta(struct frame *f, struct sl_json_val root)
{
    struct sl_json_val content = sl_json_at(root, "delta.message.content");
    words_push(f, SL_BLOCK_THINKING, sl_json_get(content, "thinking"));
    words_push(f, SL_BLOCK_TEXT, sl_json_get(content, "text"));
}

static void content_start(struct frame *f, struct sl_json_val root)
{
    block_stop(f);
    f->st->part = index_of(root);
    content_delta(f, root);
}

static void block_end(struct frame *f, struct sl_json_val root)
{
    (void)root;
    block_stop(f);
}

static void arguments_push(struct frame *f, struct sl_json_val v)
{
    if (sl_json_is(v, SL_JSON_STRING)) {
        struct sl_str text = sl_reading_half(&f->in, &f->st->half, v);
        f->st->has_arguments |= text.n > 0;
        piece(f, text);
    } else if (!sl_json_is_nothing(v)) { /* some servers send the whole object */
        struct sl_str text = sl_arguments_text(v, f->in.arena);
        if (!text.p) {
            sl_reading_no_memory(&f->in);
        }
        f->st->has_arguments = true;
        piece(f, text);
    }
}

static void call_start(struct frame *f, struct sl_json_val root)
{
    struct sl_json_val call = sl_json_at(root, "delta.message.tool_calls"), function;
    if (sl_json_is(call, SL_JSON_ARRAY)) { /* a list with one item, as in whole replies */
        struct sl_json_iter it = sl_json_each(call);
        call = sl_json_next(&it) ? it.val : SL_JSON_ABSENT;
    }
    function = sl_json_get(call, "function");
    struct sl_str id = sl_reading_text(&f->in, sl_json_get(call, "id"));
    if (!id.n) {
        id = sl_call_id_make(sl_str_make(f->st->id, f->st->id_len), 0, f->st->n_blocks, f->in.arena);
    }
    if (!id.p) {
        sl_reading_no_memory(&f->in);
        return;
    }
    struct sl_str name = sl_form_name_back(f->call->aliases, sl_reading_text(&f->in, sl_json_get(function, "name")));
    block_start(f, SL_BLOCK_TOOL_CALL, id, name);
    f->st->open = index_of(root);
    arguments_push(f, sl_json_get(function, "arguments"));
}

static void call_delta(struct frame *f, struct sl_json_val root)
{
    struct sl_cohere_stream *st = f->st;
    if (!st->is_open || st->open_kind != SL_BLOCK_TOOL_CALL || st->open != index_of(root)) {
        f->in.status = sl_fail(f->in.err, SL_E_INVAL, "a piece of call %u, which is not open", index_of(root));
        return;
    }
    arguments_push(f, sl_json_at(root, "delta.message.tool_calls.function.arguments"));
}

static void error_push(struct frame *f, struct sl_json_val v)
{
    struct sl_errbody said;
    sl_errbody_read_val(v, f->in.arena, &said);
    struct sl_llm_error error = sl_errbody_event(&said);
    f->st->has_error = true;
    sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_ERROR, .error = &error });
}

static void message_end(struct frame *f, struct sl_json_val root)
{
    struct sl_json_val delta = sl_json_get(root, "delta"), error = sl_json_get(delta, "error");
    struct sl_str word = sl_reading_text(&f->in, sl_json_get(delta, "finish_reason"));
    enum sl_finish finish = word.n ? sl_cohere_finish(word) : SL_FINISH_STOP;
    struct sl_usage usage = SL_USAGE_NONE;
    sl_cohere_usage_read(sl_json_get(delta, "usage"), &usage);
    block_stop(f);
    if (usage.input >= 0 || usage.output >= 0) {
        sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_USAGE, .usage = usage });
    }
    if (!sl_json_is_nothing(error)) {
        error_push(f, error);
        return;
    }
    if (finish == SL_FINISH_OTHER && !f->st->has_output) {
        struct sl_llm_error none = {
            .type = SL_ERR_PROVIDER_SERVER_ERROR,
            .message = sl_arena_printf(f->in.arena, "The model ended with %.*s and no answer", SL_STR_ARG(word)),
        };
        f->st->has_error = true;
        sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_ERROR, .error = &none });
        return;
    }
    f->st->is_done = true;
    sl_reading_push(&f->in, &(struct sl_delta){ .kind = SL_DELTA_FINISH, .finish = finish, .finish_text = word });
}

/* The most frequent first. */
static const struct {
    struct sl_str type;
    void (*on)(struct frame *f, struct sl_json_val root);
} events[] = {
    { SL_STR_INIT("content-delta"), content_delta },  { SL_STR_INIT("tool-call-delta"), call_delta },
    { SL_STR_INIT("tool-plan-delta"), plan_delta },   { SL_STR_INIT("content-start"), content_start },
    { SL_STR_INIT("content-end"), block_end },        { SL_STR_INIT("tool-call-start"), call_start },
    { SL_STR_INIT("tool-call-end"), block_end },      { SL_STR_INIT("message-start"), start_push },
    { SL_STR_INIT("citation-start"), citation_push }, { SL_STR_INIT("message-end"), message_end },
};

static void root_push(struct frame *f, struct sl_json_val root, struct sl_str name)
{
    struct sl_json_val type = sl_json_get(root, "type"), message = sl_json_get(root, "message");
    struct sl_json_val error = sl_json_get(root, "error");
    bool has_type = sl_json_is(type, SL_JSON_STRING);
    for (size_t i = 0; i < SL_ARRAY_LEN(events); i++) {
        if (has_type ? sl_json_str_eq(type, events[i].type) : sl_str_eq(name, events[i].type)) {
            events[i].on(f, root);
            return;
        }
    }
    /* An error as in a body, in the place of an event. */
    if (!sl_json_is_nothing(error)) {
        error_push(f, error);
    } else if (sl_json_is(message, SL_JSON_STRING)) {
        error_push(f, root);
    }
}

int sl_cohere_on_frame(void *state, const struct sl_call *call, const struct sl_frame *frame,
                       struct sl_delta_sink *sink, struct sl_err *err)
{
    struct frame f = { state, call, SL_READING_STREAM(sink, err) };
    if (sl_cohere_is_over(state) || sl_str_eq_c(frame->data, "[DONE]")) {
        return 0; /* bytes after the end do not count */
    }
    struct sl_json_val root;
    if (sl_reading_event(&f.in, frame->data, &root) < 0) {
        return f.in.status;
    }
    root_push(&f, root, frame->name);
    return f.in.status;
}

bool sl_cohere_is_over(const void *state)
{
    const struct sl_cohere_stream *st = state;
    return st->is_done || st->has_error;
}

int sl_cohere_on_end(void *state, struct sl_delta_sink *sink, struct sl_err *err)
{
    (void)sink;
    return sl_cohere_is_over(state) ? 0 : sl_reading_cut(err);
}
