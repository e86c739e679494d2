/* SPDX-License-Identifier: Apache-2.0 */
/* The command `sluice`. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/num.h"
#include "daemon/daemon.h"

static const char usage_text[] =
    "usage: sluice serve [-c, --config FILE] [--listen ADDR] [--workers N] [--data DIR]\n"
    "       sluice check [-c FILE] [--strict]\n"
    "       sluice mlflow start --config-path FILE [--host HOST] [--port PORT] [--workers N]\n"
    "       sluice db check | backup FILE [--data DIR]\n"
    "       sluice secret rotate [--data DIR]\n"
    "       sluice version [--json]\n"
    "       sluice query ROUTE [PROMPT | -] [-d JSON | -d @FILE] [--stream]\n"
    "       sluice chat ROUTE\n"
    "       sluice status\n"
    "       sluice routes list | get | create | delete | export | apply\n"
    "       sluice limits get | set | clear\n"
    "       sluice keys list | create | revoke\n"
    "       sluice audit\n"
    "       sluice completion bash | zsh | fish\n"
    "       sluice help COMMAND\n"
    "\n"
    "serve    runs the gateway in the foreground; without a file: an embedded default whose mock routes need no key\n"
    "check    reads the configuration as serve would and tells every problem with file:line:column\n"
    "db       looks whether the data directory is sound, or copies its database, while the gateway runs or not\n"
    "secret   encrypts the stored credentials under a new secret key, through the running gateway when there is one\n"
    "mlflow   starts with the options of `mlflow gateway start`\n"
    "\n"
    "environment: SLUICE_CONFIG (else MLFLOW_GATEWAY_CONFIG) names the file, SLUICE_DATA the data directory;\n"
    "             SLUICE_SERVER (else MLFLOW_GATEWAY_URI) the gateway that a client command talks to, SLUICE_KEY its "
    "key\n";

static SL_PRINTF(1, 2) int usage_fail(const char *fmt, ...)
{
    fputs("sluice: ", stderr);
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputs("\ntry: sluice help\n", stderr);
    return SL_EXIT_USAGE;
}

struct flag {
    const char *name, *short_name; /* short_name may be NULL */
    const char **value;            /* takes one, or */
    bool *is_set;                  /* does not */
    const char *arg, *help;        /* arg: what the value is; NULL for a switch */
};

/* What --help tells of a command before and behind its options; the client's commands do it in the same form. */
struct about {
    const char *usage, *what, *example;
};

static void help_print(const struct about *about, const struct flag *flags, size_t n_flags)
{
    printf("usage: sluice %s\n\n%s\n\n", about->usage, about->what);
    for (size_t i = 0; i < n_flags; i++) {
        char text[64];
        snprintf(text, sizeof(text), "%s%s%s%s%s", flags[i].short_name ? flags[i].short_name : "  ",
                 flags[i].short_name ? ", " : "  ", flags[i].name, flags[i].arg ? " " : "",
                 flags[i].arg ? flags[i].arg : "");
        printf("  %-30s %s\n", text, flags[i].help);
    }
    printf("\nexample: %s\n", about->example);
}

static const char *flag_nearest(const char *arg, const struct flag *flags, size_t n_flags)
{
    const char *near = NULL;
    size_t best = 4; /* "--" and one letter are near to everything */
    for (size_t k = 0; k < n_flags; k++) {
        size_t d = sl_str_distance(sl_str_make(arg, strcspn(arg, "=")), sl_str_c(flags[k].name), best);
        if (d < best && d + 3 < strlen(arg)) {
            near = flags[k].name;
            best = d;
        }
    }
    return near;
}

/* Parses `--name value`, `--name=value` and switches. 0, or an exit code after a message. */
static int flags_parse(const struct about *about, int argc, char **argv, const struct flag *flags, size_t n_flags)
{
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];
        const struct flag *found = NULL;
        if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
            help_print(about, flags, n_flags);
            exit(SL_EXIT_OK);
        }
        const char *value = NULL;
        for (size_t k = 0; k < n_flags && !found; k++) {
            size_t len = strlen(flags[k].name);
            if (strcmp(arg, flags[k].name) == 0 || (flags[k].short_name && strcmp(arg, flags[k].short_name) == 0)) {
                found = &flags[k];
            } else if (flags[k].value && strncmp(arg, flags[k].name, len) == 0 && arg[len] == '=') {
                found = &flags[k];
                value = arg + len + 1;
            }
        }
        if (!found) {
            const char *near = flag_nearest(arg, flags, n_flags);
            return near ? usage_fail("unknown option '%s'; did you mean '%s'?", arg, near)
                        : usage_fail("unknown option '%s'", arg);
        }
        if (found->is_set) {
            *found->is_set = true;
            continue;
        }
        if (!value && ++i == argc) {
            return usage_fail("option '%s' needs a value", arg);
        }
        *found->value = value ? value : argv[i];
    }
    return 0;
}

static const char *config_from_env(void)
{
    const char *path = getenv("SLUICE_CONFIG");
    if (!path || !*path) {
        path = getenv("MLFLOW_GATEWAY_CONFIG");
    }
    return path && *path ? path : NULL;
}

static int workers_parse(const char *text, int64_t *ret)
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
        return usage_fail("--workers must be auto or a number from 1 to 256, not '%s'", text);
    }
    return 0;
}

static int cmd_serve(int argc, char **argv)
{
    struct sl_serve_opts opts = {
        .config = config_from_env(), .workers = -1, .data = getenv("SLUICE_DATA"), .bad_config_exit = SL_EXIT_LOCAL
    };
    const char *workers = NULL;
    const struct flag flags[] = {
        { "--config", "-c", &opts.config, NULL, "FILE",
          "the configuration (default SLUICE_CONFIG, MLFLOW_GATEWAY_CONFIG)" },
        { "--listen", NULL, &opts.listen, NULL, "ADDR", "host:port or unix:/path in place of server.listen" },
        { "--workers", NULL, &workers, NULL, "N", "threads that serve, or auto, in place of server.workers" },
        { "--data", NULL, &opts.data, NULL, "DIR|none", "where routes, limits and keys live (default SLUICE_DATA)" },
    };
    static const struct about about = {
        "serve [OPTION…]",
        "run the gateway in the foreground; without a file an embedded default, whose mock routes need no key.\n"
        "SIGHUP reloads, SIGUSR1 reopens log files, SIGTERM drains and ends",
        "sluice serve -c gateway.yaml --listen 127.0.0.1:8080",
    };
    int r = flags_parse(&about, argc, argv, flags, SL_ARRAY_LEN(flags));
    r = r ? r : workers_parse(workers, &opts.workers);
    return r ? r : sl_cmd_serve(&opts);
}

static int cmd_check(int argc, char **argv)
{
    struct sl_serve_opts opts = { .config = config_from_env(), .workers = -1 };
    const struct flag flags[] = {
        { "--config", "-c", &opts.config, NULL, "FILE",
          "the configuration (default SLUICE_CONFIG, MLFLOW_GATEWAY_CONFIG)" },
        { "--strict", NULL, NULL, &opts.is_strict, NULL, "warnings are errors" },
    };
    static const struct about about = {
        "check [OPTION…]",
        "read the configuration as serve would, and tell every problem with file:line:column",
        "sluice check -c gateway.yaml --strict",
    };
    int r = flags_parse(&about, argc, argv, flags, SL_ARRAY_LEN(flags));
    return r ? r : sl_cmd_check(&opts);
}

static int cmd_mlflow(int argc, char **argv)
{
    if (argc < 1 || (strcmp(argv[0], "start") != 0 && strcmp(argv[0], "--help") != 0)) {
        return usage_fail("the only command of mlflow is 'start'");
    }
    const char *data = getenv("SLUICE_DATA");
    struct sl_serve_opts opts = {
        .config = getenv("MLFLOW_GATEWAY_CONFIG"),
        .workers = -1,
        .data = data && *data ? data : "none", /* MLflow keeps nothing either */
        .bad_config_exit = SL_EXIT_USAGE,
        .is_mlflow = true,
    };
    const char *host = "127.0.0.1", *port = "5000", *workers = "2"; /* MLflow's defaults */
    const struct flag flags[] = {
        { "--config-path", NULL, &opts.config, NULL, "FILE", "the configuration (default MLFLOW_GATEWAY_CONFIG)" },
        { "--host", NULL, &host, NULL, "HOST", "the address to listen on (default 127.0.0.1)" },
        { "--port", NULL, &port, NULL, "PORT", "(default 5000)" },
        { "--workers", NULL, &workers, NULL, "N", "threads that serve (default 2)" },
    };
    static const struct about about = {
        "mlflow start --config-path FILE [OPTION…]",
        "run the gateway with the options of `mlflow gateway start`",
        "sluice mlflow start --config-path config.yaml --port 7000",
    };
    int skip = strcmp(argv[0], "start") == 0;
    int r = flags_parse(&about, argc - skip, argv + skip, flags, SL_ARRAY_LEN(flags));
    r = r ? r : workers_parse(workers, &opts.workers);
    if (r) {
        return r;
    }
    if (!opts.config || !*opts.config) {
        return usage_fail("missing option '--config-path' (or MLFLOW_GATEWAY_CONFIG)");
    }
    uint64_t number;
    if (sl_parse_u64(sl_str_c(port), 1, 65535, &number) < 0) {
        return usage_fail("--port must be a number from 1 to 65535, not '%s'", port);
    }
    static char listen[320];
    bool is_ipv6 = strchr(host, ':') && host[0] != '[';
    snprintf(listen, sizeof(listen), is_ipv6 ? "[%s]:%s" : "%s:%s", host, port);
    opts.listen = listen;
    return sl_cmd_serve(&opts);
}

static int cmd_db(int argc, char **argv)
{
    const char *data = getenv("SLUICE_DATA");
    const struct flag flags[] = {
        { "--data", NULL, &data, NULL, "DIR", "the data directory (default SLUICE_DATA)" },
    };
    static const struct about about = {
        "db check | backup FILE [OPTION…]",
        "look whether the data directory is sound, or copy its database, while the gateway runs or not",
        "sluice db backup /var/backups/sluice.db",
    };
    if (argc > 0 && strcmp(argv[0], "--help") == 0) {
        help_print(&about, flags, SL_ARRAY_LEN(flags));
        return SL_EXIT_OK;
    }
    bool is_backup = argc > 0 && strcmp(argv[0], "backup") == 0;
    if (!is_backup && (argc < 1 || strcmp(argv[0], "check") != 0)) {
        return usage_fail("the commands of db are 'check' and 'backup FILE'");
    }
    if (is_backup && (argc < 2 || argv[1][0] == '-')) {
        return usage_fail("'db backup' needs the file to write");
    }
    int skip = is_backup ? 2 : 1;
    int r = flags_parse(&about, argc - skip, argv + skip, flags, SL_ARRAY_LEN(flags));
    if (r) {
        return r;
    }
    return is_backup ? sl_cmd_db_backup(data, argv[1]) : sl_cmd_db_check(data);
}

static int cmd_version(int argc, char **argv)
{
    bool is_json = false;
    const struct flag flags[] = { { "--json", NULL, NULL, &is_json, NULL, "as JSON" } };
    static const struct about about = { "version [OPTION…]", "tell the version", "sluice version --json" };
    int r = flags_parse(&about, argc, argv, flags, SL_ARRAY_LEN(flags));
    if (r) {
        return r;
    }
    if (is_json) {
        printf("{\"name\":\"sluice\",\"version\":\"%s\"}\n", SL_VERSION);
    } else {
        printf("sluice %s\n", SL_VERSION);
    }
    return 0;
}

/* Every other command is the client's, a program of its own: beside the installed binary in ../libexec/sluice, or where
 * the build leaves it. It also knows what to say about a command that is none. */
static int client_exec(char **argv)
{
    static const char *const places[] = { "../libexec/sluice/sluice-client", "../cli/sluice-client" };
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);
    while (n > 0 && path[n - 1] != '/') {
        n--;
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(places) && n > 0; i++) {
        strcpy(path + n, places[i]);
        execv(path, argv);
    }
    return usage_fail("'%s' needs the client program libexec/sluice/sluice-client, which is not installed", argv[1]);
}

/* On the directory itself, or by the daemon that has it: then the other options are the client's. */
static int cmd_secret(int argc, char **argv)
{
    static char program[] = "sluice", secret[] = "secret", rotate[] = "rotate";
    char *words[32] = { program, secret, rotate };
    const char *data = getenv("SLUICE_DATA");
    int n = 3;
    bool is_remote = false, is_running;
    if (argc < 1 || strcmp(argv[0], "rotate") != 0) {
        return usage_fail("the only command of secret is 'rotate'");
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--data") == 0 && i + 1 < argc) {
            data = argv[++i];
        } else if (strncmp(argv[i], "--data=", 7) == 0) {
            data = argv[i] + 7;
        } else if (n < (int)SL_ARRAY_LEN(words) - 1) {
            words[n++] = argv[i];
            is_remote = true;
        }
    }
    if (!is_remote) {
        int code = sl_cmd_secret_rotate(data, &is_running);
        if (!is_running) {
            return code;
        }
    }
    return client_exec(words);
}

static int cmd_help(int argc, char **argv);

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    { "serve", cmd_serve },   { "check", cmd_check },       { "mlflow", cmd_mlflow }, { "db", cmd_db },
    { "secret", cmd_secret }, { "version", cmd_version },   { "help", cmd_help },     { "--help", cmd_help },
    { "-h", cmd_help },       { "--version", cmd_version },
};

static int client_help(char *command, char *word)
{
    static char help[] = "help", name[] = "sluice";
    char *words[] = { name, help, command, word, NULL };
    return client_exec(words);
}

/* Of a command: as it tells it itself. */
static int cmd_help(int argc, char **argv)
{
    static char asked[] = "--help";
    char *words[] = { asked, NULL };
    if (argc == 0 || strcmp(argv[0], "help") == 0 || argv[0][0] == '-') {
        fputs(usage_text, stdout);
        return SL_EXIT_OK;
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(commands); i++) {
        if (commands[i].run != cmd_secret && strcmp(argv[0], commands[i].name) == 0) {
            return commands[i].run(1, words);
        }
    }
    return client_help(argv[0], argc > 1 ? argv[1] : NULL);
}

/* "--help" behind any command. */
static bool help_is_asked(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fputs(usage_text, stderr);
        return SL_EXIT_USAGE;
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(commands); i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            bool is_asked = help_is_asked(argc - 2, argv + 2);
            return is_asked ? cmd_help(argc - 1, argv + 1) : commands[i].run(argc - 2, argv + 2);
        }
    }
    return client_exec(argv);
}
