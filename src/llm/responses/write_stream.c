/* SPDX-License-Identifier: Apache-2.0 */
/* Streams:
 *
 *   created, in_progress ─> (item.added ─> part.added ─> pieces ─> part.done ─> item.done)* ─> completed, incomplete
 *
 * A text after a text becomes another part of the same message. */
#include "llm/core/event.h"
#include "llm/core/reading.h"
#include "llm/openai/dialect.h"
#include "llm/responses/seal.h"
#include "llm/responses/tools.h"
#include "llm/responses/write.h"

/* For each text that is kept; the caller bounds the sum: write_held. */
#define KEPT_MAX (256u << 20)

static struct sl_buf *const *bufs_of(struct sl_responses_writer *st, struct sl_buf *ret[9])
{
    struct sl_buf *all[] = { &st->model, &st->output, &st->parts,   &st->text, &st->notes,
                             &st->probs, &st->seal,   &st->call_id, &st->name };
    memcpy(ret, all, sizeof(all));
    return ret;
}

size_t sl_responses_write_held(const void *state)
{
    struct sl_responses_writer *st = (struct sl_responses_writer *)(uintptr_t)state;
    struct sl_buf *all[9];
    size_t n = 0;
    for (size_t i = 0; i < 9; i++) {
        n += bufs_of(st, all)[i]->cap;
    }
    return n;
}

void sl_responses_write_done(void *state)
{
    struct sl_buf *all[9];
    for (size_t i = 0; state && i < 9; i++) {
        sl_buf_done(bufs_of(state, all)[i]);
    }
}

static int status_of(struct sl_responses_writer *st)
{
    struct sl_buf *all[9];
    int r = 0;
    for (size_t i = 0; i < 9; i++) {
        r = r < 0 ? r : sl_buf_status(bufs_of(st, all)[i]);
    }
    return r;
}

/* --- events --- */

static void event_begin(struct sl_responses_writer *st, struct sl_jw *w, struct sl_buf *out, const char *type)
{
    sl_event_begin(w, out, type);
    sl_jw_member_u64(w, "sequence_number", st->sequence++);
}

/* Begins an event about the open item. */
static void item_event(struct sl_responses_writer *st, struct sl_jw *w, struct sl_buf *out, const char *type)
{
    event_begin(st, w, out, type);
    sl_answer_id(w, &st->answer, "item_id", sl_answer_prefix((enum sl_block_kind)st->kind), st->n_items);
    sl_jw_member_u64(w, "output_index", st->n_items);
}

/* Begins an event about the open part. */
static void part_event(struct sl_responses_writer *st, struct sl_jw *w, struct sl_buf *out, const char *type)
{
    item_event(st, w, out, type);
    sl_jw_member_u64(w, st->kind == SL_BLOCK_THINKING ? "summary_index" : "content_index", st->n_parts);
}

static void response_event(struct sl_responses_writer *st, struct sl_buf *out, const char *type,
                           const struct sl_answer_end *end)
{
    struct sl_jw w;
    event_begin(st, &w, out, type);
    sl_jw_key(&w, "response");
    sl_answer_write(&w, &st->answer, end);
    sl_event_end(&w);
}

static void start_write(struct sl_responses_writer *st, const struct sl_call *call, const struct sl_env *env,
                        const struct sl_delta *start, struct sl_buf *out)
{
    struct sl_buf *all[9];
    if (st->has_start) {
        return;
    }
    int64_t now = (int64_t)(env->wall_usec / 1000000);
    for (size_t i = 0; i < 9; i++) {
        sl_buf_init(bufs_of(st, all)[i], KEPT_MAX);
    }
    sl_buf_add_str(&st->model, start && start->model.n ? start->model : call->model);
    st->has_start = true;
    st->env = env;
    st->usage = SL_USAGE_NONE;
    st->answer = (struct sl_answer){
        .call = call,
        .id = { env->random[0], env->random[1] },
        .created = start && start->created >= 0 ? start->created : now,
        .model = sl_buf_str(&st->model),
    };
    st->answer.completed = SL_MAX(st->answer.created, now);
    struct sl_answer_end end = { .is_going_on = true };
    response_event(st, out, "response.created", &end);
    response_event(st, out, "response.in_progress", &end);
}

/* --- parts --- */

static void part_write(struct sl_responses_writer *st, struct sl_jw *w, bool is_whole)
{
    struct sl_str text = is_whole ? sl_buf_str(&st->text) : SL_STR("");
    switch ((enum sl_block_kind)st->kind) {
    case SL_BLOCK_TEXT:
        sl_answer_text(w, text, is_whole ? sl_buf_str(&st->notes) : SL_STR_NONE,
                       is_whole ? sl_buf_str(&st->probs) : SL_STR_NONE);
        break;
    case SL_BLOCK_REFUSAL:
        sl_answer_refusal(w, text);
        break;
    case SL_BLOCK_THINKING:
        sl_jw_object(w);
        sl_jw_member_str(w, "type", SL_STR("summary_text"));
        sl_jw_member_str(w, "text", text.p ? text : SL_STR(""));
        sl_jw_end(w);
        break;
    case SL_BLOCK_TOOL_CALL:
        break;
    }
}

static void part_open(struct sl_responses_writer *st, struct sl_buf *out)
{
    struct sl_jw w;
    st->is_part = true;
    st->before = st->chars;
    st->n_notes = 0;
    sl_buf_reset(&st->text);
    sl_buf_reset(&st->notes);
    sl_buf_reset(&st->probs);
    part_event(st, &w, out,
               st->kind == SL_BLOCK_THINKING ? "response.reasoning_summary_part.added" : "response.content_part.added");
    sl_jw_key(&w, "part");
    part_write(st, &w, false);
    sl_event_end(&w);
}

static void text_done(struct sl_responses_writer *st, struct sl_buf *out)
{
    bool is_text = st->kind == SL_BLOCK_TEXT, is_refusal = st->kind == SL_BLOCK_REFUSAL;
    struct sl_str text = st->text.len ? sl_buf_str(&st->text) : SL_STR("");
    struct sl_jw w;
    part_event(st, &w, out,
               is_text      ? "response.output_text.done"
               : is_refusal ? "response.refusal.done"
                            : "response.reasoning_summary_text.done");
    sl_jw_member_str(&w, is_refusal ? "refusal" : "text", text);
    if (is_text) {
        sl_jw_key(&w, "logprobs");
        sl_jw_array(&w);
        sl_jw_raw(&w, sl_buf_str(&st->probs));
        sl_jw_end(&w);
    }
    sl_event_end(&w);
}

static void part_close(struct sl_responses_writer *st, struct sl_buf *out)
{
    struct sl_jw w;
    if (!st->is_part) {
        return;
    }
    st->is_part = false;
    text_done(st, out);
    part_event(st, &w, out,
               st->kind == SL_BLOCK_THINKING ? "response.reasoning_summary_part.done" : "response.content_part.done");
    sl_jw_key(&w, "part");
    part_write(st, &w, true);
    sl_event_end(&w);
    if (st->kind != SL_BLOCK_THINKING) {
        sl_buf_add_c(&st->parts, st->parts.len ? "," : "");
        sl_jw_init(&w, &st->parts);
        part_write(st, &w, true);
        st->n_parts++;
    }
}

/* --- items --- */

static bool is_message(const struct sl_responses_writer *st)
{
    return st->kind == SL_BLOCK_TEXT || st->kind == SL_BLOCK_REFUSAL;
}

static void item_write(struct sl_responses_writer *st, struct sl_jw *w, const char *status, bool is_whole)
{
    struct sl_str text = is_whole ? sl_buf_str(&st->text) : SL_STR("");
    if (is_message(st)) {
        sl_answer_message(w, &st->answer, st->n_items, status, is_whole ? sl_buf_str(&st->parts) : SL_STR_NONE);
    } else if (st->kind == SL_BLOCK_TOOL_CALL) {
        sl_answer_call(w, &st->answer, st->n_items, status, sl_buf_str(&st->call_id), sl_buf_str(&st->name), text);
    } else {
        sl_answer_reasoning(w, &st->answer, st->n_items, text, st->seal_word,
                            is_whole ? sl_buf_str(&st->seal) : SL_STR_NONE);
    }
}

static void item_event_write(struct sl_responses_writer *st, const char *type, const char *status, bool is_whole,
                             struct sl_buf *out)
{
    struct sl_jw w;
    event_begin(st, &w, out, type);
    sl_jw_member_u64(&w, "output_index", st->n_items);
    sl_jw_key(&w, "item");
    item_write(st, &w, status, is_whole);
    sl_event_end(&w);
}

static void item_open(struct sl_responses_writer *st, enum sl_block_kind kind, struct sl_buf *out)
{
    st->is_open = true;
    st->kind = (uint8_t)kind;
    st->n_parts = 0;
    sl_buf_reset(&st->parts);
    sl_buf_reset(&st->text);
    sl_buf_reset(&st->seal);
    item_event_write(st, "response.output_item.added", "in_progress", false, out);
}

/* The text is inside an object that came in pieces, so it is sent as one piece. */
static void input_done(struct sl_responses_writer *st, struct sl_buf *out)
{
    static const struct {
        const char *type, *key;
    } events[] = { { "response.custom_tool_call_input.delta", "delta" },
                   { "response.custom_tool_call_input.done", "input" } };
    for (size_t i = 0; i < SL_ARRAY_LEN(events); i++) {
        struct sl_jw w;
        item_event(st, &w, out, events[i].type);
        sl_jw_key(&w, events[i].key);
        sl_jw_raw(&w, SL_STR(""));
        sl_responses_tool_input(st->text.len ? sl_buf_str(&st->text) : SL_STR(""), out);
        sl_event_end(&w);
    }
}

static void arguments_done(struct sl_responses_writer *st, struct sl_buf *out)
{
    struct sl_jw w;
    if (st->is_custom) {
        input_done(st, out);
        return;
    }
    if (st->text.len == 0) {
        sl_buf_add_lit(&st->text, "{}"); /* clients always parse it as JSON */
    }
    item_event(st, &w, out, "response.function_call_arguments.done");
    sl_jw_member_str(&w, "name", sl_buf_str(&st->name));
    sl_jw_member_str(&w, "arguments", sl_buf_str(&st->text));
    sl_event_end(&w);
}

static void item_done(struct sl_responses_writer *st, const char *status, struct sl_buf *out)
{
    struct sl_jw w;
    item_event_write(st, "response.output_item.done", status, true, out);
    sl_buf_add_c(&st->output, st->output.len ? "," : "");
    sl_jw_init(&w, &st->output);
    item_write(st, &w, status, true);
    st->n_items++;
    st->is_open = false;
}

/* A signature that belongs to another item gets an item of its own. */
static void seal_write(struct sl_responses_writer *st, const char *word, struct sl_str seal, struct sl_buf *out)
{
    item_open(st, SL_BLOCK_THINKING, out);
    sl_buf_add_str(&st->seal, seal);
    st->seal_word = word;
    item_done(st, "completed", out);
}

static void item_close(struct sl_responses_writer *st, const char *status, struct sl_buf *out)
{
    if (!st->is_open) {
        return;
    }
    part_close(st, out);
    if (st->kind == SL_BLOCK_TOOL_CALL) {
        arguments_done(st, out);
    }
    bool is_signed = is_message(st) && st->seal.len > 0;
    item_done(st, status, out);
    if (is_signed) {
        struct sl_buf seal = st->seal;
        sl_buf_init(&st->seal, KEPT_MAX);
        seal_write(st, SL_SEAL_TEXT, sl_buf_str(&seal), out);
        sl_buf_done(&seal);
    }
}

static void call_open(struct sl_responses_writer *st, const struct sl_delta *d, struct sl_buf *out)
{
    if (d->signature.n) {
        seal_write(st, SL_SEAL_CALL, d->signature, out);
    }
    sl_buf_reset(&st->call_id);
    sl_buf_reset(&st->name);
    sl_buf_add_str(&st->call_id, d->tool_id);
    sl_buf_add_str(&st->name, d->tool_name);
    const struct sl_responses_tool *tool = sl_responses_tool_find(st->answer.call, d->tool_name);
    st->is_custom = tool && tool->is_custom;
    item_open(st, SL_BLOCK_TOOL_CALL, out);
}

static void block_open(struct sl_responses_writer *st, const struct sl_delta *d, struct sl_buf *out)
{
    bool is_words = d->block_kind == SL_BLOCK_TEXT || d->block_kind == SL_BLOCK_REFUSAL;
    bool goes_on = is_words && st->is_open && is_message(st);
    if (goes_on) {
        part_close(st, out);
    } else {
        item_close(st, "completed", out);
    }
    st->block = d->block;
    if (d->block_kind == SL_BLOCK_TOOL_CALL) {
        call_open(st, d, out);
    } else if (!goes_on) {
        item_open(st, d->block_kind, out);
    }
    if (is_words) {
        st->kind = (uint8_t)d->block_kind;
        part_open(st, out);
    }
}

/* --- pieces --- */

static void piece_write(struct sl_responses_writer *st, struct sl_str text, struct sl_str probs, struct sl_buf *out)
{
    static const char *const types[] = {
        [SL_BLOCK_TEXT] = "response.output_text.delta",
        [SL_BLOCK_REFUSAL] = "response.refusal.delta",
        [SL_BLOCK_THINKING] = "response.reasoning_summary_text.delta",
        [SL_BLOCK_TOOL_CALL] = "response.function_call_arguments.delta",
    };
    struct sl_jw w;
    if (st->kind == SL_BLOCK_TOOL_CALL && st->is_custom) {
        sl_buf_add_str(&st->text, text);
        return;
    }
    if (st->kind == SL_BLOCK_TOOL_CALL) {
        item_event(st, &w, out, types[st->kind]);
    } else {
        part_event(st, &w, out, types[st->kind]);
    }
    sl_jw_member_str(&w, "delta", text.p ? text : SL_STR(""));
    if (st->kind == SL_BLOCK_TEXT) {
        sl_jw_key(&w, "logprobs");
        sl_jw_array(&w);
        sl_jw_raw(&w, probs);
        sl_jw_end(&w);
    }
    sl_event_end(&w);
    sl_buf_add_str(&st->text, text);
}

static void notes_write(struct sl_responses_writer *st, struct sl_str annotations, struct sl_buf *out)
{
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    bool is_list = sl_json_parse(&doc, annotations) == 0;
    for (struct sl_json_iter it = sl_json_each(sl_json_root(&doc)); is_list && sl_json_next(&it);) {
        struct sl_jw w;
        part_event(st, &w, out, "response.output_text.annotation.added");
        sl_jw_member_u64(&w, "annotation_index", st->n_notes++);
        sl_jw_key(&w, "annotation");
        sl_answer_note(&w, it.val, st->before);
        sl_event_end(&w);
    }
    sl_json_done(&doc);
    sl_answer_notes(&st->notes, annotations, st->before);
}

static void probs_write(struct sl_responses_writer *st, struct sl_str logprobs, struct sl_buf *out)
{
    struct sl_buf probs = SL_BUF_INIT(KEPT_MAX);
    sl_answer_probs(&probs, logprobs);
    if (probs.len) {
        piece_write(st, SL_STR_NONE, sl_buf_str(&probs), out);
        sl_buf_add_c(&st->probs, st->probs.len ? "," : "");
        sl_buf_add_str(&st->probs, sl_buf_str(&probs));
    }
    sl_buf_done(&probs);
}

static void seal_note(struct sl_responses_writer *st, const struct sl_delta *d)
{
    if (d->redacted.n) {
        sl_buf_reset(&st->seal);
        sl_buf_add_str(&st->seal, d->redacted);
        st->seal_word = SL_SEAL_CLOSED;
    } else if (d->signature.n && st->kind != SL_BLOCK_TOOL_CALL) {
        sl_buf_add_str(&st->seal, d->signature);
        st->seal_word = SL_SEAL_THOUGHT;
    }
}

static int block_delta(struct sl_responses_writer *st, const struct sl_delta *d, struct sl_buf *out)
{
    bool is_beside = d->annotations.n || d->quotes.n || d->logprobs.n;
    if (!st->is_open || st->block != d->block) {
        if (d->block_kind == SL_BLOCK_TOOL_CALL) {
            return SL_E_INVAL;
        }
        if (is_beside && !d->text.n) {
            return 0; /* its text has ended */
        }
        block_open(st, d, out); /* a text that goes on after another block becomes a new block */
    }
    if (d->text.n && d->block_kind != SL_BLOCK_TOOL_CALL && !st->is_part) {
        part_open(st, out);
    }
    if (d->text.n) {
        piece_write(st, d->text, SL_STR_NONE, out);
        st->chars += d->block_kind == SL_BLOCK_TEXT ? sl_reading_chars(d->text) : 0;
    }
    if (d->annotations.n && st->is_part && st->kind == SL_BLOCK_TEXT) {
        notes_write(st, d->annotations, out);
    }
    if (d->logprobs.n && st->is_part && st->kind == SL_BLOCK_TEXT) {
        probs_write(st, d->logprobs, out);
    }
    seal_note(st, d);
    return 0;
}

static void block_stop(struct sl_responses_writer *st, const struct sl_delta *d, struct sl_buf *out)
{
    if (!st->is_open || st->block != d->block) {
        return;
    }
    if (is_message(st)) {
        part_close(st, out);
    } else {
        item_close(st, "completed", out);
    }
}

int sl_responses_write_delta(void *state, const struct sl_call *call, const struct sl_env *env,
                             const struct sl_delta *delta, struct sl_buf *out)
{
    struct sl_responses_writer *st = state;
    int r = 0;
    if (delta->kind == SL_DELTA_CHUNK || delta->kind == SL_DELTA_LOST || delta->choice > 0 || st->has_error) {
        return 0; /* this language has only one choice */
    }
    if (delta->kind == SL_DELTA_ALIVE) {
        sl_buf_add_lit(out, ": alive\n\n");
        return sl_buf_status(out);
    }
    start_write(st, call, env, delta->kind == SL_DELTA_START ? delta : NULL, out);
    switch (delta->kind) {
    case SL_DELTA_BLOCK_START:
        block_open(st, delta, out);
        break;
    case SL_DELTA_BLOCK:
        r = block_delta(st, delta, out);
        break;
    case SL_DELTA_BLOCK_STOP:
        block_stop(st, delta, out);
        break;
    case SL_DELTA_FINISH:
        st->finish = (uint8_t)delta->finish;
        item_close(st, sl_answer_status(delta->finish), out);
        break;
    case SL_DELTA_USAGE:
        st->usage = delta->usage;
        break;
    case SL_DELTA_ERROR:
        sl_responses_write_stream_error(st, delta->error, out);
        break;
    case SL_DELTA_START:
    case SL_DELTA_ALIVE:
    case SL_DELTA_CHUNK:
    case SL_DELTA_LOST:
        break;
    }
    r = r < 0 ? r : status_of(st);
    return r < 0 ? r : sl_buf_status(out);
}

void sl_responses_write_end(void *state, struct sl_buf *out)
{
    struct sl_responses_writer *st = state;
    if (!st || st->has_error || !st->has_start || st->is_over) {
        return;
    }
    enum sl_finish finish = (enum sl_finish)st->finish;
    bool is_cut = finish == SL_FINISH_LENGTH || finish == SL_FINISH_CONTENT_FILTER;
    item_close(st, sl_answer_status(finish), out);
    st->is_over = true;
    response_event(st, out, is_cut ? "response.incomplete" : "response.completed",
                   &(struct sl_answer_end){ .finish = finish, .output = sl_buf_str(&st->output), .usage = &st->usage });
}

/* The error event is flat, and the response with its content so far follows it. */
void sl_responses_write_stream_error(void *state, const struct sl_llm_error *error, struct sl_buf *out)
{
    struct sl_responses_writer none = { .sequence = error->n_events }, *st = state ? state : &none;
    struct sl_llm_error told = *error;
    struct sl_jw w;
    told.status = sl_error_status(error);
    sl_error_hide(&told);
    told.message = told.message.p ? told.message : sl_str_c(sl_status_reason(told.status));
    st->has_error = true;
    event_begin(st, &w, out, "error");
    sl_jw_member_str(&w, "code", sl_openai_error_code(&told));
    sl_jw_member_str(&w, "message", told.message);
    sl_jw_member_str(&w, "param", told.param);
    sl_event_end(&w);
    if (st->has_start) {
        response_event(
            st, out, "response.failed",
            &(struct sl_answer_end){
                .output = sl_buf_str(&st->output), .usage = &st->usage, .error = &told, .error_status = told.status });
    }
}
