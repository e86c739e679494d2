/* SPDX-License-Identifier: Apache-2.0 */
/* The table of fetched credentials, one for the process: which are there, which are being fetched, and who waits for
 * them. It only decides: it does no I/O, `now` is passed in (monotonic), and it returns what the caller must do.
 *
 *   absent ──ask: FETCH──> fetching ──ok──> valid ──near its end, ask: READY, and refresh──> valid, fetching
 *                             │ failed                                                        │ failed: still valid
 *                             v                                                               v
 *                   failed: asks fail for a second                                  fetched again after 5 s
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

/* The most identities that are kept; when there are more, the one with the oldest use is freed first. */
#define SL_CRED_ENTRIES_MAX 4096
/* A credential is refreshed when a fifth of its life is left, at most this long before its end. */
#define SL_CRED_AHEAD_USEC (300 * 1000000ull)
/* After a failed fetch no new one begins for this long: first without, then with a valid credential. */
#define SL_CRED_FAILED_USEC  (1 * 1000000ull)
#define SL_CRED_REFRESH_USEC (5 * 1000000ull)

/* Why there is no credential. */
struct sl_cred_failure {
    enum sl_error_type type;
    char text[512]; /* for the operator */
};

/* A waiter; its memory is the owner's. The table has it from WAIT or FETCH until sl_cred_table_done_fetch or
 * sl_cred_table_leave gives it back. */
struct sl_cred_waiter {
    struct sl_link link;
    void *owner;
};
SL_LIST_HEAD(sl_cred_waiters);
SL_LIST_FUNCTIONS(sl_cred_waiters, struct sl_cred_waiter, link);

struct sl_cred_entry {
    struct sl_link link; /* by last use, the oldest first */
    struct sl_str identity;
    struct sl_secret parts[SL_CRED_PARTS];
    bool has_cred, is_fetching;
    uint64_t expires_usec, refresh_usec; /* monotonic */
    uint64_t retry_usec;                 /* no fetch before this */
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
    SL_CRED_REFRESH, /* the same; the caller must also fetch it anew, in the background */
    SL_CRED_FETCH,   /* the caller must fetch it, and waits */
    SL_CRED_WAIT,    /* another caller is fetching it */
    SL_CRED_FAILED,  /* the last fetch failed a moment ago: see *ret_failure */
};

void sl_cred_table_done(struct sl_cred_table *table);

/* The parts are copied to the arena. After REFRESH and FETCH the caller must call sl_cred_table_done_fetch. With
 * `waiter` NULL the caller will not wait; WAIT then means: ask again, with a waiter. */
enum sl_cred_verdict sl_cred_table_ask(struct sl_cred_table *table, struct sl_str identity, uint64_t now_usec,
                                       struct sl_cred_waiter *waiter, struct sl_arena *arena, struct sl_cred *ret_cred,
                                       struct sl_cred_failure *ret_failure);
/* Ends a fetch: with a credential that is valid for `life_usec` more, or with `cred` NULL and `failure`. *ret_waiters
 * gets those who waited; each must ask again. */
void sl_cred_table_done_fetch(struct sl_cred_table *table, struct sl_str identity, uint64_t now_usec,
                              const struct sl_cred *cred, uint64_t life_usec, const struct sl_cred_failure *failure,
                              struct sl_cred_waiters *ret_waiters);
/* True: it waited, and belongs to its owner again. False: the table had given it back already. */
bool sl_cred_table_leave(struct sl_cred_table *table, struct sl_cred_waiter *waiter, struct sl_str identity);
/* The provider refused this credential: it is forgotten, unless another one has replaced it. */
void sl_cred_table_refused(struct sl_cred_table *table, struct sl_str identity, const struct sl_cred *cred);

#endif
