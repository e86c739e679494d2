/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of `sluice.targets`, of the rules for them, and of `sluice.limits` and `sluice.shadow`. */
#ifndef SL_GATE_TRAFFIC_CONF_H
#define SL_GATE_TRAFFIC_CONF_H

#include "base/opt.h"
#include "gate/config/per_route.h"
#include "gate/policy/next.h"
#include "gate/policy/pool.h"

struct sl_shadow;

/* The values of the map, before they are bound to the route. */
struct sl_traffic_conf {
    const struct sl_val *limits;  /* the list, while the route is bound; NULL: none */
    const struct sl_val *targets; /* NULL: the route has only its `model` */
    int balance;                  /* enum sl_balance */
    uint32_t attempts;
    uint64_t within_usec;
    struct sl_strs on_words;
    uint32_t on;
    struct sl_strs routes;
    const struct sl_val *routes_said; /* NULL: not set */
    struct sl_breaker_rule breaker;
    bool has_breaker; /* it is set, and not `off` */
    struct sl_queue_rule queue;
    struct sl_affinity_conf affinity;
    struct sl_hedge_rule hedge;
    struct sl_shadow *shadow; /* NULL: none; on the binder's arena, not in the tree */
    struct sl_health_rule health;
};

#define SL_TARGETS_MAX    1000
#define SL_QUEUE_SIZE_MAX 10000
#define SL_QUEUE_WAIT_MAX (3600 * 1000000ULL)

/* One target of the list; it points into the list's tree. */
struct sl_target_conf {
    struct sl_str name;
    const struct sl_val *model; /* NULL: not set */
    struct sl_target_rule rule;
    struct sl_upstream_timeouts timeouts;
};

/* For struct sl_traffic_conf, struct sl_target_conf and struct sl_upstream_timeouts. */
extern const struct sl_opt sl_traffic_rows[], sl_target_rows[], sl_timeout_rows[];
/* For struct sl_traffic_conf too, but they need no targets: `limits` and `shadow`. When all routes are known,
 * gate/config/beyond.h checks that the other route exists. */
extern const struct sl_opt sl_alone_rows[];

/* Finds a time-out that is set in `map`, the map of `timeouts`, and is longer than the total one, which ends the call
 * first. Returns its value and *ret_key; NULL: there is none. */
const struct sl_val *sl_timeouts_beyond(const struct sl_val *map, const struct sl_upstream_timeouts *timeouts,
                                        const char **ret_key);

void sl_traffic_defaults(struct sl_traffic_conf *conf, struct sl_bind *bind);
/* How many targets an entry has beside its `model`, so that the caller can make room; 0: it is not a list. */
uint32_t sl_traffic_count(const struct sl_val *entry);

#endif
