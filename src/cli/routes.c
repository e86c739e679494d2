/* SPDX-License-Identifier: Apache-2.0 */
/* sluice routes … */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apply_body.h"
#include "config_set.h"
#include "declare.h"

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

/* The gateway's own words for a route: owner, version, fingerprints of secrets. NULL: the gateway is another one, or
 * this caller may not read them. */
static sluice_result *own_get(sluice_client *client, const char *name)
{
    sluice_request *request = NULL;
    sluice_result *own = NULL;
    sluice_error *err = NULL;
    char *path = declare_path(OWN_ROUTES, name);
    int r = path ? sluice_request_http(client, "GET", path, NULL, 0, &request, &err) : SLUICE_ENOMEM;
    r = r ? r : sluice_perform(client, request, &own, &err);
    sluice_error_free(err);
    sluice_request_free(request);
    free(path);
    if (r || sluice_json_kind(own, "owner") != 's') {
        sluice_result_free(own);
        return NULL;
    }
    return own;
}

/* The route as MLflow has it, with the members that only the gateway's own words have. */
static int route_json(const sluice_result *result, const sluice_result *own)
{
    size_t len, size = 0;
    char *text = NULL;
    const char *json = sluice_result_json(result, &len), *key;
    FILE *out = own && len && json[len - 1] == '}' ? open_memstream(&text, &size) : NULL;
    if (!out) {
        cli_put_result(result);
        return CLI_DONE;
    }
    fwrite(json, 1, len - 1, out);
    for (size_t i = 0; (key = sluice_json_key(own, "", i)); i++) {
        if (!sluice_json_kind(result, key)) {
            putc(',', out);
            cli_json_string(out, key);
            putc(':', out);
            apply_body_put(out, own, key);
        }
    }
    putc('}', out);
    if (fclose(out) != 0) {
        free(text);
        return cli_fail(CLI_LOCAL, "out of memory");
    }
    cli_put_json(text, size);
    free(text);
    return CLI_DONE;
}

static void time_add(struct cli_table *table, const char *name, const sluice_result *own, const char *member)
{
    int64_t sec;
    char text[32];
    if (sluice_json_int(own, member, &sec) && sec > 0) {
        time_t at = (time_t)sec;
        struct tm tm;
        strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&at, &tm));
        cli_table_add(table, name);
        cli_table_add(table, text);
    }
}

static void own_add(struct cli_table *table, const sluice_result *own)
{
    const char *owner = sluice_json_get(own, "owner", NULL), *place = sluice_json_str(own, "defined_at", NULL), *key;
    int64_t version;
    char text[512];
    snprintf(text, sizeof(text), "%s%s%s%s", owner, place ? " (" : "", place ? place : "", place ? ")" : "");
    cli_table_add(table, "owner");
    cli_table_add(table, text);
    if (sluice_json_int(own, "version", &version)) {
        snprintf(text, sizeof(text), "%lld", (long long)version);
        cli_table_add(table, "version");
        cli_table_add(table, text);
    }
    time_add(table, "created", own, "created_at");
    time_add(table, "updated", own, "updated_at");
    for (size_t i = 0; (key = sluice_json_key(own, "secrets", i)); i++) {
        char path[320];
        snprintf(path, sizeof(path), "secrets[\"%.250s\"].fingerprint", key);
        const char *print = sluice_json_str(own, path, NULL);
        snprintf(text, sizeof(text), "%.250s %s", key, print ? print : "?");
        cli_table_add(table, "secret");
        cli_table_add(table, text);
    }
}

static int route_print(const struct cli_args *args, const sluice_result *result, const sluice_result *own)
{
    if (args->is_json) {
        return route_json(result, own);
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
    if (own) {
        own_add(&table, own);
    }
    return cli_table_end(args, &table);
}

int cli_routes_get(const struct cli_args *args)
{
    sluice_client *client = NULL;
    int r = cli_open(args, &client);
    if (r == 0) {
        sluice_result *result = NULL, *own = NULL;
        r = cli_route_get(args, client, args->words[0], &result);
        own = r ? NULL : own_get(client, args->words[0]);
        r = r ? r : route_print(args, result, own);
        sluice_result_free(own);
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
