/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's part of the usage ledger: the sums of the calls that ended since the ledger took them last. The worker
 * adds without a lock and mostly without an allocation: it takes its table out of a slot that it shares with the
 * ledger's thread, and puts it back. A sum is found by the objects that it is for; it holds them, so that their
 * addresses mean the same until it is taken. */
#ifndef SL_GATE_TALLY_H
#define SL_GATE_TALLY_H

#include <stdatomic.h>

#include "base/err.h"
#include "base/str.h"

struct sl_key;
struct sl_route;
struct sl_tally_table;
struct sl_target;
struct sl_usage;
struct sl_usage_row;

/* The most callers without a key that have sums of their own between two takings; more are SL_USAGE_OTHER. */
#define SL_TALLY_CALLERS_MAX 4096

struct sl_tally {
    _Atomic(struct sl_tally_table *) table; /* NULL: the worker has it */
    struct sl_tally_table *spare;           /* the other thread's */
    uint64_t wall_usec, wall_at_usec;       /* the wall clock, and when it was read; the worker's */
};

/* A call that is over. */
struct sl_tally_call {
    struct sl_route *route;
    const struct sl_target *target; /* NULL: none was asked */
    struct sl_str target_name;      /* p == NULL: it has none */
    struct sl_str model;            /* of the target */
    const char *provider;           /* of the target; lives as long as the process */
    bool is_away;                   /* the target, its name and its model are not of the route */
    bool is_error;
    struct sl_key *key;           /* NULL: there is no key */
    struct sl_str principal;      /* of a call without a key */
    const struct sl_usage *usage; /* of the reply; NULL: it is not about this call */
    int64_t cost_nano;            /* SL_COST_UNKNOWN: nobody knows */
    bool is_priced;               /* the prices of its target hold for it */
    bool is_estimated;            /* a part of its usage is an estimate */
    bool is_lost;                 /* it is an attempt of a call that another one followed: no call of its own */
};

SL_MUST int sl_tally_init(struct sl_tally *tally);
void sl_tally_done(struct sl_tally *tally);

/* From the worker's thread. */
void sl_tally_add(struct sl_tally *tally, const struct sl_tally_call *call, uint64_t now_usec);

/* What was not as it should be since the last time. */
struct sl_tally_faults {
    uint64_t n_other; /* calls of callers that were too many */
    uint64_t n_lost;  /* calls that there was no memory for */
};
/* From any one thread at a time: gives all sums and starts anew. The row lives until on_row returns. */
void sl_tally_take(struct sl_tally *tally, void (*on_row)(void *arg, const struct sl_usage_row *row), void *arg,
                   struct sl_tally_faults *ret);

#endif
