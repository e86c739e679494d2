/* SPDX-License-Identifier: Apache-2.0 */
/* A reply that a thread of the pool writes, because it would stop the loop for too long. */
#ifndef SL_GATE_OFFLOAD_H
#define SL_GATE_OFFLOAD_H

#include <uv.h>

#include "base/arena.h"
#include "base/buf.h"
#include "gate/call/part.h"

struct sl_gate;
struct sl_seats;
struct sl_snapshot;
struct sl_xchg;

struct sl_offload {
    uv_work_t work;
    struct sl_part part;
    struct sl_xchg *x; /* NULL: the client went away. Not for `run` */
    struct sl_worker *worker;
    struct sl_seats *seats;
    uint64_t seat;
    void (*run)(struct sl_offload *offload);
    struct sl_str media; /* of the reply */
    /* For `run`: */
    struct sl_gate *gate;
    struct sl_snapshot *snapshot; /* held: the one in force */
    unsigned flags;               /* the handler's own */
    struct sl_arena arena;        /* texts of the question */
    struct sl_buf text;           /* the reply; an error in its status is a lack of memory */
};

/* NULL: the exchange was failed. The reply may have `max` bytes. */
struct sl_offload *sl_offload_new(struct sl_xchg *x, void (*run)(struct sl_offload *offload), struct sl_str media,
                                  size_t max);
/* Takes it over, and replies when it has run. With `seats`, it needs one of them; without a free one, `busy` is the
 * message of a 503. */
void sl_offload_start(struct sl_offload *offload, struct sl_seats *seats, const char *busy);

#endif
