/* SPDX-License-Identifier: Apache-2.0 */
/* The targets of one route, for policy: their rules, their state, and which one is next. Shared by all workers. Time
 * and randomness are parameters; nothing here waits or sends. */
#ifndef SL_GATE_POOL_H
#define SL_GATE_POOL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"

struct sl_arena;

/* In the order of balance_words in config/traffic_conf.c. */
enum sl_balance {
    SL_BALANCE_WEIGHTED,   /* by the weights, evenly mixed: 3 and 1 give a a b a */
    SL_BALANCE_LEAST_BUSY, /* the fewest running calls for its weight */
    SL_BALANCE_FASTEST,    /* the shortest time to a stream's first byte, or to a whole reply's end */
    SL_BALANCE_ORDERED,    /* the first one that takes calls */
    SL_BALANCE_CHEAPEST,   /* the lowest price; among equal ones, the fewest running calls for its weight */
};

/* What the configuration says of a target. */
struct sl_target_rule {
    uint32_t weight;         /* 0: only when no other target of the tier is left */
    uint32_t tier;           /* lower tiers come first */
    uint32_t max_concurrent; /* 0: no bound */
    uint32_t place;          /* the order within its tier: lower ones stand first */
};

/* When a target gets no calls for a while: when both `errors` and `ratio` are reached within `window`. */
struct sl_breaker_rule {
    uint32_t errors; /* 0: never */
    uint32_t ratio;  /* percent of the attempts that count */
    uint64_t window_usec, open_usec;
};

/* Health checks, which are made whether there are calls or not: gate/call/health.h. */
enum sl_health_by {
    SL_HEALTH_CONNECT, /* a connection, which is closed at once */
    SL_HEALTH_MODELS,  /* a GET of the provider's list of models */
};
struct sl_health_rule {
    uint64_t every_usec; /* time between two checks of a target; 0: there are none */
    int by;              /* enum sl_health_by */
};

/* A target is down when this many checks in a row have failed. One check that is answered brings it back. */
#define SL_HEALTH_FALL 3
/* A check that failed is repeated after this time, until the target is down; so is one that could not be made. */
#define SL_HEALTH_AGAIN_USEC (1 * 1000000ULL)
/* A target's first check comes within this time. */
#define SL_HEALTH_FIRST_USEC (10 * 1000000ULL)

/* Calls that wait for a place: gate/policy/queue.h. */
struct sl_queue_rule {
    uint32_t size; /* 0: there is no queue */
    uint64_t wait_usec;
};

/* An additional attempt at another target: gate/policy/hedge.h. */
struct sl_hedge_rule {
    uint32_t at_most;    /* percent of the route's calls; 0: never */
    uint64_t after_usec; /* 0: the target's own p95 */
};

/* The metric has the same numbers. */
enum sl_breaker_state {
    SL_BREAKER_CLOSED, /* the target gets its calls */
    SL_BREAKER_HALF,   /* one call probes the target */
    SL_BREAKER_OPEN,   /* the target gets no calls until open_until_usec; then one probes it */
};

/* "closed", "half-open", "open" */
const char *sl_breaker_word(enum sl_breaker_state state);

/* Guarded by the pool's lock; atomic members are read without it. */
struct sl_breaker {
    atomic_uint state; /* enum sl_breaker_state */
    atomic_uint_fast64_t open_until_usec;
    atomic_uint_fast64_t half_usec; /* when this half of the window began */
    atomic_uint n_good[2];          /* counts of this half, and of the half before; also added to without the lock */
    uint32_t n_bad[2];
};

/* What an attempt says about its target. */
enum sl_outcome {
    SL_OUTCOME_GOOD,
    SL_OUTCOME_BAD,
    SL_OUTCOME_NEUTRAL, /* nothing: the client left, a limit was reached, or the call itself was wrong */
};

/* Why a target takes no calls for a time. */
struct sl_target_state {
    struct sl_breaker breaker;
    atomic_uint_fast64_t rest_until_usec; /* the target asked for no calls until then */
    atomic_bool is_down;                  /* its health checks failed: no calls until one is answered */
    uint32_t n_failed;                    /* health checks that failed in a row; guarded by the lock */
    atomic_uint_fast64_t check_usec;      /* when the next health check is due; 0: not known */
};

/* Times of whole replies, or of streams, by seat. 0 means not known. Each is written without a lock. */
struct sl_pool_times {
    atomic_uint_fast64_t *took_usec;     /* to the end of a reply, or to a stream's first byte: a decaying average */
    atomic_uint_fast64_t *measured_usec; /* when it was last measured */
    atomic_uint_fast64_t *due_usec;      /* when it is due to be measured again */
};

struct sl_pool_tier {
    uint32_t from, to; /* seats */
    int32_t gains;     /* the sum of the gains of its seats */
    uint32_t weights;  /* the sum of the weights of its seats, whether they take calls or not */
};

/* A target's seat is its position in the order of the tiers. The seats of a tier are side by side, and the data for
 * choosing among them is in arrays by seat, so that a thousand are searched in a microsecond. */
struct sl_pool {
    enum sl_balance balance;
    uint32_t n, n_tiers;
    const struct sl_target_rule *rules;
    struct sl_breaker_rule breaker;
    struct sl_health_rule health; /* the owner sets it after sl_pool_init */
    struct sl_target_state *states;
    uint32_t *seats;      /* from target to seat */
    pthread_mutex_t lock; /* guards the breakers, writing `ready`, and the smooth weights */

    /* by seat */
    uint32_t *targets, *tier_of;
    struct sl_pool_tier *tiers;
    atomic_uint_fast64_t *doubtful; /* one bit for each seat: if it is ready, the next call is a probe */
    /* One bit for each seat: it takes calls. Whether it can serve a certain call is not known here. */
    atomic_uint_fast64_t *ready;
    atomic_uint_fast64_t wake_usec; /* when the first seat that is not ready may take calls again */
    atomic_uint *in_flight;
    uint64_t *weighs;              /* one bit for each seat with a weight */
    uint32_t *lighter;             /* for each seat: the sum of the weights before it in its tier */
    atomic_uint_fast64_t *price;   /* what a usual call costs there; UINT64_MAX: not known */
    uint64_t *step;                /* how much one call adds to a target's load: the lower the weight, the more */
    int32_t *gain, *credit;        /* for the smooth weights */
    struct sl_pool_times times[2]; /* whole replies, streams */
};

/* The most targets of one route; a power of two. */
#define SL_POOL_MAX 1024

/* Memory is from the arena. The rules are borrowed. At most SL_POOL_MAX targets. SL_E_NOMEM. */
SL_MUST int sl_pool_init(struct sl_pool *pool, enum sl_balance balance, const struct sl_breaker_rule *breaker,
                         const struct sl_target_rule *rules, uint32_t n, struct sl_arena *arena);
void sl_pool_done(struct sl_pool *pool);

#define SL_NO_TARGET UINT32_MAX

/* One bit for each target. */
#define SL_POOL_WORDS(n) (((n) + 63) / 64)

/* Targets whose time to wait is over take calls again. */
void sl_pool_wake(struct sl_pool *pool, uint64_t now_usec);
/* True: among the targets that were not passed, at least one takes no calls only because max_concurrent of them run
 * there. */
bool sl_pool_is_full(const struct sl_pool *pool, const uint64_t *passed, uint64_t now_usec);
/* The time when the first target that waits, or whose breaker is open, takes calls again; 0: there is none. */
uint64_t sl_pool_rested_usec(const struct sl_pool *pool, uint64_t now_usec);

/* How an attempt began: as an ordinary one, as the probe of a target, or not at all, because max_concurrent are running
 * or another call probes the target. */
enum sl_begun { SL_BEGUN_NOT, SL_BEGUN, SL_BEGUN_PROBE };
SL_MUST enum sl_begun sl_pool_begin(struct sl_pool *pool, uint32_t target, uint64_t now_usec);
/* Call this once for each attempt that began. True: it opened or closed the breaker. */
bool sl_pool_end(struct sl_pool *pool, uint32_t target, enum sl_begun begun, enum sl_outcome outcome,
                 uint64_t now_usec);
/* The state of a target, for lists and metrics. */
struct sl_target_look {
    enum sl_breaker_state state; /* also open while the target is down */
    bool is_down;                /* its health checks failed */
    uint32_t in_flight;
    uint64_t waits_usec;   /* time until it gets calls again; 0: it gets them */
    uint64_t took_usec[2]; /* whole replies, streams; 0: not known */
};
void sl_pool_look(const struct sl_pool *pool, uint32_t target, uint64_t now_usec, struct sl_target_look *ret);
/* Copies the state of a target from another pool. No call uses this pool yet. */
void sl_pool_adopt(struct sl_pool *pool, uint32_t target, struct sl_pool *from, uint32_t from_target);
/* Says what a usual call costs at the target, in any unit; UINT64_MAX: that is not known. */
void sl_pool_price(struct sl_pool *pool, uint32_t target, uint64_t price);
/* Closes the target's breaker, and ends its wait. A target that is down is up until its checks have failed again. */
void sl_pool_reset(struct sl_pool *pool, uint32_t target);
/* Another node says that its breaker of the target is open for so long, or closed (0). */
void sl_pool_told(struct sl_pool *pool, uint32_t target, uint64_t open_usec, uint64_t now_usec);
/* When the target's next health check is due. Two checks are as far apart as the rule says, give or take an eighth, so
 * that the checks of many targets spread. */
uint64_t sl_pool_check_due(struct sl_pool *pool, uint32_t target, uint64_t random, uint64_t now_usec);
/* A health check ended; `is_well`: it was answered. Sets when the next one is due. True: the target went down, or came
 * back. */
bool sl_pool_checked(struct sl_pool *pool, uint32_t target, bool is_well, uint64_t random, uint64_t now_usec);
/* The gateway itself could not make the check. Sets when the next one is due. */
void sl_pool_unchecked(struct sl_pool *pool, uint32_t target, uint64_t random, uint64_t now_usec);
/* Times that are older than this count as unknown. */
#define SL_STALE_USEC (30 * 1000000ULL)
/* Records how long the target's first byte took. */
void sl_pool_measure(struct sl_pool *pool, uint32_t target, bool is_stream, uint64_t took_usec, uint64_t now_usec);
/* The target asked for no calls for this time; at most SL_REST_MAX_USEC counts. A shorter wait does not end a longer
 * one that it asked for before. */
#define SL_REST_MAX_USEC (120 * 1000000ULL)
void sl_pool_rest(struct sl_pool *pool, uint32_t target, uint64_t wait_usec, uint64_t now_usec);

#endif
