/* SPDX-License-Identifier: Apache-2.0 */
/* A call that asks the limits, and what it is told. */
#ifndef SL_GATE_LIMIT_CALL_H
#define SL_GATE_LIMIT_CALL_H

#include "gate/policy/limit_rule.h"

struct sl_counter;

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
    uint64_t start_usec; /* of a counter with another home: the name of that window there */
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
    bool is_final;    /* it never lets such a call pass: waiting does not help */
    bool has_no_room; /* there is no room for a counter of this caller, and none is shared */
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

#endif
