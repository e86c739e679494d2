/* SPDX-License-Identifier: Apache-2.0 */
/* How long an attempt waits for its upstream, and which setting says so. */
#ifndef SL_GATE_PATIENCE_H
#define SL_GATE_PATIENCE_H

#include "base/attr.h"
#include "base/str.h"
#include "llm/core/error.h"

struct sl_upstream_timeouts;
struct sl_xchg;

struct sl_patience {
    const struct sl_upstream_timeouts *timeouts; /* of the target */
    uint64_t total_usec;                         /* what is left for the attempt */
    uint32_t target;                             /* index in the targets of the exchange's `at` */
};

/* The time from the request's last byte to the first of the reply. */
uint64_t sl_patience_first_byte_usec(const struct sl_xchg *x, const struct sl_upstream_timeouts *timeouts);
/* "WHAT (timeouts.first_byte of the target 'eu': 8s)": names the setting that ended the attempt. Only `what` if `type`
 * is no time-out. */
struct sl_str sl_patience_tell(const struct sl_xchg *x, const struct sl_patience *patience, enum sl_error_type type,
                               struct sl_str what);

#endif
