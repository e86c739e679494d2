/* SPDX-License-Identifier: Apache-2.0 */
/* sluice chat: a conversation with a route. Each line is a turn, and a paste is one line. */
#include <stdlib.h>
#include <string.h>

#include "lines.h"
#include "perform.h"
#include "prompt.h"

struct chat {
    const struct cli_args *args;
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
    prompt_put_settings(out, chat->args);
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
    int r = perform_stream(chat->args, chat->client, json, on_event, chat, NULL, &err);
    free(json);
    fclose(chat->answer_out);
    putchar('\n');
    fflush(stdout);
    int exit_code = r == SLUICE_OK           ? CLI_DONE
                    : r == SLUICE_ECANCELLED ? CLI_INTERRUPTED
                                             : cli_report(chat->args, chat->client, chat->args->words[0], err);
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

static void exit_do(struct chat *chat)
{
    chat->is_over = true;
}

static void reset_do(struct chat *chat)
{
    restore(chat, 0);
    if (!chat->args->is_quiet) {
        cli_print(stderr, "forgotten: the next line begins a new conversation");
    }
}

static void help_do(struct chat *chat);

static const struct word {
    const char *name;
    const char *help; /* NULL: another name of the row above */
    void (*run)(struct chat *chat);
} words[] = {
    { "/help", "show this", help_do },
    { "/?", NULL, help_do },
    { "/reset", "forget what was said", reset_do },
    { "/clear", NULL, reset_do },
    { "/new", NULL, reset_do },
    { "/exit", "end; so do exit, quit and Ctrl-D", exit_do },
    { "/quit", NULL, exit_do },
    { "/bye", NULL, exit_do },
    { "/q", NULL, exit_do },
    { "exit", NULL, exit_do },
    { "quit", NULL, exit_do },
};

#define N_WORDS (sizeof(words) / sizeof(words[0]))

static void help_do(struct chat *chat)
{
    (void)chat;
    for (size_t i = 0; i < N_WORDS; i++) {
        if (words[i].help) {
            cli_print(stderr, "%-8s %s", words[i].name, words[i].help);
        }
    }
    cli_print(stderr, "%-8s %s", "//text", "send /text to the route");
    cli_print(stderr, "Ctrl-C stops an answer, or empties the line; what is pasted is one message");
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
    bool is_alone = !line[len + strspn(line + len, " \t\n")];
    snprintf(typed, sizeof(typed), "%.*s", (int)len, line);
    for (size_t i = 0; i < N_WORDS; i++) {
        if (is_alone && strcmp(typed, words[i].name) == 0) {
            words[i].run(chat);
            *ret = CLI_DONE;
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
static int route_check(const struct cli_args *args, sluice_client *client)
{
    sluice_result *route = NULL;
    int r = cli_route_get(args, client, args->words[0], &route);
    const char *type = r ? NULL : sluice_route_type(sluice_result_route(route, 0));
    if (type && strcmp(type, "llm/v1/chat") != 0) {
        r = cli_usage("chat", "the route '%s' is of type %s: it can be asked with sluice query, not talked with",
                      args->words[0], type);
    }
    sluice_result_free(route);
    return r;
}

static int talk(struct chat *chat, struct line_reader *reader)
{
    const char *line;
    int r = CLI_DONE;
    cli_interruptible(chat->client);
    while (!chat->is_over && (line = reader_next(reader))) {
        if (prompt_is_blank(line)) {
            continue;
        }
        if (!word_run(chat, line, &r)) {
            r = turn(chat, line[0] == '/' && line[1] == '/' ? line + 1 : line);
            cli_interruptible(chat->client);
        }
        /* A person can try again; a script cannot. */
        if (r && !reader->edit) {
            return r;
        }
    }
    return reader->edit ? CLI_DONE : r;
}

int cli_chat(const struct cli_args *args)
{
    struct chat chat = { .args = args };
    struct line_reader reader;
    int r = args->system ? cli_read(args->system, &chat.system) : CLI_DONE;
    r = r ? r : cli_open(args, &chat.client);
    r = r ? r : route_check(args, chat.client);
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
    sluice_close(chat.client);
    return r;
}
