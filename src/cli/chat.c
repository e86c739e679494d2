/* SPDX-License-Identifier: Apache-2.0 */
/* sluice chat: a conversation with a route. On a terminal with line editing and history (libedit); else a line is a
 * turn. */
#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli.h"

#define HISTORY_LINES 1000

struct chat {
    const struct cli_args *args;
    sluice_client *client;
    char *messages; /* JSON objects with commas between */
    size_t len;
    char *answer; /* of this turn */
    size_t answer_len;
    FILE *answer_out;
};

struct line_reader {
    EditLine *edit; /* NULL: no terminal */
    History *history;
    HistEvent event;
    char path[1024]; /* of the history file; "": none */
    char *line;
    size_t cap;
};

/* --- lines --- */

static char *prompt_of(EditLine *edit)
{
    static char text[] = "> ";
    (void)edit;
    return text;
}

/* The XDG state folder, made when need be. */
static void history_path(char *path, size_t size)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int n = state && *state ? snprintf(path, size, "%s/sluice", state)
                            : snprintf(path, size, "%s/.local/state/sluice", home ? home : "");
    if (n < 0 || (size_t)n + 16 > size || !((state && *state) || (home && *home))) {
        path[0] = '\0';
        return;
    }
    for (char *p = path + 1; *p; p++) {
        if (*p == '/') {
            *p = '\0';
            mkdir(path, 0700);
            *p = '/';
        }
    }
    mkdir(path, 0700);
    strcat(path, "/chat_history");
}

static void reader_init(struct line_reader *r)
{
    memset(r, 0, sizeof(*r));
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        return;
    }
    setlocale(LC_CTYPE, ""); /* what is typed may be UTF-8 */
    r->edit = el_init("sluice", stdin, stdout, stderr);
    r->history = r->edit ? history_init() : NULL;
    if (!r->history) {
        return;
    }
    history(r->history, &r->event, H_SETSIZE, HISTORY_LINES);
    history(r->history, &r->event, H_SETUNIQUE, 1);
    history_path(r->path, sizeof(r->path));
    if (r->path[0]) {
        history(r->history, &r->event, H_LOAD, r->path);
    }
    el_set(r->edit, EL_PROMPT, prompt_of);
    el_set(r->edit, EL_EDITOR, "emacs");
    el_set(r->edit, EL_HIST, history, r->history);
    el_source(r->edit, NULL);
}

static void reader_done(struct line_reader *r)
{
    if (r->history && r->path[0]) {
        mode_t old = umask(077); /* what was asked is nobody else's business */
        history(r->history, &r->event, H_SAVE, r->path);
        umask(old);
    }
    if (r->history) {
        history_end(r->history);
    }
    if (r->edit) {
        el_end(r->edit);
    }
    free(r->line);
}

/* The next line without its end, or NULL at the end of input. */
static const char *reader_next(struct line_reader *r)
{
    for (;;) {
        int n = 0;
        const char *line = NULL;
        errno = 0;
        if (r->edit) {
            line = el_gets(r->edit, &n);
            if (!line && errno == EINTR) {
                putchar('\n'); /* Ctrl-C at the prompt: this line is thrown away */
                el_reset(r->edit);
                continue;
            }
        } else {
            ssize_t got = getline(&r->line, &r->cap, stdin);
            n = (int)got;
            line = got > 0 ? r->line : NULL;
        }
        if (!line || n <= 0) {
            return NULL;
        }
        if (r->history && line[strspn(line, " \t\r\n")]) {
            history(r->history, &r->event, H_ENTER, line);
        }
        if (r->edit) {
            free(r->line);
            r->line = strdup(line); /* libedit's own must not be changed */
        }
        if (r->line) {
            r->line[strcspn(r->line, "\r\n")] = '\0';
        }
        return r->line;
    }
}

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

static int on_text(void *arg, sluice_call *call, const char *text, size_t len)
{
    struct chat *chat = arg;
    (void)call;
    fwrite(text, 1, len, chat->answer_out);
    cli_put(text, len);
    return fflush(stdout) == 0 ? 0 : SLUICE_CANCEL;
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
    if (!chat->answer_out || !message_add(chat, "user", line) ||
        asprintf(&json, "{\"messages\":[%s]}", chat->messages) < 0) {
        return cli_fail(CLI_LOCAL, "out of memory");
    }
    sluice_callbacks callbacks = SLUICE_CALLBACKS_INIT;
    callbacks.on_text = on_text;
    sluice_error *err = NULL;
    cli_interruptible(chat->client);
    int r = sluice_query_stream(chat->client, chat->args->words[0], json, SLUICE_NUL_TERMINATED, &callbacks, chat, NULL,
                                &err);
    free(json);
    fclose(chat->answer_out);
    putchar('\n');
    fflush(stdout);
    int exit_code = r < 0 ? cli_report(chat->args, chat->client, chat->args->words[0], err) : CLI_DONE;
    if (r < 0 && chat->answer_len == 0) {
        restore(chat, before); /* the question may be asked again */
    } else if (!message_add(chat, "assistant", chat->answer)) {
        exit_code = cli_fail(CLI_LOCAL, "out of memory");
    }
    free(chat->answer);
    chat->answer = NULL;
    return exit_code;
}

int cli_chat(const struct cli_args *args)
{
    struct chat chat = { .args = args };
    struct line_reader reader;
    int r = cli_open(args, &chat.client);
    if (r) {
        return r;
    }
    reader_init(&reader);
    if (reader.edit && !args->is_quiet) {
        fprintf(stderr, "talking to %s: /reset forgets, /exit or Ctrl-D ends, Ctrl-C stops an answer\n",
                args->words[0]);
    }
    const char *line;
    cli_interruptible(chat.client);
    while ((line = reader_next(&reader))) {
        if (strcmp(line, "/exit") == 0) {
            break;
        }
        if (strcmp(line, "/reset") == 0) {
            restore(&chat, 0);
        } else if (line[strspn(line, " \t")]) {
            r = turn(&chat, line);
            /* A person can try again; a script cannot. */
            if (r && !reader.edit) {
                break;
            }
            cli_interruptible(chat.client);
        }
    }
    if (reader.edit) {
        r = CLI_DONE;
        putchar('\n');
    }
    reader_done(&reader);
    free(chat.messages);
    sluice_close(chat.client);
    return r;
}
