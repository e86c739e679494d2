/* SPDX-License-Identifier: Apache-2.0 */
/* One worker: accepts, serves, drains. A drain closes the listeners (connections in their queues are accepted first),
 * closes idle connections and lets the others finish. When the last one is closed, the upstream pool closes too, and
 * the loop ends. */
#include "daemon/daemon.h"
#include "gate/api/table.h"
#include "gate/call/alerting.h"
#include "gate/call/credential.h"
#include "gate/call/exporting.h"
#include "gate/call/front.h"
#include "gate/call/health.h"
#include "gate/call/measure.h"
#include "gate/call/news.h"
#include "gate/call/peer.h"
#include "gate/config/settings.h"
#include "gate/config/publisher.h"
#include "gate/config/snapshot.h"
#include "gate/fleet/link.h"
#include "gate/gate.h"
#include "gate/policy/alert.h"
#include "gate/watch/notice.h"
#include "gate/watch/spans.h"

#include <stdio.h>
#include <sys/socket.h>

static struct sl_thread *thread_of(struct sl_listener *listener);

/* As late as possible: calls that end in a drain raise alerts, too. */
static void alerting_stop(struct sl_thread *thread)
{
    if (thread->is_first) {
        sl_alerts_watch(thread->gate->alerts, NULL, NULL); /* no posts to a loop that ends */
        sl_alerting_take(&thread->worker);
        sl_alerting_stop(&thread->worker);
    }
}

static void thread_finish(struct sl_thread *thread)
{
    if (!thread->is_draining || thread->is_finished || thread->n_open || thread->engine.server.conns.n ||
        thread->engine.client.conns.n || thread->worker.n_questions) {
        return;
    }
    thread->is_finished = true;
    sl_hserver_stop(&thread->engine.server);
    sl_loop_stop(&thread->engine.loop);
}

static void on_fleet_ended(void *arg)
{
    struct sl_thread *thread = arg;
    sl_fleet_link_free(thread->worker.fleet);
    thread->worker.fleet = NULL;
    sl_worker_answered(&thread->worker);
}

/* The calls and their shadows have ended; the last of what they used is on its way. */
static void fleet_end(struct sl_thread *thread)
{
    if (thread->worker.fleet) {
        thread->worker.n_questions++;
        sl_fleet_link_end(thread->worker.fleet, on_fleet_ended, thread);
    }
}

/* The last that uses the client. */
static void on_exported(void *arg)
{
    struct sl_thread *thread = arg;
    struct sl_worker *worker = &thread->worker;
    sl_exporting_stop(worker);
    alerting_stop(thread);
    sl_hclient_close(&worker->engine->client);
    sl_worker_answered(worker);
}

static void on_server_empty(struct sl_hserver *server)
{
    struct sl_worker *worker = server->user;
    struct sl_thread *thread = SL_CONTAINER_OF(worker, struct sl_thread, worker);
    if (!thread->is_empty && thread->n_open == 0) {
        thread->is_empty = true;
        sl_front_end_shadows(worker);
        fleet_end(thread);
        sl_credentials_end(worker);
        worker->n_questions++;
        if (thread->is_first && !thread->is_aborting) {
            sl_spans_watch(thread->gate->spans, NULL, NULL); /* no posts to a loop that ends */
            sl_exporting_end(worker, on_exported, thread);
        } else {
            on_exported(thread);
        }
    }
    thread_finish(thread);
}

static void on_answered(struct sl_worker *worker)
{
    thread_finish(SL_CONTAINER_OF(worker, struct sl_thread, worker));
}

static void on_client_empty(struct sl_hclient *client)
{
    struct sl_worker *worker = client->user;
    thread_finish(SL_CONTAINER_OF(worker, struct sl_thread, worker));
}

/* --- listening --- */

/* How many connections over the limit are accepted anyway, so that they get a proper answer (also through TLS). */
#define OVER_LIMIT_MAX 64

static struct sl_stream *on_connection(struct sl_listener *listener)
{
    struct sl_thread *thread = thread_of(listener);
    struct sl_gate *gate = thread->gate;
    uint32_t max = sl_worker_snapshot(&thread->worker)->settings->server.limits.connections;
    uint32_t before = atomic_fetch_add(&gate->n_connections, 1);
    struct sl_hconn *conn = before < max + OVER_LIMIT_MAX ? sl_hserver_new_conn(&thread->engine.server) : NULL;
    if (!conn) {
        atomic_fetch_sub(&gate->n_connections, 1);
        return NULL;
    }
    conn->is_over_limit = before >= max;
    return &conn->stream;
}

static void on_accepted(struct sl_listener *listener, struct sl_stream *stream, int r)
{
    struct sl_thread *thread = thread_of(listener);
    struct sl_hconn *conn = SL_CONTAINER_OF(stream, struct sl_hconn, stream);
    if (r < 0) {
        atomic_fetch_sub(&thread->gate->n_connections, 1);
        sl_hserver_drop(conn);
        return;
    }
    const struct sl_settings *settings = sl_worker_snapshot(&thread->worker)->settings;
    bool has_proxy_protocol = thread->have_proxy_protocol[listener - thread->listeners];
    if (has_proxy_protocol && !sl_peer_is_trusted(settings, sl_hconn_peer(conn))) {
        /* Only known proxies may say who the client is. */
        sl_hserver_reject(conn,
                          "its listener is for proxies (proxy_protocol), and it is none of server.trusted_proxies");
        return;
    }
    sl_hserver_opened(conn, settings->server_tls, has_proxy_protocol);
}

static void on_conn_closed(struct sl_hserver *server)
{
    struct sl_worker *worker = server->user;
    struct sl_thread *thread = SL_CONTAINER_OF(worker, struct sl_thread, worker);
    atomic_fetch_sub(&thread->gate->n_connections, 1);
    for (uint32_t i = 0; i < thread->n_listeners; i++) {
        sl_listener_kick(&thread->listeners[i]);
    }
}

/* Far over server.limits.connections: writes an answer that any client understands, without reading; TLS clients only
 * see the end. */
static void on_refuse(struct sl_listener *listener, int fd)
{
    struct sl_worker *worker = &thread_of(listener)->worker;
    const struct sl_settings *settings = worker->snapshot->settings;
    sl_measure_turned_away(worker);
    SL_IGNORE(!sl_notice_overloaded(worker->gate->notices, sl_str_c(sl_hconn_over_limit_text),
                                    sl_loop_now(&worker->engine->loop)));
    if (!settings->server_tls) {
        static const char body[] = "{\"detail\":\"The gateway has no free connection: try again in a second.\"}";
        char text[512];
        int n = snprintf(text, sizeof(text),
                         "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nRetry-After: 1\r\n"
                         "Connection: close\r\nx-request-id: %016llx%016llx\r\n%sContent-Length: %zu\r\n\r\n%s",
                         (unsigned long long)sl_rng_next(&worker->engine->loop.rng),
                         (unsigned long long)sl_rng_next(&worker->engine->loop.rng),
                         settings->server.headers ? "x-sluice-error-type: sluice_overloaded\r\n" : "", sizeof(body) - 1,
                         body);
        SL_IGNORE(send(fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0); /* as far as possible */
        shutdown(fd, SHUT_WR);
    }
}

static void on_listener_closed(struct sl_listener *listener)
{
    struct sl_thread *thread = thread_of(listener);
    thread->n_open--;
    if (thread->n_open == 0) {
        sl_hserver_drain(&thread->engine.server);
    }
    if (thread->is_aborting) {
        sl_hserver_abort(&thread->engine.server); /* connections that were accepted last */
    }
    thread_finish(thread);
}

static struct sl_thread *thread_of(struct sl_listener *listener)
{
    return SL_CONTAINER_OF(listener->loop, struct sl_thread, engine.loop);
}

/* --- start and stop --- */

static void on_watched(void *arg)
{
    sl_thread_refresh(arg);
}

static void alerts_take(void *arg)
{
    struct sl_thread *thread = arg;
    atomic_store(&thread->is_alert_posted, false); /* before the work, so that a later alert is posted again */
    sl_alerting_take(&thread->worker);
}

static void on_raised(void *arg)
{
    struct sl_thread *thread = arg;
    if (!atomic_exchange(&thread->is_alert_posted, true)) {
        sl_loop_post(&thread->engine.loop, &thread->post_alerts, alerts_take, thread);
    }
}

static void spans_look(void *arg)
{
    struct sl_thread *thread = arg;
    atomic_store(&thread->are_spans_posted, false); /* before the work, so that later spans are posted again */
    sl_exporting_look(&thread->worker);
}

static void on_spans(void *arg)
{
    struct sl_thread *thread = arg;
    if (!atomic_exchange(&thread->are_spans_posted, true)) {
        sl_loop_post(&thread->engine.loop, &thread->post_spans, spans_look, thread);
    }
}

/* What the first worker does for the process. */
static int duties_start(struct sl_thread *thread)
{
    if (!thread->is_first) {
        return 0;
    }
    sl_publisher_watch(thread->gate->publisher, on_watched, thread); /* first, so that nothing is missed in between */
    int r = sl_health_start(&thread->worker);
    r = r < 0 ? r : sl_alerting_start(&thread->worker);
    r = r < 0 ? r : sl_exporting_start(&thread->worker);
    if (r == 0) {
        sl_alerts_watch(thread->gate->alerts, on_raised, thread);
        sl_spans_watch(thread->gate->spans, on_spans, thread);
    }
    return r;
}

static void health_stop(struct sl_thread *thread)
{
    if (thread->is_first) {
        sl_publisher_watch(thread->gate->publisher, NULL, NULL); /* no posts to a loop that ends */
        sl_health_stop(&thread->worker);
    }
}

static void drain(void *arg)
{
    struct sl_thread *thread = arg;
    if (thread->is_draining) {
        return;
    }
    thread->is_draining = true;
    thread->engine.server.is_draining = true;
    health_stop(thread);
    if (thread->n_open == 0) {
        sl_hserver_drain(&thread->engine.server);
    }
    for (uint32_t i = 0; i < thread->n_listeners; i++) {
        sl_listener_close(&thread->listeners[i]);
    }
}

static void abort_all(void *arg)
{
    struct sl_thread *thread = arg;
    thread->is_aborting = true;
    drain(arg);
    sl_hserver_abort(&thread->engine.server);
}

static void announce(void *arg)
{
    struct sl_thread *thread = arg;
    thread->engine.server.is_draining = true;
}

static void end_exchanges(void *arg)
{
    struct sl_thread *thread = arg;
    sl_front_end_all(&thread->worker);
}

static void refresh(void *arg)
{
    struct sl_thread *thread = arg;
    atomic_store(&thread->is_refresh_posted, false); /* before the work, so that a later refresh is posted again */
    SL_IGNORE(!sl_worker_snapshot(&thread->worker)); /* only to release the old one */
    sl_health_refresh(&thread->worker);
    sl_alerting_take(&thread->worker); /* its webhook may be another one now */
    sl_exporting_look(&thread->worker);
}

void sl_thread_refresh(struct sl_thread *thread)
{
    if (!atomic_exchange(&thread->is_refresh_posted, true)) {
        sl_loop_post(&thread->engine.loop, &thread->post_refresh, refresh, thread);
    }
}

void sl_thread_announce(struct sl_thread *thread)
{
    sl_loop_post(&thread->engine.loop, &thread->post_announce, announce, thread);
}

void sl_thread_end_exchanges(struct sl_thread *thread)
{
    sl_loop_post(&thread->engine.loop, &thread->post_end, end_exchanges, thread);
}

void sl_thread_drain(struct sl_thread *thread)
{
    sl_loop_post(&thread->engine.loop, &thread->post_drain, drain, thread);
}

void sl_thread_abort(struct sl_thread *thread)
{
    sl_loop_post(&thread->engine.loop, &thread->post_abort, abort_all, thread);
}

static void *thread_main(void *arg)
{
    struct sl_thread *thread = arg;
    sl_loop_run(&thread->engine.loop);
    sl_worker_done(&thread->worker);
    thread->on_done(thread->on_done_arg);
    return NULL;
}

int sl_thread_start(struct sl_thread *thread, struct sl_err *err)
{
    struct sl_worker *worker = &thread->worker;
    int r = sl_loop_init(&thread->engine.loop, err);
    if (r < 0) {
        return r;
    }
    struct sl_log_ring *log = worker->log;
    const struct sl_worker_service service = { &sl_front_server_cbs, &sl_api_paths };
    r = sl_worker_init(worker, &thread->engine, thread->gate, log, &service);
    if (r < 0) {
        return sl_fail(err, r, "cannot set up a worker");
    }
    worker->engine->server.on_empty = on_server_empty;
    worker->engine->server.on_conn_closed = on_conn_closed;
    worker->engine->client.on_empty = on_client_empty;
    worker->on_answered = on_answered;
    uint32_t number = thread->number;
    r = !thread->gate->fleet ? 0
                             : sl_fleet_link_new(thread->gate->fleet, &worker->engine->loop, number,
                                                 worker->desk.metrics, &worker->fleet);
    worker->counters = worker->fleet ? sl_fleet_link_home(worker->fleet) : NULL;
    if (worker->fleet && thread->is_first) {
        sl_news_listen(worker);
    }
    r = r < 0 ? r : duties_start(thread);
    if (r < 0) {
        return sl_fail_nomem(err);
    }
    for (uint32_t i = 0; i < thread->n_listeners; i++) {
        struct sl_listener *listener = &thread->listeners[i];
        listener->is_inherited = thread->is_inherited;
        listener->on_connection = on_connection;
        listener->on_accepted = on_accepted;
        listener->on_refuse = on_refuse;
        listener->on_closed = on_listener_closed;
        r = sl_listener_start(listener, &worker->engine->loop, thread->fds[i], thread->are_unix[i]);
        if (r < 0) {
            return sl_fail(err, r, "cannot watch a listening socket");
        }
        thread->n_open++;
    }
    if (pthread_create(&thread->thread, NULL, thread_main, thread) != 0) {
        return sl_fail(err, SL_E_NOMEM, "cannot start a worker thread");
    }
    return 0;
}
