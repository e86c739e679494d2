/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": the nearest word, and the names that other programs use. */
#include <string.h>

#include "command.h"

#define WORD_MAX 64

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* The number of edits from one word to the other; a swap of neighbours is one edit (optimal string alignment). Long
 * words are far from everything. */
static int distance_of(const char *a, const char *b)
{
    int rows[3][WORD_MAX + 1], n = (int)strlen(b), m = (int)strlen(a);
    if (n > WORD_MAX || m > WORD_MAX) {
        return WORD_MAX;
    }
    for (int i = 0; i <= m; i++) {
        int *row = rows[i % 3], *up = rows[(i + 2) % 3], *over = rows[(i + 1) % 3];
        row[0] = i;
        for (int j = 1; j <= n; j++) {
            if (i == 0) {
                row[j] = j;
                continue;
            }
            row[j] = least(up[j - 1] + (a[i - 1] != b[j - 1]), least(up[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], over[j - 2] + 1);
            }
        }
    }
    return rows[m % 3][n];
}

void cli_nearest(const char *word, const char *candidate, const char **nearest, int *distance)
{
    int d = distance_of(word, candidate), len = (int)strlen(candidate);
    int may = len <= 2 ? 0 : len <= 5 ? 1 : len <= 9 ? 2 : 3;
    if (d <= may && (*distance < 0 || d < *distance)) {
        *nearest = candidate;
        *distance = d;
    }
}

const char *cli_instead(const char *command, const char *typed)
{
    static const struct {
        const char *command; /* NULL: any command */
        const char *typed, *instead;
    } rows[] = {
        { "serve", "port", "--listen 127.0.0.1:PORT" },
        { "serve", "p", "--listen 127.0.0.1:PORT" },
        { "serve", "host", "--listen HOST:PORT" },
        { "serve", "bind", "--listen HOST:PORT" },
        { "serve", "address", "--listen HOST:PORT" },
        { "serve", "config-path", "--config FILE" },
        { "serve", "file", "--config FILE" },
        { "serve", "f", "-c FILE" },
        { "serve", "threads", "--workers N" },
        { "check", "config-path", "--config FILE" },
        { "check", "file", "--config FILE" },
        { "check", "f", "-c FILE" },
        { "mlflow start", "config", "--config-path FILE" },
        { "mlflow start", "c", "--config-path FILE" },
        { "mlflow start", "listen", "--host HOST --port PORT" },
        { "query", "prompt", "it as a word: sluice query ROUTE PROMPT" },
        { "query", "route", "it as a word: sluice query ROUTE PROMPT" },
        { "query", "model", "the route as a word: sluice query ROUTE PROMPT" },
        { "query", "s", "--system TEXT" },
        { "query", "t", "--temperature X" },
        { "query", "retry", "--retries N" },
        { NULL, "url", "--server URL" },
        { NULL, "uri", "--server URL" },
        { NULL, "host", "--server URL" },
        { NULL, "port", "--server HOST:PORT" },
        { NULL, "key", "--key-file FILE, or SLUICE_KEY" },
        { NULL, "api-key", "--key-file FILE, or SLUICE_KEY" },
        { NULL, "token", "--key-file FILE, or SLUICE_KEY" },
        { NULL, "cacert", "--ca FILE" },
        { NULL, "k", "--insecure" },
        { NULL, "output", "--json" },
        { NULL, "o", "--json" },
        { NULL, "format", "--json" },
        { NULL, "force", "--yes" },
        { NULL, "f", "--yes" },
        { NULL, "n", "--dry-run" },
        { NULL, "no-color", "--color never" },
        { NULL, "debug", "--verbose" },
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool fits = !rows[i].command || (command && strcmp(rows[i].command, command) == 0);
        if (fits && strcmp(rows[i].typed, typed) == 0) {
            return rows[i].instead;
        }
    }
    return NULL;
}
