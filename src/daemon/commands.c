/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's commands: converts the command line to calls. */
#include "daemon/commands.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/num.h"
#include "cli/command.h"
#include "daemon/daemon.h"
#include "gate/api/file_schema.h"
#include "net/bind.h"

static const char *env_find(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static const char *config_find(const struct cli_args *args)
{
    const char *path = args->config ? args->config : env_find("SLUICE_CONFIG");
    return path ? path : env_find("MLFLOW_GATEWAY_CONFIG");
}

static const char *data_find(const struct cli_args *args)
{
    return args->data_dir ? args->data_dir : getenv("SLUICE_DATA");
}

static int workers_parse(const char *command, const char *text, int64_t *ret)
{
    *ret = -1;
    if (!text) {
        return 0;
    }
    if (strcmp(text, "auto") == 0) {
        *ret = 0;
        return 0;
    }
    if (sl_parse_i64(sl_str_c(text), 1, 256, ret) < 0) {
        return cli_usage(command, "--workers must be auto or a number from 1 to 256, not '%s'", text);
    }
    return 0;
}

/* Refuses a text that is no address but is often written for one. Other faults are reported with the configuration. */
static int listen_look(const char *listen)
{
    const char *port = listen && listen[0] == ':' ? listen + 1 : listen;
    size_t digits = port ? strspn(port, "0123456789") : 0;
    if (digits == 0 || port[digits]) {
        return 0;
    }
    return cli_usage("serve", "--listen %s says no address: 127.0.0.1:%s is this machine alone, *:%s is every network",
                     listen, port, port);
}

/* True: other machines could call. */
static bool is_for_others(const struct sl_serve_opts *opts)
{
    struct sl_bind_addr addr;
    struct sl_err err = { 0 };
    return opts->listen && (sl_bind_parse(sl_str_c(opts->listen), &addr, &err) < 0 || !sl_bind_is_local(&addr));
}

/* On a terminal a person tries the gateway: unless others could reach it, their keys are of use at once. */
static bool env_routes_are_usual(const struct sl_serve_opts *opts)
{
    return !is_for_others(opts) && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

static int env_routes_look(const struct cli_args *args, struct sl_serve_opts *opts)
{
    if (args->has_env_routes && args->has_no_env_routes) {
        return cli_usage("serve", "--env-routes and --no-env-routes say opposite things");
    }
    if (args->has_env_routes && opts->config) {
        return cli_usage("serve", "--env-routes adds routes where there is no file, and %s is one", opts->config);
    }
    if (args->has_env_routes && is_for_others(opts)) {
        return cli_usage("serve",
                         "--env-routes makes routes that everyone can call and spend by, and --listen %s is not this "
                         "machine alone: `sluice init --keys` writes a file whose callers need a key",
                         opts->listen);
    }
    opts->has_env_routes = !opts->config && !args->has_no_env_routes &&
                           (args->has_env_routes || env_routes_are_usual(opts));
    return 0;
}

int sl_command_serve(const struct cli_args *args)
{
    struct sl_serve_opts opts = {
        .config = config_find(args), .listen = args->listen, .data = data_find(args), .bad_config_exit = SL_EXIT_LOCAL
    };
    int r = workers_parse("serve", args->workers, &opts.workers);
    r = r ? r : listen_look(opts.listen);
    r = r ? r : env_routes_look(args, &opts);
    return r ? r : sl_cmd_serve(&opts);
}

int sl_command_check(const struct cli_args *args)
{
    struct sl_serve_opts opts = { .config = config_find(args), .workers = -1, .is_strict = args->is_strict };
    return sl_cmd_check(&opts);
}

int sl_command_mlflow(const struct cli_args *args)
{
    const char *data = env_find("SLUICE_DATA");
    struct sl_serve_opts opts = {
        .config = args->config ? args->config : env_find("MLFLOW_GATEWAY_CONFIG"),
        .data = data ? data : "none", /* MLflow stores nothing either */
        .bad_config_exit = SL_EXIT_USAGE,
        .is_mlflow = true,
    };
    /* MLflow's defaults. */
    const char *host = args->host ? args->host : "127.0.0.1", *port = args->port ? args->port : "5000";
    int r = workers_parse("mlflow start", args->workers ? args->workers : "2", &opts.workers);
    if (r) {
        return r;
    }
    if (!opts.config || !*opts.config) {
        return cli_usage("mlflow start", "missing option '--config-path' (or MLFLOW_GATEWAY_CONFIG)");
    }
    uint64_t number;
    if (sl_parse_u64(sl_str_c(port), 1, 65535, &number) < 0) {
        return cli_usage("mlflow start", "--port must be a number from 1 to 65535, not '%s'", port);
    }
    static char listen[320];
    bool is_ipv6 = strchr(host, ':') && host[0] != '[';
    snprintf(listen, sizeof(listen), is_ipv6 ? "[%s]:%s" : "%s:%s", host, port);
    opts.listen = listen;
    return sl_cmd_serve(&opts);
}

int sl_command_db_check(const struct cli_args *args)
{
    return sl_cmd_db_check(data_find(args));
}

int sl_command_db_backup(const struct cli_args *args)
{
    return sl_cmd_db_backup(data_find(args), args->words[0]);
}

int sl_command_db_copy(const struct cli_args *args)
{
    if (!args->to == !args->from) {
        return cli_usage("db copy", "needs --to URL or --from URL: the database on the other side");
    }
    return sl_cmd_db_copy(data_find(args), args->to ? args->to : args->from, args->from != NULL);
}

int sl_command_db_migrate(const struct cli_args *args)
{
    return args->to ? sl_cmd_db_migrate(args->to) : cli_usage("db migrate", "needs --to URL: the database");
}

int sl_command_doctor(const struct cli_args *args)
{
    struct sl_doctor_opts opts = { .config = config_find(args),
                                   .data = data_find(args),
                                   .is_json = args->is_json,
                                   .is_strict = args->is_strict,
                                   .is_offline = args->is_offline };
    return sl_cmd_doctor(&opts);
}

int sl_command_health(const struct cli_args *args)
{
    const char *server = args->server ? args->server : env_find("SLUICE_SERVER");
    return sl_cmd_health(server ? server : "http://127.0.0.1:5000");
}

#define SCHEMA_MAX (16u << 20)

int sl_command_schema(const struct cli_args *args)
{
    (void)args;
    struct sl_buf out = SL_BUF_INIT(SCHEMA_MAX);
    sl_file_schema(&out);
    sl_buf_add_char(&out, '\n');
    int r = sl_buf_status(&out);
    if (r == 0) {
        fwrite(out.p, 1, out.len, stdout);
    }
    sl_buf_done(&out);
    return r == 0 ? CLI_DONE : cli_fail(CLI_LOCAL, "out of memory");
}

/* In ../libexec/sluice beside the installed binary, or where the build leaves it. */
int sl_client_exec(char **argv)
{
    static const char *const places[] = { "../libexec/sluice/sluice-client", "../cli/sluice-client" };
    char path[PATH_MAX];
    for (size_t i = 0; i < SL_ARRAY_LEN(places) && cli_beside(places[i], path); i++) {
        execv(path, argv);
    }
    return cli_fail(CLI_LOCAL, "'%s' needs the client program libexec/sluice/sluice-client, which is not installed",
                    argv[1]);
}

/* True: an option asks for the gateway rather than for the directory. */
static bool is_remote(const struct cli_args *a)
{
    return a->server || a->key_file || a->ca || a->cert || a->cert_key || a->is_insecure || a->is_json || a->is_quiet ||
           a->is_verbose || a->is_yes || a->is_dry_run || a->timeout_msec || a->color;
}

int sl_command_secret_rotate(const struct cli_args *args)
{
    bool is_running = true;
    int code = is_remote(args) ? CLI_DONE : sl_cmd_secret_rotate(data_find(args), &is_running);
    return is_running ? sl_client_exec(args->argv) : code;
}
