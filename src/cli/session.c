/* SPDX-License-Identifier: Apache-2.0 */
/* What every command does before and after its call: options to a client, errors to words and exit codes. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

#define DEFAULT_SERVER "http://127.0.0.1:5000"
#define FILE_MAX       (64u << 20)

static CLI_PRINTF(1, 0) void message(const char *fmt, va_list args)
{
    fputs("sluice: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
}

int cli_fail(int code, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    message(fmt, args);
    va_end(args);
    return code;
}

int cli_usage(const char *command, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    message(fmt, args);
    va_end(args);
    fprintf(stderr, "try: sluice %s%s\n", command ? command : "help", command ? " --help" : "");
    return CLI_USAGE;
}

int cli_confirm(const struct cli_args *args, const char *fmt, ...)
{
    if (args->is_yes) {
        return CLI_DONE;
    }
    if (!isatty(STDIN_FILENO)) {
        return cli_fail(CLI_USAGE, "without a terminal to ask on, this needs --yes");
    }
    va_list list;
    va_start(list, fmt);
    vfprintf(stderr, fmt, list);
    va_end(list);
    fputs(" [y/N] ", stderr);
    char line[16];
    bool is_yes = fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y');
    return is_yes ? CLI_DONE : cli_fail(CLI_LOCAL, "not done");
}

/* --- files --- */

static int stream_read(FILE *in, const char *name, char **ret)
{
    char *text = NULL;
    size_t len = 0, cap = 0, got = 1;
    while (got && len < FILE_MAX) {
        if (cap - len < 2) {
            char *more = realloc(text, cap = cap ? cap * 2 : 4096);
            if (!more) {
                free(text);
                return cli_fail(CLI_LOCAL, "out of memory");
            }
            text = more;
        }
        got = fread(text + len, 1, cap - len - 1, in);
        len += got;
    }
    if (ferror(in) || len >= FILE_MAX || memchr(text, '\0', len)) {
        free(text);
        return cli_fail(CLI_LOCAL, "%s: %s", name,
                        ferror(in)        ? strerror(errno)
                        : len >= FILE_MAX ? "longer than 64 MiB"
                                          : "it has NUL bytes");
    }
    text[len] = '\0';
    *ret = text;
    return CLI_DONE;
}

int cli_read(const char *arg, char **text)
{
    if (strcmp(arg, "-") == 0 || strcmp(arg, "@-") == 0) {
        return stream_read(stdin, "standard input", text);
    }
    if (arg[0] != '@') {
        *text = strdup(arg);
        return *text ? CLI_DONE : cli_fail(CLI_LOCAL, "out of memory");
    }
    FILE *in = fopen(arg + 1, "re");
    if (!in) {
        return cli_fail(CLI_LOCAL, "%s: %s", arg + 1, strerror(errno));
    }
    int r = stream_read(in, arg + 1, text);
    fclose(in);
    return r;
}

static int key_read(const char *path, sluice_opts *opts, sluice_error **err, int *ret_exit)
{
    char *arg = malloc(strlen(path) + 2), *text = NULL;
    if (!arg) {
        return *ret_exit = cli_fail(CLI_LOCAL, "out of memory");
    }
    sprintf(arg, "@%s", path);
    *ret_exit = cli_read(strcmp(path, "-") == 0 ? path : arg, &text);
    free(arg);
    if (*ret_exit) {
        return *ret_exit;
    }
    struct stat st;
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077)) {
        fprintf(stderr, "sluice: %s can be read by others: chmod 600 it\n", path);
    }
    text[strcspn(text, "\r\n")] = '\0';
    int r = sluice_opts_set_str(opts, "key", text, err);
    explicit_bzero(text, strlen(text));
    free(text);
    return r;
}

/* --- the client --- */

static sluice_client *interrupted; /* for the handler; set once */

static void on_interrupt(int number)
{
    (void)number;
    sluice_cancel_all(interrupted);
}

void cli_interruptible(sluice_client *client)
{
    struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND };
    interrupted = client;
    sigaction(SIGINT, &action, NULL);
}

static int server_set(sluice_opts *opts, const char *server, sluice_error **err)
{
    if (strncmp(server, "unix:", 5) == 0) {
        int r = sluice_opts_set_str(opts, "unix_socket", server + 5, err);
        return r ? r : sluice_opts_set_str(opts, "url", "http://localhost", err);
    }
    if (strstr(server, "://") || strncmp(server, "databricks", 10) == 0) {
        return sluice_opts_set_str(opts, "url", server, err);
    }
    char *url = malloc(strlen(server) + 8);
    if (!url) {
        return SLUICE_ENOMEM;
    }
    sprintf(url, "http://%s", server);
    int r = sluice_opts_set_str(opts, "url", url, err);
    free(url);
    return r;
}

static const char *env_get(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static const char *server_name(const struct cli_args *args)
{
    const char *server = args->server ? args->server : env_get("SLUICE_SERVER");
    server = server ? server : env_get("MLFLOW_GATEWAY_URI");
    return server ? server : DEFAULT_SERVER;
}

bool cli_is_private(const struct cli_args *args)
{
    const char *server = server_name(args);
    if (strncmp(server, "unix:", 5) == 0 || strncmp(server, "https://", 8) == 0) {
        return true;
    }
    server += strncmp(server, "http://", 7) == 0 ? 7 : 0;
    static const char *const here[] = { "127.0.0.1", "localhost", "[::1]" };
    for (size_t i = 0; i < 3; i++) {
        size_t len = strlen(here[i]);
        if (strncmp(server, here[i], len) == 0 && (server[len] == '\0' || strchr(":/", server[len]))) {
            return true;
        }
    }
    return false;
}

int cli_open(const struct cli_args *args, sluice_client **client)
{
    sluice_error *err = NULL;
    sluice_opts *opts = sluice_opts_new();
    int exit_code = CLI_DONE;
    int r = opts ? sluice_opts_from_env(opts, &err) : SLUICE_ENOMEM;
    r = r ? r : server_set(opts, server_name(args), &err);
    char agent[64];
    snprintf(agent, sizeof(agent), "sluice-cli/%s", sluice_version());
    r = r ? r : sluice_opts_set_str(opts, "user_agent", agent, &err);
    if (r == 0 && args->key_file) {
        r = key_read(args->key_file, opts, &err, &exit_code);
    }
    if (r == 0 && args->timeout_msec) {
        r = sluice_opts_set_msec(opts, "timeout", args->timeout_msec, &err);
    }
    r = r ? r : sluice_open(opts, client, &err);
    sluice_opts_free(opts);
    if (r && !exit_code) {
        exit_code = cli_fail(CLI_LOCAL, "%s", err ? sluice_error_text(err) : "out of memory");
    }
    sluice_error_free(err);
    if (r == 0) {
        cli_interruptible(*client);
    }
    return exit_code;
}

/* --- errors --- */

static int exit_code_of(const sluice_error *err)
{
    static const struct {
        int code, exit_code;
    } rows[] = {
        { SLUICE_EUSAGE, CLI_LOCAL },        { SLUICE_ENOMEM, CLI_LOCAL },      { SLUICE_ECONNECT, CLI_UNREACHABLE },
        { SLUICE_ETLS, CLI_UNREACHABLE },    { SLUICE_EAUTH, CLI_NOT_ALLOWED }, { SLUICE_EPERM, CLI_NOT_ALLOWED },
        { SLUICE_ENOTFOUND, CLI_NOT_FOUND }, { SLUICE_ELIMIT, CLI_LIMITED },    { SLUICE_ECANCELLED, CLI_INTERRUPTED },
        { SLUICE_ESTREAM, CLI_BROKEN },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].code == sluice_error_code(err)) {
            return rows[i].exit_code;
        }
    }
    bool has_reply = sluice_error_http_status(err) != 0;
    return sluice_error_code(err) == SLUICE_ETIMEOUT && !has_reply ? CLI_UNREACHABLE : CLI_FAILED;
}

struct search {
    const char *wanted;
    char nearest[256];
    int distance;
};

static int on_route(void *arg, const sluice_route *route)
{
    struct search *s = arg;
    const char *nearest = NULL;
    cli_nearest(s->wanted, sluice_route_name(route), &nearest, &s->distance);
    if (nearest) {
        snprintf(s->nearest, sizeof(s->nearest), "%s", nearest);
    }
    return 0;
}

int cli_report(const struct cli_args *args, sluice_client *client, const char *route, sluice_error *err)
{
    int exit_code = exit_code_of(err);
    int status = sluice_error_http_status(err);
    if (exit_code == CLI_INTERRUPTED) {
        sluice_error_free(err);
        return exit_code;
    }
    struct search s = { route, "", -1 };
    if (exit_code == CLI_NOT_FOUND && route) {
        sluice_routes_each(client, on_route, &s, NULL); /* only to help: its own failure is not told */
    }
    fprintf(stderr, "sluice: %s", cli_safe(args->is_verbose ? sluice_error_text(err) : sluice_error_detail(err)));
    if (status && !args->is_verbose) {
        fprintf(stderr, " (%d)", status);
    }
    if (s.nearest[0]) {
        fprintf(stderr, "; did you mean '%s'?", cli_safe(s.nearest));
    }
    fputc('\n', stderr);
    if (sluice_error_retry_after_msec(err) >= 0) {
        fprintf(stderr, "try again in %lld s\n", (long long)(sluice_error_retry_after_msec(err) + 999) / 1000);
    }
    if (args->is_verbose && *sluice_error_request_id(err)) {
        fprintf(stderr, "request id %s, %s\n", cli_safe(sluice_error_request_id(err)),
                cli_safe(sluice_error_type(err)));
    }
    if (exit_code == CLI_UNREACHABLE && !status) {
        fprintf(stderr, "is a gateway running at %s? (--server, SLUICE_SERVER)\n", server_name(args));
    }
    sluice_error_free(err);
    return exit_code;
}

int cli_call(const struct cli_args *args, sluice_client *client, const char *method, const char *path, const char *json,
             sluice_result **result)
{
    sluice_request *request = NULL;
    sluice_error *err = NULL;
    int r = sluice_request_http(client, method, path, json, json ? SLUICE_NUL_TERMINATED : 0, &request, &err);
    r = r ? r : sluice_perform(client, request, result, &err);
    sluice_request_free(request);
    return r < 0 ? cli_report(args, client, NULL, err) : CLI_DONE;
}
