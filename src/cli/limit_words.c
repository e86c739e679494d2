/* SPDX-License-Identifier: Apache-2.0 */
#include "limit_words.h"

#include <stdlib.h>
#include <string.h>

#define SESSION "session."

static const char *const kinds[] = { "requests", "tokens",     "input_tokens", "output_tokens",
                                     "money",    "concurrent", "session",      NULL };

/* One limit of the command line, with slices of it. */
struct limit {
    const char *kind;   /* of `kinds` */
    const char *member; /* of a session; else NULL */
    int n_member, n_amount;
    const char *amount, *period; /* the period may be "" */
};

/* "tokens=": the kind and the rest; without a word the limit counts requests. */
static bool kind_read(const char *spec, struct limit *ret, const char **ret_rest)
{
    const char *equals = strchr(spec, '=');
    size_t n = equals ? (size_t)(equals - spec) : 0;
    *ret_rest = equals ? equals + 1 : spec;
    ret->kind = kinds[0];
    if (!equals) {
        return true;
    }
    if (strncmp(spec, SESSION, strlen(SESSION)) == 0 && n > strlen(SESSION)) {
        ret->kind = "session";
        ret->member = spec + strlen(SESSION);
        ret->n_member = (int)(n - strlen(SESSION));
        return true;
    }
    for (size_t i = 0; kinds[i]; i++) {
        if (strlen(kinds[i]) == n && strncmp(spec, kinds[i], n) == 0 && strcmp(kinds[i], "session") != 0) {
            ret->kind = kinds[i];
            return true;
        }
    }
    return false;
}

/* The gateway decides which amounts and periods are allowed. */
static bool limit_read(const char *spec, struct limit *ret)
{
    const char *rest;
    *ret = (struct limit){ .kind = NULL };
    if (!kind_read(spec, ret, &rest)) {
        return false;
    }
    bool has_period = strcmp(ret->kind, "concurrent") != 0 && strcmp(ret->kind, "session") != 0;
    bool is_money = strcmp(ret->kind, "money") == 0 || (ret->member && strncmp(ret->member, "money=", 6) == 0);
    size_t n = strspn(rest, is_money ? "0123456789." : "0123456789");
    char number[32];
    snprintf(number, sizeof(number), "%.*s", (int)n, rest);
    ret->amount = rest;
    ret->n_amount = (int)n;
    ret->period = rest + n + (rest[n] == '/');
    return n && n < 19 && cli_is_number(number) && (has_period ? rest[n] == '/' && *ret->period : !rest[n]);
}

bool limits_are_said(const struct cli_args *args)
{
    return args->data || args->n_words > 1;
}

int limits_check(const char *command, const struct cli_args *args)
{
    struct limit limit;
    if (args->data && args->n_words > 1) {
        return cli_usage(command, "it takes either limits or --data");
    }
    if (args->n_words <= 1 && (args->key || args->zone || args->route)) {
        return cli_usage(command, "--key, --zone and --route go with limits such as 100/minute");
    }
    for (int i = 1; i < args->n_words; i++) {
        if (!limit_read(args->words[i], &limit)) {
            return cli_usage(command,
                             "'%s' is not a limit, such as 100/minute, tokens=2000000/day, money=12.50/month, "
                             "concurrent=50 or session.calls=200",
                             args->words[i]);
        }
    }
    return CLI_DONE;
}

static void limit_write(const struct cli_args *args, const struct limit *limit, FILE *out)
{
    bool is_session = strcmp(limit->kind, "session") == 0;
    fprintf(out, "{\"%s\":", limit->kind);
    if (is_session) {
        putc('{', out);
        cli_json_bytes(out, limit->member, (size_t)limit->n_member);
        fprintf(out, ":%.*s}", limit->n_amount, limit->amount);
    } else {
        fprintf(out, "%.*s", limit->n_amount, limit->amount);
    }
    if (*limit->period) {
        fputs(",\"per\":", out);
        cli_json_string(out, limit->period);
        if (args->zone) {
            fputs(",\"zone\":", out);
            cli_json_string(out, args->zone);
        }
    }
    if (!is_session && args->key && strcmp(args->key, "user") == 0) {
        fputs(",\"each\":\"principal\"", out);
    }
    if (args->route) {
        fputs(",\"route\":", out);
        cli_json_string(out, args->route);
    }
    putc('}', out);
}

/* The kind of the owner's i-th limit, which the gateway shows in the form of `kinds`. NULL: of a newer version. */
static const char *kind_of(const sluice_result *owner, size_t i)
{
    char path[64];
    for (size_t k = 0; kinds[k]; k++) {
        snprintf(path, sizeof(path), "limits[%zu].%s", i, kinds[k]);
        if (sluice_json_kind(owner, path) != 0) {
            return kinds[k];
        }
    }
    return NULL;
}

/* True: the owner's i-th limit is for the route that the command line names, or both are for all routes. */
static bool is_of_route(const struct cli_args *args, const sluice_result *owner, size_t i)
{
    char path[64];
    snprintf(path, sizeof(path), "limits[%zu].route", i);
    const char *route = sluice_json_kind(owner, path) == 's' ? sluice_json_get(owner, path, NULL) : NULL;
    return route && args->route ? strcmp(route, args->route) == 0 : !route == !args->route;
}

static bool is_named(const struct cli_args *args, const char *kind)
{
    struct limit limit;
    for (int i = 1; kind && i < args->n_words; i++) {
        if (limit_read(args->words[i], &limit) && strcmp(limit.kind, kind) == 0) {
            return true;
        }
    }
    return false;
}

/* Writes the owner's limits that stay; returns how many. */
static int others_write(const struct cli_args *args, const sluice_result *owner, FILE *out)
{
    char path[64];
    int n = 0;
    for (size_t i = 0;; i++) {
        size_t len;
        snprintf(path, sizeof(path), "limits[%zu]", i);
        const char *json = sluice_json_kind(owner, path) == 'o' ? sluice_json_get(owner, path, &len) : NULL;
        if (!json) {
            return n;
        }
        if (!is_of_route(args, owner, i) || !is_named(args, kind_of(owner, i))) {
            fprintf(out, "%s%.*s", n++ ? "," : "", (int)len, json);
        }
    }
}

int limits_make(const struct cli_args *args, const sluice_result *owner, char **ret)
{
    size_t len;
    if (args->data) {
        return cli_read(args->data, ret);
    }
    FILE *out = open_memstream(ret, &len);
    if (!out) {
        return cli_fail(CLI_LOCAL, "out of memory");
    }
    putc('[', out);
    int n = others_write(args, owner, out);
    for (int i = 1; i < args->n_words; i++) {
        struct limit limit;
        if (limit_read(args->words[i], &limit)) { /* it was checked */
            fputs(n++ ? "," : "", out);
            limit_write(args, &limit, out);
        }
    }
    putc(']', out);
    return fclose(out) == 0 ? CLI_DONE : cli_fail(CLI_LOCAL, "out of memory");
}

/* True: a limit is for one route. */
static bool has_routes(const sluice_result *owner)
{
    char path[64];
    bool has = false;
    for (size_t i = 0, n = sluice_json_count(owner, "counts"); i < n; i++) {
        snprintf(path, sizeof(path), "counts[%zu].route", i);
        has |= sluice_json_kind(owner, path) == 's';
    }
    return has;
}

int limits_print(const struct cli_args *args, const sluice_result *owner, const char *json_member)
{
    static const char *const columns[] = { "KIND", "CAP", "PER", "ZONE", "EACH", "USED", "RESERVED", "RESET", "ROUTE" };
    static const char *const members[] = { "kind", "cap", "per", "zone", "each", "used", "reserved", "reset", "route" };
    struct cli_table table = { .heading = columns, .n_columns = has_routes(owner) ? 9 : 8 };
    size_t len;
    char path[64];
    if (args->is_json && json_member) {
        const char *json = sluice_json_get(owner, json_member, &len);
        cli_put_json(json ? json : "null", json ? len : 4);
        return CLI_DONE;
    }
    if (args->is_json) {
        cli_put_result(owner);
        return CLI_DONE;
    }
    for (size_t i = 0;; i++) {
        snprintf(path, sizeof(path), "counts[%zu]", i);
        if (sluice_json_kind(owner, path) != 'o') {
            return cli_table_end(args, &table);
        }
        for (size_t k = 0; k < (size_t)table.n_columns; k++) {
            snprintf(path, sizeof(path), "counts[%zu].%s", i, members[k]);
            int kind = sluice_json_kind(owner, path);
            cli_table_add(&table, kind == 0 || kind == '0' ? NULL : sluice_json_get(owner, path, NULL));
        }
    }
}

int limits_put(const struct cli_args *args, sluice_client *client, const char *path, const char *json,
               sluice_result **result)
{
    if (args->is_dry_run) {
        cli_put_json(json, strlen(json));
        return CLI_DONE;
    }
    int r = cli_call(args, client, "PUT", path, json, result);
    return r || args->is_quiet ? r : limits_print(args, *result, NULL);
}
