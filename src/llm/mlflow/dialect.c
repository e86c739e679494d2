/* SPDX-License-Identifier: Apache-2.0 */
/* The MLflow dialect: requests are checked against its schemas and go up as the caller sent them: coerced, without
 * nulls, with all members that the schemas do not name. Replies are in write.c. */
#include "llm/mlflow/dialect.h"

#include "json/write.h"
#include "llm/dialects.h"
#include "llm/openai/openai.h"
#include "llm/mlflow/body.h"
#include "llm/mlflow/coerce.h"
#include "llm/mlflow/echo.h"
#include "llm/mlflow/schema.h"

/* --- requests --- */

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
        call->wants_base64 = sl_json_str_eq(sl_json_get(root, "encoding_format"), SL_STR("base64"));
        return 0; /* stream means nothing here and goes up */
    }
    call->is_stream = sl_mf_bool_value(sl_json_get(root, "stream"));
    struct sl_json_val options = sl_json_get(root, "stream_options");
    call->has_stream_options = !sl_json_is_nothing(options);
    call->wants_usage = sl_json_is(sl_json_get(options, "include_usage"), SL_JSON_TRUE);
    return 0;
}

int sl_mlflow_read_call(const struct sl_incoming *in, struct sl_json *doc, struct sl_arena *arena,
                        struct sl_call *ret_call, struct sl_llm_error *ret_error)
{
    struct sl_json_edits edits;
    struct sl_str body = in->body;
    int r = sl_mf_read_body(sl_mf_requests[in->type], &body, sl_headers_get(in->headers, "content-type"), doc, arena,
                            &edits, ret_error);
    if (r < 0) {
        return r;
    }
    struct sl_call call = {
        .type = in->type, .language = &sl_language_openai, .body = body, .doc = doc, .model = SL_STR("")
    };
    call.edits = edits;
    r = call_fill(&call, ret_error);
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
    sl_json_compact(out, json);
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

/* For an upstream's JSON body: its error's message, or the whole body. */
static void json_body_write(struct sl_llm_error *error, struct sl_buf *out)
{
    struct sl_json_limits limits = { .depth = SL_JSON_DEPTH_MAX, .tokens = 65536 };
    struct sl_json doc;
    sl_json_init(&doc, &limits);
    if (sl_json_parse(&doc, error->upstream_body) < 0) {
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

/* MLflow's mapping of a provider's answer. MLflow's 502 for a body that is not JSON is not copied, because clients act
 * on the status. */
static void upstream_write(struct sl_llm_error *error, struct sl_buf *out)
{
    bool is_own = error->upstream_status >= 400 && error->type != SL_ERR_PROVIDER_BILLING;
    error->status = is_own ? error->upstream_status : 502;
    struct sl_str type = error->upstream_content_type;
    if (!error->upstream_body.p && !type.n && error->message.p) {
        detail_text(out, error->message); /* reported inside a reply of another status */
    } else if (has_word(type, "application/json")) {
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
        /* Mostly a page for people: a program gets the status, a person the title. */
        detail_text(out, error->message.n ? error->message : sl_str_c(sl_status_reason(error->upstream_status)));
    }
}

void sl_mlflow_write_error(struct sl_llm_error *error, struct sl_buf *out)
{
    if (error->status == 0) {
        error->status = sl_error_type_status(error->type);
    }
    if (sl_str_eq(error->code, SL_STR(SL_CODE_UNEXPECTED))) {
        error->status = 500; /* MLflow's status for a reply that lacks something it needs */
    }
    if (error->detail.p) {
        detail_raw(out, error->detail);
    } else if (error->upstream_status) {
        upstream_write(error, out);
    } else if (error->type == SL_ERR_POLICY_RATE_LIMITED || error->type == SL_ERR_POLICY_BUDGET_EXCEEDED) {
        struct sl_jw w;
        sl_jw_init(&w, out);
        sl_jw_object(&w);
        sl_jw_member_str(&w, "error", error->message);
        sl_jw_end(&w);
    } else if (error->code.n && error->code.p[0] <= 'Z' && error->message.p) {
        /* Management calls: Databricks' code beside MLflow's text. */
        struct sl_jw w;
        sl_jw_init(&w, out);
        sl_jw_object(&w);
        sl_jw_member_str(&w, "error_code", error->code);
        sl_jw_member_str(&w, "message", error->message);
        sl_jw_member_str(&w, "detail", error->message);
        sl_jw_end(&w);
    } else {
        detail_text(out, error->message.p ? error->message : sl_str_c(sl_status_reason(error->status)));
    }
}

const char sl_mlflow_name[] = "mlflow";

static const struct sl_language language = {
    .name = sl_mlflow_name,
    SL_MLFLOW_LANGUAGE,
    .write_end = sl_mlflow_write_end,
    .write_error = sl_mlflow_write_error,
    .write_stream_error = sl_mlflow_write_stream_error,
};

static const struct sl_manners manners = { SL_MLFLOW_MANNERS };

const struct sl_dialect sl_dialect_mlflow = {
    .name = sl_mlflow_name,
    .language = &language,
    .manners = &manners,
    .credential_header = "x-mlflow-authorization",
    .variant_agent = "databricks-sdk-py/",
    .variant = &sl_dialect_mlflow_sdk,
};
