/* SPDX-License-Identifier: Apache-2.0 */
/* The steps before every call: files, and the client that the options ask for. */
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
#define WAIT_MAX_MSEC  120000

int cli_confirm(const struct cli_args *args, const char *fmt, ...)
{
    if (args->is_yes) {
        return CLI_DONE;
    }
    if (!isatty(STDIN_FILENO)) {
        return cli_fail(CLI_USAGE, "without a terminal to ask on, this needs --yes");
    }
    va_list list;
    char *question = NULL;
    va_start(list, fmt);
    int n = vasprintf(&question, fmt, list);
    va_end(list);
    if (n < 0) {
        return cli_fail(CLI_LOCAL, "out of memory");
    }
    cli_show(stderr, CLI_SHOW_LINE, question, (size_t)n, NULL);
    free(question);
    fputs(" [y/N] ", stderr);
    char line[16];
    bool is_yes = fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y');
    return is_yes ? CLI_DONE : cli_fail(CLI_LOCAL, "not done");
}

static const char *env_get(const char *name)
{
    const char *value = getenv(name);
    return value && *value ? value : NULL;
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

int cli_read_file(const char *path, char **text)
{
    FILE *in = fopen(path, "re");
    if (!in) {
        return cli_fail(CLI_LOCAL, "%s: %s", path, strerror(errno));
    }
    int r = stream_read(in, path, text);
    fclose(in);
    return r;
}

int cli_read(const char *arg, char **text)
{
    if (strcmp(arg, "-") == 0 || strcmp(arg, "@-") == 0) {
        return stream_read(stdin, "standard input", text);
    }
    if (arg[0] == '@') {
        return cli_read_file(arg + 1, text);
    }
    *text = strdup(arg);
    return *text ? CLI_DONE : cli_fail(CLI_LOCAL, "out of memory");
}

/* Refuses a text that cannot be a key. 0, or an exit code. */
static int key_look(const char *key, const char *where)
{
    size_t n = strlen(key);
    if (n == 0) {
        return cli_fail(CLI_LOCAL, "%s: there is no key in it", where);
    }
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)key[i] < ' ' || key[i] == 0x7f) {
            return cli_fail(CLI_LOCAL, "%s: the key in it has a line's end or another control character", where);
        }
    }
    if (n > 1 && key[0] == key[n - 1] && (key[0] == '"' || key[0] == '\'')) {
        cli_print(stderr, "sluice: %s: the key in it stands in quotes, which are sent too", where);
    }
    return CLI_DONE;
}

/* As in a file, a newline at the end does not belong to the key. */
static int env_key_look(void)
{
    const char *value = env_get("SLUICE_KEY");
    size_t n = value ? strlen(value) : 0, end = n;
    while (n && strchr("\r\n", value[n - 1])) {
        n--;
    }
    if (n < end) {
        char *key = strndup(value, n);
        int r = key ? setenv("SLUICE_KEY", key, 1) : -1;
        free(key);
        value = r < 0 ? NULL : getenv("SLUICE_KEY");
    }
    return value && *value ? key_look(value, "SLUICE_KEY") : CLI_DONE;
}

static int key_read(const char *path, sluice_opts *opts, sluice_error **err, int *ret_exit)
{
    char *text = NULL;
    *ret_exit = strcmp(path, "-") == 0 ? cli_read("-", &text) : cli_read_file(path, &text);
    if (*ret_exit) {
        return *ret_exit;
    }
    struct stat st;
    if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 077)) {
        cli_print(stderr, "sluice: %s can be read by others: chmod 600 it", path);
    }
    text[strcspn(text, "\r\n")] = '\0';
    *ret_exit = key_look(text, strcmp(path, "-") == 0 ? "standard input" : path);
    int r = *ret_exit ? *ret_exit : sluice_opts_set_str(opts, "key", text, err);
    explicit_bzero(text, strlen(text));
    free(text);
    return r;
}

/* --- the client --- */

static sluice_client *interrupted; /* for the handler; set once */
static volatile sig_atomic_t was_interrupted;

static void on_interrupt(int number)
{
    (void)number;
    was_interrupted = 1;
    sluice_cancel_all(interrupted);
}

bool cli_is_interrupted(void)
{
    return was_interrupted;
}

void cli_interruptible(sluice_client *client)
{
    struct sigaction action = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND };
    interrupted = client;
    was_interrupted = 0;
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

const char *cli_server(const struct cli_args *args)
{
    const char *server = args->server ? args->server : env_get("SLUICE_SERVER");
    server = server ? server : env_get("MLFLOW_GATEWAY_URI");
    return server ? server : DEFAULT_SERVER;
}

bool cli_is_private(const struct cli_args *args)
{
    const char *server = cli_server(args);
    if (strncmp(server, "unix:", 5) == 0 || strncmp(server, "https://", 8) == 0) {
        return true;
    }
    server += strncmp(server, "http://", 7) == 0 ? 7 : 0;
    if (memchr(server, '@', strcspn(server, "/?#"))) {
        return false; /* the part before it is a name and a password, whatever it looks like */
    }
    static const char *const here[] = { "127.0.0.1", "localhost", "[::1]" };
    for (size_t i = 0; i < 3; i++) {
        size_t len = strlen(here[i]);
        if (strncmp(server, here[i], len) == 0 && (server[len] == '\0' || strchr(":/", server[len]))) {
            return true;
        }
    }
    return false;
}

static int tls_set(const struct cli_args *args, sluice_opts *opts, sluice_error **err)
{
    const char *ca = args->ca ? args->ca : env_get("SLUICE_CA");
    const char *const files[][2] = { { "ca", ca }, { "cert", args->cert }, { "cert_key", args->cert_key } };
    int r = args->is_insecure ? sluice_opts_set_int(opts, "insecure", 1, err) : 0;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && r == 0; i++) {
        if (files[i][1] && access(files[i][1], R_OK) < 0) {
            return cli_fail(CLI_LOCAL, "%s: %s", files[i][1], strerror(errno));
        }
        r = files[i][1] ? sluice_opts_set_str(opts, files[i][0], files[i][1], err) : 0;
    }
    return r;
}

/* The library does waits of up to this time that a server asks for. */
static int client_open(const struct cli_args *args, int64_t wait_max_msec, sluice_client **client)
{
    sluice_error *err = NULL;
    int exit_code = args->key_file ? CLI_DONE : env_key_look();
    if (exit_code) {
        return exit_code;
    }
    sluice_opts *opts = sluice_opts_new();
    int r = opts ? sluice_opts_from_env(opts, &err) : SLUICE_ENOMEM;
    r = r ? r : server_set(opts, cli_server(args), &err);
    char agent[64];
    snprintf(agent, sizeof(agent), "sluice-cli/%s", sluice_version());
    r = r ? r : sluice_opts_set_str(opts, "user_agent", agent, &err);
    r = r ? r : sluice_opts_set_msec(opts, "retry_after_max", wait_max_msec, &err);
    r = r || !args->retries ? r : sluice_opts_set_int(opts, "retries", args->retries - 1, &err);
    if (r == 0) {
        r = tls_set(args, opts, &err);
        exit_code = r > 0 ? r : CLI_DONE;
    }
    if (r == 0 && args->key_file) {
        r = key_read(args->key_file, opts, &err, &exit_code);
    }
    if (r == 0 && args->timeout_msec) {
        r = sluice_opts_set_msec(opts, "timeout", args->timeout_msec, &err);
    }
    r = r ? r : sluice_open(opts, client, &err);
    sluice_opts_free(opts);
    if (r && !exit_code) {
        const char *text = err ? sluice_error_text(err) : "out of memory";
        bool is_server = strncmp(text, "Invalid url", 11) == 0 || strncmp(text, "The gateway uri", 15) == 0;
        exit_code = cli_fail(CLI_LOCAL, "%s%s", text, is_server ? " (--server, SLUICE_SERVER)" : "");
    }
    sluice_error_free(err);
    if (r == 0) {
        cli_interruptible(*client);
    }
    return exit_code;
}

int cli_open(const struct cli_args *args, sluice_client **client)
{
    return client_open(args, 0, client);
}

int cli_open_waiting(const struct cli_args *args, sluice_client **client)
{
    return client_open(args, WAIT_MAX_MSEC, client);
}
