/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a body as MLflow's server reads it, and finds faults of the body as a whole. */

#include "llm/mlflow/body.h"

#include "json/write.h"
#include "llm/mlflow/check.h"
#include "llm/mlflow/edits.h"
#include "llm/mlflow/faults.h"
#include "llm/mlflow/jsonfault.h"
#include "llm/mlflow/schema.h"

/* As Python's mail parser reads the field: it has one '/', else it is text/plain. */
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

static int detail_refuse(struct sl_str list, struct sl_llm_error *error)
{
    if (!list.p) {
        return SL_E_NOMEM;
    }
    *error = (struct sl_llm_error){
        .type = SL_ERR_CALLER_INVALID_REQUEST,
        .status = 422,
        .message = SL_STR("the request does not fit the schema"),
        .detail = list,
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
    struct sl_str brackets[] = { SL_STR("["), sl_buf_str(&check.out), SL_STR("]") };
    int r = detail_refuse(sl_arena_join(arena, brackets, 3), error);
    sl_mf_check_done(&check);
    return r;
}

static int missing_refuse(struct sl_arena *arena, struct sl_llm_error *error)
{
    return body_refuse(arena, "missing", SL_STR("Field required"), SL_STR("null"), SL_STR_NONE, -1, error);
}

/* Without a JSON content type the body is a text, and a text has no fields. */
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

/* The parser refused the body: reports what Python would say; or the body is JSON only for Python, and *io_body becomes
 * ordinary JSON. */
static int json_reread(struct sl_json *doc, struct sl_str *io_body, struct sl_arena *arena,
                       struct sl_mf_no_json *ret_fault)
{
    if (!sl_str_is_utf8(*io_body)) {
        *ret_fault = (struct sl_mf_no_json){ NULL, 0 };
        return SL_E_INVAL;
    }
    ret_fault->text = sl_mf_json_fault(*io_body, &ret_fault->at);
    if (ret_fault->text) {
        return SL_E_INVAL;
    }
    struct sl_str body = sl_json_constants_null(*io_body, arena);
    int r = body.p ? sl_json_parse(doc, body) : SL_E_NOMEM;
    if (r < 0) {
        ret_fault->text = "Too many values";
        return r == SL_E_NOMEM ? r : SL_E_INVAL;
    }
    *io_body = body;
    return 0;
}

int sl_mf_parse(struct sl_json *doc, struct sl_str *io_body, struct sl_arena *arena, struct sl_mf_no_json *ret_fault)
{
    struct sl_str body = *io_body;
    if (sl_str_has_prefix(body, SL_STR("\xef\xbb\xbf"))) {
        body = sl_str_sub(body, 3, body.n);
    }
    int r = sl_json_parse(doc, body);
    if (r < 0 && r != SL_E_NOMEM) {
        r = json_reread(doc, &body, arena, ret_fault);
    }
    if (r == 0) {
        *io_body = body;
    }
    return r;
}

int sl_mf_check_schema(const struct sl_mf_model *model, struct sl_json *doc, struct sl_arena *arena,
                       struct sl_json_edits *edits, struct sl_mf_faults *ret_faults)
{
    struct sl_mf_check check;
    sl_mf_check_init(&check, arena);
    sl_mf_check_body(&check, model, sl_json_root(doc));
    int r = check.status;
    *ret_faults = (struct sl_mf_faults){ .n = check.n_faults };
    if (r == 0 && check.n_faults) {
        struct sl_str brackets[] = { SL_STR("["), sl_buf_str(&check.out), SL_STR("]") };
        ret_faults->list = sl_arena_join(arena, brackets, 3);
        r = ret_faults->list.p ? SL_E_INVAL : SL_E_NOMEM;
    }
    if (r == 0 && edits) {
        sl_json_edits_init(edits, arena);
        r = sl_mf_edits(doc, check.edits, check.n_edits, edits);
    }
    sl_mf_check_done(&check);
    return r;
}

int sl_mf_read_body(const struct sl_mf_model *model, struct sl_str *io_body, struct sl_str content_type,
                    struct sl_json *doc, struct sl_arena *arena, struct sl_json_edits *edits,
                    struct sl_llm_error *ret_error)
{
    struct sl_str body = *io_body;
    if (body.n == 0) {
        return missing_refuse(arena, ret_error);
    }
    if (!is_json_type(content_type)) {
        return text_refuse(body, arena, ret_error);
    }
    struct sl_mf_no_json no_json;
    int r = sl_mf_parse(doc, &body, arena, &no_json);
    if (r == SL_E_INVAL && !no_json.text) {
        *ret_error = (struct sl_llm_error){ .type = SL_ERR_CALLER_INVALID_REQUEST,
                                            .message = SL_STR("There was an error parsing the body") };
        return r;
    }
    if (r < 0) {
        return r == SL_E_INVAL ? json_refuse(no_json.text, no_json.at, arena, ret_error) : r;
    }
    if (sl_json_is(sl_json_root(doc), SL_JSON_NULL)) {
        return missing_refuse(arena, ret_error);
    }
    *io_body = body;
    struct sl_mf_faults faults;
    r = sl_mf_check_schema(model, doc, arena, edits, &faults);
    return r == SL_E_INVAL ? detail_refuse(faults.list, ret_error) : r;
}
