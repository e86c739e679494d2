/* SPDX-License-Identifier: Apache-2.0 */
/* How a route of the file reaches its upstream (proxy, headers, tls): what is refused, and what goes up. */
#include "gate_test.h"

#include <unistd.h>

#define OPENAI                                                                                                \
    "endpoints:\n- name: r\n  endpoint_type: llm/v1/chat\n  model: { provider: openai, name: gpt, config: { " \
    "openai_api_key: sk-of-the-gateway, openai_api_base: 'http://127.0.0.1:PORT/v1' } }\n  sluice: "
#define V1  "/v1/chat/completions"
#define ASK "{\"model\":\"r\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}"

static struct loaded file_load(const char *config)
{
    char path[] = "/tmp/sluice-route-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, config, strlen(config)) == (ssize_t)strlen(config));
    close(fd);
    struct loaded l = load_file(path);
    unlink(path);
    return l;
}

static void what_does_not_fit_is_told(void **state)
{
    (void)state;
    static const struct {
        const char *own, *said; /* NULL: it is right */
    } rows[] = {
        { "{ proxy: none }", NULL },
        { "{ proxy: 'http://u:p@127.0.0.1:3128' }", NULL },
        { "{ proxy: 5 }", "must be a URL like http://host:port, or none" },
        { "{ proxy: 'ftp://x' }", "proxy" },
        { "{ headers: { x-team: a, x-n: 5, x-key: $HOME } }", NULL },
        { "{ headers: [a] }", "must be a map of at most 64 headers" },
        { "{ headers: { 'a b': c } }", "is no header's name" },
        { "{ headers: { '': c } }", "is no header's name" },
        { "{ headers: { Host: c } }", "\"Host\" is written by the gateway itself" },
        { "{ headers: { content-length: 5 } }", "is written by the gateway itself" },
        { "{ headers: { transfer-encoding: x } }", "is written by the gateway itself" },
        { "{ headers: { Authorization: c } }", "\"authorization\" carries the credential" },
        { "{ headers: { x: [a] } }", "must be a text, or a secret by reference" },
        { "{ headers: { x: $SLUICE_TEST_IS_NOT_SET } }", "SLUICE_TEST_IS_NOT_SET" },
        { "{ headers: { x: \"a\\nb\" } }", "has a control character" },
        { "{ tls: { cert: /nowhere.pem } }", "tls: needs both cert and key" },
        { "{ tls: { key: /nowhere.pem } }", "tls: needs both cert and key" },
        { "{ tls: { cert: /nowhere.pem, key: /nowhere.pem } }", "tls: " },
        { "{ tls: { ca: /nowhere.pem } }", "tls: " },
        { "{ tls: { what: 1 } }", "unknown key \"what\"" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        char text[2048];
        snprintf(text, sizeof(text), "%s%s\n", OPENAI, rows[i].own);
        memcpy(strstr(text, "PORT"), "9999", 4);
        struct loaded l = file_load(text);
        bool is_right = rows[i].said ? says(&l, rows[i].said) && !l.config : l.problems.n == 0 && l.config;
        if (!is_right) {
            show(&l);
            fail_msg("row %zu: %s", i, rows[i].own);
        }
        unload(&l);
    }
}

/* A value that is too long for a header, and too many headers. */
static void there_are_limits(void **state)
{
    (void)state;
    for (int k = 0; k < 2; k++) {
        struct sl_buf config = SL_BUF_INIT(1 << 20);
        sl_buf_add_c(&config, HEAD "    sluice: { headers: { x: a");
        for (int i = 0; i < (k ? 64 : 8192); i++) {
            sl_buf_printf(&config, k ? ", x%d: a" : "a", i);
        }
        sl_buf_add_c(&config, " } }\n");
        sl_buf_add_char(&config, '\0');
        struct loaded l = file_load(config.p);
        assert_true(says(&l, k ? "at most 64 headers" : "is longer than 8192 bytes"));
        unload(&l);
        sl_buf_done(&config);
    }
}

static void calls_may_not_have_them(void **state)
{
    (void)state;
    static const char *const owns[] = { "{ proxy: none }", "{ headers: { x: a } }", "{ tls: { ca: /x.pem } }" };
    for (size_t i = 0; i < SL_ARRAY_LEN(owns); i++) {
        char text[512];
        snprintf(text, sizeof(text), HEAD "    sluice: %s\n", owns[i]);
        struct loaded l = load(text); /* only a text: the operator did not write it */
        assert_true(says(&l, "only routes of the operator's file can have proxy, headers and tls"));
        unload(&l);
    }
}

#define ANSWER                                                                                                \
    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n{\"id\":\"c\",\"object\":" \
    "\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":"      \
    "\"assistant\",\"content\":\"an answer\"},\"finish_reason\":\"stop\"}]}"
#define REFUSAL                                                                      \
    "HTTP/1.1 400 No\r\nConnection: close\r\nContent-Type: application/json\r\n\r\n" \
    "{\"error\":{\"message\":\"bad t0p-secret-of-ours-1 of a-team\"}}"

static bool was_asked(struct gate_test *g, const char *text)
{
    return sl_str_find(sl_buf_str(&g->asked), sl_str_c(text), 0) >= 0;
}

static void headers_go_up_and_secrets_do_not_come_down(void **state)
{
    (void)state;
    static const char *const answers[] = { ANSWER, NULL }, *const refused[] = { REFUSAL, NULL };
    static const char *const has[] = { "an answer", NULL }, *const masked[] = { " of a-team", NULL };
    struct gate_test g;
    assert_int_equal(setenv("SLUICE_TEST_SECRET", "t0p-secret-of-ours-1", 1), 0);
    gate_test_start_file(&g, OPENAI "{ retries: 0, headers: { x-team: a-team, x-key: $SLUICE_TEST_SECRET } }\n");
    gate_test_call(&g, "POST", V1, "X-Team: the-clients\r\n", ASK, answers);
    gate_test_check(&g, "headers", 200, has, NULL);
    assert_true(was_asked(&g, "x-team: a-team\r\n") && !was_asked(&g, "the-clients"));
    assert_true(was_asked(&g, "x-key: t0p-secret-of-ours-1\r\n"));
    assert_true(was_asked(&g, "authorization: Bearer sk-of-the-gateway\r\n"));
    gate_test_call(&g, "POST", V1, "", ASK, refused);
    gate_test_check(&g, "what an upstream quotes", 400, masked, "t0p-secret");
    gate_test_end(&g);
    unsetenv("SLUICE_TEST_SECRET");
}

/* The upstream is the proxy: it gets CONNECT with its password, and nothing else. */
static void a_proxy_is_asked_to_connect(void **state)
{
    (void)state;
    static const char *const refuses[] = { "HTTP/1.1 407 No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", NULL };
    static const char *const has[] = { "x-sluice-error-type: provider_connect_failed", "407", NULL };
    struct gate_test g;
    gate_test_start_file(&g, "endpoints:\n- name: r\n  endpoint_type: llm/v1/chat\n  model: { provider: openai, name: "
                             "gpt, config: { openai_api_key: sk-of-the-gateway, openai_api_base: "
                             "'http://api.example/v1' } }\n  sluice: { retries: 0, proxy: "
                             "'http://me:pw@127.0.0.1:PORT' }\n");
    gate_test_call(&g, "POST", V1, "", ASK, refuses);
    gate_test_check(&g, "proxy", 502, has, "pw@");
    assert_true(sl_str_has_prefix(sl_buf_str(&g.asked), SL_STR("CONNECT api.example:80 HTTP/1.1\r\n")));
    assert_true(was_asked(&g, "Basic bWU6cHc=") && !was_asked(&g, "sk-of-the-gateway"));
    gate_test_end(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_fit_is_told),   cmocka_unit_test(there_are_limits),
        cmocka_unit_test(calls_may_not_have_them),     cmocka_unit_test(headers_go_up_and_secrets_do_not_come_down),
        cmocka_unit_test(a_proxy_is_asked_to_connect),
    };
    return cmocka_run_group_tests_name("gate/route_own", tests, NULL, NULL);
}
