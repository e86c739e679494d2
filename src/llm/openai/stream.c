/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of the OpenAI family to block deltas. A chunk says what is added, not where a block begins or ends: a block
 * ends when another kind of output begins in its choice, or with the choice's finish. */
#include "llm/core/errbody.h"
#include "llm/core/lost.h"
#include "llm/core/reading.h"
#include "llm/form/ids.h"
#include "llm/openai/judge.h"
#include "llm/openai/openai.h"

struct chunk {
    struct sl_openai_stream *st;
    struct sl_reading in;
    const struct sl_form_aliases *aliases;
};

static void piece(struct chunk *c, uint16_t choice, uint16_t block, enum sl_block_kind kind, struct sl_str text);

static void block_stop(struct chunk *c, uint16_t choice)
{
    uint16_t open = c->st->choices[choice].open;
    if (open) {
        piece(c, choice, (uint16_t)(open - 1), c->st->choices[choice].open_kind,
              sl_half_end(&c->st->choices[choice].half));
        c->st->choices[choice].open = 0;
        sl_reading_push(&c->in, &(struct sl_delta){ .kind = SL_DELTA_BLOCK_STOP,
                                                    .choice = choice,
                                                    .block = open - 1u,
                                                    .block_kind = c->st->choices[choice].open_kind });
    }
}

static uint16_t block_start(struct chunk *c, uint16_t choice, enum sl_block_kind kind, struct sl_str id,
                            struct sl_str name)
{
    block_stop(c, choice);
    uint16_t block = c->st->choices[choice].next_block++;
    c->st->choices[choice].open = (uint16_t)(block + 1);
    c->st->choices[choice].open_kind = (uint8_t)kind;
    sl_reading_push(&c->in, &(struct sl_delta){ .kind = SL_DELTA_BLOCK_START,
                                                .choice = choice,
                                                .block = block,
                                                .block_kind = kind,
                                                .tool_id = id,
                                                .tool_name = name });
    return block;
}

static void piece(struct chunk *c, uint16_t choice, uint16_t block, enum sl_block_kind kind, struct sl_str text)
{
    if (text.n) {
        sl_reading_push(
            &c->in, &(struct sl_delta){
                        .kind = SL_DELTA_BLOCK, .choice = choice, .block = block, .block_kind = kind, .text = text });
    }
}

static void text_push(struct chunk *c, uint16_t choice, enum sl_block_kind kind, struct sl_str text)
{
    if (text.n == 0) {
        return;
    }
    uint16_t open = c->st->choices[choice].open;
    bool goes_on = open && c->st->choices[choice].open_kind == kind;
    uint16_t block = goes_on ? (uint16_t)(open - 1) : block_start(c, choice, kind, SL_STR_NONE, SL_STR_NONE);
    piece(c, choice, block, kind, text);
}

/* The block of the upstream's tool call `index`; a new one is started. */
static int tool_block(struct chunk *c, uint16_t choice, uint16_t index, struct sl_str id, struct sl_str name)
{
    struct sl_openai_stream *st = c->st;
    uint32_t hash = 0;
    for (size_t i = 0; i < id.n; i++) {
        hash = hash * 31 + (unsigned char)id.p[i];
    }
    for (uint16_t i = st->n_tools; i > 0; i--) { /* the newest first */
        if (st->tools[i - 1].choice == choice && st->tools[i - 1].index == index) {
            bool is_another = id.n && name.n && st->tools[i - 1].id_hash != hash;
            if (is_another) {
                break;
            }
            return st->tools[i - 1].block;
        }
    }
    if (st->n_tools == SL_OPENAI_TOOLS_MAX) {
        c->in.status = sl_fail(c->in.err, SL_E_LIMIT, "more than %d tool calls in one stream", SL_OPENAI_TOOLS_MAX);
        return -1;
    }
    if (id.n == 0) {
        id = sl_call_id_make(sl_str_make(st->id, st->id_len), choice, st->n_tools, c->in.arena);
    }
    if (!id.p) {
        sl_reading_no_memory(&c->in);
        return -1;
    }
    uint16_t block = block_start(c, choice, SL_BLOCK_TOOL_CALL, id, sl_form_name_back(c->aliases, name));
    st->tools[st->n_tools].id_hash = hash;
    st->tools[st->n_tools].choice = choice;
    st->tools[st->n_tools].index = index;
    st->tools[st->n_tools++].block = block;
    return block;
}

/* A piece of the arguments' text; some servers send the object itself. */
static struct sl_str arguments_get(struct chunk *c, uint16_t choice, struct sl_json_val function)
{
    struct sl_json_val v = sl_json_get(function, "arguments");
    if (!sl_json_is(v, SL_JSON_OBJECT)) {
        return sl_reading_half(&c->in, &c->st->choices[choice].half, v);
    }
    struct sl_str text = sl_arguments_text(v, c->in.arena);
    if (!text.p && c->in.status == 0) {
        sl_reading_no_memory(&c->in);
    }
    return text;
}

static void tool_calls_push(struct chunk *c, uint16_t choice, struct sl_json_val calls)
{
    for (struct sl_json_iter it = sl_json_each(calls); c->in.status == 0 && sl_json_next(&it);) {
        int64_t index = it.index; /* some compatible servers leave it out */
        if (sl_json_int(sl_json_get(it.val, "index"), true, &index) == 0 && (index < 0 || index > UINT16_MAX)) {
            c->in.status = sl_fail(c->in.err, SL_E_INVAL, "a tool call's index is out of range");
            return;
        }
        struct sl_json_val function = sl_json_get(it.val, "function");
        struct sl_str id = sl_reading_text(&c->in, sl_json_get(it.val, "id"));
        struct sl_str name = sl_reading_text(&c->in, sl_json_get(function, "name"));
        int block = tool_block(c, choice, (uint16_t)index, id, name);
        if (block >= 0) {
            piece(c, choice, (uint16_t)block, SL_BLOCK_TOOL_CALL, arguments_get(c, choice, function));
        }
    }
}

/* Some hosts stream content as a list of parts, in which thoughts are lists themselves. */
static void parts_push(struct chunk *c, uint16_t choice, struct sl_json_val content)
{
    if (!sl_json_is(content, SL_JSON_ARRAY)) {
        return;
    }
    for (struct sl_json_iter it = sl_json_each(content); c->in.status == 0 && sl_json_next(&it);) {
        struct sl_json_val thoughts = sl_json_get(it.val, "thinking");
        thoughts = sl_json_is_present(thoughts) ? thoughts : sl_json_get(it.val, "summary");
        for (struct sl_json_iter in = sl_json_each(thoughts); c->in.status == 0 && sl_json_next(&in);) {
            text_push(c, choice, SL_BLOCK_THINKING,
                      sl_reading_half(&c->in, &c->st->choices[choice].half, sl_json_get(in.val, "text")));
        }
        text_push(c, choice, SL_BLOCK_TEXT,
                  sl_reading_half(&c->in, &c->st->choices[choice].half, sl_json_get(it.val, "text")));
    }
}

/* The members of a choice's delta, and of the choice itself: each is found in one walk. */
enum {
    D_REASONING_CONTENT,
    D_REASONING,
    D_CONTENT,
    D_REFUSAL,
    D_TOOL_CALLS,
    D_ANNOTATIONS,
    D_AUDIO,
    D_IMAGES,
    D_COUNT
};
static const struct sl_str delta_members[D_COUNT] = {
    [D_REASONING_CONTENT] = SL_STR_INIT("reasoning_content"),
    [D_REASONING] = SL_STR_INIT("reasoning"),
    [D_CONTENT] = SL_STR_INIT("content"),
    [D_REFUSAL] = SL_STR_INIT("refusal"),
    [D_TOOL_CALLS] = SL_STR_INIT("tool_calls"),
    [D_ANNOTATIONS] = SL_STR_INIT("annotations"),
    [D_AUDIO] = SL_STR_INIT("audio"),
    [D_IMAGES] = SL_STR_INIT("images"),
};
enum { C_INDEX, C_DELTA, C_TEXT, C_FINISH, C_LOGPROBS, C_COUNT };
static const struct sl_str choice_members[C_COUNT] = {
    [C_INDEX] = SL_STR_INIT("index"),
    [C_DELTA] = SL_STR_INIT("delta"),
    [C_TEXT] = SL_STR_INIT("text"), /* of a real completion */
    [C_FINISH] = SL_STR_INIT("finish_reason"),
    [C_LOGPROBS] = SL_STR_INIT("logprobs"),
};

/* The members beside a choice's content that no other language has a place for. */
static uint32_t beside_lost(const struct sl_json_val *d, const struct sl_json_val *m)
{
    return (sl_json_count(d[D_ANNOTATIONS]) ? SL_LOST_ANNOTATIONS : 0u) |
           (sl_json_count(d[D_AUDIO]) ? SL_LOST_AUDIO : 0u) | (sl_json_count(d[D_IMAGES]) ? SL_LOST_IMAGES : 0u) |
           (sl_json_count(m[C_LOGPROBS]) ? SL_LOST_LOGPROBS : 0u);
}

static void choice_push(struct chunk *c, struct sl_json_val v)
{
    struct sl_json_val m[C_COUNT], d[D_COUNT];
    sl_json_pick(v, choice_members, C_COUNT, m);
    int64_t index = 0;
    if (sl_json_int(m[C_INDEX], true, &index) == 0 && (index < 0 || index >= SL_OPENAI_CHOICES_MAX)) {
        c->in.status = sl_fail(c->in.err, SL_E_INVAL, "a choice's index is out of range");
        return;
    }
    uint16_t choice = (uint16_t)index;
    c->st->choices[choice].has_begun = true;
    struct sl_half *half = &c->st->choices[choice].half;
    sl_json_pick(m[C_DELTA], delta_members, D_COUNT, d);
    struct sl_str thinking = sl_reading_half(&c->in, half, d[D_REASONING_CONTENT]);
    text_push(c, choice, SL_BLOCK_THINKING, thinking.n ? thinking : sl_reading_half(&c->in, half, d[D_REASONING]));
    text_push(c, choice, SL_BLOCK_TEXT, sl_reading_half(&c->in, half, d[D_CONTENT]));
    parts_push(c, choice, d[D_CONTENT]);
    text_push(c, choice, SL_BLOCK_TEXT, sl_reading_half(&c->in, half, m[C_TEXT]));
    text_push(c, choice, SL_BLOCK_REFUSAL, sl_reading_text(&c->in, d[D_REFUSAL]));
    tool_calls_push(c, choice, d[D_TOOL_CALLS]);
    sl_reading_lose(&c->in, beside_lost(d, m));
    struct sl_str finish = sl_reading_text(&c->in, m[C_FINISH]);
    if (finish.n && !c->st->choices[choice].has_finish) { /* a second one says nothing new */
        block_stop(c, choice);
        c->st->has_finish = true;
        c->st->choices[choice].has_finish = true;
        sl_reading_push(&c->in, &(struct sl_delta){ .kind = SL_DELTA_FINISH,
                                                    .choice = choice,
                                                    .finish = sl_openai_finish(finish),
                                                    .finish_text = finish });
    }
}

static void error_push(struct chunk *c, const struct sl_judgement *said, struct sl_str data)
{
    struct sl_errbody words = { 0 };
    if (sl_json_is_present(said->error)) {
        sl_errbody_read_val(said->error, c->in.arena, &words);
    } else if (data.n) {
        sl_errbody_read(data, c->in.arena, &words); /* a text for people */
    }
    c->st->has_error = true;
    struct sl_llm_error e = {
        .type = said->error_type,
        .upstream_status = said->error_status,
        .message = words.message.p ? words.message : SL_STR("the upstream reported an error"),
        .code = words.code,
        .param = words.param,
    };
    sl_reading_push(&c->in, &(struct sl_delta){ .kind = SL_DELTA_ERROR, .error = &e });
}

static void root_push(struct chunk *c, const struct sl_judgement *said)
{
    struct sl_json_val root = said->root, choices = said->choices;
    sl_reading_push(&c->in, &(struct sl_delta){ .kind = SL_DELTA_CHUNK, .chunk = root });
    struct sl_str id = c->st->has_start ? SL_STR_NONE : sl_reading_text(&c->in, sl_json_get(root, "id"));
    /* Azure's first chunk has neither choices nor an id, only its filter's findings. */
    if (!c->st->has_start && (id.n || sl_json_count(choices))) {
        c->st->has_start = true;
        c->st->id_len = (uint8_t)SL_MIN(id.n, sizeof(c->st->id));
        memcpy(c->st->id, id.n ? id.p : "", c->st->id_len);
        int64_t created = -1;
        SL_IGNORE(sl_json_int(sl_json_get(root, "created"), true, &created) < 0); /* not given */
        sl_reading_push(&c->in, &(struct sl_delta){ .kind = SL_DELTA_START,
                                                    .id = id,
                                                    .model = sl_reading_text(&c->in, sl_json_get(root, "model")),
                                                    .created = created });
    }
    for (struct sl_json_iter it = sl_json_each(choices); c->in.status == 0 && sl_json_next(&it);) {
        choice_push(c, it.val);
    }
    if (c->st->has_finish) { /* members beside the choices come with each chunk, or with the last one */
        sl_reading_lose(&c->in, sl_openai_lost(root));
    }
    struct sl_usage usage;
    if (sl_openai_read_usage(said->usage, &usage) == 0) {
        usage.tier = sl_tier_read(sl_json_get(root, "service_tier"));
        sl_reading_push(&c->in, &(struct sl_delta){ .kind = SL_DELTA_USAGE, .usage = usage });
    }
}

/* True: a choice has begun and has not finished. */
static bool is_open(const struct sl_openai_stream *st)
{
    for (size_t i = 0; i < SL_OPENAI_CHOICES_MAX; i++) {
        if (st->choices[i].has_begun && !st->choices[i].has_finish) {
            return true;
        }
    }
    return false;
}

static bool is_complete(const struct sl_openai_stream *st)
{
    return st->is_done || st->has_error || (st->has_finish && !is_open(st));
}

int sl_openai_on_frame(void *state, const struct sl_call *call, const struct sl_frame *frame,
                       struct sl_delta_sink *sink, struct sl_err *err)
{
    struct chunk c = { state, SL_READING_STREAM(sink, err), call->aliases };
    if (c.st->is_done || c.st->has_error) {
        return 0; /* bytes after the end do not count */
    }
    struct sl_json *doc = sink->doc;
    struct sl_judgement said;
    sl_openai_judge(frame->name, frame->data, c.st->has_finish, doc, &said);
    if (said.said == SL_SAID_GARBAGE && sl_json_has_constants(frame->data)) {
        struct sl_str mended = sl_json_constants_null(frame->data, sink->arena);
        sl_openai_judge(frame->name, mended.p ? mended : frame->data, c.st->has_finish, doc, &said);
    }
    switch (said.said) {
    case SL_SAID_END:
        c.st->is_done = true;
        break;
    case SL_SAID_ALIVE:
        sl_reading_push(&c.in, &(struct sl_delta){ .kind = SL_DELTA_ALIVE });
        break;
    case SL_SAID_ERROR:
        error_push(&c, &said, frame->data);
        break;
    case SL_SAID_GARBAGE:
        if (is_complete(c.st)) {
            return 0; /* the answer is complete: later bytes do not change it */
        }
        return doc->fault ? sl_fail(err, SL_E_INVAL, "a chunk is not JSON: %s at offset %zu",
                                    sl_json_fault_text(doc->fault), doc->fault_offset)
                          : sl_fail(err, SL_E_INVAL, "a chunk is not a JSON object");
    case SL_SAID_CHUNK:
    case SL_SAID_USAGE:
    case SL_SAID_EMPTY:
        root_push(&c, &said);
        break;
    }
    return c.in.status;
}

bool sl_openai_is_over(const void *state)
{
    const struct sl_openai_stream *st = state;
    return st->is_done || st->has_error;
}

int sl_openai_on_end(void *state, struct sl_delta_sink *sink, struct sl_err *err)
{
    (void)sink;
    const struct sl_openai_stream *st = state;
    if (is_complete(st)) {
        return 0;
    }
    return sl_reading_cut(err);
}
