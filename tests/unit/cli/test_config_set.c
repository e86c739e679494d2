/* SPDX-License-Identifier: Apache-2.0 */
/* routes create --set */
#include "cli/config_set.h"
#include "cli_test.h"

static void settings(void **state)
{
    (void)state;
    static const struct {
        const char *line; /* after "routes create" */
        int exit_code;
        const char *json; /* or the message */
    } cases[] = {
        { "", 0, "" },
        { "--set a=b", 0, ",\"config\":{\"a\":\"b\"}" },
        { "--set a=", 0, ",\"config\":{\"a\":\"\"}" },
        { "--set a=b=c", 0, ",\"config\":{\"a\":\"b=c\"}" },
        { "--set a=5 --set b=true --set c=null", 0, ",\"config\":{\"a\":5,\"b\":true,\"c\":null}" },
        { "--set a=\"5\"", 0, ",\"config\":{\"a\":\"5\"}" },
        { "--set a={\"b\":1} --set c=[1,2]", 0, ",\"config\":{\"a\":{\"b\":1},\"c\":[1,2]}" },
        { "--set a=2024-10-21", 0, ",\"config\":{\"a\":\"2024-10-21\"}" },
        { "--set a=truely", 0, ",\"config\":{\"a\":\"truely\"}" },
        { "--set api_key=$CLI_TEST_SECRET", 0, ",\"config\":{\"api_key\":\"s\\\"x\"}" },
        { "--set a=$CLI_TEST_SECRET", 0, ",\"config\":{\"a\":\"s\\\"x\"}" },
        { "--set a=$5", CLI_LOCAL, "the variable $5 is not set" },
        { "--set a=$", 0, ",\"config\":{\"a\":\"$\"}" },
        { "--set aws.region=eu --set x=y --set aws.role=r", 0,
          ",\"config\":{\"aws\":{\"region\":\"eu\",\"role\":\"r\"},\"x\":\"y\"}" },
        { "--dry-run --set api_key=$CLI_TEST_SECRET --set b=c", 0, ",\"config\":{\"api_key\":\"***\",\"b\":\"c\"}" },
        { "--set api_key=sk-1", CLI_USAGE, "every user of this machine can read a command line" },
        { "--set aws.secret_access_key=x", CLI_USAGE, "every user of this machine" },
        { "--set api_key=$CLI_TEST_NOT_THERE", CLI_LOCAL, "the variable $CLI_TEST_NOT_THERE is not set" },
        { "--set a=@/nonexistent", CLI_LOCAL, "No such file or directory" },
        { "--set a", CLI_USAGE, "is not KEY=VALUE" },
        { "--set =b", CLI_USAGE, "is not KEY=VALUE" },
        { "--set .a=b", CLI_USAGE, "is not KEY=VALUE" },
        { "--set a.=b", CLI_USAGE, "is not KEY=VALUE" },
        { "--set a.b.c=d", CLI_USAGE, "is not KEY=VALUE" },
        { "--set sluice.targets=[]", CLI_USAGE, "comes from a file, by sluice routes apply" },
        { "--set limits=[]", CLI_USAGE, "which has no limits" },
        { "--set a=b --set a=c", CLI_USAGE, "--set has a twice" },
        { "--set a=b --set a.c=d", CLI_USAGE, "--set has a twice" },
        { "--set a.c=b --set a.c=d", CLI_USAGE, "--set has a twice" },
    };
    setenv("CLI_TEST_SECRET", "s\"x", 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char line[300], *json = NULL;
        size_t len;
        struct cli_meaning m;
        snprintf(line, sizeof(line), "routes create %s", cases[i].line);
        cli_test_parse(line, &m);
        FILE *out = open_memstream(&json, &len);
        int r = config_set_put(&m.args, out);
        fclose(out);
        const char *said = cli_test_caught();
        if (r != cases[i].exit_code || !(r                                  ? strstr(said, cases[i].json)
                                         : strcmp(json, cases[i].json) == 0 ? ""
                                                                            : NULL)) {
            fail_msg("%s: %d, %s, %s", cases[i].line, r, json, said);
        }
        free(json);
    }
}

static void names_of_secrets(void **state)
{
    (void)state;
    static const char *const secret[] = { "openai_api_key",        "api_key",       "aws_secret_access_key",
                                          "aws_access_key_id",     "session_token", "aws_session_token",
                                          "client_secret",         "password",      "anthropic_api_key",
                                          "mlflow_tracking_token", "x_secret" };
    static const char *const open[] = { "openai_api_base", "openai_api_type", "api_version", "region", "tokens",
                                        "secret_name",     "keyboard",        "model",       "",       "max_tokens" };
    for (size_t i = 0; i < sizeof(secret) / sizeof(secret[0]); i++) {
        assert_true(config_set_is_secret_name(secret[i]));
    }
    for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++) {
        assert_false(config_set_is_secret_name(open[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(settings), cmocka_unit_test(names_of_secrets) };
    return cmocka_run_group_tests_name("config_set", tests, NULL, NULL);
}
