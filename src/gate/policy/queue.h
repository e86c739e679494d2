/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that wait for a place at a target of their route. Each principal has a line, and the lines take turns. A free
 * place is given to the first waiter that can use it, for one certain target, so that no later call takes it. Shared by
 * all workers. Time and randomness are parameters, and nothing here waits: `wake` tells a waiter what it got. */
#ifndef SL_GATE_QUEUE_H
#define SL_GATE_QUEUE_H

#include "base/list.h"
#include "base/str.h"
#include "gate/policy/pool.h"

struct sl_line;
struct sl_queue;

enum sl_waiting {
    SL_WAITING_NOT,     /* it never joined, or has left */
    SL_WAITING_ON,      /* it waits in its line */
    SL_WAITING_GRANTED, /* its attempt has begun at `target` (`begun`); it has to call sl_pool_end */
    SL_WAITING_DROPPED, /* the queue was full, its principal had the most calls in it, and another principal's call came
                         */
};

/* Owned by the caller; must not move until it has left the queue. */
struct sl_waiter {
    struct sl_link link;
    struct sl_line *line;
    const uint64_t *passed; /* as in struct sl_ask */
    bool has_passed;        /* at least one target is passed */
    bool is_stream;
    /* Called from any thread, under the queue's lock, when `state` is no longer ON. */
    void (*wake)(struct sl_waiter *waiter);
    enum sl_waiting state;
    uint32_t target;
    enum sl_begun begun;
};

SL_MUST int sl_queue_new(const struct sl_queue_rule *rule, struct sl_pool *pool, struct sl_queue **ret);
void sl_queue_free(struct sl_queue *queue); /* nobody may be waiting; NULL is fine */
uint64_t sl_queue_wait_usec(const struct sl_queue *queue);
uint32_t sl_queue_size(const struct sl_queue *queue);
/* How many calls wait. */
uint32_t sl_queue_depth(const struct sl_queue *queue);

/* Joins behind the principal's other calls. `wake` may be called before this returns. SL_E_LIMIT: the queue is full;
 * SL_E_NOMEM. */
SL_MUST int sl_queue_join(struct sl_queue *queue, struct sl_waiter *waiter, struct sl_str principal, uint64_t now_usec,
                          uint64_t random);
/* Leaves the queue, whatever the state is. Returns the state (ON: it becomes NOT). A granted place stays the
 * caller's. */
enum sl_waiting sl_queue_leave(struct sl_queue *queue, struct sl_waiter *waiter);
/* Call this when a place may be free: after every sl_pool_end, and when a target's wait or its breaker's time is over.
 * It costs nothing while nobody waits. */
void sl_queue_serve(struct sl_queue *queue, uint64_t now_usec, uint64_t random);

#endif
