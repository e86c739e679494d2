/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/timing.h"

#include <string.h>

#include "base/num.h"

/* "12.345": milliseconds with three decimals. */
static char *put_msec(char *at, uint64_t usec)
{
    at += sl_format_u64(usec / 1000, at);
    uint64_t rest = usec % 1000;
    *at++ = '.';
    *at++ = (char)('0' + rest / 100);
    *at++ = (char)('0' + rest / 10 % 10);
    *at++ = (char)('0' + rest % 10);
    return at;
}

static char *put(char *at, struct sl_str s)
{
    memcpy(at, s.p, s.n);
    return at + s.n;
}

size_t sl_timing_format(const struct sl_timing *times, char out[SL_TIMING_MAX])
{
    uint64_t total = times->now_usec - times->since_usec;
    uint64_t upstream = times->upstream_first_usec ? times->now_usec - times->upstream_first_usec : 0;
    char *at = put(out, SL_STR("sluice;dur="));
    at = put_msec(at, total - SL_MIN(upstream, total));
    if (times->upstream_first_usec) {
        at = put(at, SL_STR(", upstream;dur="));
        at = put_msec(at, upstream);
    }
    if (times->upstream_head_usec) {
        at = put(at, SL_STR(", ttfb;dur="));
        at = put_msec(at, times->upstream_head_usec - times->upstream_first_usec);
    }
    return (size_t)(at - out);
}
