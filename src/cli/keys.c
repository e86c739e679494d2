/* SPDX-License-Identifier: Apache-2.0 */
/* sluice keys …, sluice targets …, sluice audit: the gateway's own lists. */
#include <stdlib.h>
#include <string.h>

#include "declare.h"
#include "limit_words.h"
#include "listing.h"

#define OWN_KEYS  "/api/sluice/v1/keys"
#define OWN_AUDIT "/api/sluice/v1/audit"

/* How many rows audit shows without --all. */
#define AUDIT_ROWS 100

int cli_keys_list(const struct cli_args *args)
{
    static const char *const heading[] = { "ID",      "NAME",      "PRINCIPAL", "ROLE", "ROUTES",
                                           "EXPIRES", "LAST USED", "OWNER",     "GROUP" };
    static const char *const paths[] = { "id",         "name",         "principal", "role", "routes",
                                         "expires_at", "last_used_at", "owner",     "group" };
    struct listing l = { .table = { .heading = heading, .n_columns = 9 }, .paths = paths };
    return listing_print(args, OWN_KEYS, "keys", &l);
}

int cli_audit(const struct cli_args *args)
{
    static const char *const heading[] = { "TIME", "PRINCIPAL", "ACTION", "TARGET", "REQUEST ID" };
    static const char *const paths[] = { "time", "principal", "action", "target", "request_id" };
    struct listing l = { .table = { .heading = heading, .n_columns = 5 },
                         .paths = paths,
                         .max = args->is_all ? 0 : AUDIT_ROWS };
    return listing_print(args, OWN_AUDIT, "audit", &l);
}

int cli_targets_list(const struct cli_args *args)
{
    static const char *const heading[] = { "ROUTE", "TARGET",  "PROVIDER", "MODEL", "TIER",
                                           "STATE", "RUNNING", "WAITS MS", "HEALTH" };
    static const char *const paths[] = { "route", "target",    "provider", "model", "tier",
                                         "state", "in_flight", "waits_ms", "health" };
    struct listing l = { .table = { .heading = heading, .n_columns = 9 }, .paths = paths };
    return listing_print(args, OWN_TARGETS, "targets", &l);
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
    if (args->principal || !args->group) { /* with a group the server says GROUP/NAME */
        fputs(",\"principal\":", out);
        cli_json_string(out, args->principal ? args->principal : args->name);
    }
    if (args->group) {
        fputs(",\"group\":", out);
        cli_json_string(out, args->group);
    }
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

struct found {
    const char *id;
    sluice_result *key; /* NULL: not yet */
};

static int key_find(void *arg, const sluice_result *item)
{
    struct found *found = arg;
    size_t len;
    const char *id = sluice_json_get(item, "id", NULL), *json = sluice_result_json(item, &len);
    if (!id || strcmp(id, found->id) != 0) {
        return 0;
    }
    return sluice_json_parse(json, len, &found->key, NULL) < 0 ? cli_fail(CLI_LOCAL, "out of memory") : -1;
}

/* Writes members of the key as they are. */
static void members_copy(FILE *out, const sluice_result *key, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t len;
        const char *value = sluice_json_get(key, names[i], &len);
        fprintf(out, "%s\"%s\":", i ? "," : "", names[i]);
        if (sluice_json_kind(key, names[i]) == 's') {
            cli_json_bytes(out, value, len);
        } else {
            fprintf(out, "%.*s", value ? (int)len : 4, value ? value : "null");
        }
    }
}

/* True: the principal is what a key of that group has by itself. So it goes with the key. */
static bool is_own_principal(const sluice_result *key)
{
    char own[1024];
    const char *group = sluice_json_kind(key, "group") == 's' ? sluice_json_get(key, "group", NULL) : NULL;
    const char *name = sluice_json_get(key, "name", NULL), *principal = sluice_json_get(key, "principal", NULL);
    snprintf(own, sizeof(own), "%s%s%s", group ? group : "", group ? "/" : "", name ? name : "");
    return principal && strcmp(principal, own) == 0;
}

/* The key as it is, in another group. Its limits go with it. */
static int moved_make(const struct cli_args *args, const sluice_result *key, char **ret)
{
    static const char *const members[] = { "name", "role", "routes", "expires_at", "limits" };
    static const char *const principal[] = { "principal" };
    bool is_out = strcmp(args->words[1], "none") == 0;
    size_t len;
    FILE *out = open_memstream(ret, &len);
    if (!out) {
        return cli_fail(CLI_LOCAL, "out of memory");
    }
    putc('{', out);
    members_copy(out, key, members, 5);
    if (!is_own_principal(key)) {
        putc(',', out);
        members_copy(out, key, principal, 1);
    } else if (is_out) {
        fputs(",\"principal\":", out);
        cli_json_string(out, sluice_json_get(key, "name", NULL));
    }
    fputs(",\"group\":", out);
    if (is_out) {
        fputs("null", out);
    } else {
        cli_json_string(out, args->words[1]);
    }
    putc('}', out);
    return fclose(out) == 0 ? CLI_DONE : cli_fail(CLI_LOCAL, "out of memory");
}

/* The key as it is, with other limits. */
static int limited_make(const struct cli_args *args, const sluice_result *key, char **ret)
{
    static const char *const members[] = { "name", "principal", "group", "role", "routes", "expires_at" };
    char *limits = NULL;
    size_t len;
    int r = limits_make(args, key, &limits);
    FILE *out = r ? NULL : open_memstream(ret, &len);
    if (!out) {
        free(limits);
        return r ? r : cli_fail(CLI_LOCAL, "out of memory");
    }
    putc('{', out);
    members_copy(out, key, members, 6);
    fprintf(out, ",\"limits\":%s}", limits);
    free(limits);
    return fclose(out) == 0 ? CLI_DONE : cli_fail(CLI_LOCAL, "out of memory");
}

/* Finds the key that the first word names, in the gateway's list. */
static int key_get(const struct cli_args *args, sluice_client *client, sluice_result **ret)
{
    struct found found = { .id = args->words[0] };
    int r = declare_each(args, client, OWN_KEYS, "keys", key_find, &found);
    *ret = found.key;
    return r == -1 ? 0 : r ? r : cli_fail(CLI_NOT_FOUND, "there is no key with the id '%s'", args->words[0]);
}

int cli_keys_limits(const struct cli_args *args)
{
    sluice_client *client = NULL;
    sluice_result *key = NULL, *result = NULL;
    char *json = NULL, *path = declare_path(OWN_KEYS, args->words[0]);
    int r = path ? limits_check("keys limits", args) : cli_fail(CLI_LOCAL, "out of memory");
    r = r ? r : cli_open(args, &client);
    r = r ? r : key_get(args, client, &key);
    if (r == 0 && !limits_are_said(args)) {
        r = limits_print(args, key, "limits");
    } else {
        r = r ? r : limited_make(args, key, &json);
        r = r ? r : limits_put(args, client, path, json, &result);
    }
    sluice_result_free(result);
    sluice_result_free(key);
    sluice_close(client);
    free(json);
    free(path);
    return r;
}

int cli_keys_move(const struct cli_args *args)
{
    sluice_client *client = NULL;
    sluice_result *result = NULL, *key = NULL;
    char *json = NULL, *path = declare_path(OWN_KEYS, args->words[0]);
    int r = path ? cli_open(args, &client) : cli_fail(CLI_LOCAL, "out of memory");
    r = r ? r : key_get(args, client, &key);
    r = r ? r : moved_make(args, key, &json);
    if (r == 0 && args->is_dry_run) {
        cli_put_json(json, strlen(json));
    } else {
        r = r ? r : cli_call(args, client, "PUT", path, json, &result);
        if (r == 0 && args->is_json) {
            cli_put_result(result);
        } else if (r == 0 && !args->is_quiet) {
            cli_print(stderr, "moved %s to %s", args->words[0], args->words[1]);
        }
    }
    sluice_result_free(result);
    sluice_result_free(key);
    sluice_close(client);
    free(json);
    free(path);
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
