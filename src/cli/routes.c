/* SPDX-License-Identifier: Apache-2.0 */
/* sluice routes … */
#include <stdlib.h>
#include <string.h>

#include "config_set.h"

static void limit_format(const sluice_limit *limit, char *out, size_t size)
{
    if (limit) {
        snprintf(out, size, "%lld/%s", (long long)sluice_limit_calls(limit), sluice_limit_renewal_period(limit));
    } else {
        out[0] = '\0';
    }
}

static const char *const heading[] = { "NAME", "TYPE", "PROVIDER", "MODEL", "LIMIT" };

struct listing {
    struct cli_table table;
    FILE *json; /* NULL: the table */
    int n;
};

static int on_route(void *arg, const sluice_route *route)
{
    struct listing *l = arg;
    if (l->json) {
        size_t len;
        const char *json = sluice_route_json(route, &len);
        fprintf(l->json, "%s%.*s", l->n++ ? "," : "", (int)len, json);
        return ferror(l->json);
    }
    char limit[128];
    limit_format(sluice_route_limit(route), limit, sizeof(limit));
    cli_table_add(&l->table, sluice_route_name(route));
    cli_table_add(&l->table, sluice_route_type(route));
    cli_table_add(&l->table, sluice_route_model_provider(route));
    cli_table_add(&l->table, sluice_route_model_name(route));
    cli_table_add(&l->table, limit[0] ? limit : NULL);
    return l->table.is_broken;
}

int cli_routes_list(const struct cli_args *args)
{
    sluice_client *client = NULL;
    struct listing l = { .table = { .heading = heading, .n_columns = 5 } };
    char *json = NULL;
    size_t len = 0;
    int r = cli_open(args, &client);
    if (r) {
        return r;
    }
    if (args->is_json) {
        l.json = open_memstream(&json, &len);
        if (!l.json) {
            sluice_close(client);
            return cli_fail(CLI_LOCAL, "out of memory");
        }
        fputs("{\"routes\":[", l.json);
    }
    r = cli_routes_each(args, client, on_route, &l);
    if (l.json) {
        fputs("],\"next_page_token\":null}", l.json);
        bool is_whole = fclose(l.json) == 0;
        if (r == 0 && !is_whole) {
            r = cli_fail(CLI_LOCAL, "out of memory");
        } else if (r == 0) {
            cli_put_json(json, len);
        }
        free(json);
    } else if (r == 0) {
        r = cli_table_end(args, &l.table);
    }
    sluice_close(client);
    return r;
}

static int route_print(const struct cli_args *args, const sluice_result *result)
{
    if (args->is_json) {
        cli_put_result(result);
        return CLI_DONE;
    }
    static const char *const columns[] = { "FIELD", "VALUE" };
    const sluice_route *route = sluice_result_route(result, 0);
    char limit[128];
    limit_format(sluice_route_limit(route), limit, sizeof(limit));
    const char *const cells[] = {
        "name",     sluice_route_name(route),
        "type",     sluice_route_type(route),
        "provider", sluice_route_model_provider(route),
        "model",    sluice_route_model_name(route),
        "url",      sluice_route_url(route),
        "limit",    limit[0] ? limit : NULL,
    };
    struct cli_table table = { .heading = columns, .n_columns = 2 };
    for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
        cli_table_add(&table, cells[i]);
    }
    return cli_table_end(args, &table);
}

int cli_routes_get(const struct cli_args *args)
{
    sluice_client *client = NULL;
    int r = cli_open(args, &client);
    if (r == 0) {
        sluice_result *result = NULL;
        r = cli_route_get(args, client, args->words[0], &result);
        r = r ? r : route_print(args, result);
        sluice_result_free(result);
    }
    sluice_close(client);
    return r;
}

/* The new route as JSON: given whole, or made from options. */
static int route_make(const struct cli_args *args, char **ret)
{
    if (args->data) {
        return args->name || args->type || args->provider || args->model || args->set.n
                   ? cli_usage("routes create", "--data and the other options exclude each other")
                   : cli_read(args->data, ret);
    }
    if (!args->name || !args->provider || !args->model) {
        return cli_usage("routes create", "it needs --data, or --name, --provider and --model");
    }
    size_t len;
    FILE *out = open_memstream(ret, &len);
    if (!out) {
        return cli_fail(CLI_LOCAL, "out of memory");
    }
    fputs("{\"name\":", out);
    cli_json_string(out, args->name);
    fputs(",\"route_type\":", out);
    cli_json_string(out, args->type ? args->type : "llm/v1/chat");
    fputs(",\"model\":{\"provider\":", out);
    cli_json_string(out, args->provider);
    fputs(",\"name\":", out);
    cli_json_string(out, args->model);
    int r = config_set_put(args, out);
    fputs("}}", out);
    return fclose(out) == 0 ? r : cli_fail(CLI_LOCAL, "out of memory");
}

int cli_routes_create(const struct cli_args *args)
{
    sluice_client *client = NULL;
    sluice_result *result = NULL;
    char *json = NULL;
    int r = route_make(args, &json);
    if (r == 0 && config_set_has_secret(args) && !cli_is_private(args)) {
        r = cli_fail(CLI_LOCAL, "secrets are sent over https:// or to this machine only");
    }
    if (r == 0 && args->is_dry_run) {
        cli_put_json(json, strlen(json));
        free(json);
        return CLI_DONE;
    }
    r = r ? r : cli_open(args, &client);
    r = r ? r : cli_call(args, client, "POST", "/api/2.0/gateway/routes/", json, &result);
    if (json) {
        explicit_bzero(json, strlen(json)); /* it may have secrets */
    }
    if (r == 0 && args->is_json) {
        cli_put_result(result);
    } else if (r == 0 && !args->is_quiet) {
        const char *name = sluice_json_get(result, "name", NULL);
        cli_print(stderr, "created %s", name ? name : "the route");
    }
    sluice_result_free(result);
    sluice_close(client);
    free(json);
    return r;
}

int cli_routes_delete(const struct cli_args *args)
{
    sluice_client *client = NULL;
    if (args->is_dry_run) {
        cli_print(stdout, "would delete %s", args->words[0]);
        return CLI_DONE;
    }
    int r = cli_confirm(args, "delete the route '%s'?", args->words[0]);
    r = r ? r : cli_open(args, &client);
    if (r == 0) {
        sluice_request *request = NULL;
        sluice_error *err = NULL;
        r = sluice_request_delete_route(client, args->words[0], &request, &err);
        r = cli_perform(args, client, args->words[0], r < 0 ? NULL : request, err, NULL);
        if (r == 0 && !args->is_quiet) {
            cli_print(stderr, "deleted %s", args->words[0]);
        }
    }
    sluice_close(client);
    return r;
}
