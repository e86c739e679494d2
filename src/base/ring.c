/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ring.h"

#include <stdlib.h>

int sl_ring_init(struct sl_ring *ring, size_t size)
{
    SL_ASSERT((size & (size - 1)) == 0);
    ring->size = size;
    ring->bytes = malloc(size);
    return ring->bytes ? 0 : SL_E_NOMEM;
}

void sl_ring_done(struct sl_ring *ring)
{
    free(ring->bytes);
}

static void copy_in(struct sl_ring *ring, size_t head, const void *p, size_t n)
{
    size_t at = head & (ring->size - 1), first = SL_MIN(n, ring->size - at);
    memcpy(ring->bytes + at, p, first);
    memcpy(ring->bytes, (const char *)p + first, n - first);
}

static void copy_out(const struct sl_ring *ring, size_t tail, void *p, size_t n)
{
    size_t at = tail & (ring->size - 1), first = SL_MIN(n, ring->size - at);
    memcpy(p, ring->bytes + at, first);
    memcpy((char *)p + first, ring->bytes, n - first);
}

bool sl_ring_put(struct sl_ring *ring, const struct sl_str *parts, size_t n_parts)
{
    uint32_t n = 0;
    for (size_t i = 0; i < n_parts; i++) {
        n += (uint32_t)parts[i].n;
    }
    size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    size_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);
    if (sizeof(n) + n > ring->size - (head - tail)) {
        atomic_fetch_add_explicit(&ring->n_dropped, 1, memory_order_relaxed);
        return false;
    }
    copy_in(ring, head, &n, sizeof(n));
    head += sizeof(n);
    for (size_t i = 0; i < n_parts; i++) {
        copy_in(ring, head, parts[i].p, parts[i].n);
        head += parts[i].n;
    }
    /* Sequentially consistent, so that whoever sleeps after a look at the ring, and whoever puts and then looks whether
     * somebody sleeps, cannot miss each other. */
    atomic_store(&ring->head, head);
    return true;
}

bool sl_ring_is_filling(const struct sl_ring *ring)
{
    size_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    return head - atomic_load_explicit(&ring->tail, memory_order_relaxed) > ring->size / 2;
}

uint32_t sl_ring_next(const struct sl_ring *ring)
{
    uint32_t n = 0;
    size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    if (atomic_load(&ring->head) != tail) {
        copy_out(ring, tail, &n, sizeof(n));
    }
    return n;
}

void sl_ring_peek(const struct sl_ring *ring, void *out, size_t n)
{
    copy_out(ring, atomic_load_explicit(&ring->tail, memory_order_relaxed) + sizeof(uint32_t), out, n);
}

void sl_ring_take(struct sl_ring *ring, size_t from, void *out, size_t n)
{
    copy_out(ring, atomic_load_explicit(&ring->tail, memory_order_relaxed) + sizeof(uint32_t) + from, out, n);
    sl_ring_skip(ring);
}

void sl_ring_skip(struct sl_ring *ring)
{
    size_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    atomic_store_explicit(&ring->tail, tail + sizeof(uint32_t) + sl_ring_next(ring), memory_order_release);
}
