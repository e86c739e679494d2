/* SPDX-License-Identifier: Apache-2.0 */
#include "log/ring.h"

#include <stdlib.h>

#include "log/row.h"

int sl_rlog_ring_init(struct sl_rlog_ring *ring, struct sl_rlog *log)
{
    ring->log = log;
    ring->bytes = malloc(SL_RLOG_RING_BYTES);
    return ring->bytes ? 0 : SL_E_NOMEM;
}

void sl_rlog_ring_done(struct sl_rlog_ring *ring)
{
    free(ring->bytes);
}

static void copy_in(struct sl_rlog_ring *ring, size_t head, const void *p, size_t n)
{
    size_t at = head % SL_RLOG_RING_BYTES, first = SL_MIN(n, SL_RLOG_RING_BYTES - at);
    memcpy(ring->bytes + at, p, first);
    memcpy(ring->bytes, (const char *)p + first, n - first);
}

static void copy_out(const struct sl_rlog_ring *ring, size_t tail, void *p, size_t n)
{
    size_t at = tail % SL_RLOG_RING_BYTES, first = SL_MIN(n, SL_RLOG_RING_BYTES - at);
    memcpy(p, ring->bytes + at, first);
    memcpy((char *)p + first, ring->bytes, n - first);
}

bool sl_rlog_ring_put(struct sl_rlog_ring *ring, const struct sl_rlog_row *row, uint64_t end_usec)
{
    char bytes[SL_RLOG_ROW_MAX];
    struct sl_rlog_waiting waiting = { .end_usec = end_usec, .n = (uint32_t)sl_rlog_row_write(row, bytes) };
    size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    size_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    if (sizeof(waiting) + waiting.n > SL_RLOG_RING_BYTES - (head - tail)) {
        atomic_fetch_add_explicit(&ring->n_dropped, 1, memory_order_relaxed);
        return false;
    }
    copy_in(ring, head, &waiting, sizeof(waiting));
    copy_in(ring, head + sizeof(waiting), bytes, waiting.n);
    /* Sequentially consistent: see sl_rlog_push. */
    atomic_store(&ring->head, head + sizeof(waiting) + waiting.n);
    return true;
}

bool sl_rlog_ring_is_filling(const struct sl_rlog_ring *ring)
{
    size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    return head - atomic_load_explicit(&ring->tail, memory_order_relaxed) > SL_RLOG_RING_BYTES / 2;
}

struct sl_rlog_waiting sl_rlog_ring_look(const struct sl_rlog_ring *ring)
{
    struct sl_rlog_waiting waiting = { 0 };
    size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    if (atomic_load(&ring->head) != tail) {
        copy_out(ring, tail, &waiting, sizeof(waiting));
    }
    return waiting;
}

void sl_rlog_ring_take(struct sl_rlog_ring *ring, char *out, uint32_t n)
{
    size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    copy_out(ring, tail + sizeof(struct sl_rlog_waiting), out, n);
    sl_rlog_ring_skip(ring, n);
}

void sl_rlog_ring_skip(struct sl_rlog_ring *ring, uint32_t n)
{
    size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    atomic_store_explicit(&ring->tail, tail + sizeof(struct sl_rlog_waiting) + n, memory_order_release);
}
