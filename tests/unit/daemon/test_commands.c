/* SPDX-License-Identifier: Apache-2.0 */
/* From the command line to the options of the daemon. */
#include "cli_test.h"
#include "daemon/commands.h"
#include "daemon/daemon.h"

/* The last options for the daemon; its own parts are not in this test. */
static struct sl_serve_opts asked;
static char asked_listen[320];
static const char *asked_for, *asked_data, *asked_file;

int sl_cmd_serve(const struct sl_serve_opts *opts)
{
    asked = *opts;
    snprintf(asked_listen, sizeof(asked_listen), "%s", opts->listen ? opts->listen : "");
    asked_for = "serve";
    return 0;
}

int sl_cmd_check(const struct sl_serve_opts *opts)
{
    asked = *opts;
    asked_for = "check";
    return 0;
}

static struct sl_doctor_opts asked_doctor;

int sl_cmd_doctor(const struct sl_doctor_opts *opts)
{
    asked_doctor = *opts;
    asked_for = "doctor";
    return 0;
}

int sl_cmd_health(const char *server)
{
    asked_data = server;
    asked_for = "health";
    return 0;
}

int sl_cmd_db_check(const char *data)
{
    asked_data = data;
    asked_for = "db check";
    return 0;
}

int sl_cmd_db_backup(const char *data, const char *file)
{
    asked_data = data;
    asked_file = file;
    asked_for = "db backup";
    return 0;
}

int sl_cmd_db_migrate(const char *url)
{
    asked_file = url;
    asked_for = "db migrate";
    return 0;
}

int sl_cmd_db_copy(const char *data, const char *url, bool is_back)
{
    asked_data = data;
    asked_file = url;
    asked_for = is_back ? "db copy back" : "db copy";
    return 0;
}

int sl_cmd_secret_rotate(const char *data, bool *ret_is_running)
{
    asked_data = data;
    asked_for = "secret rotate";
    *ret_is_running = false;
    return 0;
}

/* Returns the exit code, and in *said the output. */
static int run(const char *line, const char **said)
{
    struct cli_meaning m;
    asked = (struct sl_serve_opts){ 0 };
    asked_for = asked_data = asked_file = NULL;
    asked_listen[0] = '\0';
    cli_test_parse(line, &m);
    int r = m.command ? m.command->run(&m.args) : m.exit_code;
    *said = cli_test_caught();
    return r;
}

static void lines_reach_the_daemon(void **state)
{
    (void)state;
    static const struct {
        const char *line, *asked_for, *config, *listen, *data;
        int64_t workers;
    } cases[] = {
        { "serve", "serve", NULL, "", NULL, -1 },
        { "serve -c a.yaml", "serve", "a.yaml", "", NULL, -1 },
        { "serve --config=a.yaml --workers 4", "serve", "a.yaml", "", NULL, 4 },
        { "serve --workers auto --data none", "serve", NULL, "", "none", 0 },
        { "serve --listen 127.0.0.1:80", "serve", NULL, "127.0.0.1:80", NULL, -1 },
        { "serve --listen unix:/run/x", "serve", NULL, "unix:/run/x", NULL, -1 },
        { "serve --listen [::1]:5000", "serve", NULL, "[::1]:5000", NULL, -1 },
        { "serve --workers 256 --data /d", "serve", NULL, "", "/d", 256 },
        { "check", "check", NULL, "", NULL, -1 },
        { "check -c b.yaml --strict", "check", "b.yaml", "", NULL, -1 },
        { "mlflow start --config-path c", "serve", "c", "127.0.0.1:5000", "none", 2 },
        { "mlflow start --config-path c --host ::1 --port 7000 --workers 3", "serve", "c", "[::1]:7000", "none", 3 },
        { "mlflow start --config-path c --host [::]", "serve", "c", "[::]:5000", "none", 2 },
        { "mlflow start --config-path c --host 0.0.0.0 --port 65535", "serve", "c", "0.0.0.0:65535", "none", 2 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *said;
        int r = run(cases[i].line, &said);
        bool is_it = r == 0 && asked_for && strcmp(asked_for, cases[i].asked_for) == 0 &&
                     asked.workers == cases[i].workers;
        is_it = is_it && strcmp(asked.config ? asked.config : "-", cases[i].config ? cases[i].config : "-") == 0;
        is_it = is_it && strcmp(asked_listen, cases[i].listen) == 0;
        is_it = is_it && strcmp(asked.data ? asked.data : "-", cases[i].data ? cases[i].data : "-") == 0;
        if (!is_it) {
            fail_msg("%s: %d, %s", cases[i].line, r, said);
        }
    }
    const char *said;
    assert_int_equal(run("serve --env-routes", &said), 0);
    assert_true(asked.has_env_routes);
    assert_int_equal(run("serve --no-env-routes", &said), 0);
    assert_false(asked.has_env_routes);
    assert_int_equal(run("check --strict", &said), 0);
    assert_true(asked.is_strict);
    assert_int_equal(run("mlflow start --config-path c", &said), 0);
    assert_true(asked.is_mlflow && asked.bad_config_exit == 2);
    assert_int_equal(run("doctor -c e.yaml --data f --json --strict --offline", &said), 0);
    assert_string_equal(asked_doctor.config, "e.yaml");
    assert_string_equal(asked_doctor.data, "f");
    assert_true(asked_doctor.is_json && asked_doctor.is_strict && asked_doctor.is_offline);
    assert_int_equal(run("health", &said), 0);
    assert_string_equal(asked_data, "http://127.0.0.1:5000");
    assert_int_equal(run("health --server unix:/x", &said), 0);
    assert_string_equal(asked_data, "unix:/x");
    assert_int_equal(run("db backup f --data d", &said), 0);
    assert_string_equal(asked_file, "f");
    assert_string_equal(asked_data, "d");
    assert_int_equal(run("db check --data e", &said), 0);
    assert_string_equal(asked_data, "e");
    assert_int_equal(run("db copy --to u --data h", &said), 0);
    assert_string_equal(asked_for, "db copy");
    assert_string_equal(asked_file, "u");
    assert_string_equal(asked_data, "h");
    assert_int_equal(run("db copy --from v --data h", &said), 0);
    assert_string_equal(asked_for, "db copy back");
    assert_string_equal(asked_file, "v");
    assert_int_equal(run("db migrate --to w", &said), 0);
    assert_string_equal(asked_file, "w");
    assert_int_equal(run("secret rotate --data g", &said), 0);
    assert_string_equal(asked_data, "g");
}

static void wrong_lines_do_not(void **state)
{
    (void)state;
    static const struct {
        const char *line, *said;
    } cases[] = {
        { "serve --workers 0", "--workers must be auto or a number from 1 to 256, not '0'" },
        { "serve --workers 257", "not '257'" },
        { "serve --workers many", "not 'many'" },
        { "serve -c a --env-routes", "--env-routes adds routes where there is no file, and a is one" },
        { "serve --env-routes --no-env-routes", "say opposite things" },
        { "serve --listen :5000", "127.0.0.1:5000 is this machine alone, *:5000 is every network" },
        { "serve --listen 5000", "*:5000 is every network" },
        { "serve --port 5000", "--listen 127.0.0.1:PORT" },
        { "serve a.yaml", "sluice serve -c a.yaml" },
        { "check a.yaml", "sluice check -c a.yaml" },
        { "mlflow start", "missing option '--config-path'" },
        { "mlflow start --config-path c --port 0", "--port must be a number from 1 to 65535, not '0'" },
        { "mlflow start --config-path c --port 65536", "not '65536'" },
        { "mlflow start --config-path c --port x", "not 'x'" },
        { "mlflow start --config-path c --workers 0", "not '0'" },
        { "mlflow start --config c", "--config-path FILE" },
        { "db backup", "it needs FILE" },
        { "db check f", "one word too many" },
        { "db copy", "needs --to URL or --from URL" },
        { "db copy --to u --from u", "needs --to URL or --from URL" },
        { "db migrate", "needs --to URL" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *said;
        int r = run(cases[i].line, &said);
        if (r != 2 || asked_for || !strstr(said, cases[i].said)) {
            fail_msg("%s: %d, %s", cases[i].line, r, said);
        }
    }
}

static void the_environment_fills_in(void **state)
{
    (void)state;
    const char *said;
    setenv("MLFLOW_GATEWAY_CONFIG", "m.yaml", 1);
    assert_int_equal(run("serve", &said), 0);
    assert_string_equal(asked.config, "m.yaml");
    assert_int_equal(run("mlflow start", &said), 0);
    assert_string_equal(asked.config, "m.yaml");
    setenv("SLUICE_CONFIG", "s.yaml", 1);
    assert_int_equal(run("check", &said), 0);
    assert_string_equal(asked.config, "s.yaml");
    assert_int_equal(run("mlflow start", &said), 0);
    assert_string_equal(asked.config, "m.yaml");
    assert_int_equal(run("check -c c.yaml", &said), 0);
    assert_string_equal(asked.config, "c.yaml");
    setenv("SLUICE_CONFIG", "", 1);
    assert_int_equal(run("check", &said), 0);
    assert_string_equal(asked.config, "m.yaml");
    setenv("SLUICE_DATA", "/d", 1);
    assert_int_equal(run("serve", &said), 0);
    assert_string_equal(asked.data, "/d");
    assert_int_equal(run("mlflow start", &said), 0);
    assert_string_equal(asked.data, "/d");
    assert_int_equal(run("db check", &said), 0);
    assert_string_equal(asked_data, "/d");
}

int main(void)
{
    unsetenv("SLUICE_CONFIG");
    unsetenv("MLFLOW_GATEWAY_CONFIG");
    unsetenv("SLUICE_DATA");
    unsetenv("SLUICE_SERVER");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_reach_the_daemon),
        cmocka_unit_test(wrong_lines_do_not),
        cmocka_unit_test(the_environment_fills_in),
    };
    return cmocka_run_group_tests_name("commands", tests, NULL, NULL);
}
