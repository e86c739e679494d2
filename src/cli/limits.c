/* SPDX-License-Identifier: Apache-2.0 */
/* sluice limits … */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static int limits_print(const struct cli_args *args, const sluice_result *result)
{
    if (args->is_json) {
        cli_put_result(result);
        return CLI_DONE;
    }
    static const char *const columns[] = { "CALLS", "PERIOD", "KEY" };
    struct cli_table table = { .heading = columns, .n_columns = 3 };
    for (size_t i = 0; i < sluice_result_limit_count(result); i++) {
        const sluice_limit *limit = sluice_result_limit(result, i);
        char calls[32];
        snprintf(calls, sizeof(calls), "%lld", (long long)sluice_limit_calls(limit));
        cli_table_add(&table, calls);
        cli_table_add(&table, sluice_limit_renewal_period(limit));
        cli_table_add(&table, sluice_limit_key(limit));
    }
    return cli_table_end(args, &table);
}

int cli_limits_get(const struct cli_args *args)
{
    sluice_client *client = NULL;
    int r = cli_open(args, &client);
    if (r == 0) {
        sluice_result *result = NULL;
        sluice_request *request = NULL;
        sluice_error *err = NULL;
        r = sluice_request_get_limits(client, args->words[0], &request, &err);
        r = cli_perform(args, client, args->words[0], r < 0 ? NULL : request, err, &result);
        r = r ? r : limits_print(args, result);
        sluice_result_free(result);
    }
    sluice_close(client);
    return r;
}

static int limits_send(const struct cli_args *args, const char *limits)
{
    sluice_client *client = NULL;
    if (args->is_dry_run) {
        cli_put_json(limits, strlen(limits));
        return CLI_DONE;
    }
    int r = cli_open(args, &client);
    if (r == 0) {
        sluice_result *result = NULL;
        sluice_request *request = NULL;
        sluice_error *err = NULL;
        r = sluice_request_set_limits(client, args->words[0], limits, SLUICE_NUL_TERMINATED, &request, &err);
        r = cli_perform(args, client, args->words[0], r < 0 ? NULL : request, err, &result);
        r = r || args->is_quiet ? r : limits_print(args, result);
        sluice_result_free(result);
    }
    sluice_close(client);
    return r;
}

/* "100/minute" as the list that the gateway takes. The gateway decides which periods are allowed. */
static int limit_make(const struct cli_args *args, const char *spec, char **ret)
{
    size_t digits = strspn(spec, "0123456789"), len;
    const char *period = spec + digits + (spec[digits] == '/');
    FILE *out = digits && digits < 18 && spec[digits] == '/' && *period ? open_memstream(ret, &len) : NULL;
    if (!out) {
        return cli_usage("limits set", "'%s' is not CALLS/PERIOD, such as 100/minute or 5000/day", spec);
    }
    fprintf(out, "[{\"calls\":%lld,\"key\":", strtoll(spec, NULL, 10));
    if (args->key) {
        cli_json_string(out, args->key);
    } else {
        fputs("null", out);
    }
    fputs(",\"renewal_period\":", out);
    cli_json_string(out, period);
    fputs("}]", out);
    return fclose(out) == 0 ? CLI_DONE : cli_fail(CLI_LOCAL, "out of memory");
}

int cli_limits_set(const struct cli_args *args)
{
    const char *spec = args->n_words > 1 ? args->words[1] : NULL;
    char *json = NULL;
    int r;
    if (!spec == !args->data) {
        return cli_usage("limits set", "it needs either CALLS/PERIOD or --data");
    }
    if (args->data && args->key) {
        return cli_usage("limits set", "--data and --key exclude each other");
    }
    if (args->data) {
        r = cli_read(args->data, &json);
    } else {
        r = limit_make(args, spec, &json);
    }
    r = r ? r : limits_send(args, json);
    free(json);
    return r;
}

int cli_limits_clear(const struct cli_args *args)
{
    if (!args->is_dry_run) {
        int r = cli_confirm(args, "remove the limits of '%s'?", args->words[0]);
        if (r) {
            return r;
        }
    }
    return limits_send(args, "[]");
}
