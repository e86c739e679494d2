/* SPDX-License-Identifier: Apache-2.0 */
/* The limiter counts what calls use: requests, tokens, money, and how many run at a time. It knows owners of limits and
 * principals as texts, and time as a number; it knows nothing of HTTP, of the configuration or of a clock.
 *
 * A counter is identified by its owner (with the incarnation), whose calls it counts (the owner's, a principal's, a
 * session's), its kind, and its period. Its window opens at the first counted call and lasts one period of wall time;
 * with a zone it ends with the day, month or year of the calendar there. The cap is not part of the identity, so a
 * changed limit keeps its count; a changed period starts at zero. Counters outlive every reload: no snapshot owns
 * anything here.
 *
 * Requests and concurrency are taken. Tokens and money are reserved, because nobody knows yet what a call will use, and
 * settled when it ends. A call belongs to the window in which it was admitted: what it used is booked there, and to
 * none when that window is over. So a cap is passed by no more than what the calls that ran when it was reached used
 * beyond their reservations.
 *
 * All counters of one call are taken together or not at all, under the locks of their shards (always locked in index
 * order): of N concurrent calls against C exactly C pass, over all threads. Any thread may call any function here. */
#ifndef SL_GATE_LIMIT_H
#define SL_GATE_LIMIT_H

#include "base/err.h"
#include "gate/policy/limit_rule.h"

struct sl_counter;
struct sl_limiter;

/* A call that asks to be admitted. Borrowed. */
struct sl_limit_call {
    struct sl_str principal, session;
    struct sl_str tenant; /* whose share of the room its counters take (limit_table.h); "": everybody's */
    const struct sl_limits *const *owners; /* each with at least one rule, in the order in which they are asked */
    uint32_t n_owners;                     /* 1 to SL_LIMIT_OWNERS_MAX */
    bool is_free;                          /* it uses no tokens and no money, and no such limit refuses it */
    /* What it is expected to use, for each kind; 1 for requests and concurrency. */
    uint64_t amounts[SL_LIMIT_KINDS];
};

/* What a call holds of one counter until it ends. */
struct sl_limit_held {
    struct sl_counter *counter;
    uint64_t reserved;
    uint32_t window; /* in which it was reserved */
    uint32_t shard;
};

/* One limit, as the call found it or left it. */
struct sl_limit_shown {
    const struct sl_limits *owner;
    const struct sl_limit_rule *rule; /* NULL: there is none */
    uint64_t used;                    /* reservations included */
    uint64_t need;                    /* what the call asked for; 0: it has got it */
    uint64_t remaining;
    uint64_t reset_usec; /* time until the window is over; 0: no window is open, or is_final */
    bool is_refusing;
    bool is_final; /* it never lets such a call pass: waiting does not help */
};

/* A limit that let the call pass and is nearly reached, or one that refused it. */
struct sl_limit_near {
    const struct sl_limits *owner;
    const struct sl_limit_rule *rule;
    uint32_t percent; /* of the cap that is used, rounded down; at most SL_LIMIT_PERCENT_MAX */
    bool is_refusing;
};
#define SL_LIMIT_PERCENT_MAX 999
/* A limit is nearly reached when only this part of its cap is left, or less. */
#define SL_LIMIT_NEAR_PART 5
/* The most of these that are noted. */
#define SL_LIMIT_NEAR_MAX 6

/* What the client is told, and what the request log keeps. */
struct sl_limit_view {
    bool is_refused;
    uint32_t n_near;
    struct sl_limit_shown first;    /* the first limit that refused */
    struct sl_limit_shown refusing; /* the one with the longest wait */
    /* Of each sort, the one that refused with the longest wait, or, when none did, the one that leaves the least. */
    struct sl_limit_shown requests, tokens, money;
    struct sl_limit_near near[SL_LIMIT_NEAR_MAX]; /* the first n_near are written */
};

/* Takes what the call needs from each counter, or nothing from any (ret_view->is_refused). `held` has room for all
 * n_held of the owners; *ret_n_held says how many the call holds, for sl_limiter_settle. SL_E_NOMEM: nothing was
 * taken. */
SL_MUST int sl_limiter_take(struct sl_limiter *limiter, const struct sl_limit_call *call, uint64_t now_wall_usec,
                            struct sl_limit_held *held, uint32_t *ret_n_held, struct sl_limit_view *ret_view);
/* The same view, but takes nothing. */
void sl_limiter_peek(struct sl_limiter *limiter, const struct sl_limit_call *call, uint64_t now_wall_usec,
                     struct sl_limit_view *ret_view);
/* The call has ended and used so much of each kind: gives its places back, and puts what it used in the place of what
 * it reserved. Once for each sl_limiter_take that took something. */
void sl_limiter_settle(struct sl_limiter *limiter, const struct sl_limit_held *held, uint32_t n_held,
                       const uint64_t used[SL_LIMIT_KINDS]);

#endif
