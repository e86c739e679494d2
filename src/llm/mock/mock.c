/* SPDX-License-Identifier: Apache-2.0 */
/* Provider mock: answers here, without network or key, in the bytes that an OpenAI upstream would send. The same
 * request gets the same reply (save `created`, which is the time). Tokens are counted by one rule: a text has one for
 * each four bytes of its UTF-8 begun.
 *
 * What a caller chooses the size of is made in steps, each of a bounded length, straight into the bytes that leave: of
 * a whole reply a frame is made first, with a mark where each text or embedding belongs. */
#include <inttypes.h>
#include <stdio.h>

#include "base/num.h"
#include "json/write.h"
#include "llm/core/errbody.h"
#include "llm/core/local.h"
#include "llm/core/request.h"
#include "llm/mock/embed.h"
#include "llm/mock/parts.h"
#include "llm/openai/dialect.h"
#include "llm/openai/openai.h"

#define CHOICES_MAX SL_CHUNKS_CHOICES_MAX
/* Of a frame, or of an error. */
#define FRAME_MAX (16u << 20)
/* Of a text that is escaped into a whole reply: bytes a step. */
#define SLICE_MAX 8192

/* No request can have this in a frame: what a client says stands in texts only. */
static const struct sl_str mark = SL_STR_INIT("\x02mock\x02");
static const struct sl_str mark_escaped = SL_STR_INIT("\\u0002mock\\u0002");

/* Part of an answer. */
struct block {
    enum sl_block_kind kind;
    struct sl_mock_text text; /* of a tool call: its arguments */
    struct sl_mock_piece literal;
    struct sl_str tool_id, tool_name;
};

/* One answer; several choices may share their blocks. */
struct answer {
    struct block *blocks;
    uint32_t n_blocks;
    int64_t tokens, reasoning_tokens;
    enum sl_finish finish;
};

enum step { STEP_START, STEP_BLOCKS, STEP_FINISH, STEP_END };

struct mock_state {
    struct sl_call call;
    struct sl_env env;
    const struct sl_mock_conf *conf;
    struct answer *answers;
    uint32_t n_choices;
    struct sl_str *inputs; /* of embeddings */
    uint32_t n_inputs, dimensions;
    bool is_base64;
    struct sl_usage usage;
    char id[40];
    struct sl_str id_str;
    struct sl_str model;
    /* Where it is: of a whole reply the rest of the frame, and of what stands at its marks; of a stream the step. */
    struct sl_str frame;
    bool is_filling;
    enum step step;
    uint32_t choice, block;
    bool has_begun; /* the block */
    struct sl_mock_cursor cursor;
    struct sl_chunks chunks;
};

/* --- reading the request --- */

struct reader {
    struct sl_arena *arena;
    struct sl_json_val root;
    int64_t input_tokens;
    int status; /* sticky; SL_E_INVAL: `refusal` says why */
    struct sl_mock_refusal refusal;
};

static int64_t tokens_of(struct sl_str text)
{
    return (int64_t)((text.n + 3) / 4);
}

static struct sl_str text_get(struct reader *rd, struct sl_json_val v)
{
    struct sl_str text = SL_STR_NONE;
    if (rd->status == 0 && sl_json_is(v, SL_JSON_STRING)) {
        rd->status = sl_json_text(v, rd->arena, &text);
    }
    return text;
}

/* A message's content: a string, or its text parts joined. */
static struct sl_str content_get(struct reader *rd, struct sl_json_val content)
{
    if (!sl_json_is(content, SL_JSON_ARRAY)) {
        return text_get(rd, content);
    }
    struct sl_buf buf = SL_BUF_INIT(SL_MOCK_TEXTS_MAX);
    for (struct sl_json_iter it = sl_json_each(content); sl_json_next(&it);) {
        sl_buf_add_str(&buf, text_get(rd, sl_json_get(it.val, "text")));
    }
    struct sl_str text = sl_arena_dup(rd->arena, sl_buf_str(&buf));
    if (sl_buf_status(&buf) < 0 || !text.p) {
        rd->status = SL_E_NOMEM;
    }
    sl_buf_done(&buf);
    return text;
}

static struct sl_str last_user_message(struct reader *rd)
{
    struct sl_str last = SL_STR_NONE;
    for (struct sl_json_iter it = sl_json_each(sl_json_get(rd->root, "messages"));
         rd->status == 0 && sl_json_next(&it);) {
        struct sl_str text = content_get(rd, sl_json_get(it.val, "content"));
        rd->input_tokens += tokens_of(text);
        if (sl_json_str_eq(sl_json_get(it.val, "role"), SL_STR("user"))) {
            last = text;
        }
    }
    return last;
}

/* A prompt or input: text is itself; token numbers stand for themselves, one each. */
static struct sl_str item_get(struct reader *rd, struct sl_json_val v)
{
    if (sl_json_is(v, SL_JSON_STRING)) {
        struct sl_str text = text_get(rd, v);
        rd->input_tokens += tokens_of(text);
        return text;
    }
    rd->input_tokens += sl_json_count(v);
    return sl_json_raw(v);
}

/* The items of `prompt` or `input`: a string is one, a list of numbers is one, another list is its elements. */
static struct sl_str *items_get(struct reader *rd, const char *key, uint32_t *ret_n)
{
    struct sl_json_val v = sl_json_get(rd->root, key);
    bool is_list = sl_json_is(v, SL_JSON_ARRAY) && !sl_json_is(sl_json_at(v, "[0]"), SL_JSON_NUMBER);
    uint32_t n = is_list ? sl_json_count(v) : 1;
    struct sl_str *items = SL_ARENA_ARRAY(rd->arena, struct sl_str, n ? n : 1);
    if (!items) {
        rd->status = SL_E_NOMEM;
        return NULL;
    }
    *ret_n = 0;
    if (!is_list) {
        items[(*ret_n)++] = sl_json_is_nothing(v) ? SL_STR("") : item_get(rd, v);
        return items;
    }
    for (struct sl_json_iter it = sl_json_each(v); sl_json_next(&it);) {
        items[(*ret_n)++] = item_get(rd, it.val);
    }
    return items;
}

static int64_t number_get(struct reader *rd, const char *key, int64_t min, int64_t max, int64_t otherwise)
{
    int64_t n = otherwise;
    SL_IGNORE(sl_json_int(sl_json_get(rd->root, key), true, &n) < 0); /* of another kind: the default */
    return SL_MIN(SL_MAX(n, min), max);
}

/* --- making the answer --- */

static int refuse(struct reader *rd, const char *param, const char *text)
{
    rd->status = sl_mock_refuse(&rd->refusal, rd->arena, param, NULL, "%s", text);
    return rd->status;
}

static struct sl_mock_text template_text(const struct mock_state *st, struct sl_str message)
{
    const struct sl_mock_pieces *pieces = &st->conf->pieces;
    struct sl_mock_text text = { pieces->v, pieces->n, false, message, st->model, 0 };
    sl_mock_text_measure(&text);
    return text;
}

static int64_t tokens_of_len(size_t n)
{
    return (int64_t)((n + 3) / 4);
}

/* `max_tokens` < 0: no bound. */
static void text_cut(struct sl_mock_text *text, int64_t max_tokens)
{
    if (max_tokens >= 0 && tokens_of_len(text->len) > max_tokens) {
        sl_mock_text_cut(text, (size_t)max_tokens * 4);
    }
}

static void block_literal(struct block *block, enum sl_block_kind kind, struct sl_str text)
{
    block->kind = kind;
    block->literal = (struct sl_mock_piece){ SL_MOCK_LITERAL, text };
    block->text = (struct sl_mock_text){ .pieces = &block->literal, .n_pieces = 1, .len = text.n };
}

/* Does the request offer the function, and its tool_choice let it be called? */
static bool is_offered(struct reader *rd, struct sl_str name)
{
    struct sl_json_val choice = sl_json_get(rd->root, "tool_choice");
    struct sl_json_val named = sl_json_at(choice, "function.name");
    if (sl_json_str_eq(choice, SL_STR("none")) || (sl_json_is_present(named) && !sl_json_str_eq(named, name))) {
        return false;
    }
    for (struct sl_json_iter it = sl_json_each(sl_json_get(rd->root, "tools")); sl_json_next(&it);) {
        if (sl_json_str_eq(sl_json_at(it.val, "function.name"), name)) {
            return true;
        }
    }
    return false;
}

/* A tool has answered: it is the model's turn to speak. */
static bool is_tool_answered(struct reader *rd)
{
    struct sl_json_val role = SL_JSON_ABSENT;
    for (struct sl_json_iter it = sl_json_each(sl_json_get(rd->root, "messages")); sl_json_next(&it);) {
        role = sl_json_get(it.val, "role");
    }
    return sl_json_str_eq(role, SL_STR("tool")) || sl_json_str_eq(role, SL_STR("function"));
}

static uint32_t calls_add(struct reader *rd, const struct mock_state *st, uint32_t n, struct block *blocks)
{
    const struct sl_mock_tools *tools = &st->conf->tools;
    uint32_t max = sl_json_is(sl_json_get(rd->root, "parallel_tool_calls"), SL_JSON_FALSE) ? 1
                                                                                           : SL_CHUNKS_TOOLS_MAX / n;
    uint32_t found = 0;
    if (tools->n == 0 || is_tool_answered(rd)) {
        return 0;
    }
    for (uint32_t i = 0; i < tools->n && found < max; i++) {
        if (is_offered(rd, tools->v[i].name)) {
            struct block *block = &blocks[found++];
            block_literal(block, SL_BLOCK_TOOL_CALL, tools->v[i].arguments);
            block->tool_name = tools->v[i].name;
            block->tool_id = sl_arena_printf(rd->arena, "call_mock%016" PRIx64 "%02u", sl_mock_hash(st->call.body, 2),
                                             i);
            rd->status = block->tool_id.p ? rd->status : SL_E_NOMEM;
        }
    }
    return found;
}

/* Thoughts, then what is said, refused or called. */
static void answer_make(struct reader *rd, const struct mock_state *st, struct sl_str message, uint32_t n,
                        int64_t max_tokens, struct answer *ret)
{
    bool is_chat = st->call.type == SL_LLM_CHAT;
    struct block *blocks = SL_ARENA_ARRAY(rd->arena, struct block, st->conf->tools.n + 2);
    if (!blocks) {
        rd->status = SL_E_NOMEM;
        return;
    }
    *ret = (struct answer){ .blocks = blocks, .finish = SL_FINISH_STOP };
    if (is_chat && st->conf->reasoning.n) {
        block_literal(&blocks[ret->n_blocks++], SL_BLOCK_THINKING, st->conf->reasoning);
        ret->reasoning_tokens = tokens_of(st->conf->reasoning);
    }
    uint32_t n_calls = is_chat ? calls_add(rd, st, n, &blocks[ret->n_blocks]) : 0;
    ret->n_blocks += n_calls;
    if (n_calls) {
        ret->finish = SL_FINISH_TOOL_CALLS;
    } else if (is_chat && st->conf->refusal.n) {
        block_literal(&blocks[ret->n_blocks++], SL_BLOCK_REFUSAL, st->conf->refusal);
    } else {
        struct block *block = &blocks[ret->n_blocks++];
        block->kind = SL_BLOCK_TEXT;
        block->text = template_text(st, message);
        text_cut(&block->text, max_tokens);
        ret->finish = block->text.is_cut ? SL_FINISH_LENGTH : SL_FINISH_STOP;
    }
    for (uint32_t i = 0; i < ret->n_blocks; i++) {
        ret->tokens += tokens_of_len(blocks[i].text.len);
    }
}

static int64_t max_tokens_get(struct reader *rd)
{
    static const char *const names[] = { "max_completion_tokens", "max_tokens" };
    for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
        if (sl_json_is(sl_json_get(rd->root, names[i]), SL_JSON_NUMBER)) {
            return number_get(rd, names[i], 0, INT64_C(1) << 40, -1);
        }
    }
    return -1;
}

static void answers_make(struct reader *rd, struct mock_state *st)
{
    struct sl_str one = SL_STR_NONE;
    struct sl_str *messages = &one;
    uint32_t n_messages = 1, n = (uint32_t)number_get(rd, "n", 1, CHOICES_MAX, 1);
    if (st->call.type == SL_LLM_CHAT) {
        one = last_user_message(rd);
    } else {
        messages = items_get(rd, "prompt", &n_messages);
    }
    n_messages = SL_MIN(n_messages, (uint32_t)CHOICES_MAX / n);
    st->answers = rd->status == 0 ? SL_ARENA_ARRAY(rd->arena, struct answer, (size_t)n * n_messages + 1) : NULL;
    if (!st->answers) {
        rd->status = rd->status < 0 ? rd->status : SL_E_NOMEM;
        return;
    }
    int64_t output = 0, reasoning = 0, max_tokens = max_tokens_get(rd);
    for (uint32_t i = 0; i < n_messages && rd->status == 0; i++) {
        struct answer answer = { 0 };
        answer_make(rd, st, messages[i], n, max_tokens, &answer);
        for (uint32_t k = 0; k < n; k++) {
            st->answers[st->n_choices++] = answer;
            output += answer.tokens;
            reasoning += answer.reasoning_tokens;
        }
    }
    if (rd->status == 0 && output > (int64_t)(SL_MOCK_TEXTS_MAX / 4)) {
        refuse(rd, "n", "The answers to this request would be larger than 64 MiB, which is too much for a mock.");
    }
    st->usage = (struct sl_usage){ rd->input_tokens,          output, rd->input_tokens + output, -1, -1,
                                   reasoning ? reasoning : -1 };
}

static void embeddings_make(struct reader *rd, struct mock_state *st)
{
    st->inputs = items_get(rd, "input", &st->n_inputs);
    st->dimensions = (uint32_t)number_get(rd, "dimensions", 1, SL_MOCK_DIMENSIONS_MAX, st->conf->dimensions);
    st->is_base64 = sl_json_str_eq(sl_json_get(rd->root, "encoding_format"), SL_STR("base64"));
    st->usage = (struct sl_usage){ rd->input_tokens, -1, rd->input_tokens, -1, -1, -1 };
    if (rd->status == 0 && (uint64_t)st->n_inputs * st->dimensions > SL_MOCK_NUMBERS_MAX) {
        refuse(rd, "input",
               "Inputs times dimensions would be more than 1048576 numbers, which is too much for a mock: send the "
               "inputs in several requests.");
    }
}

/* --- whole replies --- */

static int choices_frame(const struct mock_state *st, struct sl_arena *arena, struct sl_reply *reply)
{
    reply->choices = SL_ARENA_ARRAY(arena, struct sl_choice, st->n_choices + 1);
    if (!reply->choices) {
        return SL_E_NOMEM;
    }
    for (uint32_t i = 0; i < st->n_choices; i++) {
        const struct answer *answer = &st->answers[i];
        struct sl_block *blocks = SL_ARENA_ARRAY(arena, struct sl_block, answer->n_blocks + 1);
        if (!blocks) {
            return SL_E_NOMEM;
        }
        for (uint32_t k = 0; k < answer->n_blocks; k++) {
            const struct block *from = &answer->blocks[k];
            blocks[k] = (struct sl_block){
                .kind = from->kind,
                .text = from->kind == SL_BLOCK_TEXT ? mark : from->literal.text,
                .arguments = from->literal.text,
                .tool_id = from->tool_id,
                .tool_name = from->tool_name,
            };
        }
        reply->choices[i] = (struct sl_choice){
            .index = i, .blocks = blocks, .n_blocks = answer->n_blocks, .finish = answer->finish
        };
    }
    reply->n_choices = st->n_choices;
    return 0;
}

static int embeddings_frame(const struct mock_state *st, struct sl_arena *arena, struct sl_reply *reply)
{
    reply->embeddings = SL_ARENA_ARRAY(arena, struct sl_embedding, st->n_inputs + 1);
    if (!reply->embeddings) {
        return SL_E_NOMEM;
    }
    for (uint32_t i = 0; i < st->n_inputs; i++) {
        reply->embeddings[reply->n_embeddings++] = (struct sl_embedding){ i, mark_escaped };
    }
    return 0;
}

static int frame_make(struct mock_state *st, struct sl_arena *arena)
{
    struct sl_reply reply = { .id = st->id_str, .model = st->model, .created = -1, .usage = st->usage };
    int r = st->inputs ? embeddings_frame(st, arena, &reply) : choices_frame(st, arena, &reply);
    struct sl_buf out = SL_BUF_INIT(FRAME_MAX);
    r = r < 0 ? r : sl_openai_write_reply(&st->call, &reply, &st->env, &out);
    if (r == 0) {
        st->frame = sl_arena_dup(arena, sl_buf_str(&out));
        r = st->frame.p ? 0 : SL_E_NOMEM;
    }
    sl_buf_done(&out);
    return r;
}

/* The next bytes of the text or embedding that takes a mark's place. */
static void mark_fill(struct mock_state *st, struct sl_buf *out)
{
    if (st->inputs) {
        sl_mock_embedding(out, st->inputs[st->choice++], st->dimensions, st->is_base64);
        st->is_filling = false;
        return;
    }
    const struct answer *answer = &st->answers[st->choice];
    uint32_t n_chars;
    struct sl_str slice = sl_mock_text_next(&answer->blocks[answer->n_blocks - 1].text, &st->cursor, SLICE_MAX,
                                            SLICE_MAX, &n_chars);
    if (slice.n) {
        sl_json_escape(out, slice);
        return;
    }
    st->choice++;
    st->cursor = (struct sl_mock_cursor){ 0 };
    st->is_filling = false;
}

static void whole_step(struct mock_state *st, struct sl_buf *out, struct sl_local_step *step)
{
    if (st->is_filling) {
        mark_fill(st, out);
        return;
    }
    ptrdiff_t at = sl_str_find(st->frame, mark_escaped, 0);
    size_t n = at < 0 ? st->frame.n : (size_t)at;
    sl_buf_add_str(out, sl_str_sub(st->frame, 0, n));
    st->frame = sl_str_sub(st->frame, at < 0 ? n : n + mark_escaped.n, st->frame.n);
    st->is_filling = at >= 0;
    step->is_end = at < 0;
}

/* --- errors --- */

static int error_make(struct mock_state *st, struct sl_arena *arena, struct sl_str type,
                      const struct sl_mock_refusal *said)
{
    struct sl_buf out = SL_BUF_INIT(FRAME_MAX);
    struct sl_jw w;
    sl_jw_init(&w, &out);
    sl_jw_object(&w);
    sl_jw_key(&w, "error");
    sl_jw_object(&w);
    sl_jw_member_str(&w, "message", said->message);
    sl_jw_member_str(&w, "type", type);
    sl_jw_member_str(&w, "param", said->param);
    sl_jw_member_str(&w, "code", said->code);
    sl_jw_end(&w);
    sl_jw_end(&w);
    st->call.is_stream = false;
    st->frame = sl_buf_status(&out) == 0 ? sl_arena_dup(arena, sl_buf_str(&out)) : SL_STR_NONE;
    sl_buf_done(&out);
    return st->frame.p ? 0 : SL_E_NOMEM;
}

static int error_told(struct mock_state *st, struct sl_arena *arena)
{
    const struct sl_mock_error *error = &st->conf->error;
    struct sl_mock_refusal said = {
        .message = error->message.p ? error->message : SL_STR("This is the error that the mock was told to give."),
    };
    struct sl_str type = error->type.p          ? error->type
                         : error->status >= 500 ? SL_STR("server_error")
                                                : SL_STR("invalid_request_error");
    return error_make(st, arena, type, &said);
}

/* --- the play --- */

/* The request as an upstream would see it, edits included. `doc` is initialised. */
static int request_read(const struct sl_call *call, struct sl_arena *arena, struct sl_json *doc)
{
    struct sl_str body = call->body;
    if (call->edits.n) {
        struct sl_buf buf = SL_BUF_INIT(SIZE_MAX / 2);
        sl_json_edits_write(&call->edits, call->body, &buf);
        body = sl_buf_status(&buf) == 0 ? sl_arena_dup(arena, sl_buf_str(&buf)) : SL_STR_NONE;
        sl_buf_done(&buf);
        if (!body.p) {
            return SL_E_NOMEM;
        }
    }
    return sl_json_parse(doc, body);
}

/* The same of a call in another language: as it would go to OpenAI. SL_E_INVAL with *ret filled: it cannot. */
static int foreign_read(struct mock_state *st, const struct sl_target *target, struct sl_arena *arena,
                        struct sl_json *doc, struct sl_mock_refusal *ret)
{
    struct sl_openai_conf conf = { .model_json = SL_STR("\"mock\"") };
    struct sl_target openai = *target;
    struct sl_http_req req = { 0 };
    struct sl_llm_error error = { 0 };
    openai.conf = &conf;
    int r = sl_openai_write_call(&st->call, &openai, &st->env, false, arena, &req, &error);
    if (r < 0) {
        ret->message = error.message;
        ret->param = error.param;
        return r;
    }
    struct sl_str body = sl_req_flat(&req, arena);
    return body.p ? sl_json_parse(doc, body) : SL_E_NOMEM;
}

static int replies_make(struct mock_state *st, const struct sl_target *target, struct sl_json *doc,
                        struct sl_arena *arena, int *ret_status)
{
    struct sl_mock_refusal refusal = { 0 };
    bool is_own = sl_target_speaks(target, st->call.type, st->call.language);
    int r = is_own ? request_read(&st->call, arena, doc) : foreign_read(st, target, arena, doc, &refusal);
    if (r == SL_E_INVAL && refusal.message.p) {
        *ret_status = 400;
        return error_make(st, arena, SL_STR("invalid_request_error"), &refusal);
    }
    if (r < 0) {
        return r;
    }
    struct reader rd = { .arena = arena, .root = sl_json_root(doc) };
    rd.status = sl_mock_check(st->call.type, rd.root, arena, &rd.refusal);
    if (rd.status == 0 && st->call.type == SL_LLM_EMBEDDINGS) {
        embeddings_make(&rd, st);
    } else if (rd.status == 0) {
        answers_make(&rd, st);
    }
    if (rd.status == SL_E_INVAL && rd.refusal.message.p) {
        *ret_status = 400;
        return error_make(st, arena, SL_STR("invalid_request_error"), &rd.refusal);
    }
    return rd.status < 0 || st->call.is_stream ? rd.status : frame_make(st, arena);
}

static int mock_start(void *state, const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                      struct sl_arena *arena, struct sl_local_head *ret_head)
{
    struct mock_state *st = state;
    st->call = *call;
    st->env = *env;
    st->conf = target->conf;
    st->model = target->model.n ? target->model : SL_STR("mock");
    /* As an upstream that was asked for usage, which is what the relay does where the client said nothing. */
    st->call.wants_usage = call->wants_usage || !call->has_stream_options;
    int n = snprintf(st->id, sizeof(st->id), "%s-mock%016" PRIx64, call->type == SL_LLM_CHAT ? "chatcmpl" : "cmpl",
                     sl_mock_hash(call->body, 1));
    st->id_str = sl_str_make(st->id, (size_t)n);

    struct sl_local_head head = { .delay_usec = st->conf->latency_usec, .status = 200 };
    int r = 0;
    if (st->conf->error.status) {
        head.status = (int)st->conf->error.status;
        r = error_told(st, arena);
    } else {
        struct sl_json doc;
        sl_json_init(&doc, NULL);
        r = replies_make(st, target, &doc, arena, &head.status);
        sl_json_done(&doc);
    }
    if (r == 0) {
        struct sl_str type = st->call.is_stream ? SL_STR("text/event-stream; charset=utf-8")
                                                : SL_STR("application/json");
        r = sl_headers_add(&head.headers, arena, SL_STR("content-type"), type);
    }
    if (r == 0) {
        *ret_head = head;
    }
    return r;
}

static int delta_write(struct mock_state *st, struct sl_buf *out, const struct sl_delta *delta)
{
    return sl_openai_write_delta(&st->chunks, &st->call, &st->env, delta, out);
}

/* The next `chunk_size` characters of a block. */
static int piece_write(struct mock_state *st, const struct block *block, struct sl_buf *out)
{
    struct sl_delta piece = {
        .kind = SL_DELTA_BLOCK, .choice = st->choice, .block = st->block, .block_kind = block->kind
    };
    uint32_t left = st->conf->chunk_size, n;
    piece.text = sl_mock_text_next(&block->text, &st->cursor, SIZE_MAX, left, &n);
    left -= n;
    if (left == 0 || st->cursor.done == block->text.len) {
        return delta_write(st, out, &piece);
    }
    struct sl_buf joined = SL_BUF_INIT(SL_MOCK_TEXTS_MAX);
    sl_buf_add_str(&joined, piece.text);
    while (left && st->cursor.done < block->text.len) {
        sl_buf_add_str(&joined, sl_mock_text_next(&block->text, &st->cursor, SIZE_MAX, left, &n));
        left -= n;
    }
    piece.text = sl_buf_str(&joined);
    int r = sl_buf_status(&joined);
    r = r < 0 ? r : delta_write(st, out, &piece);
    sl_buf_done(&joined);
    return r;
}

/* Is there text left in the choice? */
static bool has_text_left(const struct mock_state *st)
{
    const struct answer *answer = &st->answers[st->choice];
    for (uint32_t i = st->block; i < answer->n_blocks; i++) {
        if ((i == st->block ? st->cursor.done : 0) < answer->blocks[i].text.len) {
            return true;
        }
    }
    return false;
}

/* What comes first of: a block's beginning and its next piece, the choice's end. */
static int choice_step(struct mock_state *st, struct sl_buf *out)
{
    const struct answer *answer = &st->answers[st->choice];
    while (st->block < answer->n_blocks) {
        const struct block *block = &answer->blocks[st->block];
        int r = 0;
        if (!st->has_begun && block->text.len) {
            struct sl_delta begin = { .kind = SL_DELTA_BLOCK_START,
                                      .choice = st->choice,
                                      .block = st->block,
                                      .block_kind = block->kind,
                                      .tool_id = block->tool_id,
                                      .tool_name = block->tool_name };
            r = delta_write(st, out, &begin);
            st->has_begun = true;
        }
        if (r < 0 || st->cursor.done < block->text.len) {
            return r < 0 ? r : piece_write(st, block, out);
        }
        st->block++;
        st->has_begun = false;
        st->cursor = (struct sl_mock_cursor){ 0 };
    }
    struct sl_delta finish = { .kind = SL_DELTA_FINISH, .choice = st->choice, .finish = answer->finish };
    st->choice++;
    st->block = 0;
    st->step = st->choice == st->n_choices ? STEP_FINISH : STEP_BLOCKS;
    return delta_write(st, out, &finish);
}

static int stream_step(struct mock_state *st, struct sl_buf *out, struct sl_local_step *step)
{
    struct sl_delta start = { .kind = SL_DELTA_START, .id = st->id_str, .model = st->model, .created = -1 };
    struct sl_delta usage = { .kind = SL_DELTA_USAGE, .usage = st->usage };
    int r = 0;
    switch (st->step) {
    case STEP_START:
        st->step = st->n_choices ? STEP_BLOCKS : STEP_FINISH;
        r = delta_write(st, out, &start);
        break;
    case STEP_BLOCKS:
        r = choice_step(st, out);
        break;
    case STEP_FINISH:
        st->step = STEP_END;
        step->is_end = true;
        r = delta_write(st, out, &usage);
        sl_openai_write_end(&st->chunks, out);
        break;
    case STEP_END:
        step->is_end = true;
        break;
    }
    if (st->step == STEP_BLOCKS && has_text_left(st)) {
        step->wait_usec = st->conf->chunk_delay_usec;
    }
    return r;
}

static int mock_step(void *state, struct sl_buf *out, struct sl_local_step *ret_step)
{
    struct mock_state *st = state;
    struct sl_local_step step = { 0 };
    int r = 0;
    if (st->call.is_stream) {
        r = stream_step(st, out, &step);
    } else {
        whole_step(st, out, &step);
    }
    r = r < 0 ? r : sl_buf_status(out);
    if (r == 0) {
        *ret_step = step;
    }
    return r;
}

static int mock_build(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                      bool ask_usage, struct sl_arena *arena, struct sl_http_req *ret_req,
                      struct sl_llm_error *ret_error)
{
    (void)target, (void)env, (void)ask_usage, (void)arena, (void)ret_req;
    return sl_unsupported(call, ret_error, SL_STR("The provider mock answers by itself and has no upstream."));
}

static const struct sl_local mock_local = { sizeof(struct mock_state), mock_start, mock_step };

extern const struct sl_provider sl_provider_mock;
const struct sl_provider sl_provider_mock = {
    .name = "mock",
    .label = "Mock",
    .caps = SL_CAP_CHAT | SL_CAP_COMPLETIONS | SL_CAP_EMBEDDINGS | SL_CAP_STREAM,
    .languages = { &sl_language_openai, &sl_language_openai, &sl_language_openai },
    .stream_usage = SL_USAGE_ASK,
    .opts = sl_mock_opts,
    .conf_size = sizeof(struct sl_mock_conf),
    .prepare = sl_mock_prepare,
    .build = mock_build,
    .local = &mock_local,
};
