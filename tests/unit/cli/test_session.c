/* SPDX-License-Identifier: Apache-2.0 */
/* Which gateway is called, and who could listen on the way. */
#include "cli/cli.h"
#include "cli_test.h"

static void who_may_be_told_a_secret(void **state)
{
    (void)state;
    static const struct {
        const char *server;
        bool is_private;
    } cases[] = {
        { "http://127.0.0.1:5000", true },
        { "127.0.0.1:5000", true },
        { "127.0.0.1", true },
        { "http://127.0.0.1/prefix", true },
        { "localhost:5000", true },
        { "http://[::1]:5000", true },
        { "unix:/run/sluice", true },
        { "https://gateway.example.com", true },
        { "http://gateway.example.com", false },
        { "gateway.example.com:5000", false },
        { "http://127.0.0.1.example.com", false },
        { "http://localhost.example.com:80", false },
        { "http://localhost:x@example.com", false },
        { "http://127.0.0.1:1@example.com/", false },
        { "127.0.0.1@example.com", false },
        { "http://localhost/a@b", true },
        { "http://10.0.0.1", false },
        { "http://[::2]", false },
        { "http://[::1].example.com", false },
        { "http://https://x", false },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cli_args args = { .server = cases[i].server };
        if (cli_is_private(&args) != cases[i].is_private) {
            fail_msg("%s", cases[i].server);
        }
    }
}

static void which_server(void **state)
{
    (void)state;
    static const struct {
        const char *option, *env, *mlflow, *server;
    } cases[] = {
        { NULL, NULL, NULL, "http://127.0.0.1:5000" },
        { "a", NULL, NULL, "a" },
        { NULL, "b", NULL, "b" },
        { NULL, NULL, "c", "c" },
        { "a", "b", NULL, "a" },
        { "a", NULL, "c", "a" },
        { NULL, "b", "c", "b" },
        { "a", "b", "c", "a" },
        { NULL, "", "c", "c" },
        { NULL, "", "", "http://127.0.0.1:5000" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cli_args args = { .server = cases[i].option };
        unsetenv("SLUICE_SERVER");
        unsetenv("MLFLOW_GATEWAY_URI");
        if (cases[i].env) {
            setenv("SLUICE_SERVER", cases[i].env, 1);
        }
        if (cases[i].mlflow) {
            setenv("MLFLOW_GATEWAY_URI", cases[i].mlflow, 1);
        }
        assert_string_equal(cli_server(&args), cases[i].server);
    }
}

static void texts_and_files(void **state)
{
    (void)state;
    static const struct {
        const char *arg, *text; /* NULL: it cannot be read */
    } cases[] = {
        { "plain", "plain" },      { "", "" },     { "{\"a\":1}", "{\"a\":1}" },
        { "a@b", "a@b" },          { "--", "--" }, { "@/dev/null", "" },
        { "@/nonexistent", NULL }, { "@", NULL },  { "@/", NULL },
        { "@/dev/zero", NULL },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = NULL;
        cli_test_catch();
        int r = cli_read(cases[i].arg, &text);
        const char *said = cli_test_caught();
        if (r != (cases[i].text ? CLI_DONE : CLI_LOCAL) || (cases[i].text && strcmp(text, cases[i].text) != 0) ||
            (!cases[i].text && strncmp(said, "sluice: ", 8) != 0)) {
            fail_msg("%s: %d, %s", cases[i].arg, r, said);
        }
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_may_be_told_a_secret),
        cmocka_unit_test(which_server),
        cmocka_unit_test(texts_and_files),
    };
    return cmocka_run_group_tests_name("session", tests, NULL, NULL);
}
