/* SPDX-License-Identifier: Apache-2.0 */
/* The status: what an overview shows, in one call. Its counters are those of /metrics, summed up by route. */
#include <stdio.h>

#include "base/clock.h"
#include "base/num.h"
#include "gate/api/api.h"
#include "gate/api/offload.h"
#include "gate/api/problems.h"
#include "gate/api/status_counts.h"
#include "gate/call/access.h"
#include "gate/call/path.h"
#include "gate/call/state.h"
#include "gate/config/last_load.h"
#include "gate/config/restarts.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "gate/config/snapshot.h"
#include "gate/config/traffic.h"
#include "gate/gate.h"
#include "gate/watch/metrics.h"
#include "gate/watch/readings.h"
#include "gate/watch/totals.h"
#include "json/write.h"
#include "store/store.h"

/* A route is some 1 KB. */
#define STATUS_TEXT_MAX (16u << 20)

/* The caller may also know what the gateway as a whole does; else that is null. */
#define SEES_ALL SL_BIT(0)

/* --- the gateway --- */

static void flag_or_null(struct sl_jw *w, const char *key, bool is_there, bool value)
{
    sl_jw_key(w, key);
    if (is_there) {
        sl_jw_bool(w, value);
    } else {
        sl_jw_null(w);
    }
}

static void process_write(struct sl_jw *w, const struct sl_gate *gate)
{
    char text[32];
    uint64_t now = sl_clock_wall_usec(), up = now > gate->start_wall_usec ? now - gate->start_wall_usec : 0;
    const struct sl_store *store = gate->store;
    sl_jw_member_str(w, "version", SL_STR(SL_VERSION));
    sl_api_time_write(w, "started_at", gate->start_wall_usec / SL_USEC_PER_SEC);
    snprintf(text, sizeof(text), "%llu.%03u", (unsigned long long)(up / SL_USEC_PER_SEC),
             (unsigned)(up % SL_USEC_PER_SEC / SL_USEC_PER_MSEC));
    sl_jw_member_raw(w, "uptime_seconds", sl_str_c(text));
    sl_jw_member_bool(w, "draining", atomic_load(&gate->is_draining));
    flag_or_null(w, "store_up", store, store && sl_store_was_read(store) && sl_store_is_up(store));
    flag_or_null(w, "counters_up", gate->fleet, !sl_gate_is_counters_down(gate));
}

static void load_write(struct sl_jw *w, struct sl_gate *gate, const struct sl_settings *settings)
{
    struct sl_load_note *note = sl_last_load_get(gate->last_load);
    struct sl_restarts restarts;
    sl_jw_key(w, "last_load");
    if (!note) {
        sl_jw_null(w);
        return;
    }
    sl_jw_object(w);
    sl_api_time_write(w, "at", note->at_wall_usec / SL_USEC_PER_SEC);
    sl_jw_member_bool(w, "is_reload", note->is_reload);
    sl_jw_member_bool(w, "ok", note->is_ok);
    sl_api_problems_write(w, &note->problems);
    sl_jw_key(w, "restart");
    sl_jw_array(w);
    sl_restarts_find(&restarts, gate->source, settings);
    for (uint32_t i = 0; i < restarts.n; i++) {
        sl_jw_str(w, sl_str_c(restarts.paths[i]));
    }
    sl_jw_end(w);
    sl_jw_end(w);
    sl_load_note_unref(note);
}

static void configuration_write(struct sl_jw *w, struct sl_gate *gate, const struct sl_settings *settings)
{
    sl_jw_member_u64(w, "config_version", atomic_load(&gate->config_version));
    sl_jw_member_bool(w, "last_reload_successful", !atomic_load(&gate->is_file_refused));
    sl_jw_key(w, "configuration");
    sl_jw_object(w);
    sl_jw_member_str(w, "file", settings->file);
    sl_api_time_write(w, "loaded_at", atomic_load(&gate->config_wall_usec) / SL_USEC_PER_SEC);
    sl_jw_key(w, "reloads");
    sl_jw_object(w);
    sl_jw_member_u64(w, "ok", atomic_load(&gate->reloads_ok));
    sl_jw_member_u64(w, "refused", atomic_load(&gate->reloads_refused));
    sl_jw_end(w);
    load_write(w, gate, settings);
    sl_jw_end(w);
}

static void gauges_write(struct sl_jw *w, struct sl_gate *gate)
{
    struct sl_metrics_gauges now;
    sl_metrics_gauges_read(gate->metrics, &now);
    uint64_t idle = SL_MIN(now.upstream_idle, now.upstream_conns); /* the two are not read at the same time */
    sl_jw_member_u64(w, "workers", atomic_load(&gate->n_workers));
    sl_jw_member_u64(w, "connections", atomic_load(&gate->n_connections));
    sl_jw_member_u64(w, "in_flight", now.in_flight ? now.in_flight - 1 : 0); /* without this call */
    sl_jw_key(w, "upstream_connections");
    sl_jw_object(w);
    sl_jw_member_u64(w, "active", now.upstream_conns - idle);
    sl_jw_member_u64(w, "idle", idle);
    sl_jw_end(w);
}

/* --- targets that get no calls --- */

static void rest_write(struct sl_jw *w, const struct sl_route *route, uint32_t i, uint64_t now)
{
    struct sl_target_look look;
    sl_pool_look(&route->traffic->pool, i, now, &look);
    if (look.state == SL_BREAKER_CLOSED && !look.waits_usec) {
        return;
    }
    sl_jw_object(w);
    sl_jw_member_str(w, "route", route->name);
    sl_jw_member_str(w, "target", route->traffic->targets[i].name);
    sl_jw_member_str(w, "state", sl_str_c(sl_breaker_word(look.state)));
    sl_jw_member_bool(w, "is_down", look.is_down);
    sl_api_msec_write(w, "waits_ms", look.waits_usec);
    sl_jw_end(w);
}

static void resting_write(struct sl_jw *w, const struct sl_offload *status)
{
    const struct sl_snapshot *snapshot = status->snapshot;
    uint64_t now = sl_clock_usec();
    sl_jw_key(w, "resting");
    sl_jw_array(w);
    struct sl_snapshot_iter it = sl_snapshot_walk(snapshot, 0);
    for (const struct sl_route *route; (route = sl_snapshot_next(&it)) != NULL;) {
        bool is_seen = route->traffic && !sl_snapshot_is_shadowed(snapshot, route);
        for (uint32_t i = 0; is_seen && i < route->n_targets; i++) {
            rest_write(w, route, i, now);
        }
    }
    sl_jw_end(w);
}

/* --- the call --- */

static void all_write(struct sl_jw *w, struct sl_offload *status)
{
    struct sl_reading_source source = { status->gate, status->snapshot };
    struct sl_totals totals;
    if (sl_totals_make(&source, &totals) < 0) {
        status->text.status = SL_E_NOMEM;
        return;
    }
    gauges_write(w, status->gate);
    configuration_write(w, status->gate, status->snapshot->settings);
    sl_status_counts_write(w, &totals);
    resting_write(w, status);
    sl_totals_done(&totals);
}

/* What belongs to nobody's group. */
static void nothing_write(struct sl_jw *w)
{
    static const char *const keys[] = {
        "workers",
        "connections",
        "in_flight",
        "upstream_connections",
        "config_version",
        "configuration",
        "requests",
        "last_reload_successful",
        "errors",
        "total_p50_seconds",
        "total_p95_seconds",
        "first_p50_seconds",
        "first_p95_seconds",
        "total_buckets",
        "first_buckets",
        "input_tokens",
        "output_tokens",
        "cost",
        "limits",
        "routes",
        "resting",
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(keys); i++) {
        sl_jw_member_null(w, keys[i]);
    }
}

static void status_run(struct sl_offload *status)
{
    struct sl_jw w;
    sl_jw_init(&w, &status->text);
    sl_jw_object(&w);
    process_write(&w, status->gate);
    sl_status_bounds_write(&w);
    if (status->flags & SEES_ALL) {
        all_write(&w, status);
    } else {
        nothing_write(&w);
    }
    sl_jw_end(&w);
}

static void handle_status(struct sl_xchg *x)
{
    struct sl_offload *status = sl_offload_new(x, status_run, SL_STR("application/json"), STATUS_TEXT_MAX);
    if (status) {
        status->flags = sl_api_sees_all(x) ? SEES_ALL : 0;
        sl_offload_start(status, NULL, NULL);
    }
}

const struct sl_path sl_status_rows[] = {
    { .methods = SL_GET | SL_HEAD,
      .pattern = "/api/sluice/v1/status",
      .handle = handle_status,
      .access = SL_ACCESS_GROUP_VIEWER,
      .told = SL_TOLD(
          "The gateway's state and its counts since the start, by route. A key in a group reads only whether "
          "it serves; the rest is null.",
          .reply = "Status") },
    { 0 },
};
