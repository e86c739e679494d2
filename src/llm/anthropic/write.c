/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/anthropic/write.h"

#include <inttypes.h>

#include "llm/core/event.h"
#include "llm/core/pieces.h"
#include "llm/core/sources.h"

/* --- parts --- */

static const char *reason_of(enum sl_finish finish, bool has_tool)
{
    switch (finish) {
    case SL_FINISH_NONE:
        return NULL;
    case SL_FINISH_LENGTH:
        return "max_tokens";
    case SL_FINISH_CONTENT_FILTER:
        return "refusal";
    case SL_FINISH_TOOL_CALLS:
        return "tool_use";
    case SL_FINISH_STOP:
    case SL_FINISH_OTHER:
        break;
    }
    return has_tool ? "tool_use" : "end_turn"; /* some upstreams end an answer with tool calls like any other */
}

/* Canonical input includes the tokens that were read from and written to a cache; this language's does not. */
static void usage_write(struct sl_jw *w, const struct sl_usage *u)
{
    int64_t cached = SL_MAX(u->cached_input, (int64_t)0), written = SL_MAX(u->cache_creation, (int64_t)0);
    int64_t fresh = SL_MAX(u->input, (int64_t)0) - cached - written;
    sl_jw_object(w);
    sl_jw_member_i64(w, "input_tokens", SL_MAX(fresh, (int64_t)0));
    if (u->cache_creation >= 0) {
        sl_jw_member_i64(w, "cache_creation_input_tokens", written);
    }
    if (u->cached_input >= 0) {
        sl_jw_member_i64(w, "cache_read_input_tokens", cached);
    }
    sl_jw_member_i64(w, "output_tokens", SL_MAX(u->output, (int64_t)0));
    if (u->reasoning >= 0) {
        sl_jw_key(w, "output_tokens_details");
        sl_jw_object(w);
        sl_jw_member_i64(w, "thinking_tokens", u->reasoning);
        sl_jw_end(w);
    }
    sl_jw_end(w);
}

/* The id of a message. An id of another language gets this language's prefix and keeps its own text, so that both can
 * be found. */
static void id_write(struct sl_jw *w, struct sl_str id, const struct sl_env *env)
{
    struct sl_buf *out = w->out;
    sl_jw_key(w, "id");
    sl_jw_raw(w, SL_STR("\""));
    if (id.n == 0) {
        sl_buf_printf(out, "msg_%016" PRIx64 "%08" PRIx64, env->random[0], env->random[1] & 0xffffffff);
    } else {
        sl_buf_add_c(out, sl_str_has_prefix(id, SL_STR("msg_")) ? "" : "msg_");
        sl_json_escape(out, id);
    }
    sl_buf_add_char(out, '"');
}

/* Writes the common members of a whole message and of its start; the object stays open. */
static void head_write(struct sl_jw *w, struct sl_str id, struct sl_str model, const struct sl_env *env)
{
    sl_jw_object(w);
    id_write(w, id, env);
    sl_jw_member_str(w, "type", SL_STR("message"));
    sl_jw_member_str(w, "role", SL_STR("assistant"));
    sl_jw_member_str(w, "model", model.p ? model : SL_STR(""));
}

static struct sl_str text_of(struct sl_str text)
{
    return text.p ? text : SL_STR("");
}

/* --- whole replies --- */

/* Writes a web source of which only address and title are known. */
static void web_write(struct sl_jw *w, const struct sl_citation *said)
{
    sl_jw_object(w);
    sl_jw_member_str(w, "type", SL_STR("web_search_result_location"));
    sl_jw_member_str(w, "cited_text", SL_STR(""));
    sl_jw_member_raw(w, "url", sl_json_raw(said->url));
    sl_jw_member_raw(w, "title", sl_json_is(said->title, SL_JSON_STRING) ? sl_json_raw(said->title) : SL_STR("null"));
    sl_jw_member_str(w, "encrypted_index", SL_STR(""));
    sl_jw_end(w);
}

/* Writes a text's citations, if it has any. */
static void citations_write(struct sl_jw *w, const struct sl_block *block)
{
    struct sl_citations citations;
    struct sl_citation said;
    if (block->quotes.n > 2) {
        sl_jw_member_raw(w, "citations", block->quotes);
    } else if (block->annotations.n > 2) {
        sl_jw_key(w, "citations");
        sl_jw_array(w);
        sl_citations_begin(&citations, block->annotations);
        while (sl_citations_next(&citations, &said)) {
            web_write(w, &said);
        }
        sl_citations_done(&citations);
        sl_jw_end(w);
    }
}

static void block_write(struct sl_jw *w, const struct sl_block *block)
{
    sl_jw_object(w);
    switch (block->kind) {
    case SL_BLOCK_TEXT:
    case SL_BLOCK_REFUSAL:
        sl_jw_member_str(w, "type", SL_STR("text"));
        sl_jw_member_str(w, "text", text_of(block->text));
        citations_write(w, block);
        break;
    case SL_BLOCK_THINKING:
        sl_jw_member_str(w, "type", block->redacted.n ? SL_STR("redacted_thinking") : SL_STR("thinking"));
        if (block->redacted.n) {
            sl_jw_member_str(w, "data", block->redacted);
        } else {
            sl_jw_member_str(w, "thinking", text_of(block->text));
            sl_jw_member_str(w, "signature", text_of(block->signature));
        }
        break;
    case SL_BLOCK_TOOL_CALL:
        sl_jw_member_str(w, "type", SL_STR("tool_use"));
        sl_jw_member_str(w, "id", text_of(block->tool_id));
        sl_jw_member_str(w, "name", text_of(block->tool_name));
        sl_jw_key(w, "input");
        sl_arguments_write(w, block->arguments);
        break;
    }
    sl_jw_end(w);
}

int sl_anthropic_write_reply(const struct sl_call *call, const struct sl_reply *reply, const struct sl_env *env,
                             struct sl_buf *out)
{
    static const struct sl_choice none = { 0 };
    /* This language has only one choice. */
    const struct sl_choice *choice = reply->n_choices ? &reply->choices[0] : &none;
    bool has_tool = false;
    struct sl_jw w;
    sl_jw_init(&w, out);
    head_write(&w, reply->id, reply->model.n ? reply->model : call->model, env);
    sl_jw_key(&w, "content");
    sl_jw_array(&w);
    for (uint32_t i = 0; i < choice->n_blocks; i++) {
        has_tool |= choice->blocks[i].kind == SL_BLOCK_TOOL_CALL;
        block_write(&w, &choice->blocks[i]);
    }
    sl_jw_end(&w);
    sl_jw_member_str(&w, "stop_reason", sl_str_c(reason_of(choice->finish, has_tool)));
    sl_jw_member_null(&w, "stop_sequence");
    sl_jw_key(&w, "usage");
    usage_write(&w, &reply->usage);
    sl_jw_end(&w);
    return sl_buf_status(out);
}

/* --- streams --- */

static void start_write(struct sl_anthropic_writer *st, const struct sl_call *call, const struct sl_env *env,
                        const struct sl_delta *start, struct sl_buf *out)
{
    struct sl_jw w;
    if (st->has_start) {
        return;
    }
    st->has_start = true;
    st->usage = SL_USAGE_NONE;
    sl_event_begin(&w, out, "message_start");
    sl_jw_key(&w, "message");
    head_write(&w, start ? start->id : SL_STR_NONE, start && start->model.n ? start->model : call->model, env);
    sl_jw_key(&w, "content");
    sl_jw_array(&w);
    sl_jw_end(&w);
    sl_jw_member_null(&w, "stop_reason");
    sl_jw_member_null(&w, "stop_sequence");
    sl_jw_key(&w, "usage");
    usage_write(&w, &st->usage); /* the counts known so far; the last ones come with message_delta */
    sl_jw_end(&w);
    sl_event_end(&w);
}

/* Writes content_block_start, once the kind of the block is known. */
static void block_begin(struct sl_anthropic_writer *st, const struct sl_delta *d, struct sl_buf *out)
{
    struct sl_jw w;
    if (st->is_started) {
        return;
    }
    st->is_started = true;
    sl_event_begin(&w, out, "content_block_start");
    sl_jw_member_u64(&w, "index", st->n_blocks++);
    sl_jw_key(&w, "content_block");
    sl_jw_object(&w);
    if (st->kind == SL_BLOCK_TOOL_CALL) {
        sl_jw_member_str(&w, "type", SL_STR("tool_use"));
        sl_jw_member_str(&w, "id", text_of(d->tool_id));
        sl_jw_member_str(&w, "name", text_of(d->tool_name));
        sl_jw_member_raw(&w, "input", SL_STR("{}"));
    } else if (st->kind == SL_BLOCK_THINKING && d->redacted.n) {
        sl_jw_member_str(&w, "type", SL_STR("redacted_thinking"));
        sl_jw_member_str(&w, "data", d->redacted);
    } else if (st->kind == SL_BLOCK_THINKING) {
        sl_jw_member_str(&w, "type", SL_STR("thinking"));
        sl_jw_member_str(&w, "thinking", SL_STR(""));
        sl_jw_member_str(&w, "signature", SL_STR(""));
    } else {
        sl_jw_member_str(&w, "type", SL_STR("text"));
        sl_jw_member_str(&w, "text", SL_STR(""));
    }
    sl_jw_end(&w);
    sl_event_end(&w);
}

static void block_stop(struct sl_anthropic_writer *st, struct sl_buf *out)
{
    struct sl_jw w;
    if (st->is_open && st->is_started) {
        sl_event_begin(&w, out, "content_block_stop");
        sl_jw_member_u64(&w, "index", st->n_blocks - 1);
        sl_event_end(&w);
    }
    st->is_open = st->is_started = false;
}

/* A block is open from here on; the first piece of thinking shows its kind. */
static void block_open(struct sl_anthropic_writer *st, const struct sl_delta *d, struct sl_buf *out)
{
    block_stop(st, out);
    st->is_open = true;
    st->kind = (uint8_t)d->block_kind;
    st->block = d->block;
    st->has_tool |= d->block_kind == SL_BLOCK_TOOL_CALL;
    if (d->block_kind != SL_BLOCK_THINKING) {
        block_begin(st, d, out);
    }
}

static void piece_write(struct sl_anthropic_writer *st, const char *type, const char *key, struct sl_str text,
                        struct sl_buf *out)
{
    struct sl_jw w;
    sl_event_begin(&w, out, "content_block_delta");
    sl_jw_member_u64(&w, "index", st->n_blocks - 1);
    sl_jw_key(&w, "delta");
    sl_jw_object(&w);
    sl_jw_member_str(&w, "type", sl_str_c(type));
    sl_jw_member_str(&w, key, text);
    sl_jw_end(&w);
    sl_event_end(&w);
}

/* Writes {"type":"citations_delta","citation":{…}} up to that object. */
static void citation_begin(struct sl_anthropic_writer *st, struct sl_jw *w, struct sl_buf *out)
{
    sl_event_begin(w, out, "content_block_delta");
    sl_jw_member_u64(w, "index", st->n_blocks - 1);
    sl_jw_key(w, "delta");
    sl_jw_object(w);
    sl_jw_member_str(w, "type", SL_STR("citations_delta"));
    sl_jw_key(w, "citation");
}

static void web_deltas_write(struct sl_anthropic_writer *st, struct sl_str annotations, struct sl_buf *out)
{
    struct sl_citations citations;
    struct sl_citation said;
    struct sl_jw w;
    sl_citations_begin(&citations, annotations);
    while (sl_citations_next(&citations, &said)) {
        citation_begin(st, &w, out);
        web_write(&w, &said);
        sl_event_end(&w);
    }
    sl_citations_done(&citations);
}

/* Citations go into the text block that is open; after it they have no place. */
static void citation_deltas_write(struct sl_anthropic_writer *st, const struct sl_delta *d, struct sl_buf *out)
{
    struct sl_json doc;
    struct sl_jw w;
    if (!st->is_open || st->block != d->block || !st->is_started || st->kind != SL_BLOCK_TEXT) {
        return;
    }
    if (d->quotes.n <= 2) {
        web_deltas_write(st, d->annotations, out);
        return;
    }
    sl_json_init(&doc, NULL);
    bool is_read = sl_json_parse(&doc, d->quotes) == 0;
    for (struct sl_json_iter it = sl_json_each(is_read ? sl_json_root(&doc) : SL_JSON_ABSENT); sl_json_next(&it);) {
        citation_begin(st, &w, out);
        sl_jw_raw(&w, sl_json_raw(it.val));
        sl_event_end(&w);
    }
    sl_json_done(&doc);
}

static int block_delta(struct sl_anthropic_writer *st, const struct sl_delta *d, struct sl_buf *out)
{
    if (d->annotations.n || d->quotes.n || d->logprobs.n) {
        citation_deltas_write(st, d, out);
        return 0;
    }
    if (!st->is_open || st->block != d->block) {
        if (d->block_kind == SL_BLOCK_TOOL_CALL) {
            return SL_E_INVAL;
        }
        block_open(st, d, out); /* a text that goes on after another block becomes a new block */
    }
    block_begin(st, d, out);
    if (d->text.n) {
        switch (d->block_kind) {
        case SL_BLOCK_TEXT:
        case SL_BLOCK_REFUSAL:
            piece_write(st, "text_delta", "text", d->text, out);
            break;
        case SL_BLOCK_THINKING:
            piece_write(st, "thinking_delta", "thinking", d->text, out);
            break;
        case SL_BLOCK_TOOL_CALL:
            piece_write(st, "input_json_delta", "partial_json", d->text, out);
            break;
        }
    }
    if (d->signature.n) {
        piece_write(st, "signature_delta", "signature", d->signature, out);
    }
    return 0;
}

int sl_anthropic_write_delta(void *state, const struct sl_call *call, const struct sl_env *env,
                             const struct sl_delta *delta, struct sl_buf *out)
{
    struct sl_anthropic_writer *st = state;
    int r = 0;
    if (delta->kind == SL_DELTA_CHUNK || delta->kind == SL_DELTA_LOST || delta->choice > 0) {
        return 0; /* this language has only one choice */
    }
    if (delta->kind == SL_DELTA_ALIVE) {
        sl_buf_add_lit(out, "event: ping\ndata: {\"type\":\"ping\"}\n\n");
        return sl_buf_status(out);
    }
    if (delta->kind != SL_DELTA_ERROR) {
        start_write(st, call, env, delta->kind == SL_DELTA_START ? delta : NULL, out);
    }
    switch (delta->kind) {
    case SL_DELTA_START:
    case SL_DELTA_CHUNK:
    case SL_DELTA_LOST:
    case SL_DELTA_ALIVE:
        break;
    case SL_DELTA_BLOCK_START:
        block_open(st, delta, out);
        break;
    case SL_DELTA_BLOCK:
        r = block_delta(st, delta, out);
        break;
    case SL_DELTA_BLOCK_STOP:
        if (st->is_open && st->block == delta->block) {
            block_stop(st, out);
        }
        break;
    case SL_DELTA_FINISH:
        block_stop(st, out);
        st->finish = (uint8_t)delta->finish;
        break;
    case SL_DELTA_USAGE:
        st->usage = delta->usage;
        break;
    case SL_DELTA_ERROR:
        sl_anthropic_write_stream_error(state, delta->error, out);
        break;
    }
    return r < 0 ? r : sl_buf_status(out);
}

void sl_anthropic_write_end(void *state, struct sl_buf *out)
{
    struct sl_anthropic_writer *st = state;
    struct sl_jw w;
    if (!st || st->has_error || !st->has_start) {
        return;
    }
    block_stop(st, out);
    sl_event_begin(&w, out, "message_delta");
    sl_jw_key(&w, "delta");
    sl_jw_object(&w);
    sl_jw_member_str(&w, "stop_reason", sl_str_c(reason_of((enum sl_finish)st->finish, st->has_tool)));
    sl_jw_member_null(&w, "stop_sequence");
    sl_jw_end(&w);
    sl_jw_key(&w, "usage");
    usage_write(&w, &st->usage);
    sl_event_end(&w);
    sl_event_begin(&w, out, "message_stop");
    sl_event_end(&w);
}

/* --- errors --- */

static const char *type_of(const struct sl_llm_error *error, int status)
{
    static const struct {
        int status;
        const char *type;
    } rows[] = {
        { 401, "authentication_error" }, { 402, "billing_error" },    { 403, "permission_error" },
        { 404, "not_found_error" },      { 409, "conflict_error" },   { 413, "request_too_large" },
        { 429, "rate_limit_error" },     { 503, "overloaded_error" }, { 504, "timeout_error" },
        { 529, "overloaded_error" },     { 408, "timeout_error" },
    };
    if (error->type == SL_ERR_PROVIDER_BILLING) {
        return "billing_error";
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        if (rows[i].status == status) {
            return rows[i].type;
        }
    }
    return status >= 500 ? "api_error" : "invalid_request_error";
}

static void error_write(struct sl_jw *w, const struct sl_llm_error *error, int status)
{
    struct sl_llm_error told = *error;
    sl_error_hide(&told);
    sl_jw_key(w, "error");
    sl_jw_object(w);
    sl_jw_member_str(w, "type", sl_str_c(type_of(error, status)));
    sl_jw_member_str(w, "message", told.message.p ? told.message : sl_str_c(sl_status_reason(status)));
    if (told.detail.p) {
        sl_jw_member_raw(w, "details", told.detail);
    }
    sl_jw_end(w);
}

void sl_anthropic_write_error(struct sl_llm_error *error, struct sl_buf *out)
{
    struct sl_jw w;
    error->status = sl_error_status(error);
    sl_jw_init(&w, out);
    sl_jw_object(&w);
    sl_jw_member_str(&w, "type", SL_STR("error"));
    error_write(&w, error, error->status);
    sl_jw_member_str(&w, "request_id", error->request_id);
    sl_jw_end(&w);
}

void sl_anthropic_write_stream_error(void *state, const struct sl_llm_error *error, struct sl_buf *out)
{
    struct sl_anthropic_writer *st = state;
    struct sl_jw w;
    if (st) {
        st->has_error = true; /* message_stop belongs to a complete answer */
    }
    sl_event_begin(&w, out, "error");
    error_write(&w, error, sl_error_status(error));
    sl_event_end(&w);
}
