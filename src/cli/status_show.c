/* SPDX-License-Identifier: Apache-2.0 */
/* Shows the busiest route first, the errors and latencies of each in its own line, and no line longer than the
 * terminal. */
#include "status_show.h"

#include <stdlib.h>
#include <string.h>

#define NEAR_CAP 0.8 /* of a limit: from here on it is marked */
#define NAME_MIN 12
/* Lines beside those of routes: the head, the heading, the line for the rest. */
#define LINES_OTHER 8
/* At most this many lines on a terminal are for targets that get no calls. */
#define RESTS_MAX 4

struct row {
    const struct page_route *now, *before; /* before NULL: the route is new, or counts are since the start */
    double rate, errors_rate;
};

/* The server's text, cut to what fits. */
static void text_shown(const char *text, char *out, size_t size)
{
    FILE *file = fmemopen(out, size, "w");
    out[0] = '\0';
    if (file) {
        cli_show(file, CLI_SHOW_LINE, text, strlen(text), NULL);
        fclose(file);
    }
    out[size - 1] = '\0';
}

/* --- numbers --- */

static const char *seconds_text(double s, char out[16])
{
    if (s < 0) {
        strcpy(out, "-");
    } else {
        snprintf(out, 16, s < 0.9995 ? "%.0f ms" : s < 100 ? "%.2f s" : "%.0f s", s < 0.9995 ? s * 1000 : s);
    }
    return out;
}

static const char *count_text(double n, char out[16])
{
    snprintf(out, 16, n < 1e6 ? "%.0f" : n < 1e9 ? "%.2fM" : "%.2fG", n < 1e6 ? n : n < 1e9 ? n / 1e6 : n / 1e9);
    return out;
}

static const char *rate_text(double n, char out[16])
{
    snprintf(out, 16, n == 0 || n >= 100 ? "%.0f" : n < 0.1 ? "%.3f" : "%.1f", n);
    return out;
}

/* --- rows --- */

static int row_cmp(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    if (x->rate != y->rate) {
        return x->rate < y->rate ? 1 : -1;
    }
    if (x->now->calls != y->now->calls) {
        return x->now->calls < y->now->calls ? 1 : -1;
    }
    return strcmp(x->now->name, y->now->name);
}

/* Requests for no route get a row only when they failed: the others are this command, and health checks. */
static size_t rows_make(const struct look *now, const struct look *before, double seconds, struct row *rows)
{
    size_t n = 0;
    for (size_t i = 0; i < now->page.n_routes; i++) {
        const struct page_route *r = &now->page.routes[i], *b = before ? page_find(&before->page, r->name) : NULL;
        bool is_none = strcmp(r->name, "none") == 0;
        if (is_none && r->errors == 0) {
            continue;
        }
        double calls = is_none ? r->errors : r->calls, calls_before = !b ? 0 : is_none ? b->errors : b->calls;
        rows[n++] = (struct row){ .now = r,
                                  .before = b,
                                  .rate = (calls - calls_before) / seconds,
                                  .errors_rate = (r->errors - (b ? b->errors : 0)) / seconds };
    }
    qsort(rows, n, sizeof(*rows), row_cmp);
    return n;
}

/* The type of most errors, of recent ones if there are any. */
static void worst_text(const struct row *row, char *out, size_t size)
{
    const struct page_error *worst = NULL;
    double most = 0;
    out[0] = '\0';
    for (int i = 0; i < row->now->n_types; i++) {
        const struct page_error *e = &row->now->types[i];
        double n = e->n;
        for (int k = 0; row->errors_rate > 0 && row->before && k < row->before->n_types; k++) {
            n -= strcmp(row->before->types[k].type, e->type) == 0 ? row->before->types[k].n : 0;
        }
        if (n > most) {
            worst = e;
            most = n;
        }
    }
    if (worst) {
        text_shown(worst->type, out, size);
        size_t len = strlen(out);
        snprintf(out + len, size - len, " (%.0f)", worst->n);
    }
}

/* A share below one is never shown as a whole. */
static void limit_text(const struct page_route *r, char *out, size_t size)
{
    int percent = (int)(r->used * 100);
    char refused[40] = "";
    if (r->refused > 0) {
        snprintf(refused, sizeof(refused), ", %.0f refused", r->refused);
    }
    if (r->used < 0) {
        snprintf(out, size, "%s", r->refused > 0 ? refused + 2 : "-");
        return;
    }
    snprintf(out, size, "%d%%%s%s", percent,
             percent >= 100        ? " at its cap"
             : r->used >= NEAR_CAP ? " near its cap"
                                   : "",
             refused);
}

/* --- the table --- */

enum { ROUTE, RATE, CALLS, ERRORS, P50, P95, FIRST, LIMIT, WORST, N_COLUMNS };
#define CELL_MAX 64

static const char *const headings[N_COLUMNS] = { "ROUTE", "CALLS/S",   "CALLS", "ERRORS",     "P50",
                                                 "P95",   "FIRST P95", "LIMIT", "MOST ERRORS" };

struct line {
    char *name; /* as shown */
    char cells[N_COLUMNS][CELL_MAX];
    bool is_loud; /* it is marked */
};

static void line_make(const struct row *row, struct line *line)
{
    const struct page_route *r = row->now, *b = row->before;
    size_t len;
    FILE *out = open_memstream(&line->name, &len);
    if (out) {
        const char *name = strcmp(r->name, "none") == 0 ? "(no route)" : r->name;
        cli_show(out, CLI_SHOW_LINE, name, strlen(name), NULL);
        fclose(out);
    }
    char text[16];
    bool is_none = strcmp(r->name, "none") == 0;
    strcpy(line->cells[RATE], rate_text(row->rate, text));
    strcpy(line->cells[CALLS], count_text(is_none ? r->errors : r->calls, text));
    strcpy(line->cells[ERRORS], count_text(r->errors, text));
    strcpy(line->cells[P50], seconds_text(page_quantile(&r->total, b ? &b->total : NULL, 0.5), text));
    strcpy(line->cells[P95], seconds_text(page_quantile(&r->total, b ? &b->total : NULL, 0.95), text));
    strcpy(line->cells[FIRST], seconds_text(page_quantile(&r->first, b ? &b->first : NULL, 0.95), text));
    limit_text(r, line->cells[LIMIT], CELL_MAX);
    worst_text(row, line->cells[WORST], CELL_MAX);
    line->is_loud = row->errors_rate > 0 || r->used >= NEAR_CAP;
}

static const char *cell_of(const struct line *line, int column)
{
    return column == ROUTE ? line->name ? line->name : "?" : line->cells[column];
}

/* How many bytes of the text fit in `width` columns. */
static int fit(const char *text, int width)
{
    size_t n = strlen(text);
    char part[1024];
    for (;; n--) {
        snprintf(part, sizeof(part), "%.*s", (int)n, text);
        if (n == 0 || (((unsigned char)text[n] & 0xc0) != 0x80 && cli_width(part) <= width)) {
            return (int)n;
        }
    }
}

static void cell_put(FILE *out, const char *text, int width, bool is_last)
{
    if (cli_width(text) > width) {
        int n = fit(text, width - 1);
        fprintf(out, "%.*s…%*s", n, text, is_last ? 0 : 2, "");
    } else {
        fprintf(out, "%s%*s", text, is_last ? 0 : width - cli_width(text) + 2, "");
    }
}

/* Columns get the width that they need. If the terminal has less, the name is cut, and then the last columns are left
 * out. */
static int widths_make(const struct line *lines, size_t n, int columns, int widths[N_COLUMNS])
{
    int sum = 0, n_columns = N_COLUMNS;
    for (int c = 0; c < N_COLUMNS; c++) {
        widths[c] = (int)strlen(headings[c]);
        for (size_t i = 0; i < n; i++) {
            int width = cli_width(cell_of(&lines[i], c));
            widths[c] = width > widths[c] ? width : widths[c];
        }
        sum += widths[c] + (c ? 2 : 0);
    }
    int over = columns ? sum - columns : 0;
    if (over > 0) {
        int may = widths[ROUTE] - NAME_MIN > 0 ? widths[ROUTE] - NAME_MIN : 0;
        widths[ROUTE] -= over < may ? over : may;
        over -= over < may ? over : may;
    }
    while (over > 0 && n_columns > 2) {
        over -= widths[--n_columns] + 2;
        if (over < 0 && -over > 10) {
            widths[n_columns] = -over - 2; /* a part of the column still fits */
            n_columns++;
            break;
        }
    }
    widths[ROUTE] -= over > 0 && over < NAME_MIN - 2 ? over : 0;
    return n_columns;
}

static void lines_put(FILE *out, const struct line *lines, size_t n, const struct view *view)
{
    int widths[N_COLUMNS], n_columns = view->is_plain ? N_COLUMNS : widths_make(lines, n, view->columns, widths);
    for (size_t i = 0; i < n + 1; i++) {
        bool is_loud = view->has_color && (i == 0 || lines[i - 1].is_loud);
        fputs(is_loud ? "\x1b[1m" : "", out);
        for (int c = 0; c < n_columns; c++) {
            const char *text = i ? cell_of(&lines[i - 1], c) : headings[c];
            if (view->is_plain) {
                fprintf(out, "%s%c", text, c + 1 < n_columns ? '\t' : '\n');
            } else {
                cell_put(out, text, widths[c], c + 1 == n_columns);
            }
        }
        fputs(is_loud ? "\x1b[0m" : "", out);
        fputs(view->is_plain ? "" : "\n", out);
    }
}

static void routes_put(FILE *out, const struct look *now, const struct look *before, const struct view *view,
                       int n_other)
{
    size_t n_all = now->page.n_routes;
    struct row *rows = calloc(n_all + 1, sizeof(*rows));
    struct line *lines = calloc(n_all + 1, sizeof(*lines));
    if (!rows || !lines) {
        free(rows);
        free(lines);
        fputs("out of memory\n", out);
        return;
    }
    size_t n = rows_make(now, before, view->seconds, rows), room = n;
    if (view->lines) {
        room = view->lines > n_other + 1 ? (size_t)(view->lines - n_other) : 1;
        room = room < n ? room : n;
    }
    for (size_t i = 0; i < room; i++) {
        line_make(&rows[i], &lines[i]);
    }
    if (n) {
        lines_put(out, lines, room, view);
    }
    if (room < n) {
        double rate = 0, errors = 0;
        for (size_t i = room; i < n; i++) {
            rate += rows[i].rate;
            errors += rows[i].now->errors;
        }
        fprintf(out, "and %zu more: %.1f/s, %.0f errors; --all shows them\n", n - room, rate, errors);
    }
    for (size_t i = 0; i < room; i++) {
        free(lines[i].name);
    }
    free(rows);
    free(lines);
}

/* --- the head --- */

/* Writes words with a label, one line each, cut at the terminal's width. */
static void head_line(FILE *out, const struct view *view, const char *label, const char *text)
{
    if (view->is_plain) {
        fprintf(out, "%s\t%s\n", label, text);
        return;
    }
    fprintf(out, "%-10s ", label);
    cell_put(out, text, view->columns ? view->columns - 11 : 10000, true);
    putc('\n', out);
}

static void gateway_text(const struct look *now, char *out, size_t size)
{
    const struct page *p = &now->page;
    char up[32], ago[32], config[96] = "";
    cli_duration(p->started > 0 ? (int64_t)((now->at_wall - p->started) * 1000) : 0, up);
    if (p->reload_at > 0) {
        snprintf(config, sizeof(config), ", loaded %s ago",
                 cli_duration((int64_t)((now->at_wall - p->reload_at) * 1000), ago));
    }
    const char *bad = p->reload_ok == 0 ? ", THE FILE NOW IS BAD" : "";
    char refused[48] = "";
    if (p->reload_ok < 0 && p->refused_reloads > 0) {
        snprintf(refused, sizeof(refused), ", %.0f reloads refused", p->refused_reloads);
    }
    snprintf(out, size, "sluice %s, up %s, configuration %.0f%s%s%s%s%s", p->version[0] ? p->version : "?", up,
             p->config_version, config, bad, refused,
             p->store_up < 0   ? ""
             : p->store_up > 0 ? ", store up"
                               : ", STORE DOWN",
             now->is_draining ? ", DRAINING" : "");
}

/* One line for each target, up to RESTS_MAX. Returns the number of lines. */
static int rests_put(FILE *out, const struct view *view, const struct rests *rests)
{
    char text[512], shown[600];
    size_t n = view->lines && rests->n > RESTS_MAX ? RESTS_MAX - 1 : rests->n;
    for (size_t i = 0; i < n; i++) {
        rest_text(&rests->v[i], text, sizeof(text));
        text_shown(text, shown, sizeof(shown));
        head_line(out, view, i && !view->is_plain ? "" : "no calls", shown);
    }
    if (n < rests->n) {
        snprintf(text, sizeof(text), "and %zu more: sluice targets list", rests->n - n);
        head_line(out, view, "", text);
    }
    return (int)(n + (n < rests->n));
}

void status_show(FILE *out, const struct look *now, const struct look *before, const struct view *view)
{
    char text[512], a[16], b[16], shown[600];
    double calls = 0, errors = 0, calls_before = 0, errors_before = 0;
    for (int i = 0; i < 2; i++) {
        const struct page *p = i ? before ? &before->page : NULL : &now->page;
        for (size_t k = 0; p && k < p->n_routes; k++) {
            bool is_none = strcmp(p->routes[k].name, "none") == 0;
            *(i ? &calls_before : &calls) += is_none ? 0 : p->routes[k].calls;
            *(i ? &errors_before : &errors) += p->routes[k].errors;
        }
    }
    gateway_text(now, text, sizeof(text));
    text_shown(text, shown, sizeof(shown));
    head_line(out, view, "gateway", shown);
    snprintf(text, sizeof(text), "%.1f/s (%.0f since the start), errors %.1f/s (%.0f)",
             (calls - calls_before) / view->seconds, calls, (errors - errors_before) / view->seconds, errors);
    head_line(out, view, "calls", text);
    snprintf(text, sizeof(text), "%.0f, memory %.1f MiB", now->page.in_flight > 0 ? now->page.in_flight - 1 : 0,
             now->page.memory / 1048576); /* without this reading itself */
    head_line(out, view, "in flight", text);
    const struct page_histogram *total = before ? &before->page.total : NULL;
    const struct page_histogram *first = before ? &before->page.first : NULL;
    snprintf(text, sizeof(text), "p50 %s  p95 %s", seconds_text(page_quantile(&now->page.total, total, 0.5), a),
             seconds_text(page_quantile(&now->page.total, total, 0.95), b));
    head_line(out, view, "total", text);
    snprintf(text, sizeof(text), "p50 %s  p95 %s", seconds_text(page_quantile(&now->page.first, first, 0.5), a),
             seconds_text(page_quantile(&now->page.first, first, 0.95), b));
    head_line(out, view, "first byte", text);
    int n_rests = rests_put(out, view, &now->rests);
    fputs(view->is_plain ? "" : "\n", out);
    routes_put(out, now, before, view, LINES_OTHER + n_rests);
}

/* --- JSON --- */

/* Writes a quantile, or null when there were no calls. */
static void seconds_put(FILE *out, const char *name, const struct page_histogram *h, double q)
{
    double s = page_quantile(h, NULL, q);
    fprintf(out, s < 0 ? ",\"%s\":null" : ",\"%s\":%.6g", name, s);
}

static void flag_put(FILE *out, const char *name, double value)
{
    fprintf(out, ",\"%s\":%s", name, value < 0 ? "null" : value > 0 ? "true" : "false");
}

static void route_put(FILE *out, const struct page_route *r)
{
    fputs("{\"name\":", out);
    cli_json_string(out, r->name);
    fprintf(out, ",\"calls\":%.0f,\"errors\":%.0f,\"error_types\":{", r->calls, r->errors);
    for (int i = 0; i < r->n_types; i++) {
        fputs(i ? "," : "", out);
        cli_json_string(out, r->types[i].type);
        fprintf(out, ":%.0f", r->types[i].n);
    }
    putc('}', out);
    seconds_put(out, "total_p50_seconds", &r->total, 0.5);
    seconds_put(out, "total_p95_seconds", &r->total, 0.95);
    seconds_put(out, "first_p50_seconds", &r->first, 0.5);
    seconds_put(out, "first_p95_seconds", &r->first, 0.95);
    fprintf(out, r->used < 0 ? ",\"limit_used\":null" : ",\"limit_used\":%.6g", r->used);
    fprintf(out, ",\"refused\":%.0f}", r->refused);
}

/* Writes the errors of all routes by their type, and the limits that are in use. */
static void sums_put(FILE *out, const struct page *p)
{
    struct page_error sums[64];
    int n = 0, n_limits = 0;
    for (size_t i = 0; i < p->n_routes; i++) {
        for (int k = 0; k < p->routes[i].n_types; k++) {
            const struct page_error *e = &p->routes[i].types[k];
            int at = 0;
            while (at < n && strcmp(sums[at].type, e->type) != 0) {
                at++;
            }
            if (at == n && n < 64) {
                sums[n++] = (struct page_error){ .n = 0 };
                strcpy(sums[at].type, e->type);
            }
            if (at < n) {
                sums[at].n += e->n;
            }
        }
    }
    fputs(",\"errors\":{", out);
    for (int i = 0; i < n; i++) {
        fputs(i ? "," : "", out);
        cli_json_string(out, sums[i].type);
        fprintf(out, ":%.0f", sums[i].n);
    }
    fputs("},\"limits\":{", out);
    for (size_t i = 0; i < p->n_routes; i++) {
        if (p->routes[i].used >= 0) {
            fputs(n_limits++ ? "," : "", out);
            cli_json_string(out, p->routes[i].name);
            fprintf(out, ":%.6g", p->routes[i].used);
        }
    }
    putc('}', out);
}

void status_json(FILE *out, const struct look *now)
{
    const struct page *p = &now->page;
    struct row *rows = calloc(p->n_routes + 1, sizeof(*rows));
    size_t n = rows ? rows_make(now, NULL, 1, rows) : 0;
    fputs("{\"version\":", out);
    cli_json_string(out, p->version);
    fprintf(out, ",\"uptime_seconds\":%.0f,\"config_version\":%.0f", p->started > 0 ? now->at_wall - p->started : 0,
            p->config_version);
    flag_put(out, "last_reload_successful", p->reload_ok);
    flag_put(out, "store_up", p->store_up);
    flag_put(out, "draining", now->is_draining);
    fprintf(out, ",\"requests\":%.0f,\"in_flight\":%.0f", p->requests, p->in_flight > 0 ? p->in_flight - 1 : 0);
    seconds_put(out, "total_p50_seconds", &p->total, 0.5);
    seconds_put(out, "total_p95_seconds", &p->total, 0.95);
    seconds_put(out, "first_p50_seconds", &p->first, 0.5);
    seconds_put(out, "first_p95_seconds", &p->first, 0.95);
    sums_put(out, p);
    fputs(",\"resting\":", out);
    rests_json(out, &now->rests);
    fputs(",\"routes\":[", out);
    for (size_t i = 0; i < n; i++) {
        fputs(i ? "," : "", out);
        route_put(out, rows[i].now);
    }
    fputs("]}", out);
    free(rows);
}
