/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice serve`: reads, checks, binds, starts the workers, waits for signals, drains. For this the main thread has a
 * small loop of its own. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/env.h"
#include "base/log.h"
#include "base/num.h"
#include "base/random.h"
#include "daemon/addresses.h"
#include "daemon/admin_key.h"
#include "daemon/daemon.h"
#include "daemon/data.h"
#include "daemon/notify.h"
#include "daemon/reload.h"
#include "daemon/shared.h"
#include "daemon/starter.h"
#include "gate/call/credential.h"
#include "gate/call/login_table.h"
#include "gate/call/session_table.h"
#include "gate/config/alert_conf.h"
#include "gate/config/certs.h"
#include "gate/config/events.h"
#include "gate/config/last_load.h"
#include "gate/config/publisher.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "gate/config/snapshot.h"
#include "gate/fleet/fleet.h"
#include "gate/gate.h"
#include "gate/policy/alert.h"
#include "gate/policy/counters.h"
#include "gate/policy/kept.h"
#include "gate/policy/factor.h"
#include "gate/policy/limit_table.h"
#include "gate/policy/affinity.h"
#include "gate/policy/made.h"
#include "gate/policy/retry_budget.h"
#include "gate/watch/accesslog.h"
#include "gate/watch/alert_words.h"
#include "gate/watch/faults.h"
#include "gate/watch/ledger.h"
#include "gate/watch/metrics.h"
#include "gate/watch/notice.h"
#include "gate/watch/spans.h"
#include "log/rlog.h"
#include "net/bind.h"
#include "store/store.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Descriptors other than connections: listeners, loops, logs, the store. */
#define OTHER_FDS        64
#define AUTO_WORKERS_MAX 4
/* server.timeouts.drain_delay when it is automatic and there is no terminal. */
#define DRAIN_DELAY_MSEC 5000
/* How long the errors of exchanges that were ended may take to reach their clients. */
#define LAST_WORDS_MSEC 1000
/* When a certificate ends sooner, the log says so once a day. */
#define CERTIFICATE_DAYS 14
#define DAY_SEC          86400
/* The embedded default, with routes from the environment. */
#define DEFAULT_MAX 16384
/* As often as the store's thread writes. */
#define USAGE_MSEC 500

struct daemon {
    struct sl_gate gate; /* points to the next five */
    struct sl_publisher publisher;
    struct sl_events events;
    struct sl_counters counters;
    struct sl_notices notices;
    struct sl_last_load last_load;
    const char *data_given;         /* --data or SLUICE_DATA; NULL: the default */
    const char *data;               /* the data directory; NULL: none */
    struct sl_arena arena;          /* for its name */
    const struct sl_config *config; /* the configuration at the start; the reload owns it */
    struct sl_reload reload;
    struct sl_addresses addresses;
    struct sl_thread *threads;
    uint32_t n_threads;
    uint32_t n_running;
    uv_loop_t loop;
    uv_signal_t on_term, on_int, on_hup, on_usr1;
    uv_timer_t timer, daily, usage;
    uv_async_t ended;
    atomic_uint n_ended;
    struct sl_buf default_text, env_routes; /* with routes from the environment, and their names */
    enum { DM_SERVE, DM_DELAY, DM_DRAIN, DM_END, DM_ABORT } state;
};

/* --- ending --- */

static void each_thread(struct daemon *d, void (*fn)(struct sl_thread *thread))
{
    for (uint32_t i = 0; i < d->n_running; i++) {
        fn(&d->threads[i]);
    }
}

static void abort_now(struct daemon *d)
{
    d->state = DM_ABORT;
    each_thread(d, sl_thread_abort);
}

/*   SERVE ─signal─> DELAY ─drain_delay─> DRAIN ─drain─> END ─last words─> ABORT
 *     a second signal in any of them: ABORT; the last exchange's end in any of them: the process ends */
static void on_end_timer(uv_timer_t *timer)
{
    struct daemon *d = timer->data;
    if (d->state == DM_END) {
        abort_now(d);
    }
}

static void on_drain_timer(uv_timer_t *timer)
{
    struct daemon *d = timer->data;
    if (d->state == DM_DRAIN) {
        sl_log(SL_LOG_WARNING, "serve",
               "server.timeouts.drain is over: the exchanges that still run end with an error");
        d->state = DM_END;
        each_thread(d, sl_thread_end_exchanges);
        uv_timer_start(&d->timer, on_end_timer, LAST_WORDS_MSEC, 0);
    }
}

static const struct sl_server_timeouts *timeouts_of(const struct daemon *d)
{
    return &d->reload.good->config->settings->server.timeouts;
}

static void drain_now(struct daemon *d)
{
    d->state = DM_DRAIN;
    each_thread(d, sl_thread_drain);
    uv_timer_start(&d->timer, on_drain_timer, timeouts_of(d)->drain_usec / 1000, 0);
}

static void on_delay_timer(uv_timer_t *timer)
{
    struct daemon *d = timer->data;
    if (d->state == DM_DELAY) {
        drain_now(d);
    }
}

/* The delay lets load balancers see that /ready has changed; a person at a terminal does not wait for it. */
static uint64_t drain_delay_msec(const struct daemon *d)
{
    uint64_t usec = timeouts_of(d)->drain_delay_usec;
    if (usec == SL_DRAIN_DELAY_AUTO) {
        return isatty(STDIN_FILENO) || isatty(STDERR_FILENO) ? 0 : DRAIN_DELAY_MSEC;
    }
    return usec / 1000;
}

static void on_stop_signal(uv_signal_t *handle, int number)
{
    struct daemon *d = handle->data;
    if (d->state != DM_SERVE) {
        if (d->state != DM_ABORT) {
            sl_log(SL_LOG_INFO, "serve", "second signal: ending at once");
            abort_now(d);
        }
        return;
    }
    sl_reload_stop(&d->reload);
    atomic_store(&d->gate.is_draining, true);
    sl_notify("STOPPING=1\nSTATUS=draining"); /* whoever gets this then finds that /ready has changed */
    uint64_t delay = number == SIGTERM ? drain_delay_msec(d) : 0;
    if (delay == 0) {
        sl_log(SL_LOG_INFO, "serve", "draining");
        drain_now(d);
        return;
    }
    sl_log(SL_LOG_INFO, "serve", "draining: /ready answers 503, new connections are taken for another %llu ms",
           (unsigned long long)delay);
    each_thread(d, sl_thread_announce);
    d->state = DM_DELAY;
    uv_timer_start(&d->timer, on_delay_timer, delay, 0);
}

static void on_hup(uv_signal_t *handle, int number)
{
    (void)number;
    struct daemon *d = handle->data;
    if (d->state == DM_SERVE) {
        sl_reload_now(&d->reload, "SIGHUP");
    }
}

static void on_certificate(void *arg, const char *path, uint64_t end)
{
    const char *who = arg;
    uint64_t now = sl_clock_wall_usec() / SL_USEC_PER_SEC;
    if (end <= now) {
        sl_log(SL_LOG_ERROR, "tls", "the certificate in %s has expired: %s", path, who);
    } else if (end - now < (uint64_t)CERTIFICATE_DAYS * DAY_SEC) {
        unsigned long long hours = (end - now) / 3600;
        sl_log(SL_LOG_WARNING, "tls", "the certificate in %s expires in %llu %s", path,
               hours >= 48 ? hours / 24 : hours, hours >= 48 ? "days" : "hours");
    }
}

static void certificates_tell(const struct sl_config *config)
{
    struct sl_certs certs = { .fn = on_certificate, .arg = "clients refuse to connect" };
    sl_certs_look(&certs, config->settings->server.tls_cert, config->settings->server_tls);
    certs.arg = "upstreams refuse it";
    sl_certs_look_routes(&certs, config);
    sl_certs_done(&certs);
}

static void on_daily(uv_timer_t *timer)
{
    struct daemon *d = timer->data;
    certificates_tell(d->reload.good->config);
}

static void on_usage(uv_timer_t *timer)
{
    struct daemon *d = timer->data;
    sl_ledger_hold(d->gate.ledger);
}

/* What the store could not take is lost with this memory. */
static void usage_end(struct daemon *d)
{
    struct sl_ledger_look look;
    sl_ledger_look(d->gate.ledger, &look);
    if (d->gate.store && look.n_waiting && sl_ledger_is_kept(d->gate.ledger)) {
        sl_log(SL_LOG_WARNING, "store", "the usage of %llu call%s waits in the data directory for the next start",
               (unsigned long long)look.n_waiting, look.n_waiting == 1 ? "" : "s");
    } else if (d->gate.store && look.n_waiting) {
        sl_log(SL_LOG_ERROR, "store", "the usage of %llu call%s could not be written and is lost",
               (unsigned long long)look.n_waiting, look.n_waiting == 1 ? "" : "s");
    }
    sl_ledger_free(d->gate.ledger);
}

/* Says at which shares of a limit somebody is told. */
static void alerts_set(struct daemon *d, const struct sl_settings *settings)
{
    static const struct sl_alert_marks none = { 0 };
    sl_limiter_watch(d->gate.limiter, d->gate.alerts, settings->alerts ? &settings->alerts->marks : &none);
}

static void on_published(void *arg)
{
    struct daemon *d = arg;
    const struct sl_auth_settings *auth = &d->reload.good->config->settings->auth;
    const struct sl_requests_settings *requests = &d->reload.good->config->settings->requests;
    sl_addresses_tell_open(&d->addresses, d->reload.good->config->settings);
    certificates_tell(d->reload.good->config);
    alerts_set(d, d->reload.good->config->settings);
    if (d->gate.requests) {
        sl_rlog_set_bounds(d->gate.requests, requests->keep_usec, requests->size_bytes);
    }
    if (auth->mode == SL_AUTH_KEYS && !auth->has_admin_key && !d->gate.admin_key) {
        sl_log(SL_LOG_WARNING, "reload",
               "auth is configured now without an admin key, and one is made at a start only: until a restart nobody "
               "is an administrator");
    }
    each_thread(d, sl_thread_refresh);
}

static void on_usr1(uv_signal_t *handle, int number)
{
    (void)number;
    struct daemon *d = handle->data;
    sl_accesslog_reopen(d->gate.access_log);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

static void on_ended(uv_async_t *async)
{
    struct daemon *d = async->data;
    if (atomic_load(&d->n_ended) == d->n_running) {
        uv_walk(&d->loop, close_handle, NULL);
    }
}

static void on_thread_done(void *arg)
{
    struct daemon *d = arg;
    atomic_fetch_add(&d->n_ended, 1);
    uv_async_send(&d->ended);
}

/* --- starting --- */

static uint32_t worker_count(const struct sl_settings *settings)
{
    if (settings->server.workers) {
        return settings->server.workers;
    }
    return SL_MIN(SL_MAX(uv_available_parallelism(), 1u), (uint32_t)AUTO_WORKERS_MAX);
}

/* Checks that these settings may serve on the bound addresses. Also called before a reload. */
static int addresses_allow(void *arg, const struct sl_settings *settings, struct sl_err *err)
{
    const struct daemon *d = arg;
    return sl_addresses_allow(&d->addresses, settings, err);
}

/* Opens the request log. Without it serving goes on. */
static void requests_open(struct daemon *d)
{
    const struct sl_requests_settings *requests = &d->config->settings->requests;
    struct sl_err err = { 0 };
    struct sl_str dir = d->data && !requests->is_off ? sl_arena_printf(&d->arena, "%s/requests", d->data) : SL_STR_NONE;
    if (!dir.p) {
        return;
    }
    const struct sl_rlog_conf conf = { dir.p, requests->keep_usec, requests->size_bytes, d->n_threads };
    if (sl_rlog_open(&conf, &d->gate.requests, &err) < 0) {
        sl_log(SL_LOG_ERROR, "requests", "%s; serving goes on without a request log", err.text);
    }
}

static int threads_start(struct daemon *d, struct sl_err *err)
{
    d->n_threads = worker_count(d->config->settings);
    d->threads = calloc(d->n_threads, sizeof(*d->threads));
    if (!d->threads) {
        return sl_fail_nomem(err);
    }
    const struct sl_settings *s = d->config->settings;
    const char *log_path = s->log_access.n ? s->log_access.p : "stdout";
    int r = sl_accesslog_open(log_path, s->log_format, d->n_threads, &d->gate.access_log, err);
    if (r == 0) {
        requests_open(d);
    }
    /* All sockets first: when an address fails, nothing may be served yet. */
    for (uint32_t i = 0; r == 0 && i < d->n_threads; i++) {
        r = sl_addresses_listen(&d->addresses, &s->server, d->threads, &d->threads[i], err);
    }
    for (uint32_t i = 0; r == 0 && i < d->n_threads; i++) {
        struct sl_thread *thread = &d->threads[i];
        thread->gate = &d->gate;
        thread->is_first = i == 0;
        thread->number = i;
        thread->worker.log = sl_accesslog_ring(d->gate.access_log, i);
        thread->on_done = on_thread_done;
        thread->on_done_arg = d;
        r = sl_thread_start(thread, err);
        d->n_running += r == 0;
    }
    return r;
}

static void descriptors_check(const struct daemon *d)
{
    uint64_t limit = sl_raise_nofile();
    uint64_t connections = d->config->settings->server.limits.connections;
    /* Each client's connection may need one upstream connection. */
    if (connections * 2 + OTHER_FDS > limit) {
        sl_log(SL_LOG_WARNING, "serve",
               "the limit of open files is %llu: server.limits.connections (%llu) with one upstream connection each "
               "needs %llu; raise it (ulimit -n, "
               "LimitNOFILE)",
               (unsigned long long)limit, (unsigned long long)connections,
               (unsigned long long)(connections * 2 + OTHER_FDS));
    }
}

static int main_loop_init(struct daemon *d, struct sl_err *err)
{
    if (uv_loop_init(&d->loop) < 0) {
        return sl_fail(err, SL_E_IO, "cannot start the main loop");
    }
    uv_signal_init(&d->loop, &d->on_term);
    uv_signal_init(&d->loop, &d->on_int);
    uv_signal_init(&d->loop, &d->on_hup);
    uv_signal_init(&d->loop, &d->on_usr1);
    uv_timer_init(&d->loop, &d->timer);
    uv_timer_init(&d->loop, &d->daily);
    uv_timer_start(&d->daily, on_daily, DAY_SEC * 1000ull, DAY_SEC * 1000ull);
    uv_timer_init(&d->loop, &d->usage);
    if (!d->gate.store) { /* else its thread does this */
        uv_timer_start(&d->usage, on_usage, USAGE_MSEC, USAGE_MSEC);
    }
    uv_async_init(&d->loop, &d->ended, on_ended);
    d->on_term.data = d->on_int.data = d->on_hup.data = d->on_usr1.data = d->timer.data = d->daily.data =
        d->usage.data = d->ended.data = d;
    int r = uv_signal_start(&d->on_term, on_stop_signal, SIGTERM);
    r = r < 0 ? r : uv_signal_start(&d->on_int, on_stop_signal, SIGINT);
    r = r < 0 ? r : uv_signal_start(&d->on_hup, on_hup, SIGHUP);
    r = r < 0 ? r : uv_signal_start(&d->on_usr1, on_usr1, SIGUSR1);
    return r < 0 ? sl_fail(err, SL_E_IO, "cannot watch signals: %s", uv_strerror(r)) : 0;
}

/* Counters that other nodes share. A server that must not be used ends the start; without one that can be reached,
 * limits do what their on_loss says. */
static int counters_open(struct daemon *d, struct sl_err *err)
{
    const struct sl_settings *settings = d->config->settings;
    if (!settings->counters.redis.p) {
        return 0;
    }
    int r = sl_shared_fleet_new(settings, d->gate.limiter, worker_count(settings), &d->gate.fleet, err);
    r = r < 0 ? r : sl_fleet_try(d->gate.fleet, err);
    if (r == SL_E_IO) {
        sl_log(SL_LOG_WARNING, "counters", "%s; until it can be reached, each limit does what its on_loss says",
               err->text);
    }
    return r == SL_E_IO ? 0 : r;
}

static int serve_start(struct daemon *d, struct sl_conf_load *load, struct sl_err *err)
{
    d->config = load->config;
    sl_log_set_level((enum sl_log_level)load->config->settings->log_level);
    sl_log_set_format((enum sl_log_format)load->config->settings->log_format);
    descriptors_check(d);
    d->gate.start_wall_usec = sl_clock_wall_usec();
    sl_random_bytes(&d->gate.node, sizeof(d->gate.node));
    int r = sl_conf_publish(&d->gate, load->config);
    sl_last_load_set(d->gate.last_load, sl_load_note_new(&load->problems, d->gate.start_wall_usec));
    if (r < 0) {
        return sl_fail(err, r, "cannot set up the routes: %s", sl_err_name(r));
    }
    d->gate.factors = calloc(1, sizeof(*d->gate.factors));
    d->gate.sessions = sl_sessions_new();
    d->gate.logins = sl_logins_new();
    if (!d->gate.factors || !d->gate.sessions || !d->gate.logins ||
        sl_limiter_new(load->config->settings->limits_max_counters, &d->gate.limiter) < 0 ||
        sl_retry_budget_new(&d->gate.retry_budget) < 0 || sl_metrics_new(&d->gate.metrics) < 0 ||
        sl_ledger_new(&d->gate.ledger) < 0 || sl_alerts_new(&d->gate.alerts) < 0 || sl_spans_new(&d->gate.spans) < 0 ||
        sl_faults_new(&d->gate.faults) < 0) {
        return sl_fail_nomem(err);
    }
    alerts_set(d, load->config->settings);
    if (sl_made_new(load->config->settings->responses_max, &d->gate.made) < 0 ||
        sl_kept_new(&d->gate.memory, &d->gate.kept) < 0 || sl_affinity_new(SL_AFFINITY_MAX, &d->gate.affinity) < 0) {
        return sl_fail_nomem(err);
    }
    r = counters_open(d, err);
    r = r < 0 ? r : sl_data_open(&d->gate, load->config->settings, d->data_given, &d->arena, &d->data, err);
    r = r < 0 ? r : sl_admin_key_open(load->config->settings, d->data, &d->gate.admin_key, err);
    r = r < 0 ? r : sl_addresses_probe(&d->addresses, load->config->settings, err);
    d->gate.is_public = !sl_addresses_are_local(&d->addresses);
    r = r < 0 ? r : addresses_allow(d, load->config->settings, err);
    r = r < 0 ? r : main_loop_init(d, err);
    sl_env_secrets_freeze();
    r = r < 0 ? r : threads_start(d, err);
    d->reload.gate = &d->gate;
    d->reload.source.check = addresses_allow;
    d->reload.source.arg = d;
    d->reload.on_published = on_published;
    d->reload.arg = d;
    if (r == 0 && sl_reload_start(&d->reload, &d->loop, load) < 0) {
        r = sl_fail(err, SL_E_IO, "cannot watch the configuration's files");
    }
    return r;
}

static void serve_free(struct daemon *d)
{
    for (uint32_t i = 0; i < d->n_threads; i++) {
        sl_addresses_unlisten(&d->threads[i]);
    }
    free(d->threads);
    sl_addresses_done(&d->addresses);
    sl_accesslog_close(d->gate.access_log);
    sl_rlog_close(d->gate.requests);
    atomic_store(&d->gate.is_ending, true);
    sl_store_close(d->gate.store); /* this writes counters and usage a last time */
    usage_end(d);
    sl_events_done(&d->events);
    sl_publisher_done(&d->publisher);
    sl_fleet_free(d->gate.fleet);
    sl_limiter_free(d->gate.limiter);
    sl_alerts_log_rest(d->gate.alerts);
    sl_alerts_free(d->gate.alerts);
    sl_spans_free(d->gate.spans);
    free(d->gate.factors);
    sl_retry_budget_free(d->gate.retry_budget);
    sl_made_free(d->gate.made);
    sl_affinity_free(d->gate.affinity);
    sl_kept_free(d->gate.kept);
    sl_credentials_done();
    sl_sessions_free(d->gate.sessions);
    sl_logins_free(d->gate.logins);
    sl_metrics_free(d->gate.metrics);
    sl_faults_free(d->gate.faults);
    sl_key_unref(d->gate.admin_key);
    sl_reload_done(&d->reload);
    sl_last_load_done(&d->last_load);
    sl_buf_done(&d->default_text);
    sl_buf_done(&d->env_routes);
    sl_env_secrets_done();
    SL_IGNORE(prctl(PR_SET_DUMPABLE, 1) < 0); /* nothing secret is left; sanitizers look for leaks now */
}

static void env_routes_tell(const struct daemon *d)
{
    if (d->env_routes.len) {
        sl_log(SL_LOG_INFO, "serve",
               "routes from the environment: %.*s; every user of this machine can call them and spend; --no-env-routes "
               "leaves them out",
               SL_STR_ARG(sl_buf_str(&d->env_routes)));
    }
}

static void serve_tell(const struct daemon *d, bool is_default)
{
    uint32_t n = d->config->n_routes;
    sl_log(SL_LOG_INFO, "serve", "sluice " SL_VERSION ", process id %ld, configuration %s, data directory %s",
           (long)getpid(), d->reload.source.path ? d->reload.source.path : SL_SETTINGS_EMBEDDED,
           d->data ? d->data : "none");
    for (uint32_t i = 0; i < d->addresses.n; i++) {
        sl_log(SL_LOG_INFO, "serve", "listening on %s%s, %u worker%s, %u route%s%s", d->addresses.v[i].text,
               d->addresses.inherited ? " (handed over)" : "", d->n_threads, d->n_threads == 1 ? "" : "s", n,
               n == 1 ? "" : "s", is_default ? " (the embedded default: provider mock)" : "");
    }
    env_routes_tell(d);
    if (isatty(STDERR_FILENO) && sl_bind_is_local(&d->addresses.v[0])) {
        sl_starter_try(d->config, d->addresses.v[0].text, d->data);
    }
    sl_addresses_tell_open(&d->addresses, d->config->settings);
    certificates_tell(d->config);
    sl_notify("READY=1\nSTATUS=serving, %u route%s\nMAINPID=%ld", n, n == 1 ? "" : "s", (long)getpid());
}

/* Opens standard input, output and error if the caller closed them: none of our files or sockets must get their
 * numbers. */
static void standard_open(void)
{
    int fd;
    do {
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        close(fd);
    }
}

int sl_cmd_serve(const struct sl_serve_opts *opts)
{
    static struct daemon daemon_mem;
    struct daemon *d = &daemon_mem;
    standard_open();
    signal(SIGPIPE, SIG_IGN);
    /* A file that must not grow is an error of the store or the log, not the end of the process. */
    signal(SIGXFSZ, SIG_IGN);
    /* Secrets are read from here on: no core file, and only root can read this process. */
    SL_IGNORE(prctl(PR_SET_DUMPABLE, 0) < 0);
    sl_shared_hash_set();
    sl_gate_init(&d->gate);
    d->gate.publisher = &d->publisher;
    d->gate.events = &d->events;
    d->gate.counters = &d->counters;
    d->gate.notices = &d->notices;
    d->gate.source = &d->reload.source;
    sl_last_load_init(&d->last_load);
    d->gate.last_load = &d->last_load;
    sl_publisher_init(&d->publisher);
    d->data_given = opts->data;
    sl_arena_init_small(&d->arena, 512);
    sl_events_init(&d->events, &d->publisher);
    d->reload.source.path = opts->config;
    d->reload.source.over = (struct sl_config_overrides){ .listen = sl_str_c(opts->listen), .workers = opts->workers };
    sl_conf_env(&d->reload.source.over);
    sl_buf_init(&d->default_text, DEFAULT_MAX);
    sl_buf_init(&d->env_routes, DEFAULT_MAX);
    if (opts->has_env_routes && sl_starter_default(&d->default_text, &d->env_routes)) {
        d->reload.source.over.text = sl_buf_str(&d->default_text);
    }
    struct sl_conf_load *load = sl_conf_load_new(d->reload.source.path, &d->reload.source.over);
    if (load) {
        sl_problems_print(&load->problems, stderr);
    }
    if (!load || !load->config) {
        int code = sl_cmd_bad_config(opts, load);
        sl_conf_load_free(load);
        sl_publisher_done(&d->publisher);
        return code;
    }
    struct sl_err err = { 0 };
    if (serve_start(d, load, &err) < 0) {
        sl_log(SL_LOG_ERROR, "serve", "%s", err.text);
        _exit(SL_EXIT_LOCAL); /* threads may run already; nothing was served */
    }
    serve_tell(d, !opts->config);
    uv_run(&d->loop, UV_RUN_DEFAULT);
    for (uint32_t i = 0; i < d->n_running; i++) {
        pthread_join(d->threads[i].thread, NULL);
        sl_loop_done(&d->threads[i].engine.loop);
    }
    uv_loop_close(&d->loop);
    sl_log(SL_LOG_INFO, "serve", "ended");
    serve_free(d);
    return SL_EXIT_OK;
}
