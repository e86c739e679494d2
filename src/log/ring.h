/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's way to the request log: a bounded ring of rows, with one producer and one consumer. Nobody waits: when it
 * is full, the row is dropped and counted. */
#ifndef SL_LOG_RING_H
#define SL_LOG_RING_H

#include "base/ring.h"

#define SL_RLOG_RING_BYTES (1u << 20)

struct sl_rlog;
struct sl_rlog_row;

struct sl_rlog_ring {
    struct sl_ring ring;
    struct sl_rlog *log;
};

SL_MUST int sl_rlog_ring_init(struct sl_rlog_ring *ring, struct sl_rlog *log);
void sl_rlog_ring_done(struct sl_rlog_ring *ring);
/* Of the worker. `end_usec`: when the row's request ended (monotonic). False: it was full. */
bool sl_rlog_ring_put(struct sl_rlog_ring *ring, const struct sl_rlog_row *row, uint64_t end_usec);

/* The oldest row in a ring. */
struct sl_rlog_waiting {
    uint64_t end_usec;
    uint32_t n; /* its length; 0: there is none */
};
/* Of the log's thread. */
struct sl_rlog_waiting sl_rlog_ring_look(const struct sl_rlog_ring *ring);
/* Copies the oldest row, of `n` bytes, and removes it. */
void sl_rlog_ring_take(struct sl_rlog_ring *ring, char *out, uint32_t n);

#endif
