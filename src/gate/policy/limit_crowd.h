/* SPDX-License-Identifier: Apache-2.0 */
/* The counters of a shard whose number callers choose, those of callers and those of sessions: each sort is a crowd of
 * bounded size, or of so many counters for each tenant. A crowd knows whose they are, so that whoever makes many of
 * them pushes out only its own. Only the limiter uses this, under the shard's lock. */
#ifndef SL_GATE_LIMIT_CROWD_H
#define SL_GATE_LIMIT_CROWD_H

#include "base/map.h"

struct sl_counter;
struct sl_limit_tenant;

enum sl_limit_sort {
    SL_LIMIT_CALLERS,
    SL_LIMIT_SESSIONS,
    SL_LIMIT_KEPT, /* of callers, too, but nobody pushes them out */
    SL_LIMIT_SORTS,
    SL_LIMIT_UNBOUNDED = SL_LIMIT_SORTS, /* their number is that of routes, keys and groups */
};

struct sl_limit_crowd {
    struct sl_map tenants;
    struct sl_limit_tenant **heap; /* whoever has most is first */
    size_t cap;
    size_t n; /* counters */
};

/* `text` is copied when the tenant has no counter yet. SL_E_NOMEM. */
SL_MUST int sl_limit_crowd_add(struct sl_limit_crowd *crowd, struct sl_str tenant, struct sl_counter *c);
/* Forgets a counter, which is in this crowd. */
void sl_limit_crowd_remove(struct sl_limit_crowd *crowd, struct sl_counter *c);
/* How many counters the tenant has, or whoever has most. */
size_t sl_limit_crowd_count(const struct sl_limit_crowd *crowd, struct sl_str tenant);
size_t sl_limit_crowd_most(const struct sl_limit_crowd *crowd);
/* Of whoever has most, the counter that was not used for longest and that no call holds. NULL: it is not found soon. */
struct sl_counter *sl_limit_crowd_oldest(struct sl_limit_crowd *crowd);
/* The counters themselves are the shard's to free. */
void sl_limit_crowd_done(struct sl_limit_crowd *crowd);

#endif
