/* SPDX-License-Identifier: Apache-2.0 */
/* sluice usage: what was used, summed up. */
#include <stdlib.h>
#include <string.h>

#include "declare.h"
#include "since.h"

#define OWN_USAGE   "/api/sluice/v1/usage"
#define COLUMNS_MAX 16

/* The columns behind those of --by. */
static const char *const sums[] = { "requests", "errors", "input_tokens", "output_tokens", "cached_tokens", "cost" };
static const char *const sum_headings[] = { "REQUESTS", "ERRORS", "INPUT", "OUTPUT", "CACHED", "COST" };
#define N_SUMS ((int)(sizeof(sums) / sizeof(sums[0])))

/* The columns of a table: the words of --by, then the sums. Texts are in `text`. */
struct columns {
    char *text;
    const char *paths[COLUMNS_MAX], *headings[COLUMNS_MAX];
    int n;
};

/* The call's path. The caller frees it. 0, or an exit code after a message. */
static int path_make(const struct cli_args *args, const char *by, char **ret)
{
    char from[SINCE_MAX] = "";
    int r = since_read("usage", "since", args->since, from);
    if (r) {
        return r;
    }
    char *with_by = declare_query(OWN_USAGE, "?by=", by);
    *ret = with_by && *from ? declare_query(with_by, "&from=", from) : with_by;
    if (*ret != with_by) {
        free(with_by);
    }
    return *ret ? CLI_DONE : cli_fail(CLI_LOCAL, "out of memory");
}

static bool columns_make(const char *by, struct columns *c)
{
    *c = (struct columns){ .text = malloc(2 * strlen(by) + 2) };
    if (!c->text) {
        return false;
    }
    char *at = c->text;
    while (*by && c->n + N_SUMS < COLUMNS_MAX) {
        size_t n = strcspn(by, ",");
        char *heading = at + n + 1;
        for (size_t i = 0; i < n; i++) {
            at[i] = by[i];
            heading[i] = by[i] >= 'a' && by[i] <= 'z' ? (char)(by[i] - 'a' + 'A') : by[i];
        }
        at[n] = heading[n] = '\0';
        c->paths[c->n] = at;
        c->headings[c->n++] = heading;
        at = heading + n + 1;
        by += n + (by[n] == ',');
    }
    for (int i = 0; i < N_SUMS; i++) {
        c->paths[c->n] = sums[i];
        c->headings[c->n++] = sum_headings[i];
    }
    return true;
}

static int table_print(const struct cli_args *args, const char *by, const sluice_result *result)
{
    struct columns columns;
    if (!columns_make(by, &columns)) {
        return cli_fail(CLI_LOCAL, "out of memory");
    }
    struct cli_table table = { .heading = columns.headings, .n_columns = columns.n };
    for (size_t i = 0; i < sluice_json_count(result, "usage"); i++) {
        for (int k = 0; k < columns.n; k++) {
            char path[128];
            snprintf(path, sizeof(path), "usage[%zu].%s", i, columns.paths[k]);
            const char *cell = sluice_json_kind(result, path) == '0' ? NULL : sluice_json_get(result, path, NULL);
            cli_table_add(&table, cell && *cell ? cell : NULL);
        }
    }
    int r = cli_table_end(args, &table);
    free(columns.text);
    const char *kept = sluice_json_get(result, "kept", NULL);
    if (r == 0 && kept && strcmp(kept, "memory") == 0 && !args->is_quiet) {
        cli_print(stderr, "this gateway has no data directory: its usage is only since its start");
    }
    return r;
}

/* False: a page of another server. */
static bool is_usage(const struct cli_args *args, const sluice_result *result)
{
    return args->is_csv ? strstr(sluice_result_json(result, NULL), "requests") != NULL
                        : sluice_json_kind(result, "usage") == 'l';
}

int cli_usage_show(const struct cli_args *args)
{
    const char *by = args->by ? args->by : "route";
    sluice_client *client = NULL;
    sluice_request *request = NULL;
    sluice_result *result = NULL;
    sluice_error *err = NULL;
    char *path = NULL;
    int r = path_make(args, by, &path);
    r = r ? r : cli_open(args, &client);
    if (r == 0) {
        int made = sluice_request_http(client, "GET", path, NULL, 0, &request, &err);
        made = made < 0 || !args->is_csv ? made : sluice_request_set_str(request, "accept", "text/csv", &err);
        if (made < 0) {
            sluice_request_free(request);
            request = NULL;
        }
        r = cli_perform(args, client, NULL, request, err, &result);
    }
    if (r == 0 && !is_usage(args, result)) {
        r = cli_no_gateway(args);
    } else if (r == 0 && args->is_csv) {
        size_t len;
        const char *csv = sluice_result_json(result, &len);
        cli_put(csv, len);
    } else if (r == 0 && args->is_json) {
        cli_put_result(result);
    } else if (r == 0) {
        r = table_print(args, by, result);
    }
    sluice_result_free(result);
    sluice_close(client);
    free(path);
    return r;
}
