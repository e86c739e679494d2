/* SPDX-License-Identifier: Apache-2.0 */
/* Whose fault an error is. */
#include "cli/cli.h"
#include "cli_test.h"

static void exit_codes(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        int code, status, exit_code;
    } cases[] = {
        { "", SLUICE_EAUTH, 401, CLI_NOT_ALLOWED },
        { "caller_unauthenticated", SLUICE_EAUTH, 401, CLI_NOT_ALLOWED },
        { "provider_auth_failed", SLUICE_EAUTH, 401, CLI_FAILED },
        { "provider_auth_failed", SLUICE_EPERM, 403, CLI_FAILED },
        { "provider_auth_failed", SLUICE_ESERVER, 502, CLI_FAILED },
        { "provider_billing", SLUICE_ELIMIT, 429, CLI_FAILED },
        { "provider_billing", SLUICE_EINVALID, 402, CLI_FAILED },
        { "provider_rejected", SLUICE_ENOTFOUND, 404, CLI_FAILED },
        { "provider_rejected", SLUICE_EINVALID, 400, CLI_FAILED },
        { "provider_rate_limited", SLUICE_ELIMIT, 429, CLI_LIMITED },
        { "provider_rate_limited", SLUICE_ESERVER, 502, CLI_LIMITED },
        { "policy_rate_limited", SLUICE_ELIMIT, 429, CLI_LIMITED },
        { "policy_budget_exceeded", SLUICE_ELIMIT, 429, CLI_LIMITED },
        { "provider_timeout_idle", SLUICE_ETIMEOUT, 408, CLI_FAILED },
        { "provider_timeout_first_byte", SLUICE_ESERVER, 504, CLI_FAILED },
        { "provider_stream_broken", SLUICE_ESTREAM, 200, CLI_BROKEN },
        { "provider_auth_failed", SLUICE_ECANCELLED, 0, CLI_INTERRUPTED },
        { "caller_not_found", SLUICE_ENOTFOUND, 404, CLI_NOT_FOUND },
        { "caller_forbidden", SLUICE_EPERM, 403, CLI_NOT_ALLOWED },
        { "caller_invalid_request", SLUICE_EINVALID, 422, CLI_FAILED },
        { "sluice_store_unavailable", SLUICE_ESERVER, 503, CLI_FAILED },
        { "sluice_draining", SLUICE_ESERVER, 503, CLI_FAILED },
        { "", SLUICE_ENOTFOUND, 410, CLI_NOT_FOUND },
        { "", SLUICE_ELIMIT, 429, CLI_LIMITED },
        { "", SLUICE_ESERVER, 500, CLI_FAILED },
        { "", SLUICE_EPROTOCOL, 200, CLI_FAILED },
        { "", SLUICE_ECONNECT, 0, CLI_UNREACHABLE },
        { "", SLUICE_ETLS, 0, CLI_UNREACHABLE },
        { "", SLUICE_ETIMEOUT, 0, CLI_UNREACHABLE },
        { "", SLUICE_ETIMEOUT, 408, CLI_FAILED },
        { "", SLUICE_EUSAGE, 0, CLI_LOCAL },
        { "", SLUICE_ENOMEM, 0, CLI_LOCAL },
        { "a_word_of_tomorrow", SLUICE_ENOTFOUND, 404, CLI_NOT_FOUND },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int got = cli_exit_code(cases[i].type, cases[i].code, cases[i].status);
        if (got != cases[i].exit_code) {
            fail_msg("%s, %d, %d: %d", cases[i].type, cases[i].code, cases[i].status, got);
        }
    }
}

static void what_waiting_helps_against(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        int status;
        const char *says; /* NULL: waiting does not help */
    } cases[] = {
        { "policy_rate_limited", 429, "the gateway's limit" },
        { "provider_rate_limited", 429, "the provider's limit" },
        { "provider_overloaded", 503, "the provider is overloaded" },
        { "sluice_overloaded", 503, "the gateway is overloaded" },
        { "sluice_draining", 503, "the gateway is ending" },
        { "policy_budget_exceeded", 429, NULL },
        { "provider_billing", 429, NULL },
        { "provider_auth_failed", 429, NULL },
        { "sluice_store_unavailable", 503, NULL },
        { "caller_invalid_request", 400, NULL },
        { "", 429, "a limit" },
        { "", 503, "takes no calls" },
        { "", 500, NULL },
        { "", 404, NULL },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *got = cli_wait_reason(cases[i].type, cases[i].status);
        if (!got != !cases[i].says || (got && !strstr(got, cases[i].says))) {
            fail_msg("%s, %d: %s", cases[i].type, cases[i].status, got ? got : "NULL");
        }
    }
}

static void lists_of_faults_are_sentences(void **state)
{
    (void)state;
    static const struct {
        const char *body, *text; /* NULL: there is no list in it */
    } cases[] = {
        { "{\"detail\":[{\"type\":\"missing\",\"loc\":[\"body\",\"messages\"],\"msg\":\"Field required\"}]}",
          "messages: Field required" },
        { "{\"detail\":[{\"loc\":[\"body\",\"model\",\"name\"],\"msg\":\"Field required\"}]}",
          "model.name: Field required" },
        { "{\"detail\":[{\"loc\":[\"body\",\"messages\",0,\"role\"],\"msg\":\"Input should be a valid string\"}]}",
          "messages[0].role: Input should be a valid string" },
        { "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"no JSON\"}]}", "no JSON" },
        { "{\"detail\":[{\"loc\":[\"query\",\"page_token\"],\"msg\":\"bad\"}]}", "query.page_token: bad" },
        { "{\"detail\":[{\"loc\":[\"body\",\"a\"],\"msg\":\"x\"},{\"loc\":[\"body\",\"b\"],\"msg\":\"y\"}]}",
          "a: x; b: y" },
        { "{\"detail\":[{\"msg\":\"alone\"}]}", "alone" },
        { "{\"detail\":[{\"loc\":[\"body\",\"a\"]}]}", "a: not accepted" },
        { "{\"detail\":[\"odd\"]}", "not accepted" },
        { "{\"detail\":[]}", NULL },
        { "{\"detail\":\"a text\"}", NULL },
        { "{\"error\":{\"message\":\"m\"}}", NULL },
        { "<html>", NULL },
        { "", NULL },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *got = cli_fault_text(cases[i].body);
        if (!got != !cases[i].text || (got && strcmp(got, cases[i].text) != 0)) {
            fail_msg("%s: %s", cases[i].body, got ? got : "NULL");
        }
        free(got);
    }
}

static void whose_address_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *server, *why;
        bool is_proxys;
    } cases[] = {
        { "http://a:80", "Failed to connect to a port 80 after 0 ms: x", false },
        { "http://a:80/path", "Failed to connect to a port 80 after 0 ms: x", false },
        { "http://A", "Failed to connect to a port 80 after 0 ms: x", false },
        { "a:5000", "Failed to connect to a port 5000: x", false },
        { "https://[::1]:5000", "Failed to connect to ::1 port 5000 after 0 ms: x", false },
        { "http://a:80", "Failed to connect to proxy port 80 after 0 ms: x", true },
        { "http://127.0.0.1:5000", "Failed to connect to 127.0.0.1 port 3128 after 0 ms: x", true },
        { "http://a.b", "Failed to connect to a port 80: x", true },
        { "http://a", "Could not resolve host: b", false },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (cli_is_proxys(cases[i].server, cases[i].why) != cases[i].is_proxys) {
            fail_msg("%s: %s", cases[i].server, cases[i].why);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_codes),
        cmocka_unit_test(what_waiting_helps_against),
        cmocka_unit_test(lists_of_faults_are_sentences),
        cmocka_unit_test(whose_address_it_is),
    };
    return cmocka_run_group_tests_name("fault", tests, NULL, NULL);
}
