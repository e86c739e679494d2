/* SPDX-License-Identifier: Apache-2.0 */
/* Shows the busiest route first, the errors and latencies of each in its own line, and no line longer than the
 * terminal. */
#include "top_show.h"

#include <stdlib.h>
#include <string.h>

#include "top_rows.h"

#define NEAR_CAP 0.8 /* of a limit: from here on it is marked */
#define NAME_MIN 12
/* On so many columns the head's first line is whole. */
#define WIDE 100
/* Below so many lines the head is short. */
#define LINES_LOW 14
/* At most this many lines on a terminal are for targets that get no calls. */
#define RESTS_MAX 4

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

/* The type of most errors, of recent ones if there are any. */
static void worst_text(const struct top_row *row, char *out, size_t size)
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

/* Two times, as "80/200 ms" where the unit is the same. */
static const char *pair_text(double a, double b, char out[40])
{
    char one[16], two[16];
    seconds_text(a, one);
    seconds_text(b, two);
    const char *unit = strchr(one, ' '), *other = strchr(two, ' ');
    if (!unit || !other) {
        snprintf(out, 40, "%s", unit ? one : two);
    } else if (strcmp(unit, other) == 0) {
        snprintf(out, 40, "%.*s/%s", (int)(unit - one), one, two);
    } else {
        snprintf(out, 40, "%s/%s", one, two);
    }
    return out;
}

static const char *cost_text(double cost, char out[16])
{
    snprintf(out, 16, cost == 0 ? "-" : cost < 1 ? "$%.4f" : cost < 1000 ? "$%.2f" : "$%.0f", cost);
    return out;
}

/* --- the table --- */

enum { ROUTE, RATE, CALLS, ERRORS, P50, P95, FIRST, TOKENS, COST, LIMIT, WORST, N_COLUMNS };
#define CELL_MAX 64

static const char *const headings[N_COLUMNS] = {
    "ROUTE", "CALLS/S", "CALLS", "ERRORS", "P50", "P95", "FIRST P50/95", "TOKENS/S", "COST", "LIMIT", "MOST ERRORS",
};
/* What is left out on a narrow terminal, the first first. The route and the rate stay. */
static const int dispensable[] = { WORST, CALLS, LIMIT, COST, TOKENS, FIRST, P50, ERRORS, P95 };
/* The last column may be cut to this. */
#define WORST_MIN 12

struct line {
    char *name; /* as shown */
    char cells[N_COLUMNS][CELL_MAX];
    bool is_loud; /* it is marked */
};

static void line_make(const struct top_row *row, struct line *line)
{
    const struct page_route *r = row->now, *b = row->before;
    const struct page_histogram *total = b ? &b->total : NULL, *first = b ? &b->first : NULL;
    size_t len;
    FILE *out = open_memstream(&line->name, &len);
    if (out) {
        const char *name = strcmp(r->name, "none") == 0 ? "(no route)" : r->name;
        cli_show(out, CLI_SHOW_LINE, name, strlen(name), NULL);
        fclose(out);
    }
    char text[16], pair[40];
    bool is_none = strcmp(r->name, "none") == 0;
    strcpy(line->cells[RATE], rate_text(row->rate, text));
    strcpy(line->cells[CALLS], count_text(is_none ? r->errors : r->calls, text));
    strcpy(line->cells[ERRORS], count_text(r->errors, text));
    strcpy(line->cells[P50], seconds_text(page_quantile(&r->total, total, 0.5), text));
    strcpy(line->cells[P95], seconds_text(page_quantile(&r->total, total, 0.95), text));
    strcpy(line->cells[FIRST],
           pair_text(page_quantile(&r->first, first, 0.5), page_quantile(&r->first, first, 0.95), pair));
    strcpy(line->cells[TOKENS], r->input + r->output > 0 ? rate_text(row->tokens_rate, text) : "-");
    strcpy(line->cells[COST], cost_text(r->cost, text));
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

/* Columns get the width that they need; 0: the column is left out. If the terminal has less, first the name is cut,
 * then the last column, and then columns are left out; what that leaves over is the name's again. */
static void widths_make(const struct line *lines, size_t n, int columns, int widths[N_COLUMNS])
{
    int over = -columns;
    for (int c = 0; c < N_COLUMNS; c++) {
        widths[c] = (int)strlen(headings[c]);
        for (size_t i = 0; i < n; i++) {
            int width = cli_width(cell_of(&lines[i], c));
            widths[c] = width > widths[c] ? width : widths[c];
        }
        over += widths[c] + (c ? 2 : 0);
    }
    if (!columns || over <= 0) {
        return;
    }
    int name = widths[ROUTE], least = name < NAME_MIN ? name : NAME_MIN;
    over -= name - least;
    int cut = widths[WORST] - WORST_MIN < over ? widths[WORST] - WORST_MIN : over;
    if (cut > 0 && cut == over) {
        widths[WORST] -= cut;
        over = 0;
    }
    for (size_t i = 0; over > 0 && i < sizeof(dispensable) / sizeof(dispensable[0]); i++) {
        over -= widths[dispensable[i]] + 2;
        widths[dispensable[i]] = 0;
    }
    widths[ROUTE] = over > 0 ? least - over : least - over < name ? least - over : name;
    widths[ROUTE] = widths[ROUTE] > 2 ? widths[ROUTE] : 2;
}

static void lines_put(FILE *out, const struct line *lines, size_t n, const struct view *view)
{
    int widths[N_COLUMNS], last = 0;
    widths_make(lines, n, view->is_plain ? 0 : view->columns, widths);
    for (int c = 0; c < N_COLUMNS; c++) {
        last = widths[c] ? c : last;
    }
    for (size_t i = 0; i < n + 1; i++) {
        bool is_loud = view->has_color && (i == 0 || lines[i - 1].is_loud);
        fputs(is_loud ? "\x1b[1m" : "", out);
        for (int c = 0; c <= last; c++) {
            const char *text = i ? cell_of(&lines[i - 1], c) : headings[c];
            if (view->is_plain) {
                fprintf(out, "%s%c", text, c < last ? '\t' : '\n');
            } else if (widths[c]) {
                cell_put(out, text, widths[c], c == last);
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
    struct top_row *rows = calloc(n_all + 1, sizeof(*rows));
    struct line *lines = calloc(n_all + 1, sizeof(*lines));
    if (!rows || !lines) {
        free(rows);
        free(lines);
        fputs("out of memory\n", out);
        return;
    }
    const struct top_order order = { view->seconds > 0 ? view->seconds : 1, view->sort, view->filter };
    size_t n = top_rows_make(now, before, &order, rows), room = n;
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
        char text[96];
        snprintf(text, sizeof(text), "and %zu more: %.1f/s, %.0f errors; --all shows them", n - room, rate, errors);
        cell_put(out, text, view->columns ? view->columns : 10000, true);
        putc('\n', out);
    }
    for (size_t i = 0; i < room; i++) {
        free(lines[i].name);
    }
    free(rows);
    free(lines);
}

void top_line(FILE *out, const char *text, int columns)
{
    char shown[600];
    text_shown(text, shown, sizeof(shown));
    cell_put(out, shown, columns, true);
    putc('\n', out);
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

/* What is wrong stands at the end, or first where the line is cut. */
static void gateway_text(const struct look *now, bool is_narrow, char *out, size_t size)
{
    const struct page *p = &now->page;
    char up[32], ago[32], config[160] = "", loud[128];
    cli_duration(p->started > 0 ? (int64_t)((now->at_wall - p->started) * 1000) : 0, up);
    if (p->reload_at > 0) {
        snprintf(config, sizeof(config), ", loaded %s ago",
                 cli_duration((int64_t)((now->at_wall - p->reload_at) * 1000), ago));
    }
    if (p->reload_ok < 0 && p->refused_reloads > 0) {
        size_t n = strlen(config);
        snprintf(config + n, sizeof(config) - n, ", %.0f reloads refused", p->refused_reloads);
    }
    snprintf(loud, sizeof(loud), "%s%s%s%s", p->reload_ok == 0 ? ", THE FILE NOW IS BAD" : "",
             p->store_up == 0 ? ", STORE DOWN" : "", p->counters_up == 0 ? ", COUNTERS DOWN" : "",
             now->is_draining ? ", DRAINING" : "");
    bool is_first = is_narrow && loud[0];
    snprintf(out, size, "%s%ssluice %s, up %s, configuration %.0f%s%s%s%s", is_first ? loud + 2 : "",
             is_first ? ", " : "", p->version[0] ? p->version : "?", up, p->config_version, config,
             p->store_up > 0 ? ", store up" : "", p->counters_up > 0 ? ", counters up" : "", is_first ? "" : loud);
}

static bool is_low(const struct view *view)
{
    return view->lines && view->lines < LINES_LOW;
}

/* One line for each target, up to RESTS_MAX. Returns the number of lines. */
static int rests_put(FILE *out, const struct view *view, const struct rests *rests)
{
    char text[512], shown[600];
    size_t most = is_low(view) ? 1 : RESTS_MAX, n = view->lines && rests->n > most ? most - 1 : rests->n;
    for (size_t i = 0; i < n; i++) {
        rest_text(&rests->v[i], text, sizeof(text));
        text_shown(text, shown, sizeof(shown));
        head_line(out, view, i && !view->is_plain ? "" : "no calls", shown);
    }
    if (n < rests->n) {
        snprintf(text, sizeof(text), "and %zu more: sluice targets list", rests->n - n);
        head_line(out, view, n ? "" : "no calls", text);
    }
    return (int)(n + (n < rests->n));
}

/* What happened between the readings. */
struct sums {
    double calls, errors, input, output; /* a second */
    double all_calls, all_errors;        /* since the start */
};

static void sums_make(const struct look *now, const struct look *before, double seconds, struct sums *sums)
{
    *sums = (struct sums){ .calls = 0 };
    for (int i = 0; i < 2; i++) {
        const struct page *p = i ? before ? &before->page : NULL : &now->page;
        double calls = 0, errors = 0;
        for (size_t k = 0; p && k < p->n_routes; k++) {
            calls += strcmp(p->routes[k].name, "none") == 0 ? 0 : p->routes[k].calls;
            errors += p->routes[k].errors;
        }
        sums->all_calls += i ? 0 : calls;
        sums->all_errors += i ? 0 : errors;
        sums->calls += (i ? -calls : calls) / seconds;
        sums->errors += (i ? -errors : errors) / seconds;
        sums->input += p ? (i ? -p->input : p->input) / seconds : 0;
        sums->output += p ? (i ? -p->output : p->output) / seconds : 0;
    }
}

/* One line of all types of errors, if there are errors. Returns the number of lines. */
static int errors_put(FILE *out, const struct view *view, const struct page *page)
{
    struct page_error sums[TOP_TYPES_MAX];
    char text[512] = "", shown[600];
    int n = top_errors_sum(page, sums);
    size_t len = 0;
    for (int i = 0; i < n && len < sizeof(text) - 80; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s %.0f", i ? ", " : "", sums[i].type, sums[i].n);
    }
    if (n) {
        text_shown(text, shown, sizeof(shown));
        head_line(out, view, "errors", shown);
    }
    return n > 0;
}

/* What is left out where there are few lines. Returns the number of lines. */
static int details_put(FILE *out, const struct look *now, const struct look *before, const struct view *view,
                       const struct sums *sums)
{
    char text[256], a[16], b[16], c[16];
    const struct page *p = &now->page;
    const struct page_histogram *total = before ? &before->page.total : NULL;
    const struct page_histogram *first = before ? &before->page.first : NULL;
    snprintf(text, sizeof(text), "%s/s in, %s/s out, %s so far", rate_text(sums->input, a), rate_text(sums->output, b),
             p->cost > 0 ? cost_text(p->cost, c) : "no cost known");
    head_line(out, view, "tokens", text);
    snprintf(text, sizeof(text), "%.0f, memory %.1f MiB", p->in_flight > 0 ? p->in_flight - 1 : 0,
             p->memory / 1048576); /* without this reading itself */
    head_line(out, view, "in flight", text);
    snprintf(text, sizeof(text), "p50 %s  p95 %s", seconds_text(page_quantile(&p->total, total, 0.5), a),
             seconds_text(page_quantile(&p->total, total, 0.95), b));
    head_line(out, view, "total", text);
    snprintf(text, sizeof(text), "p50 %s  p95 %s", seconds_text(page_quantile(&p->first, first, 0.5), a),
             seconds_text(page_quantile(&p->first, first, 0.95), b));
    head_line(out, view, "1st token", text);
    return 4;
}

void top_show(FILE *out, const struct look *now, const struct look *before, const struct view *view)
{
    char text[512], shown[600];
    struct sums sums;
    sums_make(now, before, view->seconds, &sums);
    gateway_text(now, view->columns && view->columns < WIDE, text, sizeof(text));
    text_shown(text, shown, sizeof(shown));
    head_line(out, view, "gateway", shown);
    snprintf(text, sizeof(text), "%.1f/s (%.0f since the start), errors %.1f/s (%.0f)", sums.calls, sums.all_calls,
             sums.errors, sums.all_errors);
    head_line(out, view, "calls", text);
    int n_head = 2 + errors_put(out, view, &now->page);
    n_head += is_low(view) ? 0 : details_put(out, now, before, view, &sums);
    n_head += rests_put(out, view, &now->rests);
    fputs(view->is_plain ? "" : "\n", out);
    routes_put(out, now, before, view, n_head + 3); /* the empty line, the heading, the line for the rest */
}
