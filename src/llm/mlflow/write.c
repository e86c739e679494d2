/* SPDX-License-Identifier: Apache-2.0 */
/* Writes canonical replies and deltas in MLflow's form: the fields of its response schemas, in their order, nulls
 * included. Parts that MLflow drops although the upstream sent them (a refusal, tool calls in a stream, usage that was
 * asked for) are written if they are not empty. */
#include "base/num.h"
#include "json/write.h"
#include "llm/mlflow/dialect.h"
#include "llm/mlflow/echo.h"
#include "llm/price/price.h"

/* --- parts --- */

/* -1: null. */
static void member_count(struct sl_jw *w, const char *key, int64_t v)
{
    if (v < 0) {
        sl_jw_member_null(w, key);
    } else {
        sl_jw_member_i64(w, key, v);
    }
}

static void usage_write(struct sl_jw *w, const struct sl_usage *u, bool has_output)
{
    int64_t total = u->total;
    if (total < 0 && (u->input >= 0 || u->output >= 0)) {
        /* The sum of the counts that were given. */
        total = SL_MAX(u->input, (int64_t)0) + SL_MAX(u->output, (int64_t)0);
    }
    sl_jw_object(w);
    member_count(w, "prompt_tokens", u->input);
    if (has_output) {
        member_count(w, "completion_tokens", u->output);
    }
    member_count(w, "total_tokens", total < 0 && !has_output ? u->input : total);
    sl_cost_write(w, u);
}

/* Writes the details that only MLflow 3 has. */
static void details_write(struct sl_jw *w, const struct sl_usage *u)
{
    if (u->cached_input >= 0) {
        sl_jw_key(w, "prompt_tokens_details");
        sl_jw_object(w);
        sl_jw_member_i64(w, "cached_tokens", u->cached_input);
        sl_jw_end(w);
    }
}

/* Writes which provider answered: the last member of an answer of MLflow 3. */
static void provider_member(struct sl_jw *w, const char *provider)
{
    sl_jw_member_str(w, "provider", provider ? sl_str_c(provider) : SL_STR_NONE);
}

/* The upstream's own word, if it is not known here. */
static void finish_member(struct sl_jw *w, enum sl_finish finish, struct sl_str text)
{
    bool is_other = finish == SL_FINISH_OTHER && text.n;
    sl_jw_member_str(w, "finish_reason", is_other ? text : sl_str_c(sl_finish_name(finish)));
}

static const struct sl_block *block_find(const struct sl_choice *choice, enum sl_block_kind kind, uint32_t from,
                                         uint32_t *ret_i)
{
    for (uint32_t i = from; i < choice->n_blocks; i++) {
        if (choice->blocks[i].kind == kind) {
            *ret_i = i;
            return &choice->blocks[i];
        }
    }
    return NULL;
}

/* Joins the texts of a kind; `none` if there is no text. */
static void texts_member(struct sl_jw *w, const char *key, const struct sl_choice *choice, enum sl_block_kind kind,
                         struct sl_str none)
{
    uint32_t i = 0;
    const struct sl_block *block = block_find(choice, kind, 0, &i);
    if (!block) {
        sl_jw_member_str(w, key, none);
        return;
    }
    sl_jw_key(w, key);
    sl_jw_raw(w, SL_STR("\""));
    for (; block; block = block_find(choice, kind, i + 1, &i)) {
        sl_json_escape(w->out, block->text);
    }
    sl_buf_add_char(w->out, '"');
}

/* --- whole replies --- */

static void tool_calls_write(struct sl_jw *w, const struct sl_choice *choice)
{
    uint32_t i = 0;
    const struct sl_block *block = block_find(choice, SL_BLOCK_TOOL_CALL, 0, &i);
    if (!block) {
        sl_jw_member_null(w, "tool_calls");
        return;
    }
    sl_jw_key(w, "tool_calls");
    sl_jw_array(w);
    for (; block; block = block_find(choice, SL_BLOCK_TOOL_CALL, i + 1, &i)) {
        sl_chunks_begin_call(w, block);
        if (block->signature.n) {
            sl_jw_member_str(w, "thought_signature", block->signature);
        }
        sl_jw_end(w);
    }
    sl_jw_end(w);
}

static void chat_choice_write(struct sl_jw *w, const struct sl_choice *choice)
{
    sl_jw_object(w);
    sl_jw_member_i64(w, "index", choice->index);
    sl_jw_key(w, "message");
    sl_jw_object(w);
    sl_jw_member_str(w, "role", SL_STR("assistant"));
    texts_member(w, "content", choice, SL_BLOCK_TEXT, SL_STR_NONE);
    tool_calls_write(w, choice);
    texts_member(w, "refusal", choice, SL_BLOCK_REFUSAL, SL_STR_NONE);
    sl_jw_end(w);
    finish_member(w, choice->finish, choice->finish_text);
    sl_jw_end(w);
}

static void completion_choice_write(struct sl_jw *w, const struct sl_choice *choice)
{
    sl_jw_object(w);
    sl_jw_member_i64(w, "index", choice->index);
    texts_member(w, "text", choice, SL_BLOCK_TEXT, SL_STR(""));
    finish_member(w, choice->finish, choice->finish_text);
    sl_jw_end(w);
}

/* Writes a list of numbers in the upstream's spelling, without its white space. */
static void embedding_member(struct sl_jw *w, struct sl_str raw)
{
    static const char space[] = " \n\t\r";
    bool has_space = false;
    for (size_t i = 0; !has_space && space[i]; i++) {
        has_space = sl_str_find_char(raw, space[i], 0) >= 0;
    }
    sl_jw_key(w, "embedding");
    sl_jw_raw(w, has_space ? SL_STR("") : raw);
    if (has_space) {
        sl_json_compact(w->out, raw);
    }
}

static void embeddings_write(struct sl_jw *w, const struct sl_call *call, const struct sl_reply *reply)
{
    sl_chunks_begin_list(w);
    for (uint32_t i = 0; i < reply->n_embeddings; i++) {
        sl_jw_object(w);
        sl_jw_member_str(w, "object", SL_STR("embedding"));
        embedding_member(w, reply->embeddings[i].raw);
        sl_jw_member_i64(w, "index", reply->embeddings[i].index);
        sl_jw_end(w);
    }
    sl_jw_end(w);
    sl_jw_member_str(w, "model", reply->model.n ? reply->model : call->model);
    sl_jw_key(w, "usage");
    usage_write(w, &reply->usage, false);
    sl_jw_end(w);
    sl_jw_end(w);
}

static int reply_write(const struct sl_call *call, const struct sl_reply *reply, const struct sl_env *env,
                       struct sl_buf *out, bool is_three)
{
    struct sl_jw w;
    sl_jw_init(&w, out);
    if (call->type == SL_LLM_EMBEDDINGS) {
        embeddings_write(&w, call, reply);
        return sl_buf_status(out);
    }
    bool is_chat = call->type == SL_LLM_CHAT;
    int64_t created = reply->created >= 0 ? reply->created : (int64_t)(env->wall_usec / SL_USEC_PER_SEC);
    sl_chunks_write_head(&w, reply->id, is_chat ? "chat.completion" : "text_completion", created,
                         reply->model.n ? reply->model : call->model);
    sl_jw_key(&w, "choices");
    sl_jw_array(&w);
    for (uint32_t i = 0; i < reply->n_choices; i++) {
        (is_chat ? chat_choice_write : completion_choice_write)(&w, &reply->choices[i]);
    }
    sl_jw_end(&w);
    sl_jw_key(&w, "usage");
    usage_write(&w, &reply->usage, true);
    if (is_three) {
        details_write(&w, &reply->usage);
        sl_jw_end(&w);
        provider_member(&w, env->provider);
    } else {
        sl_jw_end(&w);
    }
    sl_jw_end(&w);
    return sl_buf_status(out);
}

int sl_mlflow_write_reply(const struct sl_call *call, const struct sl_reply *reply, const struct sl_env *env,
                          struct sl_buf *out)
{
    return reply_write(call, reply, env, out, false);
}

int sl_mlflow3_write_reply(const struct sl_call *call, const struct sl_reply *reply, const struct sl_env *env,
                           struct sl_buf *out)
{
    return reply_write(call, reply, env, out, true);
}

/* --- streams --- */

struct writer {
    struct sl_chunks *chunks;
    bool is_three; /* in MLflow 3's form */
    struct sl_buf *out;
    struct sl_jw w;
    struct sl_arena scratch; /* for texts with escapes, within one call */
};

static bool is_chat(const struct writer *wr)
{
    return wr->chunks->type == SL_LLM_CHAT;
}

static void chunk_begin(struct writer *wr)
{
    sl_chunks_write_begin(wr->chunks, is_chat(wr) ? "chat.completion.chunk" : "text_completion_chunk", &wr->w, wr->out);
}

static void chunk_end(struct writer *wr)
{
    sl_jw_end(&wr->w);
    if (wr->is_three) {
        sl_jw_member_null(&wr->w, "usage");
        provider_member(&wr->w, wr->chunks->provider);
    }
    sl_jw_end(&wr->w);
    sl_buf_add_lit(wr->out, "\n\n");
}

struct piece {
    uint32_t choice;
    struct sl_str role;    /* p == NULL: null */
    struct sl_str content; /* p == NULL: null */
    enum sl_finish finish;
    struct sl_str finish_text;
    const struct sl_delta *tool;
    int tool_index;
    const char *more; /* one more text member of the delta, if there is one */
    struct sl_str more_text;
};

static void piece_write(struct writer *wr, const struct piece *p)
{
    struct sl_jw *w = &wr->w;
    chunk_begin(wr);
    sl_jw_object(w);
    sl_jw_member_i64(w, "index", p->choice);
    finish_member(w, p->finish, p->finish_text);
    if (is_chat(wr)) {
        sl_jw_key(w, "delta");
        sl_jw_object(w);
        sl_jw_member_str(w, "role", p->role);
        sl_jw_member_str(w, "content", p->content);
        if (p->tool) {
            sl_chunks_write_tool(w, p->tool, p->tool_index, "thought_signature");
        } else if (wr->is_three) {
            sl_jw_member_null(w, "tool_calls");
        }
        if (p->more) {
            sl_jw_member_str(w, p->more, p->more_text);
        }
        sl_jw_end(w);
    } else {
        sl_jw_member_str(w, "text", p->content.p ? p->content : SL_STR(""));
    }
    sl_jw_end(w);
    chunk_end(wr);
}

/* Writes a choice's first chunk. */
static void role_write(struct writer *wr, uint32_t choice)
{
    if (is_chat(wr) && !wr->chunks->choices[choice].has_role) {
        wr->chunks->choices[choice].has_role = true;
        piece_write(wr, &(struct piece){ .choice = choice, .role = SL_STR("assistant"), .content = SL_STR("") });
    }
}

static int block_write(struct writer *wr, const struct sl_delta *d)
{
    struct piece piece = { .choice = d->choice };
    switch (d->block_kind) {
    case SL_BLOCK_TEXT:
        piece.content = d->text;
        break;
    case SL_BLOCK_REFUSAL:
        if (is_chat(wr)) {
            piece.more = "refusal";
            piece.more_text = d->text;
        } else {
            piece.content = d->text;
        }
        break;
    case SL_BLOCK_THINKING:
        return 0; /* MLflow has no place for it */
    case SL_BLOCK_TOOL_CALL:
        piece.tool = d;
        piece.tool_index = sl_chunks_tool_index(wr->chunks, d->choice, d->block);
        if (piece.tool_index < 0) {
            return SL_E_LIMIT;
        }
        if (!is_chat(wr)) {
            return 0;
        }
        break;
    }
    piece_write(wr, &piece);
    return 0;
}

/* --- chunks of an upstream's stream --- */

static void member_echo(struct writer *wr, const char *key, struct sl_json_val v, enum sl_json_kind kind)
{
    sl_jw_key(&wr->w, key);
    if (sl_json_is(v, kind)) {
        sl_jw_raw(&wr->w, SL_STR("")); /* the place of the value; its bytes follow */
        sl_mf_echo(wr->out, v, &wr->scratch);
    } else {
        sl_jw_null(&wr->w);
    }
}

static void choice_rewrite(struct writer *wr, struct sl_json_val choice, uint32_t at)
{
    struct sl_jw *w = &wr->w;
    struct sl_json_val delta = sl_json_get(choice, "delta");
    struct sl_json_val content = sl_json_get(delta, "content");
    int64_t index = at; /* some compatible servers leave it out */
    SL_IGNORE(sl_json_int(sl_json_get(choice, "index"), true, &index) < 0);
    sl_jw_object(w);
    sl_jw_member_i64(w, "index", index);
    member_echo(wr, "finish_reason", sl_json_get(choice, "finish_reason"), SL_JSON_STRING);
    if (!is_chat(wr)) {
        struct sl_json_val text = sl_json_get(choice, "text"); /* a real completion */
        member_echo(wr, "text", sl_json_is(text, SL_JSON_STRING) ? text : content, SL_JSON_STRING);
        sl_jw_end(w);
        return;
    }
    sl_jw_key(w, "delta");
    sl_jw_object(w);
    member_echo(wr, "role", sl_json_get(delta, "role"), SL_JSON_STRING);
    member_echo(wr, "content", content, SL_JSON_STRING);
    struct sl_json_val calls = sl_json_get(delta, "tool_calls");
    if (sl_json_count(calls)) {
        member_echo(wr, "tool_calls", calls, SL_JSON_ARRAY);
    } else if (wr->is_three) {
        sl_jw_member_null(w, "tool_calls");
    }
    struct sl_json_val refusal = sl_json_get(delta, "refusal");
    if (sl_json_is(refusal, SL_JSON_STRING)) {
        member_echo(wr, "refusal", refusal, SL_JSON_STRING);
    }
    sl_jw_end(w);
    sl_jw_end(w);
}

static struct sl_str text_of(struct writer *wr, struct sl_json_val v)
{
    struct sl_str text = SL_STR_NONE;
    /* No text, or no memory for it: as if it were missing. */
    SL_IGNORE(sl_json_text(v, &wr->scratch, &text) < 0);
    return text;
}

/* Writes an OpenAI chunk with the fields of MLflow's. A chunk without choices has only usage, or a filter's
 * findings. */
static void chunk_rewrite(struct writer *wr, const struct sl_call *call, const struct sl_env *env,
                          struct sl_json_val chunk)
{
    struct sl_json_val choices = sl_json_get(chunk, "choices");
    wr->chunks->is_one_to_one = true;
    if (sl_json_count(choices) == 0) {
        return;
    }
    if (!wr->chunks->has_identity) {
        struct sl_delta start = { .id = text_of(wr, sl_json_get(chunk, "id")),
                                  .model = text_of(wr, sl_json_get(chunk, "model")),
                                  .created = -1 };
        SL_IGNORE(sl_json_int(sl_json_get(chunk, "created"), true, &start.created) < 0); /* not given */
        sl_chunks_identify(wr->chunks, call, env, &start);
    }
    chunk_begin(wr);
    for (struct sl_json_iter it = sl_json_each(choices); sl_json_next(&it);) {
        choice_rewrite(wr, it.val, it.index);
    }
    chunk_end(wr);
}

static bool is_content(enum sl_delta_kind kind)
{
    return kind != SL_DELTA_USAGE && kind != SL_DELTA_ERROR && kind != SL_DELTA_CHUNK;
}

static int delta_write(void *state, const struct sl_call *call, const struct sl_env *env, const struct sl_delta *delta,
                       struct sl_buf *out, bool is_three)
{
    struct writer wr = { .chunks = state, .is_three = is_three, .out = out };
    int r = 0;
    wr.chunks->provider = env->provider;
    if (delta->choice >= SL_CHUNKS_CHOICES_MAX) {
        return SL_E_LIMIT;
    }
    if (delta->kind == SL_DELTA_CHUNK) {
        sl_arena_init_small(&wr.scratch, 512);
        chunk_rewrite(&wr, call, env, delta->chunk);
        sl_arena_done(&wr.scratch);
        return sl_buf_status(out);
    }
    if (delta->kind == SL_DELTA_ALIVE || delta->kind == SL_DELTA_LOST ||
        (wr.chunks->is_one_to_one && is_content(delta->kind))) {
        return 0; /* MLflow's clients read only chunks */
    }
    sl_chunks_identify(wr.chunks, call, env, delta->kind == SL_DELTA_START ? delta : NULL);
    switch (delta->kind) {
    case SL_DELTA_START:
        role_write(&wr, 0);
        break;
    case SL_DELTA_BLOCK_START:
        role_write(&wr, delta->choice);
        if (delta->block_kind == SL_BLOCK_TOOL_CALL) {
            r = block_write(&wr, delta);
        }
        break;
    case SL_DELTA_BLOCK:
        if (delta->text.n) {
            r = block_write(&wr, delta);
        }
        break;
    case SL_DELTA_BLOCK_STOP:
        break;
    case SL_DELTA_FINISH:
        role_write(&wr, delta->choice);
        piece_write(&wr, &(struct piece){
                             .choice = delta->choice, .finish = delta->finish, .finish_text = delta->finish_text });
        break;
    case SL_DELTA_USAGE:
        sl_chunks_note_usage(wr.chunks, &delta->usage);
        break;
    case SL_DELTA_ERROR:
        wr.chunks->has_usage = false; /* usage belongs to a complete answer */
        sl_mlflow_write_stream_error(state, delta->error, out);
        break;
    case SL_DELTA_ALIVE:
    case SL_DELTA_CHUNK:
    case SL_DELTA_LOST:
        break; /* handled above */
    }
    return r < 0 ? r : sl_buf_status(out);
}

int sl_mlflow_write_delta(void *state, const struct sl_call *call, const struct sl_env *env,
                          const struct sl_delta *delta, struct sl_buf *out)
{
    return delta_write(state, call, env, delta, out, false);
}

int sl_mlflow3_write_delta(void *state, const struct sl_call *call, const struct sl_env *env,
                           const struct sl_delta *delta, struct sl_buf *out)
{
    return delta_write(state, call, env, delta, out, true);
}

/* Begins the chunk with the usage that was asked for; its object stays open. False: there is none. */
static bool usage_chunk_begin(struct writer *wr)
{
    if (!wr->chunks || !wr->chunks->has_usage || !wr->chunks->wants_usage) {
        return false; /* the stream ends with the body */
    }
    chunk_begin(wr);
    sl_jw_end(&wr->w);
    sl_jw_key(&wr->w, "usage");
    usage_write(&wr->w, &wr->chunks->usage, true);
    return true;
}

void sl_mlflow_write_end(void *state, struct sl_buf *out)
{
    struct writer wr = { .chunks = state, .out = out };
    if (usage_chunk_begin(&wr)) {
        sl_jw_end(&wr.w);
        sl_jw_end(&wr.w);
        sl_buf_add_lit(out, "\n\n");
    }
}

void sl_mlflow3_write_end(void *state, struct sl_buf *out)
{
    struct writer wr = { .chunks = state, .out = out };
    if (usage_chunk_begin(&wr)) {
        details_write(&wr.w, &wr.chunks->usage);
        sl_jw_end(&wr.w);
        provider_member(&wr.w, wr.chunks->provider);
        sl_jw_end(&wr.w);
        sl_buf_add_lit(out, "\n\n");
    }
}

void sl_mlflow_write_stream_error(void *state, const struct sl_llm_error *error, struct sl_buf *out)
{
    (void)state;
    struct sl_llm_error told = *error;
    sl_error_hide(&told);
    error = &told;
    struct sl_jw w;
    sl_buf_add_lit(out, "data: ");
    sl_jw_init(&w, out);
    sl_jw_object(&w);
    sl_jw_key(&w, "error");
    sl_jw_object(&w);
    sl_jw_member_str(&w, "message", error->message.p ? error->message : SL_STR("the stream broke"));
    sl_jw_member_str(&w, "type", sl_str_c(sl_error_type_word(error->type)));
    sl_jw_end(&w);
    sl_jw_end(&w);
    sl_buf_add_lit(out, "\n\n");
}
