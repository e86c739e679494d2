/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/reload.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/env.h"
#include "base/log.h"
#include "daemon/notify.h"
#include "gate/config/events.h"
#include "gate/config/last_load.h"
#include "gate/config/settings.h"
#include "gate/gate.h"

/* MLflow's time-out for a whole call. */
#define TOTAL_NAME "MLFLOW_GATEWAY_ROUTE_TIMEOUT_SECONDS"
/* MLflow's URL for the counters of limits. */
#define COUNTERS_NAME "MLFLOW_GATEWAY_RATE_LIMITS_STORAGE_URI"

#define POLL_MSEC 500
/* Longer than a poll, so that one poll without news comes after a change. */
#define SETTLE_MSEC (POLL_MSEC + 50)

struct sl_watch {
    uv_fs_poll_t poll;
    struct sl_reload *reload;
    struct sl_watch *next;
};

void sl_conf_env(struct sl_config_overrides *io_over)
{
    const char *total = getenv(TOTAL_NAME);
    io_over->total_sec = total && *total ? total : NULL;
    io_over->total_name = TOTAL_NAME;
    io_over->counters = sl_env_secret(COUNTERS_NAME); /* it may have a password */
    io_over->counters_name = COUNTERS_NAME;
}

int sl_conf_publish(struct sl_gate *gate, const struct sl_config *config)
{
    int r = sl_events_configure(gate->events, config->settings, config->routes, config->n_routes);
    if (r < 0) {
        return r;
    }
    sl_log_set_level((enum sl_log_level)config->settings->log_level);
    atomic_fetch_add(&gate->config_version, 1);
    atomic_store(&gate->config_wall_usec, sl_clock_wall_usec());
    atomic_store(&gate->is_file_refused, false);
    return 0;
}

/* --- watching --- */

static void watch_on_closed(uv_handle_t *handle)
{
    free(SL_CONTAINER_OF(handle, struct sl_watch, poll));
}

static void watches_close(struct sl_reload *reload)
{
    while (reload->watches) {
        struct sl_watch *watch = reload->watches;
        reload->watches = watch->next;
        uv_close((uv_handle_t *)&watch->poll, watch_on_closed);
    }
}

static void on_settled(uv_timer_t *timer);

static void on_change(uv_fs_poll_t *poll, int status, const uv_stat_t *before, const uv_stat_t *now)
{
    (void)status; /* a missing file is a change too */
    (void)before;
    (void)now;
    struct sl_reload *reload = SL_CONTAINER_OF(poll, struct sl_watch, poll)->reload;
    uv_timer_start(&reload->settle, on_settled, SETTLE_MSEC, 0);
}

static void watch_start(struct sl_reload *reload, const char *path)
{
    struct sl_watch *watch = calloc(1, sizeof(*watch));
    if (!watch) {
        sl_log(SL_LOG_WARNING, "reload", "out of memory: changes of %s are seen on SIGHUP only", path);
        return;
    }
    watch->reload = reload;
    watch->next = reload->watches;
    uv_fs_poll_init(reload->loop, &watch->poll);
    reload->watches = watch;
    int r = uv_fs_poll_start(&watch->poll, on_change, path, POLL_MSEC);
    if (r < 0) {
        sl_log(SL_LOG_WARNING, "reload", "cannot watch %s: %s: its changes are seen on SIGHUP only", path,
               uv_strerror(r));
    }
}

static void watches_start(struct sl_reload *reload)
{
    watches_close(reload);
    const struct sl_conf_files *files = &reload->last->files;
    for (uint32_t i = 0; i < files->n; i++) {
        watch_start(reload, files->v[i].path.p);
    }
    /* The first poll is the base of the others; an earlier change is found by comparing the contents. */
    if (files->n) {
        uv_timer_start(&reload->settle, on_settled, SETTLE_MSEC, 0);
    }
}

static void on_settled(uv_timer_t *timer)
{
    struct sl_reload *reload = SL_CONTAINER_OF(timer, struct sl_reload, settle);
    const struct sl_conf_files *files = &reload->last->files;
    for (uint32_t i = 0; i < files->n; i++) {
        if (sl_conf_print_file(files->v[i].path.p) != files->v[i].print) {
            char why[256]; /* the path is freed with the list */
            snprintf(why, sizeof(why), "%s has changed", files->v[i].path.p);
            sl_reload_now(reload, why);
            return;
        }
    }
}

/* --- taking over --- */

static void restart_warn(void *arg, const char *path)
{
    (void)arg;
    sl_log(SL_LOG_WARNING, "reload", "%s has changed: that takes a restart; everything else is in force", path);
}

static void problems_log(const struct sl_conf_load *load)
{
    for (uint32_t i = 0; i < load->problems.n; i++) {
        char line[SL_PROBLEM_LINE_MAX];
        sl_problem_format(&load->problems.v[i], true, line, sizeof(line));
        sl_log(SL_LOG_WARNING, "reload", "%s", line);
    }
    if (load->problems.n_left_out) {
        sl_log(SL_LOG_WARNING, "reload", "… and %u more problems", load->problems.n_left_out);
    }
    if (load->files.is_env_unset) {
        sl_log(SL_LOG_WARNING, "reload",
               "a running daemon sees only the environment of its start: restart it when a variable was set since, or "
               "keep the key in a file");
    }
}

/* The files of the configuration in force stay watched, because the repair may be there. */
static void refused_keep(struct sl_reload *reload, struct sl_conf_load *load)
{
    const struct sl_conf_files *files = &reload->good->files;
    for (uint32_t i = 0; i < files->n; i++) {
        if (sl_conf_files_note(&load->files, files->v[i].path, sl_conf_print_file(files->v[i].path.p)) < 0) {
            break; /* SIGHUP still works */
        }
    }
    if (reload->last != reload->good) {
        sl_conf_load_free(reload->last);
    }
    reload->last = load;
}

static void accepted_keep(struct sl_reload *reload, struct sl_conf_load *load)
{
    if (reload->last != reload->good) {
        sl_conf_load_free(reload->last);
    }
    sl_conf_load_free(reload->good);
    reload->good = reload->last = load;
    malloc_trim(0);
}

static int load_apply(struct sl_reload *reload, struct sl_conf_load *load)
{
    if (!load->config) {
        return SL_E_INVAL;
    }
    sl_config_adopt_tls(load->config, &load->files, reload->good->config, &reload->good->files);
    return sl_conf_publish(reload->gate, load->config);
}

/* Tells what came of a try to whoever asks for the status. NULL: no memory. */
static struct sl_load_note *try_note(const struct sl_conf_load *load, bool is_ok)
{
    static const struct sl_problems none = { 0 };
    struct sl_load_note *note = sl_load_note_new(load ? &load->problems : &none, sl_clock_wall_usec());
    if (note) {
        note->is_reload = true;
        note->is_ok = is_ok;
    }
    return note;
}

void sl_reload_now(struct sl_reload *reload, const char *why)
{
    if (!reload->source.path) {
        sl_log(SL_LOG_INFO, "reload", "nothing to read again: the embedded default is in force");
        return;
    }
    sl_notify_reloading();
    struct sl_conf_load *load = sl_conf_source_load(&reload->source);
    if (load) {
        problems_log(load);
    }
    int r = load ? load_apply(reload, load) : SL_E_NOMEM;
    struct sl_load_note *note = try_note(load, r == 0);
    if (r < 0) {
        sl_last_load_set(reload->gate->last_load, note);
        atomic_fetch_add(&reload->gate->reloads_refused, 1);
        atomic_store(&reload->gate->is_file_refused, true);
        sl_log(SL_LOG_WARNING, "reload", "%s is refused, the old configuration serves on (%s)", reload->source.path,
               r == SL_E_NOMEM ? "out of memory" : "the reasons are above");
        sl_notify("READY=1\nSTATUS=serving; the changed configuration was refused, see the log");
        if (load) {
            refused_keep(reload, load);
            watches_start(reload);
        }
        return;
    }
    atomic_fetch_add(&reload->gate->reloads_ok, 1);
    sl_opt_each_restart(sl_settings_rows(), reload->source.boot, load->config->settings, restart_warn, NULL);
    sl_last_load_set(reload->gate->last_load, note);
    accepted_keep(reload, load);
    watches_start(reload);
    reload->on_published(reload->arg);
    uint32_t n = load->config->n_routes;
    sl_log(SL_LOG_INFO, "reload", "a new configuration is in force (%s): %u route%s, version %llu", why, n,
           n == 1 ? "" : "s", (unsigned long long)atomic_load(&reload->gate->config_version));
    sl_notify("READY=1\nSTATUS=serving, %u route%s", n, n == 1 ? "" : "s");
}

int sl_reload_start(struct sl_reload *reload, uv_loop_t *loop, struct sl_conf_load *good)
{
    reload->good = reload->last = good;
    reload->source.boot = sl_settings_ref(good->config->settings);
    reload->loop = loop;
    int r = uv_timer_init(loop, &reload->settle);
    if (r == 0) {
        watches_start(reload);
    }
    return r < 0 ? SL_E_IO : 0;
}

void sl_reload_stop(struct sl_reload *reload)
{
    watches_close(reload);
    uv_timer_stop(&reload->settle);
}

void sl_reload_done(struct sl_reload *reload)
{
    if (reload->last != reload->good) {
        sl_conf_load_free(reload->last);
    }
    sl_conf_load_free(reload->good);
    sl_settings_unref(reload->source.boot);
}
