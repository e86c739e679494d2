/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice.targets` of a route and the rules for them: which target is asked first, and what happens when one fails. */
#ifndef SL_GATE_TRAFFIC_H
#define SL_GATE_TRAFFIC_H

#include <stdatomic.h>

#include "base/opt.h"
#include "gate/config/per_route.h"
#include "gate/policy/next.h"
#include "gate/policy/pool.h"
#include "llm/core/types.h"

struct sl_arena;
struct sl_hedges;
struct sl_own_models;
struct sl_queue;
struct sl_route_conf;
struct sl_target;
struct sl_traffic_conf;

/* What a route knows of a target, beside llm/core/target.h. */
struct sl_route_target {
    struct sl_str name;
    struct sl_upstream_timeouts timeouts;
    uint64_t timeouts_said; /* bits of sl_opt_said; for the rest the route's values are used */
    struct sl_pos pos;      /* where the file names it */
    struct sl_str told;     /* how an attempt at it begins in the log */
    uint64_t print;         /* a hash of its name, provider and address: the mark of what only this target can read */
    bool is_local;          /* it answers by itself: there is no upstream */
    atomic_bool usage_refused; /* as in a route that has one target */
};

/* One entry of `fallback.routes`. */
struct sl_fallback_route {
    struct sl_str name;
    struct sl_pos pos;
};

/* On the arena of the route, and freed with it. */
struct sl_traffic {
    struct sl_route_target *targets; /* as many as the route has, in the same order */
    struct sl_target_rule *rules;    /* in the same order */
    struct sl_fallback fallback;
    struct sl_fallback_route *routes;
    uint32_t n_routes;
    struct sl_affinity_conf affinity;
    uint32_t refused; /* what some of the models refuse: sl_needs_refused */
    int64_t context;  /* of the smallest window; 0: none is known */
    struct sl_pool pool;
    struct sl_queue *queue;   /* NULL: no call waits for a place */
    struct sl_hedges *hedges; /* NULL: no call asks two targets at the same time */
};

/* The default times to the first byte when a route has several targets: another target may answer sooner. */
#define SL_SEVERAL_FIRST_BYTE_USEC        (120 * 1000000ULL)
#define SL_SEVERAL_STREAM_FIRST_BYTE_USEC (30 * 1000000ULL)

/* The route that the targets are bound for. */
struct sl_traffic_place {
    struct sl_arena *arena; /* the route's */
    enum sl_llm_type type;
    const struct sl_route_conf *conf;
    const struct sl_own_models *models;
    struct sl_target *targets; /* has room for all; the first may be the route's `model:` */
    uint32_t *n_targets;
};

/* Call this after `model:` and the map are bound: adds the targets. *ret is NULL if there are no rules for targets.
 * `map` is the entry's `sluice`. SL_E_INVAL after the problems were reported; call sl_traffic_done on *ret then,
 * too. */
SL_MUST int sl_traffic_bind(struct sl_bind *bind, const struct sl_val *map, const struct sl_traffic_conf *conf,
                            const struct sl_traffic_place *place, struct sl_traffic **ret);
/* Makes the traffic for a route with one target and no rules, for calls that come from another route. On the arena.
 * SL_E_NOMEM. */
SL_MUST int sl_traffic_alone(const struct sl_target *target, struct sl_arena *arena, struct sl_traffic **ret);
void sl_traffic_done(struct sl_traffic *traffic);

/* The beginning of the log entry of an attempt at a target. p == NULL: no memory. */
struct sl_str sl_traffic_told(struct sl_str name, const struct sl_target *target, struct sl_arena *arena);
uint64_t sl_traffic_print(struct sl_str name, const struct sl_target *target);

/* True: the target has health checks. A target that answers by itself has none. */
bool sl_traffic_is_watched(const struct sl_traffic *traffic, uint32_t target);

/* The index of a target by its print or its name; SL_NO_TARGET: there is none, or not any more. `n`: the number of the
 * route's targets. */
uint32_t sl_traffic_find(const struct sl_traffic *traffic, uint32_t n, uint64_t print);
uint32_t sl_traffic_named(const struct sl_traffic *traffic, uint32_t n, struct sl_str name);

/* The time-outs for a target: its own values, and the route's for the rest. *room is used if both are needed. */
const struct sl_upstream_timeouts *sl_traffic_timeouts(const struct sl_traffic *traffic, uint32_t target,
                                                       const struct sl_upstream_timeouts *route,
                                                       struct sl_upstream_timeouts *room);

#endif
