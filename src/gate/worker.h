/* SPDX-License-Identifier: Apache-2.0 */
/* A worker: its engine, its reference to the snapshot, and the exchanges that it serves. Belongs to one thread. */
#ifndef SL_GATE_WORKER_H
#define SL_GATE_WORKER_H

#include "base/err.h"
#include "gate/desk.h"

struct sl_alerting;
struct sl_buf;
struct sl_counter_home;
struct sl_engine;
struct sl_exporting;
struct sl_fleet_link;
struct sl_gate;
struct sl_health;
struct sl_hclient_conf;
struct sl_hserver_cbs;
struct sl_ident_source;
struct sl_path_table;
struct sl_settings;
struct sl_snapshot;

SL_LIST_HEAD(sl_cred_fetches);

/* How calls are served. The code that builds the gateway passes it in, so that a worker depends on neither part. */
struct sl_worker_service {
    const struct sl_hserver_cbs *server_cbs;
    const struct sl_path_table *paths;
};

/* Calls without a valid key in the request log. */
struct sl_strangers {
    uint64_t minute;
    uint32_t n; /* of this minute */
};

struct sl_worker {
    struct sl_engine *engine; /* lives as long as the worker */
    struct sl_gate *gate;
    const struct sl_path_table *paths;
    struct sl_snapshot *snapshot;
    struct sl_log_ring *log;
    struct sl_desk desk;
    /* For shadow calls (call/shadow.h): it shares the buffers, but has its own memory and exchanges. */
    struct sl_desk shadow_desk;
    struct sl_cred_fetches fetches;   /* of credentials: call/credential.h */
    struct sl_health *health;         /* the health checks that it makes: call/health.h; NULL: none */
    struct sl_alerting *alerting;     /* tells the operator of alerts: call/alerting.h; NULL: another worker does */
    struct sl_exporting *exporting;   /* sends spans: call/exporting.h; NULL: another worker does */
    struct sl_fleet_link *fleet;      /* to the counters that several nodes share; NULL: they are in this process */
    struct sl_counter_home *counters; /* the fleet's, for admissions; NULL: as above */
    struct sl_strangers strangers;
    struct sl_ident_source *idents;      /* the engine's; for x-sluice-id */
    struct sl_settings *client_settings; /* held, because the client's configuration points into it */
    /* How many answers of the store and fetched credentials are still to come. The worker ends only when it is 0. */
    uint32_t n_questions;
    void (*on_answered)(struct sl_worker *worker); /* called when the last one came; may be NULL */
};

/* The engine's loop must be initialised and the rest of it zero; `gate` must have a snapshot. */
SL_MUST int sl_worker_init(struct sl_worker *worker, struct sl_engine *engine, struct sl_gate *gate,
                           struct sl_log_ring *log, const struct sl_worker_service *service);
void sl_worker_done(struct sl_worker *worker);
/* How a client of upstreams works by the settings. The texts of *ret belong to `settings` and `ret_auth`. */
SL_MUST int sl_worker_client_conf(const struct sl_settings *settings, struct sl_buf *ret_auth,
                                  struct sl_hclient_conf *ret);
/* Call this for each answer that n_questions counts. */
void sl_worker_answered(struct sl_worker *worker);
/* Frees buffers that a large request or reply left behind. */
void sl_worker_trim(struct sl_worker *worker);
/* The newest snapshot; borrowed until the next call. Applies changed settings to the HTTP server and client. */
const struct sl_snapshot *sl_worker_snapshot(struct sl_worker *worker);

#endif
