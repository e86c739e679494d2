/* SPDX-License-Identifier: Apache-2.0 */
/* The counters of all limits, and how they survive a restart. limit.h says what they mean. Any thread. */
#ifndef SL_GATE_LIMIT_TABLE_H
#define SL_GATE_LIMIT_TABLE_H

#include "base/err.h"
#include "gate/policy/limit_record.h"

struct sl_alerts;
struct sl_alert_marks;
struct sl_limiter;

/* `max`: the most counters of principals, over all owners, and the most of sessions; 131,072 take about 26 MiB with
 * ordinary names. Counters whose window is over are removed first. When there is none, a new session pushes out the
 * oldest one of the tenant that has most, and a new principal one of another tenant that has more than an eighth of
 * all. Else new principals of a tenant share one counter for each limit. Never shared or dropped are the counters of
 * the owners themselves, whose number bounds them, and tokens and money of a key's or a group's principals: where a
 * tenant has a quarter of `max` of these, its new principals are refused. */
SL_MUST int sl_limiter_new(size_t max, struct sl_limiter **ret);
void sl_limiter_free(struct sl_limiter *limiter);
/* The `max` it was made with. */
size_t sl_limiter_max(const struct sl_limiter *limiter);
/* How many counters there are now. */
size_t sl_limiter_count(struct sl_limiter *limiter);
/* What one counter says now; `who`: the principal or the session, "" where the rule's key has none. */
struct sl_limit_look {
    uint64_t used, reserved;
    uint64_t end_wall_usec; /* of its window; 0: none is open */
};
void sl_limiter_look(struct sl_limiter *limiter, const struct sl_limits *owner, const struct sl_limit_rule *rule,
                     struct sl_str who, uint64_t now_wall_usec, struct sl_limit_look *ret);
/* Tells `alerts` from now on when a counter reaches one of these thresholds, each once a window. Thresholds that a
 * counter is beyond already are not told. Any thread. */
void sl_limiter_watch(struct sl_limiter *limiter, struct sl_alerts *alerts, const struct sl_alert_marks *marks);

/* --- for the store: counters that survive a restart --- */

/* Called under a shard's lock: only copy, and take no lock that is held around a call of the limiter. */
typedef void sl_limit_record_fn(void *arg, const struct sl_limit_record *record);

/* Visits counters with a period of at least `min_period_usec` and an open window. `only_changed`: only those that
 * changed since their last visit (cheap when there are none). One caller at a time. */
void sl_limiter_each(struct sl_limiter *limiter, uint64_t min_period_usec, bool only_changed, uint64_t now_wall_usec,
                     sl_limit_record_fn *fn, void *arg);
/* Visits every counter with an open window, for readers: it marks nothing. Any thread. Holds one shard's lock at a
 * time. */
void sl_limiter_walk(struct sl_limiter *limiter, uint64_t now_wall_usec, sl_limit_record_fn *fn, void *arg);
/* Forgets the counters of keys and groups that calls made and that are denied here, and tells `fn` of each: their
 * number would have no other bound, when limits come and go. One that a call holds goes when that has ended. */
typedef bool sl_limit_alive_fn(const void *arg, const struct sl_limit_record *record);
void sl_limiter_forget(struct sl_limiter *limiter, uint64_t now_wall_usec, sl_limit_alive_fn *is_alive,
                       const void *alive_arg, sl_limit_record_fn *fn, void *arg);
/* Restores a counter. One whose window is over is ignored, and so is one without room; for an existing one the larger
 * count stays. SL_E_NOMEM. */
SL_MUST int sl_limiter_restore(struct sl_limiter *limiter, const struct sl_limit_record *record,
                               uint64_t now_wall_usec);

#endif
