/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/shadow.h"

#include "base/budget.h"
#include "base/clock.h"
#include "base/num.h"
#include "gate/call/detour.h"
#include "gate/call/measure.h"
#include "gate/call/part.h"
#include "gate/call/plan.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/group.h"
#include "gate/config/key.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "gate/config/snapshot.h"
#include "gate/config/traffic.h"
#include "gate/gate.h"
#include "gate/policy/queue.h"
#include "gate/policy/shadow.h"
#include "gate/worker.h"
#include "http/hreq.h"
#include "llm/core/call.h"
#include "llm/core/passage.h"
#include "net/loop.h"

/* The most shadow calls of one worker at a time: each may hold a descriptor. */
#define RUNNING_MAX 64
/* None begins for this long after a connection could not be opened or accepted. */
#define STARVED_USEC (1 * SL_USEC_PER_SEC)
/* None begins while more of server.limits.memory than this is taken. */
#define MEMORY_PERCENT 75

struct shadow {
    struct sl_xchg x;
    struct sl_call call;
    struct sl_env env;
    struct sl_part part;
    struct sl_timer begin;
    size_t shared_bytes; /* the call's memory that is kept for it */
};

/* --- may it be? --- */

/* True: the call asks for an answer. A call of the raw passage is for its own route's upstream only. */
static bool is_meant(const struct sl_call *call)
{
    return !call->is_count && !call->follow && (!call->passage || call->passage->tail);
}

/* True: the call can be copied. An upload is freed while it is sent, and a response is known to its own upstream
 * only. */
static bool is_fit(const struct sl_xchg *x)
{
    return !x->upload && !x->call->previous.p && !x->made_at.p;
}

static bool has_room(const struct sl_xchg *x)
{
    const struct sl_desk *desk = &x->worker->shadow_desk;
    struct sl_gate *gate = x->worker->gate;
    uint64_t starved = desk->loop->starved_usec;
    return desk->xchgs.n < RUNNING_MAX && !atomic_load_explicit(&gate->is_draining, memory_order_relaxed) &&
           !sl_budget_is_past(x->desk->memory, MEMORY_PERCENT) &&
           atomic_load_explicit(&gate->n_connections, memory_order_relaxed) < x->settings->server.limits.connections &&
           (!starved || sl_loop_now(desk->loop) - starved > STARVED_USEC);
}

/* --- the exchange --- */

static void on_stop(struct sl_part *part)
{
    struct shadow *shadow = SL_CONTAINER_OF(part, struct shadow, part);
    sl_timer_remove(shadow->x.desk->loop, &shadow->begin);
    sl_budget_give_own(shadow->x.desk->memory, shadow->shared_bytes);
}

static void on_counted(void *arg, int r)
{
    if (r < 0) {
        sl_xchg_fail_text(arg, SL_ERR_POLICY_RATE_LIMITED, "a limit of the shadow's route is reached");
    } else {
        sl_plan_start(arg);
    }
}

static void on_begin(struct sl_timer *timer)
{
    struct sl_xchg *x = &SL_CONTAINER_OF(timer, struct shadow, begin)->x;
    struct sl_route *other = sl_snapshot_find(sl_worker_snapshot(x->worker), x->shadow_of->shadow->route);
    x->env->wall_usec = sl_clock_wall_usec();
    x->env->random[0] = sl_random_take(&x->desk->loop->random);
    x->env->random[1] = sl_random_take(&x->desk->loop->random);
    if (!other || other->type != x->shadow_of->type) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_NOT_FOUND, "the route of the shadow is not there, or is of another type");
        return;
    }
    x->route = sl_route_ref(other);
    x->at = (struct sl_at){ other, other->traffic };
    if (other->traffic && other->traffic->queue && sl_queue_depth(other->traffic->queue)) {
        sl_xchg_fail_text(x, SL_ERR_SLUICE_OVERLOADED, "calls of the shadow's route wait for a place");
    } else {
        int r = sl_detours_count(x, on_counted, x);
        if (SL_LIKELY(r != SL_E_AGAIN)) {
            on_counted(x, r);
        }
    }
}

/* Copies the headers, except one that would make the provider take both calls for one. */
static int headers_copy(const struct sl_headers *from, struct sl_arena *arena, struct sl_headers *ret)
{
    *ret = (struct sl_headers){ .head = from->head };
    int r = sl_headers_reserve(ret, arena, from->n);
    for (uint32_t i = 0; r == 0 && i < from->n; i++) {
        bool is_left = sl_str_case_eq(from->v[i].name, SL_STR("idempotency-key"));
        r = is_left ? 0 : sl_headers_add(ret, arena, from->v[i].name, from->v[i].value);
    }
    return r;
}

/* The texts belong to the call; the copied request keeps its memory. */
static void fill(struct shadow *shadow, struct sl_hreq *req, const struct sl_xchg *of)
{
    struct sl_xchg *x = &shadow->x;
    shadow->call = *of->call;
    shadow->call.is_kept = false;
    shadow->env = (struct sl_env){ .request_id = of->caller.request_id,
                                   .headers = &req->msg.headers,
                                   .scratch = of->desk->scratch };
    *x = (struct sl_xchg){
        .worker = of->worker,
        .desk = &of->worker->shadow_desk,
        .req = req,
        .arena = &req->arena,
        .settings = sl_settings_ref(of->settings),
        .caller = of->caller,
        .path = of->path,
        .match = of->match,
        .dialect = of->dialect,
        .shadow_of = sl_route_ref(of->route),
        .call = &shadow->call,
        .env = &shadow->env,
        .is_noted = true, /* nobody asks for its response */
        .record = { .usage = SL_USAGE_NONE, .cost_nano = SL_COST_UNKNOWN },
    };
    x->caller.key = of->caller.key ? sl_key_ref(of->caller.key) : NULL;
    x->caller.group = of->caller.group ? sl_group_ref(of->caller.group) : NULL;
    req->user = x;
    sl_xchg_list_add(&x->desk->xchgs, x);
    sl_xchg_set_state(x, SL_XS_BODY);
    sl_part_begin(&x->parts, &shadow->part, on_stop);
}

/* False: no memory. */
static bool begin(struct sl_xchg *of)
{
    struct sl_desk *desk = &of->worker->shadow_desk;
    struct sl_hreq *req = sl_hreq_copy(of->req);
    if (!req) {
        return false;
    }
    req->arena.budget = desk->memory;
    struct shadow *shadow = SL_ARENA_NEW(&req->arena, struct shadow);
    size_t shared = sl_hreq_shared(req);
    if (!shadow || headers_copy(&of->req->msg.headers, &req->arena, &req->msg.headers) < 0 ||
        !sl_budget_take_own(desk->memory, shared)) {
        sl_hreq_cut(req);
        return false;
    }
    shadow->shared_bytes = shared;
    sl_timer_init(&shadow->begin, on_begin);
    fill(shadow, req, of);
    sl_timer_set(desk->loop, &shadow->begin, sl_loop_now(desk->loop) + 1); /* the call's own request is sent first */
    return true;
}

void sl_shadow_start(struct sl_xchg *x)
{
    if (!is_meant(x->call) || !sl_shadow_is_due(x->route->shadow)) {
        return;
    }
    if (!is_fit(x)) {
        sl_measure_shadow(x, "unfit");
    } else if (!has_room(x) || !begin(x)) {
        sl_measure_shadow(x, "dropped");
    }
}
