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

/* In the order of the words in config/traffic.c. */
enum sl_balance {
    SL_BALANCE_WEIGHTED,   /* by the weights, smoothly: 3 and 1 give a a b a */
    SL_BALANCE_LEAST_BUSY, /* the fewest running calls for its weight */
    SL_BALANCE_FASTEST,    /* the shortest time to the first byte */
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

/* What is known. Written by every worker, without a lock. */
struct sl_target_state {
    struct sl_breaker breaker;
    atomic_uint in_flight;
    atomic_uint_fast64_t first_usec[2];    /* to the first byte, decayed: of whole replies, of streams; 0: not known */
    atomic_uint_fast64_t measured_usec[2]; /* when that was last measured, or its turn to be */
    atomic_uint_fast64_t rest_until_usec;  /* it said that it takes no calls until then */
};

struct sl_pool {
    enum sl_balance balance;
    uint32_t n;
    const struct sl_target_rule *rules;
    struct sl_breaker_rule breaker;
    uint32_t *order; /* by tier; within one as they were said */
    struct sl_target_state *states;
    pthread_mutex_t lock; /* guards `current` and the breakers */
    int64_t *current;     /* of the smooth weights */
};

/* On the arena. The rules are borrowed. SL_E_NOMEM. */
SL_MUST int sl_pool_init(struct sl_pool *pool, enum sl_balance balance, const struct sl_breaker_rule *breaker,
                         const struct sl_target_rule *rules, uint32_t n, struct sl_arena *arena);
void sl_pool_done(struct sl_pool *pool);

/* Targets that a call does not ask for any more: it tried them, or they cannot serve it. One bit a target. */
#define SL_POOL_WORDS(n) (((n) + 63) / 64)

struct sl_ask {
    const uint64_t *passed; /* SL_POOL_WORDS(n) words */
    uint64_t now_usec;      /* of a clock that only goes forward, the same in all workers */
    uint64_t random;
    bool is_stream;
};

#define SL_NO_TARGET UINT32_MAX

void sl_ask_pass(uint64_t *passed, uint32_t target);
/* The next target, or SL_NO_TARGET. */
uint32_t sl_pool_pick(struct sl_pool *pool, const struct sl_ask *ask);
/* How many could be picked. */
uint32_t sl_pool_left(const struct sl_pool *pool, const struct sl_ask *ask);
/* When the first of those that rest, or whose breaker is open, takes calls again; 0: none does. */
uint64_t sl_pool_rested_usec(const struct sl_pool *pool, uint64_t now_usec);

/* An attempt: began as one of many, as the one that looks how the target is, or not at all, because max_concurrent are
 * running or another one looks. */
enum sl_begun { SL_BEGUN_NOT, SL_BEGUN, SL_BEGUN_PROBE };
SL_MUST enum sl_begun sl_pool_begin(struct sl_pool *pool, uint32_t target, uint64_t now_usec);
/* Once for each that began. */
void sl_pool_end(struct sl_pool *pool, uint32_t target, enum sl_begun begun, enum sl_outcome outcome,
                 uint64_t now_usec);
/* How a target is, for who looks on. */
struct sl_target_look {
    enum sl_breaker_state state;
    uint32_t in_flight;
    uint64_t waits_usec;    /* until it gets calls again; 0: it does */
    uint64_t first_usec[2]; /* as in the state */
};
void sl_pool_look(const struct sl_pool *pool, uint32_t target, uint64_t now_usec, struct sl_target_look *ret);
/* Closes its breaker, and ends its rest. */
void sl_pool_reset(struct sl_pool *pool, uint32_t target);
/* Its first byte came after so long. */
void sl_pool_measure(struct sl_pool *pool, uint32_t target, bool is_stream, uint64_t took_usec, uint64_t now_usec);
/* It asked to be left alone for so long; beyond SL_REST_MAX_USEC nobody is believed. */
#define SL_REST_MAX_USEC (120 * 1000000ULL)
void sl_pool_rest(struct sl_pool *pool, uint32_t target, uint64_t wait_usec, uint64_t now_usec);

#endif
