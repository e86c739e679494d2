/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice check`: finds what a start would find, without side effects: it binds, writes and sends nothing. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "daemon/daemon.h"
#include "daemon/reload.h"
#include "daemon/shared.h"
#include "gate/call/auth.h"
#include "gate/config/certs.h"
#include "gate/config/instant.h"
#include "gate/config/key.h"
#include "gate/config/keyring.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"
#include "llm/price/table.h"
#include "net/bind.h"

static const char *name_of(const struct sl_serve_opts *opts)
{
    return opts->config ? opts->config : SL_SETTINGS_EMBEDDED;
}

/* True: the access log's file, which a start makes, can be made. */
static bool log_is_writable(struct sl_str path, struct sl_err *err)
{
    struct stat st;
    if (!sl_str_has_prefix(path, SL_STR("/")) && sl_str_find_char(path, '/', 0) < 0 &&
        (sl_str_eq_c(path, "stdout") || sl_str_eq_c(path, "stderr") || sl_str_eq_c(path, "none"))) {
        return true;
    }
    if (stat(path.p, &st) == 0) {
        int why = S_ISDIR(st.st_mode) ? EISDIR : access(path.p, W_OK) < 0 ? errno : 0;
        if (why) {
            sl_fail(err, SL_E_IO, "log.access: cannot write %s: %s", path.p, strerror(why));
        }
        return !why;
    }
    char folder[4096] = ".";
    const char *slash = strrchr(path.p, '/');
    if (slash) {
        snprintf(folder, sizeof(folder), "%.*s", (int)SL_MAX(slash - path.p, (ptrdiff_t)1), path.p);
    }
    if (access(folder, W_OK | X_OK) < 0) {
        sl_fail(err, SL_E_IO, "log.access: cannot make %s: %s", path.p, strerror(errno));
        return false;
    }
    return true;
}

static bool addresses_are_allowed(const struct sl_settings *settings, struct sl_err *err)
{
    for (uint32_t i = 0; i < settings->server.n_listen; i++) {
        struct sl_bind_addr addr;
        struct sl_str text = settings->server.listen[i].address;
        if (sl_bind_parse(text, &addr, err) < 0 || !sl_auth_may_listen(settings, text, sl_bind_is_local(&addr), err)) {
            return false;
        }
    }
    return true;
}

static uint32_t openness_look(const struct sl_settings *settings, const char *name)
{
    uint32_t n_warnings = 0;
    for (uint32_t i = 0; i < settings->server.n_listen; i++) {
        struct sl_bind_addr addr;
        struct sl_err err = { 0 };
        struct sl_str text = settings->server.listen[i].address;
        if (sl_bind_parse(text, &addr, &err) == 0 && sl_auth_is_open(settings, text, sl_bind_is_local(&addr), &err)) {
            fprintf(stderr, "%s: warning: %s\n", name, err.text);
            n_warnings++;
        }
    }
    return n_warnings;
}

/* True: none of the routes that the key may use is in the file. Calls may make them later, or it is a mistake. */
static bool has_no_route(const struct sl_config *config, const struct sl_key *key)
{
    bool has_any = !key->has_routes || key->routes.n == 0; /* an empty list is intended */
    for (uint32_t k = 0; !has_any && k < config->n_routes; k++) {
        has_any = sl_key_may_use(key, config->routes[k]->name);
    }
    return !has_any;
}

/* Warns about the file's keys; returns the number of warnings. */
static uint32_t keys_look(const struct sl_config *config, const char *name, uint64_t now_sec)
{
    const struct sl_key *key;
    uint32_t n_warnings = 0;
    for (size_t i = 0; (key = sl_map_each(&config->settings->auth.ring->by_hash, &i)) != NULL;) {
        if (has_no_route(config, key)) {
            fprintf(stderr, "%s:%u: warning: auth.keys: the key '%.*s' may use no route of this file: \"%.*s\"%s\n",
                    name, key->line, SL_STR_ARG(key->name), SL_STR_ARG(key->routes.v[0]),
                    key->routes.n > 1 ? " and the others are not there" : " is not there");
            n_warnings++;
        }
        if (sl_key_is_expired(key, now_sec)) {
            char when[32];
            fprintf(stderr, "%s:%u: warning: auth.keys: the key '%.*s' is refused: it expired at %.*s\n", name,
                    key->line, SL_STR_ARG(key->name), SL_STR_ARG(sl_instant_format(key->expires_sec, when)));
            n_warnings++;
        }
    }
    return n_warnings;
}

struct expired {
    const char *name;
    uint64_t now_sec;
    uint32_t n;
};

static void on_certificate(void *arg, const char *path, uint64_t end)
{
    struct expired *expired = arg;
    if (end <= expired->now_sec) {
        fprintf(stderr, "%s: warning: the certificate in %s has expired\n", expired->name, path);
        expired->n++;
    }
}

/* Warns about certificates that have expired; returns their number. */
static uint32_t certificates_look(const struct sl_config *config, const char *name, uint64_t now_sec)
{
    struct expired expired = { name, now_sec, 0 };
    struct sl_certs certs = { .fn = on_certificate, .arg = &expired };
    sl_certs_look(&certs, config->settings->server.tls_cert, config->settings->server_tls);
    sl_certs_look_routes(&certs, config);
    sl_certs_done(&certs);
    return expired.n;
}

/* The most names in one note. */
#define NOTED_MAX 12

/* Writes a list of names behind `what`. */
struct note {
    const char *name, *what;
    uint32_t n;
};

SL_PRINTF(2, 3) static void note_add(struct note *note, const char *fmt, ...)
{
    va_list args;
    if (note->n++ >= NOTED_MAX) {
        return;
    }
    if (note->n == 1) {
        printf("%s: note: %s ", note->name, note->what);
    }
    printf("%s", note->n > 1 ? ", " : "");
    va_start(args, fmt);
    vprintf(fmt, args);
    va_end(args);
}

static void note_end(const struct note *note)
{
    if (note->n > NOTED_MAX) {
        printf(" and %u more", note->n - NOTED_MAX);
    }
    if (note->n) {
        printf("\n");
    }
}

/* Says which targets have no price, and which prices of the operator's table no call is paid by. */
static void prices_note(const struct sl_config *config, const char *name)
{
    struct note unpriced = { name, "no price is known for", 0 },
                unused = { name, "prices that no call is paid by:", 0 };
    const struct sl_prices *prices = config->settings->prices;
    for (uint32_t i = 0; i < config->n_routes; i++) {
        const struct sl_route *route = config->routes[i];
        for (uint32_t k = 0; k < route->n_targets; k++) {
            const struct sl_target *target = &route->targets[k];
            bool is_by_size = route->type == SL_LLM_IMAGES && sl_prices_have_sizes(prices, target->model);
            if (!target->price && !target->is_local && !is_by_size) {
                note_add(&unpriced, "%.*s (%s/%.*s)", SL_STR_ARG(route->name), target->provider->name,
                         SL_STR_ARG(target->model));
            }
        }
    }
    note_end(&unpriced);
    for (uint32_t i = 0; i < prices->n_unused; i++) {
        note_add(&unused, "%.*s", SL_STR_ARG(prices->unused[i]));
    }
    unused.n += prices->n_more_unused;
    note_end(&unused);
}

/* MLflow's command uses these words (its tests and scripts look for them). */
int sl_cmd_bad_config(const struct sl_serve_opts *opts, const struct sl_conf_load *load)
{
    if (!load) {
        fprintf(stderr, "sluice: out of memory\n");
        return SL_EXIT_LOCAL;
    }
    if (opts->is_mlflow && load->problems.n) {
        char line[SL_PROBLEM_LINE_MAX];
        const struct sl_problem *first = &load->problems.v[0];
        for (uint32_t i = 0; i < load->problems.n; i++) {
            if (load->problems.v[i].severity == SL_PROBLEM_ERROR) {
                first = &load->problems.v[i];
                break;
            }
        }
        sl_problem_format(first, false, line, sizeof(line));
        fprintf(stderr,
                "Error: Invalid value for '--config-path': Invalid gateway configuration: "
                "The gateway configuration is invalid: %s\n",
                line);
    }
    return opts->bad_config_exit;
}

int sl_cmd_check(const struct sl_serve_opts *opts)
{
    struct sl_config_overrides over = { .workers = -1 };
    sl_conf_env(&over);
    struct sl_conf_load *load = sl_conf_load_new(opts->config, &over);
    if (!load) {
        fprintf(stderr, "sluice: out of memory\n");
        return SL_EXIT_LOCAL;
    }
    struct sl_err err = { 0 };
    uint32_t n_errors = load->problems.n_errors, n_warnings = load->problems.n + load->problems.n_left_out - n_errors;
    sl_problems_print(&load->problems, stderr);
    if (load->config && (!log_is_writable(load->config->settings->log_access, &err) ||
                         !addresses_are_allowed(load->config->settings, &err) ||
                         sl_shared_store_check(load->config->settings, &err) < 0)) {
        fprintf(stderr, "%s: error: %s\n", name_of(opts), err.text);
        n_errors++;
    }
    n_warnings += load->config ? keys_look(load->config, name_of(opts), sl_clock_wall_usec() / SL_USEC_PER_SEC) : 0;
    n_warnings += load->config ? certificates_look(load->config, name_of(opts), sl_clock_wall_usec() / SL_USEC_PER_SEC)
                               : 0;
    n_warnings += load->config ? openness_look(load->config->settings, name_of(opts)) : 0;
    bool is_bad = !load->config || n_errors || (opts->is_strict && n_warnings);
    if (is_bad) {
        fprintf(stderr, "%s: %u error%s, %u warning%s\n", name_of(opts), n_errors, n_errors == 1 ? "" : "s", n_warnings,
                n_warnings == 1 ? "" : "s");
    } else {
        uint32_t n = load->config->n_routes;
        prices_note(load->config, name_of(opts));
        printf("%s: %u route%s, %u warning%s: ok\n", name_of(opts), n, n == 1 ? "" : "s", n_warnings,
               n_warnings == 1 ? "" : "s");
    }
    sl_conf_load_free(load);
    return is_bad ? SL_EXIT_LOCAL : SL_EXIT_OK;
}
