/* SPDX-License-Identifier: Apache-2.0 */
#include "lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#define HISTORY_LINES 1000
/* The most characters of one paste. */
#define PASTE_MAX (1u << 20)
/* Make the terminal mark pastes, and stop that. */
#define PASTE_ON  "\033[?2004h"
#define PASTE_OFF "\033[?2004l"

static bool goes_on; /* there is one editor for the process */

static char *prompt_of(EditLine *edit)
{
    static char first[] = "> ", next[] = ". ";
    (void)edit;
    return goes_on ? next : first;
}

void reader_goes_on(bool is_next)
{
    goes_on = is_next;
}

/* The path in the XDG state folder, which is made if needed. */
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

/* A terminal that can do it marks a paste with ESC [ 200 ~ and ESC [ 201 ~; without these marks each of its lines would
 * be sent by itself. Called after the first mark: everything up to the second one goes into the line unchanged. */
static unsigned char paste_take(EditLine *edit, int ch)
{
    static const wchar_t end[] = L"\033[201~";
    const size_t end_len = sizeof(end) / sizeof(end[0]) - 1;
    wchar_t *text = malloc(PASTE_MAX * sizeof(*text)), c;
    size_t n = 0;
    (void)ch;
    while (text && n < PASTE_MAX - 1 && el_wgetc(edit, &c) == 1) {
        text[n++] = c == L'\r' ? L'\n' : c;
        if (n >= end_len && wmemcmp(text + n - end_len, end, end_len) == 0) {
            n -= end_len;
            break;
        }
    }
    while (n && text[n - 1] == L'\n') {
        n--; /* only the person presses Enter */
    }
    for (size_t i = 0; i < n; i++) {
        text[i] = text[i] < L' ' && text[i] != L'\n' && text[i] != L'\t' ? L' ' : text[i];
    }
    if (text) {
        text[n] = L'\0';
        el_winsertstr(edit, text);
    }
    free(text);
    return CC_REFRESH;
}

void reader_init(struct line_reader *r)
{
    memset(r, 0, sizeof(*r));
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        return;
    }
    /* One for the process, never ended: el_end forgets the names that EL_ADDFN copied, and after each line the terminal
     * is in its normal state again. */
    static EditLine *editor;
    editor = editor ? editor : el_init("sluice", stdin, stdout, stderr);
    r->edit = editor;
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
    el_set(r->edit, EL_ADDFN, "sluice-paste", "take what is pasted as it is", paste_take);
    el_set(r->edit, EL_BIND, "\033[200~", "sluice-paste", NULL);
}

void reader_done(struct line_reader *r)
{
    if (r->history && r->path[0]) {
        mode_t old = umask(077); /* others must not read the questions */
        history(r->history, &r->event, H_SAVE, r->path);
        umask(old);
    }
    if (r->history) {
        history_end(r->history);
    }
    free(r->line);
}

const char *reader_next(struct line_reader *r)
{
    for (;;) {
        int n = 0;
        const char *line = NULL;
        errno = 0;
        if (r->edit) {
            el_set(r->edit, EL_PREP_TERM, 1); /* first, so that everything typed from now on goes to the editor */
            fputs(PASTE_ON, stdout);
            fflush(stdout);
            line = el_gets(r->edit, &n);
            fputs(PASTE_OFF, stdout);
            fflush(stdout);
            if (!line && errno == EINTR) {
                putchar('\n'); /* Ctrl-C at the prompt drops this line */
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
            r->line = strdup(line); /* libedit's own line must not be changed */
        }
        for (size_t len = r->line ? strlen(r->line) : 0; len && strchr("\r\n", r->line[len - 1]); len--) {
            r->line[len - 1] = '\0';
        }
        return r->line;
    }
}
