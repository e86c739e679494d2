/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/worker.h"

#include "gate/config/settings.h"
#include "gate/config/publisher.h"
#include "gate/config/snapshot.h"
#include "gate/engine.h"
#include "gate/gate.h"
#include "gate/policy/made.h"
#include "gate/policy/retry_budget.h"
#include "gate/watch/ledger.h"
#include "gate/watch/metrics.h"
#include "log/rlog.h"

/* The most bytes of a text within one turn: a head, an error, a page of routes. */
#define WORKER_TEXT_MAX (64u << 20)
/* A larger buffer is freed after the turn. */
#define WORKER_TEXT_KEPT 65536
/* The most bytes of the head of an upstream's reply. */
#define REPLY_HEAD_MAX 65536
/* Shadow calls, for which nobody waits, get one part in this many of server.limits.memory. */
#define SHADOWS_PART 8

static void server_conf(const struct sl_settings *settings, struct sl_hserver_conf *ret)
{
    const struct sl_server_settings *s = &settings->server;
    *ret = (struct sl_hserver_conf){
        .max_head = s->limits.head_bytes,
        .head_usec = s->timeouts.head_usec,
        .body_idle_usec = s->timeouts.body_idle_usec,
        .write_idle_usec = s->timeouts.write_idle_usec,
        .keep_alive_usec = s->timeouts.keep_alive_usec,
    };
}

int sl_worker_client_conf(const struct sl_settings *settings, struct sl_buf *ret_auth, struct sl_hclient_conf *ret)
{
    *ret = (struct sl_hclient_conf){
        .max_head = REPLY_HEAD_MAX,
        .idle_per_origin = settings->upstream.pool_idle_per_origin,
        .idle_usec = settings->upstream.pool_idle_usec,
        .tcp_keepalive_usec = settings->upstream.tcp_keepalive_usec,
        .tls = settings->client_tls,
    };
    const struct sl_proxy_settings *proxy = &settings->upstream.proxy;
    int r = proxy->url.n ? sl_uri_parse(proxy->url, &ret->proxy.uri, NULL) : 0;
    r = r < 0 ? r : sl_proxy_auth_make(&ret->proxy.uri, ret_auth);
    if (r == 0) {
        ret->proxy.auth = sl_buf_str(ret_auth);
        ret->proxy.except = proxy->rules ? *proxy->rules : (struct sl_noproxy){ 0 };
    }
    return r;
}

static void budgets_set(struct sl_worker *worker)
{
    const struct sl_server_limits *limits = &worker->snapshot->settings->server.limits;
    atomic_store_explicit(&worker->gate->memory.max, limits->memory_bytes, memory_order_relaxed);
    atomic_store_explicit(&worker->gate->shadows.max, limits->memory_bytes / SHADOWS_PART, memory_order_relaxed);
    atomic_store_explicit(&worker->gate->spool.max, limits->spool_bytes, memory_order_relaxed);
}

int sl_worker_init(struct sl_worker *worker, struct sl_engine *engine, struct sl_gate *gate, struct sl_log_ring *log,
                   const struct sl_worker_service *service)
{
    worker->engine = engine;
    worker->gate = gate;
    worker->paths = service->paths;
    worker->log = log;
    worker->snapshot = NULL;
    sl_publisher_refresh(gate->publisher, &worker->snapshot);
    if (!gate->shadows.of) { /* the first worker does this, before any runs */
        gate->shadows.of = &gate->memory;
    }
    sl_json_init(&engine->doc, NULL);
    sl_json_init(&engine->scratch, NULL);
    engine->doc.budget = engine->scratch.budget = &gate->memory;
    budgets_set(worker);
    sl_buf_init(&engine->text, WORKER_TEXT_MAX);
    uint32_t number = atomic_fetch_add(&gate->n_workers, 1);
    worker->idents = &engine->idents;
    sl_ident_init(worker->idents, gate->node, number);

    struct sl_hserver_conf sconf;
    server_conf(worker->snapshot->settings, &sconf);
    sl_hserver_init(&engine->server, &engine->loop, service->server_cbs, &sconf);
    engine->server.user = worker;
    struct sl_hclient_conf cconf;
    int r = sl_worker_client_conf(worker->snapshot->settings, &engine->proxy_auth, &cconf);
    if (r < 0) {
        return r;
    }
    sl_hclient_init(&engine->client, &engine->loop, &cconf);
    worker->client_settings = sl_settings_ref(worker->snapshot->settings);
    engine->client.user = worker;
    worker->desk = (struct sl_desk){
        .loop = &engine->loop,
        .memory = &gate->memory,
        .doc = &engine->doc,
        .scratch = &engine->scratch,
        .text = &engine->text,
        .log = log,
        .requests = gate->requests ? sl_rlog_ring(gate->requests, number) : NULL,
        .n_calls = sl_retry_budget_join(gate->retry_budget),
    };
    r = sl_metrics_worker_new(gate->metrics, &worker->desk.metrics);
    r = r < 0 || !gate->ledger ? r : sl_ledger_join(gate->ledger, &worker->desk.tally);
    worker->shadow_desk = worker->desk;
    worker->shadow_desk.memory = &gate->shadows;
    if (r == 0) {
        sl_metrics_watch(worker->desk.metrics, &engine->client.shown_conns, &engine->client.shown_idle);
    }
    return r;
}

void sl_worker_answered(struct sl_worker *worker)
{
    worker->n_questions--;
    if (worker->n_questions == 0 && worker->on_answered) {
        worker->on_answered(worker);
    }
}

void sl_worker_trim(struct sl_worker *worker)
{
    sl_json_trim(&worker->engine->doc);
    sl_json_trim(&worker->engine->scratch);
    if (worker->engine->text.cap > WORKER_TEXT_KEPT) {
        sl_buf_done(&worker->engine->text);
    }
}

void sl_worker_done(struct sl_worker *worker)
{
    sl_hserver_done(&worker->engine->server);
    sl_hclient_done(&worker->engine->client);
    sl_json_done(&worker->engine->doc);
    sl_json_done(&worker->engine->scratch);
    sl_buf_done(&worker->engine->text);
    sl_proxy_auth_done(&worker->engine->proxy_auth);
    sl_settings_unref(worker->client_settings);
    sl_snapshot_unref(worker->snapshot);
}

/* The old settings and credential are freed only after the client has the new ones. */
static void client_configure(struct sl_worker *worker)
{
    struct sl_buf auth = { 0 };
    struct sl_hclient_conf conf;
    if (sl_worker_client_conf(worker->snapshot->settings, &auth, &conf) < 0) {
        return; /* no memory: the client keeps its configuration */
    }
    sl_hclient_configure(&worker->engine->client, &conf);
    sl_proxy_auth_done(&worker->engine->proxy_auth);
    worker->engine->proxy_auth = auth;
    sl_settings_unref(worker->client_settings);
    worker->client_settings = sl_settings_ref(worker->snapshot->settings);
}

const struct sl_snapshot *sl_worker_snapshot(struct sl_worker *worker)
{
    const struct sl_settings *before = worker->snapshot->settings;
    sl_publisher_refresh(worker->gate->publisher, &worker->snapshot);
    if (SL_UNLIKELY(worker->snapshot->settings != before)) {
        server_conf(worker->snapshot->settings, &worker->engine->server.conf);
        budgets_set(worker);
        client_configure(worker);
        if (worker->gate->made) {
            sl_made_set_max(worker->gate->made, worker->snapshot->settings->responses_max);
        }
    }
    return worker->snapshot;
}
