/* SPDX-License-Identifier: Apache-2.0 */
/* sluice query */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "perform.h"
#include "prompt.h"

/* How long standard input may be silent before a person is told that the program waits for it. */
#define SILENCE_MSEC 1500

/* True: something is piped in. A terminal and /dev/null are not waited for. */
static bool is_piped_in(void)
{
    struct stat st;
    return fstat(STDIN_FILENO, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISREG(st.st_mode) || S_ISSOCK(st.st_mode));
}

static int stdin_read(const struct cli_args *args, bool is_asked, char **text)
{
    struct pollfd fd = { STDIN_FILENO, POLLIN, 0 };
    if (!is_asked && !args->is_quiet && poll(&fd, 1, SILENCE_MSEC) == 0) {
        cli_print(stderr, "sluice: waiting for the end of standard input; </dev/null leaves it out");
    }
    return cli_read("-", text);
}

/* The prompt, the files and the piped input, in this order. */
static int text_make(const struct cli_args *args, char **ret)
{
    const char *prompt = args->n_words > 1 ? args->words[1] : NULL;
    bool is_asked = prompt && strcmp(prompt, "-") == 0, has_text = (prompt && !is_asked) || args->files.n;
    char *read[CLI_LIST_MAX + 1] = { NULL };
    const char *parts[CLI_LIST_MAX + 2] = { is_asked ? NULL : prompt };
    if (!has_text && !is_asked && isatty(STDIN_FILENO)) {
        return cli_usage("query", "it needs a PROMPT, --file, --data, or text on standard input");
    }
    int r = CLI_DONE, n = 0;
    for (; n < args->files.n && r == 0; n++) {
        const char *path = args->files.v[n];
        r = cli_read_file(path[0] == '@' ? path + 1 : path, &read[n]);
    }
    if (r == 0 && (!has_text || is_asked || is_piped_in())) {
        r = stdin_read(args, !has_text || is_asked, &read[n++]);
    }
    for (int i = 0; i < n; i++) {
        parts[i + 1] = read[i];
    }
    if (r == 0) {
        *ret = prompt_join(parts, (size_t)n + 1);
        r = !*ret ? cli_fail(CLI_LOCAL, "out of memory")
            : prompt_is_blank(*ret)
                ? cli_usage("query", !has_text ? "the prompt is empty: standard input has none" : "the prompt is empty")
                : CLI_DONE;
    }
    for (int i = 0; i < n; i++) {
        free(read[i]);
    }
    return r;
}

/* The body of the request: given whole, or made from a prompt. The caller frees it. */
static int body_make(const struct cli_args *args, sluice_client *client, char **ret)
{
    if (args->data && (args->n_words > 1 || args->files.n || args->system || args->temperature || args->max_tokens)) {
        return cli_usage("query",
                         "--data is the whole request: a prompt, --file, --system, --temperature, --max-tokens "
                         "and it exclude each other");
    }
    if (args->data) {
        return cli_read(args->data, ret);
    }
    char *text = NULL, *system = NULL;
    sluice_result *route = NULL;
    int r = text_make(args, &text);
    r = r || !args->system ? r : cli_read(args->system, &system);
    r = r ? r : cli_route_get(args, client, args->words[0], &route);
    const char *type = r ? NULL : sluice_route_type(sluice_result_route(route, 0));
    type = type ? type : "llm/v1/chat";
    r = r ? r : prompt_check(args, "query", type);
    if (r == 0) {
        *ret = prompt_request(args, type, system, text);
        r = *ret ? CLI_DONE : cli_fail(CLI_LOCAL, "out of memory");
    }
    sluice_result_free(route);
    free(system);
    free(text);
    return r;
}

struct output {
    const struct cli_args *args;
    bool has_begun;
    char last; /* the last byte that was written */
};

/* Writes one event as a line: JSON may have newlines between its values, never inside a string. */
static bool line_put(const char *json, size_t len)
{
    char *line = NULL;
    size_t n;
    FILE *out = open_memstream(&line, &n);
    for (size_t i = 0; i < len && out; i++) {
        putc(json[i] == '\n' || json[i] == '\r' ? ' ' : json[i], out);
    }
    bool is_whole = out && fclose(out) == 0;
    if (is_whole) {
        cli_put_json(line, n);
    }
    free(line);
    return is_whole;
}

static int on_event(void *arg, const sluice_event *event)
{
    struct output *out = arg;
    size_t len;
    if (out->args->is_json) {
        const char *json = sluice_event_json(event, &len);
        if (!line_put(json, len)) {
            return cli_fail(CLI_LOCAL, "out of memory");
        }
    } else {
        const char *text = sluice_event_text(event, &len);
        if (!text || len == 0) {
            return 0;
        }
        cli_put(text, len);
        out->last = text[len - 1];
    }
    out->has_begun = true;
    return fflush(stdout);
}

static void usage_print(const struct cli_args *args, const sluice_result *result)
{
    sluice_usage usage;
    if (args->is_verbose && sluice_result_usage(result, &usage)) {
        fprintf(stderr, "tokens: prompt %lld, completion %lld, total %lld\n", (long long)usage.prompt_tokens,
                (long long)usage.completion_tokens, (long long)usage.total_tokens);
    }
}

static int stream_run(const struct cli_args *args, sluice_client *client, const char *json)
{
    struct output out = { args, false, '\n' };
    sluice_result *result = NULL;
    sluice_error *err = NULL;
    int r = perform_stream(args, client, json, on_event, &out, &result, &err);
    if (out.has_begun && out.last != '\n' && !args->is_json) {
        putchar('\n');
        fflush(stdout);
    }
    usage_print(args, result);
    sluice_result_free(result);
    if (r == 0) {
        return CLI_DONE;
    }
    if (r == SLUICE_ECANCELLED) {
        sluice_error_free(err);
        return cli_is_interrupted() ? CLI_INTERRUPTED : CLI_LOCAL; /* otherwise the output could not be written */
    }
    int exit_code = cli_report(args, client, args->words[0], err);
    return out.has_begun ? CLI_BROKEN : exit_code == CLI_BROKEN ? CLI_FAILED : exit_code;
}

static int whole_run(const struct cli_args *args, sluice_client *client, const char *json)
{
    sluice_result *result = NULL;
    sluice_request *request = NULL;
    sluice_error *err = NULL;
    int r = sluice_request_query(client, args->words[0], json, SLUICE_NUL_TERMINATED, 0, &request, &err);
    r = cli_perform(args, client, args->words[0], r < 0 ? NULL : request, err, &result);
    if (r) {
        return r;
    }
    size_t len;
    const char *text = args->is_json ? NULL : sluice_json_get(result, "choices[0].message.content", &len);
    text = text || args->is_json ? text : sluice_json_get(result, "choices[0].text", &len);
    if (text && (sluice_json_kind(result, "choices[0].message.content") == 's' ||
                 sluice_json_kind(result, "choices[0].text") == 's')) {
        cli_put(text, len);
        if (len == 0 || text[len - 1] != '\n') {
            putchar('\n');
        }
    } else {
        cli_put_result(result);
    }
    usage_print(args, result);
    sluice_result_free(result);
    return CLI_DONE;
}

int cli_query(const struct cli_args *args)
{
    sluice_client *client = NULL;
    char *json = NULL;
    int r = cli_open(args, &client);
    r = r ? r : body_make(args, client, &json);
    if (r == 0 && args->is_dry_run) {
        cli_put_json(json, strlen(json));
    } else if (r == 0) {
        r = args->is_stream ? stream_run(args, client, json) : whole_run(args, client, json);
    }
    free(json);
    sluice_close(client);
    return r;
}
