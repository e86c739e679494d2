/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/detour.h"

#include "base/arena.h"
#include "base/map.h"
#include "gate/call/charge.h"
#include "gate/call/state.h"
#include "gate/config/route.h"
#include "gate/config/snapshot.h"
#include "gate/config/traffic.h"
#include "gate/gate.h"
#include "gate/policy/pick.h"
#include "gate/worker.h"
#include "llm/core/call.h"
#include "llm/core/target.h"
#include "net/loop.h"

static struct sl_route *find(const void *arg, struct sl_str name)
{
    return sl_snapshot_find(arg, name);
}

int sl_detours_make(struct sl_xchg *x)
{
    if (!x->route->traffic->n_routes || x->shadow_of) {
        return 0;
    }
    struct sl_detours *detours = SL_ARENA_NEW(x->arena, struct sl_detours);
    if (!detours) {
        return SL_E_NOMEM;
    }
    sl_beyond_list(x->route, find, x->worker->snapshot, &detours->to);
    for (uint32_t i = 0; i < detours->to.n; i++) {
        SL_IGNORE(sl_route_ref(detours->to.v[i]));
    }
    detours->end = detours->to.n;
    x->detours = detours;
    return 0;
}

void sl_detours_done(struct sl_xchg *x)
{
    for (uint32_t i = 0; x->detours && i < x->detours->to.n; i++) {
        sl_traffic_done(x->detours->made[i]);
        sl_route_unref(x->detours->to.v[i]);
    }
    x->detours = NULL;
}

/* --- going on --- */

static bool is_usable(struct sl_xchg *x, const struct sl_route *route)
{
    static const uint64_t none[SL_POOL_WORDS(SL_POOL_MAX)];
    struct sl_loop *loop = x->desk->loop;
    const struct sl_ask ask = { none, sl_loop_now(loop), sl_rng_next(&loop->rng), x->call->is_stream, true };
    return sl_charge_may_go(x, route) && (!route->traffic || sl_pool_left(&route->traffic->pool, &ask));
}

bool sl_detours_left(struct sl_xchg *x)
{
    const struct sl_detours *detours = x->detours;
    uint32_t i = detours ? detours->next : 0;
    while (detours && i < detours->end && !is_usable(x, detours->to.v[i])) {
        i++;
    }
    return detours && i < detours->end;
}

bool sl_detours_enter(struct sl_xchg *x)
{
    struct sl_detours *detours = x->detours;
    while (detours && detours->next < detours->end) {
        uint32_t i = detours->next++;
        struct sl_route *route = detours->to.v[i];
        struct sl_traffic *traffic = route->traffic;
        if (!is_usable(x, route)) {
            continue;
        }
        if (!traffic && sl_traffic_alone(&route->targets[0], x->arena, &detours->made[i]) < 0) {
            continue;
        }
        x->at = (struct sl_at){ route, traffic ? traffic : detours->made[i] };
        return true;
    }
    return false;
}

int sl_detours_count(struct sl_xchg *x, sl_charge_fn *fn, void *arg)
{
    return sl_charge_go(x, x->at.route, fn, arg);
}

void sl_detours_pin(struct sl_xchg *x, uint32_t index)
{
    if (x->detours) {
        x->detours->next = index == SL_NO_TARGET ? x->detours->end : index;
        x->detours->end = index == SL_NO_TARGET ? x->detours->end : index + 1;
    }
}

/* --- how its targets are known --- */

bool sl_detour_is_on(const struct sl_xchg *x)
{
    return x->at.route != x->route || x->shadow_of;
}

static struct sl_str inner_name(const struct sl_route *route, uint32_t target)
{
    return route->traffic ? route->traffic->targets[target].name : SL_STR("model");
}

static struct sl_str outer_name(const struct sl_xchg *x, const struct sl_route *route, uint32_t target)
{
    struct sl_str inner = inner_name(route, target);
    struct sl_str whole = sl_arena_printf(x->arena, "%.*s/%.*s", SL_STR_ARG(route->name), SL_STR_ARG(inner));
    return whole.p ? whole : inner;
}

struct sl_str sl_detours_name(const struct sl_xchg *x, uint32_t index, uint32_t target)
{
    return outer_name(x, x->detours->to.v[index], target);
}

struct sl_str sl_detour_name(const struct sl_xchg *x, uint32_t target)
{
    return sl_detour_is_on(x) ? outer_name(x, x->at.route, target) : x->at.traffic->targets[target].name;
}

struct sl_str sl_detour_told(const struct sl_xchg *x, uint32_t target, struct sl_str name)
{
    return sl_detour_is_on(x) ? sl_traffic_told(name, &x->at.route->targets[target], x->arena)
                              : x->at.traffic->targets[target].told;
}

/* The print of a target for calls from another route. It has the route's name, because what a target can read may
 * depend on the route's credential. */
static uint64_t outer_print(const struct sl_route *route, uint32_t target)
{
    uint64_t print = route->traffic ? route->traffic->targets[target].print
                                    : sl_traffic_print(SL_STR("model"), &route->targets[target]);
    print = sl_hash_both(sl_hash(route->name), print);
    return print ? print : 1;
}

uint64_t sl_detour_print(const struct sl_xchg *x, uint32_t target)
{
    return sl_detour_is_on(x) ? outer_print(x->at.route, target) : x->at.traffic->targets[target].print;
}

static bool is_named(const struct sl_route *route, uint32_t target, struct sl_str name)
{
    struct sl_str inner = inner_name(route, target);
    return name.n == route->name.n + 1 + inner.n && sl_str_has_prefix(name, route->name) &&
           name.p[route->name.n] == '/' && sl_str_eq(sl_str_sub(name, route->name.n + 1, name.n), inner);
}

uint32_t sl_detours_find(const struct sl_xchg *x, uint64_t print, struct sl_str name, uint32_t *ret_index)
{
    const struct sl_detours *detours = x->detours;
    for (uint32_t i = 0; detours && i < detours->to.n; i++) {
        const struct sl_route *route = detours->to.v[i];
        for (uint32_t target = 0; target < route->n_targets; target++) {
            if (name.p ? is_named(route, target, name) : outer_print(route, target) == print) {
                *ret_index = i;
                return target;
            }
        }
    }
    return SL_NO_TARGET;
}
