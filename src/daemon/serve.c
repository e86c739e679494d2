/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice serve`: read, check, bind, start the workers, wait for signals, drain. The main thread has a small loop of
 * its own for that. */
#include "daemon/daemon.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/admin_key.h"
#include "gate/auth.h"
#include "gate/config.h"
#include "net/tls.h"

/* Descriptors that are not connections: listeners, loops, logs, the store. */
#define OTHER_FDS        64
#define AUTO_WORKERS_MAX 4

struct daemon {
    struct sl_gate gate;
    const char *data; /* the data directory; NULL: none */
    struct sl_config *config;
    struct sl_arena arena; /* the configuration's texts and problems */
    struct sl_problems problems;
    struct sl_bind_addr *addrs;
    struct sl_tls_ctx *server_tls, *client_tls;
    struct sl_thread *threads;
    uint32_t n_threads;
    uint32_t n_running;
    uv_loop_t loop;
    uv_signal_t on_term, on_int, on_usr1;
    uv_timer_t timer;
    uv_async_t ended;
    atomic_uint n_ended;
    enum { DM_SERVE, DM_DELAY, DM_DRAIN, DM_ABORT } state;
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

static void on_drain_timer(uv_timer_t *timer)
{
    struct daemon *d = timer->data;
    if (d->state == DM_DRAIN) {
        sl_log(SL_LOG_WARNING, "serve", "server.timeouts.drain is over: the exchanges that still run are cut");
        abort_now(d);
    }
}

static void drain_now(struct daemon *d)
{
    d->state = DM_DRAIN;
    each_thread(d, sl_thread_drain);
    uv_timer_start(&d->timer, on_drain_timer, d->config->settings->server.timeouts.drain_usec / 1000, 0);
}

static void on_delay_timer(uv_timer_t *timer)
{
    drain_now(timer->data);
}

static void on_stop_signal(uv_signal_t *handle, int number)
{
    struct daemon *d = handle->data;
    uint64_t delay = d->config->settings->server.timeouts.drain_delay_usec / 1000;
    switch (d->state) {
    case DM_SERVE:
        atomic_store(&d->gate.is_draining, true);
        /* The delay lets load balancers see /ready change; a person at a terminal does not wait for that. */
        if (number == SIGTERM && delay) {
            sl_log(SL_LOG_INFO, "serve", "draining: /ready answers 503, new connections are taken for another %llu ms",
                   (unsigned long long)delay);
            d->state = DM_DELAY;
            uv_timer_start(&d->timer, on_delay_timer, delay, 0);
            return;
        }
        sl_log(SL_LOG_INFO, "serve", "draining");
        drain_now(d);
        return;
    case DM_DELAY:
        drain_now(d);
        return;
    case DM_DRAIN:
        sl_log(SL_LOG_INFO, "serve", "second signal: ending at once");
        abort_now(d);
        return;
    case DM_ABORT:
        return;
    }
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

static int config_read(struct daemon *d, const struct sl_serve_opts *opts)
{
    sl_arena_init(&d->arena, NULL);
    sl_problems_init(&d->problems, &d->arena);
    struct sl_config_overrides over = { .listen = sl_str_c(opts->listen), .workers = opts->workers };
    int r = sl_config_load(opts->config, &over, &d->arena, &d->problems, &d->config);
    sl_problems_print(&d->problems, stderr);
    return r;
}

static uint32_t worker_count(const struct sl_settings *settings)
{
    if (settings->server.workers) {
        return settings->server.workers;
    }
    return SL_MIN(SL_MAX(uv_available_parallelism(), 1u), (uint32_t)AUTO_WORKERS_MAX);
}

static int addresses_probe(struct daemon *d, struct sl_err *err)
{
    const struct sl_server_settings *s = &d->config->settings->server;
    d->addrs = calloc(s->n_listen, sizeof(*d->addrs));
    if (!d->addrs) {
        return sl_fail(err, SL_E_NOMEM, "out of memory");
    }
    for (uint32_t i = 0; i < s->n_listen; i++) {
        int r = sl_bind_parse(s->listen[i].address, &d->addrs[i], err);
        if (r < 0) {
            return r;
        }
        if (!sl_auth_may_listen(d->config->settings, s->listen[i].address, sl_bind_is_local(&d->addrs[i]), err)) {
            return SL_E_INVAL;
        }
        if (s->listen[i].has_proxy_protocol) {
            return sl_fail(err, SL_E_UNSUPPORTED, "server.listen: proxy_protocol is not supported by this version");
        }
        r = sl_bind_probe(&d->addrs[i], err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int tls_load(struct daemon *d, struct sl_err *err)
{
    const struct sl_settings *s = d->config->settings;
    if (s->server.tls_cert.n) {
        int r = sl_tls_ctx_new_server(s->server.tls_cert.p, s->server.tls_key.p, &d->server_tls, err);
        if (r < 0) {
            return r;
        }
    }
    return sl_tls_ctx_new_client(s->upstream.ca.n ? s->upstream.ca.p : NULL, &d->client_tls, err);
}

/* The listening sockets of one worker. A unix socket is one for all: its descriptor is duplicated. */
static int thread_listen(struct daemon *d, struct sl_thread *thread, struct sl_err *err)
{
    uint32_t n = d->config->settings->server.n_listen;
    thread->listeners = calloc(n, sizeof(*thread->listeners));
    thread->fds = calloc(n, sizeof(*thread->fds));
    thread->are_unix = calloc(n, sizeof(*thread->are_unix));
    if (!thread->listeners || !thread->fds || !thread->are_unix) {
        return sl_fail(err, SL_E_NOMEM, "out of memory");
    }
    for (uint32_t i = 0; i < n; i++) {
        thread->are_unix[i] = d->addrs[i].is_unix;
        if (d->addrs[i].is_unix && thread != &d->threads[0]) {
            thread->fds[i] = dup(d->threads[0].fds[i]);
            if (thread->fds[i] < 0) {
                return sl_fail(err, SL_E_IO, "cannot share the socket %s", d->addrs[i].text);
            }
        } else {
            int r = sl_bind_listen(&d->addrs[i], &thread->fds[i], err);
            if (r < 0) {
                return r;
            }
        }
        thread->n_listeners = i + 1;
    }
    return 0;
}

static int threads_start(struct daemon *d, struct sl_err *err)
{
    d->n_threads = worker_count(d->config->settings);
    d->threads = calloc(d->n_threads, sizeof(*d->threads));
    if (!d->threads) {
        return sl_fail(err, SL_E_NOMEM, "out of memory");
    }
    const struct sl_settings *s = d->config->settings;
    const char *log_path = s->log_access.n ? s->log_access.p : "stdout";
    int r = sl_accesslog_open(log_path, d->n_threads, &d->gate.access_log, err);
    /* All sockets first: an address that fails must fail before anything serves. */
    for (uint32_t i = 0; r == 0 && i < d->n_threads; i++) {
        r = thread_listen(d, &d->threads[i], err);
    }
    for (uint32_t i = 0; r == 0 && i < d->n_threads; i++) {
        struct sl_thread *thread = &d->threads[i];
        thread->gate = &d->gate;
        thread->server_tls = d->server_tls;
        thread->worker.client_tls = d->client_tls;
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
    /* A client's connection may need one upstream. */
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
    uv_signal_init(&d->loop, &d->on_usr1);
    uv_timer_init(&d->loop, &d->timer);
    uv_async_init(&d->loop, &d->ended, on_ended);
    d->on_term.data = d->on_int.data = d->on_usr1.data = d->timer.data = d->ended.data = d;
    int r = uv_signal_start(&d->on_term, on_stop_signal, SIGTERM);
    r = r < 0 ? r : uv_signal_start(&d->on_int, on_stop_signal, SIGINT);
    r = r < 0 ? r : uv_signal_start(&d->on_usr1, on_usr1, SIGUSR1);
    return r < 0 ? sl_fail(err, SL_E_IO, "cannot watch signals: %s", uv_strerror(r)) : 0;
}

static int serve_start(struct daemon *d, struct sl_err *err)
{
    const struct sl_config *config = d->config;
    sl_log_set_level((enum sl_log_level)config->settings->log_level);
    descriptors_check(d);
    struct sl_snapshot *snapshot;
    int r = sl_snapshot_new(config->settings, config->routes, config->n_routes, &snapshot);
    if (r < 0) {
        return sl_fail(err, r, "cannot set up the routes: %s", sl_err_name(r));
    }
    sl_publisher_set(&d->gate.publisher, snapshot);
    d->gate.start_wall_usec = sl_clock_wall_usec();
    if (sl_limiter_new(SL_LIMIT_USERS_MAX, &d->gate.limiter) < 0) {
        return sl_fail(err, SL_E_NOMEM, "out of memory");
    }
    r = tls_load(d, err);
    r = r < 0 ? r : sl_admin_key_open(config->settings, d->data, &d->gate.admin_key, err);
    r = r < 0 ? r : addresses_probe(d, err);
    r = r < 0 ? r : main_loop_init(d, err);
    r = r < 0 ? r : threads_start(d, err);
    return r;
}

static void serve_free(struct daemon *d)
{
    for (uint32_t i = 0; i < d->n_threads; i++) {
        free(d->threads[i].listeners);
        free(d->threads[i].fds);
        free(d->threads[i].are_unix);
    }
    free(d->threads);
    free(d->addrs);
    sl_accesslog_close(d->gate.access_log);
    sl_tls_ctx_unref(d->server_tls);
    sl_tls_ctx_unref(d->client_tls);
    sl_publisher_done(&d->gate.publisher);
    sl_limiter_free(d->gate.limiter);
    sl_key_unref(d->gate.admin_key);
    sl_config_free(d->config);
    sl_arena_done(&d->arena);
}

int sl_cmd_serve(const struct sl_serve_opts *opts)
{
    static struct daemon daemon_mem;
    struct daemon *d = &daemon_mem;
    signal(SIGPIPE, SIG_IGN);
    sl_publisher_init(&d->gate.publisher);
    d->data = opts->data && strcmp(opts->data, "none") != 0 ? opts->data : NULL;
    if (config_read(d, opts) < 0) {
        return opts->bad_config_exit;
    }
    struct sl_err err = { 0 };
    if (serve_start(d, &err) < 0) {
        sl_log(SL_LOG_ERROR, "serve", "%s", err.text);
        _exit(SL_EXIT_LOCAL); /* threads may run already; nothing was served */
    }
    for (uint32_t i = 0; i < d->config->settings->server.n_listen; i++) {
        sl_log(SL_LOG_INFO, "serve", "listening on %s, %u worker%s, %u route%s%s", d->addrs[i].text, d->n_threads,
               d->n_threads == 1 ? "" : "s", d->config->n_routes, d->config->n_routes == 1 ? "" : "s",
               opts->config ? "" : " (the embedded default: provider mock)");
    }
    uv_run(&d->loop, UV_RUN_DEFAULT);
    for (uint32_t i = 0; i < d->n_running; i++) {
        pthread_join(d->threads[i].thread, NULL);
        sl_loop_done(&d->threads[i].worker.loop);
    }
    uv_loop_close(&d->loop);
    sl_log(SL_LOG_INFO, "serve", "ended");
    serve_free(d);
    return SL_EXIT_OK;
}

int sl_cmd_check(const struct sl_serve_opts *opts)
{
    static struct daemon daemon_mem;
    struct daemon *d = &daemon_mem;
    if (config_read(d, opts) < 0) {
        return SL_EXIT_LOCAL;
    }
    struct sl_err err = { 0 };
    int r = tls_load(d, &err);
    if (r < 0) {
        fprintf(stderr, "%s: error: %s\n", opts->config ? opts->config : "(embedded default)", err.text);
    }
    bool is_bad = r < 0 || (opts->is_strict && d->problems.n > 0);
    if (!is_bad) {
        printf("%s: %u route%s, %u warning%s: ok\n", opts->config ? opts->config : "(embedded default)",
               d->config->n_routes, d->config->n_routes == 1 ? "" : "s", d->problems.n, d->problems.n == 1 ? "" : "s");
    }
    sl_tls_ctx_unref(d->server_tls);
    sl_tls_ctx_unref(d->client_tls);
    sl_config_free(d->config);
    sl_arena_done(&d->arena);
    return is_bad ? SL_EXIT_LOCAL : SL_EXIT_OK;
}
