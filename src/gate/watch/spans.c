/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/watch/spans.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/buf.h"

const char *const sl_span_fate_names[] = {
    [SL_SPAN_SENT] = "sent",
    [SL_SPAN_REJECTED] = "rejected",
    [SL_SPAN_DROPPED] = "dropped",
    [SL_SPAN_FATES] = NULL,
};

struct joined {
    struct joined *next;
    struct sl_ring ring;
};

/* Who sends sleeps, was told that there are spans, or that a ring is filling. */
enum { ASLEEP, TOLD, HURRIED };

struct sl_spans {
    pthread_mutex_t lock; /* guards `on_spans`, and who joins */
    void (*on_spans)(void *arg);
    void *arg;
    _Atomic(struct joined *) first;
    atomic_int told;
    atomic_uint_fast64_t fates[SL_SPAN_FATES];
};

int sl_spans_new(struct sl_spans **ret)
{
    struct sl_spans *spans = calloc(1, sizeof(*spans));
    if (!spans) {
        return SL_E_NOMEM;
    }
    pthread_mutex_init(&spans->lock, NULL);
    *ret = spans;
    return 0;
}

void sl_spans_free(struct sl_spans *spans)
{
    struct joined *next;
    for (struct joined *at = spans ? atomic_load(&spans->first) : NULL; at; at = next) {
        next = at->next;
        sl_ring_done(&at->ring);
        free(at);
    }
    if (spans) {
        pthread_mutex_destroy(&spans->lock);
        free(spans);
    }
}

struct sl_ring *sl_spans_join(struct sl_spans *spans)
{
    struct joined *joined = calloc(1, sizeof(*joined));
    if (!joined || sl_ring_init(&joined->ring, SL_SPANS_RING_BYTES) < 0) {
        free(joined);
        return NULL;
    }
    pthread_mutex_lock(&spans->lock);
    joined->next = atomic_load(&spans->first);
    atomic_store(&spans->first, joined);
    pthread_mutex_unlock(&spans->lock);
    return &joined->ring;
}

static void tell(struct sl_spans *spans)
{
    pthread_mutex_lock(&spans->lock);
    if (spans->on_spans) {
        spans->on_spans(spans->arg);
    }
    pthread_mutex_unlock(&spans->lock);
}

void sl_spans_push(struct sl_spans *spans, struct sl_ring *ring, struct sl_str span)
{
    SL_IGNORE(!sl_ring_put(ring, &span, 1)); /* the ring counts what it drops */
    int now = sl_ring_is_filling(ring) ? HURRIED : TOLD;
    /* Both the put and this load, and also the store of sl_spans_sleep and its look at the rings, are sequentially
     * consistent: no span is missed. */
    if (atomic_load(&spans->told) < now && atomic_exchange(&spans->told, now) < now) {
        tell(spans);
    }
}

void sl_spans_watch(struct sl_spans *spans, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&spans->lock);
    spans->on_spans = fn;
    spans->arg = arg;
    pthread_mutex_unlock(&spans->lock);
}

bool sl_spans_sleep(struct sl_spans *spans)
{
    bool has_any = false;
    atomic_store(&spans->told, ASLEEP);
    for (struct joined *at = atomic_load(&spans->first); at; at = at->next) {
        has_any |= sl_ring_next(&at->ring) != 0;
    }
    int asleep = ASLEEP;
    SL_IGNORE(!has_any || !atomic_compare_exchange_strong(&spans->told, &asleep, TOLD)); /* or somebody has told it */
    return has_any;
}

bool sl_spans_are_filling(struct sl_spans *spans)
{
    bool is_filling = false;
    for (struct joined *at = atomic_load(&spans->first); at; at = at->next) {
        is_filling |= sl_ring_is_filling(&at->ring);
    }
    return is_filling;
}

uint32_t sl_spans_take(struct sl_spans *spans, struct sl_buf *out, uint32_t n_max, size_t bytes_max)
{
    uint32_t n = 0;
    for (struct joined *at = atomic_load(&spans->first); at; at = at->next) {
        for (uint32_t len; n < n_max && out->len < bytes_max && (len = sl_ring_next(&at->ring)) != 0; n++) {
            if (sl_buf_reserve(out, len) < 0) {
                return n;
            }
            sl_ring_take(&at->ring, 0, out->p + out->len, len);
            out->len += len;
        }
    }
    return n;
}

void sl_spans_count(struct sl_spans *spans, enum sl_span_fate fate, uint64_t n)
{
    atomic_fetch_add_explicit(&spans->fates[fate], n, memory_order_relaxed);
}

void sl_spans_look(struct sl_spans *spans, uint64_t ret_fates[SL_SPAN_FATES])
{
    for (unsigned i = 0; i < SL_SPAN_FATES; i++) {
        ret_fates[i] = atomic_load_explicit(&spans->fates[i], memory_order_relaxed);
    }
    for (struct joined *at = atomic_load(&spans->first); at; at = at->next) {
        ret_fates[SL_SPAN_DROPPED] += atomic_load_explicit(&at->ring.n_dropped, memory_order_relaxed);
    }
}
