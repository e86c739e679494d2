/* SPDX-License-Identifier: Apache-2.0 */
#include "log/seal.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/num.h"
#include "log/state.h"

/* Files are deleted whole, so up to one part more is kept than the bounds say. */
#define PARTS             32
#define SEGMENT_BYTES_MIN (1ull << 20)
#define SEGMENT_BYTES_MAX (256ull << 20)
#define SEGMENT_USEC_MIN  (60 * SL_USEC_PER_SEC)

uint64_t sl_rlog_part_usec(const struct sl_rlog *log)
{
    return SL_MAX(atomic_load_explicit(&log->keep_usec, memory_order_relaxed) / PARTS, SEGMENT_USEC_MIN);
}

int sl_rlog_add_segment(struct sl_rlog *log, struct sl_segment *segment)
{
    if (log->n_segments == log->cap_segments) {
        uint32_t cap = SL_MAX(log->cap_segments * 2, 16u);
        struct sl_segment **more = realloc(log->segments, cap * sizeof(*more));
        if (!more) {
            sl_segment_unref(segment);
            return SL_E_NOMEM;
        }
        log->segments = more;
        log->cap_segments = cap;
    }
    log->segments[log->n_segments++] = segment;
    return 0;
}

/* The file for the next block. NULL: no memory. */
static struct sl_segment *segment_for(struct sl_rlog *log, uint64_t first_row)
{
    struct sl_segment *last = log->n_segments ? log->segments[log->n_segments - 1] : NULL;
    uint64_t most = atomic_load_explicit(&log->max_bytes, memory_order_relaxed) / PARTS;
    most = SL_MIN(SL_MAX(most, SEGMENT_BYTES_MIN), SEGMENT_BYTES_MAX);
    if (last && !last->is_closed && last->bytes < most &&
        (last->bytes == 0 || (int64_t)sl_clock_wall_usec() < last->oldest_usec + (int64_t)sl_rlog_part_usec(log))) {
        return last;
    }
    struct sl_segment *segment = sl_segment_new(log->dir, first_row);
    return segment && sl_rlog_add_segment(log, segment) == 0 ? segment : NULL;
}

int sl_rlog_seal_rows(struct sl_rlog *log, uint64_t first_row, const struct sl_str *rows, uint32_t n,
                      struct sl_block **ret, struct sl_err *err)
{
    struct sl_segment *segment = segment_for(log, first_row);
    if (!segment) {
        return sl_fail_nomem(err);
    }
    struct sl_buf bytes = SL_BUF_INIT(SL_BLOCK_MAX);
    bool is_new = segment->bytes == 0;
    sl_block_write(&bytes, first_row, (uint32_t)sl_rng_next(&log->rng), rows, n);
    int r = sl_buf_status(&bytes) < 0 ? sl_fail_nomem(err) : sl_segment_add(segment, sl_buf_str(&bytes), ret, err);
    if (r == 0 && is_new) {
        SL_IGNORE(fsync(log->dir_fd) < 0); /* nothing better can be done */
    }
    sl_buf_done(&bytes);
    return r;
}
