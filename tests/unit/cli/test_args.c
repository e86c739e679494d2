/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines: what they mean, and the messages about wrong ones. */
#include "cli_test.h"

static void names_lead_to_commands(void **state)
{
    (void)state;
    static const struct {
        const char *line, *command;
    } cases[] = {
        { "query chat hello", "query" },
        { "ask chat hello", "query" },
        { "ls", "routes list" },
        { "routes ls", "routes list" },
        { "routes show chat", "routes get" },
        { "routes rm chat", "routes delete" },
        { "limits show chat", "limits get" },
        { "keys rm key-1", "keys revoke" },
        { "keys new --name x", "keys create" },
        { "status", "top" },
        { "start -c x.yaml", "serve" },
        { "validate", "check" },
        { "mlflow start --config-path x", "mlflow start" },
        { "db backup file", "db backup" },
        { "-V", "version" },
        { "-v", "version" },
        { "--version", "version" },
        { "version --json", "version" },
        { "--server x routes list", "routes list" },
        { "--server=x -v routes ls --json", "routes list" },
        { "-q --timeout 5s query chat x", "query" },
        { "--json version", "version" },
        { "-c x.yaml serve", "serve" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cli_meaning m;
        cli_test_parse(cases[i].line, &m);
        const char *said = cli_test_caught();
        if (!m.command || strcmp(m.command->name, cases[i].command) != 0 || *said) {
            fail_msg("%s: %s, %s", cases[i].line, m.command ? m.command->name : "no command", said);
        }
    }
}

static void wrong_lines_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *line, *said;
    } cases[] = {
        { "", "usage: sluice" },
        { "qury chat", "did you mean 'query'?" },
        { "usgae", "did you mean 'usage'?" },
        { "chekc", "did you mean 'check'?" },
        { "routes lsit", "did you mean 'routes list'?" },
        { "db chekc", "did you mean 'db check'?" },
        { "zzzzzz", "'zzzzzz' is not a command" },
        { "routes", "sluice routes get ROUTE" },
        { "mlflow stop", "did you mean 'mlflow start'?" },
        { "mlflow", "sluice mlflow start" },
        { "db", "sluice db backup FILE" },
        { "--server", "there must be a command behind '--server'" },
        { "--nothing", "no option '--nothing'" },
        { "check x.yaml", "did you mean 'sluice check -c x.yaml'?" },
        { "serve x.yaml", "did you mean 'sluice serve -c x.yaml'?" },
        { "mlflow start x.yaml", "did you mean 'sluice mlflow start --config-path x.yaml'?" },
        { "serve --port 80", "here it is --listen 127.0.0.1:PORT" },
        { "serve -p 80", "here it is --listen 127.0.0.1:PORT" },
        { "serve --host=0.0.0.0", "here it is --listen HOST:PORT" },
        { "serve --server x", "there is no option '--server'" },
        { "--server x serve", "there is no option '--server'" },
        { "serve --confg x", "did you mean '--config'?" },
        { "check --strickt", "did you mean '--strict'?" },
        { "query", "it needs ROUTE" },
        { "query a b c", "a prompt of several words stands in quotes" },
        { "query a --strem", "did you mean '--stream'?" },
        { "query a --temperature warm", "must be a number such as 0.7, not 'warm'" },
        { "query a --temperature", "--temperature needs a value: X" },
        { "query a --max-tokens 1.5", "must be a whole number from 0 to 1000000000, not '1.5'" },
        { "query a --retries 11", "must be a whole number from 0 to 10, not '11'" },
        { "query a --retries -1", "not '-1'" },
        { "query a --api-key x", "--key-file FILE, or SLUICE_KEY" },
        { "query a -k", "here it is --insecure" },
        { "routes list --json=1", "--json takes no value" },
        { "routes list --timeout 5", "such as 500ms" },
        { "routes list --color blue", "auto|always|never, not 'blue'" },
        { "routes list --output json", "here it is --json" },
        { "limits set r 1/day --key team", "user|route, not 'team'" },
        { "routes delete", "it needs ROUTE" },
        { "help nothing", "there is no help about 'nothing'" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cli_meaning m;
        cli_test_parse(cases[i].line, &m);
        const char *said = cli_test_caught();
        if (m.command || m.exit_code != CLI_USAGE || !strstr(said, cases[i].said)) {
            fail_msg("%s: %d, %s", cases[i].line, m.exit_code, said);
        }
    }
}

static void options_arrive(void **state)
{
    (void)state;
    struct cli_meaning m;
    cli_test_parse("--server a query chat --file x --file=y --temperature 0.5 --max-tokens 0 --retries 0 --timeout 2m "
                   "--ca c --cert d --cert-key e --insecure -- --prompt",
                   &m);
    assert_string_equal(cli_test_caught(), "");
    assert_string_equal(m.args.server, "a");
    assert_int_equal(m.args.files.n, 2);
    assert_string_equal(m.args.files.v[1], "y");
    assert_string_equal(m.args.temperature, "0.5");
    assert_int_equal(m.args.max_tokens, 1); /* the option's default is not used up */
    assert_int_equal(m.args.retries, 1);
    assert_int_equal(m.args.timeout_msec, 120000);
    assert_string_equal(m.args.ca, "c");
    assert_string_equal(m.args.cert, "d");
    assert_string_equal(m.args.cert_key, "e");
    assert_true(m.args.is_insecure);
    assert_int_equal(m.args.n_words, 2);
    assert_string_equal(m.args.words[1], "--prompt");
    cli_test_parse("query chat -", &m);
    assert_string_equal(cli_test_caught(), "");
    assert_string_equal(m.args.words[1], "-");
    cli_test_parse("routes create --set 'a=b c' --set d=e=f", &m);
    assert_string_equal(cli_test_caught(), "");
    assert_string_equal(m.args.set.v[0], "a=b c");
    assert_string_equal(m.args.set.v[1], "d=e=f");
}

static void times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t msec; /* 0: none */
    } cases[] = {
        { "1ms", 1 },
        { "250ms", 250 },
        { "30s", 30000 },
        { "007s", 7000 },
        { "5m", 300000 },
        { "24h", 86400000 },
        { "86400s", 86400000 },
        { "0s", 0 },
        { "25h", 0 },
        { "5", 0 },
        { "s", 0 },
        { "", 0 },
        { "-1s", 0 },
        { "+1s", 0 },
        { " 1s", 0 },
        { "1 s", 0 },
        { "1.5s", 0 },
        { "1d", 0 },
        { "1S", 0 },
        { "99999999999999999999s", 0 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int64_t msec = 0;
        bool is_time = cli_time_parse(cases[i].text, &msec);
        if (is_time != (cases[i].msec > 0) || msec != cases[i].msec) {
            fail_msg("%s: %lld", cases[i].text, (long long)msec);
        }
    }
}

static void numbers(void **state)
{
    (void)state;
    static const char *const good[] = { "0", "1", "-1", "0.7", "1e3", "1E-3", "10.25", "-0.0", "1e+2", "123456789" };
    static const char *const bad[] = { "",    "-",   "+1",       "01",  "1.", ".5", "1e",
                                       "1e+", "NaN", "Infinity", "0x1", "1 ", "1,5" };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(cli_is_number(good[i]));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (cli_is_number(bad[i])) {
            fail_msg("%s", bad[i]);
        }
    }
}

static void near_words(void **state)
{
    (void)state;
    static const struct {
        const char *typed, *candidate;
        bool is_near;
    } cases[] = {
        { "chta", "chat", true },
        { "cht", "chat", true },
        { "hcat", "chat", true },
        { "chaat", "chat", true },
        { "cxxt", "chat", false },
        { "xhax", "chat", false },
        { "embedings", "embeddings", true },
        { "embddeings", "embeddings", true },
        { "summaries", "summary", false },
        { "sumary", "summary", true },
        { "a", "b", false },
        { "gp", "go", false },
        { "completion", "completions", true },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *nearest = NULL;
        int distance = -1;
        cli_nearest(cases[i].typed, cases[i].candidate, &nearest, &distance);
        if (!nearest == cases[i].is_near) {
            fail_msg("%s, %s", cases[i].typed, cases[i].candidate);
        }
    }
}

/* Every row of the table has help under each of its names, and its example is a line that parses. */
static void every_row_has_help_and_an_example_that_works(void **state)
{
    (void)state;
    for (const struct cli_command *c = cli_commands; c->name; c++) {
        char line[300];
        struct cli_meaning m;
        snprintf(line, sizeof(line), "help %s", c->name);
        cli_test_parse(line, &m);
        char *help = strdup(cli_test_caught());
        assert_int_equal(m.exit_code, CLI_DONE);
        if (strncmp(help, "usage: sluice ", 14) != 0 || strncmp(help + 14, c->name, strlen(c->name)) != 0) {
            fail_msg("%s: %s", line, help);
        }
        snprintf(line, sizeof(line), "%s --help", c->name);
        cli_test_parse(line, &m);
        if (strcmp(c->name, "help") != 0) {
            assert_string_equal(cli_test_caught(), help);
        } else {
            cli_test_caught();
        }
        free(help);
        snprintf(line, sizeof(line), "%.*s", (int)strcspn(c->example, ">") - 7, c->example + 7);
        cli_test_parse(line, &m);
        const char *said = cli_test_caught();
        if (m.command != c && (strcmp(c->name, "help") != 0 || m.exit_code)) {
            fail_msg("%s: %s", c->example, said);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_lead_to_commands),
        cmocka_unit_test(wrong_lines_are_told),
        cmocka_unit_test(options_arrive),
        cmocka_unit_test(times),
        cmocka_unit_test(numbers),
        cmocka_unit_test(near_words),
        cmocka_unit_test(every_row_has_help_and_an_example_that_works),
    };
    return cmocka_run_group_tests_name("args", tests, NULL, NULL);
}
