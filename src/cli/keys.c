/* SPDX-License-Identifier: Apache-2.0 */
/* sluice keys …, sluice targets …, sluice audit: the gateway's own lists. */
#include <stdlib.h>
#include <string.h>

#include "declare.h"

#define OWN_KEYS  "/api/sluice/v1/keys"
#define OWN_AUDIT "/api/sluice/v1/audit"

/* How many rows audit shows without --all. */
#define AUDIT_ROWS 100

struct listing {
    struct cli_table table;
    const char *const *paths; /* of the columns in an item */
    FILE *json;               /* NULL: the table */
    int n, max;               /* max 0: all */
};

/* Null and absent give an empty cell; a list of texts is joined with commas. */
static void cell_add(struct cli_table *table, const sluice_result *item, const char *path)
{
    char text[1024] = "", at[64];
    int kind = sluice_json_kind(item, path);
    if (kind == 'l') {
        for (size_t i = 0; i < sluice_json_count(item, path); i++) {
            snprintf(at, sizeof(at), "%s[%zu]", path, i);
            size_t len = strlen(text);
            snprintf(text + len, sizeof(text) - len, "%s%s", i ? "," : "", sluice_json_get(item, at, NULL));
        }
        cli_table_add(table, text[0] ? text : NULL);
    } else if (kind == 0 || kind == '0') {
        cli_table_add(table, NULL);
    } else {
        size_t len;
        const char *value = sluice_json_get(item, path, &len);
        snprintf(text, sizeof(text), "%.*s", (int)len, value);
        cli_table_add(table, text);
    }
}

static int item_add(void *arg, const sluice_result *item)
{
    struct listing *l = arg;
    if (l->max && l->n == l->max) {
        return -1;
    }
    l->n++;
    if (l->json) {
        size_t len;
        const char *json = sluice_result_json(item, &len);
        fprintf(l->json, "%s%.*s", l->n > 1 ? "," : "", (int)len, json);
        return 0;
    }
    for (int i = 0; i < l->table.n_columns; i++) {
        cell_add(&l->table, item, l->paths[i]);
    }
    return 0;
}

static int list_print(const struct cli_args *args, const char *path, const char *member, struct listing *l)
{
    sluice_client *client = NULL;
    char *json = NULL;
    size_t len = 0;
    int r = cli_open(args, &client);
    if (r) {
        return r;
    }
    l->json = args->is_json ? open_memstream(&json, &len) : NULL;
    if (l->json) {
        fprintf(l->json, "{\"%s\":[", member);
    }
    r = declare_each(args, client, path, member, item_add, l);
    r = r == -1 ? 0 : r;
    if (l->json) {
        fputs("],\"next_page_token\":null}", l->json);
        bool is_whole = fclose(l->json) == 0;
        if (r == 0 && is_whole) {
            cli_put_json(json, len);
        }
        free(json);
    }
    /* Also frees the cells of a list that failed. */
    if (r) {
        cli_table_free(&l->table);
    } else {
        r = args->is_json ? CLI_DONE : cli_table_end(args, &l->table);
    }
    sluice_close(client);
    return r;
}

int cli_keys_list(const struct cli_args *args)
{
    static const char *const heading[] = {
        "ID", "NAME", "PRINCIPAL", "ROLE", "ROUTES", "EXPIRES", "LAST USED", "OWNER"
    };
    static const char *const paths[] = { "id",     "name",       "principal",    "role",
                                         "routes", "expires_at", "last_used_at", "owner" };
    struct listing l = { .table = { .heading = heading, .n_columns = 8 }, .paths = paths };
    return list_print(args, OWN_KEYS, "keys", &l);
}

int cli_audit(const struct cli_args *args)
{
    static const char *const heading[] = { "TIME", "PRINCIPAL", "ACTION", "TARGET", "REQUEST ID" };
    static const char *const paths[] = { "time", "principal", "action", "target", "request_id" };
    struct listing l = { .table = { .heading = heading, .n_columns = 5 },
                         .paths = paths,
                         .max = args->is_all ? 0 : AUDIT_ROWS };
    return list_print(args, OWN_AUDIT, "audit", &l);
}

int cli_targets_list(const struct cli_args *args)
{
    static const char *const heading[] = { "ROUTE", "TARGET",  "PROVIDER", "MODEL", "TIER",
                                           "STATE", "RUNNING", "WAITS MS", "HEALTH" };
    static const char *const paths[] = { "route", "target",    "provider", "model", "tier",
                                         "state", "in_flight", "waits_ms", "health" };
    struct listing l = { .table = { .heading = heading, .n_columns = 9 }, .paths = paths };
    return list_print(args, OWN_TARGETS, "targets", &l);
}

int cli_targets_reset(const struct cli_args *args)
{
    sluice_client *client = NULL;
    sluice_result *result = NULL;
    char *route = declare_path(OWN_TARGETS, args->words[0]);
    char *target = route ? declare_path(route, args->words[1]) : NULL;
    char *path = NULL;
    int r = target && asprintf(&path, "%s/reset", target) >= 0 ? CLI_DONE : cli_fail(CLI_LOCAL, "out of memory");
    if (r == 0 && args->is_dry_run) {
        cli_print(stdout, "would reset %s of %s", args->words[1], args->words[0]);
    } else {
        r = r ? r : cli_open(args, &client);
        r = r ? r : cli_call(args, client, "POST", path, NULL, &result);
        if (r == 0 && args->is_json) {
            cli_put_result(result);
        } else if (r == 0 && !args->is_quiet) {
            cli_print(stderr, "%s of %s gets calls again", args->words[1], args->words[0]);
        }
    }
    sluice_result_free(result);
    sluice_close(client);
    free(path);
    free(target);
    free(route);
    return r;
}

/* The new key as JSON: given whole, or made from options. */
static int key_make(const struct cli_args *args, char **ret)
{
    if (args->data) {
        return cli_read(args->data, ret);
    }
    if (!args->name) {
        return cli_usage("keys create", "it needs --name, or --data");
    }
    size_t len;
    FILE *out = open_memstream(ret, &len);
    if (!out) {
        return cli_fail(CLI_LOCAL, "out of memory");
    }
    fputs("{\"name\":", out);
    cli_json_string(out, args->name);
    fputs(",\"principal\":", out);
    cli_json_string(out, args->principal ? args->principal : args->name);
    fputs(",\"role\":", out);
    cli_json_string(out, args->role ? args->role : "query");
    if (args->routes) {
        fputs(",\"routes\":[", out);
        for (const char *p = args->routes; *p;) {
            char name[256];
            size_t n = strcspn(p, ",");
            snprintf(name, sizeof(name), "%.*s", (int)n, p);
            cli_json_string(out, name);
            p += n + (p[n] == ',');
            fputs(*p ? "," : "", out);
        }
        putc(']', out);
    }
    if (args->expires_at) {
        fputs(",\"expires_at\":", out);
        cli_json_string(out, args->expires_at);
    }
    putc('}', out);
    return fclose(out) == 0 ? CLI_DONE : cli_fail(CLI_LOCAL, "out of memory");
}

int cli_keys_create(const struct cli_args *args)
{
    sluice_client *client = NULL;
    sluice_result *result = NULL;
    char *json = NULL;
    int r = key_make(args, &json);
    if (r == 0 && args->is_dry_run) {
        cli_put_json(json, strlen(json));
        free(json);
        return CLI_DONE;
    }
    r = r ? r : cli_open(args, &client);
    r = r ? r : cli_call(args, client, "POST", OWN_KEYS, json, &result);
    const char *key = sluice_json_get(result, "key", NULL), *id = sluice_json_get(result, "id", NULL);
    if (r == 0 && (args->is_json || !key)) {
        cli_put_result(result);
    } else if (r == 0) {
        cli_print(stdout, "%s", key); /* alone on standard output, so that it can be piped */
        if (!args->is_quiet) {
            int is_enforced = 1;
            cli_print(stderr, "made %s; the key is not shown again", id ? id : "a key");
            if (sluice_json_bool(result, "enforced", &is_enforced) && !is_enforced) {
                cli_print(stderr, "this gateway asks nobody for a key until its configuration has an auth section");
            }
        }
    }
    sluice_result_free(result);
    sluice_close(client);
    free(json);
    return r;
}

int cli_keys_revoke(const struct cli_args *args)
{
    sluice_client *client = NULL;
    if (args->is_dry_run) {
        cli_print(stdout, "would revoke %s", args->words[0]);
        return CLI_DONE;
    }
    char *path = declare_path(OWN_KEYS, args->words[0]);
    int r = path ? cli_confirm(args, "revoke the key '%s'?", args->words[0]) : cli_fail(CLI_LOCAL, "out of memory");
    r = r ? r : cli_open(args, &client);
    r = r ? r : cli_call(args, client, "DELETE", path, NULL, NULL);
    if (r == 0 && !args->is_quiet) {
        cli_print(stderr, "revoked %s", args->words[0]);
    }
    sluice_close(client);
    free(path);
    return r;
}
