/* SPDX-License-Identifier: Apache-2.0 */
/* What one worker has: its loop, its HTTP sides, its reference to the snapshot, and scratch that is only used within
 * one turn. Belongs to one thread. */
#ifndef SL_GATE_WORKER_H
#define SL_GATE_WORKER_H

#include "gate/config/route.h"
#include "gate/gate.h"
#include "gate/watch/accesslog.h"
#include "gate/watch/metrics.h"
#include "http/client.h"
#include "http/server.h"
#include "json/json.h"

SL_LIST_HEAD(sl_xchg_list);

struct sl_worker {
    struct sl_gate *gate;
    struct sl_loop loop;
    struct sl_hserver server;
    struct sl_hclient client;
    struct sl_snapshot *snapshot;
    struct sl_log_ring *log;
    struct sl_metrics_worker *metrics; /* the gate's */
    struct sl_xchg_list xchgs;         /* running ones */
    /* Scratch of one turn: never holds anything across a callback. */
    struct sl_json doc;     /* the request as it was parsed */
    struct sl_json scratch; /* what the translation layer reads with */
    struct sl_buf text;
    char request_id_prefix[17];
    struct sl_settings *client_settings; /* held: the client's configuration points into it */
    struct sl_buf proxy_auth;            /* a credential: wiped */
    uint64_t n_requests;
    /* Answers of the store that are still to come; the worker ends only when there are none. */
    uint32_t n_pending;
    void (*on_answered)(struct sl_worker *worker); /* the last one came; may be NULL */
};

/* The loop is initialised; `gate` has a snapshot. */
SL_MUST int sl_worker_init(struct sl_worker *worker, struct sl_gate *gate, struct sl_log_ring *log);
void sl_worker_done(struct sl_worker *worker);
/* Scratch that one large request or reply has left is given back. */
void sl_worker_trim(struct sl_worker *worker);
/* For the metrics: a connection was answered 503 before it was read from. */
void sl_measure_turned_away(struct sl_worker *worker);
/* The newest snapshot; borrowed until the next call. Applies what changed to the HTTP sides. */
const struct sl_snapshot *sl_worker_snapshot(struct sl_worker *worker);

#endif
