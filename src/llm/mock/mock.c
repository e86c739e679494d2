/* SPDX-License-Identifier: Apache-2.0 */
/* Provider mock: answers here, without network or key, in the bytes that an OpenAI upstream would send. The same
 * request gets the same reply (save `created`, which is the time). Tokens are counted by one rule: a text has one for
 * each four bytes of its UTF-8 begun. */
#include <inttypes.h>
#include <stdio.h>

#include "base/num.h"
#include "json/write.h"
#include "llm/openai/dialect.h"
#include "llm/core/errbody.h"
#include "llm/mock/embed.h"
#include "llm/openai/openai.h"
#include "llm/core/request.h"

#define CHOICES_MAX SL_CHUNKS_CHOICES_MAX
/* Of a reply made here. */
#define REPLY_MAX (64u << 20)

struct mock_error {
    uint32_t status; /* 0: none */
    struct sl_str message;
    struct sl_str type;
};

struct mock_conf {
    struct sl_str template;
    uint64_t latency_usec;
    uint32_t chunk_size; /* characters */
    uint64_t chunk_delay_usec;
    uint32_t dimensions;
    struct mock_error error;
};

/* One answer; several choices may share a text. */
struct answer {
    struct sl_str text;
    int64_t tokens;
    bool is_cut;
};

enum step { STEP_START, STEP_TEXT, STEP_FINISH, STEP_END };

struct mock_state {
    struct sl_call call;
    struct sl_env env;
    const struct mock_conf *conf;
    struct sl_str whole; /* a reply that is no stream */
    struct answer *answers;
    uint32_t n_choices;
    struct sl_usage usage;
    char id[40];
    struct sl_str id_str;
    struct sl_str model;
    /* where the stream is */
    enum step step;
    uint32_t choice;
    size_t at; /* of the answer's text */
    struct sl_chunks chunks;
};

/* --- reading the request --- */

struct reader {
    struct sl_arena *arena;
    struct sl_json_val root;
    int64_t input_tokens;
    int status; /* sticky */
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
    struct sl_buf buf = SL_BUF_INIT(REPLY_MAX);
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

static struct sl_str template_fill(const struct mock_conf *conf, struct sl_str message, struct sl_str model,
                                   struct sl_arena *arena)
{
    struct sl_buf buf = SL_BUF_INIT(REPLY_MAX);
    struct sl_str rest = conf->template;
    while (rest.n) {
        if (sl_str_has_prefix(rest, SL_STR("{message}"))) {
            sl_buf_add_str(&buf, message);
            rest = sl_str_sub(rest, 9, rest.n);
        } else if (sl_str_has_prefix(rest, SL_STR("{model}"))) {
            sl_buf_add_str(&buf, model);
            rest = sl_str_sub(rest, 7, rest.n);
        } else {
            sl_buf_add_char(&buf, rest.p[0]);
            rest = sl_str_sub(rest, 1, rest.n);
        }
    }
    struct sl_str text = sl_buf_status(&buf) == 0 ? sl_arena_dup(arena, sl_buf_str(&buf)) : SL_STR_NONE;
    sl_buf_done(&buf);
    return text;
}

static bool is_inside_char(struct sl_str s, size_t at)
{
    return at < s.n && ((unsigned char)s.p[at] & 0xc0) == 0x80;
}

static void answer_make(struct reader *rd, struct mock_state *st, struct sl_str message, int64_t max_tokens,
                        struct answer *ret)
{
    ret->text = template_fill(st->conf, message, st->model, rd->arena);
    if (!ret->text.p) {
        rd->status = SL_E_NOMEM;
        return;
    }
    if (max_tokens >= 0 && tokens_of(ret->text) > max_tokens) {
        size_t n = (size_t)max_tokens * 4;
        while (is_inside_char(ret->text, n)) {
            n--;
        }
        ret->text.n = n;
        ret->is_cut = true;
    }
    ret->tokens = tokens_of(ret->text);
}

static void answers_make(struct reader *rd, struct mock_state *st)
{
    bool is_chat = st->call.type == SL_LLM_CHAT;
    struct sl_str one = SL_STR_NONE;
    struct sl_str *messages = &one;
    uint32_t n_messages = 1;
    if (is_chat) {
        one = last_user_message(rd);
    } else {
        messages = items_get(rd, "prompt", &n_messages);
    }
    uint32_t n = (uint32_t)number_get(rd, "n", 1, CHOICES_MAX, 1);
    int64_t max_tokens = number_get(rd, "max_tokens", 0, INT64_C(1) << 40, -1);
    if (sl_json_is(sl_json_get(rd->root, "max_completion_tokens"), SL_JSON_NUMBER)) {
        max_tokens = number_get(rd, "max_completion_tokens", 0, INT64_C(1) << 40, -1);
    } else if (!sl_json_is(sl_json_get(rd->root, "max_tokens"), SL_JSON_NUMBER)) {
        max_tokens = -1;
    }
    n_messages = SL_MIN(n_messages, (uint32_t)CHOICES_MAX / n);
    st->answers = rd->status == 0 ? SL_ARENA_ARRAY(rd->arena, struct answer, (size_t)n * n_messages + 1) : NULL;
    if (!st->answers) {
        rd->status = rd->status < 0 ? rd->status : SL_E_NOMEM;
        return;
    }
    int64_t output = 0;
    for (uint32_t i = 0; i < n_messages && rd->status == 0; i++) {
        struct answer answer = { 0 };
        answer_make(rd, st, messages[i], max_tokens, &answer);
        for (uint32_t k = 0; k < n; k++) {
            st->answers[st->n_choices++] = answer;
            output += answer.tokens;
        }
    }
    st->usage = SL_USAGE_NONE;
    st->usage.input = rd->input_tokens;
    st->usage.output = output;
    st->usage.total = rd->input_tokens + output;
}

/* --- embeddings --- */

static void embeddings_make(struct reader *rd, struct mock_state *st, struct sl_reply *reply)
{
    uint32_t n = 0;
    struct sl_str *inputs = items_get(rd, "input", &n);
    uint32_t dimensions = (uint32_t)number_get(rd, "dimensions", 1, SL_MOCK_DIMENSIONS_MAX, st->conf->dimensions);
    bool is_base64 = sl_json_str_eq(sl_json_get(rd->root, "encoding_format"), SL_STR("base64"));
    reply->embeddings = rd->status == 0 ? SL_ARENA_ARRAY(rd->arena, struct sl_embedding, n + 1) : NULL;
    struct sl_buf buf = SL_BUF_INIT(REPLY_MAX);
    for (uint32_t i = 0; reply->embeddings && i < n; i++) {
        sl_buf_reset(&buf);
        sl_mock_embedding(&buf, inputs[i], dimensions, is_base64);
        struct sl_str raw = sl_arena_dup(rd->arena, sl_buf_str(&buf));
        if (sl_buf_status(&buf) < 0 || !raw.p) {
            rd->status = SL_E_NOMEM;
            break;
        }
        reply->embeddings[reply->n_embeddings++] = (struct sl_embedding){ i, raw };
    }
    sl_buf_done(&buf);
    if (!reply->embeddings) {
        rd->status = rd->status < 0 ? rd->status : SL_E_NOMEM;
    }
    st->usage = (struct sl_usage){ rd->input_tokens, -1, rd->input_tokens, -1, -1, -1 };
}

/* --- whole replies --- */

static int choices_make(struct mock_state *st, struct sl_arena *arena, struct sl_reply *reply)
{
    reply->choices = SL_ARENA_ARRAY(arena, struct sl_choice, st->n_choices + 1);
    struct sl_block *blocks = SL_ARENA_ARRAY(arena, struct sl_block, st->n_choices + 1);
    if (!reply->choices || !blocks) {
        return SL_E_NOMEM;
    }
    for (uint32_t i = 0; i < st->n_choices; i++) {
        blocks[i] = (struct sl_block){ .kind = SL_BLOCK_TEXT, .text = st->answers[i].text };
        reply->choices[i] = (struct sl_choice){
            .index = i,
            .blocks = &blocks[i],
            .n_blocks = 1,
            .finish = st->answers[i].is_cut ? SL_FINISH_LENGTH : SL_FINISH_STOP,
        };
    }
    reply->n_choices = st->n_choices;
    return 0;
}

static int whole_make(struct reader *rd, struct mock_state *st)
{
    struct sl_reply reply = { .id = st->id_str, .model = st->model, .created = -1 };
    if (st->call.type == SL_LLM_EMBEDDINGS) {
        embeddings_make(rd, st, &reply);
    } else if (rd->status == 0) {
        rd->status = choices_make(st, rd->arena, &reply);
    }
    if (rd->status < 0) {
        return rd->status;
    }
    reply.usage = st->usage;
    struct sl_buf out = SL_BUF_INIT(REPLY_MAX);
    int r = sl_openai_write_reply(&st->call, &reply, &st->env, &out);
    if (r == 0) {
        st->whole = sl_arena_dup(rd->arena, sl_buf_str(&out));
        r = st->whole.p ? 0 : SL_E_NOMEM;
    }
    sl_buf_done(&out);
    return r;
}

static int error_make(struct mock_state *st, struct sl_arena *arena)
{
    const struct mock_error *error = &st->conf->error;
    struct sl_buf out = SL_BUF_INIT(REPLY_MAX);
    struct sl_jw w;
    sl_jw_init(&w, &out);
    sl_jw_object(&w);
    sl_jw_key(&w, "error");
    sl_jw_object(&w);
    sl_jw_member_str(&w, "message",
                     error->message.p ? error->message : SL_STR("This is the error that the mock was told to give."));
    sl_jw_member_str(&w, "type",
                     error->type.p          ? error->type
                     : error->status >= 500 ? SL_STR("server_error")
                                            : SL_STR("invalid_request_error"));
    sl_jw_member_null(&w, "param");
    sl_jw_member_null(&w, "code");
    sl_jw_end(&w);
    sl_jw_end(&w);
    st->whole = sl_buf_status(&out) == 0 ? sl_arena_dup(arena, sl_buf_str(&out)) : SL_STR_NONE;
    sl_buf_done(&out);
    return st->whole.p ? 0 : SL_E_NOMEM;
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

static int replies_make(struct mock_state *st, struct sl_json *doc, struct sl_arena *arena)
{
    int r = request_read(&st->call, arena, doc);
    if (r < 0) {
        return r;
    }
    struct reader rd = { arena, sl_json_root(doc), 0, 0 };
    if (st->call.type != SL_LLM_EMBEDDINGS) {
        answers_make(&rd, st);
    }
    if (rd.status < 0 || st->call.is_stream) {
        return rd.status;
    }
    return whole_make(&rd, st);
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
        st->call.is_stream = false;
        r = error_make(st, arena);
    } else {
        struct sl_json doc;
        sl_json_init(&doc, NULL);
        r = replies_make(st, &doc, arena);
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

/* The next `chunk_size` characters. */
static struct sl_str piece_take(struct mock_state *st)
{
    struct sl_str text = st->answers[st->choice].text;
    size_t from = st->at;
    for (uint32_t i = 0; i < st->conf->chunk_size && st->at < text.n; i++) {
        st->at++;
        while (is_inside_char(text, st->at)) {
            st->at++;
        }
    }
    return sl_str_sub(text, from, st->at);
}

static int choice_step(struct mock_state *st, struct sl_buf *out, struct sl_local_step *step)
{
    const struct answer *answer = &st->answers[st->choice];
    if (st->step == STEP_TEXT && st->at < answer->text.n) {
        step->delay_usec = st->conf->chunk_delay_usec;
        struct sl_delta begin = { .kind = SL_DELTA_BLOCK_START, .choice = st->choice, .block_kind = SL_BLOCK_TEXT };
        struct sl_delta piece = { .kind = SL_DELTA_BLOCK, .choice = st->choice, .block_kind = SL_BLOCK_TEXT };
        int r = st->at == 0 ? delta_write(st, out, &begin) : 0;
        piece.text = piece_take(st);
        return r < 0 ? r : delta_write(st, out, &piece);
    }
    struct sl_delta finish = { .kind = SL_DELTA_FINISH,
                               .choice = st->choice,
                               .finish = answer->is_cut ? SL_FINISH_LENGTH : SL_FINISH_STOP };
    st->choice++;
    st->at = 0;
    if (st->choice == st->n_choices) {
        st->step = STEP_FINISH;
    }
    return delta_write(st, out, &finish);
}

static int stream_step(struct mock_state *st, struct sl_buf *out, struct sl_local_step *step)
{
    struct sl_delta start = { .kind = SL_DELTA_START, .id = st->id_str, .model = st->model, .created = -1 };
    struct sl_delta usage = { .kind = SL_DELTA_USAGE, .usage = st->usage };
    int r = 0;
    switch (st->step) {
    case STEP_START:
        st->step = st->n_choices ? STEP_TEXT : STEP_FINISH;
        return delta_write(st, out, &start);
    case STEP_TEXT:
        return choice_step(st, out, step);
    case STEP_FINISH:
        st->step = STEP_END;
        step->is_end = true;
        r = delta_write(st, out, &usage);
        sl_openai_write_end(&st->chunks, out);
        return r;
    case STEP_END:
        step->is_end = true;
        return 0;
    }
    return 0;
}

static int mock_step(void *state, struct sl_arena *arena, struct sl_local_step *ret_step)
{
    struct mock_state *st = state;
    struct sl_local_step step = { 0 };
    if (!st->call.is_stream) {
        step.bytes = st->whole;
        step.is_end = true;
        *ret_step = step;
        return 0;
    }
    struct sl_buf out = SL_BUF_INIT(REPLY_MAX);
    int r = stream_step(st, &out, &step);
    r = r < 0 ? r : sl_buf_status(&out);
    if (r == 0 && out.len) {
        step.bytes = sl_arena_dup(arena, sl_buf_str(&out));
        r = step.bytes.p ? 0 : SL_E_NOMEM;
    }
    sl_buf_done(&out);
    if (r == 0) {
        *ret_step = step;
    }
    return r;
}

static int mock_prepare(struct sl_bind *bind, const struct sl_val *val, struct sl_target *target)
{
    const struct mock_conf *conf = target->conf;
    target->is_local = true;
    if (conf->error.status && (conf->error.status < 400 || conf->error.status > 599)) {
        const struct sl_val *error = sl_val_find(val, "error");
        sl_bind_problem(bind, SL_PROBLEM_ERROR, error ? error->pos : (struct sl_pos){ 0 }, NULL,
                        "error.status must be from 400 to 599");
        return SL_E_INVAL;
    }
    return 0;
}

static int mock_build(const struct sl_call *call, const struct sl_target *target, const struct sl_env *env,
                      bool ask_usage, struct sl_arena *arena, struct sl_http_req *ret_req,
                      struct sl_llm_error *ret_error)
{
    (void)target, (void)env, (void)ask_usage, (void)arena, (void)ret_req;
    return sl_unsupported(call, ret_error, SL_STR("The provider mock answers by itself and has no upstream."));
}

static const struct sl_opt error_opts[] = {
    { "status", SL_OPT_U32, offsetof(struct mock_error, status), "0", 0, 599, SL_OPT_RELOAD, NULL, NULL, NULL,
      "answer everything with this status, 400 to 599; 0: do not" },
    { "message", SL_OPT_STR, offsetof(struct mock_error, message), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "the error's message" },
    { "type", SL_OPT_STR, offsetof(struct mock_error, type), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, NULL,
      "the error's type" },
    { NULL },
};

static const struct sl_opt mock_opts[] = {
    { "template", SL_OPT_STR, offsetof(struct mock_conf, template), "You said: {message}", 0, 0, SL_OPT_RELOAD, NULL,
      NULL, NULL,
      "the answer; {message} is the last user message or the prompt, {model} the route's model; a text counts one "
      "token for each four bytes begun" },
    { "latency", SL_OPT_USEC, offsetof(struct mock_conf, latency_usec), "0s", 0, 3600 * SL_USEC_PER_SEC, SL_OPT_RELOAD,
      NULL, NULL, NULL, "waits this long before it answers" },
    { "chunk_size", SL_OPT_U32, offsetof(struct mock_conf, chunk_size), "8", 1, 1000000, SL_OPT_RELOAD, NULL, NULL,
      NULL, "characters in a chunk of a stream" },
    { "chunk_delay", SL_OPT_USEC, offsetof(struct mock_conf, chunk_delay_usec), "0s", 0, 3600 * SL_USEC_PER_SEC,
      SL_OPT_RELOAD, NULL, NULL, NULL, "waits this long before each chunk of text" },
    { "dimensions", SL_OPT_U32, offsetof(struct mock_conf, dimensions), "8", 1, SL_MOCK_DIMENSIONS_MAX, SL_OPT_RELOAD,
      NULL, NULL, NULL, "numbers in an embedding, where the request does not say" },
    { "error", SL_OPT_MAP, offsetof(struct mock_conf, error), NULL, 0, 0, SL_OPT_RELOAD, NULL, error_opts, NULL,
      "a fixed error instead of every answer" },
    { NULL },
};

static const struct sl_local mock_local = { sizeof(struct mock_state), mock_start, mock_step };

extern const struct sl_provider sl_provider_mock;
const struct sl_provider sl_provider_mock = {
    .name = "mock",
    .label = "Mock",
    .caps = SL_CAP_CHAT | SL_CAP_COMPLETIONS | SL_CAP_EMBEDDINGS | SL_CAP_STREAM,
    .languages = { &sl_language_openai, &sl_language_openai, &sl_language_openai },
    .stream_usage = SL_USAGE_ASK,
    .opts = mock_opts,
    .conf_size = sizeof(struct mock_conf),
    .prepare = mock_prepare,
    .build = mock_build,
    .local = &mock_local,
};
