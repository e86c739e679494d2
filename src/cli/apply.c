/* SPDX-License-Identifier: Apache-2.0 */
/* sluice routes apply: makes the gateway's created routes what a file says. First it reads and compares everything,
 * then shows the difference, then sends, up to 16 at once. Each step is whole, so a run that was interrupted is run
 * again. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "declare.h"

#define IN_FLIGHT 16

enum change { KEEP, CREATE, REPLACE, DELETE };

struct plan {
    char *name;
    char *body;   /* of PUT; NULL: none */
    char *limits; /* of set_limits; NULL: they stay */
    enum change change;
    bool has_secret; /* a literal is in the body */
    bool is_there;   /* on the gateway, made by a call */
};

struct apply {
    const struct cli_args *args;
    sluice_client *client;
    sluice_result *file;
    struct plan *plans;
    size_t n_plans, cap;
    bool has_secret;
    int n_failed, exit_code;
};

static struct plan *plan_add(struct apply *a, const char *name)
{
    if (a->n_plans == a->cap) {
        size_t cap = a->cap ? a->cap * 2 : 64;
        struct plan *more = realloc(a->plans, cap * sizeof(*more));
        if (!more) {
            return NULL;
        }
        a->plans = more;
        a->cap = cap;
    }
    struct plan *p = &a->plans[a->n_plans];
    *p = (struct plan){ .name = strdup(name) };
    if (!p->name) {
        return NULL;
    }
    a->n_plans++;
    return p;
}

static int plan_cmp(const void *a, const void *b)
{
    return strcmp(((const struct plan *)a)->name, ((const struct plan *)b)->name);
}

/* --- the file --- */

/* The value that a reference stands for: "$NAME", {"file": "PATH"}. 1 and *ret (the caller frees it; NULL: it stands
 * for nothing, the stored secret stays), 0 when it is no reference, or -1 after a message. */
static int reference_resolve(const sluice_result *route, const char *path, char **ret)
{
    const char *text = sluice_json_get(route, path, NULL);
    char at[600];
    *ret = NULL;
    if (sluice_json_kind(route, path) == 's' && text[0] == '$') {
        const char *value = getenv(text + 1);
        *ret = value && *value ? strdup(value) : NULL;
        return 1;
    }
    snprintf(at, sizeof(at), "%s.file", path);
    if (sluice_json_kind(route, path) != 'o' || sluice_json_count(route, path) != 1 ||
        sluice_json_kind(route, at) != 's') {
        return 0;
    }
    const char *file = sluice_json_get(route, at, NULL);
    if (access(file, F_OK) != 0) {
        return 1;
    }
    snprintf(at, sizeof(at), "@%s", file);
    if (cli_read(at, ret)) {
        return -1;
    }
    (*ret)[strcspn(*ret, "\r\n")] = '\0';
    return 1;
}

static void value_put(FILE *out, const sluice_result *route, const char *path)
{
    size_t len;
    const char *json = sluice_json_get(route, path, &len);
    if (sluice_json_kind(route, path) == 's') {
        cli_json_string(out, json);
    } else {
        declare_put_compact(out, json ? json : "null", json ? len : 4);
    }
}

/* The configuration with its references resolved, or left out. */
static int config_put(FILE *out, const sluice_result *route, struct plan *plan)
{
    int n = 0;
    const char *key;
    for (size_t i = 0; (key = sluice_json_key(route, "model.config", i)); i++) {
        char path[512], *secret;
        snprintf(path, sizeof(path), "model.config.%s", key);
        int is_reference = reference_resolve(route, path, &secret);
        if (is_reference < 0) {
            return CLI_LOCAL;
        }
        if (is_reference && !secret) {
            continue;
        }
        fputs(n++ ? "," : "", out);
        cli_json_string(out, key);
        putc(':', out);
        if (secret) {
            cli_json_string(out, secret);
            explicit_bzero(secret, strlen(secret));
            free(secret);
            plan->has_secret = true;
        } else {
            value_put(out, route, path);
        }
    }
    return CLI_DONE;
}

static int body_make(const sluice_result *route, struct plan *plan)
{
    size_t len;
    FILE *out = open_memstream(&plan->body, &len);
    if (!out) {
        return cli_fail(CLI_LOCAL, "out of memory");
    }
    fputs("{\"route_type\":", out);
    value_put(out, route, "route_type");
    fputs(",\"model\":{\"provider\":", out);
    value_put(out, route, "model.provider");
    fputs(",\"name\":", out);
    value_put(out, route, "model.name");
    fputs(",\"config\":{", out);
    int r = config_put(out, route, plan);
    fputs("}}", out);
    if (sluice_json_kind(route, "sluice")) {
        fputs(",\"sluice\":", out);
        value_put(out, route, "sluice");
    }
    putc('}', out);
    return fclose(out) == 0 ? r : cli_fail(CLI_LOCAL, "out of memory");
}

static int file_read(struct apply *a)
{
    sluice_error *err = NULL;
    char *text = NULL, *arg = malloc(strlen(a->args->words[0]) + 2);
    if (!arg) {
        return cli_fail(CLI_LOCAL, "out of memory");
    }
    sprintf(arg, "%s%s", strcmp(a->args->words[0], "-") == 0 ? "" : "@", a->args->words[0]);
    int r = cli_read(arg, &text);
    free(arg);
    if (r == 0 && sluice_json_parse(text, SLUICE_NUL_TERMINATED, &a->file, &err) < 0) {
        r = cli_fail(CLI_LOCAL, "%s: %s", a->args->words[0], sluice_error_text(err));
        sluice_error_free(err);
    } else if (r == 0 && sluice_json_kind(a->file, "routes") != 'l') {
        r = cli_fail(CLI_LOCAL, "%s: it must be {\"routes\": [...]}, as export writes it", a->args->words[0]);
    }
    free(text);
    for (size_t i = 0; r == 0 && i < sluice_json_count(a->file, "routes"); i++) {
        char at[32];
        size_t len;
        sluice_result *route = NULL;
        snprintf(at, sizeof(at), "routes[%zu]", i);
        const char *json = sluice_json_get(a->file, at, &len);
        r = sluice_json_parse(json, len, &route, NULL) < 0 ? cli_fail(CLI_LOCAL, "out of memory") : 0;
        static const char *const needed[] = { "name", "route_type", "model.provider", "model.name" };
        for (size_t k = 0; k < 4 && r == 0; k++) {
            if (sluice_json_kind(route, needed[k]) != 's') {
                r = cli_fail(CLI_LOCAL, "%s: %s.%s: expected a string", a->args->words[0], at, needed[k]);
            }
        }
        struct plan *plan = r ? NULL : plan_add(a, sluice_json_get(route, "name", NULL));
        r = r ? r : plan ? body_make(route, plan) : cli_fail(CLI_LOCAL, "out of memory");
        if (r == 0 && sluice_json_kind(route, "limits") == 'l') {
            FILE *out = open_memstream(&plan->limits, &len);
            if (!out) {
                r = cli_fail(CLI_LOCAL, "out of memory");
            } else {
                value_put(out, route, "limits");
                r = fclose(out) == 0 ? 0 : cli_fail(CLI_LOCAL, "out of memory");
            }
        }
        if (plan) {
            plan->change = CREATE;
            a->has_secret |= plan->has_secret;
        }
        sluice_result_free(route);
    }
    qsort(a->plans, a->n_plans, sizeof(*a->plans), plan_cmp);
    for (size_t i = 1; r == 0 && i < a->n_plans; i++) {
        if (strcmp(a->plans[i - 1].name, a->plans[i].name) == 0) {
            r = cli_fail(CLI_LOCAL, "%s: the route '%s' is there twice", a->args->words[0], a->plans[i].name);
        }
    }
    return r;
}

/* --- the difference --- */

/* Does the gateway have it as the body wants it? The members' spelling counts: export writes the gateway's. */
static bool is_same(const char *body, const sluice_result *there)
{
    sluice_result *want = NULL;
    static const char *const paths[] = { "route_type", "model.provider", "model.name", "sluice" };
    bool same = sluice_json_parse(body, SLUICE_NUL_TERMINATED, &want, NULL) == 0;
    for (size_t i = 0; i < 4 && same; i++) {
        size_t n = 0, m = 0;
        const char *x = sluice_json_get(want, paths[i], &n), *y = sluice_json_get(there, paths[i], &m);
        same = (!x && !y) || (x && y && n == m && memcmp(x, y, n) == 0);
    }
    same = same && sluice_json_count(want, "model.config") == sluice_json_count(there, "model.config");
    const char *key;
    for (size_t i = 0; same && (key = sluice_json_key(want, "model.config", i)); i++) {
        char path[512];
        size_t n = 0, m = 0;
        snprintf(path, sizeof(path), "model.config.%s", key);
        const char *x = sluice_json_get(want, path, &n), *y = sluice_json_get(there, path, &m);
        same = x && y && n == m && memcmp(x, y, n) == 0;
    }
    sluice_result_free(want);
    return same;
}

static bool has_same_limits(const char *limits, const sluice_result *there)
{
    size_t len = 0;
    const char *json = sluice_json_get(there, "limits", &len);
    return json ? strlen(limits) == len && memcmp(limits, json, len) == 0 : strcmp(limits, "[]") == 0;
}

static int route_compare(void *arg, const sluice_result *listed)
{
    struct apply *a = arg;
    const char *owner = sluice_json_get(listed, "owner", NULL);
    struct plan wanted = { .name = (char *)(uintptr_t)sluice_json_get(listed, "name", NULL) };
    bool is_ours = owner && strcmp(owner, "api") == 0;
    if (!wanted.name) {
        return cli_fail(CLI_FAILED, "the gateway lists a route without a name");
    }
    struct plan *plan = bsearch(&wanted, a->plans, a->n_plans, sizeof(*a->plans), plan_cmp);
    if (plan && !is_ours) {
        const char *where = sluice_json_get(listed, "defined_at", NULL);
        return cli_fail(CLI_LOCAL, "the route '%s' is the configuration file's (%s): it cannot be changed from here",
                        wanted.name, where ? where : "?");
    }
    if (!plan) {
        return 0; /* seen again when there is pruning to be done */
    }
    sluice_result *there = NULL;
    int r = declare_get(a->args, a->client, plan->name, &there);
    if (r) {
        return r;
    }
    plan->is_there = true;
    plan->change = !plan->has_secret && is_same(plan->body, there) ? KEEP : REPLACE;
    if (plan->limits && has_same_limits(plan->limits, there)) {
        free(plan->limits);
        plan->limits = NULL;
    }
    sluice_result_free(there);
    return 0;
}

/* Behind the sorted part, so that the search above never sees them. */
static int route_prune(void *arg, const sluice_result *listed)
{
    struct apply *a = arg;
    const char *owner = sluice_json_get(listed, "owner", NULL);
    struct plan wanted = { .name = (char *)(uintptr_t)sluice_json_get(listed, "name", NULL) };
    size_t n_sorted = sluice_json_count(a->file, "routes");
    if (!wanted.name || !owner || strcmp(owner, "api") != 0 ||
        (n_sorted && bsearch(&wanted, a->plans, n_sorted, sizeof(*a->plans), plan_cmp))) {
        return 0;
    }
    struct plan *plan = plan_add(a, wanted.name);
    if (!plan) {
        return cli_fail(CLI_LOCAL, "out of memory");
    }
    plan->change = DELETE;
    return 0;
}

static size_t difference_show(const struct apply *a)
{
    static const char signs[] = { [KEEP] = ' ', [CREATE] = '+', [REPLACE] = '~', [DELETE] = '-' };
    size_t n = 0;
    for (size_t i = 0; i < a->n_plans; i++) {
        const struct plan *p = &a->plans[i];
        if (p->change != KEEP || p->limits) {
            n++;
            printf("%c %s%s%s\n", p->change == KEEP ? '~' : signs[p->change], p->name,
                   p->has_secret ? " (sets a secret)" : "", p->limits && p->change != CREATE ? " (limits)" : "");
        }
    }
    fflush(stdout);
    return n;
}

/* --- sending --- */

struct flight {
    sluice_call *call;
    sluice_request *request;
    const struct plan *plan;
};

static int request_of(const struct apply *a, const struct plan *p, int phase, sluice_request **request,
                      sluice_error **err)
{
    if (phase == 1) {
        return sluice_request_set_limits(a->client, p->name, p->limits, SLUICE_NUL_TERMINATED, request, err);
    }
    char *path = declare_path(OWN_ROUTES, p->name);
    int r = path ? sluice_request_http(a->client, p->change == DELETE ? "DELETE" : "PUT", path, p->body,
                                       SLUICE_NUL_TERMINATED, request, err)
                 : SLUICE_ENOMEM;
    free(path);
    return r;
}

static void failed(struct apply *a, const struct plan *p, sluice_error *err)
{
    fprintf(stderr, "%s: ", p->name);
    int exit_code = cli_report(a->args, a->client, NULL, err);
    a->exit_code = a->exit_code ? a->exit_code : exit_code;
    a->n_failed++;
}

/* Phase 0 sends routes, phase 1 limits. */
static void phase_run(struct apply *a, int phase)
{
    struct flight flights[IN_FLIGHT] = { 0 };
    size_t next = 0, n_done = 0, n_active = 0;
    bool shows = isatty(STDERR_FILENO) && !a->args->is_quiet;
    while ((next < a->n_plans && a->exit_code != CLI_INTERRUPTED) || n_active) {
        for (int i = 0; i < IN_FLIGHT; i++) {
            struct flight *f = &flights[i];
            const sluice_event *event;
            sluice_error *err = NULL;
            if (f->call && sluice_next(f->call, &event) != SLUICE_AGAIN) {
                if (sluice_finish(f->call, NULL, &err) < 0) {
                    failed(a, f->plan, err);
                }
                sluice_request_free(f->request);
                *f = (struct flight){ 0 };
                n_active--;
                n_done++;
            }
            while (!f->call && next < a->n_plans && a->exit_code != CLI_INTERRUPTED) {
                const struct plan *p = &a->plans[next++];
                err = NULL;
                if (phase == 0 ? p->change == KEEP : !p->limits) {
                    continue;
                }
                int r = request_of(a, p, phase, &f->request, &err);
                r = r ? r : sluice_start(a->client, f->request, &f->call, &err);
                if (r < 0) {
                    failed(a, p, err);
                    sluice_request_free(f->request);
                    *f = (struct flight){ 0 };
                    continue;
                }
                f->plan = p;
                n_active++;
            }
        }
        if (n_active && sluice_wait(a->client, -1, NULL) < 0) {
            a->exit_code = CLI_LOCAL;
            break;
        }
        if (shows) {
            fprintf(stderr, "\r%zu %s", n_done, phase ? "limits" : "routes");
        }
    }
    if (shows && n_done) {
        fputc('\n', stderr);
    }
    for (int i = 0; i < IN_FLIGHT; i++) {
        sluice_call_free(flights[i].call);
        sluice_request_free(flights[i].request);
    }
}

int cli_routes_apply(const struct cli_args *args)
{
    struct apply a = { .args = args };
    int r = file_read(&a);
    if (r == 0 && a.has_secret && !cli_is_private(args)) {
        r = cli_fail(CLI_LOCAL, "secrets are sent over https:// or to this machine only");
    }
    r = r ? r : cli_open(args, &a.client);
    r = r ? r : declare_each(args, a.client, OWN_ROUTES, "routes", route_compare, &a);
    if (r == 0 && args->is_prune) {
        r = declare_each(args, a.client, OWN_ROUTES, "routes", route_prune, &a);
    }
    size_t n = r ? 0 : difference_show(&a);
    if (r == 0 && n && !args->is_dry_run) {
        r = cli_confirm(args, "apply %zu change%s?", n, n == 1 ? "" : "s");
        if (r == 0) {
            cli_interruptible(a.client);
            phase_run(&a, 0);
            if (a.exit_code == 0) {
                phase_run(&a, 1);
            }
            r = a.exit_code;
        }
    }
    if (a.n_failed) {
        fprintf(stderr, "sluice: %d failed; run it again when the reason is gone\n", a.n_failed);
    } else if (r == 0 && !args->is_quiet) {
        fprintf(stderr, n ? args->is_dry_run ? "nothing was changed\n" : "applied\n" : "nothing to change\n");
    }
    for (size_t i = 0; i < a.n_plans; i++) {
        if (a.plans[i].body && a.plans[i].has_secret) {
            explicit_bzero(a.plans[i].body, strlen(a.plans[i].body));
        }
        free(a.plans[i].name);
        free(a.plans[i].body);
        free(a.plans[i].limits);
    }
    free(a.plans);
    sluice_result_free(a.file);
    sluice_close(a.client);
    return r;
}
