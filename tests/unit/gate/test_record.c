/* SPDX-License-Identifier: Apache-2.0 */
/* A call's line in the access log: one for each, JSON for any input, with the result of the call. */
#include "gate_test.h"

#include "json/json.h"

#define V1       "/v1/chat/completions"
#define MESSAGES "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]"
#define CONFIG                                                                                                       \
    "endpoints:\n- name: chat\n  endpoint_type: llm/v1/chat\n  model: { provider: openai, name: gpt, config: { "     \
    "openai_api_key: sk-of-the-gateway, openai_api_base: 'http://127.0.0.1:PORT/v1' } }\n  sluice: { retries: 1 }\n" \
    "- name: mock\n  endpoint_type: llm/v1/chat\n  model: { provider: mock, name: m }\n"
#define UP(status, more, body) "HTTP/1.1 " status "\r\nConnection: close\r\n" more "\r\n" body
#define WHOLE                                                                                                  \
    UP("200 OK", "Content-Type: application/json\r\nx-request-id: of-the-upstream\r\n",                        \
       "{\"id\":\"c\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0," \
       "\"message\":{\"role\":\"assistant\",\"content\":\"a\"},\"finish_reason\":\"stop\"}],\"usage\":{"       \
       "\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7,\"prompt_tokens_details\":{"            \
       "\"cached_tokens\":2}}}")
#define BUSY UP("503 Busy", "Retry-After: 0\r\n", "{\"error\":{\"message\":\"too much\"}}")
#define REFUSED \
    UP("400 No", "Content-Type: application/json\r\n", "{\"error\":{\"message\":\"no\",\"code\":\"bad_param\"}}")
#define NO_ENTRY                                                                                        \
    UP("401 No", "Content-Type: application/json\r\n",                                                  \
       "{\"error\":{\"message\":\"Incorrect key sk-of-the-gateway: \\\"see\\\" \\u001b[31m\\u202e" LONG \
       "\",\"code\":\"k\"}}")
#define LONG                                                                                                           \
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901" \
    "0123456789012345678901234567890123456789012345678901234567890123456789"

static const struct {
    const char *method, *path, *headers, *body, *replies[4];
    const char *has[5]; /* pieces of its line; NULL ends them */
    const char *hasnt;
} calls[] = {
    { "GET",
      "/health",
      "",
      NULL,
      { NULL },
      { "\"client\":\"127.0.0.1\",\"principal\":",
        "\"method\":\"GET\",\"path\":\"/health\",\"route\":null,\"provider\":null",
        "\"status\":200,\"error_type\":null", "\"bytes_out\":" },
      "\"attempts\"" },
    { "POST",
      V1,
      "",
      "{\"model\":\"chat\"," MESSAGES "}",
      { WHOLE },
      { "\"route\":\"chat\",\"provider\":\"openai\",\"model\":\"gpt\",\"status\":200",
        "\"upstream_request_id\":\"of-the-upstream\",\"stream\":false,\"attempts\":1,\"upstream_status\":200",
        "\"input_tokens\":3,\"output_tokens\":4,\"cached_tokens\":2", "\"connect_ms\":" },
      "\"error\":" },
    { "POST",
      V1,
      "",
      "{\"model\":\"chat\"," MESSAGES "}",
      { BUSY, WHOLE },
      { "\"attempts\":2,\"upstream_status\":200", "\"status\":200,\"error_type\":null" },
      "too much" },
    { "POST",
      V1,
      "",
      "{\"model\":\"chat\"," MESSAGES "}",
      { REFUSED },
      { "\"status\":400,\"error_type\":\"provider_rejected\"", "\"upstream_code\":\"bad_param\"",
        "\"upstream_status\":400", "\"upstream_error\":\"no\"" },
      "sk-of" },
    { "POST",
      V1,
      "",
      "{\"model\":\"chat\"," MESSAGES "}",
      { NO_ENTRY },
      { "\"status\":502,\"error_type\":\"provider_auth_failed\"", "\"upstream_status\":401",
        "\"upstream_error\":\"Incorrect key *****************: ?see? ?[31m", "56789012\",\"stream\"" },
      "sk-of" },
    { "POST",
      V1,
      "",
      "{\"model\":\"chat\"," MESSAGES "}",
      { NULL },
      { "\"status\":502,\"error_type\":\"provider_bad_response\",\"error\":\"", "\"attempts\":1" },
      "\"upstream_status\"" },
    { "POST",
      V1,
      "",
      "{\"model\":\"mock\",\"stream\":true," MESSAGES "}",
      { NULL },
      { "\"provider\":\"mock\"", "\"stream\":true", "\"output_tokens\":" },
      "\"error\":" },
    { "POST",
      V1,
      "",
      "{\"model\":\"none\"," MESSAGES "}",
      { NULL },
      { "\"route\":null", "\"status\":404,\"error_type\":\"caller_not_found\"" },
      "\"upstream_status\"" },
    { "GET", "/a%22b/%5c%1b[31m", "", NULL, { NULL }, { "\"path\":\"/a", "\"status\":404" }, "\x1b" },
    { "GET", "/a\"b", "", NULL, { NULL }, { "\"status\":4" }, "/a\"b" },
    { "GET", "/nowhere?key=secret", "X-Request-Id: mine-1\r\n", NULL, { NULL }, { "\"path\":\"/nowhere\"" }, "secret" },
};

static void log_check(struct sl_str rest)
{
    struct sl_json doc;
    struct sl_str line;
    size_t i = 0;
    sl_json_init(&doc, NULL);
    while (rest.n && sl_str_next(&rest, '\n', &line) && line.n) {
        assert_true(i < SL_ARRAY_LEN(calls));
        assert_int_equal(sl_json_parse(&doc, line), 0);
        bool is_right = sl_json_is(sl_json_root(&doc), SL_JSON_OBJECT) &&
                        sl_str_find(line, sl_str_c(calls[i].hasnt), 0) < 0;
        for (size_t k = 0; is_right && k < 5 && calls[i].has[k]; k++) {
            is_right = sl_str_find(line, sl_str_c(calls[i].has[k]), 0) >= 0;
        }
        if (!is_right) {
            fail_msg("call %zu: %.*s", i, SL_STR_ARG(line));
        }
        i++;
    }
    sl_json_done(&doc);
    assert_int_equal(i, SL_ARRAY_LEN(calls));
}

static void each_call_has_a_line(void **state)
{
    (void)state;
    struct gate_test g;
    gate_test_start(&g, CONFIG);
    gate_test_log(&g);
    for (size_t i = 0; i < SL_ARRAY_LEN(calls); i++) {
        gate_test_call(&g, calls[i].method, calls[i].path, calls[i].headers, calls[i].body, calls[i].replies);
        SL_IGNORE(gate_test_reply(&g).n == 0); /* other tests check its text */
    }
    log_check(gate_test_end_log(&g));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_has_a_line),
    };
    return cmocka_run_group_tests_name("gate/record", tests, NULL, NULL);
}
