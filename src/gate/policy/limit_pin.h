/* SPDX-License-Identifier: Apache-2.0 */
/* What is said to and by the home of counters that is elsewhere (limit_home.h), and of leases (limit_lease.h). */
#ifndef SL_GATE_LIMIT_PIN_H
#define SL_GATE_LIMIT_PIN_H

#include "gate/policy/limit_rule.h"

struct sl_counter;
struct sl_limit_leases;

/* The name of a counter: a digest of what identifies it. */
#define SL_LIMIT_HOME_NAME 24
/* At most this many pins for one call. */
#define SL_LIMIT_PINS_MAX SL_LIMIT_OF_CALL_MAX

/* Who asks, and when. */
struct sl_limit_home_at {
    uint32_t worker;
    uint32_t n_nodes; /* that live, this one included */
    uint64_t now_usec;
    int64_t offset_usec;
    uint64_t loop_usec;             /* on the loop's clock */
    struct sl_limit_leases *leases; /* the worker's; NULL: they must not be used now */
};

/* A rule of a call and its counter. The texts live as long as the pin. */
struct sl_limit_pin {
    struct sl_counter *counter;
    const char *name; /* the counter's: SL_LIMIT_HOME_NAME bytes */
    uint64_t cap, amount, period_usec;
    uint64_t want;        /* so much more is wanted as a lease (limit_lease.h) */
    uint64_t end_usec[2]; /* with a zone: ends of the period that is now and of the next, on the home's clock; else 0 */
    uint32_t shard;
    enum sl_limit_kind kind;
    bool is_session;
    bool is_twin; /* an earlier pin has the same counter; its cap is the smaller one of both */
};

/* What the home says about a counter. */
struct sl_limit_answer {
    uint64_t said_usec;  /* when, on the home's clock: those of several workers may come in another order */
    uint64_t start_usec; /* 0: no window is open */
    uint64_t end_usec;   /* on this node's clock; UINT64_MAX: it has no end */
    uint64_t used, reserved;
    uint64_t own;   /* what this worker has added, this call and its lease included; UINT64_MAX: not said */
    uint64_t lease; /* so much more than the call needs is the worker's; it is a part of the numbers above */
    bool is_unsure; /* leases are out, so what was used may become less */
};

/* What becomes of a reservation. */
struct sl_limit_change {
    char name[SL_LIMIT_HOME_NAME];
    uint64_t start_usec, reserved;
    int64_t used;
};

/* What this node knows of a counter. */
struct sl_limit_share {
    struct sl_counter *counter; /* pinned until sl_limiter_share_back */
    const char *name;
    uint32_t shard;
    uint64_t start_usec, end_usec; /* the latter on this node's clock; 0: no window is known */
    uint64_t used, reserved;       /* the worker's own part */
    uint64_t floor;                /* what all nodes together had used for certain, as far as this one knows */
    uint64_t period_usec;
    bool is_session;
};

#endif
