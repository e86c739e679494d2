/* SPDX-License-Identifier: Apache-2.0 */
/* Writing to standard output. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "cli.h"

bool cli_has_color(const struct cli_args *args)
{
    if (args->color && strcmp(args->color, "auto") != 0) {
        return strcmp(args->color, "always") == 0;
    }
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

static bool is_terminal(void)
{
    static int is_tty = -1; /* asked once, because a stream has many pieces */
    if (is_tty < 0) {
        is_tty = isatty(STDOUT_FILENO);
    }
    return is_tty;
}

void cli_put(const char *text, size_t len)
{
    static struct cli_cut cut; /* a character may be cut between two pieces */
    if (is_terminal()) {
        cli_show(stdout, CLI_SHOW_TEXT, text, len, &cut);
    } else {
        fwrite(text, 1, len, stdout);
    }
}

void cli_put_json(const char *json, size_t len)
{
    cli_show(stdout, is_terminal() ? CLI_SHOW_JSON : CLI_SHOW_DATA, json, len, NULL);
    if (len == 0 || json[len - 1] != '\n') {
        putchar('\n');
    }
}

void cli_put_result(const sluice_result *result)
{
    size_t len;
    const char *json = sluice_result_json(result, &len);
    cli_put_json(json, len);
}

void cli_json_bytes(FILE *out, const char *p, size_t n)
{
    putc('"', out);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c == '"' || c == '\\') {
            fprintf(out, "\\%c", c);
        } else if (c < 0x20) {
            fprintf(out, "\\u%04x", c);
        } else {
            putc(c, out);
        }
    }
    putc('"', out);
}

void cli_json_string(FILE *out, const char *text)
{
    cli_json_bytes(out, text, strlen(text));
}

/* --- tables --- */

void cli_table_add(struct cli_table *table, const char *cell)
{
    int n = table->n_rows; /* how many cells are left */
    char **cells = realloc(table->cells, (size_t)(n + 1) * sizeof(*cells));
    if (!cells) {
        table->is_broken = true;
        return;
    }
    table->cells = cells;
    cells[n] = NULL;
    table->n_rows++;
    size_t len;
    FILE *out = cell ? open_memstream(&cells[n], &len) : NULL;
    if (out) {
        cli_show(out, CLI_SHOW_LINE, cell, strlen(cell), NULL);
    }
    table->is_broken |= cell && (!out || fclose(out) != 0);
}

int cli_width(const char *text)
{
    int n = 0;
    for (size_t left = strlen(text); left;) {
        wchar_t c;
        int len = mbtowc(&c, text, left), width = len > 0 ? wcwidth(c) : 1;
        len = len > 0 ? len : 1;
        n += width > 0 ? width : 0;
        text += len;
        left -= (size_t)len;
    }
    return n;
}

static void aligned_print(const struct cli_args *args, const struct cli_table *t)
{
    int widths[16] = { 0 };
    for (int i = -t->n_columns; i < t->n_rows; i++) {
        const char *cell = i < 0 ? t->heading[i + t->n_columns] : t->cells[i] ? t->cells[i] : "-";
        int column = (i + t->n_columns) % t->n_columns, width = cli_width(cell);
        widths[column] = width > widths[column] ? width : widths[column];
    }
    bool has_color = cli_has_color(args);
    for (int i = -t->n_columns; i < t->n_rows; i++) {
        const char *cell = i < 0 ? t->heading[i + t->n_columns] : t->cells[i] ? t->cells[i] : "-";
        int column = (i + t->n_columns) % t->n_columns;
        bool is_last = column == t->n_columns - 1;
        printf("%s%s%s%*s", i < 0 && has_color ? "\x1b[1m" : "", cell, i < 0 && has_color ? "\x1b[0m" : "",
               is_last ? 0 : widths[column] - cli_width(cell) + 2, "");
        if (is_last) {
            putchar('\n');
        }
    }
}

void cli_table_free(struct cli_table *t)
{
    for (int i = 0; i < t->n_rows; i++) {
        free(t->cells[i]);
    }
    free(t->cells);
}

int cli_table_end(const struct cli_args *args, struct cli_table *t)
{
    bool is_tty = isatty(STDOUT_FILENO);
    if (!t->is_broken && is_tty) {
        aligned_print(args, t);
    }
    for (int i = 0; i < t->n_rows && !t->is_broken && !is_tty; i++) {
        printf("%s%c", t->cells[i] ? t->cells[i] : "", (i + 1) % t->n_columns ? '\t' : '\n');
    }
    cli_table_free(t);
    return t->is_broken ? cli_fail(CLI_LOCAL, "out of memory") : CLI_DONE;
}
