/* SPDX-License-Identifier: Apache-2.0 */
/* The targets of one route as policy sees them: what is said of each, what is known of each, and which one is next.
 * Shared by all workers. Time and randomness come in; nothing here waits or sends. */
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
    SL_BALANCE_WEIGHTED,   /* by the weights, smoothly: 3 and 1 give a a b a */
    SL_BALANCE_LEAST_BUSY, /* the fewest running calls for its weight */
    SL_BALANCE_FASTEST,    /* the shortest time to a stream's first byte, or to a whole reply's end */
    SL_BALANCE_ORDERED,    /* the first that can */
};

/* What the configuration says. */
struct sl_target_rule {
    uint32_t weight;         /* 0: only where no other of the tier is left */
    uint32_t tier;           /* a lower one comes first */
    uint32_t max_concurrent; /* 0: no bound */
    uint32_t place;          /* in its tier: a lower one stands before */
};

/* When a target is left alone for a while: both `errors` and `ratio` hold within `window`. */
struct sl_breaker_rule {
    uint32_t errors; /* 0: never */
    uint32_t ratio;  /* percent of the calls that say how it is */
    uint64_t window_usec, open_usec;
};

/* Calls that wait for a place: gate/policy/queue.h. */
struct sl_queue_rule {
    uint32_t size; /* 0: there is no queue */
    uint64_t wait_usec;
};

/* One more attempt elsewhere: gate/policy/hedge.h. */
struct sl_hedge_rule {
    uint32_t at_most;    /* percent of the route's calls; 0: never */
    uint64_t after_usec; /* 0: the target's own p95 */
};

/* The numbers are the metric's. */
enum sl_breaker_state {
    SL_BREAKER_CLOSED, /* it gets its calls */
    SL_BREAKER_HALF,   /* one call looks how it is */
    SL_BREAKER_OPEN,   /* it gets none until open_until_usec; then one */
};

/* Guarded by the pool's lock; what is atomic is read without. */
struct sl_breaker {
    atomic_uint state; /* enum sl_breaker_state */
    atomic_uint_fast64_t open_until_usec;
    uint64_t half_usec;           /* when this half of the window began */
    uint32_t n_good[2], n_bad[2]; /* in it, and in the one before */
};

/* What an attempt says of its target. */
enum sl_outcome {
    SL_OUTCOME_GOOD,
    SL_OUTCOME_BAD,
    SL_OUTCOME_NEUTRAL, /* nothing: the client left, a limit was reached, the call itself was at fault */
};

/* Why a target takes no calls for a time. */
struct sl_target_state {
    struct sl_breaker breaker;
    atomic_uint_fast64_t rest_until_usec; /* it said that it takes no calls until then */
};

/* Times of whole replies, or of streams, by seat. What is 0 is not known. Each is written without a lock. */
struct sl_pool_times {
    atomic_uint_fast64_t *first_usec;    /* to the first byte, decayed */
    atomic_uint_fast64_t *measured_usec; /* when that was last */
    atomic_uint_fast64_t *due_usec;      /* when it is its turn to be measured again */
};

struct sl_pool_tier {
    uint32_t from, to; /* seats */
    int32_t gains;     /* the sum of theirs */
    uint32_t weights;  /* the sum of them, whoever takes calls */
};

/* A target's seat is its place in the order of the tiers: a tier's targets sit side by side, and what is looked at to
 * choose among them lies in arrays by seat, so that a thousand are looked through in a microsecond. */
struct sl_pool {
    enum sl_balance balance;
    uint32_t n, n_tiers;
    const struct sl_target_rule *rules;
    struct sl_breaker_rule breaker;
    struct sl_target_state *states;
    uint32_t *seats;      /* of the targets */
    pthread_mutex_t lock; /* guards the breakers, changes of `ready`, and what is weighed */

    /* by seat */
    uint32_t *targets, *tier_of;
    struct sl_pool_tier *tiers;
    atomic_uint_fast64_t *doubtful; /* a bit each: of those that are ready, a call has to look how it is */
    atomic_uint_fast64_t *ready;    /* a bit each: it takes calls, as far as others say, not the call itself */
    atomic_uint_fast64_t wake_usec; /* when the first of the others may take calls again */
    atomic_uint *in_flight;
    uint64_t *weighs;              /* a bit each */
    uint32_t *lighter;             /* the weights of its tier's seats before it */
    uint64_t *step;                /* what one call adds to its load: the more, the less it weighs */
    int32_t *gain, *credit;        /* of the smooth weights */
    struct sl_pool_times times[2]; /* of whole replies, of streams */
};

/* Of one route; a power of two. */
#define SL_POOL_MAX 1024

/* On the arena. The rules are borrowed. At most SL_POOL_MAX targets. SL_E_NOMEM. */
SL_MUST int sl_pool_init(struct sl_pool *pool, enum sl_balance balance, const struct sl_breaker_rule *breaker,
                         const struct sl_target_rule *rules, uint32_t n, struct sl_arena *arena);
void sl_pool_done(struct sl_pool *pool);

#define SL_NO_TARGET UINT32_MAX

/* One bit a target. */
#define SL_POOL_WORDS(n) (((n) + 63) / 64)

/* Those whose time to wait is over take calls again. */
void sl_pool_wake(struct sl_pool *pool, uint64_t now_usec);
/* Is there one beside those that were passed that would take calls, but that max_concurrent run at it? */
bool sl_pool_is_full(const struct sl_pool *pool, const uint64_t *passed, uint64_t now_usec);
/* When the first of those that rest, or whose breaker is open, takes calls again; 0: none does. */
uint64_t sl_pool_rested_usec(const struct sl_pool *pool, uint64_t now_usec);

/* An attempt: began as one of many, as the one that looks how the target is, or not at all, because max_concurrent are
 * running or another one looks. */
enum sl_begun { SL_BEGUN_NOT, SL_BEGUN, SL_BEGUN_PROBE };
SL_MUST enum sl_begun sl_pool_begin(struct sl_pool *pool, uint32_t target, uint64_t now_usec);
/* Once for each that began. True: it opened the breaker, or closed it. */
bool sl_pool_end(struct sl_pool *pool, uint32_t target, enum sl_begun begun, enum sl_outcome outcome,
                 uint64_t now_usec);
/* How a target is, for who looks on. */
struct sl_target_look {
    enum sl_breaker_state state;
    uint32_t in_flight;
    uint64_t waits_usec;    /* until it gets calls again; 0: it does */
    uint64_t first_usec[2]; /* of whole replies, of streams; 0: not known */
};
void sl_pool_look(const struct sl_pool *pool, uint32_t target, uint64_t now_usec, struct sl_target_look *ret);
/* What is known of a target that another pool had before; this one serves nobody yet. */
void sl_pool_adopt(struct sl_pool *pool, uint32_t target, struct sl_pool *from, uint32_t from_target);
/* Closes its breaker, and ends its rest. */
void sl_pool_reset(struct sl_pool *pool, uint32_t target);
/* What was measured so long ago may be otherwise now. */
#define SL_STALE_USEC (30 * 1000000ULL)
/* Its first byte came after so long. */
void sl_pool_measure(struct sl_pool *pool, uint32_t target, bool is_stream, uint64_t took_usec, uint64_t now_usec);
/* It asked to be left alone for so long; beyond SL_REST_MAX_USEC nobody is believed. A shorter wait ends no longer one
 * that it asked for before. */
#define SL_REST_MAX_USEC (120 * 1000000ULL)
void sl_pool_rest(struct sl_pool *pool, uint32_t target, uint64_t wait_usec, uint64_t now_usec);

#endif
