/* SPDX-License-Identifier: Apache-2.0 */
/* Private to gate/fleet: the process's part and a worker's link.
 *
 *   DOWN ──> DIAL ──> GREET ──> JOIN ──> TELL ──> UP
 *    ↑        │         │        │ ↑      │ ↺     │
 *    └────────┴─────────┴────────┘ └──────┴───────┤ another epoch, or the scripts are gone
 *    ↑                             ↑              │
 *    └── the connection is lost    └─── SLOW <────┘ no reply within the deadline, or the server refuses
 *
 * GREET: where the server is, if a list says who knows it, who we are, what the server is, the scripts. JOIN: which
 * epoch it is. TELL: this worker's shares were sent; in a new epoch it waits here until all other workers have told
 * theirs. Calls ask in UP only. In SLOW one join is tried now and then. Calls wait for a link that is not UP for some
 * time after it was, but none for one that stays away. */
#ifndef SL_GATE_FLEET_STATE_H
#define SL_GATE_FLEET_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "gate/fleet/conf.h"
#include "gate/fleet/script.h"
#include "gate/policy/admit.h"
#include "gate/policy/limit_lease.h"
#include "net/loop.h"
#include "redis/redis.h"

/* Of a digest (SHA-1) in hexadecimal digits, as the server names scripts. */
#define SL_FLEET_SHA 40
/* What a process tells the others at once; 16 of them fit a reply. */
#define SL_FLEET_NEWS_BYTES 16384
/* The name of a worker: its process, a point, its number. */
#define SL_FLEET_WORKER_MAX 32
#define SL_FLEET_WORD_MAX   40
/* A host and a port. */
#define SL_FLEET_AT_MAX 264
/* The most workers of other processes that are remembered. */
#define SL_FLEET_PEERS_MAX 1024

struct sl_fleet_news;

struct sl_fleet {
    struct sl_fleet_conf conf;
    struct sl_arena arena; /* for its texts */
    struct sl_str prefix;  /* "sluice:{namespace}:", of all keys */
    struct sl_limiter *limiter;
    uint32_t n_workers;
    char process[16];     /* a random word */
    atomic_uint n_up;     /* links */
    atomic_bool is_told;  /* the operator's log says that the server is away */
    pthread_mutex_t lock; /* guards what follows */
    char told[256];       /* why, as the log has it */
    char epoch[SL_FLEET_WORD_MAX];
    struct sl_buf news; /* that wait to be sent */
    atomic_uint_fast64_t n_epochs;
};

enum sl_link_state {
    SL_LINK_DOWN,
    SL_LINK_DIAL,
    SL_LINK_GREET,
    SL_LINK_JOIN,
    SL_LINK_TELL,
    SL_LINK_UP,
    SL_LINK_SLOW,
    SL_LINK_STATES
};

struct sl_fleet_link;
SL_LIST_HEAD(sl_fleet_asks);

/* What the parts of a link report to link.c. */
struct sl_link_events {
    /* The greeting is over. `fault`: why the server cannot be used, `is_final`: another try cannot help; NULL: it can.
     */
    void (*greeted)(struct sl_fleet_link *link, const char *fault, bool is_final);
    /* The server is at the link's host and port. */
    void (*found)(struct sl_fleet_link *link);
    /* The server has the shares; or a part of them was not taken. */
    void (*told)(struct sl_fleet_link *link, bool is_whole);
    /* The reply of a script: how many items follow its first number, which is *ret_first; SL_E_STALE: it is another
     * epoch, or the scripts are gone, and the link joins anew; SL_E_IO: another fault, and the link looks after it. */
    int (*reply)(struct sl_fleet_link *link, const struct sl_resp *reply, size_t n, int64_t *ret_first);
    /* A call got no reply in time. */
    void (*slow)(struct sl_fleet_link *link, const char *text);
};

struct sl_fleet_link {
    struct sl_counter_home home;
    const struct sl_link_events *events;
    struct sl_fleet *fleet;
    struct sl_loop *loop;
    struct sl_metrics_worker *metrics; /* NULL: none */
    struct sl_redis redis;
    enum sl_link_state state;
    /* Where a node of a cluster or a Sentinel has sent us; "": one of the configured places. */
    char host[256];
    uint16_t port;
    bool is_watched;          /* by Sentinels, which have to be asked again before each connection */
    uint32_t place;           /* which of the configured ones is asked */
    char at[SL_FLEET_AT_MAX]; /* "host:port", as the operator is told */
    uint32_t number;
    char worker[SL_FLEET_WORKER_MAX];
    uint64_t n_joins; /* the number of its connection, in the server's words */
    char connection[24];
    char epoch[SL_FLEET_WORD_MAX], run[SL_FLEET_WORD_MAX + 1];
    char sha[SL_FLEET_SCRIPTS][SL_FLEET_SHA];
    uint32_t n_loading; /* scripts whose names are still to come */
    bool is_new_epoch;  /* the shares are told with floors */
    bool is_share_lost; /* a part of the shares was not taken */
    uint32_t n_shares_due;
    struct sl_timer timer;  /* what the state waits for */
    struct sl_timer expiry; /* of the first ask */
    struct sl_timer lease_look;
    struct sl_limit_leases leases;
    uint64_t since_usec;     /* when the step began that `timer` watches */
    uint64_t patience_usec;  /* until then calls wait for the link */
    uint64_t dead_look_usec; /* when it last asked the server to look for what dead nodes hold */
    uint32_t n_failures;     /* connections in a row that came to nothing */
    bool is_beating;         /* a sign of life waits for its reply */
    bool is_telling;         /* so does the question whether all have told their shares */
    int64_t offset_usec;     /* from this machine's wall clock to the server's */
    uint32_t n_nodes;
    struct sl_str peers[SL_FLEET_PEERS_MAX]; /* their names are in peer_text */
    uint32_t n_peers;
    struct sl_buf peer_text;
    struct sl_buf out; /* the command that is being written */
    struct sl_fleet_asks asks;
    struct sl_timer news; /* of the process's link that has on_news */
    void (*on_news)(void *arg, const struct sl_fleet_news *news);
    void *news_arg;
    uint64_t news_usec, n_news; /* until then all is known; how often they were asked for */
    bool is_asking_news;
    bool is_ending;
    void (*on_done)(void *arg);
    void *arg;
    /* What the operator should know; for sl_fleet_try, too. */
    char fault[256];
    bool is_fault_final;                           /* another try cannot help */
    void (*on_change)(struct sl_fleet_link *link); /* for sl_fleet_try; may be NULL */
};

#endif
