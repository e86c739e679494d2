/* SPDX-License-Identifier: Apache-2.0 */
/* The MLflow dialect for Databricks' clients. Their errors are {"error_code","message"} and never have `detail`: the
 * SDK takes a body with `detail` for another kind of error and loses its status. On paths that only Databricks has,
 * streams end with [DONE]. */
#include "json/write.h"
#include "llm/dialects.h"
#include "llm/mlflow/dialect.h"
#include "llm/mlflow/echo.h"
#include "llm/mlflow/faults.h"

/* The codes from which Databricks' client gets the same status (422 has no code). */
static const struct {
    int status;
    const char *code;
} codes[] = {
    { 400, "INVALID_PARAMETER_VALUE" }, { 401, "UNAUTHENTICATED" },   { 403, "PERMISSION_DENIED" },
    { 404, "RESOURCE_DOES_NOT_EXIST" }, { 409, "RESOURCE_CONFLICT" }, { 422, "INVALID_PARAMETER_VALUE" },
    { 429, "REQUEST_LIMIT_EXCEEDED" },  { 501, "NOT_IMPLEMENTED" },   { 503, "TEMPORARILY_UNAVAILABLE" },
    { 504, "DEADLINE_EXCEEDED" },
};

static const char *code_of(int status)
{
    for (size_t i = 0; i < SL_ARRAY_LEN(codes); i++) {
        if (codes[i].status == status) {
            return codes[i].code;
        }
    }
    return status < 500 ? "BAD_REQUEST" : "INTERNAL_ERROR";
}

static bool is_own_code(struct sl_str code)
{
    for (size_t i = 0; i < code.n; i++) {
        if (code.p[i] != '_' && (code.p[i] < 'A' || code.p[i] > 'Z')) {
            return false;
        }
    }
    return code.n > 0;
}

static void text_add(struct sl_buf *out, struct sl_json_val v, struct sl_arena *arena)
{
    struct sl_str text;
    if (sl_json_text(v, arena, &text) == 0) {
        sl_buf_add_str(out, text);
    } else {
        sl_mf_echo(out, v, arena);
    }
}

/* "body.n: Input should be …; body.stop: …" */
static void faults_add(struct sl_buf *out, struct sl_json_val faults, struct sl_arena *arena)
{
    for (struct sl_json_iter it = sl_json_each(faults); sl_json_next(&it);) {
        if (it.index) {
            sl_buf_add_lit(out, "; ");
        }
        struct sl_json_val loc = sl_json_get(it.val, "loc");
        for (struct sl_json_iter step = sl_json_each(loc); sl_json_next(&step);) {
            if (step.index) {
                sl_buf_add_char(out, '.');
            }
            text_add(out, step.val, arena);
        }
        sl_buf_add_lit(out, ": ");
        text_add(out, sl_json_get(it.val, "msg"), arena);
    }
}

/* The content of MLflow's error as one text. */
static void message_make(struct sl_str error_body, struct sl_buf *out)
{
    struct sl_arena arena;
    struct sl_json doc;
    sl_arena_init_small(&arena, 1024);
    sl_json_init(&doc, NULL);
    if (sl_json_parse(&doc, error_body) == 0) {
        struct sl_json_val said = sl_json_get(sl_json_root(&doc), "detail");
        if (!sl_json_is_present(said)) {
            said = sl_json_get(sl_json_root(&doc), "error");
        }
        if (sl_json_is(sl_json_at(said, "[0].loc"), SL_JSON_ARRAY)) {
            faults_add(out, said, &arena);
        } else {
            text_add(out, said, &arena);
        }
    }
    sl_json_done(&doc);
    sl_arena_done(&arena);
}

#define ERROR_MAX (SL_MF_DETAIL_MAX * 2)

static void write_error(struct sl_llm_error *error, struct sl_buf *out)
{
    struct sl_buf body = SL_BUF_INIT(ERROR_MAX), message = SL_BUF_INIT(ERROR_MAX);
    sl_mlflow_write_error(error, &body);
    if (sl_buf_status(&body) == 0) {
        message_make(sl_buf_str(&body), &message);
    }
    struct sl_jw w;
    sl_jw_init(&w, out);
    sl_jw_object(&w);
    sl_jw_member_str(&w, "error_code", is_own_code(error->code) ? error->code : sl_str_c(code_of(error->status)));
    sl_jw_member_str(&w, "message", message.len ? sl_buf_str(&message) : sl_str_c(sl_status_reason(error->status)));
    sl_jw_end(&w);
    sl_buf_done(&body);
    sl_buf_done(&message);
}

static void write_end(void *state, struct sl_buf *out)
{
    sl_mlflow_write_end(state, out);
    sl_buf_add_lit(out, "data: [DONE]\n\n");
}

static void write_stream_error(void *state, const struct sl_llm_error *error, struct sl_buf *out)
{
    sl_mlflow_write_stream_error(state, error, out);
    sl_buf_add_lit(out, "data: [DONE]\n\n");
}

static const struct sl_manners manners = { SL_MLFLOW_MANNERS, .needs_absolute_urls = true };

static const struct sl_language sdk_language = {
    .name = "mlflow_sdk",
    SL_MLFLOW_LANGUAGE,
    .write_end = sl_mlflow_write_end,
    .write_error = write_error,
    .write_stream_error = sl_mlflow_write_stream_error,
};

const struct sl_dialect sl_dialect_mlflow_sdk = {
    .name = sl_mlflow_name,
    .language = &sdk_language,
    .manners = &manners,
};

static void no_route(struct sl_str name, struct sl_arena *arena, struct sl_llm_error *io_error)
{
    io_error->message = sl_arena_printf(
        arena, "The endpoint '%.*s' is not present or active on the server. Please verify the endpoint name.",
        SL_STR_ARG(name));
}

static const struct sl_language databricks_language = {
    .name = "databricks",
    SL_MLFLOW_LANGUAGE,
    .write_end = write_end,
    .write_error = write_error,
    .write_stream_error = write_stream_error,
};

const struct sl_dialect sl_dialect_databricks = {
    .name = sl_mlflow_name,
    .language = &databricks_language,
    .manners = &manners,
    .no_route = no_route,
};
