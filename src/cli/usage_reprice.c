/* SPDX-License-Identifier: Apache-2.0 */
/* sluice usage reprice: shows what would change, asks, and lets the gateway do it. */
#include <stdlib.h>

#include "cli.h"
#include "since.h"

#define OWN_REPRICE "/api/sluice/v1/usage/reprice"

static const char *const columns[] = { "provider",        "model",          "cost_before", "cost_after",
                                       "unpriced_before", "unpriced_after", "left" };
static const char *const headings[] = { "PROVIDER", "MODEL", "COST", "NEW-COST", "UNPRICED", "NEW-UNPRICED", "LEFT" };
#define N_COLUMNS ((int)(sizeof(columns) / sizeof(columns[0])))

static int ask(const struct cli_args *args, sluice_client *client, bool is_dry, sluice_result **result)
{
    char from[SINCE_MAX] = "", to[SINCE_MAX] = "", *body = NULL;
    size_t len;
    int r = since_read("usage reprice", "since", args->since, from);
    r = r ? r : since_read("usage reprice", "until", args->until, to);
    FILE *out = r ? NULL : open_memstream(&body, &len);
    if (!out) {
        return r ? r : cli_fail(CLI_LOCAL, "out of memory");
    }
    fprintf(out, "{\"dry_run\":%s", is_dry ? "true" : "false");
    if (*from) {
        fputs(",\"from\":", out);
        cli_json_string(out, from);
    }
    if (*to) {
        fputs(",\"to\":", out);
        cli_json_string(out, to);
    }
    fputc('}', out);
    r = fclose(out) == 0 ? cli_call(args, client, "POST", OWN_REPRICE, body, result)
                         : cli_fail(CLI_LOCAL, "out of memory");
    free(body);
    return r;
}

static int models_print(const struct cli_args *args, const sluice_result *result)
{
    struct cli_table table = { .heading = headings, .n_columns = N_COLUMNS };
    for (size_t i = 0; i < sluice_json_count(result, "models"); i++) {
        for (int k = 0; k < N_COLUMNS; k++) {
            char path[64];
            snprintf(path, sizeof(path), "models[%zu].%s", i, columns[k]);
            const char *cell = sluice_json_get(result, path, NULL);
            cli_table_add(&table, cell && *cell ? cell : NULL);
        }
    }
    return cli_table_end(args, &table);
}

static int show(const struct cli_args *args, const sluice_result *result)
{
    if (args->is_json) {
        cli_put_result(result);
        return CLI_DONE;
    }
    return models_print(args, result);
}

static void tell(const struct cli_args *args, const sluice_result *result, const char *what)
{
    const char *before = sluice_json_get(result, "cost_before", NULL),
               *after = sluice_json_get(result, "cost_after", NULL);
    if (!args->is_quiet) {
        cli_print(stderr, "%s: $%s in place of $%s", what, after ? after : "?", before ? before : "?");
    }
}

/* The difference was shown; now it is made. */
static int make(const struct cli_args *args, sluice_client *client, const sluice_result *shown)
{
    int64_t n = 0;
    sluice_json_int(shown, "changed", &n);
    if (n == 0 && !args->is_json) {
        if (!args->is_quiet) {
            cli_print(stderr, "nothing to change");
        }
        return CLI_DONE;
    }
    sluice_result *result = NULL;
    int r = cli_confirm(args, "give %lld sums of the usage their new prices?", (long long)n);
    r = r ? r : ask(args, client, false, &result);
    if (r == 0 && args->is_json) {
        cli_put_result(result);
    } else if (r == 0) {
        tell(args, result, "done");
    }
    sluice_result_free(result);
    return r;
}

int cli_usage_reprice(const struct cli_args *args)
{
    sluice_client *client = NULL;
    sluice_result *shown = NULL;
    int r = cli_open(args, &client);
    r = r ? r : ask(args, client, true, &shown);
    if (r == 0 && (!args->is_json || args->is_dry_run)) {
        r = show(args, shown);
    }
    if (r == 0 && args->is_dry_run && !args->is_json) {
        tell(args, shown, "nothing was changed; it would be");
    } else if (r == 0 && !args->is_dry_run) {
        r = make(args, client, shown);
    }
    sluice_result_free(shown);
    sluice_close(client);
    return r;
}
