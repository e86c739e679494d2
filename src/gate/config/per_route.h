/* SPDX-License-Identifier: Apache-2.0 */
/* What a route may say for itself in its `sluice:` map, and `upstream:` for those that do not. The rows are
 * gate/config/route_conf.c's. */
#ifndef SL_GATE_PER_ROUTE_H
#define SL_GATE_PER_ROUTE_H

#include <stdint.h>

struct sl_upstream_timeouts {
    uint64_t connect_usec, first_byte_usec, idle_usec, total_usec;
};

struct sl_route_conf {
    struct sl_upstream_timeouts timeouts;
    uint32_t retries; /* further attempts */
};

#endif
