/* SPDX-License-Identifier: Apache-2.0 */
/* MLflow 3: the paths of the gateway in its tracking server. The shape of a call shows whether it is a chat or
 * embeddings. A fault is one text under 400, with pydantic's report in it. Replies name the provider. */
#include "llm/mlflow/three.h"

#include "json/write.h"
#include "base/word.h"
#include "llm/core/incoming.h"
#include "llm/core/request.h"
#include "llm/dialects.h"
#include "llm/mlflow/body.h"
#include "llm/mlflow/coerce.h"
#include "llm/mlflow/dialect.h"
#include "llm/mlflow/echo.h"
#include "llm/mlflow/faults.h"
#include "llm/openai/openai.h"

static int refuse(struct sl_llm_error *error, int status, struct sl_str message)
{
    if (!message.p) {
        return SL_E_NOMEM;
    }
    *error = (struct sl_llm_error){ .type = SL_ERR_CALLER_INVALID_REQUEST, .status = status, .message = message };
    return SL_E_INVAL;
}

/* --- faults as pydantic reports them --- */

/* At most this much of a value is shown: its first 25 characters and its last 24. */
#define SHOWN_MAX   50
#define SHOWN_FIRST 25
#define SHOWN_LAST  24
#define REPORT_MAX  (SL_MF_DETAIL_MAX * 2)

static const char *python_type(struct sl_json_val v)
{
    if (sl_json_is(v, SL_JSON_NUMBER)) {
        struct sl_str raw = sl_json_raw(v);
        bool is_int = sl_str_find_char(raw, '.', 0) < 0 && sl_str_find_char(raw, 'e', 0) < 0 &&
                      sl_str_find_char(raw, 'E', 0) < 0;
        return is_int ? "int" : "float";
    }
    return sl_json_is(v, SL_JSON_STRING)   ? "str"
           : sl_json_is(v, SL_JSON_OBJECT) ? "dict"
           : sl_json_is(v, SL_JSON_ARRAY)  ? "list"
           : sl_json_is(v, SL_JSON_NULL)   ? "NoneType"
                                           : "bool";
}

static void shown_add(struct sl_buf *out, struct sl_json_val v, struct sl_arena *arena)
{
    struct sl_buf repr = SL_BUF_INIT(REPORT_MAX);
    sl_mf_repr(&repr, v, arena);
    struct sl_str text = sl_buf_status(&repr) == 0 ? sl_buf_str(&repr) : SL_STR("...");
    if (text.n > SHOWN_MAX) {
        size_t last = text.n - SHOWN_LAST;
        while (last < text.n && ((unsigned char)text.p[last] & 0xc0) == 0x80) {
            last++; /* no character is cut */
        }
        sl_buf_add_str(out, sl_str_sub(text, 0, sl_utf8_fit(text, SHOWN_FIRST)));
        sl_buf_add_lit(out, "...");
        text = sl_str_sub(text, last, text.n);
    }
    sl_buf_add_str(out, text);
    sl_buf_done(&repr);
}

static void text_add(struct sl_buf *out, struct sl_json_val v, struct sl_arena *arena)
{
    struct sl_str text;
    sl_buf_add_str(out, sl_json_text(v, arena, &text) == 0 ? text : sl_json_raw(v));
}

/* "messages.0.role
 *   Field required [type=missing, input_value={…}, input_type=dict]
 *     For further …" */
static void fault_add(struct sl_buf *out, struct sl_json_val fault, struct sl_arena *arena)
{
    struct sl_json_val input = sl_json_get(fault, "input");
    sl_buf_add_char(out, '\n');
    for (struct sl_json_iter step = sl_json_each(sl_json_get(fault, "loc")); sl_json_next(&step);) {
        if (step.index) { /* the first is "body" */
            sl_buf_add_str(out, step.index > 1 ? SL_STR(".") : SL_STR(""));
            text_add(out, step.val, arena);
        }
    }
    sl_buf_add_lit(out, "\n  ");
    text_add(out, sl_json_get(fault, "msg"), arena);
    sl_buf_add_lit(out, " [type=");
    text_add(out, sl_json_get(fault, "type"), arena);
    sl_buf_add_lit(out, ", input_value=");
    shown_add(out, input, arena);
    sl_buf_add_lit(out, ", input_type=");
    sl_buf_add_str(out, sl_str_c(python_type(input)));
    sl_buf_add_lit(out, "]\n    For further information visit https://errors.pydantic.dev/2.11/v/");
    text_add(out, sl_json_get(fault, "type"), arena);
}

static int faults_refuse(const char *kind, const struct sl_mf_faults *faults, struct sl_arena *arena,
                         struct sl_llm_error *error)
{
    struct sl_buf out = SL_BUF_INIT(REPORT_MAX);
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    int r = sl_json_parse(&doc, faults->list);
    struct sl_str head = sl_arena_printf(arena, "Invalid %s payload: %u validation error%s for RequestPayload", kind,
                                         faults->n, faults->n == 1 ? "" : "s");
    sl_buf_add_str(&out, head);
    if (r == 0) {
        for (struct sl_json_iter it = sl_json_each(sl_json_root(&doc)); sl_json_next(&it);) {
            fault_add(&out, it.val, arena);
        }
    }
    struct sl_str text = sl_buf_status(&out) == 0 ? sl_arena_dup(arena, sl_buf_str(&out)) : head;
    sl_json_done(&doc);
    sl_buf_done(&out);
    return refuse(error, 400, text);
}

/* "Expecting value: line 1 column 1 (char 0)" */
static int no_json_refuse(const struct sl_mf_no_json *fault, struct sl_str body, struct sl_arena *arena,
                          struct sl_llm_error *error)
{
    if (!fault->text) {
        return refuse(error, 400, SL_STR("Invalid JSON payload: the body is not UTF-8"));
    }
    size_t line = 1, column = 1, n = 0;
    for (size_t i = 0; i < body.n && n < fault->at; i++) {
        if (((unsigned char)body.p[i] & 0xc0) != 0x80) {
            bool is_end = body.p[i] == '\n';
            line += is_end;
            column = is_end ? 1 : column + 1;
            n++;
        }
    }
    return refuse(error, 400,
                  sl_arena_printf(arena, "Invalid JSON payload: %s: line %zu column %zu (char %zu)", fault->text, line,
                                  column, fault->at));
}

/* --- requests --- */

static bool has_member(struct sl_json_val root, const char *name)
{
    return sl_json_is_present(sl_json_get(root, name));
}

/* The path names the route, or the member `model` does. */
static int model_read(const struct sl_incoming *in, struct sl_json_val root, struct sl_arena *arena,
                      struct sl_call *call, struct sl_llm_error *error)
{
    struct sl_json_val model = sl_json_get(root, "model");
    if (in->has_route) {
        return sl_json_is_nothing(model)
                   ? 0
                   : refuse(error, 422,
                            SL_STR("The parameter 'model' is not permitted to be passed. The route being queried "
                                   "already defines a model instance."));
    }
    struct sl_str name = SL_STR_NONE;
    int r = sl_json_is(model, SL_JSON_STRING) ? sl_json_text(model, arena, &name) : 0;
    if (r < 0) {
        return r;
    }
    call->model = name;
    return name.n ? 0 : refuse(error, 400, SL_STR("Missing required 'model' parameter in request body"));
}

static void wishes_read(struct sl_json_val root, struct sl_call *call)
{
    if (call->type == SL_LLM_EMBEDDINGS) {
        call->wants_base64 = sl_json_str_eq(sl_json_get(root, "encoding_format"), SL_STR("base64"));
        return;
    }
    struct sl_json_val options = sl_json_get(root, "stream_options");
    call->is_stream = sl_mf_bool_value(sl_json_get(root, "stream"));
    call->has_stream_options = !sl_json_is_nothing(options);
    call->wants_usage = sl_json_is(sl_json_get(options, "include_usage"), SL_JSON_TRUE);
}

/* The content type is not checked. */
static int read_call(const struct sl_incoming *in, struct sl_json *doc, struct sl_arena *arena,
                     struct sl_call *ret_call, struct sl_llm_error *ret_error)
{
    struct sl_call call = { .type = in->type, .language = &sl_language_openai, .doc = doc, .model = SL_STR("") };
    struct sl_mf_no_json no_json;
    struct sl_str body = in->body;
    int r = sl_mf_parse(doc, &body, arena, &no_json);
    if (r < 0) {
        return r == SL_E_INVAL ? no_json_refuse(&no_json, body, arena, ret_error) : r;
    }
    struct sl_json_val root = sl_json_root(doc);
    if (!sl_json_is(root, SL_JSON_OBJECT)) {
        return refuse(ret_error, 400, SL_STR("Invalid JSON payload: it must be an object"));
    }
    r = model_read(in, root, arena, &call, ret_error);
    if (r == 0 && in->has_route) {
        bool is_chat = has_member(root, "messages");
        if (!is_chat && !has_member(root, "input")) {
            return refuse(ret_error, 400, SL_STR("Invalid request: payload format must be either chat or embeddings"));
        }
        call.type = is_chat ? SL_LLM_CHAT : SL_LLM_EMBEDDINGS;
    }
    struct sl_mf_faults faults;
    bool is_chat = call.type == SL_LLM_CHAT;
    r = r < 0 ? r : sl_mf_check_schema(is_chat ? &sl_mf3_chat : &sl_mf3_embeddings, doc, arena, &call.edits, &faults);
    if (r == SL_E_INVAL && ret_error->type == SL_ERR_NONE) {
        return faults_refuse(is_chat ? "chat" : "embeddings", &faults, arena, ret_error);
    }
    if (r == 0) {
        call.body = body;
        wishes_read(root, &call);
        *ret_call = call;
    }
    return r;
}

/* --- errors --- */

static void write_error(struct sl_llm_error *error, struct sl_buf *out)
{
    bool is_limit = error->type == SL_ERR_POLICY_RATE_LIMITED || error->type == SL_ERR_POLICY_BUDGET_EXCEEDED;
    if (is_limit && !error->detail.p) {
        struct sl_jw w;
        error->status = error->status ? error->status : sl_error_type_status(error->type);
        sl_jw_init(&w, out);
        sl_jw_object(&w);
        sl_jw_member_str(&w, "detail", error->message);
        sl_jw_end(&w);
        return;
    }
    sl_mlflow_write_error(error, out);
}

/* {"error_code":"RESOURCE_DOES_NOT_EXIST","message":"GatewayEndpoint not found (name='x')"} */
void sl_mlflow3_no_route(struct sl_str name, struct sl_arena *arena, struct sl_llm_error *io_error)
{
    struct sl_str message = sl_arena_printf(arena, "GatewayEndpoint not found (name='%.*s')", SL_STR_ARG(name));
    struct sl_str quoted = sl_json_quote(message, arena);
    io_error->message = message;
    io_error->detail = sl_arena_printf(arena, "{\"error_code\":\"RESOURCE_DOES_NOT_EXIST\",\"message\":%.*s}",
                                       SL_STR_ARG(quoted));
}

/* --- the rows --- */

const struct sl_language sl_language_mlflow3 = {
    .name = "mlflow3",
    .framing = SL_FRAMING_SSE,
    .stream_type = SL_STR_INIT("text/event-stream; charset=utf-8"),
    .read_call = read_call,
    .write_state_size = sizeof(struct sl_chunks),
    .lacks = { SL_MLFLOW_LACKS, SL_MLFLOW_LACKS },
    .cost_at = "usage",
    .write_reply = sl_mlflow3_write_reply,
    .write_delta = sl_mlflow3_write_delta,
    .write_end = sl_mlflow3_write_end,
    .write_error = write_error,
    .error_member = "detail",
    .write_stream_error = sl_mlflow_write_stream_error,
};

static const struct sl_manners manners = {
    .refusal_status = 422,
    .passes_unknown = true,
    .takes_any_role = true,
    .temperature_max = 2,
    .max_tokens_default = INT64_MAX,
    .checks_as_mlflow = true,
    .joins_system = true,
    .has_two_finishes = true,
    .has_fastapi_texts = true,
};

const struct sl_dialect sl_dialect_mlflow3 = {
    .name = "mlflow3",
    .language = &sl_language_mlflow3,
    .manners = &manners,
    SL_OF_MLFLOW3,
};
