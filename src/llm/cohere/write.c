/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/cohere/write.h"

#include "llm/cohere/beside.h"
#include "llm/cohere/write_embed.h"
#include "llm/core/event.h"
#include "llm/core/reading.h"
#include "llm/core/request.h"

/* --- what whole replies and streams share --- */

/* Cohere has no word for an answer that a filter held back. */
static const char *reason_of(enum sl_finish finish, struct sl_str said, bool has_calls)
{
    switch (finish) {
    case SL_FINISH_LENGTH:
        return "MAX_TOKENS";
    case SL_FINISH_CONTENT_FILTER:
        return "ERROR";
    case SL_FINISH_TOOL_CALLS:
        return "TOOL_CALL";
    case SL_FINISH_NONE:
    case SL_FINISH_STOP:
    case SL_FINISH_OTHER:
        break;
    }
    bool is_sequence = sl_str_case_eq(said, SL_STR("stop_sequence"));
    return has_calls ? "TOOL_CALL" : is_sequence ? "STOP_SEQUENCE" : "COMPLETE";
}

static void counts_write(struct sl_jw *w, const char *key, const struct sl_usage *u)
{
    sl_jw_key(w, key);
    sl_jw_object(w);
    sl_jw_member_i64(w, "input_tokens", SL_MAX(u->input, (int64_t)0));
    sl_jw_member_i64(w, "output_tokens", SL_MAX(u->output, (int64_t)0));
    sl_jw_end(w);
}

/* Left out if there are no counts. */
static void usage_write(struct sl_jw *w, const struct sl_usage *u)
{
    if (u->input < 0 && u->output < 0) {
        return;
    }
    sl_jw_key(w, "usage");
    sl_jw_object(w);
    counts_write(w, "billed_units", u);
    counts_write(w, "tokens", u);
    if (u->cached_input >= 0) {
        sl_jw_member_i64(w, "cached_tokens", u->cached_input);
    }
    sl_jw_end(w);
}

static struct sl_str text_of(struct sl_str text)
{
    return text.p ? text : SL_STR("");
}

static void call_write(struct sl_jw *w, struct sl_str id, struct sl_str name, struct sl_str arguments)
{
    sl_jw_object(w);
    sl_jw_member_str(w, "id", text_of(id));
    sl_jw_member_str(w, "type", SL_STR("function"));
    sl_jw_key(w, "function");
    sl_jw_object(w);
    sl_jw_member_str(w, "name", text_of(name));
    sl_jw_member_str(w, "arguments", text_of(arguments));
    sl_jw_end(w);
    sl_jw_end(w);
}

static void part_write(struct sl_jw *w, enum sl_block_kind kind, struct sl_str text)
{
    bool is_thought = kind == SL_BLOCK_THINKING;
    sl_jw_object(w);
    sl_jw_member_str(w, "type", is_thought ? SL_STR("thinking") : SL_STR("text"));
    sl_jw_member_str(w, is_thought ? "thinking" : "text", text_of(text));
    sl_jw_end(w);
}

/* --- whole replies --- */

/* Writes the texts beside tool calls as the tool plan, all in one text. */
static void plan_write(struct sl_jw *w, const struct sl_choice *choice)
{
    size_t n = 0;
    for (uint32_t i = 0; i < choice->n_blocks; i++) {
        n += sl_cohere_is_words(&choice->blocks[i]) ? choice->blocks[i].text.n : 0;
    }
    if (n == 0) {
        return;
    }
    sl_jw_key(w, "tool_plan");
    sl_jw_raw(w, SL_STR("\""));
    for (uint32_t i = 0; i < choice->n_blocks; i++) {
        if (sl_cohere_is_words(&choice->blocks[i])) {
            sl_json_escape(w->out, text_of(choice->blocks[i].text));
        }
    }
    sl_buf_add_char(w->out, '"');
}

static void calls_write(struct sl_jw *w, const struct sl_choice *choice)
{
    sl_jw_key(w, "tool_calls");
    sl_jw_array(w);
    for (uint32_t i = 0; i < choice->n_blocks; i++) {
        const struct sl_block *block = &choice->blocks[i];
        if (block->kind == SL_BLOCK_TOOL_CALL) {
            call_write(w, block->tool_id, block->tool_name, block->arguments);
        }
    }
    sl_jw_end(w);
}

/* An answer without a text gets an empty one, because clients take content[0]. */
static void content_write(struct sl_jw *w, const struct sl_choice *choice, bool has_calls)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < choice->n_blocks; i++) {
        n += sl_cohere_is_part(&choice->blocks[i], has_calls);
    }
    if (n == 0 && has_calls) {
        return;
    }
    sl_jw_key(w, "content");
    sl_jw_array(w);
    for (uint32_t i = 0; i < choice->n_blocks; i++) {
        if (sl_cohere_is_part(&choice->blocks[i], has_calls)) {
            part_write(w, choice->blocks[i].kind, choice->blocks[i].text);
        }
    }
    if (n == 0) {
        part_write(w, SL_BLOCK_TEXT, SL_STR(""));
    }
    sl_jw_end(w);
}

int sl_cohere_write_reply(const struct sl_call *call, const struct sl_reply *reply, const struct sl_env *env,
                          struct sl_buf *out)
{
    if (call->type == SL_LLM_EMBEDDINGS) {
        return sl_cohere_write_embed(call, reply, env, out);
    }
    static const struct sl_choice none = { 0 };
    /* This language has only one choice. */
    const struct sl_choice *choice = reply->n_choices ? &reply->choices[0] : &none;
    bool has_calls = false;
    for (uint32_t i = 0; i < choice->n_blocks; i++) {
        has_calls |= choice->blocks[i].kind == SL_BLOCK_TOOL_CALL;
    }
    struct sl_jw w;
    sl_jw_init(&w, out);
    sl_jw_object(&w);
    sl_cohere_id_write(&w, reply->id, env);
    sl_jw_member_str(&w, "finish_reason", sl_str_c(reason_of(choice->finish, choice->finish_text, has_calls)));
    sl_jw_key(&w, "message");
    sl_jw_object(&w);
    sl_jw_member_str(&w, "role", SL_STR("assistant"));
    content_write(&w, choice, has_calls);
    if (has_calls) {
        plan_write(&w, choice);
        calls_write(&w, choice);
    }
    sl_cohere_citations_write(&w, choice, has_calls);
    sl_jw_end(&w);
    sl_cohere_logprobs_write(&w, choice->logprobs, true);
    usage_write(&w, &reply->usage);
    sl_jw_end(&w);
    return sl_buf_status(out);
}

/* --- streams --- */

/* Begins an event of a part, or of a call: {"type", "index", "delta": {"message": { … */
static void inner_begin(struct sl_jw *w, struct sl_buf *out, const char *type, uint32_t index)
{
    sl_event_begin(w, out, type);
    sl_jw_member_u64(w, "index", index);
    sl_jw_key(w, "delta");
    sl_jw_object(w);
    sl_jw_key(w, "message");
    sl_jw_object(w);
}

static void start_write(struct sl_cohere_writer *st, const struct sl_env *env, struct sl_str id, struct sl_buf *out)
{
    struct sl_jw w;
    if (st->has_start) {
        return;
    }
    st->has_start = true;
    st->usage = SL_USAGE_NONE;
    sl_event_begin(&w, out, "message-start");
    sl_cohere_id_write(&w, id, env);
    sl_jw_member_raw(&w, "delta",
                     SL_STR("{\"message\":{\"role\":\"assistant\",\"content\":[],\"tool_plan\":\"\",\"tool_calls\":[],"
                            "\"citations\":[]}}"));
    sl_event_end(&w);
}

static bool is_call(const struct sl_cohere_writer *st)
{
    return st->kind == SL_BLOCK_TOOL_CALL;
}

static void block_begin(struct sl_cohere_writer *st, const struct sl_delta *d, struct sl_buf *out)
{
    struct sl_jw w;
    if (st->is_started) {
        return;
    }
    st->is_started = true;
    if (is_call(st)) {
        inner_begin(&w, out, "tool-call-start", st->n_calls++);
        sl_jw_key(&w, "tool_calls");
        call_write(&w, d->tool_id, d->tool_name, SL_STR(""));
    } else {
        inner_begin(&w, out, "content-start", st->n_parts++);
        sl_jw_key(&w, "content");
        part_write(&w, (enum sl_block_kind)st->kind, SL_STR(""));
    }
    sl_event_end(&w);
}

static void block_stop(struct sl_cohere_writer *st, struct sl_buf *out)
{
    struct sl_jw w;
    if (st->is_open && st->is_started) {
        sl_event_begin(&w, out, is_call(st) ? "tool-call-end" : "content-end");
        sl_jw_member_u64(&w, "index", (is_call(st) ? st->n_calls : st->n_parts) - 1);
        sl_event_end(&w);
    }
    st->is_open = st->is_started = false;
}

/* A block is open from here on; a text or a thought begins with its first piece. */
static void block_open(struct sl_cohere_writer *st, const struct sl_delta *d, struct sl_buf *out)
{
    block_stop(st, out);
    st->is_open = true;
    st->before = st->chars;
    st->kind = (uint8_t)d->block_kind;
    st->block = d->block;
    if (is_call(st)) {
        block_begin(st, d, out);
    }
}

/* Writes citation-start and citation-end, each with its own number. A source has no place after its part has ended. */
static void citation_events_write(struct sl_cohere_writer *st, const struct sl_delta *d, struct sl_buf *out)
{
    struct sl_citations citations;
    struct sl_citation said;
    struct sl_jw w;
    sl_citations_begin(&citations, d->annotations);
    while (sl_citations_next(&citations, &said)) {
        bool is_known = st->is_open && st->is_started && st->kind == SL_BLOCK_TEXT && said.start >= st->before;
        struct sl_cohere_place at = { is_known ? st->n_parts - 1 : 0, st->before, is_known, false, SL_STR_NONE };
        inner_begin(&w, out, "citation-start", st->n_citations);
        sl_jw_key(&w, "citations");
        sl_cohere_citation_write(&w, &said, at);
        sl_event_end(&w);
        sl_event_begin(&w, out, "citation-end");
        sl_jw_member_u64(&w, "index", st->n_citations++);
        sl_event_end(&w);
    }
    sl_citations_done(&citations);
}

/* The probabilities of tokens that were sent before stand beside an empty piece. */
static void logprobs_event_write(struct sl_cohere_writer *st, const struct sl_delta *d, struct sl_buf *out)
{
    struct sl_jw w;
    if (!st->is_open || !st->is_started || st->kind != SL_BLOCK_TEXT) {
        return;
    }
    inner_begin(&w, out, "content-delta", st->n_parts - 1);
    sl_jw_member_raw(&w, "content", SL_STR("{\"text\":\"\"}"));
    sl_jw_end(&w);
    sl_jw_end(&w);
    sl_cohere_logprobs_write(&w, d->logprobs, false);
    sl_event_end(&w);
}

static int block_delta(struct sl_cohere_writer *st, const struct sl_delta *d, struct sl_buf *out)
{
    struct sl_jw w;
    if (d->annotations.n) {
        citation_events_write(st, d, out);
    }
    if (d->logprobs.n) {
        logprobs_event_write(st, d, out);
    }
    if (d->text.n == 0) {
        return 0; /* parts beside a text */
    }
    if (!st->is_open || st->block != d->block) {
        if (d->block_kind == SL_BLOCK_TOOL_CALL) {
            return SL_E_INVAL;
        }
        block_open(st, d, out); /* a text that goes on after another block becomes a new block */
    }
    block_begin(st, d, out);
    if (is_call(st)) {
        inner_begin(&w, out, "tool-call-delta", st->n_calls - 1);
        sl_jw_key(&w, "tool_calls");
        sl_jw_object(&w);
        sl_jw_key(&w, "function");
        sl_jw_object(&w);
        sl_jw_member_str(&w, "arguments", d->text);
    } else {
        inner_begin(&w, out, "content-delta", st->n_parts - 1);
        sl_jw_key(&w, "content");
        sl_jw_object(&w);
        sl_jw_member_str(&w, st->kind == SL_BLOCK_THINKING ? "thinking" : "text", d->text);
        st->chars += st->kind == SL_BLOCK_TEXT ? sl_reading_chars(d->text) : 0;
    }
    sl_event_end(&w);
    return 0;
}

int sl_cohere_write_delta(void *state, const struct sl_call *call, const struct sl_env *env,
                          const struct sl_delta *delta, struct sl_buf *out)
{
    (void)call; /* it does not name a model */
    struct sl_cohere_writer *st = state;
    int r = 0;
    if (delta->choice > 0) {
        return 0; /* this language has only one choice */
    }
    switch (delta->kind) {
    case SL_DELTA_CHUNK:
    case SL_DELTA_LOST:
    case SL_DELTA_ALIVE:
        break;
    case SL_DELTA_START:
        start_write(st, env, delta->id, out);
        break;
    case SL_DELTA_BLOCK_START:
        start_write(st, env, SL_STR_NONE, out);
        block_open(st, delta, out);
        break;
    case SL_DELTA_BLOCK:
        start_write(st, env, SL_STR_NONE, out);
        r = block_delta(st, delta, out);
        break;
    case SL_DELTA_BLOCK_STOP:
        if (st->is_open && st->block == delta->block) {
            block_stop(st, out);
        }
        break;
    case SL_DELTA_FINISH:
        start_write(st, env, SL_STR_NONE, out);
        block_stop(st, out);
        st->reason = reason_of(delta->finish, delta->finish_text, st->n_calls > 0);
        break;
    case SL_DELTA_USAGE:
        start_write(st, env, SL_STR_NONE, out);
        st->usage = delta->usage;
        break;
    case SL_DELTA_ERROR:
        sl_cohere_write_stream_error(state, delta->error, out);
        break;
    }
    return r < 0 ? r : sl_buf_status(out);
}

void sl_cohere_write_end(void *state, struct sl_buf *out)
{
    struct sl_cohere_writer *st = state;
    struct sl_jw w;
    if (st && !st->has_error && st->has_start) {
        block_stop(st, out);
        sl_event_begin(&w, out, "message-end");
        sl_jw_key(&w, "delta");
        sl_jw_object(&w);
        sl_jw_member_str(&w, "finish_reason", sl_str_c(st->reason ? st->reason : "COMPLETE"));
        usage_write(&w, &st->usage);
        sl_event_end(&w);
    }
    if (!st || !st->has_error) {
        sl_buf_add_lit(out, "data: [DONE]\n\n");
    }
}

/* --- errors --- */

static struct sl_str message_of(const struct sl_llm_error *error)
{
    struct sl_llm_error told = *error;
    sl_error_hide(&told);
    return told.message.p ? told.message : sl_str_c(sl_status_reason(sl_error_status(error)));
}

void sl_cohere_write_error(struct sl_llm_error *error, struct sl_buf *out)
{
    struct sl_jw w;
    error->status = sl_error_status(error);
    sl_jw_init(&w, out);
    sl_jw_object(&w);
    sl_jw_member_str(&w, "id", error->request_id);
    sl_jw_member_str(&w, "message", message_of(error));
    sl_jw_end(&w);
}

/* The last event has the error; `[DONE]` belongs to a complete answer. */
void sl_cohere_write_stream_error(void *state, const struct sl_llm_error *error, struct sl_buf *out)
{
    struct sl_cohere_writer *st = state;
    struct sl_jw w;
    if (st) {
        st->has_error = true;
    }
    sl_event_begin(&w, out, "message-end");
    sl_jw_key(&w, "delta");
    sl_jw_object(&w);
    sl_jw_member_str(&w, "error", message_of(error));
    sl_jw_member_str(&w, "finish_reason", SL_STR("ERROR"));
    sl_event_end(&w);
}
