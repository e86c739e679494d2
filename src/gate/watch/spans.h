/* SPDX-License-Identifier: Apache-2.0 */
/* Spans on their way from the workers to the one that sends them: a ring for each worker, made when its first span
 * comes. Nobody waits: what a ring has no room for is dropped and counted. */
#ifndef SL_GATE_SPANS_H
#define SL_GATE_SPANS_H

#include "base/err.h"
#include "base/ring.h"

#define SL_SPANS_RING_BYTES (1u << 20)

/* What became of spans. */
enum sl_span_fate {
    SL_SPAN_SENT,     /* the collector took them */
    SL_SPAN_REJECTED, /* the collector refused them for good */
    SL_SPAN_DROPPED,  /* too many came, or the collector did not take them for too long */
    SL_SPAN_FATES,
};
extern const char *const sl_span_fate_names[];

struct sl_buf;
struct sl_spans;

SL_MUST int sl_spans_new(struct sl_spans **ret);
/* Accepts NULL. */
void sl_spans_free(struct sl_spans *spans);

/* A worker's ring; NULL: no memory. Any thread. */
struct sl_ring *sl_spans_join(struct sl_spans *spans);
/* Adds a span, as it stands in a request. Of the ring's worker. */
void sl_spans_push(struct sl_spans *spans, struct sl_ring *ring, struct sl_str span);

/* --- of the one that sends --- */

/* Calls `fn` from now on when a span came after sl_spans_sleep, and when a ring is filling; on the worker's thread,
 * under a lock. NULL: no more. */
void sl_spans_watch(struct sl_spans *spans, void (*fn)(void *arg), void *arg);
/* False: `fn` is called for the next span. True: spans wait already, and it is called only when a ring is filling. */
bool sl_spans_sleep(struct sl_spans *spans);
/* True: a ring is more than half full. */
bool sl_spans_are_filling(struct sl_spans *spans);
/* Appends spans to `out`, up to `n_max` spans and about `bytes_max` bytes; returns how many. */
uint32_t sl_spans_take(struct sl_spans *spans, struct sl_buf *out, uint32_t n_max, size_t bytes_max);
void sl_spans_count(struct sl_spans *spans, enum sl_span_fate fate, uint64_t n);

/* Any thread. */
void sl_spans_look(struct sl_spans *spans, uint64_t ret_fates[SL_SPAN_FATES]);

#endif
