/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenAI dialect. Only the top level of the client's body is read, because the body passes. Nothing is refused here
 * that an upstream might accept. write.c has the replies. */
#include "llm/openai/dialect.h"

#include "llm/openai/judge.h"

#include "json/write.h"
#include "llm/core/errbody.h"
#include "llm/core/incoming.h"
#include "llm/core/lost.h"
#include "llm/dialects.h"
#include "llm/openai/openai.h"
#include "llm/openai/read.h"
#include "llm/openai/read_embed.h"

/* --- requests --- */

/* True: the client itself asked for the usage chunk. The object is folded on the tape, so it is parsed again. */
static bool wants_usage(struct sl_json_val options)
{
    struct sl_json_limits limits = { .depth = 16, .tokens = 256 };
    struct sl_json doc;
    sl_json_init(&doc, &limits);
    bool wants = sl_json_parse(&doc, sl_json_raw(options)) == 0 &&
                 sl_json_is(sl_json_get(sl_json_root(&doc), "include_usage"), SL_JSON_TRUE);
    sl_json_done(&doc);
    return wants;
}

/* The content type is not checked, because many clients send a wrong one; a body that is no JSON is found anyway. */
static int read_call(const struct sl_incoming *in, struct sl_json *doc, struct sl_arena *arena,
                     struct sl_call *ret_call, struct sl_llm_error *ret_error)
{
    struct sl_json_val model = SL_JSON_ABSENT, stream = SL_JSON_ABSENT, options = SL_JSON_ABSENT;
    struct sl_json_val n = SL_JSON_ABSENT;
    int64_t n_choices = 0;
    struct sl_incoming_row rows[] = {
        { "model", &model }, { "stream", &stream }, { "stream_options", &options }, { "n", &n }
    };
    struct sl_call call = { .type = in->type, .language = &sl_language_openai, .body = in->body, .doc = doc };
    int r = sl_incoming_pick(in, doc, arena, rows, SL_ARRAY_LEN(rows), ret_error);
    if (r == 0 && !(in->has_route && sl_json_is_nothing(model))) {
        r = sl_incoming_model(model, arena, &call.model, ret_error);
    }
    if (r == 0 && in->type == SL_LLM_EMBEDDINGS) {
        struct sl_json_val format = sl_json_get(sl_json_root(doc), "encoding_format");
        call.wants_base64 = sl_json_str_eq(format, SL_STR("base64"));
    } else if (r == 0) {
        r = sl_incoming_stream(stream, &call.is_stream, ret_error);
        call.has_stream_options = !sl_json_is_nothing(options);
        call.wants_usage = call.has_stream_options && wants_usage(options);
        if (sl_json_int(n, true, &n_choices) == 0 && n_choices > 1 && n_choices <= INT32_MAX) {
            call.n_choices = (uint32_t)n_choices;
        }
    }
    if (r == 0) {
        sl_json_edits_init(&call.edits, arena);
        call.language = in->type < SL_LLM_TRANSLATED_COUNT ? call.language : &sl_language_openai_passed;
        *ret_call = call;
    }
    return r;
}

/* --- errors --- */

struct error_words {
    int status;
    const char *type;
    const char *code; /* for an error without a code of its own */
};

static const struct error_words own_words[] = {
    { 401, "invalid_request_error", "invalid_api_key" },
    { 403, "permission_error", NULL },
    { 408, "timeout", "timeout" },
    { 409, "conflict_error", NULL },
    { 413, "invalid_request_error", "request_too_large" },
    { 429, "requests", "rate_limit_exceeded" },
    { 500, "server_error", NULL },
    { 501, "invalid_request_error", NULL },
    { 502, "server_error", NULL },
    { 503, "server_error", "overloaded" },
    { 504, "timeout", "timeout" },
};

/* The type and code for an error of another language's upstream, by its status. */
static const struct error_words upstream_words[] = {
    { 402, "insufficient_quota", "insufficient_quota" },
    { 404, "invalid_request_error", "model_not_found" },
    { 408, "timeout", "timeout" },
    { 413, "invalid_request_error", "request_too_large" },
    { 424, "server_error", "model_error" },
    { 429, "rate_limit_error", "rate_limit_exceeded" },
    { 498, "rate_limit_error", "capacity_exceeded" },
    { 499, "invalid_request_error", "request_cancelled" },
    { 503, "server_error", "overloaded" },
    { 504, "timeout", "timeout" },
};

static struct error_words words_of(const struct sl_llm_error *error, int status)
{
    if (error->type == SL_ERR_PROVIDER_BILLING || error->type == SL_ERR_POLICY_BUDGET_EXCEEDED) {
        return (struct error_words){ status, "insufficient_quota", "insufficient_quota" };
    }
    const struct error_words *rows = error->upstream_status ? upstream_words : own_words;
    size_t n = error->upstream_status ? SL_ARRAY_LEN(upstream_words) : SL_ARRAY_LEN(own_words);
    for (size_t i = 0; i < n; i++) {
        if (rows[i].status == status) {
            return rows[i];
        }
    }
    return (struct error_words){ status, status >= 500 ? "server_error" : "invalid_request_error", NULL };
}

static void error_write(struct sl_llm_error *error, int status, struct sl_buf *out)
{
    struct error_words words = words_of(error, status);
    struct sl_jw w;
    sl_jw_init(&w, out);
    sl_jw_object(&w);
    sl_jw_key(&w, "error");
    sl_jw_object(&w);
    sl_jw_member_str(&w, "message", error->message.p ? error->message : sl_str_c(sl_status_reason(status)));
    sl_jw_member_str(&w, "type", sl_str_c(words.type));
    sl_jw_member_str(&w, "param", error->param);
    sl_jw_member_str(&w, "code", error->code.n ? error->code : sl_str_c(words.code));
    if (error->limit.p) {
        sl_jw_key(&w, "limit");
        sl_jw_raw(&w, error->limit);
    }
    sl_jw_end(&w);
    sl_jw_end(&w);
}

/* OpenAI has no 529. */
static int status_of(const struct sl_llm_error *error)
{
    int status = sl_error_status(error);
    return status == 529 ? 503 : status;
}

void sl_openai_write_error(struct sl_llm_error *error, struct sl_buf *out)
{
    error->status = status_of(error);
    struct sl_llm_error told = *error;
    sl_error_hide(&told);
    error_write(&told, error->status, out);
}

struct sl_str sl_openai_error_code(const struct sl_llm_error *error)
{
    struct error_words words = words_of(error, status_of(error));
    return error->code.n ? error->code : sl_str_c(words.code ? words.code : words.type);
}

void sl_openai_write_error_event(const struct sl_llm_error *error, struct sl_buf *out)
{
    struct sl_llm_error told = *error;
    told.status = status_of(error);
    sl_error_hide(&told);
    sl_buf_add_lit(out, "data: ");
    error_write(&told, told.status, out);
    sl_buf_add_lit(out, "\n\n");
}

static void write_stream_error(void *state, const struct sl_llm_error *error, struct sl_buf *out)
{
    (void)state;
    sl_openai_write_error_event(error, out);
    sl_buf_add_lit(out, "data: [DONE]\n\n");
}

void sl_openai_no_route(struct sl_str name, struct sl_arena *arena, struct sl_llm_error *io_error)
{
    io_error->code = SL_STR("model_not_found");
    io_error->param = SL_STR("model");
    io_error->message = sl_arena_printf(
        arena, "The model '%.*s' does not exist: no route of this gateway has that name.", SL_STR_ARG(name));
}

const struct sl_language sl_language_openai = {
    .name = "openai",
    .framing = SL_FRAMING_SSE,
    .stream_type = SL_STR_INIT("text/event-stream; charset=utf-8"),
    .alive = SL_STR_INIT(": alive\n\n"),
    .cost_at = "usage",
    .judge_reply = sl_openai_judge_reply,
    .read_call = read_call,
    .read_chat = sl_openai_read_chat,
    .read_embed = sl_openai_read_embed,
    .write_call = sl_openai_write_call,
    .read_state_size = sizeof(struct sl_openai_stream),
    .read_reply = sl_openai_on_reply,
    .on_frame = sl_openai_on_frame,
    .on_end = sl_openai_on_end,
    .is_over = sl_openai_is_over,
    .read_error = sl_errbody_classify,
    .lacks = { [SL_LLM_CHAT] = SL_LOST_CITATIONS,
               [SL_LLM_COMPLETIONS] = SL_LOST_ANNOTATIONS | SL_LOST_CITATIONS | SL_LOST_REASONING },
    .write_state_size = sizeof(struct sl_chunks),
    .write_reply = sl_openai_write_reply,
    .write_delta = sl_openai_write_delta,
    .write_end = sl_openai_write_end,
    .write_error = sl_openai_write_error,
    .error_member = "error",
    .write_stream_error = write_stream_error,
    .reply_members = sl_openai_reply_members,
    .read_usage = sl_openai_read_usage,
    .pass_event = sl_openai_pass_event,
};

const struct sl_language sl_language_openai_like = {
    .name = "openai_like",
    .framing = SL_FRAMING_SSE,
    .write_call = sl_openai_write_call,
    .read_state_size = sizeof(struct sl_openai_stream),
    .read_reply = sl_openai_on_reply,
    .on_frame = sl_openai_on_frame,
    .on_end = sl_openai_on_end,
    .is_over = sl_openai_is_over,
    .read_error = sl_errbody_classify,
};

static const struct sl_manners manners = {
    .refusal_status = 400,
    .limit_names_wait = true,
};

const struct sl_dialect sl_dialect_openai = {
    .name = "openai",
    .language = &sl_language_openai,
    .manners = &manners,
    .no_route = sl_openai_no_route,
    .listing = &sl_openai_listing,
};
