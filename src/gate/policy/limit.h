/* SPDX-License-Identifier: Apache-2.0 */
/* The limiter: how often who may call what. It knows routes and principals as texts and time as a number: nothing of
 * HTTP, of the configuration or of a clock.
 *
 * A counter is known by (route and incarnation, key, principal, period). Its window is fixed: it opens at the first
 * counted call and lasts one period of wall time. `calls` is not part of it, so a changed limit keeps its count, and a
 * changed period begins anew. Counters outlive every reload: nothing here belongs to a snapshot.
 *
 * All counters of one call are taken together or not at all, under the locks of their shards (always locked in index
 * order): of N concurrent calls against C exactly C pass, over all threads. Any thread may call anything here. */
#ifndef SL_GATE_LIMIT_H
#define SL_GATE_LIMIT_H

#include <stdio.h>

#include "base/err.h"
#include "base/str.h"

/* Rules that may hold for one call. */
#define SL_LIMIT_RULES_MAX 16
/* Counters of principals, over all routes: about 20 MiB with ordinary names. Beyond it those whose window is over go;
 * if there is none, newcomers of a route share one counter. Counters of routes are bounded by the routes. */
#define SL_LIMIT_USERS_MAX 131072

enum sl_limit_key {
    SL_LIMIT_ROUTE,  /* one counter for the route */
    SL_LIMIT_USER,   /* one for each principal on it */
    SL_LIMIT_SHARED, /* of principals that found no room; made here, never in a rule */
};

/* One limit in force. */
struct sl_limit_rule {
    uint64_t calls; /* 0: none passes */
    uint64_t period_usec;
    enum sl_limit_key key;
    uint32_t multiple; /* the period in words: 5 "minute" */
    const char *unit;
};

/* Who calls what. */
struct sl_limit_subject {
    struct sl_str route;
    uint64_t incarnation; /* 0: a route of the file. Else which of the dynamic routes that had this name */
    struct sl_str principal;
};

/* What the client is told: of the rule that refused with the longest wait, else of the one that leaves the fewest
 * calls. */
struct sl_limit_view {
    bool is_refused;
    bool is_final;           /* that rule never lets a call pass: no wait helps */
    uint32_t first_refusing; /* index of the first rule that did */
    uint32_t rule;           /* its index */
    uint64_t calls, remaining;
    uint64_t reset_usec; /* until the window is over; 0: none is open, or is_final */
};

struct sl_limiter;

SL_MUST int sl_limiter_new(size_t max_users, struct sl_limiter **ret);
void sl_limiter_free(struct sl_limiter *limiter);

/* Takes one call from each counter, or none from any (ret_view->is_refused). At least one rule, at most
 * SL_LIMIT_RULES_MAX. SL_E_NOMEM: nothing was taken. */
SL_MUST int sl_limiter_take(struct sl_limiter *limiter, const struct sl_limit_subject *subject,
                            const struct sl_limit_rule *rules, uint32_t n_rules, uint64_t now_wall_usec,
                            struct sl_limit_view *ret_view);
/* The same view without taking anything. */
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
    uint64_t end_wall_usec; /* of its window */
    uint64_t used;
};

/* Called under a shard's lock: copy what you need, take no other lock that is held around a call of the limiter. */
typedef void sl_limit_record_fn(void *arg, const struct sl_limit_record *record);

/* Counters with a period of at least `min_period_usec` and an open window; with `only_changed` those that changed since
 * they were given the last time (cheap when there are none). One caller at a time. */
void sl_limiter_each(struct sl_limiter *limiter, uint64_t min_period_usec, bool only_changed, uint64_t now_wall_usec,
                     sl_limit_record_fn *fn, void *arg);
/* Every counter with an open window, for who only looks: marks nothing, any thread. One shard's lock at a time. */
void sl_limiter_walk(struct sl_limiter *limiter, uint64_t now_wall_usec, sl_limit_record_fn *fn, void *arg);
/* Puts a counter back. One whose window is over is ignored; one that is there keeps the larger count. SL_E_NOMEM. */
SL_MUST int sl_limiter_restore(struct sl_limiter *limiter, const struct sl_limit_record *record,
                               uint64_t now_wall_usec);

/* Counters held now. */
size_t sl_limiter_count(struct sl_limiter *limiter);

#endif
