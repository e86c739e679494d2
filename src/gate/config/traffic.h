/* SPDX-License-Identifier: Apache-2.0 */
/* `sluice.targets` of a route and what is said about them: which is asked first, and what is done when one fails. */
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

/* A target beside what llm/core/target.h has of it. */
struct sl_route_target {
    struct sl_str name;
    struct sl_upstream_timeouts timeouts;
    uint64_t timeouts_said;    /* bits of sl_opt_said; for the rest the route's hold */
    struct sl_pos pos;         /* where the file names it */
    struct sl_str told;        /* how an attempt at it begins in the log */
    uint64_t print;            /* of its name, its provider and where it is: what only it reads is its */
    bool is_local;             /* it answers by itself: there is no upstream */
    atomic_bool usage_refused; /* as of a route that has one target */
};

/* One of `fallback.routes`. */
struct sl_fallback_route {
    struct sl_str name;
    struct sl_pos pos;
};

/* Lies on the arena of the route, and goes with it. */
struct sl_traffic {
    struct sl_route_target *targets; /* as many as the route's, in their order */
    struct sl_target_rule *rules;    /* the same */
    struct sl_fallback fallback;
    struct sl_fallback_route *routes;
    uint32_t n_routes;
    struct sl_affinity_conf affinity;
    uint32_t refused; /* what some of the models refuse: sl_needs_refused */
    int64_t context;  /* of the smallest window; 0: none is known */
    struct sl_pool pool;
    struct sl_queue *queue;   /* NULL: nobody waits for a place */
    struct sl_hedges *hedges; /* NULL: no attempt is made beside another */
};

/* How long a target of several has to its first byte, where nothing says so: another one may do better. */
#define SL_SEVERAL_FIRST_BYTE_USEC        (120 * 1000000ULL)
#define SL_SEVERAL_STREAM_FIRST_BYTE_USEC (30 * 1000000ULL)

/* What the targets are bound for. */
struct sl_traffic_place {
    struct sl_arena *arena; /* the route's */
    enum sl_llm_type type;
    const struct sl_route_conf *conf;
    const struct sl_own_models *models;
    struct sl_target *targets; /* has room for them; the first may be the route's `model:` */
    uint32_t *n_targets;
};

/* Behind the binding of `model:` and of the map: adds the targets. *ret is NULL where none are said. `map` is the
 * entry's `sluice`. SL_E_INVAL after the problems were told; *ret is to be done then, too. */
SL_MUST int sl_traffic_bind(struct sl_bind *bind, const struct sl_val *map, const struct sl_traffic_conf *conf,
                            const struct sl_traffic_place *place, struct sl_traffic **ret);
/* What a call of another route needs of a route that has one target and nothing said about it. On the arena.
 * SL_E_NOMEM. */
SL_MUST int sl_traffic_alone(const struct sl_target *target, struct sl_arena *arena, struct sl_traffic **ret);
void sl_traffic_done(struct sl_traffic *traffic);

/* How an attempt at a target begins in the log. p == NULL: no memory. */
struct sl_str sl_traffic_told(struct sl_str name, const struct sl_target *target, struct sl_arena *arena);
uint64_t sl_traffic_print(struct sl_str name, const struct sl_target *target);

/* True: the target has health checks. A target that answers by itself has none. */
bool sl_traffic_is_watched(const struct sl_traffic *traffic, uint32_t target);

/* The place of a target by its print or its name; SL_NO_TARGET: it is none, or no more. `n`: of the route's targets. */
uint32_t sl_traffic_find(const struct sl_traffic *traffic, uint32_t n, uint64_t print);
uint32_t sl_traffic_named(const struct sl_traffic *traffic, uint32_t n, struct sl_str name);

/* How long a target's upstream may take: its own where it says so, else the route's. *room is used where both say
 * something. */
const struct sl_upstream_timeouts *sl_traffic_timeouts(const struct sl_traffic *traffic, uint32_t target,
                                                       const struct sl_upstream_timeouts *route,
                                                       struct sl_upstream_timeouts *room);

#endif
