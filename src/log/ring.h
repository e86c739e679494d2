/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's way to the request log: a bounded ring of rows, with one producer and one consumer. Nobody waits: when it
 * is full, the row is dropped and counted. */
#ifndef SL_LOG_RING_H
#define SL_LOG_RING_H

#include <stdatomic.h>

#include "base/err.h"
#include "base/str.h"

#define SL_RLOG_RING_BYTES (1u << 20)

struct sl_rlog;
struct sl_rlog_row;

struct sl_rlog_ring {
    atomic_size_t head; /* written by the worker */
    char pad[64];       /* puts head and tail on different cache lines */
    atomic_size_t tail; /* written by the log's thread */
    atomic_uint_fast64_t n_dropped;
    char *bytes;
    struct sl_rlog *log;
};

SL_MUST int sl_rlog_ring_init(struct sl_rlog_ring *ring, struct sl_rlog *log);
void sl_rlog_ring_done(struct sl_rlog_ring *ring);
/* Of the worker. `end_usec`: when the row's request ended (monotonic). False: it was full. */
bool sl_rlog_ring_put(struct sl_rlog_ring *ring, const struct sl_rlog_row *row, uint64_t end_usec);

/* Of the worker. True: it is more than half full. */
bool sl_rlog_ring_is_filling(const struct sl_rlog_ring *ring);

/* The oldest row in a ring. */
struct sl_rlog_waiting {
    uint64_t end_usec;
    uint32_t n; /* its length; 0: there is none */
};
/* Of the log's thread. */
struct sl_rlog_waiting sl_rlog_ring_look(const struct sl_rlog_ring *ring);
/* Copies the oldest row, of `n` bytes, and removes it. */
void sl_rlog_ring_take(struct sl_rlog_ring *ring, char *out, uint32_t n);
/* Removes it. */
void sl_rlog_ring_skip(struct sl_rlog_ring *ring, uint32_t n);

#endif
