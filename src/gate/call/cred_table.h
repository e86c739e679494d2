/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of fetched credentials, one table for the process: which are there, which is being fetched by whom, who
 * waits for it. It decides, and does no I/O: `now` is passed in (monotonic), and what is to be done is the answer.
 *
 *   absent ──ask: FETCH──> fetching ──ok──> valid ──near its end, ask: READY, and refresh──> valid, fetching
 *                             │ failed                                                        │ failed: still valid
 *                             v                                                               v
 *                   failed: asks fail for a second                                  asked for again 5 s later
 */
#ifndef SL_GATE_CRED_TABLE_H
#define SL_GATE_CRED_TABLE_H

#include <pthread.h>

#include "base/list.h"
#include "base/map.h"
#include "base/secret.h"
#include "llm/core/cred.h"
#include "llm/core/error.h"

struct sl_arena;

/* Identities that are kept; beyond it the one that was not asked for the longest goes. */
#define SL_CRED_ENTRIES_MAX 4096
/* Refreshed when a fifth of its life is left, at most so long before its end. */
#define SL_CRED_AHEAD_USEC (300 * 1000000ull)
/* A fetch that failed is not tried again for so long: without a valid credential, and with one. */
#define SL_CRED_FAILED_USEC  (1 * 1000000ull)
#define SL_CRED_REFRESH_USEC (5 * 1000000ull)

/* Why there is none. */
struct sl_cred_failure {
    enum sl_error_type type;
    char text[512]; /* for the operator */
};

/* One who waits. The owner's memory; in the table's hands from WAIT until it is given back by sl_cred_table_done_fetch
 * or taken back by sl_cred_table_leave. */
struct sl_cred_waiter {
    struct sl_link link;
    void *owner;
};
SL_LIST_HEAD(sl_cred_waiters);
SL_LIST_FUNCTIONS(sl_cred_waiters, struct sl_cred_waiter, link);

struct sl_cred_entry {
    struct sl_link link; /* by last use, oldest first */
    struct sl_str identity;
    struct sl_secret parts[SL_CRED_PARTS];
    bool has_cred, is_fetching;
    uint64_t expires_usec, refresh_usec; /* monotonic */
    uint64_t retry_usec;                 /* not fetched before */
    struct sl_cred_failure failure;      /* of the last fetch */
    struct sl_cred_waiters waiters;
};
SL_LIST_HEAD(sl_cred_entries);
SL_LIST_FUNCTIONS(sl_cred_entries, struct sl_cred_entry, link);

struct sl_cred_table {
    pthread_mutex_t lock; /* guards all of it */
    struct sl_map map;
    struct sl_cred_entries entries;
};

#define SL_CRED_TABLE_INIT                \
    {                                     \
        .lock = PTHREAD_MUTEX_INITIALIZER \
    }

enum sl_cred_verdict {
    SL_CRED_READY,   /* *ret_cred is filled */
    SL_CRED_REFRESH, /* the same; and who asked must fetch it anew, in the background */
    SL_CRED_FETCH,   /* who asked must fetch it, and waits */
    SL_CRED_WAIT,    /* somebody is fetching it */
    SL_CRED_FAILED,  /* the last fetch failed a moment ago: *ret_failure tells */
};

void sl_cred_table_done(struct sl_cred_table *table);

/* The parts are copied to the arena. After REFRESH and FETCH the asker owes a sl_cred_table_done_fetch. A `waiter` of
 * NULL: nobody will wait, and WAIT says only that asking with one is due. */
enum sl_cred_verdict sl_cred_table_ask(struct sl_cred_table *table, struct sl_str identity, uint64_t now_usec,
                                       struct sl_cred_waiter *waiter, struct sl_arena *arena, struct sl_cred *ret_cred,
                                       struct sl_cred_failure *ret_failure);
/* A fetch ended: with a credential that is good for `life_usec` more, or (cred NULL) with `failure`. Who waited comes
 * back in *ret_waiters: each asks again. */
void sl_cred_table_done_fetch(struct sl_cred_table *table, struct sl_str identity, uint64_t now_usec,
                              const struct sl_cred *cred, uint64_t life_usec, const struct sl_cred_failure *failure,
                              struct sl_cred_waiters *ret_waiters);
/* True: it waited no more than that, and is the owner's again. False: it was given back already. */
bool sl_cred_table_leave(struct sl_cred_table *table, struct sl_cred_waiter *waiter, struct sl_str identity);
/* The provider refused this one: forgotten, unless another has taken its place meanwhile. */
void sl_cred_table_refused(struct sl_cred_table *table, struct sl_str identity, const struct sl_cred *cred);

#endif
