/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/measure.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/num.h"
#include "gate/call/asked.h"
#include "gate/call/charge.h"
#include "gate/call/detour.h"
#include "gate/call/spent.h"
#include "gate/call/state.h"
#include "gate/call/trace.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "gate/config/traffic.h"
#include "gate/gate.h"
#include "gate/watch/faults.h"
#include "gate/watch/metrics.h"
#include "gate/watch/notice.h"
#include "gate/worker.h"
#include "http/hreq.h"
#include "llm/core/call.h"
#include "llm/core/language.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"
#include "llm/price/price.h"
#include "net/loop.h"

static const struct sl_metric_labels *labels_make(struct sl_xchg *x, const struct sl_route *route,
                                                  const struct sl_target *target, struct sl_str name)
{
    const struct sl_metric_labels made = {
        .route = route->name,
        .operation = sl_str_c(sl_llm_operation_name(route->type)),
        .provider = sl_str_c(target->provider->name),
        .model = target->model,
        .target = name.p ? name : SL_STR("model"),
    };
    const struct sl_metric_bounds bounds = { x->settings->metrics_max_routes, x->settings->metrics_histogram_routes };
    return sl_metrics_intern(x->worker->gate->metrics, &made, &bounds);
}

/* The labels of another route's target. Made once for each target that is tried. */
static const struct sl_metric_labels *away_labels_of(struct sl_xchg *x)
{
    const struct sl_record *record = &x->record;
    if (x->detours->labelled != record->target) {
        x->detours->labelled = record->target;
        x->detours->labels = labels_make(x, x->route, record->target, record->target_name);
    }
    return x->detours->labels;
}

/* The labels of a route's target. Made once for each route object, then found there. */
static const struct sl_metric_labels *labels_at(struct sl_xchg *x, const struct sl_route *route,
                                                const struct sl_target *target)
{
    size_t i = (size_t)(target - route->targets);
    _Atomic(const struct sl_metric_labels *) *kept = &route->metric_labels[i];
    const struct sl_metric_labels *labels = atomic_load_explicit(kept, memory_order_acquire);
    if (SL_UNLIKELY(!labels)) {
        labels = labels_make(x, route, target, sl_route_target_name(route, i));
        atomic_store_explicit(kept, labels, memory_order_release);
    }
    return labels;
}

/* The labels of the route's target that was tried, else of its first. */
static const struct sl_metric_labels *labels_of(struct sl_xchg *x)
{
    struct sl_metrics *metrics = x->worker->gate->metrics;
    const struct sl_route *route = x->route;
    if (!route) {
        return sl_xchg_is_invocation(x) ? sl_metrics_other(metrics) : sl_metrics_none(metrics);
    }
    if (SL_UNLIKELY(x->record.is_away)) {
        return away_labels_of(x);
    }
    return labels_at(x, route, x->record.target ? x->record.target : route->targets);
}

void sl_measure_limit(struct sl_xchg *x, bool is_refused)
{
    struct sl_metric_key key = { .labels = labels_of(x),
                                 .word = is_refused ? "refused" : "allowed",
                                 .source = sl_charge_source(x) };
    sl_metrics_add(x->desk->metrics, SL_METRIC_LIMITS, &key);
}

void sl_measure_queue(struct sl_xchg *x, uint64_t waited_usec)
{
    sl_metrics_observe(x->desk->metrics, SL_METRIC_QUEUE_WAIT, &(struct sl_metric_key){ .labels = labels_of(x) },
                       waited_usec);
}

void sl_measure_refused(struct sl_xchg *x)
{
    sl_metrics_add(x->desk->metrics, SL_METRIC_RETRY_BUDGET_REFUSED, &(struct sl_metric_key){ .labels = labels_of(x) });
}

/* The upstream's text, if it is about this gateway's account; other texts may quote a caller's request. */
static struct sl_str said(const struct sl_record *record, enum sl_error_type type)
{
    bool is_operators = type == SL_ERR_PROVIDER_AUTH_FAILED || type == SL_ERR_PROVIDER_BILLING;
    return is_operators ? record->upstream_said : SL_STR_NONE;
}

/* Keeps it as the last failure of its target. */
static void attempt_note(struct sl_xchg *x, enum sl_error_type type, const struct sl_notice *notice)
{
    struct sl_faults *faults = x->worker->gate->faults;
    const struct sl_route *route = x->at.route;
    size_t target = 0;
    while (faults && route && target < route->n_targets && &route->targets[target] != x->record.target) {
        target++;
    }
    if (!faults || !route || target == route->n_targets) {
        return;
    }
    struct sl_fault fault = { .at_wall_usec = sl_clock_wall_usec(), .type = type, .status = notice->status };
    snprintf(fault.text, sizeof(fault.text), "%.*s%s%.*s%s", SL_STR_ARG(notice->text), notice->said.n ? ": \"" : "",
             SL_STR_ARG(notice->said), notice->said.n ? "\"" : "");
    sl_faults_note(faults, route->name, sl_route_target_name(route, target), &fault);
}

/* Reports the attempt in the operator's log. */
static void attempt_tell(struct sl_xchg *x, enum sl_error_type type, uint64_t now_usec)
{
    const struct sl_record *record = &x->record;
    const struct sl_notice notice = {
        .route = x->shadow_of ? x->shadow_of->name : x->route->name,
        .target = record->target_name,
        .is_copy = x->shadow_of,
        .provider = record->target ? sl_str_c(record->target->provider->name) : SL_STR(""),
        .model = record->target ? record->target->model : SL_STR(""),
        .kind = sl_error_type_word(type),
        .status = record->upstream_status,
        .code = record->upstream_code,
        .request_id = record->upstream_request_id,
        .text = sl_record_error(record),
        .said = said(record, type),
    };
    sl_notice_upstream(x->worker->gate->notices, &notice, now_usec);
    attempt_note(x, type, &notice);
}

void sl_measure_breaker(struct sl_xchg *x, uint32_t target, bool is_open, uint64_t now_usec)
{
    const struct sl_traffic *traffic = x->at.traffic;
    char room[96] = "it gets its calls again: its breaker is closed", open[32];
    if (is_open) {
        sl_format_duration(traffic->pool.breaker.open_usec, open);
        snprintf(room, sizeof(room), "it gets no calls for %s: its breaker is open", open);
    }
    sl_notice_route(x->worker->gate->notices,
                    &(struct sl_notice){ .route = x->at.route->name,
                                         .target = traffic->targets[target].name,
                                         .kind = is_open ? "breaker_open" : "breaker_closed",
                                         .text = sl_str_c(room) },
                    now_usec);
}

void sl_measure_no_target(struct sl_xchg *x, const struct sl_llm_error *error, uint64_t now_usec)
{
    x->record.error_text = error->message;
    if (error->type != SL_ERR_SLUICE_OVERLOADED) { /* otherwise the code that refuses the call reports it */
        sl_notice_route(x->worker->gate->notices,
                        &(struct sl_notice){ .route = x->route->name, .kind = "no_target", .text = error->message },
                        now_usec);
    }
}

void sl_measure_attempt(struct sl_xchg *x, enum sl_error_type type, uint64_t now_usec)
{
    /* A call that its provider cannot express was never sent. */
    bool is_aborted = type == SL_ERR_CALLER_CANCELLED || type == SL_ERR_CALLER_TIMEOUT; /* it ran until then */
    bool has_left = type < SL_ERR_CALLER_INVALID_REQUEST || type >= SL_ERR_CALLER_CANCELLED || is_aborted;
    if (x->record.n_measured == x->record.n_attempts || !has_left) {
        return;
    }
    x->record.n_measured++;
    if (SL_UNLIKELY(x->trace)) {
        sl_trace_try_end(x, type, false, now_usec);
    }
    if (!x->shadow_of) {
        struct sl_metrics_worker *metrics = x->desk->metrics;
        struct sl_metric_key key = { .labels = labels_of(x), .error_type = (uint8_t)type };
        sl_metrics_observe(metrics, SL_METRIC_CLIENT_DURATION, &key, now_usec - x->record.upstream_start_usec);
        key.word = type == SL_ERR_NONE ? "ok" : is_aborted ? "cancelled" : "error";
        sl_metrics_add(metrics, SL_METRIC_ATTEMPTS, &key);
    }
    if (sl_error_type_is_upstream(type)) {
        attempt_tell(x, type, now_usec);
    }
}

void sl_measure_beaten(struct sl_xchg *x, uint64_t now_usec)
{
    struct sl_metric_key key = { .labels = labels_of(x) };
    x->record.n_measured++;
    if (SL_UNLIKELY(x->trace)) {
        sl_trace_try_end(x, SL_ERR_NONE, true, now_usec);
    }
    sl_metrics_observe(x->desk->metrics, SL_METRIC_CLIENT_DURATION, &key, now_usec - x->record.upstream_start_usec);
    key.word = "cancelled";
    sl_metrics_add(x->desk->metrics, SL_METRIC_ATTEMPTS, &key);
}

void sl_measure_hedge(struct sl_xchg *x, const char *outcome)
{
    sl_metrics_add(x->desk->metrics, SL_METRIC_HEDGES,
                   &(struct sl_metric_key){ .labels = labels_of(x), .word = outcome });
}

void sl_measure_shadow(struct sl_xchg *x, const char *outcome)
{
    const struct sl_route *called = x->shadow_of ? x->shadow_of : x->route;
    const struct sl_metric_key key = { .labels = labels_at(x, called, called->targets), .word = outcome };
    sl_metrics_add(x->desk->metrics, SL_METRIC_SHADOWS, &key);
}

static const char *shadow_outcome(const struct sl_xchg *x)
{
    enum sl_error_type type = x->record.error_type;
    if (type == SL_ERR_NONE) {
        return "ok";
    }
    if (!x->route) {
        return type == SL_ERR_CALLER_NOT_FOUND ? "missing" : "dropped";
    }
    bool is_cut = type == SL_ERR_SLUICE_DRAINING || (type == SL_ERR_SLUICE_OVERLOADED && x->record.n_attempts);
    bool has_failed = x->record.n_attempts && sl_error_type_is_upstream(type);
    return is_cut ? "dropped" : has_failed ? "error" : "refused";
}

/* Adds tokens, and the times of a stream. */
static void measure_success(struct sl_xchg *x, const struct sl_metric_labels *labels, uint64_t now_usec)
{
    struct sl_metrics_worker *metrics = x->desk->metrics;
    struct sl_metric_key key = { .labels = labels };
    if (x->record.is_stream && x->record.first_byte_usec) {
        sl_metrics_observe(metrics, SL_METRIC_FIRST_TOKEN, &key, x->record.first_byte_usec - x->req->start_usec);
        if (x->record.usage.output > 1) {
            sl_metrics_observe(metrics, SL_METRIC_PER_TOKEN, &key,
                               (now_usec - x->record.first_byte_usec) / (uint64_t)(x->record.usage.output - 1));
        }
    }
    if (x->record.usage.input < 0 && x->record.usage.output < 0) {
        sl_metrics_add(metrics, SL_METRIC_USAGE_MISSING, &(struct sl_metric_key){ 0 });
    }
    if (x->record.usage.input >= 0) {
        key.word = "input";
        sl_metrics_observe(metrics, SL_METRIC_TOKENS, &key, (uint64_t)x->record.usage.input);
    }
    if (x->record.usage.output >= 0) {
        key.word = "output";
        sl_metrics_observe(metrics, SL_METRIC_TOKENS, &key, (uint64_t)x->record.usage.output);
    }
}

void sl_measure_cost(struct sl_xchg *x)
{
    struct sl_record *record = &x->record;
    const struct sl_target *target = record->target;
    bool may_be_known = target && (target->price || record->usage.cost_nano >= 0 || x->call->type == SL_LLM_IMAGES);
    bool is_told = record->error_type == SL_ERR_NONE || record->usage.cost_nano >= 0 ||
                   sl_price_is_told(&record->usage); /* what was asked for costs nothing when it was not given */
    if (may_be_known && is_told && sl_xchg_has_price(x)) {
        record->cost_nano = sl_asked_cost(x, target, &record->usage, &record->is_cost_apart);
    }
}

/* Adds what attempts cost that others followed. */
static void measure_spent(struct sl_xchg *x)
{
    for (const struct sl_spent *spent = x->record.spent; spent; spent = spent->next) {
        const struct sl_metric_labels *labels = spent->is_away
                                                    ? labels_make(x, x->route, spent->target, spent->target_name)
                                                    : labels_at(x, x->route, spent->target);
        if (spent->cost_nano > 0) {
            sl_metrics_add_many(x->desk->metrics, SL_METRIC_COST, &(struct sl_metric_key){ .labels = labels },
                                (uint64_t)spent->cost_nano);
        } else if (spent->cost_nano < 0) {
            sl_metrics_unpriced(x->desk->metrics);
        }
    }
}

void sl_measure_exchange(struct sl_xchg *x, int status)
{
    struct sl_metrics_worker *metrics = x->desk->metrics;
    uint64_t now = sl_loop_now(x->desk->loop);
    if (x->record.is_stream || x->record.cost_nano < 0) { /* a whole reply's head may have told it already */
        sl_measure_cost(x);
    }
    if (SL_UNLIKELY(x->shadow_of)) {
        sl_measure_attempt(x, x->record.error_type, now);
        sl_measure_shadow(x, shadow_outcome(x));
        return;
    }
    const struct sl_metric_labels *labels = labels_of(x);
    if (x->record.error_type == SL_ERR_CALLER_CANCELLED) {
        struct sl_metric_key key = { .word = x->record.n_attempts > x->record.n_measured ? "true" : "false" };
        sl_metrics_add(metrics, SL_METRIC_CLIENT_GONE, &key);
    }
    if (x->record.n_attempts) {
        sl_measure_attempt(x, x->record.error_type, now);
    }
    struct sl_metric_key key = {
        .labels = labels,
        .dialect = x->dialect->name,
        .status = (uint16_t)status,
        .error_type = (uint8_t)x->record.error_type,
        .is_stream = x->call->is_stream,
    };
    sl_metrics_add(metrics, SL_METRIC_REQUESTS, &key);
    if (!x->route || !sl_xchg_is_invocation(x)) {
        return;
    }
    if (SL_UNLIKELY(x->record.spent)) {
        measure_spent(x);
    }
    if (x->record.cost_nano > 0) {
        struct sl_metric_key cost = { .labels = labels };
        sl_metrics_add_many(metrics, SL_METRIC_COST, &cost, (uint64_t)x->record.cost_nano);
    } else if (x->record.cost_nano < 0 && x->record.error_type == SL_ERR_NONE) {
        sl_metrics_unpriced(metrics);
    }
    struct sl_metric_key route = { .labels = labels, .error_type = (uint8_t)x->record.error_type };
    sl_metrics_observe(metrics, SL_METRIC_SERVER_DURATION, &route, now - x->req->start_usec);
    if (x->record.error_type == SL_ERR_NONE) {
        measure_success(x, labels, now);
    }
}

/* Only for calls with one attempt: the waits between attempts are not the gateway's time. */
void sl_measure_overhead(struct sl_xchg *x)
{
    /* For an upload nobody can say which part was the client's time. */
    if (x->upload || x->record.n_attempts != 1 || x->record.error_type != SL_ERR_NONE || !x->record.upstream_end_usec) {
        return;
    }
    const struct sl_record *record = &x->record;
    uint64_t sent = record->sent_usec ? record->sent_usec : record->upstream_start_usec;
    uint64_t connect = record->connected_usec - record->connect_start_usec; /* both are 0 if it connected before */
    if (sent >= x->req->body_usec + connect) {
        sl_metrics_observe(x->desk->metrics, SL_METRIC_OVERHEAD, &(struct sl_metric_key){ 0 },
                           sent - connect - x->req->body_usec + sl_loop_now(x->desk->loop) -
                               x->record.upstream_end_usec);
    }
}

void sl_measure_turned_away(struct sl_worker *worker)
{
    struct sl_metric_key key = {
        .labels = sl_metrics_none(worker->gate->metrics),
        .dialect = sl_path_dialect(worker->paths, SL_STR("/"), NULL)->name,
        .status = 503,
        .error_type = SL_ERR_SLUICE_OVERLOADED,
    };
    sl_metrics_add(worker->desk.metrics, SL_METRIC_REQUESTS, &key);
}
