/* SPDX-License-Identifier: Apache-2.0 */
/* The providers that routes use: their targets, what state these are in, and what went wrong last. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "gate/api/api.h"
#include "gate/api/offload.h"
#include "gate/call/access.h"
#include "gate/call/path.h"
#include "gate/call/state.h"
#include "gate/config/route.h"
#include "gate/config/snapshot.h"
#include "gate/config/traffic.h"
#include "gate/gate.h"
#include "gate/watch/faults.h"
#include "gate/watch/metrics.h"
#include "json/write.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"

#define PROVIDERS_TEXT_MAX (64u << 20)
/* So many targets of a provider are listed; all of them count. */
#define TARGETS_MAX 1000

/* The caller may also know what upstreams said, and what all callers did. */
#define SEES_ALL SL_BIT(0)

/* What is summed up for a provider while its targets are written. */
struct sums {
    uint32_t n, n_listed;
    uint32_t n_states, n_resting; /* targets that have a state; of these, those that get no calls */
    bool has_fault;
    struct sl_fault fault; /* the last one */
};

/* --- what failed last --- */

static void fault_write(struct sl_jw *w, const struct sl_offload *list, const struct sl_fault *fault)
{
    sl_jw_key(w, "last_error");
    if (!fault) {
        sl_jw_null(w);
        return;
    }
    bool has_text = list->flags & SEES_ALL && fault->text[0];
    sl_jw_object(w);
    sl_api_time_write(w, "at", fault->at_wall_usec / SL_USEC_PER_SEC);
    sl_jw_member_str(w, "type", sl_str_c(sl_error_type_word(fault->type)));
    if (fault->status) {
        sl_jw_member_u64(w, "status", (uint64_t)fault->status);
    } else {
        sl_jw_member_null(w, "status");
    }
    sl_jw_member_str(w, "text", has_text ? sl_str_c(fault->text) : SL_STR_NONE);
    sl_jw_member_u64(w, "count", fault->n);
    sl_jw_end(w);
}

static void fault_add(struct sums *sums, const struct sl_fault *fault)
{
    uint64_t n = sums->fault.n + fault->n;
    if (!sums->has_fault || fault->at_wall_usec > sums->fault.at_wall_usec) {
        sums->fault = *fault;
    }
    sums->has_fault = true;
    sums->fault.n = n;
}

/* --- targets --- */

static void state_write(struct sl_jw *w, const struct sl_target_look *look)
{
    if (look) {
        sl_jw_member_str(w, "state", sl_str_c(sl_breaker_word(look->state)));
        sl_jw_member_u64(w, "in_flight", look->in_flight);
        sl_api_msec_write(w, "waits_ms", look->waits_usec);
        return;
    }
    sl_jw_member_null(w, "state");
    sl_jw_member_null(w, "in_flight");
    sl_jw_member_null(w, "waits_ms");
}

static void target_write(struct sl_jw *w, const struct sl_offload *list, const struct sl_route *route, uint32_t i,
                         struct sums *io_sums)
{
    const struct sl_target *target = &route->targets[i];
    struct sl_target_look look;
    struct sl_fault fault;
    struct sl_str name = sl_route_target_name(route, i);
    bool has_fault = sl_faults_find(list->gate->faults, route->name, name, &fault);
    bool is_listed = ++io_sums->n <= TARGETS_MAX;
    if (route->traffic) {
        sl_pool_look(&route->traffic->pool, i, sl_clock_usec(), &look);
        io_sums->n_states++;
        io_sums->n_resting += look.state == SL_BREAKER_OPEN || look.waits_usec;
    }
    if (has_fault) {
        fault_add(io_sums, &fault);
    }
    if (!is_listed) {
        return;
    }
    bool is_watched = route->traffic && sl_traffic_is_watched(route->traffic, i);
    sl_jw_object(w);
    sl_jw_member_str(w, "route", route->name);
    sl_jw_member_str(w, "target", name);
    sl_jw_member_str(w, "model", target->model);
    sl_jw_member_str(w, "host", target->is_local ? SL_STR_NONE : target->base.host);
    sl_jw_member_str(w, "owner", route->incarnation ? SL_STR("api") : SL_STR("file"));
    state_write(w, route->traffic ? &look : NULL);
    sl_jw_member_str(w, "health", !is_watched ? SL_STR_NONE : look.is_down ? SL_STR("down") : SL_STR("up"));
    fault_write(w, list, has_fault ? &fault : NULL);
    sl_jw_end(w);
}

static void targets_write(struct sl_jw *w, const struct sl_offload *list, const struct sl_provider *provider,
                          struct sums *io_sums)
{
    sl_jw_key(w, "targets");
    sl_jw_array(w);
    struct sl_snapshot_iter it = sl_snapshot_walk(list->snapshot, 0);
    for (const struct sl_route *route; (route = sl_snapshot_next(&it)) != NULL;) {
        for (uint32_t i = 0; i < route->n_targets; i++) {
            if (route->targets[i].provider == provider && !sl_snapshot_is_shadowed(list->snapshot, route)) {
                target_write(w, list, route, i, io_sums);
            }
        }
    }
    sl_jw_end(w);
}

/* --- providers --- */

struct attempts {
    uint64_t n, n_failed;
};

/* Sums up the attempts of each provider, in the order of sl_provider_at. */
static int attempts_read(const struct sl_offload *list, struct attempts *io_attempts)
{
    struct sl_metric_series **all;
    size_t n = 0;
    int r = sl_metrics_collect(list->gate->metrics, &all, &n);
    for (size_t i = 0; r == 0 && i < n; i++) {
        if (all[i]->metric != SL_METRIC_ATTEMPTS) {
            continue;
        }
        uint64_t value = atomic_load_explicit(&all[i]->v[0], memory_order_relaxed);
        const struct sl_provider *provider;
        for (size_t k = 0; (provider = sl_provider_at(k)) != NULL; k++) {
            if (sl_str_eq_c(all[i]->key.labels->provider, provider->name)) {
                io_attempts[k].n += value;
                io_attempts[k].n_failed += strcmp(all[i]->key.word, "error") == 0 ? value : 0;
            }
        }
    }
    free(r < 0 ? NULL : all);
    return r;
}

static void attempts_write(struct sl_jw *w, const struct sl_offload *list, const struct attempts *attempts)
{
    if (list->flags & SEES_ALL) {
        sl_jw_member_u64(w, "attempts", attempts->n);
        sl_jw_member_u64(w, "failed", attempts->n_failed);
        return;
    }
    sl_jw_member_null(w, "attempts");
    sl_jw_member_null(w, "failed");
}

static const char *state_word(const struct sums *sums)
{
    return !sums->n_states || sums->n_states < sums->n ? sums->n_resting ? "part" : NULL
           : sums->n_resting == sums->n_states         ? "down"
           : sums->n_resting                           ? "part"
                                                       : "up";
}

static void provider_write(struct sl_jw *w, const struct sl_offload *list, const struct sl_provider *provider,
                           const struct attempts *attempts)
{
    struct sums sums = { 0 };
    sl_jw_object(w);
    sl_jw_member_str(w, "name", sl_str_c(provider->name));
    sl_jw_member_str(w, "label", sl_str_c(provider->label));
    sl_jw_member_bool(w, "lists_models", provider->models_target);
    targets_write(w, list, provider, &sums);
    sl_jw_member_u64(w, "targets_left_out", sums.n > TARGETS_MAX ? sums.n - TARGETS_MAX : 0);
    sl_jw_member_str(w, "state", sl_str_c(state_word(&sums)));
    attempts_write(w, list, attempts);
    fault_write(w, list, sums.has_fault ? &sums.fault : NULL);
    sl_jw_end(w);
}

/* True: a route that is served has a target of it. */
static bool is_used(const struct sl_offload *list, const struct sl_provider *provider)
{
    struct sl_snapshot_iter it = sl_snapshot_walk(list->snapshot, 0);
    for (const struct sl_route *route; (route = sl_snapshot_next(&it)) != NULL;) {
        for (uint32_t i = 0; i < route->n_targets; i++) {
            if (route->targets[i].provider == provider && !sl_snapshot_is_shadowed(list->snapshot, route)) {
                return true;
            }
        }
    }
    return false;
}

static size_t providers_count(void)
{
    size_t n = 0;
    while (sl_provider_at(n)) {
        n++;
    }
    return n;
}

static void list_run(struct sl_offload *list)
{
    size_t n = providers_count();
    struct attempts *attempts = SL_ARENA_ARRAY(&list->arena, struct attempts, n);
    if (!attempts || attempts_read(list, attempts) < 0) {
        list->text.status = SL_E_NOMEM;
        return;
    }
    struct sl_jw w;
    sl_jw_init(&w, &list->text);
    sl_jw_object(&w);
    sl_jw_key(&w, "providers");
    sl_jw_array(&w);
    for (size_t i = 0; i < n; i++) {
        if (is_used(list, sl_provider_at(i))) {
            provider_write(&w, list, sl_provider_at(i), &attempts[i]);
        }
    }
    sl_jw_end(&w);
    sl_jw_end(&w);
}

static void handle_provider_list(struct sl_xchg *x)
{
    struct sl_offload *list = sl_offload_new(x, list_run, SL_STR("application/json"), PROVIDERS_TEXT_MAX);
    if (list) {
        list->flags = sl_api_sees_all(x) ? SEES_ALL : 0;
        sl_offload_start(list, NULL, NULL);
    }
}

const struct sl_path sl_providers_rows[] = {
    { .methods = SL_GET | SL_HEAD,
      .pattern = "/api/sluice/v1/providers",
      .handle = handle_provider_list,
      .access = SL_ACCESS_GROUP_VIEWER,
      .told = SL_TOLD("List the providers that routes use, the state of their targets, and what failed last.",
                      .reply = "ProviderList") },
    { 0 },
};
