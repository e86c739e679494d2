/* SPDX-License-Identifier: Apache-2.0 */
#include "log/ring.h"

#include "log/row.h"

int sl_rlog_ring_init(struct sl_rlog_ring *ring, struct sl_rlog *log)
{
    ring->log = log;
    return sl_ring_init(&ring->ring, SL_RLOG_RING_BYTES);
}

void sl_rlog_ring_done(struct sl_rlog_ring *ring)
{
    sl_ring_done(&ring->ring);
}

/* A message is the time, and the row behind it. */
bool sl_rlog_ring_put(struct sl_rlog_ring *ring, const struct sl_rlog_row *row, uint64_t end_usec)
{
    char bytes[SL_RLOG_ROW_MAX];
    const struct sl_str parts[] = {
        sl_str_make((const char *)&end_usec, sizeof(end_usec)),
        sl_str_make(bytes, sl_rlog_row_write(row, bytes)),
    };
    return sl_ring_put(&ring->ring, parts, SL_ARRAY_LEN(parts));
}

struct sl_rlog_waiting sl_rlog_ring_look(const struct sl_rlog_ring *ring)
{
    struct sl_rlog_waiting waiting = { .n = sl_ring_next(&ring->ring) };
    if (waiting.n) {
        sl_ring_peek(&ring->ring, &waiting.end_usec, sizeof(waiting.end_usec));
        waiting.n -= (uint32_t)sizeof(waiting.end_usec);
    }
    return waiting;
}

void sl_rlog_ring_take(struct sl_rlog_ring *ring, char *out, uint32_t n)
{
    sl_ring_take(&ring->ring, sizeof(uint64_t), out, n);
}
