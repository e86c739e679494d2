/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of MLflow's reader alone: what Python reports about broken JSON, values written as Python writes them, its
 * constants, its errors for Databricks' SDK, the schemas as JSON Schema. */
#include "help.h"

#include "json/write.h"
#include "llm/mlflow/echo.h"
#include "llm/mlflow/faults.h"
#include "llm/mlflow/jsonfault.h"
#include "llm/mlflow/openapi.h"

static void check_text(struct sl_str got, const char *want, const char *what)
{
    if (!sl_str_eq(got, sl_str_c(want))) {
        fail_msg("%s:\n got  %.*s\n want %s", what, SL_STR_ARG(got), want);
    }
}

static const struct {
    const char *text;
    const char *fault; /* NULL: Python takes it */
    size_t at;         /* in characters */
} json_faults[] = {
    { "", "Expecting value", 0 },
    { " ", "Expecting value", 1 },
    { "{", "Expecting property name enclosed in double quotes", 1 },
    { "{\"a\"", "Expecting ':' delimiter", 4 },
    { "{\"a\":", "Expecting value", 5 },
    { "{\"a\":1", "Expecting ',' delimiter", 6 },
    { "{\"a\":1,}", "Expecting property name enclosed in double quotes", 7 },
    { "[1 2]", "Expecting ',' delimiter", 3 },
    { "{\"a\":01}", "Expecting ',' delimiter", 6 },
    { "{} x", "Extra data", 3 },
    { "{\"a\":\"x", "Unterminated string starting at", 5 },
    { "{\"a\":\"\\x\"}", "Invalid \\escape", 6 },
    { "{\"a\":\"\\u12\"}", "Invalid \\uXXXX escape", 7 },
    { "{\"a\":\"\n\"}", "Invalid control character at", 6 },
    { "{\"\xc3\xa9\": \xe2\x82\xac}", "Expecting value", 6 }, /* characters, not bytes */
    { "[NaN,", "Expecting value", 5 },
    { "[-Infinit]", "Expecting value", 1 },
    { "{\"a\":[NaN,Infinity,-Infinity]}", NULL, 0 },
};

static void broken_json_is_told_as_python_tells_it(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(json_faults); i++) {
        size_t at = SIZE_MAX;
        const char *fault = sl_mf_json_fault(sl_str_c(json_faults[i].text), &at);
        if (!json_faults[i].fault) {
            assert_null(fault);
            continue;
        }
        assert_non_null(fault);
        check_text(sl_str_c(fault), json_faults[i].fault, json_faults[i].text);
        assert_int_equal(at, json_faults[i].at);
    }
}

static const struct {
    const char *text, *json, *repr;
} values[] = {
    { "null", "null", "None" },
    { "true", "true", "True" },
    { " [ 1 , 2.50 ,-0, -0.0,1e2 ] ", "[1,2.5,0,-0.0,100.0]", "[1, 2.5, 0, -0.0, 100.0]" },
    { "[1e22,1E5,1e16,0.00001,0.0001,1e-7]", "[1e+22,100000.0,1e+16,1e-05,0.0001,1e-07]",
      "[1e+22, 100000.0, 1e+16, 1e-05, 0.0001, 1e-07]" },
    { "123456789012345678901234567890", "123456789012345678901234567890", "123456789012345678901234567890" },
    { "\"\\u00e9\\/\\n\\u0001\\\"\"", "\"é/\\n\\u0001\\\"\"", "'é/\\n\\x01\"'" },
    { "\"it's\"", "\"it's\"", "\"it's\"" },
    { "\"it's \\\"\\\\\"", "\"it's \\\"\\\\\"", "'it\\'s \"\\\\'" },
    { "{\"a\":{},\"b\":[],\"c\":{\"d\":[null,false]}}", "{\"a\":{},\"b\":[],\"c\":{\"d\":[null,false]}}",
      "{'a': {}, 'b': [], 'c': {'d': [None, False]}}" },
    { "{\"a\":1,\"b\":2,\"a\":[3]}", "{\"a\":[3],\"b\":2}", "{'a': [3], 'b': 2}" },
};

static void values_are_written_as_python_writes_them(void **state)
{
    (void)state;
    struct help h;
    help_init(&h);
    for (size_t i = 0; i < SL_ARRAY_LEN(values); i++) {
        struct sl_buf out = SL_BUF_INIT(4096);
        assert_int_equal(sl_json_parse(&h.doc, sl_str_c(values[i].text)), 0);
        sl_mf_echo(&out, sl_json_root(&h.doc), &h.arena);
        check_text(sl_buf_str(&out), values[i].json, values[i].text);
        sl_buf_reset(&out);
        sl_mf_repr(&out, sl_json_root(&h.doc), &h.arena);
        check_text(sl_buf_str(&out), values[i].repr, values[i].text);
        sl_buf_done(&out);
    }
    help_done(&h);
}

static void constants_become_null(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "NaN", "null" },
        { "[NaN,NaN,NaN]", "[null,null,null]" },
        { "{\"NaN\":-Infinity,\"\\\"Infinity\":Infinity,\"c\":-1}", "{\"NaN\":null,\"\\\"Infinity\":null,\"c\":-1}" },
    };
    struct help h;
    help_init(&h);
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        check_text(sl_json_constants_null(sl_str_c(cases[i].text), &h.arena), cases[i].want, cases[i].text);
    }
    help_done(&h);
}

static void large_inputs_are_bounded(void **state)
{
    (void)state;
    struct help h;
    help_init(&h);
    /* An input over the limit is not echoed; a list of faults is cut whole. */
    struct sl_buf body = SL_BUF_INIT(1 << 24);
    sl_buf_add_lit(&body, "{\"messages\":[{\"role\":\"");
    for (size_t i = 0; i < SL_MF_INPUT_MAX; i++) {
        sl_buf_add_char(&body, 'x');
    }
    sl_buf_add_lit(&body, "\",\"content\":\"a\",\"refusal\":5}],\"n\":[");
    for (size_t i = 0; i < SL_MF_INPUT_MAX; i++) {
        sl_buf_add_lit(&body, "1,");
    }
    sl_buf_add_lit(&body, "1]}");
    struct sl_str refused = help_refused(&h, &sl_dialect_mlflow, SL_LLM_CHAT, sl_buf_str(&body), "application/json");
    assert_true(
        sl_str_find(refused,
                    SL_STR("\"loc\":[\"body\",\"n\"],\"msg\":\"Input should be a valid integer\",\"input\":null}"),
                    0) >= 0);
    assert_true(
        sl_str_find(refused, SL_STR("\"refusal\"],\"msg\":\"Input should be a valid string\",\"input\":5}"), 0) >= 0);
    sl_buf_reset(&body);
    sl_buf_add_lit(&body, "{\"messages\":[");
    for (size_t i = 0; i < 10000; i++) {
        sl_buf_add_lit(&body, "{\"role\":1},");
    }
    sl_buf_add_lit(&body, "{}]}");
    refused = help_refused(&h, &sl_dialect_mlflow, SL_LLM_CHAT, sl_buf_str(&body), "application/json");
    assert_true(refused.n > SL_MF_DETAIL_MAX / 2 && refused.n < SL_MF_DETAIL_MAX + 64);
    assert_int_equal(sl_json_parse(&h.doc, sl_str_sub(refused, 4, refused.n)), 0);
    sl_buf_done(&body);
    help_done(&h);
}

static void errors_for_the_sdk(void **state)
{
    (void)state;
    static const struct {
        struct sl_llm_error error;
        const char *want;
    } cases[] = {
        { { .type = SL_ERR_CALLER_NOT_FOUND, .message = SL_STR_INIT("x \"y\"") },
          "{\"error_code\":\"RESOURCE_DOES_NOT_EXIST\",\"message\":\"x \\\"y\\\"\"}" },
        { { .type = SL_ERR_CALLER_CONFLICT,
            .message = SL_STR_INIT("x"),
            .code = SL_STR_INIT("RESOURCE_ALREADY_EXISTS") },
          "{\"error_code\":\"RESOURCE_ALREADY_EXISTS\",\"message\":\"x\"}" },
        { { .type = SL_ERR_CALLER_CONFLICT, .message = SL_STR_INIT("x"), .code = SL_STR_INIT("not_ours") },
          "{\"error_code\":\"RESOURCE_CONFLICT\",\"message\":\"x\"}" },
        { { .type = SL_ERR_SLUICE_DRAINING },
          "{\"error_code\":\"TEMPORARILY_UNAVAILABLE\",\"message\":\"Service Unavailable\"}" },
        { { .type = SL_ERR_PROVIDER_TIMEOUT_IDLE, .message = SL_STR_INIT("late") },
          "{\"error_code\":\"DEADLINE_EXCEEDED\",\"message\":\"late\"}" },
        { { .type = SL_ERR_PROVIDER_REJECTED,
            .upstream_status = 400,
            .upstream_body = SL_STR_INIT("{\"detail\":[1, 2.50]}"),
            .upstream_content_type = SL_STR_INIT("application/json") },
          "{\"error_code\":\"INVALID_PARAMETER_VALUE\",\"message\":\"{\\\"detail\\\":[1,2.5]}\"}" },
        { { .type = SL_ERR_POLICY_RATE_LIMITED, .message = SL_STR_INIT("Rate limit exceeded: 1 per 1 minute") },
          "{\"error_code\":\"REQUEST_LIMIT_EXCEEDED\",\"message\":\"Rate limit exceeded: 1 per 1 minute\"}" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_llm_error error = cases[i].error;
        struct sl_buf out = SL_BUF_INIT(4096);
        sl_dialect_databricks.language->write_error(&error, &out);
        check_text(sl_buf_str(&out), cases[i].want, "error");
        sl_buf_done(&out);
    }
}

static void schemas_are_json_schema(void **state)
{
    (void)state;
    struct help h;
    help_init(&h);
    for (int type = 0; type < SL_LLM_TRANSLATED_COUNT; type++) {
        struct sl_buf out = SL_BUF_INIT(65536);
        struct sl_jw w;
        sl_jw_init(&w, &out);
        sl_mf_request_schema(&w, (enum sl_llm_type)type);
        assert_int_equal(sl_json_parse(&h.doc, sl_buf_str(&out)), 0);
        struct sl_json_val root = sl_json_root(&h.doc);
        assert_true(sl_json_str_eq(sl_json_get(root, "type"), SL_STR("object")));
        unsigned n = sl_mf_requests[type]->n + (type == SL_LLM_EMBEDDINGS); /* `model` is reported for each */
        assert_int_equal(sl_json_count(sl_json_get(root, "properties")), n);
        assert_int_equal(sl_json_count(sl_json_get(root, "required")), 1);
        sl_buf_done(&out);
    }
    help_done(&h);
}

/* MLflow 3: a fault is one text, with pydantic's report in it. */
static void three_tells_one_text(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        bool has_route;
        const char *told; /* its beginning; NULL: it is a call */
        enum sl_llm_type type;
    } rows[] = {
        { "{\"messages\":[{\"role\":\"user\",\"content\":\"x\"}],\"top_p\":\"0.5\"}", true, NULL, SL_LLM_CHAT },
        { "{\"input\":[\"x\"]}", true, NULL, SL_LLM_EMBEDDINGS },
        { "{\"model\":\"a\",\"messages\":[{\"role\":\"user\"}]}", false, NULL, SL_LLM_CHAT },
        { "{\"model\":\"a\",\"messages\":[{\"role\":\"user\"}]}", true, "The parameter 'model' is not permitted", 0 },
        { "{\"messages\":[]}", false, "Missing required 'model' parameter in request body", 0 },
        { "{}", true, "Invalid request: payload format must be either chat or embeddings", 0 },
        { "[]", true, "Invalid JSON payload: it must be an object", 0 },
        { "{\n \"\xc3\xa9\": x", true, "Invalid JSON payload: Expecting value: line 2 column 7 (char 8)", 0 },
        { "{\"messages\":[]}", true,
          "Invalid chat payload: 1 validation error for RequestPayload\nmessages\n  List should have at least 1 item "
          "after "
          "validation, not 0 [type=too_short, input_value=[], input_type=list]\n    For further information visit "
          "https://errors.pydantic.dev/",
          0 },
        { "{\"input\":\"x\",\"messages\":[{\"role\":\"u\"}],\"presence_penalty\":-2.5,\"frequency_penalty\":\"3\"}",
          true,
          "Invalid chat payload: 2 validation errors for RequestPayload\npresence_penalty\n  Input should be greater "
          "than "
          "or equal to -2 [type=greater_than_equal, input_value=-2.5, input_type=float]",
          0 },
        { "{\"input\":null}", true, "Invalid embeddings payload: 4 validation errors for RequestPayload\ninput.str\n",
          0 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct sl_arena arena;
        struct sl_json doc;
        struct sl_call call = { 0 };
        struct sl_llm_error error = { 0 };
        sl_arena_init(&arena, NULL);
        sl_json_init(&doc, NULL);
        struct sl_incoming in = { .headers = &(struct sl_headers){ 0 },
                                  .body = sl_str_c(rows[i].body),
                                  .has_route = rows[i].has_route };
        int r = sl_dialect_read(&sl_dialect_mlflow3, &in, &doc, &arena, &call, &error);
        if (!rows[i].told) {
            assert_int_equal(r, 0);
            assert_int_equal(call.type, rows[i].type);
        } else if (r != SL_E_INVAL || !sl_str_has_prefix(error.message, sl_str_c(rows[i].told))) {
            fail_msg("%s\n got  %.*s\n want %s", rows[i].body, SL_STR_ARG(error.message), rows[i].told);
        }
        sl_json_done(&doc);
        sl_arena_done(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(broken_json_is_told_as_python_tells_it),
        cmocka_unit_test(values_are_written_as_python_writes_them),
        cmocka_unit_test(constants_become_null),
        cmocka_unit_test(large_inputs_are_bounded),
        cmocka_unit_test(errors_for_the_sdk),
        cmocka_unit_test(three_tells_one_text),
        cmocka_unit_test(schemas_are_json_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
