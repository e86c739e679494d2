/* SPDX-License-Identifier: Apache-2.0 */
/* The limiter counts how often each principal calls each route. It knows routes and principals as texts and time as a
 * number; it knows nothing of HTTP, of the configuration or of a clock.
 *
 * A counter is identified by (route and incarnation, key, principal, period). Its window is fixed: it opens at the
 * first counted call and lasts one period of wall time. `calls` is not part of the identity, so a changed limit keeps
 * its count; a changed period starts at zero. Counters outlive every reload: no snapshot owns anything here.
 *
 * All counters of one call are taken together or not at all, under the locks of their shards (always locked in index
 * order): of N concurrent calls against C exactly C pass, over all threads. Any thread may call any function here. */
#ifndef SL_GATE_LIMIT_H
#define SL_GATE_LIMIT_H

#include <stdio.h>

#include "base/err.h"
#include "base/str.h"

/* The most rules that hold for one call. */
#define SL_LIMIT_RULES_MAX 16
/* The most counters of principals, over all routes: about 20 MiB with ordinary names. When they are all used, counters
 * whose window is over are removed. When there is none, new principals of a route share one counter. The number of
 * routes bounds the counters of routes. */
#define SL_LIMIT_USERS_MAX 131072

enum sl_limit_key {
    SL_LIMIT_ROUTE,  /* one counter for the route */
    SL_LIMIT_USER,   /* one counter for each principal of the route */
    SL_LIMIT_SHARED, /* the counter of principals without room; only the limiter makes it, a rule never has it */
};

/* One limit in force. */
struct sl_limit_rule {
    uint64_t calls; /* 0: no call passes */
    uint64_t period_usec;
    enum sl_limit_key key;
    uint32_t multiple; /* the period in words: 5 "minute" */
    const char *unit;
};

/* Who calls which route. */
struct sl_limit_subject {
    struct sl_str route;
    uint64_t incarnation; /* 0: a route of the file. Else a number that tells dynamic routes of the same name apart */
    struct sl_str principal;
};

/* The limit that the client is told: the refusing rule with the longest wait, or, when none refused, the rule that
 * leaves the fewest calls. */
struct sl_limit_view {
    bool is_refused;
    bool is_final;           /* that rule never lets a call pass: waiting does not help */
    uint32_t first_refusing; /* index of the first rule that refused */
    uint32_t rule;           /* index of the rule that this view shows */
    uint64_t calls, remaining;
    uint64_t reset_usec; /* time until the window is over; 0: no window is open, or is_final */
};

struct sl_limiter;

SL_MUST int sl_limiter_new(size_t max_users, struct sl_limiter **ret);
void sl_limiter_free(struct sl_limiter *limiter);

/* Takes one call from each counter, or none from any (ret_view->is_refused). At least one rule, at most
 * SL_LIMIT_RULES_MAX. SL_E_NOMEM: nothing was taken. */
SL_MUST int sl_limiter_take(struct sl_limiter *limiter, const struct sl_limit_subject *subject,
                            const struct sl_limit_rule *rules, uint32_t n_rules, uint64_t now_wall_usec,
                            struct sl_limit_view *ret_view);
/* The same view, but takes nothing. */
void sl_limiter_peek(struct sl_limiter *limiter, const struct sl_limit_subject *subject,
                     const struct sl_limit_rule *rules, uint32_t n_rules, uint64_t now_wall_usec,
                     struct sl_limit_view *ret_view);

/* --- for the store: counters that survive a restart --- */

struct sl_limit_record {
    struct sl_str route;
    uint64_t incarnation;
    enum sl_limit_key key;
    struct sl_str principal; /* "" unless SL_LIMIT_USER */
    uint64_t period_usec;
    uint64_t end_wall_usec; /* end of its window */
    uint64_t used;
};

/* Called under a shard's lock: only copy, and take no lock that is held around a call of the limiter. */
typedef void sl_limit_record_fn(void *arg, const struct sl_limit_record *record);

/* Visits counters with a period of at least `min_period_usec` and an open window. `only_changed`: only those that
 * changed since their last visit (cheap when there are none). One caller at a time. */
void sl_limiter_each(struct sl_limiter *limiter, uint64_t min_period_usec, bool only_changed, uint64_t now_wall_usec,
                     sl_limit_record_fn *fn, void *arg);
/* Visits every counter with an open window, for readers: it marks nothing. Any thread. Holds one shard's lock at a
 * time. */
void sl_limiter_walk(struct sl_limiter *limiter, uint64_t now_wall_usec, sl_limit_record_fn *fn, void *arg);
/* Restores a counter. One whose window is over is ignored; for an existing one the larger count stays. SL_E_NOMEM. */
SL_MUST int sl_limiter_restore(struct sl_limiter *limiter, const struct sl_limit_record *record,
                               uint64_t now_wall_usec);

/* How many counters there are now. */
size_t sl_limiter_count(struct sl_limiter *limiter);

#endif
