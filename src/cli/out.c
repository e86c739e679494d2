/* SPDX-License-Identifier: Apache-2.0 */
/* What goes to standard output. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

int cli_flush(int code)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "sluice: standard output cannot be written\n");
        return code ? code : CLI_LOCAL;
    }
    return code;
}

bool cli_has_color(const struct cli_args *args)
{
    if (args->color && strcmp(args->color, "auto") != 0) {
        return strcmp(args->color, "always") == 0;
    }
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no && *no) && !(term && strcmp(term, "dumb") == 0);
}

/* What a terminal would obey becomes a question mark: C0 but line ends and tabs, DEL; and C1, of whose two bytes in
 * UTF-8 the first has been written, a turned one. */
static char harmless(unsigned char before, unsigned char c)
{
    if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f) {
        return '?';
    }
    return (char)(before == 0xc2 && c >= 0x80 && c < 0xa0 ? 0xbf : c);
}

const char *cli_safe(const char *text)
{
    static char kept[4][4096];
    static unsigned next;
    char *out = kept[next++ % 4];
    size_t n = strnlen(text, sizeof(kept[0]) - 1);
    for (size_t i = 0; i < n; i++) {
        out[i] = harmless(i ? (unsigned char)text[i - 1] : 0, (unsigned char)text[i]);
    }
    out[n] = '\0';
    return out;
}

void cli_put(const char *text, size_t len)
{
    static unsigned char before; /* a character may be cut between two pieces */
    static int is_tty = -1;      /* asked once: a stream is many pieces */
    if (is_tty < 0) {
        is_tty = isatty(STDOUT_FILENO);
    }
    if (!is_tty) {
        fwrite(text, 1, len, stdout);
        return;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        putchar(harmless(before, c));
        before = c;
    }
}

void cli_put_json(const char *json, size_t len)
{
    cli_put(json, len);
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

void cli_json_string(FILE *out, const char *text)
{
    putc('"', out);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
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

/* --- tables --- */

void cli_table_add(struct cli_table *table, const char *cell)
{
    int n = table->n_rows; /* cells until the end */
    char **cells = realloc(table->cells, (size_t)(n + 1) * sizeof(*cells));
    if (!cells) {
        table->is_broken = true;
        return;
    }
    table->cells = cells;
    cells[n] = cell ? strdup(cell) : NULL;
    table->is_broken |= cell && !cells[n];
    table->n_rows++;
    unsigned char before = 0;
    for (char *p = cells[n]; p && *p; before = (unsigned char)*p++) {
        bool ends = *p == '\n' || *p == '\t'; /* it would be another cell */
        *p = ends ? ' ' : harmless(before, (unsigned char)*p);
    }
}

/* Characters, not bytes: a UTF-8 continuation takes no room. */
static int width_of(const char *text)
{
    int n = 0;
    for (; *text; text++) {
        n += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return n;
}

static void aligned_print(const struct cli_args *args, const struct cli_table *t)
{
    int widths[16] = { 0 };
    for (int i = -t->n_columns; i < t->n_rows; i++) {
        const char *cell = i < 0 ? t->heading[i + t->n_columns] : t->cells[i] ? t->cells[i] : "-";
        int column = (i + t->n_columns) % t->n_columns, width = width_of(cell);
        widths[column] = width > widths[column] ? width : widths[column];
    }
    bool has_color = cli_has_color(args);
    for (int i = -t->n_columns; i < t->n_rows; i++) {
        const char *cell = i < 0 ? t->heading[i + t->n_columns] : t->cells[i] ? t->cells[i] : "-";
        int column = (i + t->n_columns) % t->n_columns;
        bool is_last = column == t->n_columns - 1;
        printf("%s%s%s%*s", i < 0 && has_color ? "\x1b[1m" : "", cell, i < 0 && has_color ? "\x1b[0m" : "",
               is_last ? 0 : widths[column] - width_of(cell) + 2, "");
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
