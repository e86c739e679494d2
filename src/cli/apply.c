/* SPDX-License-Identifier: Apache-2.0 */
/* sluice routes apply: makes the gateway's created routes equal to those of a file. First it reads and compares
 * everything, then shows the difference, then sends, up to 16 calls at once. Each step is complete in itself, so after
 * an interruption the command is run again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "apply_body.h"
#include "declare.h"

#define IN_FLIGHT 16

enum change { KEEP, CREATE, REPLACE, DELETE };

struct plan {
    char *name;
    struct apply_body body; /* for PUT */
    char *limits;           /* a list of them; NULL: they stay */
    char *fields;           /* lines: what changes in it; may be NULL */
    enum change change;
    bool is_there; /* the route exists on the gateway, made by a call */
};

struct apply {
    const struct cli_args *args;
    sluice_client *client;
    sluice_result *file;
    struct plan *plans;
    size_t n_plans, cap, n_file; /* the first n_file are those of the file */
    bool has_secret, shows;      /* `shows`: a progress line is shown */
    int n_failed, exit_code;
};

static struct plan *plan_add(struct apply *a, const char *name)
{
    struct plan *plans = declare_room(a->plans, a->n_plans, &a->cap, sizeof(*plans));
    if (!plans) {
        return NULL;
    }
    a->plans = plans;
    struct plan *p = &plans[a->n_plans];
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

/* JSON, or else YAML, with the reader of `sluice serve`. */
static int text_parse(const char *name, const char *text, sluice_result **ret)
{
    sluice_error *err = NULL;
    if (sluice_json_parse(text, SLUICE_NUL_TERMINATED, ret, &err) == 0) {
        return CLI_DONE;
    }
    char *json = NULL;
    int r = text[strspn(text, " \t\r\n")] == '{'
                ? cli_fail(CLI_LOCAL, "%s: %s", name, sluice_error_text(err)) /* JSON or flow-style YAML was meant */
                : declare_yaml_to_json(name, text, &json);
    sluice_error_free(err);
    if (r == 0 && sluice_json_parse(json, SLUICE_NUL_TERMINATED, ret, NULL) < 0) {
        r = cli_fail(CLI_LOCAL, "%s: a text in it is not UTF-8, or it is nested too deeply", name);
    }
    free(json);
    return r;
}

static int limits_make(const sluice_result *route, struct plan *plan)
{
    size_t len;
    FILE *out = open_memstream(&plan->limits, &len);
    if (!out) {
        return cli_fail(CLI_LOCAL, "out of memory");
    }
    apply_body_put(out, route, "limits");
    return fclose(out) == 0 ? 0 : cli_fail(CLI_LOCAL, "out of memory");
}

static int route_read(struct apply *a, const char *at)
{
    size_t len;
    sluice_result *route = NULL;
    const char *json = sluice_json_get(a->file, at, &len);
    if (sluice_json_kind(a->file, at) != 'o') {
        return cli_fail(CLI_LOCAL, "%s: %s: expected a route with name, route_type and model", a->args->words[0], at);
    }
    int r = sluice_json_parse(json, len, &route, NULL) < 0 ? cli_fail(CLI_LOCAL, "out of memory") : 0;
    r = r ? r : apply_body_check(a->args->words[0], at, route);
    struct plan *plan = r ? NULL : plan_add(a, sluice_json_get(route, "name", NULL));
    r = r ? r : plan ? apply_body_make(route, &plan->body) : cli_fail(CLI_LOCAL, "out of memory");
    if (r == 0 && sluice_json_kind(route, "limits") == 'l') {
        r = limits_make(route, plan);
    }
    if (plan) {
        plan->change = CREATE;
        a->has_secret |= plan->body.has_secret;
    }
    sluice_result_free(route);
    return r;
}

/* A configuration file has more than routes: the other sections are ignored, with a note. */
static void rest_tell(const struct apply *a, const char *member)
{
    const char *key;
    for (size_t i = 0; !a->args->is_quiet && (key = sluice_json_key(a->file, "", i)); i++) {
        if (strcmp(key, member) != 0) {
            cli_print(stderr, "sluice: note: '%s' of %s is left out: only routes are applied", key, a->args->words[0]);
        }
    }
}

static int file_read(struct apply *a)
{
    const char *name = a->args->words[0], *member = "routes";
    char *text = NULL, *arg = malloc(strlen(name) + 2);
    if (!arg) {
        return cli_fail(CLI_LOCAL, "out of memory");
    }
    sprintf(arg, "%s%s", strcmp(name, "-") == 0 ? "" : "@", name);
    int r = cli_read(arg, &text);
    free(arg);
    r = r ? r : text_parse(name, text, &a->file);
    free(text);
    if (r == 0 && sluice_json_kind(a->file, "endpoints")) {
        member = "endpoints";
    }
    if (r == 0 && sluice_json_kind(a->file, member) != 'l') {
        r = cli_fail(CLI_LOCAL, "%s: it must be {\"routes\": [...]}, as export writes it, or have endpoints:", name);
    }
    if (r == 0) {
        rest_tell(a, member);
    }
    for (size_t i = 0; r == 0 && i < sluice_json_count(a->file, member); i++) {
        char at[48];
        snprintf(at, sizeof(at), "%s[%zu]", member, i);
        r = route_read(a, at);
    }
    a->n_file = a->n_plans;
    if (a->n_plans) {
        qsort(a->plans, a->n_plans, sizeof(*a->plans), plan_cmp);
    }
    for (size_t i = 1; r == 0 && i < a->n_plans; i++) {
        if (strcmp(a->plans[i - 1].name, a->plans[i].name) == 0) {
            r = cli_fail(CLI_LOCAL, "%s: the route '%s' is there twice", name, a->plans[i].name);
        }
    }
    return r;
}

/* --- the difference --- */

/* What changes in a route that is there, a line each. */
static char *fields_make(const struct plan *plan, const sluice_result *there)
{
    char *text = NULL, *document = NULL;
    size_t len;
    sluice_result *limits = NULL;
    FILE *out = open_memstream(&text, &len);
    if (!out) {
        return NULL;
    }
    if (plan->change == REPLACE) {
        apply_body_differ(out, plan->body.json, there);
    }
    if (plan->limits && asprintf(&document, "{\"limits\":%s}", plan->limits) >= 0) {
        if (sluice_json_parse(document, SLUICE_NUL_TERMINATED, &limits, NULL) == 0) {
            apply_body_change(out, "limits", limits, there);
        }
        sluice_result_free(limits);
        free(document);
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
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
    struct plan *plan = a->n_plans ? bsearch(&wanted, a->plans, a->n_plans, sizeof(*a->plans), plan_cmp) : NULL;
    if (plan && !is_ours) {
        const char *where = sluice_json_get(listed, "defined_at", NULL);
        return cli_fail(CLI_LOCAL, "the route '%s' is the configuration file's (%s): it cannot be changed from here",
                        wanted.name, where ? where : "?");
    }
    if (!plan) {
        return 0; /* the same route again; only for pruning */
    }
    sluice_result *there = NULL;
    int r = declare_get(a->args, a->client, plan->name, &there);
    if (r) {
        return r;
    }
    plan->is_there = true;
    plan->change = !plan->body.has_secret && apply_body_is_same(plan->body.json, there) ? KEEP : REPLACE;
    if (plan->limits && has_same_limits(plan->limits, there)) {
        free(plan->limits);
        plan->limits = NULL;
    }
    if (plan->change == REPLACE || plan->limits) {
        plan->fields = fields_make(plan, there);
    }
    sluice_result_free(there);
    return 0;
}

/* Adds behind the sorted part, so that the search above never finds them. */
static int route_prune(void *arg, const sluice_result *listed)
{
    struct apply *a = arg;
    const char *owner = sluice_json_get(listed, "owner", NULL);
    struct plan wanted = { .name = (char *)(uintptr_t)sluice_json_get(listed, "name", NULL) };
    if (!wanted.name || !owner || strcmp(owner, "api") != 0 ||
        (a->n_file && bsearch(&wanted, a->plans, a->n_file, sizeof(*a->plans), plan_cmp))) {
        return 0;
    }
    struct plan *plan = plan_add(a, wanted.name);
    if (!plan) {
        return cli_fail(CLI_LOCAL, "out of memory");
    }
    plan->change = DELETE;
    return 0;
}

/* A new route has no stored secret to keep. */
static int unset_tell(const struct apply *a)
{
    int r = CLI_DONE;
    for (size_t i = 0; i < a->n_plans; i++) {
        const struct plan *p = &a->plans[i];
        if (p->change == CREATE && p->body.unset) {
            r = cli_fail(CLI_LOCAL, "%s: the route '%s' would be new, and its %s", a->args->words[0], p->name,
                         p->body.unset);
        }
    }
    return r;
}

static void fields_show(const struct plan *plan)
{
    for (const char *line = plan->fields; line && *line;) {
        size_t len = strcspn(line, "\n");
        fputs("    ", stdout);
        cli_show(stdout, CLI_SHOW_LINE, line, len, NULL);
        putc('\n', stdout);
        line += len + (line[len] == '\n');
    }
}

static size_t difference_show(const struct apply *a)
{
    static const char signs[] = { [KEEP] = ' ', [CREATE] = '+', [REPLACE] = '~', [DELETE] = '-' };
    size_t n = 0;
    for (size_t i = 0; i < a->n_plans; i++) {
        const struct plan *p = &a->plans[i];
        if (p->change != KEEP || p->limits) {
            n++;
            cli_print(stdout, "%c %s%s%s", p->change == KEEP ? '~' : signs[p->change], p->name,
                      p->body.has_secret ? " (sets a secret)" : "",
                      p->limits && p->change != CREATE ? " (limits)" : "");
            fields_show(p);
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
    char *path = declare_path(OWN_ROUTES, p->name), *whole = NULL, *limits = NULL;
    int r = SLUICE_ENOMEM;
    if (phase == 1 && path && asprintf(&whole, "%s/limits", path) >= 0 &&
        asprintf(&limits, "{\"limits\":%s}", p->limits) >= 0) {
        r = sluice_request_http(a->client, "PUT", whole, limits, SLUICE_NUL_TERMINATED, request, err);
    } else if (phase == 0 && path) {
        r = sluice_request_http(a->client, p->change == DELETE ? "DELETE" : "PUT", path, p->body.json,
                                SLUICE_NUL_TERMINATED, request, err);
    }
    free(whole);
    free(limits);
    free(path);
    return r;
}

static void failed(struct apply *a, const struct plan *p, sluice_error *err)
{
    if (sluice_error_code(err) == SLUICE_ECANCELLED) {
        a->exit_code = CLI_INTERRUPTED; /* reported once, at the end */
        sluice_error_free(err);
        return;
    }
    fputs(a->shows ? "\n" : "", stderr);
    cli_show(stderr, CLI_SHOW_LINE, p->name, strlen(p->name), NULL);
    fputs(": ", stderr);
    int exit_code = cli_report(a->args, a->client, NULL, err);
    a->exit_code = a->exit_code ? a->exit_code : exit_code;
    a->n_failed++;
}

/* Phase 0 sends routes, phase 1 limits. */
static void phase_run(struct apply *a, int phase)
{
    struct flight flights[IN_FLIGHT] = { 0 };
    size_t next = 0, n_done = 0, n_active = 0;
    size_t n_all = 0;
    for (size_t i = 0; i < a->n_plans; i++) {
        n_all += phase == 0 ? a->plans[i].change != KEEP : a->plans[i].limits != NULL;
    }
    a->shows = isatty(STDERR_FILENO) && !a->args->is_quiet && n_all;
    while ((next < a->n_plans && a->exit_code != CLI_INTERRUPTED) || n_active) {
        if (a->exit_code == CLI_INTERRUPTED) {
            sluice_cancel_all(a->client); /* also those that were started before the signal was noticed */
        }
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
        if (a->shows) {
            fprintf(stderr, "\r%zu of %zu %s", n_done, n_all, phase ? "limits" : "routes");
        }
    }
    if (a->shows) {
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
    r = r ? r : cli_open_waiting(args, &a.client);
    r = r ? r : declare_each(args, a.client, OWN_ROUTES, "routes", route_compare, &a);
    if (r == 0 && args->is_prune) {
        r = declare_each(args, a.client, OWN_ROUTES, "routes", route_prune, &a);
    }
    r = r ? r : unset_tell(&a);
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
    if (r == CLI_INTERRUPTED) {
        fprintf(stderr, "sluice: interrupted; run it again to go on\n");
    } else if (a.n_failed) {
        fprintf(stderr, "sluice: %d failed; run it again when the reason is gone\n", a.n_failed);
    } else if (r == 0 && !args->is_quiet) {
        fprintf(stderr, n ? args->is_dry_run ? "nothing was changed\n" : "applied\n" : "nothing to change\n");
    }
    for (size_t i = 0; i < a.n_plans; i++) {
        if (a.plans[i].body.json && a.plans[i].body.has_secret) {
            explicit_bzero(a.plans[i].body.json, strlen(a.plans[i].body.json));
        }
        free(a.plans[i].name);
        free(a.plans[i].body.json);
        free(a.plans[i].body.unset);
        free(a.plans[i].limits);
        free(a.plans[i].fields);
    }
    free(a.plans);
    sluice_result_free(a.file);
    sluice_close(a.client);
    return r;
}

int cli_routes_diff(const struct cli_args *args)
{
    struct cli_args own = *args;
    own.is_dry_run = true;
    return cli_routes_apply(&own);
}
