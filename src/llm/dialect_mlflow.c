/* SPDX-License-Identifier: Apache-2.0 */
/* The MLflow dialect: requests are checked against its schemas, and go up as the caller sent them: coerced, without
 * nulls, with everything that the schemas do not name. Replies are in dialect_mlflow_write.c. */
#include "llm/dialect_mlflow.h"

#include "json/write.h"
#include "llm/mlflow_schema.h"

/* --- requests --- */

/* As Python's mail parser reads the field: one '/', else it is text/plain. */
static bool is_json_type(struct sl_str content_type)
{
    ptrdiff_t semi = sl_str_find_char(content_type, ';', 0);
    struct sl_str type = sl_str_trim(semi < 0 ? content_type : sl_str_sub(content_type, 0, (size_t)semi));
    ptrdiff_t slash = sl_str_find_char(type, '/', 0);
    if (content_type.n == 0) {
        return true;
    }
    if (slash < 0 || sl_str_find_char(type, '/', (size_t)slash + 1) >= 0) {
        return false;
    }
    struct sl_str main_type = sl_str_sub(type, 0, (size_t)slash);
    struct sl_str sub = sl_str_sub(type, (size_t)slash + 1, type.n);
    struct sl_str tail = sub.n >= 5 ? sl_str_sub(sub, sub.n - 5, sub.n) : SL_STR_NONE;
    return sl_str_case_eq(main_type, SL_STR("application")) &&
           (sl_str_case_eq(sub, SL_STR("json")) || (tail.n && sl_str_case_eq(tail, SL_STR("+json"))));
}

static int detail_refuse(struct sl_arena *arena, const struct sl_buf *faults, struct sl_llm_error *error)
{
    char *p = sl_arena_bytes(arena, faults->len + 2);
    if (!p) {
        return SL_E_NOMEM;
    }
    p[0] = '[';
    if (faults->len) {
        memcpy(p + 1, faults->p, faults->len);
    }
    p[faults->len + 1] = ']';
    *error = (struct sl_llm_error){
        .type = SL_ERR_CALLER_INVALID_REQUEST,
        .status = 422,
        .message = SL_STR("the request does not fit the schema"),
        .detail = sl_str_make(p, faults->len + 2),
    };
    return SL_E_INVAL;
}

/* A single fault of the body as a whole. */
static int body_refuse(struct sl_arena *arena, const char *type, struct sl_str msg, struct sl_str input,
                       struct sl_str ctx, ptrdiff_t at, struct sl_llm_error *error)
{
    struct sl_mf_check check;
    sl_mf_check_init(&check, arena);
    sl_mf_push_name(&check, SL_STR("body"));
    if (at >= 0) {
        sl_mf_push_index(&check, (uint32_t)at);
    }
    sl_mf_fault(&check, type, msg, input, ctx);
    int r = detail_refuse(arena, &check.out, error);
    sl_mf_check_done(&check);
    return r;
}

static int missing_refuse(struct sl_arena *arena, struct sl_llm_error *error)
{
    return body_refuse(arena, "missing", SL_STR("Field required"), SL_STR("null"), SL_STR_NONE, -1, error);
}

/* A body that is not said to be JSON is a text, and a text has no fields. */
static int text_refuse(struct sl_str body, struct sl_arena *arena, struct sl_llm_error *error)
{
    struct sl_buf input = SL_BUF_INIT(SL_MF_INPUT_MAX);
    struct sl_jw w;
    sl_jw_init(&w, &input);
    sl_jw_str(&w, body);
    struct sl_str echo = sl_buf_status(&input) == 0 ? sl_buf_str(&input) : SL_STR("null");
    int r = body_refuse(arena, "model_attributes_type",
                        SL_STR("Input should be a valid dictionary or object to extract fields from"), echo,
                        SL_STR_NONE, -1, error);
    sl_buf_done(&input);
    return r;
}

static int json_refuse(const char *fault, size_t at, struct sl_arena *arena, struct sl_llm_error *error)
{
    struct sl_buf ctx = SL_BUF_INIT(256);
    struct sl_jw w;
    sl_jw_init(&w, &ctx);
    sl_jw_object(&w);
    sl_jw_member_str(&w, "error", sl_str_c(fault));
    sl_jw_end(&w);
    int r = body_refuse(arena, "json_invalid", SL_STR("JSON decode error"), SL_STR("{}"), sl_buf_str(&ctx),
                        (ptrdiff_t)at, error);
    sl_buf_done(&ctx);
    return r;
}

/* The parser refused the body: what Python says of it; or it is Python's JSON only, and *io_body becomes everybody's.
 */
static int json_reread(struct sl_json *doc, struct sl_str *io_body, struct sl_arena *arena, struct sl_llm_error *error)
{
    if (!sl_str_is_utf8(*io_body)) {
        *error = (struct sl_llm_error){ .type = SL_ERR_CALLER_INVALID_REQUEST,
                                        .message = SL_STR("There was an error parsing the body") };
        return SL_E_INVAL;
    }
    size_t at;
    const char *fault = sl_mf_json_fault(*io_body, &at);
    if (fault) {
        return json_refuse(fault, at, arena, error);
    }
    struct sl_str body = sl_mf_constants_null(*io_body, arena);
    int r = body.p ? sl_json_parse(doc, body) : SL_E_NOMEM;
    if (r < 0) {
        return r == SL_E_NOMEM ? r : json_refuse("Too many values", at, arena, error);
    }
    *io_body = body;
    return 0;
}

static int model_refuse(struct sl_llm_error *error)
{
    *error = (struct sl_llm_error){
        .type = SL_ERR_CALLER_INVALID_REQUEST,
        .status = 422,
        .message = SL_STR("The parameter 'model' is not permitted to be passed. The route being queried already "
                          "defines a model instance."),
        .param = SL_STR("model"),
    };
    return SL_E_INVAL;
}

static int call_fill(struct sl_call *call, struct sl_llm_error *error)
{
    struct sl_json_val root = sl_json_root(call->doc);
    if (!sl_json_is_nothing(sl_json_get(root, "model"))) {
        return model_refuse(error);
    }
    if (call->type == SL_LLM_EMBEDDINGS) {
        return 0; /* stream is nothing special there: it travels on */
    }
    call->is_stream = sl_mf_bool_value(sl_json_get(root, "stream"));
    struct sl_json_val options = sl_json_get(root, "stream_options");
    call->has_stream_options = !sl_json_is_nothing(options);
    call->wants_usage = sl_json_is(sl_json_get(options, "include_usage"), SL_JSON_TRUE);
    return 0;
}

static int schema_check(enum sl_llm_type type, struct sl_json *doc, struct sl_arena *arena, struct sl_call *call,
                        struct sl_llm_error *error)
{
    struct sl_mf_check check;
    sl_mf_check_init(&check, arena);
    sl_mf_check_body(&check, sl_mf_requests[type], sl_json_root(doc));
    int r = check.status;
    if (r == 0 && check.n_faults) {
        r = detail_refuse(arena, &check.out, error);
    }
    if (r == 0) {
        sl_json_edits_init(&call->edits, arena);
        r = sl_mf_edits(doc, check.edits, check.n_edits, &call->edits);
    }
    sl_mf_check_done(&check);
    return r;
}

static int parse(enum sl_llm_type type, struct sl_str body, struct sl_str content_type, struct sl_json *doc,
                 struct sl_arena *arena, struct sl_call *ret_call, struct sl_llm_error *ret_error)
{
    if (body.n == 0) {
        return missing_refuse(arena, ret_error);
    }
    if (!is_json_type(content_type)) {
        return text_refuse(body, arena, ret_error);
    }
    if (sl_str_has_prefix(body, SL_STR("\xef\xbb\xbf"))) {
        body = sl_str_sub(body, 3, body.n);
    }
    int r = sl_json_parse(doc, body);
    if (r < 0 && r != SL_E_NOMEM) {
        r = json_reread(doc, &body, arena, ret_error);
    }
    if (r < 0) {
        return r;
    }
    if (sl_json_is(sl_json_root(doc), SL_JSON_NULL)) {
        return missing_refuse(arena, ret_error);
    }
    struct sl_call call = { .type = type,
                            .rules = SL_RULES_MLFLOW,
                            .format = SL_FORMAT_OPENAI,
                            .body = body,
                            .doc = doc,
                            .model = SL_STR("") };
    r = schema_check(type, doc, arena, &call, ret_error);
    if (r == 0) {
        r = call_fill(&call, ret_error);
    }
    if (r == 0) {
        *ret_call = call;
    }
    return r;
}

/* --- errors --- */

static void detail_text(struct sl_buf *out, struct sl_str text)
{
    struct sl_jw w;
    sl_jw_init(&w, out);
    sl_jw_object(&w);
    sl_jw_member_str(&w, "detail", text);
    sl_jw_end(&w);
}

static void detail_raw(struct sl_buf *out, struct sl_str json)
{
    sl_buf_add_lit(out, "{\"detail\":");
    sl_mf_compact(out, json);
    sl_buf_add_char(out, '}');
}

static void detail_val(struct sl_buf *out, struct sl_json_val v)
{
    struct sl_arena scratch;
    sl_arena_init_small(&scratch, 512);
    sl_buf_add_lit(out, "{\"detail\":");
    sl_mf_echo(out, v, &scratch);
    sl_buf_add_char(out, '}');
    sl_arena_done(&scratch);
}

static bool has_word(struct sl_str s, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= s.n; i++) {
        if (sl_str_case_eq(sl_str_make(s.p + i, n), sl_str_make(word, n))) {
            return true;
        }
    }
    return false;
}

/* An upstream's JSON body: its error's message, or all of it. */
static void json_body_write(struct sl_llm_error *error, struct sl_buf *out)
{
    struct sl_json_limits limits = { .depth = SL_JSON_DEPTH_MAX, .tokens = 65536 };
    struct sl_json doc;
    sl_json_init(&doc, &limits);
    if (sl_json_parse(&doc, error->upstream_body) < 0) {
        error->status = 502;
        detail_text(out, SL_STR("The upstream's error could not be read: its body is not JSON."));
    } else {
        struct sl_json_val said = sl_json_get(sl_json_root(&doc), "error");
        struct sl_json_val message = sl_json_get(said, "message");
        if (!sl_json_is(said, SL_JSON_OBJECT) && !sl_json_is(said, SL_JSON_STRING)) {
            detail_val(out, sl_json_root(&doc));
        } else if (sl_json_is(said, SL_JSON_STRING)) {
            detail_val(out, said);
        } else if (!sl_json_is_nothing(message)) {
            detail_val(out, message);
        } else {
            detail_text(out, sl_str_c(sl_status_reason(error->upstream_status)));
        }
    }
    sl_json_done(&doc);
}

/* MLflow's mapping of what a provider answers. */
static void upstream_write(struct sl_llm_error *error, struct sl_buf *out)
{
    error->status = error->upstream_status >= 400 ? error->upstream_status : 502;
    struct sl_str type = error->upstream_content_type;
    if (has_word(type, "application/json")) {
        json_body_write(error, out);
    } else if (has_word(type, "text/plain")) {
        struct sl_jw w;
        sl_jw_init(&w, out);
        sl_jw_object(&w);
        sl_jw_key(&w, "detail");
        sl_jw_object(&w);
        sl_jw_member_str(&w, "message", error->upstream_body.p ? error->upstream_body : SL_STR(""));
        sl_jw_end(&w);
        sl_jw_end(&w);
    } else {
        error->status = 502;
        sl_buf_add_lit(
            out,
            "{\"detail\":\"The returned data type from the route service is not supported. Received content type: ");
        sl_json_escape(out, type.p ? type : SL_STR("None"));
        sl_buf_add_lit(out, "\"}");
    }
}

static void write_error(struct sl_llm_error *error, struct sl_buf *out)
{
    if (error->status == 0) {
        error->status = sl_error_type_status(error->type);
    }
    if (error->detail.p) {
        detail_raw(out, error->detail);
    } else if (error->upstream_status) {
        upstream_write(error, out);
    } else if (error->type == SL_ERR_POLICY_RATE_LIMITED) {
        struct sl_jw w;
        sl_jw_init(&w, out);
        sl_jw_object(&w);
        sl_jw_member_str(&w, "error", error->message);
        sl_jw_end(&w);
    } else {
        detail_text(out, error->message.p ? error->message : sl_str_c(sl_status_reason(error->status)));
    }
}

extern const struct sl_dialect sl_dialect_mlflow;
const struct sl_dialect sl_dialect_mlflow = {
    .name = "mlflow",
    .request_format = SL_FORMAT_OPENAI,
    .reply_format = SL_FORMAT_OWN,
    .state_size = sizeof(struct sl_chunks),
    .parse = parse,
    .write_error = write_error,
    .write_reply = sl_mlflow_write_reply,
    .write_delta = sl_mlflow_write_delta,
    .write_stream_error = sl_mlflow_write_stream_error,
    .write_end = sl_mlflow_write_end,
};
