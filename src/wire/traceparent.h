/* SPDX-License-Identifier: Apache-2.0 */
/* The header `traceparent` of W3C's Trace Context: which trace a call belongs to, and which span is its parent. */
#ifndef SL_WIRE_TRACEPARENT_H
#define SL_WIRE_TRACEPARENT_H

#include "base/err.h"
#include "base/str.h"

struct sl_traceparent {
    uint64_t trace[2]; /* the first half first; never 0 */
    uint64_t span;     /* never 0 */
    bool is_sampled;
};

/* SL_E_INVAL: it is malformed, and counts as if it were not there. */
SL_MUST int sl_traceparent_read(struct sl_str text, struct sl_traceparent *ret);
#define SL_TRACEPARENT_BYTES 55
void sl_traceparent_format(const struct sl_traceparent *parent, char out[SL_TRACEPARENT_BYTES]);

#endif
