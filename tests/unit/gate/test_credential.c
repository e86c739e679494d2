/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of routes with a fetched credential: when it is fetched, how long it is kept, and the error when there is none.
 * The upstream is also the token's endpoint. */
#include "gate_test.h"

#include <unistd.h>

#include "gate/call/credential.h"
#include "gate/call/state.h"

#define V1        "/v1/chat/completions"
#define ASK(name) "{\"model\":\"" name "\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"
#define CONFIG                                                                                                      \
    "endpoints:\n- name: v\n  endpoint_type: llm/v1/chat\n  model: { provider: vertex_ai, name: gemini-2.5-flash, " \
    "config: { vertex_project: p, vertex_api_base: 'http://127.0.0.1:PORT/v1', metadata_url: "                      \
    "'http://127.0.0.1:PORT' } }\n  sluice: { retries: 0 }\n"

#define UP(status, body)  "HTTP/1.1 " status "\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n" body
#define TOKEN(text, life) UP("200 OK", "{\"access_token\":\"" text "\",\"expires_in\":" life "}")
#define REFUSED           UP("401 No", "{\"error\":{\"code\":401,\"message\":\"old ya29-a\",\"status\":\"UNAUTHENTICATED\"}}")
#define ANSWER                                                                                              \
    UP("200 OK", "{\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"an answer\"}]}," \
                 "\"finishReason\":\"STOP\"}]}")

struct call {
    const char *replies[UPSTREAM_REPLIES_MAX];
    unsigned n_asked;
    int status;
    const char *has[3], *asked; /* `asked`: in the last request that the upstream got */
};

static void calls_run(const char *config, const struct call *calls, size_t n)
{
    struct gate_test g;
    gate_test_start_file(&g, config);
    for (size_t i = 0; i < n; i++) {
        char what[64];
        snprintf(what, sizeof(what), "call %zu", i);
        gate_test_call(&g, "POST", V1, "", ASK("v"), calls[i].replies);
        gate_test_check(&g, what, calls[i].status, calls[i].has, "ya29");
        if (g.n_asked != calls[i].n_asked || sl_str_find(sl_buf_str(&g.asked), sl_str_c(calls[i].asked), 0) < 0) {
            fail_msg("%s: asked %u times, at last\n%.*s", what, g.n_asked, SL_STR_ARG(sl_buf_str(&g.asked)));
        }
    }
    gate_test_end(&g);
}
#define RUN(config, calls) calls_run((config), (calls), SL_ARRAY_LEN(calls))

static void one_token_serves_many_calls(void **state)
{
    (void)state;
    static const struct call calls[] = {
        { { TOKEN("ya29-a", "3600"), ANSWER }, 2, 200, { "an answer" }, "authorization: Bearer ya29-a\r\n" },
        { { ANSWER }, 1, 200, { "an answer" }, "authorization: Bearer ya29-a\r\n" },
        /* after a refusal another one is fetched, once, and kept */
        { { REFUSED, TOKEN("ya29-b", "3600"), ANSWER }, 3, 200, { "an answer" }, "authorization: Bearer ya29-b\r\n" },
        { { ANSWER }, 1, 200, { "an answer" }, "authorization: Bearer ya29-b\r\n" },
        { { REFUSED, TOKEN("ya29-c", "3600"), REFUSED, ANSWER },
          3,
          502,
          { "gateway's credential" },
          "Bearer ya29-c\r\n" },
    };
    RUN(CONFIG, calls);
}

/* In each case the provider is not called, and the caller learns no more than that. */
static void no_token_no_call(void **state)
{
    (void)state;
    static char large[80000] = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n";
    memset(large + strlen(large), ' ', sizeof(large) - strlen(large) - 1);
    const struct {
        const char *reply, *type;
    } rows[] = {
        { UP("404 No", "not here"), "provider_auth_failed" },
        { UP("400 No", "{\"error\":\"invalid_grant\"}"), "provider_auth_failed" },
        { UP("429 Slow", "{}"), "provider_rate_limited" },
        { UP("500 No", "{\"error\":\"internal_failure\"}"), "provider_server_error" },
        { UP("503 No", "<html>"), "provider_server_error" },
        { UP("302 Away", ""), "provider_bad_response" },
        { UP("200 OK", "<html>"), "provider_bad_response" },
        { UP("200 OK", "{}"), "provider_bad_response" },
        { TOKEN("ya29 b", "3600"), "provider_bad_response" },
        { "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{", "provider_bad_response" },
        { large, "provider_bad_response" },
        { NULL, "provider_bad_response" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        char type[64];
        snprintf(type, sizeof(type), "x-sluice-error-type: %s\r\n", rows[i].type);
        bool is_refusal = strcmp(rows[i].type, "provider_auth_failed") == 0;
        const struct call calls[] = {
            { { rows[i].reply, ANSWER },
              1,
              502,
              { type, is_refusal ? "x-should-retry: false" : "could not fetch its credential" },
              "GET /computeMetadata/v1/" },
        };
        RUN(CONFIG, calls);
    }
}

/* A caller that leaves, and a gateway that ends in the middle. */
static void a_fetch_outlives_its_caller(void **state)
{
    (void)state;
    static const char *const silent[] = { NULL };
    struct gate_test g;
    gate_test_start_file(&g, CONFIG);
    g.is_held = true;
    gate_test_call(&g, "POST", V1, "", ASK("v"), silent);
    GATE_UNTIL(&g, g.n_asked == 1);
    close(g.client);
    g.client = -1;
    GATE_UNTIL(&g, !sl_xchg_list_first(&g.worker.desk.xchgs));
    assert_false(g.is_up_gone);
    sl_credentials_end(&g.worker);
    GATE_UNTIL(&g, g.is_up_gone && g.worker.n_questions == 0);
    gate_test_end(&g);
}

/* --- steps over a file --- */

#define BEDROCK                                                                                                       \
    "endpoints:\n- name: v\n  endpoint_type: llm/v1/chat\n  model: { provider: bedrock, name: amazon.nova-pro-v1:0, " \
    "config: { aws_config: { aws_region: eu-west-1, aws_endpoint_url: 'http://127.0.0.1:PORT', sts_endpoint_url: "    \
    "'http://127.0.0.1:PORT/sts' } } }\n  sluice: { retries: 0 }\n"

static void a_files_token_is_exchanged(void **state)
{
    (void)state;
    char path[] = "/tmp/sluice-token-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, "a.web.token\n", 12) == 12);
    close(fd);
    assert_int_equal(setenv("AWS_WEB_IDENTITY_TOKEN_FILE", path, 1), 0);
    assert_int_equal(setenv("AWS_ROLE_ARN", "arn:x", 1), 0);
    static const struct call calls[] = {
        { { UP("200 OK",
               "<AccessKeyId>ID2</AccessKeyId><SecretAccessKey>s2</SecretAccessKey><SessionToken>t2</SessionToken>"
               "<Expiration>2999-01-01T01:00:00Z</Expiration>"),
            UP("200 OK", "{\"output\":{\"message\":{\"role\":\"assistant\",\"content\":[{\"text\":\"an "
                         "answer\"}]}},\"stopReason\":\"end_turn\"}") },
          2,
          200,
          { "an answer" },
          "x-amz-security-token: t2\r\n" },
    };
    RUN(BEDROCK, calls);
    static const struct call refused[] = {
        { { UP("403 No", "<Code>AccessDenied</Code>") },
          1,
          502,
          { "provider_auth_failed" },
          "WebIdentityToken=a.web.token" },
    };
    RUN(BEDROCK, refused);
    unlink(path);
    struct gate_test g;
    static const char *const has[] = { "provider_auth_failed", NULL };
    gate_test_start_file(&g, BEDROCK);
    gate_test_call(&g, "POST", V1, "", ASK("v"), NULL);
    gate_test_check(&g, "no file", 502, has, NULL);
    assert_int_equal(g.n_asked, 0);
    gate_test_end(&g);
    unsetenv("AWS_WEB_IDENTITY_TOKEN_FILE");
    unsetenv("AWS_ROLE_ARN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_token_serves_many_calls),
        cmocka_unit_test(no_token_no_call),
        cmocka_unit_test(a_fetch_outlives_its_caller),
        cmocka_unit_test(a_files_token_is_exchanged),
    };
    return cmocka_run_group_tests_name("gate/credential", tests, NULL, NULL);
}
