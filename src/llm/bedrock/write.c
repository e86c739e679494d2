/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/bedrock/write.h"

#include "base/clock.h"
#include "json/write.h"
#include "llm/bedrock/citations.h"
#include "llm/core/pieces.h"
#include "wire/aws_event.h"

/* --- what whole replies and streams share --- */

/* A word that Converse has too stays unchanged. */
static struct sl_str reason_of(enum sl_finish finish, struct sl_str said, bool has_tool)
{
    static const struct sl_str own[] = { SL_STR_INIT("stop_sequence"), SL_STR_INIT("guardrail_intervened"),
                                         SL_STR_INIT("model_context_window_exceeded") };
    for (size_t i = 0; i < SL_ARRAY_LEN(own); i++) {
        if (sl_str_case_eq(said, own[i])) {
            return own[i];
        }
    }
    switch (finish) {
    case SL_FINISH_LENGTH:
        return SL_STR("max_tokens");
    case SL_FINISH_CONTENT_FILTER:
        return SL_STR("content_filtered");
    case SL_FINISH_TOOL_CALLS:
        return SL_STR("tool_use");
    case SL_FINISH_NONE:
    case SL_FINISH_STOP:
    case SL_FINISH_OTHER:
        break;
    }
    return has_tool ? SL_STR("tool_use") : SL_STR("end_turn");
}

/* Canonical input includes the tokens that were read from and written to a cache; this language's does not, except in
 * the total. */
static void usage_write(struct sl_jw *w, const struct sl_usage *u)
{
    int64_t cached = SL_MAX(u->cached_input, (int64_t)0), written = SL_MAX(u->cache_creation, (int64_t)0);
    int64_t input = SL_MAX(u->input, (int64_t)0), output = SL_MAX(u->output, (int64_t)0);
    sl_jw_key(w, "usage");
    sl_jw_object(w);
    sl_jw_member_i64(w, "inputTokens", SL_MAX(input - cached - written, (int64_t)0));
    sl_jw_member_i64(w, "outputTokens", output);
    sl_jw_member_i64(w, "totalTokens", input + output);
    if (u->cached_input >= 0) {
        sl_jw_member_i64(w, "cacheReadInputTokens", cached);
    }
    if (u->cache_creation >= 0) {
        sl_jw_member_i64(w, "cacheWriteInputTokens", written);
    }
    sl_jw_end(w);
}

static void metrics_write(struct sl_jw *w, uint64_t usec)
{
    sl_jw_key(w, "metrics");
    sl_jw_object(w);
    sl_jw_member_u64(w, "latencyMs", usec / 1000);
    sl_jw_end(w);
}

static struct sl_str text_of(struct sl_str text)
{
    return text.p ? text : SL_STR("");
}

/* --- whole replies --- */

static void reasoning_write(struct sl_jw *w, const struct sl_block *block)
{
    sl_jw_key(w, "reasoningContent");
    sl_jw_object(w);
    if (block->redacted.n) {
        sl_jw_member_str(w, "redactedContent", block->redacted);
    } else {
        sl_jw_key(w, "reasoningText");
        sl_jw_object(w);
        sl_jw_member_str(w, "text", text_of(block->text));
        if (block->signature.n) {
            sl_jw_member_str(w, "signature", block->signature);
        }
        sl_jw_end(w);
    }
    sl_jw_end(w);
}

/* A call that was cut has no complete input: nobody may run it, and the finish reason says why. */
static int tool_use_write(struct sl_jw *w, const struct sl_block *block, bool is_cut)
{
    bool is_object = sl_arguments_are_object(block->arguments);
    if (!is_object && !is_cut && block->arguments.n) {
        return SL_E_INVAL;
    }
    sl_jw_key(w, "toolUse");
    sl_jw_object(w);
    sl_jw_member_str(w, "toolUseId", text_of(block->tool_id));
    sl_jw_member_str(w, "name", text_of(block->tool_name));
    sl_jw_member_raw(w, "input", is_object ? block->arguments : SL_STR("{}"));
    sl_jw_end(w);
    return 0;
}

/* Writes a text with its citations. Those in documents, which the client asked for, stand with the text. */
static void cited_write(struct sl_jw *w, const struct sl_block *block, bool has_text)
{
    struct sl_bedrock_citations citations;
    sl_jw_key(w, "citationsContent");
    sl_jw_object(w);
    sl_jw_key(w, "content");
    sl_jw_array(w);
    if (has_text) {
        sl_jw_object(w);
        sl_jw_member_str(w, "text", text_of(block->text));
        sl_jw_end(w);
    }
    sl_jw_end(w);
    sl_jw_key(w, "citations");
    sl_jw_array(w);
    sl_bedrock_citations_begin(&citations, block->annotations, block->quotes);
    while (sl_bedrock_citations_next(&citations)) {
        sl_jw_object(w);
        sl_bedrock_citation_write(&citations, w);
        sl_jw_end(w);
    }
    sl_bedrock_citations_done(&citations);
    sl_jw_end(w);
    sl_jw_end(w);
}

static void text_block_write(struct sl_jw *w, const struct sl_block *block)
{
    if (block->quotes.n > 2) {
        cited_write(w, block, true);
        return;
    }
    sl_jw_member_str(w, "text", text_of(block->text));
    /* Sources that the client did not ask for: it must find the text at the usual place. */
    if (block->annotations.n > 2) {
        sl_jw_end(w);
        sl_jw_object(w);
        cited_write(w, block, false);
    }
}

static int block_write(struct sl_jw *w, const struct sl_block *block, bool is_cut)
{
    int r = 0;
    sl_jw_object(w);
    switch (block->kind) {
    case SL_BLOCK_TEXT:
    case SL_BLOCK_REFUSAL:
        text_block_write(w, block);
        break;
    case SL_BLOCK_THINKING:
        reasoning_write(w, block);
        break;
    case SL_BLOCK_TOOL_CALL:
        r = tool_use_write(w, block, is_cut);
        break;
    }
    sl_jw_end(w);
    return r;
}

int sl_bedrock_write_reply(const struct sl_call *call, const struct sl_reply *reply, const struct sl_env *env,
                           struct sl_buf *out)
{
    (void)call; /* it does not name a model */
    static const struct sl_choice none = { 0 };
    /* This language has only one choice. */
    const struct sl_choice *choice = reply->n_choices ? &reply->choices[0] : &none;
    bool has_tool = false;
    struct sl_jw w;
    int r = 0;
    sl_jw_init(&w, out);
    sl_jw_object(&w);
    sl_jw_key(&w, "output");
    sl_jw_object(&w);
    sl_jw_key(&w, "message");
    sl_jw_object(&w);
    sl_jw_member_str(&w, "role", SL_STR("assistant"));
    sl_jw_key(&w, "content");
    sl_jw_array(&w);
    for (uint32_t i = 0; i < choice->n_blocks && r == 0; i++) {
        has_tool |= choice->blocks[i].kind == SL_BLOCK_TOOL_CALL;
        r = block_write(&w, &choice->blocks[i], choice->finish == SL_FINISH_LENGTH);
    }
    sl_jw_end(&w);
    sl_jw_end(&w);
    sl_jw_end(&w);
    sl_jw_member_str(&w, "stopReason", reason_of(choice->finish, choice->finish_text, has_tool));
    usage_write(&w, &reply->usage);
    metrics_write(&w, env->upstream_usec);
    sl_jw_end(&w);
    return r < 0 ? r : sl_buf_status(out);
}

/* --- streams --- */

/* A frame that is being written; its payload is an object. */
struct event {
    struct sl_jw w;
    size_t at;
};

static struct sl_jw *event_begin(struct event *e, struct sl_buf *out, const char *kind, const char *name)
{
    e->at = sl_aws_frame_begin(out, kind, name);
    sl_jw_init(&e->w, out);
    sl_jw_object(&e->w);
    return &e->w;
}

static void event_end(struct event *e)
{
    while (e->w.depth) {
        sl_jw_end(&e->w);
    }
    sl_aws_frame_end(e->w.out, e->at);
}

static void start_write(struct sl_bedrock_writer *st, struct sl_buf *out)
{
    struct event e;
    if (!st->has_start) {
        st->has_start = true;
        st->usage = SL_USAGE_NONE;
        sl_jw_member_str(event_begin(&e, out, "event", "messageStart"), "role", SL_STR("assistant"));
        event_end(&e);
    }
}

/* Only a tool's block has an event for its start. */
static void tool_start_write(struct sl_bedrock_writer *st, const struct sl_delta *d, struct sl_buf *out)
{
    struct event e;
    struct sl_jw *w = event_begin(&e, out, "event", "contentBlockStart");
    st->is_started = st->has_tool = true;
    sl_jw_member_u64(w, "contentBlockIndex", st->n_blocks++);
    sl_jw_key(w, "start");
    sl_jw_object(w);
    sl_jw_key(w, "toolUse");
    sl_jw_object(w);
    sl_jw_member_str(w, "toolUseId", text_of(d->tool_id));
    sl_jw_member_str(w, "name", text_of(d->tool_name));
    event_end(&e);
}

static void block_stop(struct sl_bedrock_writer *st, struct sl_buf *out)
{
    struct event e;
    if (st->is_open && st->is_started) {
        sl_jw_member_u64(event_begin(&e, out, "event", "contentBlockStop"), "contentBlockIndex", st->n_blocks - 1);
        event_end(&e);
    }
    st->is_open = st->is_started = false;
}

static void block_open(struct sl_bedrock_writer *st, const struct sl_delta *d, struct sl_buf *out)
{
    block_stop(st, out);
    st->is_open = true;
    st->kind = (uint8_t)d->block_kind;
    st->block = d->block;
    if (d->block_kind == SL_BLOCK_TOOL_CALL) {
        tool_start_write(st, d, out);
    }
}

/* Writes {"contentBlockIndex", "delta": {KEY: {INNER: text}}}, or the same without KEY's object. */
static void piece_write(struct sl_bedrock_writer *st, const char *around, const char *key, struct sl_str text,
                        struct sl_buf *out)
{
    struct event e;
    struct sl_jw *w = event_begin(&e, out, "event", "contentBlockDelta");
    if (!st->is_started) {
        st->is_started = true;
        st->n_blocks++;
    }
    sl_jw_member_u64(w, "contentBlockIndex", st->n_blocks - 1);
    sl_jw_key(w, "delta");
    sl_jw_object(w);
    if (around) {
        sl_jw_key(w, around);
        sl_jw_object(w);
    }
    sl_jw_member_str(w, key, text);
    event_end(&e);
}

static void text_write(struct sl_bedrock_writer *st, struct sl_str text, struct sl_buf *out)
{
    switch ((enum sl_block_kind)st->kind) {
    case SL_BLOCK_TEXT:
    case SL_BLOCK_REFUSAL:
        piece_write(st, NULL, "text", text, out);
        break;
    case SL_BLOCK_THINKING:
        piece_write(st, "reasoningContent", "text", text, out);
        break;
    case SL_BLOCK_TOOL_CALL:
        piece_write(st, "toolUse", "input", text, out);
        break;
    }
}

/* Citations go into the text block that is open; after it they have no place. */
static void citations_write(struct sl_bedrock_writer *st, const struct sl_delta *d, struct sl_buf *out)
{
    struct sl_bedrock_citations citations;
    if (!st->is_open || st->block != d->block || !st->is_started) {
        return;
    }
    sl_bedrock_citations_begin(&citations, d->annotations, d->quotes);
    while (sl_bedrock_citations_next(&citations)) {
        struct event e;
        struct sl_jw *w = event_begin(&e, out, "event", "contentBlockDelta");
        sl_jw_member_u64(w, "contentBlockIndex", st->n_blocks - 1);
        sl_jw_key(w, "delta");
        sl_jw_object(w);
        sl_jw_key(w, "citation");
        sl_jw_object(w);
        sl_bedrock_citation_write(&citations, w);
        event_end(&e);
    }
    sl_bedrock_citations_done(&citations);
}

static int block_delta(struct sl_bedrock_writer *st, const struct sl_delta *d, struct sl_buf *out)
{
    if (d->annotations.n || d->quotes.n) {
        citations_write(st, d, out);
        return 0;
    }
    bool is_thought = d->block_kind == SL_BLOCK_THINKING;
    struct sl_str signature = is_thought ? d->signature : SL_STR_NONE;
    struct sl_str redacted = is_thought ? d->redacted : SL_STR_NONE;
    if (d->text.n + signature.n + redacted.n == 0) {
        return 0; /* parts beside a text */
    }
    if (!st->is_open || st->block != d->block) {
        if (d->block_kind == SL_BLOCK_TOOL_CALL) {
            return SL_E_INVAL;
        }
        block_open(st, d, out); /* a text that goes on after another block becomes a new block */
    }
    if (d->text.n) {
        text_write(st, d->text, out);
    }
    if (signature.n) {
        piece_write(st, "reasoningContent", "signature", signature, out);
    }
    if (redacted.n) {
        piece_write(st, "reasoningContent", "redactedContent", redacted, out);
    }
    return 0;
}

static void stop_write(struct sl_bedrock_writer *st, enum sl_finish finish, struct sl_str said, struct sl_buf *out)
{
    struct event e;
    block_stop(st, out);
    if (!st->has_finish) {
        st->has_finish = true;
        sl_jw_member_str(event_begin(&e, out, "event", "messageStop"), "stopReason",
                         reason_of(finish, said, st->has_tool));
        event_end(&e);
    }
}

int sl_bedrock_write_delta(void *state, const struct sl_call *call, const struct sl_env *env, const struct sl_delta *d,
                           struct sl_buf *out)
{
    (void)call; /* it does not name a model */
    struct sl_bedrock_writer *st = state;
    int r = 0;
    st->usec = env->upstream_usec;
    if (d->choice > 0 || d->kind == SL_DELTA_ALIVE) {
        return 0; /* this language has only one choice, and no heartbeat */
    }
    if (d->kind >= SL_DELTA_START && d->kind <= SL_DELTA_USAGE) {
        start_write(st, out);
    }
    switch (d->kind) {
    case SL_DELTA_BLOCK_START:
        block_open(st, d, out);
        break;
    case SL_DELTA_BLOCK:
        r = block_delta(st, d, out);
        break;
    case SL_DELTA_BLOCK_STOP:
        if (st->is_open && st->block == d->block) {
            block_stop(st, out);
        }
        break;
    case SL_DELTA_FINISH:
        stop_write(st, d->finish, d->finish_text, out);
        break;
    case SL_DELTA_USAGE:
        st->usage = d->usage;
        break;
    case SL_DELTA_ERROR:
        sl_bedrock_write_stream_error(state, d->error, out);
        break;
    case SL_DELTA_START:
    case SL_DELTA_CHUNK:
    case SL_DELTA_LOST:
    case SL_DELTA_ALIVE:
        break;
    }
    return r < 0 ? r : sl_buf_status(out);
}

void sl_bedrock_write_end(void *state, struct sl_buf *out)
{
    struct sl_bedrock_writer *st = state;
    struct event e;
    if (!st || st->has_error || !st->has_start) {
        return;
    }
    stop_write(st, SL_FINISH_NONE, SL_STR(""), out);
    struct sl_jw *w = event_begin(&e, out, "event", "metadata");
    usage_write(w, &st->usage);
    metrics_write(w, st->usec);
    event_end(&e);
}

/* --- errors --- */

/* The exceptions for a reply, and for a stream, which has fewer. */
static const struct exception {
    int status;
    const char *name, *in_stream;
} exceptions[] = {
    { 400, "ValidationException", "validationException" },
    { 401, "UnrecognizedClientException", "validationException" },
    { 402, "AccessDeniedException", "validationException" },
    { 403, "AccessDeniedException", "validationException" },
    { 404, "ResourceNotFoundException", "validationException" },
    { 408, "ModelTimeoutException", "modelStreamErrorException" },
    { 409, "ConflictException", "validationException" },
    { 424, "ModelErrorException", "modelStreamErrorException" },
    { 429, "ThrottlingException", "throttlingException" },
    { 502, "ModelErrorException", "modelStreamErrorException" },
    { 503, "ServiceUnavailableException", "serviceUnavailableException" },
    { 504, "ModelTimeoutException", "modelStreamErrorException" },
};

static struct exception exception_of(int status)
{
    for (size_t i = 0; i < SL_ARRAY_LEN(exceptions); i++) {
        if (exceptions[i].status == status) {
            return exceptions[i];
        }
    }
    return status >= 500 ? (struct exception){ status, "InternalServerException", "internalServerException" }
                         : (struct exception){ status, "ValidationException", "validationException" };
}

/* Bedrock has no 529. */
static int status_of(const struct sl_llm_error *error)
{
    int status = sl_error_status(error);
    return status == 529 ? 503 : status;
}

struct sl_str sl_bedrock_error_kind(const struct sl_llm_error *error)
{
    return sl_str_c(exception_of(error->status).name);
}

static void message_write(struct sl_jw *w, const struct sl_llm_error *error, int status)
{
    struct sl_llm_error told = *error;
    sl_error_hide(&told);
    sl_jw_member_str(w, "message", told.message.p ? told.message : sl_str_c(sl_status_reason(status)));
}

void sl_bedrock_write_error(struct sl_llm_error *error, struct sl_buf *out)
{
    struct sl_jw w;
    error->status = status_of(error);
    sl_jw_init(&w, out);
    sl_jw_object(&w);
    sl_jw_member_str(&w, "__type", sl_bedrock_error_kind(error));
    message_write(&w, error, error->status);
    sl_jw_end(&w);
}

void sl_bedrock_write_stream_error(void *state, const struct sl_llm_error *error, struct sl_buf *out)
{
    struct sl_bedrock_writer *st = state;
    int status = status_of(error);
    struct event e;
    if (st) {
        st->has_error = true; /* metadata belongs to a complete answer */
    }
    message_write(event_begin(&e, out, "exception", exception_of(status).in_stream), error, status);
    event_end(&e);
}
