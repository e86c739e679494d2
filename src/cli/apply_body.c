/* SPDX-License-Identifier: Apache-2.0 */
#include "apply_body.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_set.h"
#include "declare.h"

/* The room for a path in a route: names are bounded, and no route is nested deeper than this. */
#define PATH_ROOM 1024

/* --- checks --- */

static bool has_targets(const sluice_result *route)
{
    return sluice_json_kind(route, "sluice.targets") == 'l';
}

int apply_body_check(const char *file, const char *at, const sluice_result *route)
{
    static const char *const known[] = { "name", "route_type", "endpoint_type", "model", "limit", "limits", "sluice" };
    const char *key, *nearest = NULL;
    int distance = -1;
    for (size_t i = 0; (key = sluice_json_key(route, "", i)); i++) {
        size_t k = 0;
        while (k < sizeof(known) / sizeof(known[0]) && strcmp(known[k], key) != 0) {
            cli_nearest(key, known[k++], &nearest, &distance);
        }
        if (k == sizeof(known) / sizeof(known[0])) {
            return cli_fail(CLI_LOCAL, "%s: %s.%s: no such member%s%s%s", file, at, key,
                            nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
        }
    }
    const char *type = sluice_json_kind(route, "endpoint_type") ? "endpoint_type" : "route_type";
    const char *const needed[] = { "name", type, "model.provider", "model.name" };
    /* sluice.targets may stand in place of the model */
    bool has_model = sluice_json_kind(route, "model") || !has_targets(route);
    for (size_t k = 0; k < (has_model ? 4 : 2); k++) {
        if (sluice_json_kind(route, needed[k]) != 's') {
            return cli_fail(CLI_LOCAL, "%s: %s.%s: expected a string", file, at, needed[k]);
        }
    }
    return 0;
}

/* --- references --- */

static int secret_file_read(const char *file, char **ret)
{
    char at[PATH_ROOM + 8];
    snprintf(at, sizeof(at), "@%s", file);
    if (cli_read(at, ret)) {
        return -1;
    }
    (*ret)[strcspn(*ret, "\r\n")] = '\0';
    return 1;
}

/* The value of a reference: "$NAME", {"file": "PATH"}; for a secret also "PATH" if such a file exists, as MLflow reads
 * it, or the literal. 1 and *ret (the caller frees it; NULL: it leads to nothing, and the stored secret stays), 0 when
 * it is no reference, or -1 after a message. */
static int reference_resolve(const sluice_result *route, const char *path, bool is_secret, char **ret)
{
    const char *text = sluice_json_get(route, path, NULL);
    char at[PATH_ROOM + 8];
    *ret = NULL;
    if (sluice_json_kind(route, path) == 's' && text[0] == '$') {
        const char *value = getenv(text + 1);
        *ret = value && *value ? strdup(value) : NULL;
        return 1;
    }
    if (sluice_json_kind(route, path) == 's' && is_secret) {
        struct stat st;
        if (stat(text, &st) == 0 && S_ISREG(st.st_mode)) {
            return secret_file_read(text, ret);
        }
        *ret = strdup(text);
        return *ret ? 1 : -1;
    }
    snprintf(at, sizeof(at), "%s.file", path);
    if (sluice_json_kind(route, path) != 'o' || sluice_json_count(route, path) != 1 ||
        sluice_json_kind(route, at) != 's') {
        return 0;
    }
    const char *file = sluice_json_get(route, at, NULL);
    return access(file, F_OK) == 0 ? secret_file_read(file, ret) : 1;
}

/* Says what is missing for a reference that leads to nothing, for a route that needs it. */
static char *unset_text(const sluice_result *route, const char *path)
{
    char at[PATH_ROOM + 8], *text = NULL;
    snprintf(at, sizeof(at), "%s.file", path);
    bool is_variable = sluice_json_kind(route, path) == 's';
    const char *name = sluice_json_get(route, is_variable ? path : at, NULL);
    int n = asprintf(&text, is_variable ? "%s: %s is not set" : "%s: there is no file %s", path, name);
    return n < 0 ? NULL : text;
}

/* --- the body --- */

struct put {
    FILE *out;
    const sluice_result *route;
    struct apply_body *body;
};

void apply_body_put(FILE *out, const sluice_result *route, const char *path)
{
    size_t len;
    const char *json = sluice_json_get(route, path, &len);
    if (sluice_json_kind(route, path) == 's') {
        cli_json_string(out, json);
    } else {
        declare_put_compact(out, json ? json : "null", json ? len : 4);
    }
}

static void key_put(FILE *out, const char *key, int *io_n)
{
    fputs((*io_n)++ ? "," : "", out);
    cli_json_string(out, key);
    putc(':', out);
}

/* Writes a configuration with its references resolved, or left out. */
static int config_put(const struct put *put, const char *config)
{
    int n = 0, r = CLI_DONE;
    const char *key;
    putc('{', put->out);
    for (size_t i = 0; r == 0 && (key = sluice_json_key(put->route, config, i)); i++) {
        char path[PATH_ROOM], *secret;
        snprintf(path, sizeof(path), "%s.%.250s", config, key);
        int is_reference = reference_resolve(put->route, path, config_set_is_secret_name(key), &secret);
        if (is_reference < 0) {
            return CLI_LOCAL;
        }
        if (is_reference && !secret) {
            put->body->unset = put->body->unset ? put->body->unset : unset_text(put->route, path);
            continue;
        }
        key_put(put->out, key, &n);
        if (secret) {
            cli_json_string(put->out, secret);
            explicit_bzero(secret, strlen(secret));
            free(secret);
            put->body->has_secret = true;
        } else if (sluice_json_kind(put->route, path) == 'o') {
            r = config_put(put, path); /* such as aws_config */
        } else {
            apply_body_put(put->out, put->route, path);
        }
    }
    putc('}', put->out);
    return r;
}

/* The model's configuration is `config` or, as Databricks spells it, `{provider}_config`. */
static int model_put(const struct put *put, const char *model)
{
    char config[PATH_ROOM], own[PATH_ROOM], spelt[260];
    int n = 0;
    const char *key, *provider;
    snprintf(own, sizeof(own), "%s.provider", model);
    provider = sluice_json_str(put->route, own, NULL);
    snprintf(spelt, sizeof(spelt), "%.200s_config", provider ? provider : "");
    snprintf(own, sizeof(own), "%s.%s", model, spelt);
    snprintf(config, sizeof(config), "%s.config", model);
    bool is_own = sluice_json_kind(put->route, config) != 'o' && sluice_json_kind(put->route, own) == 'o';
    putc('{', put->out);
    for (size_t i = 0; (key = sluice_json_key(put->route, model, i)); i++) {
        char path[PATH_ROOM];
        if (strcmp(key, "config") != 0 && strcmp(key, spelt) != 0) {
            snprintf(path, sizeof(path), "%s.%.250s", model, key);
            key_put(put->out, key, &n);
            apply_body_put(put->out, put->route, path);
        }
    }
    key_put(put->out, "config", &n);
    int r = config_put(put, is_own ? own : config);
    putc('}', put->out);
    return r;
}

static int target_put(const struct put *put, const char *target)
{
    int n = 0, r = CLI_DONE;
    const char *key;
    putc('{', put->out);
    for (size_t i = 0; r == 0 && (key = sluice_json_key(put->route, target, i)); i++) {
        char path[PATH_ROOM];
        snprintf(path, sizeof(path), "%s.%.250s", target, key);
        key_put(put->out, key, &n);
        if (strcmp(key, "model") == 0 && sluice_json_kind(put->route, path) == 'o') {
            r = model_put(put, path);
        } else {
            apply_body_put(put->out, put->route, path);
        }
    }
    putc('}', put->out);
    return r;
}

static int targets_put(const struct put *put)
{
    int r = CLI_DONE;
    putc('[', put->out);
    for (size_t i = 0; r == 0 && i < sluice_json_count(put->route, "sluice.targets"); i++) {
        char path[64];
        snprintf(path, sizeof(path), "sluice.targets[%zu]", i);
        fputs(i ? "," : "", put->out);
        if (sluice_json_kind(put->route, path) == 'o') {
            r = target_put(put, path);
        } else {
            apply_body_put(put->out, put->route, path);
        }
    }
    putc(']', put->out);
    return r;
}

static int sluice_put(const struct put *put)
{
    int n = 0, r = CLI_DONE;
    const char *key;
    if (!has_targets(put->route)) {
        apply_body_put(put->out, put->route, "sluice");
        return r;
    }
    putc('{', put->out);
    for (size_t i = 0; r == 0 && (key = sluice_json_key(put->route, "sluice", i)); i++) {
        char path[PATH_ROOM];
        snprintf(path, sizeof(path), "sluice.%.250s", key);
        key_put(put->out, key, &n);
        if (strcmp(key, "targets") == 0) {
            r = targets_put(put);
        } else {
            apply_body_put(put->out, put->route, path);
        }
    }
    putc('}', put->out);
    return r;
}

static bool is_given(const sluice_result *route, const char *member)
{
    int kind = sluice_json_kind(route, member);
    return kind && kind != '0';
}

int apply_body_make(const sluice_result *route, struct apply_body *ret)
{
    size_t len;
    FILE *out = open_memstream(&ret->json, &len);
    if (!out) {
        return cli_fail(CLI_LOCAL, "out of memory");
    }
    const struct put put = { out, route, ret };
    fputs("{\"route_type\":", out);
    apply_body_put(out, route, sluice_json_kind(route, "route_type") ? "route_type" : "endpoint_type");
    int r = CLI_DONE;
    if (is_given(route, "model")) {
        fputs(",\"model\":", out);
        r = model_put(&put, "model");
    }
    if (is_given(route, "limit")) {
        fputs(",\"limit\":", out);
        apply_body_put(out, route, "limit");
    }
    if (r == 0 && is_given(route, "sluice")) {
        fputs(",\"sluice\":", out);
        r = sluice_put(&put);
    }
    putc('}', out);
    return fclose(out) == 0 ? r : cli_fail(CLI_LOCAL, "out of memory");
}

/* --- comparing --- */

static bool is_nothing(const sluice_result *json, const char *path)
{
    int kind = sluice_json_kind(json, path);
    return !kind || kind == '0' || (kind == 'o' && sluice_json_count(json, path) == 0);
}

/* The order of members does not count. */
static bool is_same_at(const sluice_result *a, const sluice_result *b, const char *path)
{
    int kind = sluice_json_kind(a, path);
    size_t n = 0, m = 0, count = sluice_json_count(a, path);
    if (is_nothing(a, path) || is_nothing(b, path)) {
        return is_nothing(a, path) && is_nothing(b, path);
    }
    if (kind != 'o' && kind != 'l') {
        const char *x = sluice_json_get(a, path, &n), *y = sluice_json_get(b, path, &m);
        return kind == sluice_json_kind(b, path) && n == m && memcmp(x, y, n) == 0;
    }
    bool same = kind == sluice_json_kind(b, path) && count == sluice_json_count(b, path);
    for (size_t i = 0; same && i < count; i++) {
        char at[PATH_ROOM];
        const char *key = kind == 'o' ? sluice_json_key(a, path, i) : NULL;
        int len = key ? snprintf(at, sizeof(at), "%s.%s", path, key) : snprintf(at, sizeof(at), "%s[%zu]", path, i);
        same = len < PATH_ROOM && is_same_at(a, b, at);
    }
    return same;
}

static const char *const compared[] = {
    "route_type", "model.provider", "model.name", "limit", "sluice", "model.config"
};
#define N_COMPARED (sizeof(compared) / sizeof(compared[0]))

bool apply_body_is_same(const char *body, const sluice_result *there)
{
    sluice_result *want = NULL;
    bool same = sluice_json_parse(body, SLUICE_NUL_TERMINATED, &want, NULL) == 0;
    for (size_t i = 0; i < N_COMPARED && same; i++) {
        same = is_same_at(want, there, compared[i]);
    }
    sluice_result_free(want);
    return same;
}

/* --- showing --- */

#define VALUE_MAX 60

static void value_put(FILE *out, const sluice_result *json, const char *path)
{
    char *text = NULL;
    size_t len;
    const char *plain = sluice_json_str(json, path, NULL);
    FILE *value = plain || is_nothing(json, path) ? NULL : open_memstream(&text, &len);
    if (value) {
        apply_body_put(value, json, path);
        plain = fclose(value) == 0 ? text : NULL;
    }
    plain = plain ? plain : "nothing";
    fprintf(out, "%.*s%s", VALUE_MAX, plain, strlen(plain) > VALUE_MAX ? "..." : "");
    free(text);
}

void apply_body_change(FILE *out, const char *path, const sluice_result *want, const sluice_result *there)
{
    bool may_be_secret = strstr(path, "config.") && !sluice_json_kind(there, path);
    fprintf(out, "%s: ", path);
    if (may_be_secret) {
        fputs("is set", out);
    } else {
        value_put(out, there, path);
        fputs(" -> ", out);
        value_put(out, want, path);
    }
    putc('\n', out);
}

static void differ_at(FILE *out, const sluice_result *want, const sluice_result *there, const char *path)
{
    const char *key;
    char at[PATH_ROOM];
    int kind = sluice_json_kind(want, path), other = sluice_json_kind(there, path);
    size_t n = sluice_json_count(want, path), m = sluice_json_count(there, path);
    if (is_same_at(want, there, path)) {
        return;
    }
    if ((kind == 'o' || !kind) && (other == 'o' || !other)) {
        for (size_t i = 0; (key = sluice_json_key(want, path, i)); i++) {
            snprintf(at, sizeof(at), "%s.%.250s", path, key);
            differ_at(out, want, there, at);
        }
        for (size_t i = 0; (key = sluice_json_key(there, path, i)); i++) {
            snprintf(at, sizeof(at), "%s.%.250s", path, key);
            if (!sluice_json_kind(want, at)) {
                apply_body_change(out, at, want, there);
            }
        }
    } else if (strcmp(path, "sluice.targets") == 0 && (n != m || kind != other)) {
        fprintf(out, "%s: %zu -> %zu\n", path, m, n); /* the targets may have secrets */
    } else if (strcmp(path, "sluice.targets") == 0) {
        for (size_t i = 0; i < n; i++) {
            snprintf(at, sizeof(at), "%s[%zu]", path, i);
            differ_at(out, want, there, at);
        }
    } else {
        apply_body_change(out, path, want, there);
    }
}

void apply_body_differ(FILE *out, const char *body, const sluice_result *there)
{
    sluice_result *want = NULL;
    if (sluice_json_parse(body, SLUICE_NUL_TERMINATED, &want, NULL) == 0) {
        for (size_t i = 0; i < N_COMPARED; i++) {
            differ_at(out, want, there, compared[i]);
        }
    }
    sluice_result_free(want);
}
