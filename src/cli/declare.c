/* SPDX-License-Identifier: Apache-2.0 */
/* sluice routes export, and what apply shares with it. */
#include "declare.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

char *declare_path(const char *base, const char *name)
{
    char *path = malloc(strlen(base) + 2 + 3 * strlen(name));
    if (path) {
        char *p = path + sprintf(path, "%s/", base);
        for (; *name; name++) {
            unsigned char c = (unsigned char)*name;
            p += sprintf(p, isalnum(c) || strchr("-._~", c) ? "%c" : "%%%02X", c);
        }
    }
    return path;
}

void declare_variable(const char *route, const char *member, char *out, size_t size)
{
    snprintf(out, size, "%s_%s", route, member);
    for (char *p = out; *p; p++) {
        *p = isalnum((unsigned char)*p) ? (char)toupper((unsigned char)*p) : '_';
    }
    if (isdigit((unsigned char)out[0])) {
        out[0] = '_';
    }
}

void declare_put_compact(FILE *out, const char *json, size_t len)
{
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        if (in_string && json[i] == '\\') {
            putc(json[i++], out); /* valid JSON: something follows */
        } else if (json[i] == '"') {
            in_string = !in_string;
        } else if (!in_string && strchr(" \t\r\n", json[i])) {
            continue;
        }
        putc(json[i], out);
    }
}

int declare_get(const struct cli_args *args, sluice_client *client, const char *name, sluice_result **route)
{
    char *path = declare_path(OWN_ROUTES, name);
    int r = path ? cli_call(args, client, "GET", path, NULL, route) : cli_fail(CLI_LOCAL, "out of memory");
    free(path);
    return r;
}

int declare_each(const struct cli_args *args, sluice_client *client, const char *base, const char *member,
                 int (*fn)(void *arg, const sluice_result *route), void *arg)
{
    char path[8192];
    snprintf(path, sizeof(path), "%s", base);
    for (;;) {
        sluice_result *page = NULL;
        int r = cli_call(args, client, "GET", path, NULL, &page);
        for (size_t i = 0; r == 0 && i < sluice_json_count(page, member); i++) {
            char at[64];
            size_t len;
            sluice_result *route = NULL;
            snprintf(at, sizeof(at), "%s[%zu]", member, i);
            const char *json = sluice_json_get(page, at, &len);
            r = sluice_json_parse(json, len, &route, NULL) < 0 ? cli_fail(CLI_LOCAL, "out of memory") : fn(arg, route);
            sluice_result_free(route);
        }
        const char *token = sluice_result_next_page_token(page);
        bool is_last = r || !token || strlen(token) > 2000;
        if (!is_last) {
            char *p = path + sprintf(path, "%s?page_token=", base);
            for (; *token; token++) {
                p += sprintf(p, isalnum((unsigned char)*token) ? "%c" : "%%%02X", (unsigned char)*token);
            }
        }
        sluice_result_free(page);
        if (is_last) {
            return r;
        }
    }
}

/* --- export --- */

struct names {
    char **v;
    size_t n, cap;
};

static void member_put(FILE *out, const sluice_result *route, const char *path, const char *label)
{
    size_t len;
    const char *json = sluice_json_get(route, path, &len);
    if (json) {
        fprintf(out, ",\"%s\":", label);
        if (sluice_json_kind(route, path) == 's') {
            cli_json_string(out, json);
        } else {
            fprintf(out, "%.*s", (int)len, json);
        }
    }
}

/* The configuration's members, and a reference for each secret. */
static void config_put(FILE *out, const sluice_result *route, const char *name)
{
    int n = 0;
    const char *key;
    fputs(",\"config\":{", out);
    for (size_t i = 0; (key = sluice_json_key(route, "model.config", i)); i++) {
        char path[512];
        size_t len;
        snprintf(path, sizeof(path), "model.config.%s", key);
        const char *json = sluice_json_get(route, path, &len);
        if (!json) {
            continue;
        }
        fputs(n++ ? "," : "", out);
        cli_json_string(out, key);
        putc(':', out);
        if (sluice_json_kind(route, path) == 's') {
            cli_json_string(out, json);
        } else {
            fprintf(out, "%.*s", (int)len, json);
        }
    }
    for (size_t i = 0; (key = sluice_json_key(route, "secrets", i)); i++) {
        char variable[600] = "$";
        declare_variable(name, key, variable + 1, sizeof(variable) - 1);
        fputs(n++ ? "," : "", out);
        cli_json_string(out, key);
        putc(':', out);
        cli_json_string(out, variable);
    }
    putc('}', out);
}

static int name_add(void *arg, const sluice_result *listed)
{
    struct names *names = arg;
    const char *owner = sluice_json_get(listed, "owner", NULL), *name = sluice_json_get(listed, "name", NULL);
    if (!name || !owner || strcmp(owner, "api") != 0) {
        return 0; /* the file's are the file's */
    }
    if (names->n == names->cap) {
        size_t cap = names->cap ? names->cap * 2 : 64;
        char **more = realloc(names->v, cap * sizeof(*more));
        if (!more) {
            return cli_fail(CLI_LOCAL, "out of memory");
        }
        names->v = more;
        names->cap = cap;
    }
    names->v[names->n] = strdup(name);
    return names->v[names->n++] ? 0 : cli_fail(CLI_LOCAL, "out of memory");
}

static int name_cmp(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int route_export(const struct cli_args *args, sluice_client *client, FILE *out, const char *name, bool is_first)
{
    sluice_result *route = NULL;
    int r = declare_get(args, client, name, &route);
    if (r) {
        return r;
    }
    fprintf(out, "%s\n{\"name\":", is_first ? "" : ",");
    cli_json_string(out, name);
    member_put(out, route, "route_type", "route_type");
    fputs(",\"model\":{\"provider\":", out);
    const char *provider = sluice_json_get(route, "model.provider", NULL);
    cli_json_string(out, provider ? provider : "");
    member_put(out, route, "model.name", "name");
    config_put(out, route, name);
    putc('}', out);
    member_put(out, route, "limit", "limit");
    member_put(out, route, "sluice", "sluice");
    member_put(out, route, "limits", "limits");
    putc('}', out);
    sluice_result_free(route);
    return 0;
}

/* By name, so that two exports of one state are one text. */
int cli_routes_export(const struct cli_args *args)
{
    sluice_client *client = NULL;
    struct names names = { 0 };
    int r = cli_open(args, &client);
    r = r ? r : declare_each(args, client, OWN_ROUTES, "routes", name_add, &names);
    if (names.n) {
        qsort(names.v, names.n, sizeof(*names.v), name_cmp);
    }
    char *json = NULL;
    size_t len = 0;
    FILE *out = r ? NULL : open_memstream(&json, &len);
    if (out) {
        fputs("{\"routes\":[", out);
        for (size_t i = 0; i < names.n && r == 0; i++) {
            r = route_export(args, client, out, names.v[i], i == 0);
        }
        fputs(names.n ? "\n]}" : "]}", out);
    }
    if (r == 0 && (!out || fclose(out) != 0)) {
        r = cli_fail(CLI_LOCAL, "out of memory");
    } else if (r == 0) {
        cli_put_json(json, len);
    } else if (out) {
        fclose(out);
    }
    free(json);
    if (r == 0 && !args->is_quiet) {
        fprintf(stderr, "%zu route%s; a secret is written as the variable that apply reads it from\n", names.n,
                names.n == 1 ? "" : "s");
    }
    for (size_t i = 0; i < names.n; i++) {
        free(names.v[i]);
    }
    free(names.v);
    sluice_close(client);
    return r;
}
