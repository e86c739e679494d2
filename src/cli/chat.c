/* SPDX-License-Identifier: Apache-2.0 */
/* sluice chat: a conversation with a route. Each line is a turn, and a paste is one line. */
#include <stdlib.h>
#include <string.h>

#include "lines.h"
#include "perform.h"
#include "prompt.h"

struct chat {
    struct cli_args args; /* their first word is the route, which /model changes */
    char *route;          /* the one that /model named; NULL: the command's */
    sluice_client *client;
    char *system; /* the system message, or NULL */
    bool is_over;
    char *messages; /* JSON objects with commas between them */
    size_t len;
    char *answer; /* the answer of this turn */
    size_t answer_len;
    FILE *answer_out;
};

/* --- turns --- */

/* Adds a message; false when out of memory. */
static bool message_add(struct chat *chat, const char *role, const char *content)
{
    char *messages = NULL;
    size_t len;
    FILE *out = open_memstream(&messages, &len);
    if (!out) {
        return false;
    }
    fprintf(out, "%s%s{\"role\":\"%s\",\"content\":", chat->messages ? chat->messages : "", chat->messages ? "," : "",
            role);
    cli_json_string(out, content);
    putc('}', out);
    if (fclose(out) != 0) {
        free(messages);
        return false;
    }
    free(chat->messages);
    chat->messages = messages;
    chat->len = len;
    return true;
}

static int on_event(void *arg, const sluice_event *event)
{
    struct chat *chat = arg;
    size_t len;
    const char *text = sluice_event_text(event, &len);
    if (!text) {
        return 0;
    }
    fwrite(text, 1, len, chat->answer_out);
    cli_put(text, len);
    return fflush(stdout);
}

/* Makes the whole request; NULL: out of memory. */
static char *request_make(const struct chat *chat)
{
    char *json = NULL;
    size_t len;
    FILE *out = open_memstream(&json, &len);
    if (!out) {
        return NULL;
    }
    fputs("{\"messages\":[", out);
    if (chat->system) {
        fputs("{\"role\":\"system\",\"content\":", out);
        cli_json_string(out, chat->system);
        fputs("},", out);
    }
    fprintf(out, "%s]", chat->messages);
    prompt_put_settings(out, &chat->args);
    putc('}', out);
    if (fclose(out) != 0) {
        free(json);
        return NULL;
    }
    return json;
}

static void restore(struct chat *chat, size_t len)
{
    if (len == 0) {
        free(chat->messages);
        chat->messages = NULL;
    } else {
        chat->messages[len] = '\0';
    }
    chat->len = len;
}

static int turn(struct chat *chat, const char *line)
{
    size_t before = chat->len;
    char *json = NULL;
    chat->answer_out = open_memstream(&chat->answer, &chat->answer_len);
    if (!chat->answer_out || !message_add(chat, "user", line) || !(json = request_make(chat))) {
        return cli_fail(CLI_LOCAL, "out of memory");
    }
    sluice_error *err = NULL;
    cli_interruptible(chat->client);
    int r = perform_stream(&chat->args, chat->client, json, on_event, chat, NULL, &err);
    free(json);
    fclose(chat->answer_out);
    putchar('\n');
    fflush(stdout);
    int exit_code = r == SLUICE_OK           ? CLI_DONE
                    : r == SLUICE_ECANCELLED ? CLI_INTERRUPTED
                                             : cli_report(&chat->args, chat->client, chat->args.words[0], err);
    if (r == SLUICE_ECANCELLED) {
        sluice_error_free(err);
    }
    if (r < 0 && chat->answer_len == 0) {
        restore(chat, before); /* so that the question can be asked again */
    } else if (!message_add(chat, "assistant", chat->answer)) {
        exit_code = cli_fail(CLI_LOCAL, "out of memory");
    }
    free(chat->answer);
    chat->answer = NULL;
    return exit_code;
}

/* --- commands of the chat --- */

static int exit_do(struct chat *chat, const char *rest)
{
    (void)rest;
    chat->is_over = true;
    return CLI_DONE;
}

static int reset_do(struct chat *chat, const char *rest)
{
    (void)rest;
    restore(chat, 0);
    if (!chat->args.is_quiet) {
        cli_print(stderr, "forgotten: the next line begins a new conversation");
    }
    return CLI_DONE;
}

/* Shows the system message, sets it, or removes it ("-"); what was said stays. */
static int system_do(struct chat *chat, const char *rest)
{
    if (!*rest) {
        cli_print(stderr, "%s", chat->system ? chat->system : "there is no system message");
        return CLI_DONE;
    }
    char *text = strcmp(rest, "-") == 0 ? NULL : strdup(rest);
    if (!text && strcmp(rest, "-") != 0) {
        return cli_fail(CLI_LOCAL, "out of memory");
    }
    free(chat->system);
    chat->system = text;
    return CLI_DONE;
}

static int model_do(struct chat *chat, const char *rest);
static int help_do(struct chat *chat, const char *rest);

static const struct word {
    const char *name;
    const char *help; /* NULL: another name of the row above */
    int (*run)(struct chat *chat, const char *rest);
    bool takes_text; /* behind it */
} words[] = {
    { "/help", "show this", help_do, false },
    { "/?", NULL, help_do, false },
    { "/system", "show the system message; with a text: set it, with -: remove it", system_do, true },
    { "/model", "show the route; with a name: go on with another one", model_do, true },
    { "/route", NULL, model_do, true },
    { "/reset", "forget what was said", reset_do, false },
    { "/clear", NULL, reset_do, false },
    { "/new", NULL, reset_do, false },
    { "/exit", "end; so do exit, quit and Ctrl-D", exit_do, false },
    { "/quit", NULL, exit_do, false },
    { "/bye", NULL, exit_do, false },
    { "/q", NULL, exit_do, false },
    { "exit", NULL, exit_do, false },
    { "quit", NULL, exit_do, false },
};

#define N_WORDS (sizeof(words) / sizeof(words[0]))

static int help_do(struct chat *chat, const char *rest)
{
    (void)chat;
    (void)rest;
    for (size_t i = 0; i < N_WORDS; i++) {
        if (words[i].help) {
            cli_print(stderr, "%-8s %s", words[i].name, words[i].help);
        }
    }
    cli_print(stderr, "%-8s %s", "//text", "send /text to the route");
    cli_print(stderr, "A line that ends with \\ goes on in the next one; what is pasted is one message");
    cli_print(stderr, "Ctrl-C stops an answer, or empties the line");
    return CLI_DONE;
}

/* True: "/word", alone or with more words behind it. It is no path: it has no second slash. */
static bool is_slash_word(const char *line)
{
    size_t len = strcspn(line, " \t\n");
    return line[0] == '/' && line[1] != '/' && len > 1 && !memchr(line + 1, '/', len - 1);
}

/* True: the line was a command for this program. *ret: the exit code for a script. */
static bool word_run(struct chat *chat, const char *line, int *ret)
{
    char typed[64];
    const char *nearest = NULL;
    int distance = -1;
    size_t len = strcspn(line, " \t\n");
    snprintf(typed, sizeof(typed), "%.*s", (int)len, line);
    const char *rest = line + len + strspn(line + len, " \t\n");
    for (size_t i = 0; i < N_WORDS; i++) {
        if ((!*rest || words[i].takes_text) && strcmp(typed, words[i].name) == 0) {
            *ret = words[i].run(chat, rest);
            return true;
        }
        if (words[i].name[0] == '/') {
            cli_nearest(typed, words[i].name, &nearest, &distance);
        }
    }
    if (!is_slash_word(line)) {
        return false;
    }
    *ret = nearest
               ? cli_fail(CLI_USAGE, "there is no %s here, did you mean %s? //… sends it to the route", typed, nearest)
               : cli_fail(CLI_USAGE, "there is no %s here: /help lists the commands, //… sends it to the route", typed);
    return true;
}

/* Checks that the route exists and is one for chat, before anything is sent to it. */
static int route_check(const struct cli_args *args, sluice_client *client, const char *name)
{
    sluice_result *route = NULL;
    int r = cli_route_get(args, client, name, &route);
    const char *type = r ? NULL : sluice_route_type(sluice_result_route(route, 0));
    if (type && strcmp(type, "llm/v1/chat") != 0) {
        r = cli_usage("chat", "the route '%s' is of type %s: it can be asked with sluice query, not talked with", name,
                      type);
    }
    sluice_result_free(route);
    return r;
}

/* What was said stays: the other route answers the same conversation. */
static int model_do(struct chat *chat, const char *rest)
{
    if (!*rest) {
        cli_print(stderr, "%s", chat->args.words[0]);
        return CLI_DONE;
    }
    char *name = strdup(rest);
    int r = name ? route_check(&chat->args, chat->client, name) : cli_fail(CLI_LOCAL, "out of memory");
    if (r) {
        free(name);
        return r;
    }
    free(chat->route);
    chat->args.words[0] = chat->route = name;
    return CLI_DONE;
}

/* Joins lines of a person that end with a backslash. NULL: the input ended, or there is no memory. The caller frees
 * it. */
static char *message_read(struct line_reader *reader)
{
    char *message = NULL;
    const char *line;
    bool goes_on = true;
    while (goes_on && (line = reader_next(reader))) {
        size_t len = strlen(line);
        goes_on = reader->edit && len && line[len - 1] == '\\';
        char *longer = NULL;
        int n = asprintf(&longer, "%s%s%.*s", message ? message : "", message ? "\n" : "", (int)(len - goes_on), line);
        free(message);
        message = n < 0 ? NULL : longer;
        reader_goes_on(goes_on);
    }
    reader_goes_on(false);
    return message;
}

static int talk(struct chat *chat, struct line_reader *reader)
{
    char *line;
    int r = CLI_DONE;
    cli_interruptible(chat->client);
    while (!chat->is_over && (line = message_read(reader))) {
        if (!prompt_is_blank(line) && !word_run(chat, line, &r)) {
            r = turn(chat, line[0] == '/' && line[1] == '/' ? line + 1 : line);
            cli_interruptible(chat->client);
        }
        free(line);
        /* A person can try again; a script cannot. */
        if (r && !reader->edit) {
            return r;
        }
    }
    return reader->edit ? CLI_DONE : r;
}

int cli_chat(const struct cli_args *args)
{
    struct chat chat = { .args = *args };
    struct line_reader reader;
    int r = args->system ? cli_read(args->system, &chat.system) : CLI_DONE;
    r = r ? r : cli_open(args, &chat.client);
    r = r ? r : route_check(args, chat.client, args->words[0]);
    if (r == 0) {
        reader_init(&reader);
        if (reader.edit && !args->is_quiet) {
            cli_print(stderr, "talking to %s: /help lists the commands, /exit or Ctrl-D ends, Ctrl-C stops an answer",
                      args->words[0]);
        }
        r = talk(&chat, &reader);
        if (reader.edit) {
            putchar('\n');
        }
        reader_done(&reader);
    }
    free(chat.messages);
    free(chat.system);
    free(chat.route);
    sluice_close(chat.client);
    return r;
}
