/* SPDX-License-Identifier: Apache-2.0 */
/* sluice query */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

/* The prompt as the route's type wants it. */
static char *request_json(const char *type, const char *prompt)
{
    char *json = NULL;
    size_t len;
    FILE *out = open_memstream(&json, &len);
    if (!out) {
        return NULL;
    }
    bool is_embedding = strcmp(type, "llm/v1/embeddings") == 0, is_completion = strcmp(type, "llm/v1/completions") == 0;
    fputs(is_embedding    ? "{\"input\":"
          : is_completion ? "{\"prompt\":"
                          : "{\"messages\":[{\"role\":\"user\",\"content\":",
          out);
    cli_json_string(out, prompt);
    fputs(is_embedding || is_completion ? "}" : "}]}", out);
    return fclose(out) == 0 ? json : NULL;
}

/* The body of the request: given whole, or made of a prompt. The caller frees it. */
static int body_make(const struct cli_args *args, sluice_client *client, char **ret)
{
    const char *prompt = args->n_words > 1 ? args->words[1] : NULL;
    if (args->data && prompt) {
        return cli_usage("query", "a prompt and --data exclude each other");
    }
    if (args->data) {
        return cli_read(args->data, ret);
    }
    if (!prompt && isatty(STDIN_FILENO)) {
        return cli_usage("query", "it needs a PROMPT, --data, or text on standard input");
    }
    char *text = NULL;
    bool is_piped = !prompt || strcmp(prompt, "-") == 0;
    int r = is_piped ? cli_read("-", &text) : 0;
    if (r) {
        return r;
    }
    sluice_result *route = NULL;
    sluice_error *err = NULL;
    if (sluice_get_route(client, args->words[0], &route, &err) < 0) {
        free(text);
        return cli_report(args, client, args->words[0], err);
    }
    *ret = request_json(sluice_route_type(sluice_result_route(route, 0)), is_piped ? text : prompt);
    sluice_result_free(route);
    free(text);
    return *ret ? CLI_DONE : cli_fail(CLI_LOCAL, "out of memory");
}

struct output {
    const struct cli_args *args;
    bool has_begun;
    char last; /* byte written */
};

static int on_event(void *arg, sluice_call *call, const sluice_event *event)
{
    struct output *out = arg;
    size_t len;
    (void)call;
    if (out->args->is_json) {
        const char *json = sluice_event_json(event, &len);
        /* One event a line: JSON may have line ends between its values, never inside a string. */
        for (size_t i = 0; i < len; i++) {
            putchar(json[i] == '\n' || json[i] == '\r' ? ' ' : json[i]);
        }
        putchar('\n');
    } else {
        const char *text = sluice_event_text(event, &len);
        if (!text) {
            return 0;
        }
        cli_put(text, len);
        out->last = text[len - 1];
    }
    out->has_begun = true;
    return fflush(stdout) == 0 ? 0 : SLUICE_CANCEL;
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
    sluice_callbacks callbacks = SLUICE_CALLBACKS_INIT;
    struct output out = { args, false, '\n' };
    sluice_result *result = NULL;
    sluice_error *err = NULL;
    callbacks.on_event = on_event;
    int r = sluice_query_stream(client, args->words[0], json, SLUICE_NUL_TERMINATED, &callbacks, &out, &result, &err);
    if (out.has_begun && out.last != '\n' && !args->is_json) {
        putchar('\n');
        fflush(stdout);
    }
    usage_print(args, result);
    sluice_result_free(result);
    if (r == 0) {
        return CLI_DONE;
    }
    int code = sluice_error_code(err);
    int exit_code = cli_report(args, client, args->words[0], err);
    if (code == SLUICE_ECANCELLED || !out.has_begun) {
        return exit_code == CLI_BROKEN ? CLI_FAILED : exit_code;
    }
    return CLI_BROKEN;
}

static int whole_run(const struct cli_args *args, sluice_client *client, const char *json)
{
    sluice_result *result = NULL;
    sluice_error *err = NULL;
    if (sluice_query(client, args->words[0], json, SLUICE_NUL_TERMINATED, &result, &err) < 0) {
        return cli_report(args, client, args->words[0], err);
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
