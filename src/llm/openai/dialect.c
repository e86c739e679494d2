/* SPDX-License-Identifier: Apache-2.0 */
/* The OpenAI dialect: the client's body is read no deeper than its top level, because it travels on as it is; nothing
 * is refused here that an upstream might accept. Replies are in dialect_openai_write.c. */
#include "llm/openai/dialect.h"

#include "json/write.h"
#include "llm/core/errbody.h"
#include "llm/dialects.h"
#include "llm/openai/openai.h"
#include "llm/openai/read.h"
#include "llm/openai/read_embed.h"

/* --- requests --- */

static int refuse(struct sl_llm_error *error, const char *param, struct sl_str message)
{
    *error = (struct sl_llm_error){
        .type = SL_ERR_CALLER_INVALID_REQUEST,
        .message = message.p ? message : SL_STR("the request is not valid"),
        .param = sl_str_c(param),
    };
    return SL_E_INVAL;
}

static int parse_failed(const struct sl_json *doc, int r, struct sl_arena *arena, struct sl_llm_error *error)
{
    if (r == SL_E_NOMEM) {
        return r;
    }
    if (doc->fault == SL_JSON_FAULT_EMPTY) {
        return refuse(error, NULL, SL_STR("The request has no body; a JSON object is expected."));
    }
    return refuse(error, NULL,
                  sl_arena_printf(arena, "The body of the request is not valid JSON: %s at offset %zu.",
                                  sl_json_fault_text(doc->fault), doc->fault_offset));
}

struct members {
    struct sl_json_val model, stream, stream_options;
};

/* The members that decide what is done. Given twice, the gateway and the upstream could read different ones: refused,
 * however they are spelt. */
static int members_find(struct sl_json_val root, struct sl_arena *arena, struct members *ret,
                        struct sl_llm_error *error)
{
    struct {
        const char *key;
        struct sl_json_val *val;
    } rows[] = { { "model", &ret->model }, { "stream", &ret->stream }, { "stream_options", &ret->stream_options } };
    for (struct sl_json_iter it = sl_json_each(root); sl_json_next(&it);) {
        for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
            if (!sl_json_str_eq(it.key, sl_str_c(rows[i].key))) {
                continue;
            }
            if (sl_json_is_present(*rows[i].val)) {
                return refuse(error, rows[i].key,
                              sl_arena_printf(arena, "The member '%s' is given more than once.", rows[i].key));
            }
            *rows[i].val = it.val;
        }
    }
    return 0;
}

/* Did the client itself ask for the usage chunk? The object is folded on the tape, so it is read by itself. */
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

static int model_read(struct sl_json_val v, struct sl_arena *arena, struct sl_str *ret, struct sl_llm_error *error)
{
    if (sl_json_is_nothing(v)) {
        return refuse(error, "model", SL_STR("You must provide a 'model': the name of a route of this gateway."));
    }
    int r = sl_json_text(v, arena, ret);
    if (r == SL_E_TYPE) {
        return refuse(error, "model", SL_STR("Invalid type for 'model': a string is expected."));
    }
    if (r == 0 && ret->n == 0) {
        return refuse(error, "model", SL_STR("You must provide a 'model': the name of a route of this gateway."));
    }
    return r;
}

static int call_fill(struct sl_call *call, struct sl_json_val root, struct sl_arena *arena, struct sl_llm_error *error)
{
    struct members m = { SL_JSON_ABSENT, SL_JSON_ABSENT, SL_JSON_ABSENT };
    int r = members_find(root, arena, &m, error);
    if (r == 0) {
        r = model_read(m.model, arena, &call->model, error);
    }
    if (r < 0 || call->type == SL_LLM_EMBEDDINGS) {
        call->wants_base64 = sl_json_str_eq(sl_json_get(root, "encoding_format"), SL_STR("base64"));
        return r;
    }
    if (!sl_json_is_nothing(m.stream) && !sl_json_is_bool(m.stream)) {
        return refuse(error, "stream", SL_STR("Invalid type for 'stream': a boolean is expected."));
    }
    call->is_stream = sl_json_is(m.stream, SL_JSON_TRUE);
    call->has_stream_options = !sl_json_is_nothing(m.stream_options);
    call->wants_usage = call->has_stream_options && wants_usage(m.stream_options);
    return 0;
}

/* The content type is not asked: clients of every kind of carelessness are served; what is not JSON shows itself. */
static int read_call(const struct sl_incoming *in, struct sl_json *doc, struct sl_arena *arena,
                     struct sl_call *ret_call, struct sl_llm_error *ret_error)
{
    struct sl_json_limits limits = doc->limits;
    doc->limits.record_depth = 1;
    int r = sl_json_parse(doc, in->body);
    doc->limits = limits;
    if (r < 0) {
        return parse_failed(doc, r, arena, ret_error);
    }
    struct sl_json_val root = sl_json_root(doc);
    if (!sl_json_is(root, SL_JSON_OBJECT)) {
        return refuse(ret_error, NULL, SL_STR("The body of the request must be a JSON object."));
    }
    struct sl_call call = { .type = in->type, .language = &sl_language_openai, .body = in->body, .doc = doc };
    sl_json_edits_init(&call.edits, arena);
    r = call_fill(&call, root, arena, ret_error);
    if (r == 0) {
        *ret_call = call;
    }
    return r;
}

/* --- errors --- */

struct error_words {
    int status;
    const char *type;
    const char *code; /* when the error brings none of its own */
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

/* What another language's upstream said, by the status it said it with. */
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
    if (error->type == SL_ERR_PROVIDER_BILLING) {
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
    sl_jw_end(&w);
    sl_jw_end(&w);
}

/* The upstream's status where it has one that this dialect's clients know; a credential that is refused is the
 * gateway's fault. */
static int status_of(const struct sl_llm_error *error)
{
    int status = error->status ? error->status : sl_error_type_status(error->type);
    if (error->type == SL_ERR_CALLER_UNSUPPORTED && error->status == 0) {
        return 400; /* a feature that the provider lacks; what HTTP itself lacks comes with its own status */
    }
    if (error->type == SL_ERR_PROVIDER_AUTH_FAILED || error->type == SL_ERR_PROVIDER_BILLING) {
        return 502; /* the gateway's own credential, its own account */
    }
    if (error->upstream_status == 529) {
        return 503;
    }
    if (error->upstream_status >= 400) {
        return error->upstream_status;
    }
    return status;
}

static void write_error(struct sl_llm_error *error, struct sl_buf *out)
{
    error->status = status_of(error);
    struct sl_llm_error told = *error;
    sl_error_hide(&told);
    error_write(&told, error->status, out);
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

static void no_route(struct sl_str name, struct sl_arena *arena, struct sl_llm_error *io_error)
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
    .write_state_size = sizeof(struct sl_chunks),
    .write_reply = sl_openai_write_reply,
    .write_delta = sl_openai_write_delta,
    .write_end = sl_openai_write_end,
    .write_error = write_error,
    .write_stream_error = write_stream_error,
    .reply_members = sl_openai_reply_members,
    .read_usage = sl_openai_read_usage,
    .pass_event = sl_openai_pass_event,
};

static const struct sl_manners manners = {
    .refusal_status = 400,
    .limit_names_wait = true,
    .reads_should_retry = true,
};

const struct sl_dialect sl_dialect_openai = {
    .name = "openai",
    .language = &sl_language_openai,
    .manners = &manners,
    .no_route = no_route,
};
