/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that wait for a place at a target of their route: a line for each principal, and the lines take turns. A place
 * that gets free is given to the first one that can use it, by name of the target, so that no call that comes later
 * takes it. Shared by all workers; time and randomness come in, and nothing here waits: who is given something is told
 * by `wake`. */
#ifndef SL_GATE_QUEUE_H
#define SL_GATE_QUEUE_H

#include "base/list.h"
#include "base/str.h"
#include "gate/policy/pool.h"

struct sl_line;
struct sl_queue;

enum sl_waiting {
    SL_WAITING_NOT,     /* it never joined, or has left */
    SL_WAITING_ON,      /* in its line */
    SL_WAITING_GRANTED, /* `begun` at `target`: its own, until sl_pool_end */
    SL_WAITING_DROPPED, /* its principal had more in a full queue than somebody who came */
};

/* The caller's; stays where it is until it has left. */
struct sl_waiter {
    struct sl_link link;
    struct sl_line *line;
    const uint64_t *passed; /* as of struct sl_ask */
    bool has_passed;        /* a target is */
    bool is_stream;
    void (*wake)(struct sl_waiter *waiter); /* from any thread, under the queue's lock: no longer ON */
    enum sl_waiting state;
    uint32_t target;
    enum sl_begun begun;
};

SL_MUST int sl_queue_new(const struct sl_queue_rule *rule, struct sl_pool *pool, struct sl_queue **ret);
void sl_queue_free(struct sl_queue *queue); /* nobody waits; NULL is fine */
uint64_t sl_queue_wait_usec(const struct sl_queue *queue);
uint32_t sl_queue_size(const struct sl_queue *queue);
/* How many wait. */
uint32_t sl_queue_depth(const struct sl_queue *queue);

/* Behind its principal's others. It may be woken inside. SL_E_LIMIT: the queue is full; SL_E_NOMEM. */
SL_MUST int sl_queue_join(struct sl_queue *queue, struct sl_waiter *waiter, struct sl_str principal, uint64_t now_usec,
                          uint64_t random);
/* It waits no longer, whatever it has come to; `state` stays as it is then (ON: NOT). What it was given is its own. */
enum sl_waiting sl_queue_leave(struct sl_queue *queue, struct sl_waiter *waiter);
/* A place may have got free: behind every sl_pool_end, and when a target's rest or breaker's time is over. Costs
 * nothing while nobody waits. */
void sl_queue_serve(struct sl_queue *queue, uint64_t now_usec, uint64_t random);

#endif
