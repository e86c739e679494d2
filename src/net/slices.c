/* SPDX-License-Identifier: Apache-2.0 */
#include "net/slices.h"

void sl_slices_move(struct sl_slices *at, size_t n)
{
    while (at->slice < at->end && n >= at->slice->n - at->offset) {
        n -= at->slice->n - at->offset;
        at->offset = 0;
        at->slice++;
    }
    at->offset += n;
}

struct sl_str sl_slices_peek(const struct sl_slices *at, size_t n, char *room)
{
    const struct sl_str *slice = at->slice;
    struct sl_str run = sl_str_sub(*slice, at->offset, slice->n);
    if (run.n >= n) {
        return sl_str_sub(run, 0, n);
    }
    for (size_t done = 0; done < n;) {
        size_t take = SL_MIN(run.n, n - done);
        if (take) {
            memcpy(room + done, run.p, take);
        }
        done += take;
        if (done < n) {
            run = *++slice;
        }
    }
    return sl_str_make(room, n);
}

void sl_slices_copy(const struct sl_slices *at, char *out)
{
    size_t offset = at->offset;
    for (const struct sl_str *slice = at->slice; slice < at->end; slice++) {
        if (slice->n > offset) {
            memcpy(out, slice->p + offset, slice->n - offset);
            out += slice->n - offset;
        }
        offset = 0;
    }
}
