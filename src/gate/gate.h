/* SPDX-License-Identifier: Apache-2.0 */
/* Objects that exist once in the process and are shared by its workers. */
#ifndef SL_GATE_GATE_H
#define SL_GATE_GATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/budget.h"
#include "gate/policy/seats.h"

struct sl_accesslog;
struct sl_affinity;
struct sl_alerts;
struct sl_conf_source;
struct sl_counters;
struct sl_events;
struct sl_factors;
struct sl_faults;
struct sl_fleet;
struct sl_kept;
struct sl_key;
struct sl_last_load;
struct sl_ledger;
struct sl_limiter;
struct sl_logins;
struct sl_made;
struct sl_metrics;
struct sl_notices;
struct sl_publisher;
struct sl_retry_budget;
struct sl_rlog;
struct sl_spans;
struct sl_sessions;
struct sl_store;

struct sl_gate {
    struct sl_publisher *publisher;
    struct sl_events *events;
    struct sl_store *store; /* NULL: runs without one */
    struct sl_counters *counters;
    struct sl_accesslog *access_log;
    struct sl_rlog *requests; /* the request log; NULL: off, or there is no data directory */
    struct sl_limiter *limiter;
    struct sl_alerts *alerts;             /* of limits that are nearly used up */
    struct sl_fleet *fleet;               /* counters of limits that several nodes share; NULL: this process has them */
    struct sl_factors *factors;           /* tokens for the bytes of a call, for limits */
    struct sl_kept *kept;                 /* responses that the gateway keeps, because their provider keeps none */
    struct sl_made *made;                 /* which upstream made which response */
    struct sl_retry_budget *retry_budget; /* upstream.retry_budget */
    struct sl_affinity *affinity;         /* which target has which conversation; NULL: off */
    struct sl_logins *logins;             /* by an identity provider */
    struct sl_sessions *sessions;         /* of browsers that logged in */
    struct sl_metrics *metrics;
    struct sl_spans *spans;   /* of traced calls, until they are sent */
    struct sl_ledger *ledger; /* usage; NULL: none is kept */
    atomic_bool is_ending;    /* the store closes: what is due later is written now */
    atomic_bool is_draining;  /* /ready answers 503 */
    struct sl_budget memory;  /* server.limits.memory: bodies, JSON tapes, collected replies */
    struct sl_budget shadows; /* the part of `memory` for shadow calls */
    struct sl_budget spool;   /* server.limits.spool: uploads in files */
    /* Reports of usage and questions to the request log that run, and lists of its rows as they come; and what keys in
     * groups ask the store. */
    struct sl_seats reports, looks, tails, changes;
    struct sl_seats probes; /* tests of a provider's upstreams */
    struct sl_seats loads;  /* reading the configuration's file again, to show what it would change */
    atomic_uint n_connections;
    atomic_uint n_workers;      /* that began */
    uint32_t node;              /* a part of the ids of this process's requests */
    const char *node_name;      /* the daemon's; of this process among those that share a store */
    bool is_public;             /* other machines can connect: a listener is neither loopback nor a unix socket */
    struct sl_notices *notices; /* for upstreams that fail */
    struct sl_faults *faults;   /* the last failure of each target; NULL: none is kept */
    uint64_t start_wall_usec;
    struct sl_key *admin_key; /* made at the first start, when the file has none; else NULL */
    atomic_uint_fast64_t config_version, reloads_ok, reloads_refused; /* written by the main thread */
    atomic_bool is_file_refused; /* the last reload was refused: the configuration in force differs from the file */
    atomic_uint_fast64_t config_wall_usec; /* when the configuration in force was loaded */
    struct sl_last_load *last_load;        /* what was wrong with the file when it was last read; NULL: nobody tells */
    const struct sl_conf_source *source;   /* the file, to read it again; NULL: there is none */
};

/* Call this before anything else: it sets what cannot be zero. */
void sl_gate_init(struct sl_gate *gate);

/* True: a store is configured and was never read. What the process does not know may still be stored there. */
bool sl_gate_is_unread(const struct sl_gate *gate);

/* True: what the process does not know may be stored all the same: the store was never read, or it is shared with other
 * processes and cannot be asked now. */
bool sl_gate_is_unsure(const struct sl_gate *gate);

/* True: a store is configured, and takes no changes now. */
bool sl_gate_is_store_down(const struct sl_gate *gate);
/* The counters that nodes share cannot be asked: each limit does what its on_loss says. */
bool sl_gate_is_counters_down(const struct sl_gate *gate);
/* Where this process counts limits: "local", or how the counters are that it shares: "up", "down". */
const char *sl_gate_counters_word(const struct sl_gate *gate);

#endif
