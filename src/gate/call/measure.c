/* SPDX-License-Identifier: Apache-2.0 */
/* What an exchange gives to the metrics, and GET /metrics. */
#include <stdlib.h>

#include "gate/call/exchange.h"
#include "gate/watch/metrics_write.h"
#include "gate/watch/readings.h"

/* A scrape of a gateway with a thousand busy routes is about 20 MB. */
#define METRICS_TEXT_MAX (256u << 20)

static const char *const operation_names[] = { "chat", "text_completion", "embeddings" };

/* Of the route's target that was tried, or is first. Made once for each route object, then found in it. */
static const struct sl_metric_labels *labels_of(struct sl_xchg *x)
{
    struct sl_metrics *metrics = x->worker->gate->metrics;
    if (!x->route) {
        return x->path && x->path->is_invocation ? sl_metrics_other(metrics) : sl_metrics_none(metrics);
    }
    const struct sl_target *target = x->target ? x->target : x->route->targets;
    _Atomic(const struct sl_metric_labels *) *kept = &x->route->metric_labels[target - x->route->targets];
    const struct sl_metric_labels *labels = atomic_load_explicit(kept, memory_order_acquire);
    if (SL_UNLIKELY(!labels)) {
        struct sl_metric_labels made = { x->route->name, sl_str_c(operation_names[x->route->type]),
                                         sl_str_c(target->provider->name), target->model };
        labels = sl_metrics_intern(metrics, &made, x->settings->metrics_max_routes);
        atomic_store_explicit(kept, labels, memory_order_release);
    }
    return labels;
}

void sl_measure_limit(struct sl_xchg *x, bool is_refused)
{
    struct sl_metric_key key = { .labels = labels_of(x), .word = is_refused ? "refused" : "allowed" };
    sl_metrics_add(x->worker->metrics, SL_METRIC_LIMITS, &key);
}

void sl_measure_attempt(struct sl_xchg *x, enum sl_error_type type, uint64_t now_usec)
{
    /* A call that its provider cannot express never left. */
    bool has_left = type < SL_ERR_CALLER_INVALID_REQUEST || type >= SL_ERR_CALLER_CANCELLED;
    if (x->n_measured == x->n_attempts || !has_left) {
        return;
    }
    x->n_measured = x->n_attempts;
    struct sl_metrics_worker *metrics = x->worker->metrics;
    struct sl_metric_key key = { .labels = labels_of(x), .error_type = (uint8_t)type };
    sl_metrics_observe(metrics, SL_METRIC_CLIENT_DURATION, &key, now_usec - x->upstream_start_usec);
    key.word = type == SL_ERR_NONE ? "ok" : type == SL_ERR_CALLER_CANCELLED ? "cancelled" : "error";
    sl_metrics_add(metrics, SL_METRIC_ATTEMPTS, &key);
}

/* Tokens, and the times of a stream. */
static void measure_success(struct sl_xchg *x, const struct sl_metric_labels *labels, uint64_t now_usec)
{
    struct sl_metrics_worker *metrics = x->worker->metrics;
    struct sl_metric_key key = { .labels = labels };
    bool is_stream = x->mode == SL_RELAY_EVENTS || x->mode == SL_RELAY_TRANSLATE_EVENTS;
    if (is_stream && x->first_byte_usec) {
        sl_metrics_observe(metrics, SL_METRIC_FIRST_TOKEN, &key, x->first_byte_usec - x->req->start_usec);
        if (x->usage.output > 1) {
            sl_metrics_observe(metrics, SL_METRIC_PER_TOKEN, &key,
                               (now_usec - x->first_byte_usec) / (uint64_t)(x->usage.output - 1));
        }
    }
    if (x->usage.input < 0 && x->usage.output < 0) {
        sl_metrics_add(metrics, SL_METRIC_USAGE_MISSING, &(struct sl_metric_key){ 0 });
    }
    if (x->usage.input >= 0) {
        key.word = "input";
        sl_metrics_observe(metrics, SL_METRIC_TOKENS, &key, (uint64_t)x->usage.input);
    }
    if (x->usage.output >= 0) {
        key.word = "output";
        sl_metrics_observe(metrics, SL_METRIC_TOKENS, &key, (uint64_t)x->usage.output);
    }
}

void sl_measure_exchange(struct sl_xchg *x, int status)
{
    struct sl_metrics_worker *metrics = x->worker->metrics;
    const struct sl_metric_labels *labels = labels_of(x);
    uint64_t now = sl_loop_now(&x->worker->loop);
    if (x->error_type == SL_ERR_CALLER_CANCELLED) {
        struct sl_metric_key key = { .word = x->n_attempts > x->n_measured ? "true" : "false" };
        sl_metrics_add(metrics, SL_METRIC_CLIENT_GONE, &key);
    }
    if (x->n_attempts) {
        sl_measure_attempt(x, x->error_type, now);
    }
    struct sl_metric_key key = {
        .labels = labels,
        .dialect = x->dialect->name,
        .status = (uint16_t)status,
        .error_type = (uint8_t)x->error_type,
        .is_stream = x->call.is_stream,
    };
    sl_metrics_add(metrics, SL_METRIC_REQUESTS, &key);
    if (!x->route || !x->path->is_invocation) {
        return;
    }
    struct sl_metric_key route = { .labels = labels, .error_type = (uint8_t)x->error_type };
    sl_metrics_observe(metrics, SL_METRIC_SERVER_DURATION, &route, now - x->req->start_usec);
    if (x->error_type == SL_ERR_NONE) {
        measure_success(x, labels, now);
    }
}

/* Only where one attempt answered: waiting between attempts is nobody's work. */
void sl_measure_overhead(struct sl_xchg *x)
{
    if (x->n_attempts != 1 || x->error_type != SL_ERR_NONE || !x->upstream_end_usec) {
        return;
    }
    uint64_t sent = x->upstream_start_usec, connect = 0;
    if (x->hcall.sent_usec) {
        sent = x->hcall.sent_usec;
        connect = x->hcall.is_reused ? 0 : x->hcall.connected_usec - x->hcall.start_usec;
    }
    if (sent >= x->req->body_usec + connect) {
        sl_metrics_observe(x->worker->metrics, SL_METRIC_OVERHEAD, &(struct sl_metric_key){ 0 },
                           sent - connect - x->req->body_usec + sl_loop_now(&x->worker->loop) - x->upstream_end_usec);
    }
}

void sl_measure_turned_away(struct sl_worker *worker)
{
    struct sl_metric_key key = {
        .labels = sl_metrics_none(worker->gate->metrics),
        .dialect = sl_dialect_mlflow.name,
        .status = 503,
        .error_type = SL_ERR_SLUICE_OVERLOADED,
    };
    sl_metrics_add(worker->metrics, SL_METRIC_REQUESTS, &key);
}

/* --- GET /metrics --- */

/* A scrape: formatted on the pool, since a large one would hold up the loop. */
struct sl_scrape {
    uv_work_t work;
    struct sl_xchg *x; /* NULL: the client went away */
    struct sl_gate *gate;
    struct sl_snapshot *snapshot; /* held: the limits in force */
    struct sl_buf text;
};

static void scrape_run(uv_work_t *work)
{
    struct sl_scrape *scrape = SL_CONTAINER_OF(work, struct sl_scrape, work);
    struct sl_reading_source source = { scrape->gate, scrape->snapshot };
    sl_metrics_write(scrape->gate->metrics, sl_readings, &source, &scrape->text);
}

static void scrape_free(struct sl_scrape *scrape)
{
    sl_snapshot_unref(scrape->snapshot);
    sl_buf_done(&scrape->text);
    free(scrape);
}

static void scrape_done(uv_work_t *work, int status)
{
    struct sl_scrape *scrape = SL_CONTAINER_OF(work, struct sl_scrape, work);
    struct sl_xchg *x = scrape->x;
    if (x) {
        x->scrape = NULL;
        if (status < 0 || sl_buf_status(&scrape->text) < 0) {
            sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory");
        } else {
            sl_xchg_reply(x, 200, SL_STR("text/plain; version=0.0.4; charset=utf-8"), sl_buf_str(&scrape->text));
        }
    }
    scrape_free(scrape);
}

void sl_scrape_forget(struct sl_xchg *x)
{
    if (x->scrape) {
        x->scrape->x = NULL;
        x->scrape = NULL;
    }
}

void sl_handle_metrics(struct sl_xchg *x)
{
    struct sl_scrape *scrape = calloc(1, sizeof(*scrape));
    if (!scrape) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "out of memory");
        return;
    }
    scrape->x = x;
    scrape->gate = x->worker->gate;
    scrape->snapshot = sl_snapshot_ref(x->worker->snapshot);
    sl_buf_init(&scrape->text, METRICS_TEXT_MAX);
    if (uv_queue_work(&x->worker->loop.uv, &scrape->work, scrape_run, scrape_done) < 0) {
        scrape_free(scrape);
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "the gateway cannot read its metrics now");
        return;
    }
    x->scrape = scrape;
}
