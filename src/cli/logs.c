/* SPDX-License-Identifier: Apache-2.0 */
/* sluice logs, sluice explain: what happened to each call of a model. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "declare.h"
#include "perform.h"

#define OWN_REQUESTS "/api/sluice/v1/requests"

/* What is shown without --limit, and the most that the server gives at once. */
#define ROWS     100
#define ROWS_MAX 1000

/* --- the filters as a query --- */

static void parameter_put(FILE *out, const char *name, const char *value)
{
    fprintf(out, "&%s=", name);
    for (; *value; value++) {
        unsigned char c = (unsigned char)*value;
        fprintf(out, isalnum(c) || strchr("-._~", c) ? "%c" : "%%%02X", c);
    }
}

/* "90s", "15m", "6h", "7d" to seconds; 0: it is none. */
static long since_parse(const char *text)
{
    static const struct {
        char unit;
        long sec;
    } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
    char *end;
    long n = isdigit((unsigned char)*text) ? strtol(text, &end, 10) : 0;
    for (size_t i = 0; n > 0 && n < 1000000 && i < sizeof(units) / sizeof(units[0]); i++) {
        if (end[0] == units[i].unit && end[1] == '\0') {
            return n * units[i].sec;
        }
    }
    return 0;
}

/* The path with the filters; `also` is put behind. The caller frees it. 0, or an exit code. */
static int path_make(const struct cli_args *args, const char *path, const char *also, char **ret)
{
    const struct {
        const char *name, *value;
    } filters[] = {
        { "route", args->route },         { "status", args->status },         { "model", args->model },
        { "target", args->target },       { "provider", args->provider },     { "key", args->key },
        { "principal", args->principal }, { "error_type", args->error_type }, { "min_ms", args->min_ms },
        { "group", args->group },         { "session", args->session },
    };
    size_t len;
    FILE *out = open_memstream(ret, &len);
    if (!out) {
        return cli_fail(CLI_LOCAL, "out of memory");
    }
    fprintf(out, "%s?%s", path, also);
    for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
        if (filters[i].value) {
            parameter_put(out, filters[i].name, filters[i].value);
        }
    }
    if (args->since) {
        fprintf(out, "&from=%ld", (long)time(NULL) - since_parse(args->since));
    }
    return fclose(out) == 0 ? CLI_DONE : cli_fail(CLI_LOCAL, "out of memory");
}

/* --- rows --- */

static const char *const heading[] = { "TIME", "STATUS", "ROUTE", "MODEL", "PRINCIPAL",
                                       "MS",   "TOKENS", "COST",  "ERROR", "ID" };
#define COLUMNS ((int)(sizeof(heading) / sizeof(heading[0])))

/* A number or a text of a row; NULL: it has none. */
static const char *value_of(const sluice_result *row, const char *name)
{
    int kind = sluice_json_kind(row, name);
    return kind == 0 || kind == '0' ? NULL : sluice_json_get(row, name, NULL);
}

static void row_add(struct cli_table *table, const sluice_result *row)
{
    char tokens[64];
    int64_t in = -1, out = -1;
    bool has_in = sluice_json_int(row, "input_tokens", &in), has_out = sluice_json_int(row, "output_tokens", &out);
    snprintf(tokens, sizeof(tokens), "%lld+%lld", has_in ? (long long)in : 0, has_out ? (long long)out : 0);
    cli_table_add(table, value_of(row, "time"));
    cli_table_add(table, value_of(row, "status"));
    cli_table_add(table, value_of(row, "route"));
    cli_table_add(table, value_of(row, "model"));
    cli_table_add(table, value_of(row, "principal"));
    cli_table_add(table, value_of(row, "duration_ms"));
    cli_table_add(table, has_in || has_out ? tokens : NULL);
    cli_table_add(table, value_of(row, "cost"));
    cli_table_add(table, value_of(row, "error_type"));
    cli_table_add(table, value_of(row, "id"));
}

/* Row `i` of a page as a result of its own; NULL: out of memory. */
static sluice_result *row_get(const sluice_result *page, size_t i)
{
    char at[32];
    size_t len;
    sluice_result *row = NULL;
    snprintf(at, sizeof(at), "requests[%zu]", i);
    const char *json = sluice_json_get(page, at, &len);
    return json && sluice_json_parse(json, len, &row, NULL) == SLUICE_OK ? row : NULL;
}

/* The newest rows; a page may have fewer than were asked for when the server had to search for long. */
struct pages {
    sluice_result *v[64];
    size_t n, n_rows;
};

static int pages_get(const struct cli_args *args, sluice_client *client, size_t max, struct pages *pages)
{
    char also[96], *path = NULL;
    const char *cursor = "";
    int r;
    do {
        snprintf(also, sizeof(also), "limit=%zu%s%.40s", max - pages->n_rows, *cursor ? "&cursor=" : "", cursor);
        r = path_make(args, OWN_REQUESTS, also, &path);
        r = r ? r : cli_call(args, client, "GET", path, NULL, &pages->v[pages->n]);
        free(path);
        path = NULL;
        if (r == 0) {
            const sluice_result *page = pages->v[pages->n++];
            r = sluice_json_kind(page, "requests") == 'l' ? 0 : cli_no_gateway(args);
            pages->n_rows += sluice_json_count(page, "requests");
            cursor = sluice_json_str(page, "next_cursor", NULL);
        }
    } while (r == 0 && cursor && pages->n_rows < max && pages->n < sizeof(pages->v) / sizeof(pages->v[0]));
    return r;
}

/* Newest first, as the server's own. */
static void pages_put_json(const struct pages *pages)
{
    char *json = NULL;
    size_t len, n = 0;
    FILE *out = open_memstream(&json, &len);
    if (!out) {
        cli_fail(CLI_LOCAL, "out of memory");
        return;
    }
    fputs("{\"requests\":[", out);
    for (size_t p = 0; p < pages->n; p++) {
        for (size_t i = 0; i < sluice_json_count(pages->v[p], "requests"); i++, n++) {
            char at[32];
            size_t size;
            snprintf(at, sizeof(at), "requests[%zu]", i);
            const char *row = sluice_json_get(pages->v[p], at, &size);
            fprintf(out, "%s%.*s", n ? "," : "", (int)size, row);
        }
    }
    fputs("],\"next_cursor\":", out);
    const char *cursor = sluice_json_str(pages->v[pages->n - 1], "next_cursor", NULL);
    if (cursor) {
        cli_json_string(out, cursor);
    } else {
        fputs("null", out);
    }
    putc('}', out);
    if (fclose(out) == 0) {
        cli_put_json(json, len);
    }
    free(json);
}

/* Oldest first, as lines of a log. */
static int pages_print(const struct cli_args *args, const struct pages *pages)
{
    struct cli_table table = { .heading = heading, .n_columns = COLUMNS };
    for (size_t p = pages->n; p-- > 0;) {
        for (size_t i = sluice_json_count(pages->v[p], "requests"); i-- > 0;) {
            sluice_result *row = row_get(pages->v[p], i);
            if (!row) {
                cli_table_free(&table);
                return cli_fail(CLI_LOCAL, "out of memory");
            }
            row_add(&table, row);
            sluice_result_free(row);
        }
    }
    return cli_table_end(args, &table);
}

/* --- new rows as they come --- */

static int on_event(void *arg, const sluice_event *event)
{
    const struct cli_args *args = arg;
    size_t len;
    sluice_result *row = NULL;
    const char *json = sluice_event_get(event, "request", &len);
    if (!json || sluice_json_parse(json, len, &row, NULL) != SLUICE_OK) {
        return 0; /* an event of a newer gateway */
    }
    if (args->is_json) {
        cli_put_json(json, len);
    } else {
        struct cli_table table = { .n_columns = COLUMNS };
        row_add(&table, row);
        cli_table_end(args, &table);
    }
    sluice_result_free(row);
    return fflush(stdout);
}

static int follow(const struct cli_args *args, sluice_client *client)
{
    char *path = NULL;
    sluice_request *request = NULL;
    sluice_error *err = NULL;
    int r = path_make(args, OWN_REQUESTS "/tail", "", &path);
    if (r) {
        return r;
    }
    r = sluice_request_http(client, "GET", path, NULL, 0, &request, &err);
    r = r ? r : sluice_request_set_str(request, "accept", "text/event-stream", &err);
    free(path);
    bool has_begun = false;
    r = r ? r : perform_events(args, client, request, on_event, (void *)(uintptr_t)args, &has_begun, NULL, &err);
    sluice_request_free(request);
    if (r == SLUICE_ECANCELLED) {
        sluice_error_free(err);
        return cli_is_interrupted() ? CLI_INTERRUPTED : CLI_LOCAL;
    }
    return r == SLUICE_OK ? CLI_DONE
           : has_begun    ? (cli_report(args, client, NULL, err), CLI_BROKEN)
                          : cli_report(args, client, NULL, err);
}

int cli_logs(const struct cli_args *args)
{
    sluice_client *client = NULL;
    struct pages pages = { .n = 0 };
    if (args->since && !since_parse(args->since)) {
        return cli_usage("logs", "--since must be a time like 90s, 15m, 6h or 7d, not '%s'", args->since);
    }
    size_t max = args->limit ? (size_t)args->limit - 1 : ROWS;
    if (max > ROWS_MAX) {
        return cli_usage("logs", "--limit must be at most %d", ROWS_MAX);
    }
    int r = cli_open(args, &client);
    if (r == 0 && max > 0) {
        r = pages_get(args, client, max, &pages);
    }
    if (r == 0 && args->is_json && pages.n && !args->is_follow) {
        pages_put_json(&pages);
    } else if (r == 0 && pages.n && !args->is_json) {
        r = pages_print(args, &pages);
    }
    for (size_t i = 0; i < pages.n; i++) {
        sluice_result_free(pages.v[i]);
    }
    if (r == 0 && args->is_follow) {
        cli_interruptible(client);
        r = follow(args, client);
    }
    sluice_close(client);
    return r;
}
