/* SPDX-License-Identifier: Apache-2.0 */
/* sluice routes export, and functions that apply uses too. */
#include "declare.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* The base, what stands between, and the text, encoded. The caller frees it; NULL: out of memory. */
static char *path_make(const char *base, const char *between, const char *text)
{
    char *path = malloc(strlen(base) + strlen(between) + 3 * strlen(text) + 1);
    if (path) {
        char *p = path + sprintf(path, "%s%s", base, between);
        for (; *text; text++) {
            unsigned char c = (unsigned char)*text;
            p += sprintf(p, isalnum(c) || strchr("-._~", c) ? "%c" : "%%%02X", c);
        }
    }
    return path;
}

char *declare_path(const char *base, const char *name)
{
    return path_make(base, "/", name);
}

char *declare_page(const char *base, const sluice_result *before)
{
    const char *token = sluice_result_next_page_token(before);
    return token ? path_make(base, "?page_token=", token) : strdup(base);
}

char *declare_query(const char *path, const char *before, const char *value)
{
    return path_make(path, before, value);
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

void *declare_room(void *v, size_t n, size_t *io_cap, size_t item_size)
{
    if (n < *io_cap) {
        return v;
    }
    size_t cap = n ? n * 2 : 64;
    void *more = realloc(v, cap * item_size);
    *io_cap = more ? cap : *io_cap;
    return more;
}

void declare_put_compact(FILE *out, const char *json, size_t len)
{
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        if (in_string && json[i] == '\\') {
            putc(json[i++], out); /* the JSON is valid, so another character follows */
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

static int page_get(const struct cli_args *args, sluice_client *client, const char *base, const sluice_result *before,
                    sluice_result **page)
{
    char *path = declare_page(base, before);
    int r = path ? cli_call(args, client, "GET", path, NULL, page) : cli_fail(CLI_LOCAL, "out of memory");
    free(path);
    return r;
}

static int item_give(const sluice_result *page, const char *member, size_t i,
                     int (*fn)(void *arg, const sluice_result *item), void *arg)
{
    char at[64];
    size_t len;
    sluice_result *item = NULL;
    snprintf(at, sizeof(at), "%s[%zu]", member, i);
    const char *json = sluice_json_get(page, at, &len);
    int r = sluice_json_parse(json, len, &item, NULL) < 0 ? cli_fail(CLI_LOCAL, "out of memory") : fn(arg, item);
    sluice_result_free(item);
    return r;
}

int declare_each(const struct cli_args *args, sluice_client *client, const char *base, const char *member,
                 int (*fn)(void *arg, const sluice_result *item), void *arg)
{
    sluice_result *page = NULL, *next = NULL;
    unsigned n_pages = 0;
    int r;
    do {
        r = page_get(args, client, base, page, &next);
        if (r == 0 && cli_is_endless(page, next, ++n_pages)) {
            r = cli_fail(CLI_FAILED, "the server's list of %s does not end", member);
        }
        sluice_result_free(page);
        page = next;
        next = NULL;
        for (size_t i = 0; r == 0 && i < sluice_json_count(page, member); i++) {
            r = item_give(page, member, i, fn, arg);
        }
    } while (r == 0 && sluice_result_next_page_token(page));
    sluice_result_free(page);
    return r;
}

/* --- export --- */

struct names {
    char **v;
    size_t n, cap;
};

/* False: out of memory. */
static bool names_add(struct names *names, const char *name)
{
    char **v = declare_room(names->v, names->n, &names->cap, sizeof(*v));
    if (!v) {
        return false;
    }
    names->v = v;
    names->v[names->n] = strdup(name);
    return names->v[names->n] && ++names->n;
}

static int name_cmp(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void names_sort(struct names *names)
{
    if (names->n) {
        qsort(names->v, names->n, sizeof(*names->v), name_cmp);
    }
}

static void names_done(struct names *names)
{
    for (size_t i = 0; i < names->n; i++) {
        free(names->v[i]);
    }
    free(names->v);
}

/* A route or a target of it. */
struct owner {
    const char *name;        /* the names of its variables begin with this */
    struct names *variables; /* all that were written */
};

static void value_put(FILE *out, const sluice_result *route, const char *path)
{
    size_t len;
    const char *json = sluice_json_get(route, path, &len);
    if (sluice_json_kind(route, path) == 's') {
        cli_json_string(out, json);
    } else {
        fprintf(out, "%.*s", (int)len, json);
    }
}

static void member_put(FILE *out, const sluice_result *route, const char *path, const char *label)
{
    if (sluice_json_kind(route, path)) {
        fprintf(out, ",\"%s\":", label);
        value_put(out, route, path);
    }
}

static void key_put(FILE *out, const char *key, int *io_n)
{
    fputs((*io_n)++ ? "," : "", out);
    cli_json_string(out, key);
    putc(':', out);
}

/* The configuration of a route or a target: its path, and the path of the fingerprints of its secrets. Their names are
 * paths in the configuration. */
struct conf {
    const sluice_result *route;
    const char *config, *secrets;
    const struct owner *owner;
};

/* The next secret whose path begins with `below`, from *io_at on; NULL: there is none. */
static const char *secret_next(const struct conf *conf, const char *below, size_t *io_at)
{
    const char *key;
    while ((key = sluice_json_key(conf->route, conf->secrets, (*io_at)++)) && strncmp(key, below, strlen(below)) != 0) {
    }
    return key;
}

static void conf_put(FILE *out, const struct conf *conf, const char *below);

/* Writes the map at `key` in `below` ("" or "aws_config."). */
static void map_put(FILE *out, const struct conf *conf, const char *below, const char *key, size_t len, int *io_n)
{
    char name[512], deeper[512];
    snprintf(name, sizeof(name), "%.*s", (int)len, key);
    snprintf(deeper, sizeof(deeper), "%s%.*s.", below, (int)len, key);
    key_put(out, name, io_n);
    conf_put(out, conf, deeper);
}

/* Writes the members at `below` ("": all), and a reference for each secret. */
static void conf_put(FILE *out, const struct conf *conf, const char *below)
{
    int n = 0;
    const char *key;
    char at[1400], path[1800], last[512] = "";
    snprintf(at, sizeof(at), "%s%s%.*s", conf->config, *below ? "." : "", (int)strlen(below) - (*below != 0), below);
    putc('{', out);
    for (size_t i = 0; (key = sluice_json_key(conf->route, at, i)); i++) {
        snprintf(path, sizeof(path), "%s.%.256s", at, key);
        if (sluice_json_kind(conf->route, path) == 'o') {
            map_put(out, conf, below, key, strlen(key), &n);
        } else {
            key_put(out, key, &n);
            value_put(out, conf->route, path);
        }
    }
    for (size_t i = 0; (key = secret_next(conf, below, &i));) {
        char variable[1024] = "$";
        const char *name = key + strlen(below);
        size_t len = strcspn(name, ".");
        if (name[len]) { /* a secret in a map; the map is written already if it has other members */
            snprintf(path, sizeof(path), "%s.%.*s", at, (int)len, name);
            bool is_there = sluice_json_kind(conf->route, path) || strncmp(last, name, len + 1) == 0;
            snprintf(last, sizeof(last), "%s", name);
            if (!is_there) {
                map_put(out, conf, below, name, len, &n);
            }
            continue;
        }
        declare_variable(conf->owner->name, key, variable + 1, sizeof(variable) - 1);
        names_add(conf->owner->variables, variable);
        key_put(out, name, &n);
        cli_json_string(out, variable);
    }
    putc('}', out);
}

static void model_put(FILE *out, const sluice_result *route, const char *model, const char *secrets,
                      const struct owner *owner)
{
    char path[1024];
    int n = 0;
    static const char *const members[] = { "provider", "name" };
    putc('{', out);
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s.%s", model, members[i]);
        if (sluice_json_kind(route, path)) {
            key_put(out, members[i], &n);
            value_put(out, route, path);
        }
    }
    snprintf(path, sizeof(path), "%s.config", model);
    key_put(out, "config", &n);
    conf_put(out, &(struct conf){ route, path, secrets, owner }, "");
    putc('}', out);
}

static void target_put(FILE *out, const sluice_result *route, const char *target, const struct owner *owner)
{
    int n = 0;
    const char *key;
    char path[1024], secrets[512], both[1024];
    snprintf(path, sizeof(path), "%s.name", target);
    const char *name = sluice_json_str(route, path, NULL);
    /* Quoted, because a name may have a dot. */
    snprintf(secrets, sizeof(secrets), "target_secrets[\"%s\"]", name ? name : "");
    snprintf(both, sizeof(both), "%s_%s", owner->name, name ? name : "");
    putc('{', out);
    for (size_t i = 0; (key = sluice_json_key(route, target, i)); i++) {
        snprintf(path, sizeof(path), "%s.%s", target, key);
        key_put(out, key, &n);
        if (strcmp(key, "model") == 0) {
            model_put(out, route, path, secrets, &(struct owner){ both, owner->variables });
        } else {
            value_put(out, route, path);
        }
    }
    putc('}', out);
}

static void sluice_put(FILE *out, const sluice_result *route, const struct owner *owner)
{
    int n = 0;
    const char *key;
    fputs(",\"sluice\":{", out);
    for (size_t i = 0; (key = sluice_json_key(route, "sluice", i)); i++) {
        char path[1024];
        snprintf(path, sizeof(path), "sluice.%s", key);
        key_put(out, key, &n);
        if (strcmp(key, "targets") != 0) {
            value_put(out, route, path);
            continue;
        }
        for (size_t k = 0; k < sluice_json_count(route, path); k++) {
            char target[64];
            snprintf(target, sizeof(target), "sluice.targets[%zu]", k);
            putc(k ? ',' : '[', out);
            target_put(out, route, target, owner);
        }
        putc(']', out);
    }
    putc('}', out);
}

static int name_add(void *arg, const sluice_result *listed)
{
    struct names *names = arg;
    const char *owner = sluice_json_get(listed, "owner", NULL), *name = sluice_json_get(listed, "name", NULL);
    if (!name || !owner || strcmp(owner, "api") != 0) {
        return 0; /* routes of the configuration file are not exported */
    }
    return names_add(names, name) ? 0 : cli_fail(CLI_LOCAL, "out of memory");
}

static int route_export(const struct cli_args *args, sluice_client *client, FILE *out, const struct owner *owner,
                        bool is_first)
{
    sluice_result *route = NULL;
    int r = declare_get(args, client, owner->name, &route);
    if (r) {
        return r;
    }
    fprintf(out, "%s\n{\"name\":", is_first ? "" : ",");
    cli_json_string(out, owner->name);
    member_put(out, route, "route_type", "route_type");
    if (sluice_json_kind(route, "model") == 'o') { /* else the route has targets instead */
        fputs(",\"model\":", out);
        model_put(out, route, "model", "secrets", owner);
    }
    member_put(out, route, "limit", "limit");
    if (sluice_json_count(route, "sluice.targets")) {
        sluice_put(out, route, owner);
    } else {
        member_put(out, route, "sluice", "sluice");
    }
    member_put(out, route, "limits", "limits");
    putc('}', out);
    sluice_result_free(route);
    return 0;
}

/* Names that differ only in case or in signs have the same variable. */
static void variables_look(struct names *variables)
{
    names_sort(variables);
    for (size_t i = 0, n; i < variables->n; i += n) {
        for (n = 1; i + n < variables->n && strcmp(variables->v[i], variables->v[i + n]) == 0;) {
            n++;
        }
        if (n > 1) {
            fprintf(stderr, "warning: %s stands for %zu secrets: write another variable where they differ\n",
                    variables->v[i], n);
        }
    }
}

/* Sorted by name, so that two exports of one state are equal. */
int cli_routes_export(const struct cli_args *args)
{
    sluice_client *client = NULL;
    struct names names = { 0 }, variables = { 0 };
    int r = cli_open(args, &client);
    r = r ? r : declare_each(args, client, OWN_ROUTES, "routes", name_add, &names);
    names_sort(&names);
    char *json = NULL;
    size_t len = 0;
    FILE *out = r ? NULL : open_memstream(&json, &len);
    if (out) {
        fputs("{\"routes\":[", out);
        for (size_t i = 0; i < names.n && r == 0; i++) {
            r = route_export(args, client, out, &(struct owner){ names.v[i], &variables }, i == 0);
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
    if (r == 0) {
        variables_look(&variables);
    }
    names_done(&names);
    names_done(&variables);
    sluice_close(client);
    return r;
}
