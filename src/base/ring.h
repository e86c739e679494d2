/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded ring of messages between two threads: one puts, the other takes. Nobody waits: when it is full, a message
 * is dropped and counted. */
#ifndef SL_BASE_RING_H
#define SL_BASE_RING_H

#include <stdatomic.h>

#include "base/err.h"
#include "base/str.h"

struct sl_ring {
    atomic_size_t head; /* written by the one that puts */
    char pad[64];       /* puts head and tail on different cache lines */
    atomic_size_t tail; /* written by the one that takes */
    atomic_uint_fast64_t n_dropped;
    size_t size;
    char *bytes;
};

/* `size`: a power of two. */
SL_MUST int sl_ring_init(struct sl_ring *ring, size_t size);
void sl_ring_done(struct sl_ring *ring);

/* Of the one that puts. Adds a message that consists of these parts. False: it was full. */
bool sl_ring_put(struct sl_ring *ring, const struct sl_str *parts, size_t n_parts);
/* True: it is more than half full. */
bool sl_ring_is_filling(const struct sl_ring *ring);

/* Of the one that takes. The length of the oldest message; 0: there is none. */
uint32_t sl_ring_next(const struct sl_ring *ring);
/* Copies the first `n` bytes of the oldest message. */
void sl_ring_peek(const struct sl_ring *ring, void *out, size_t n);
/* Copies `n` bytes of it from offset `from`, and removes it. */
void sl_ring_take(struct sl_ring *ring, size_t from, void *out, size_t n);
/* Removes it. */
void sl_ring_skip(struct sl_ring *ring);

#endif
