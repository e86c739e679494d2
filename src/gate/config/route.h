/* SPDX-License-Identifier: Apache-2.0 */
/* A route: a named entry with its type, its targets and its settings. Immutable, reference-counted, shared between
 * threads. */
#ifndef SL_GATE_ROUTE_H
#define SL_GATE_ROUTE_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/val.h"
#include "gate/config/per_route.h"
#include "llm/core/types.h"

struct sl_bind;
struct sl_limits;
struct sl_metric_labels;
struct sl_settings;
struct sl_shadow;
struct sl_target;
struct sl_traffic;
struct sl_way;

/* `limit` of the file, as it is written there (MLflow's grammar: `calls` per `renewal_period`). */
struct sl_limit_conf {
    uint64_t calls;
    struct sl_str renewal_period; /* as written */
    struct sl_str key;            /* p == NULL: null */
};

struct sl_route {
    atomic_uint refs;
    struct sl_arena arena; /* holds everything below */
    struct sl_str name;
    enum sl_llm_type type;
    struct sl_target *targets;
    uint32_t n_targets;
    struct sl_traffic *traffic; /* for several targets; NULL: there is one target, and no choice */
    struct sl_shadow *shadow;   /* NULL: its calls have no shadow calls */
    bool is_watched;            /* its targets have health checks */
    bool has_limit;             /* there is `limit`, and no `limits` in its place */
    struct sl_limit_conf limit;
    /* For counting: the limits in force, and which of all routes that had this name this is. */
    struct sl_limits *limits;    /* NULL: none */
    uint64_t incarnation;        /* 0: of the file. Else the store's id, which is the order of creation */
    uint64_t version;            /* dynamic: the number of the change that made it */
    struct sl_str stored_limits; /* of set_limits, as JSON; p == NULL: none, the file's limit is in force */
    struct sl_route *base;       /* the route that owns the targets of this one; NULL: this one owns them */
    struct sl_route_conf conf;   /* the route's own; the settings' values where it sets none */
    uint64_t conf_said;          /* what the route sets: bits of sl_opt_said */
    struct sl_route_own *own;    /* routes that set nothing share one */
    struct sl_way *way;          /* to its upstream; NULL: that of the settings */
    _Atomic(const struct sl_metric_labels *) *metric_labels; /* one for each target; NULL until first used */
    struct sl_pos pos;                                       /* where the file defines it */
    atomic_bool
        usage_refused; /* learnt from a reply: the upstream refused stream_options, and is not asked for it again */
};

struct sl_route *sl_route_ref(struct sl_route *route);
void sl_route_unref(struct sl_route *route);
/* The target's name; p == NULL: the route has one target, without a name. */
struct sl_str sl_route_target_name(const struct sl_route *route, size_t target);

/* Builds a route from one entry of `endpoints:` / `routes:` or from create_route's body. Every problem goes to
 * bind->problems with MLflow's texts; SL_E_INVAL when there was one. `settings` has the defaults for time-outs and
 * retries. */
SL_MUST int sl_route_bind(struct sl_bind *bind, const struct sl_val *entry, const struct sl_settings *settings,
                          struct sl_route **ret_route);

/* Copies breakers, waits and times from `before`, a route of the same name, for targets that stayed the same, and the
 * count of the shadow. Call this before `route` serves calls. */
void sl_route_adopt(struct sl_route *route, const struct sl_route *before);

/* Makes it a route of the store: `incarnation` is the row's id. Call this before others see it. */
void sl_route_own_row(struct sl_route *route, uint64_t incarnation, uint64_t version);

/* Makes the same route with other limits (p == NULL: those of its own definition; SL_E_INVAL: not a list of limits),
 * with the settings' time-outs where it sets none, and with the settings' prices. It shares everything else with
 * `route`. */
SL_MUST int sl_route_derive(struct sl_route *route, const struct sl_settings *settings, struct sl_str stored_limits,
                            struct sl_route **ret_route);

#endif
