/* SPDX-License-Identifier: Apache-2.0 */
/* Writes canonical replies and deltas in OpenAI's form. */
#include "base/num.h"
#include "json/write.h"
#include "llm/openai/dialect.h"
#include "llm/price/price.h"

/* --- parts --- */

static int64_t or_zero(int64_t v)
{
    return v < 0 ? 0 : v;
}

/* A count that is not known is null. */
static void count_write(struct sl_jw *w, const char *key, int64_t n)
{
    if (n < 0) {
        sl_jw_member_null(w, key);
    } else {
        sl_jw_member_i64(w, key, n);
    }
}

static void usage_write(struct sl_jw *w, enum sl_llm_type type, const struct sl_usage *u)
{
    sl_jw_object(w);
    count_write(w, "prompt_tokens", u->input);
    if (type != SL_LLM_EMBEDDINGS) {
        count_write(w, "completion_tokens", u->output);
    }
    sl_jw_member_i64(w, "total_tokens", u->total >= 0 ? u->total : or_zero(u->input) + or_zero(u->output));
    if (type != SL_LLM_EMBEDDINGS) {
        sl_jw_key(w, "prompt_tokens_details");
        sl_jw_object(w);
        sl_jw_member_i64(w, "cached_tokens", or_zero(u->cached_input));
        if (u->cache_creation >= 0) {
            sl_jw_member_i64(w, "cache_write_tokens", u->cache_creation);
        }
        sl_jw_end(w);
        sl_jw_key(w, "completion_tokens_details");
        sl_jw_object(w);
        sl_jw_member_i64(w, "reasoning_tokens", or_zero(u->reasoning));
        sl_jw_end(w);
    }
    sl_cost_write(w, u);
    sl_jw_end(w);
}

static bool is_usage_known(const struct sl_usage *u)
{
    return u->input >= 0 || u->output >= 0 || u->total >= 0;
}

static void tool_call_write(struct sl_jw *w, const struct sl_block *block)
{
    sl_chunks_begin_call(w, block);
    if (block->signature.n) {
        sl_chunks_write_google(w, block->signature);
    }
    sl_jw_end(w);
}

/* Writes one of message.thinking_blocks. In a stream (index >= 0) its text was sent before, as reasoning_content. */
static void thinking_block_write(struct sl_jw *w, int index, struct sl_str text, struct sl_str signature,
                                 struct sl_str redacted)
{
    sl_jw_object(w);
    if (index >= 0) {
        sl_jw_member_i64(w, "index", index);
    }
    sl_jw_member_str(w, "type", redacted.n ? SL_STR("redacted_thinking") : SL_STR("thinking"));
    if (redacted.n) {
        sl_jw_member_str(w, "data", redacted);
    } else {
        if (text.p) {
            sl_jw_member_str(w, "thinking", text);
        }
        sl_jw_member_str(w, "signature", signature);
    }
    sl_jw_end(w);
}

/* Writes all blocks of a kind as one string; null when there is none, or "" if `empty` says so. */
static void blocks_write(struct sl_jw *w, const struct sl_choice *choice, enum sl_block_kind kind, bool empty)
{
    uint32_t n = 0;
    const struct sl_block *only = NULL;
    for (uint32_t i = 0; i < choice->n_blocks; i++) {
        if (choice->blocks[i].kind == kind) {
            only = &choice->blocks[i];
            n++;
        }
    }
    if (n <= 1) {
        if (only || empty) {
            sl_jw_str(w, only ? only->text : SL_STR(""));
        } else {
            sl_jw_null(w);
        }
        return;
    }
    struct sl_buf joined = SL_BUF_INIT(SIZE_MAX / 2);
    for (uint32_t i = 0; i < choice->n_blocks; i++) {
        if (choice->blocks[i].kind == kind) {
            sl_json_escape(&joined, choice->blocks[i].text);
        }
    }
    sl_jw_raw(w, SL_STR("\""));
    sl_buf_add_str(w->out, sl_buf_str(&joined));
    sl_buf_add_char(w->out, '"');
    if (sl_buf_status(&joined) < 0) {
        w->out->status = sl_buf_status(&joined);
    }
    sl_buf_done(&joined);
}

static bool has_kind(const struct sl_choice *choice, enum sl_block_kind kind)
{
    for (uint32_t i = 0; i < choice->n_blocks; i++) {
        if (choice->blocks[i].kind == kind) {
            return true;
        }
    }
    return false;
}

/* --- whole replies --- */

/* Writes the thinking that a provider wants back with the next turn, signed or encrypted. */
static void thinking_blocks_write(struct sl_jw *w, const struct sl_choice *choice)
{
    bool has_any = false;
    for (uint32_t i = 0; i < choice->n_blocks; i++) {
        const struct sl_block *block = &choice->blocks[i];
        if (block->kind != SL_BLOCK_THINKING || (!block->signature.n && !block->redacted.n)) {
            continue;
        }
        if (!has_any) {
            sl_jw_key(w, "thinking_blocks");
            sl_jw_array(w);
            has_any = true;
        }
        thinking_block_write(w, -1, block->text, block->signature, block->redacted);
    }
    if (has_any) {
        sl_jw_end(w);
    }
}

/* The text's signature becomes the message's. */
static struct sl_str text_signature(const struct sl_choice *choice)
{
    struct sl_str signature = SL_STR_NONE;
    for (uint32_t i = 0; i < choice->n_blocks; i++) {
        if (choice->blocks[i].kind == SL_BLOCK_TEXT && choice->blocks[i].signature.n) {
            signature = choice->blocks[i].signature;
        }
    }
    return signature;
}

/* Joins the lists of all texts. */
static void annotations_write(struct sl_jw *w, const struct sl_choice *choice)
{
    bool has_any = false;
    for (uint32_t i = 0; i < choice->n_blocks; i++) {
        struct sl_str list = choice->blocks[i].annotations;
        if (list.n <= 2) {
            continue;
        }
        if (!has_any) {
            sl_jw_key(w, "annotations");
            sl_jw_array(w);
            has_any = true;
        }
        sl_jw_raw(w, sl_str_sub(list, 1, list.n - 1));
    }
    if (has_any) {
        sl_jw_end(w);
    }
}

static void message_write(struct sl_jw *w, const struct sl_choice *choice)
{
    struct sl_str signature = text_signature(choice);
    bool has_tools = has_kind(choice, SL_BLOCK_TOOL_CALL);
    bool has_refusal = has_kind(choice, SL_BLOCK_REFUSAL);
    sl_jw_object(w);
    sl_jw_member_str(w, "role", SL_STR("assistant"));
    sl_jw_key(w, "content");
    blocks_write(w, choice, SL_BLOCK_TEXT, !has_tools && !has_refusal);
    if (has_kind(choice, SL_BLOCK_THINKING)) {
        sl_jw_key(w, "reasoning_content");
        blocks_write(w, choice, SL_BLOCK_THINKING, false);
        thinking_blocks_write(w, choice);
    }
    sl_jw_key(w, "refusal");
    blocks_write(w, choice, SL_BLOCK_REFUSAL, false);
    if (has_tools) {
        sl_jw_key(w, "tool_calls");
        sl_jw_array(w);
        for (uint32_t i = 0; i < choice->n_blocks; i++) {
            if (choice->blocks[i].kind == SL_BLOCK_TOOL_CALL) {
                tool_call_write(w, &choice->blocks[i]);
            }
        }
        sl_jw_end(w);
    }
    if (signature.n) {
        sl_chunks_write_google(w, signature);
    }
    annotations_write(w, choice);
    sl_jw_end(w);
}

static void choice_write(struct sl_jw *w, enum sl_llm_type type, const struct sl_choice *choice)
{
    sl_jw_object(w);
    sl_jw_member_i64(w, "index", choice->index);
    if (type == SL_LLM_CHAT) {
        sl_jw_key(w, "message");
        message_write(w, choice);
    } else {
        sl_jw_key(w, "text");
        blocks_write(w, choice, SL_BLOCK_TEXT, true);
    }
    sl_jw_key(w, "logprobs");
    sl_jw_raw(w, choice->logprobs.p ? choice->logprobs : SL_STR("null"));
    sl_jw_key(w, "finish_reason");
    sl_jw_str_c(w, sl_finish_name(choice->finish));
    sl_jw_end(w);
}

static void embeddings_write(struct sl_jw *w, const struct sl_call *call, const struct sl_reply *reply)
{
    sl_chunks_begin_list(w);
    for (uint32_t i = 0; i < reply->n_embeddings; i++) {
        sl_jw_object(w);
        sl_jw_member_str(w, "object", SL_STR("embedding"));
        sl_jw_member_i64(w, "index", reply->embeddings[i].index);
        sl_jw_member_raw(w, "embedding", reply->embeddings[i].raw);
        sl_jw_end(w);
    }
    sl_jw_end(w);
    sl_jw_member_str(w, "model", reply->model.n ? reply->model : call->model);
    sl_jw_key(w, "usage");
    usage_write(w, SL_LLM_EMBEDDINGS, &reply->usage);
    sl_jw_end(w);
}

int sl_openai_write_reply(const struct sl_call *call, const struct sl_reply *reply, const struct sl_env *env,
                          struct sl_buf *out)
{
    struct sl_jw w;
    sl_jw_init(&w, out);
    if (call->type == SL_LLM_EMBEDDINGS) {
        embeddings_write(&w, call, reply);
        return sl_buf_status(out);
    }
    bool is_chat = call->type == SL_LLM_CHAT;
    char made[40];
    struct sl_str id = reply->id.n ? reply->id : sl_chunks_make_id(is_chat ? "chatcmpl-" : "cmpl-", env, made);
    int64_t created = reply->created >= 0 ? reply->created : (int64_t)(env->wall_usec / SL_USEC_PER_SEC);
    sl_chunks_write_head(&w, id, is_chat ? "chat.completion" : "text_completion", created,
                         reply->model.n ? reply->model : call->model);
    sl_jw_key(&w, "choices");
    sl_jw_array(&w);
    for (uint32_t i = 0; i < reply->n_choices; i++) {
        choice_write(&w, call->type, &reply->choices[i]);
    }
    sl_jw_end(&w);
    if (is_usage_known(&reply->usage)) {
        sl_jw_key(&w, "usage");
        usage_write(&w, call->type, &reply->usage);
    }
    sl_jw_end(&w);
    return sl_buf_status(out);
}

/* --- streams --- */

struct writer {
    struct sl_chunks *chunks;
    struct sl_buf *out;
    struct sl_jw w;
};

static bool is_chat(const struct writer *wr)
{
    return wr->chunks->type == SL_LLM_CHAT;
}

static void chunk_begin(struct writer *wr)
{
    sl_chunks_write_begin(wr->chunks, is_chat(wr) ? "chat.completion.chunk" : "text_completion", &wr->w, wr->out);
}

static void chunk_end(struct writer *wr)
{
    sl_jw_end(&wr->w);
    if (wr->chunks->wants_usage) {
        sl_jw_member_null(&wr->w, "usage");
    }
    sl_jw_end(&wr->w);
    sl_buf_add_lit(wr->out, "\n\n");
}

/* Writes a chunk of one choice up to its delta (chat) or text (completions). */
static void choice_begin(struct writer *wr, uint32_t choice)
{
    chunk_begin(wr);
    sl_jw_object(&wr->w);
    sl_jw_member_i64(&wr->w, "index", choice);
    if (is_chat(wr)) {
        sl_jw_key(&wr->w, "delta");
        sl_jw_object(&wr->w);
    }
}

static void choice_end(struct writer *wr, enum sl_finish finish)
{
    if (is_chat(wr)) {
        sl_jw_end(&wr->w);
    } else {
        sl_jw_member_null(&wr->w, "logprobs");
    }
    sl_jw_key(&wr->w, "finish_reason");
    sl_jw_str_c(&wr->w, sl_finish_name(finish));
    sl_jw_end(&wr->w);
    chunk_end(wr);
}

/* Writes a choice's first chunk. */
static void role_write(struct writer *wr, uint32_t choice)
{
    if (!is_chat(wr) || wr->chunks->choices[choice].has_role) {
        return;
    }
    wr->chunks->choices[choice].has_role = true;
    choice_begin(wr, choice);
    sl_jw_member_str(&wr->w, "role", SL_STR("assistant"));
    sl_jw_member_str(&wr->w, "content", SL_STR(""));
    choice_end(wr, SL_FINISH_NONE);
}

static void text_write(struct writer *wr, const struct sl_delta *d, const char *key)
{
    choice_begin(wr, d->choice);
    sl_jw_member_str(&wr->w, is_chat(wr) ? key : "text", d->text);
    choice_end(wr, SL_FINISH_NONE);
}

static int tool_write(struct writer *wr, const struct sl_delta *d)
{
    int index = sl_chunks_tool_index(wr->chunks, d->choice, d->block);
    if (index < 0) {
        return SL_E_LIMIT;
    }
    if (!is_chat(wr)) {
        return 0; /* completions have no tools */
    }
    choice_begin(wr, d->choice);
    sl_chunks_write_tool(&wr->w, d, index, NULL);
    choice_end(wr, SL_FINISH_NONE);
    return 0;
}

/* Writes the signature that ends a block; the client sends it back with the next turn. */
static void signature_write(struct writer *wr, const struct sl_delta *d)
{
    if (!is_chat(wr)) {
        return;
    }
    choice_begin(wr, d->choice);
    if (d->block_kind == SL_BLOCK_THINKING) {
        sl_jw_key(&wr->w, "thinking_blocks");
        sl_jw_array(&wr->w);
        thinking_block_write(&wr->w, wr->chunks->n_thoughts++, SL_STR_NONE, d->signature, d->redacted);
        sl_jw_end(&wr->w);
    } else {
        sl_chunks_write_google(&wr->w, d->signature);
    }
    choice_end(wr, SL_FINISH_NONE);
}

static int block_write(struct writer *wr, const struct sl_delta *d)
{
    switch (d->block_kind) {
    case SL_BLOCK_TEXT:
        text_write(wr, d, "content");
        return 0;
    case SL_BLOCK_THINKING:
        if (is_chat(wr)) {
            text_write(wr, d, "reasoning_content");
        }
        return 0;
    case SL_BLOCK_REFUSAL:
        text_write(wr, d, "refusal");
        return 0;
    case SL_BLOCK_TOOL_CALL:
        return tool_write(wr, d);
    }
    return 0;
}

static void finish_write(struct writer *wr, const struct sl_delta *d)
{
    choice_begin(wr, d->choice);
    if (!is_chat(wr)) {
        sl_jw_member_str(&wr->w, "text", SL_STR(""));
    }
    choice_end(wr, d->finish);
}

static void usage_chunk_write(struct writer *wr)
{
    chunk_begin(wr);
    sl_jw_end(&wr->w);
    sl_jw_key(&wr->w, "usage");
    usage_write(&wr->w, (enum sl_llm_type)wr->chunks->type, &wr->chunks->usage);
    sl_jw_end(&wr->w);
    sl_buf_add_lit(wr->out, "\n\n");
}

/* They come after their text. */
static void logprobs_write(struct writer *wr, const struct sl_delta *d)
{
    choice_begin(wr, d->choice);
    if (is_chat(wr)) {
        sl_jw_end(&wr->w);
    } else {
        sl_jw_member_str(&wr->w, "text", SL_STR(""));
    }
    sl_jw_member_raw(&wr->w, "logprobs", d->logprobs);
    sl_jw_member_null(&wr->w, "finish_reason");
    sl_jw_end(&wr->w);
    chunk_end(wr);
}

int sl_openai_write_delta(void *state, const struct sl_call *call, const struct sl_env *env,
                          const struct sl_delta *delta, struct sl_buf *out)
{
    struct writer wr = { state, out, { 0 } };
    if (delta->kind == SL_DELTA_CHUNK || delta->kind == SL_DELTA_ALIVE || delta->kind == SL_DELTA_LOST) {
        return 0; /* an upstream of this language is not translated, so everything comes as blocks */
    }
    sl_chunks_identify(wr.chunks, call, env, delta->kind == SL_DELTA_START ? delta : NULL);
    int r = 0;
    if (delta->choice >= SL_CHUNKS_CHOICES_MAX) {
        return SL_E_LIMIT;
    }
    switch (delta->kind) {
    case SL_DELTA_START:
        role_write(&wr, 0);
        break;
    case SL_DELTA_BLOCK_START:
        role_write(&wr, delta->choice);
        if (delta->block_kind == SL_BLOCK_TOOL_CALL) {
            r = tool_write(&wr, delta);
        }
        break;
    case SL_DELTA_BLOCK:
        if (delta->text.n) {
            r = block_write(&wr, delta);
        } else if (delta->signature.n || delta->redacted.n) {
            signature_write(&wr, delta);
        } else if (delta->logprobs.n) {
            logprobs_write(&wr, delta);
        } else if (delta->annotations.n && is_chat(&wr)) {
            choice_begin(&wr, delta->choice);
            sl_jw_member_raw(&wr.w, "annotations", delta->annotations);
            choice_end(&wr, SL_FINISH_NONE);
        }
        break;
    case SL_DELTA_BLOCK_STOP:
        break;
    case SL_DELTA_FINISH:
        role_write(&wr, delta->choice);
        finish_write(&wr, delta);
        break;
    case SL_DELTA_USAGE:
        sl_chunks_note_usage(wr.chunks, &delta->usage);
        break;
    case SL_DELTA_ALIVE:
    case SL_DELTA_CHUNK:
    case SL_DELTA_LOST:
        break; /* handled above */
    case SL_DELTA_ERROR:
        wr.chunks->has_usage = false; /* usage belongs to a complete answer */
        sl_openai_write_error_event(delta->error, out);
        break;
    }
    return r < 0 ? r : sl_buf_status(out);
}

void sl_openai_write_end(void *state, struct sl_buf *out)
{
    struct writer wr = { state, out, { 0 } };
    if (wr.chunks && wr.chunks->has_usage && wr.chunks->wants_usage) {
        usage_chunk_write(&wr);
    }
    sl_buf_add_lit(out, "data: [DONE]\n\n");
}
