/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice doctor`: looks at everything that a gateway needs, and says in one line each what is wrong and what to do. It
 * changes nothing, and no call of it costs anything. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/env.h"
#include "base/log.h"
#include "base/num.h"
#include "base/opt.h"
#include "daemon/daemon.h"
#include "daemon/probe.h"
#include "daemon/reload.h"
#include "daemon/shared.h"
#include "gate/config/certs.h"
#include "gate/config/definition.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "json/write.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"
#include "store/dir.h"
#include "store/store.h"
#include "store/tool.h"

#define DAY_SEC       86400
#define CERT_DAYS     14
#define CLOCK_OFF_SEC 60
#define SPACE_LEAST   (256ull << 20)
#define PROBE_USEC    (10 * SL_USEC_PER_SEC)
#define JSON_MAX      (4u << 20)
/* Beside connections: listeners, loops, logs, the store. */
#define OTHER_FDS 64

enum state { WELL, SKIPPED, WARNING, ERROR, N_STATES };
static const char *const state_words[N_STATES] = { "ok", "skip", "warning", "error" };
static const char *const state_colors[N_STATES] = { "\x1b[32m", "\x1b[36m", "\x1b[33m", "\x1b[31m" };

struct doctor {
    const struct sl_doctor_opts *opts;
    const struct sl_config *config;
    unsigned n[N_STATES];
    bool has_color;
    struct sl_route **created; /* routes of the store; held */
    uint32_t n_created, max_created;
    uint64_t n_left_out; /* no memory, or the configuration is bad */
    struct sl_buf json;
    struct sl_jw w;
};

/* One line. `advice` NULL: there is nothing to do. */
static SL_PRINTF(5, 6) void tell(struct doctor *d, enum state state, const char *check, const char *advice,
                                 const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    d->n[state]++;
    if (d->opts->is_json) {
        sl_jw_object(&d->w);
        sl_jw_member_str(&d->w, "check", sl_str_c(check));
        sl_jw_member_str(&d->w, "state", sl_str_c(state_words[state]));
        sl_jw_member_str(&d->w, "text", sl_str_c(text));
        sl_jw_member_str(&d->w, "advice", sl_str_c(advice));
        sl_jw_end(&d->w);
        return;
    }
    printf("%s%-7s%s  %-14s  %s%s%s\n", d->has_color ? state_colors[state] : "", state_words[state],
           d->has_color ? "\x1b[0m" : "", check, text, advice ? ": " : "", advice ? advice : "");
    fflush(stdout); /* the next line may take a while */
}

/* --- the configuration --- */

static void problems_tell(struct doctor *d, const struct sl_problems *problems)
{
    char line[SL_PROBLEM_LINE_MAX];
    for (uint32_t i = 0; i < problems->n; i++) {
        sl_problem_format(&problems->v[i], false, line, sizeof(line));
        tell(d, problems->v[i].severity == SL_PROBLEM_ERROR ? ERROR : WARNING, "configuration", NULL, "%s", line);
    }
}

static void configuration_look(struct doctor *d, const struct sl_conf_load *load)
{
    const char *name = d->opts->config ? d->opts->config : SL_SETTINGS_EMBEDDED;
    problems_tell(d, &load->problems);
    if (load->config && load->problems.n == 0) {
        tell(d, WELL, "configuration", NULL, "%s: %u route%s", name, load->config->n_routes,
             load->config->n_routes == 1 ? "" : "s");
    }
}

static void on_certificate(void *arg, const char *path, uint64_t expiry)
{
    struct doctor *d = arg;
    uint64_t now = sl_clock_wall_usec() / SL_USEC_PER_SEC;
    unsigned long long days = expiry > now ? (expiry - now) / DAY_SEC : 0;
    static const char advice[] = "put the next one in its place: a running gateway loads it by itself";
    if (expiry <= now) {
        tell(d, ERROR, "certificate", advice, "%s has expired", path);
    } else if (days < CERT_DAYS) {
        tell(d, WARNING, "certificate", advice, "%s expires in %llu day%s", path, days, days == 1 ? "" : "s");
    } else {
        tell(d, WELL, "certificate", NULL, "%s is good for another %llu days", path, days);
    }
}

static void certificates_look(struct doctor *d)
{
    struct sl_certs certs = { .fn = on_certificate, .arg = d };
    sl_certs_look(&certs, d->config->settings->server.tls_cert, d->config->settings->server_tls);
    sl_certs_look_routes(&certs, d->config);
    sl_certs_done(&certs);
}

/* --- this machine --- */

/* The process that has the data directory; 0: none. */
static pid_t holder_of(const char *dir)
{
    char path[4200];
    long pid = 0;
    snprintf(path, sizeof(path), "%s/" SL_DIR_LOCK, dir);
    FILE *file = fopen(path, "re");
    if (file && fscanf(file, "%ld", &pid) != 1) {
        pid = 0;
    }
    if (file) {
        fclose(file);
    }
    return pid > 1 && (kill((pid_t)pid, 0) == 0 || errno == EPERM) ? (pid_t)pid : 0;
}

static void space_look(struct doctor *d, const char *dir)
{
    struct statvfs fs;
    if (statvfs(dir, &fs) < 0) {
        return;
    }
    uint64_t free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    if (free_bytes < SPACE_LEAST) {
        tell(d, free_bytes < SPACE_LEAST / 16 ? ERROR : WARNING, "disk",
             "make room: on a full disk, changes are refused and the request log ends", "%s has %" PRIu64 " MiB left",
             dir, free_bytes >> 20);
    } else {
        tell(d, WELL, "disk", NULL, "%s has %" PRIu64 " GiB left", dir, free_bytes >> 30);
    }
}

static bool is_shared(const struct doctor *d)
{
    return d->config && sl_secret_is_set(&d->config->settings->store.postgres);
}

static const char *store_advice(int r, const char *dir)
{
    char path[4200];
    if (r == SL_E_KEY || r == SL_E_DAMAGED) {
        return r == SL_E_KEY ? "put the secret key back (SLUICE_SECRET_KEY, or secret.key there)"
                             : "stop the gateway and put a backup in its place (docs/operations.md)";
    }
    snprintf(path, sizeof(path), "%s/sluice.db", dir);
    bool is_hidden = (access(dir, R_OK | X_OK) < 0 || access(path, R_OK) < 0) && errno == EACCES;
    return is_hidden ? "may this user read the folder?" : NULL;
}

/* Keeps a route of the store, so that its upstreams are asked with those of the file. */
static void on_created(void *arg, const struct sl_store_route *stored)
{
    struct doctor *d = arg;
    const struct sl_definition def = { stored->name, stored->spec, stored->config };
    struct sl_err err = { 0 };
    struct sl_route *route = NULL;
    if (d->n_created == d->max_created) {
        uint32_t max = d->max_created ? d->max_created * 2 : 64;
        struct sl_route **more = realloc(d->created, max * sizeof(*more));
        d->created = more ? more : d->created;
        d->max_created = more ? max : d->max_created;
    }
    int r = !d->config || d->n_created == d->max_created
                ? SL_E_NOMEM
                : sl_definition_bind(&def, d->config->settings, true, &route, &err);
    if (r == 0) {
        sl_route_own_row(route, stored->id, stored->version);
        d->created[d->n_created++] = route;
    } else if (r == SL_E_INVAL) {
        tell(d, WARNING, "created route", "change it, or delete it", "'%.*s' cannot be served: %s",
             SL_STR_ARG(sl_str_sub(stored->name, 0, 64)), err.text);
    } else {
        d->n_left_out++;
    }
}

static void created_free(struct doctor *d)
{
    for (uint32_t i = 0; i < d->n_created; i++) {
        sl_route_unref(d->created[i]);
    }
    free(d->created);
}

static void store_look(struct doctor *d, const char *dir)
{
    const struct sl_store_looker looker = { on_created, d };
    struct sl_store_report report;
    struct sl_err err = { 0 };
    int r = sl_store_check(dir, &looker, &report, &err);
    if (r == 0) {
        tell(d, WELL, "store", NULL, "%s is sound: %" PRIu64 " created route%s", dir, report.n_routes,
             report.n_routes == 1 ? "" : "s");
        return;
    }
    tell(d, ERROR, "store", store_advice(r, dir), "%s", err.text);
}

/* store.postgres */
static void shared_store_look(struct doctor *d)
{
    const struct sl_settings *settings = d->config->settings;
    const struct sl_store_looker looker = { on_created, d };
    struct sl_store_report report = { 0 };
    struct sl_err err = { 0 };
    int r = d->opts->is_offline ? sl_shared_store_check(settings, &err)
                                : sl_shared_store_try(settings, &looker, &report, &err);
    if (r < 0) {
        tell(d, ERROR, "store", NULL, "%s", err.text);
    } else if (d->opts->is_offline) {
        tell(d, SKIPPED, "store", NULL, "the database of store.postgres was not asked (--offline)");
    } else if (report.schema == 0) {
        tell(d, WELL, "store", NULL, "the database of store.postgres is empty: the first start makes its schema");
    } else {
        tell(d, WELL, "store", NULL, "the database of store.postgres takes this node: %" PRIu64 " created route%s",
             report.n_routes, report.n_routes == 1 ? "" : "s");
    }
}

static void counters_look(struct doctor *d)
{
    struct sl_err err = { 0 };
    if (!d->config->settings->counters.redis.p) {
        return;
    }
    if (d->opts->is_offline) {
        tell(d, SKIPPED, "counters", NULL, "the server of counters.redis was not asked (--offline)");
        return;
    }
    int r = sl_shared_counters_try(d->config->settings, &err);
    if (r < 0) {
        tell(d, ERROR, "counters",
             r == SL_E_IO ? "until it can be reached, each limit does what its on_loss says" : NULL, "%s", err.text);
    } else {
        tell(d, WELL, "counters", NULL, "the server of counters.redis can be used");
    }
}

static bool is_missing(int why)
{
    return why == ENOENT || why == ENOTDIR;
}

static bool is_there(const char *dir, const char *name)
{
    char file[4200];
    snprintf(file, sizeof(file), "%s/%s", dir, name);
    return access(file, F_OK) == 0 || !is_missing(errno);
}

/* True: a start can make what it needs in the directory, or the directory itself. Makes a folder where it would, and
 * removes it again: the rights alone do not say it for every file system. */
static bool is_makeable(const char *dir, char place[4096], int *ret_why)
{
    char probe[4200];
    struct stat st;
    snprintf(place, 4096, "%s", dir);
    while (stat(place, &st) < 0 && is_missing(errno)) {
        char *slash = strrchr(place, '/');
        if (!slash) {
            strcpy(place, ".");
        } else {
            slash[slash == place] = '\0';
        }
    }
    snprintf(probe, sizeof(probe), "%s/.sluice-XXXXXX", place);
    if (!mkdtemp(probe)) {
        *ret_why = errno;
        return false;
    }
    rmdir(probe);
    return true;
}

static void place_look(struct doctor *d, const char *dir, bool is_asked)
{
    char place[4096];
    int why = 0;
    if (!is_makeable(dir, place, &why)) {
        tell(d, is_asked ? ERROR : WARNING, "data",
             "give this user the right to write there, or name another place "
             "with --data",
             "%s cannot be made: nothing can be made in %s: %s", dir, place, strerror(why));
    } else {
        tell(d, WELL, "data", NULL, "%s: the first start makes it", dir);
    }
}

static void dir_look(struct doctor *d, const char *dir, bool is_asked)
{
    if (is_shared(d) ? is_there(dir, "node.id") : is_there(dir, "sluice.db")) {
        if (!is_shared(d)) {
            store_look(d, dir);
        }
        space_look(d, dir);
    } else if (!is_shared(d) && is_there(dir, SL_DIR_KEY)) {
        tell(d, ERROR, "data", "restore a backup (docs/operations.md); to begin anew, move the key away",
             "%s has a secret key but no sluice.db: the database is gone", dir);
    } else {
        place_look(d, dir, is_asked);
    }
}

/* Returns the gateway that runs on the directory; 0: none. */
static pid_t data_look(struct doctor *d)
{
    struct sl_arena arena;
    struct sl_str dir = SL_STR_NONE;
    struct sl_err err = { 0 };
    bool is_asked;
    pid_t holder = 0;
    sl_arena_init(&arena, NULL);
    int r = sl_dir_resolve(d->opts->data, &arena, &dir, &is_asked, &err);
    if (r < 0) {
        tell(d, WARNING, "data", "--data DIR names one; without it, routes and limits cannot be changed by calls", "%s",
             err.text);
    } else if (!dir.p) {
        tell(d, WELL, "data", NULL, "none: routes and limits cannot be changed by calls, as was asked for");
    } else {
        dir_look(d, dir.p, is_asked);
        holder = holder_of(dir.p);
    }
    if (holder) {
        tell(d, WELL, "gateway", NULL, "process %ld runs on this data directory", (long)holder);
    }
    sl_arena_done(&arena);
    return holder;
}

/* The limit of that process; 0: of this one, to which a start would raise its own. */
static uint64_t files_limit(pid_t of)
{
    struct rlimit limit = { 0 };
    int r = of ? prlimit(of, RLIMIT_NOFILE, NULL, &limit) : getrlimit(RLIMIT_NOFILE, &limit);
    return r == 0 ? of ? limit.rlim_cur : limit.rlim_max : UINT64_MAX;
}

static void files_look(struct doctor *d, pid_t gateway)
{
    uint64_t limit = files_limit(gateway);
    uint64_t needed = (uint64_t)d->config->settings->server.limits.connections * 2 + OTHER_FDS;
    if (limit < needed) {
        tell(d, WARNING, "open files", "raise it (LimitNOFILE=, ulimit -n), or lower server.limits.connections",
             "the limit is %" PRIu64 "; all connections with one to an upstream each need %" PRIu64, limit, needed);
    } else {
        tell(d, WELL, "open files", NULL, "the limit is enough: %" PRIu64 " are needed at most", needed);
    }
}

/* --- upstreams --- */

static void probe_tell(struct doctor *d, const struct sl_probed *told)
{
    static const enum state states[] = {
        [SL_PROBE_WELL] = WELL, [SL_PROBE_WARNING] = WARNING, [SL_PROBE_ERROR] = ERROR
    };
    const struct sl_target *target = &told->route->targets[told->target];
    struct sl_probe_words words;
    char name[256];
    snprintf(name, sizeof(name), "%s at %.*s (route %.*s)", target->provider->name, SL_STR_ARG(target->base.host),
             SL_STR_ARG(told->route->name));
    sl_probe_tell(told, &words);
    tell(d, states[words.state], "provider", words.advice[0] ? words.advice : NULL, "%s %s", name, words.text);
}

/* The clock that is nearest to ours counts: one that is far off may be an upstream's own fault. */
static void clock_look(struct doctor *d, const struct sl_probed *probes, uint32_t n)
{
    const struct sl_probed *nearest = NULL;
    for (uint32_t i = 0; i < n; i++) {
        if (probes[i].has_clock && (!nearest || llabs(probes[i].ahead_sec) < llabs(nearest->ahead_sec))) {
            nearest = &probes[i];
        }
    }
    if (!nearest) {
        return;
    }
    long long off = llabs(nearest->ahead_sec);
    if (off > CLOCK_OFF_SEC) {
        tell(d, ERROR, "clock", "set it (timedatectl set-ntp true): signed calls and certificates depend on it",
             "this machine's is %lld seconds %s that of every upstream", off,
             nearest->ahead_sec > 0 ? "behind" : "ahead of");
    } else {
        tell(d, WELL, "clock", NULL, "within %lld seconds of an upstream's", off);
    }
}

static void upstreams_look(struct doctor *d)
{
    struct sl_probed *probes = NULL;
    uint32_t n = 0, n_routes = 0;
    struct sl_err err = { 0 };
    struct sl_route **routes = calloc((size_t)d->config->n_routes + d->n_created + 1, sizeof(*routes));
    for (uint32_t i = 0; routes && i < d->config->n_routes; i++) {
        routes[n_routes++] = d->config->routes[i];
    }
    for (uint32_t i = 0; routes && i < d->n_created; i++) {
        routes[n_routes++] = d->created[i];
    }
    int r = routes ? sl_probe_all(d->config->settings, routes, n_routes, PROBE_USEC, &probes, &n, &err)
                   : sl_fail_nomem(&err);
    free(routes);
    if (r < 0) {
        tell(d, ERROR, "provider", NULL, "%s", err.text);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        probe_tell(d, &probes[i]);
    }
    if (d->n_left_out) {
        tell(d, SKIPPED, "provider", NULL, "the upstreams of %" PRIu64 " created route%s were not asked: out of memory",
             d->n_left_out, d->n_left_out == 1 ? "" : "s");
    }
    clock_look(d, probes, n);
    free(probes);
}

/* --- all of it --- */

static void json_begin(struct doctor *d)
{
    sl_buf_init(&d->json, JSON_MAX);
    sl_jw_init(&d->w, &d->json);
    sl_jw_object(&d->w);
    sl_jw_key(&d->w, "checks");
    sl_jw_array(&d->w);
}

static void json_end(struct doctor *d)
{
    sl_jw_end(&d->w);
    sl_jw_member_u64(&d->w, "errors", d->n[ERROR]);
    sl_jw_member_u64(&d->w, "warnings", d->n[WARNING]);
    sl_jw_end(&d->w);
    sl_buf_add_char(&d->json, '\n');
    if (d->opts->is_json && sl_buf_status(&d->json) == 0) {
        fwrite(d->json.p, 1, d->json.len, stdout);
    }
    sl_buf_done(&d->json);
}

int sl_cmd_doctor(const struct sl_doctor_opts *opts)
{
    struct doctor d = { .opts = opts, .has_color = sl_log_has_color(STDOUT_FILENO) };
    struct sl_config_overrides over = { .workers = -1 };
    sl_conf_env(&over);
    struct sl_conf_load *load = sl_conf_load_new(opts->config, &over);
    if (!load) {
        fprintf(stderr, "sluice: out of memory\n");
        return SL_EXIT_LOCAL;
    }
    sl_log_set_level(SL_LOG_ERROR);
    json_begin(&d);
    d.config = load->config;
    configuration_look(&d, load);
    pid_t gateway = data_look(&d);
    if (d.config) {
        if (is_shared(&d)) {
            shared_store_look(&d);
        }
        counters_look(&d);
        files_look(&d, gateway);
        certificates_look(&d);
    }
    if (d.config && !opts->is_offline) {
        upstreams_look(&d);
    }
    json_end(&d);
    if (!opts->is_json) {
        printf("%u error%s, %u warning%s\n", d.n[ERROR], d.n[ERROR] == 1 ? "" : "s", d.n[WARNING],
               d.n[WARNING] == 1 ? "" : "s");
    }
    created_free(&d);
    sl_conf_load_free(load);
    sl_env_secrets_done();
    return d.n[ERROR] || (opts->is_strict && d.n[WARNING]) ? SL_EXIT_LOCAL : SL_EXIT_OK;
}
