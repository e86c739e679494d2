/* SPDX-License-Identifier: Apache-2.0 */
/* The state of the targets of routes that have several. */
#include "gate/api/api.h"
#include "gate/api/page.h"
#include "gate/call/access.h"
#include "gate/call/auth.h"
#include "gate/call/path.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/route.h"
#include "gate/config/snapshot.h"
#include "gate/config/traffic.h"
#include "gate/policy/queue.h"
#include "gate/worker.h"
#include "json/write.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"
#include "net/loop.h"

static void target_write(struct sl_jw *w, const struct sl_route *route, uint32_t i, uint64_t now)
{
    const struct sl_traffic *traffic = route->traffic;
    const struct sl_target *target = &route->targets[i];
    struct sl_target_look look;
    sl_pool_look(&traffic->pool, i, now, &look);
    sl_jw_object(w);
    sl_jw_member_str(w, "route", route->name);
    sl_jw_member_str(w, "target", traffic->targets[i].name);
    sl_jw_member_str(w, "provider", sl_str_c(target->provider->name));
    sl_jw_member_str(w, "model", target->model);
    sl_jw_member_u64(w, "weight", traffic->rules[i].weight);
    sl_jw_member_u64(w, "tier", traffic->rules[i].tier);
    sl_jw_member_str(w, "state", sl_str_c(sl_breaker_word(look.state)));
    sl_jw_member_u64(w, "in_flight", look.in_flight);
    if (sl_traffic_is_watched(traffic, i)) {
        sl_jw_member_str(w, "health", sl_str_c(look.is_down ? "down" : "up"));
    } else {
        sl_jw_key(w, "health");
        sl_jw_null(w);
    }
    sl_api_msec_write(w, "waits_ms", look.waits_usec);
    sl_api_msec_write(w, "first_token_ms", look.took_usec[1]);
    sl_api_msec_write(w, "reply_ms", look.took_usec[0]);
    sl_jw_end(w);
}

/* A page ends after the route that brings it to this number. */
#define PAGE_TARGETS 1000

static void handle_target_list(struct sl_xchg *x)
{
    const struct sl_snapshot *snapshot = sl_worker_snapshot(x->worker);
    uint32_t start, n = 0;
    if (!sl_page_start_or_refuse(x, snapshot, &start)) {
        return;
    }
    struct sl_jw writer, *w = sl_api_writer(x, &writer);
    uint64_t now = sl_loop_now(x->desk->loop);
    sl_jw_object(w);
    sl_jw_key(w, "targets");
    sl_jw_array(w);
    struct sl_snapshot_iter it = sl_snapshot_walk(snapshot, start);
    for (const struct sl_route *route; n < PAGE_TARGETS && (route = sl_snapshot_next(&it)) != NULL;) {
        bool is_shown = route->traffic && !sl_snapshot_is_shadowed(snapshot, route) && sl_auth_may_use(x, route->name);
        for (uint32_t i = 0; is_shown && i < route->n_targets; i++) {
            target_write(w, route, i, now);
            n++;
        }
    }
    sl_jw_end(w);
    sl_page_token_write(x, w, snapshot, it.index);
    sl_jw_end(w);
    sl_api_reply(x, 200);
}

static void handle_target_reset(struct sl_xchg *x)
{
    const struct sl_route *route = sl_snapshot_find(sl_worker_snapshot(x->worker), x->match.arg);
    uint32_t i = route && route->traffic ? sl_traffic_named(route->traffic, route->n_targets, x->match.arg2)
                                         : SL_NO_TARGET;
    if (i == SL_NO_TARGET) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_NOT_FOUND, "There is no target '%.*s' of a route '%.*s' with several.",
                          SL_STR_ARG(sl_str_sub(x->match.arg2, 0, 128)), SL_STR_ARG(sl_str_sub(x->match.arg, 0, 256)));
        return;
    }
    struct sl_loop *loop = x->desk->loop;
    sl_pool_reset(&route->traffic->pool, i);
    if (route->traffic->queue) { /* a call may be waiting for this target */
        sl_queue_serve(route->traffic->queue, sl_loop_now(loop), sl_rng_next(&loop->rng));
    }
    struct sl_jw writer, *w = sl_api_writer(x, &writer);
    target_write(w, route, i, sl_loop_now(loop));
    sl_api_reply(x, 200);
}

#define TARGETS "/api/sluice/v1/targets"

const struct sl_path sl_targets_rows[] = {
    { .methods = SL_GET | SL_HEAD,
      .pattern = TARGETS,
      .handle = handle_target_list,
      .access = SL_ACCESS_GROUP_VIEWER,
      .told = SL_TOLD("List the targets of routes with several targets, and their states; a page ends after the route "
                      "with the thousandth.",
                      .parameters = "page_token", .reply = "TargetList") },
    { .methods = SL_POST,
      .pattern = TARGETS "/{}/{}/reset",
      .handle = handle_target_reset,
      .access = SL_ACCESS_OPERATOR,
      .told = SL_TOLD("Lets a target have calls again: closes its breaker and ends its wait.", .parameters = "target",
                      .reply = "Target") },
    { 0 },
};
