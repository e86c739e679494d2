/* SPDX-License-Identifier: Apache-2.0 */
/* What a route may say for itself in its `sluice:` map. What `upstream:` says for those that do not is sl_route_conf,
 * with its rows in gate/config/route_conf.c; what a route alone has is sl_route_own, in route_own.c. */
#ifndef SL_GATE_PER_ROUTE_H
#define SL_GATE_PER_ROUTE_H

#include <stdint.h>

#include "base/str.h"

struct sl_route_header;

struct sl_upstream_timeouts {
    uint64_t connect_usec;
    uint64_t first_byte_usec; /* 0: not said, the dialect's own holds */
    uint64_t idle_usec, total_usec;
};

struct sl_route_conf {
    struct sl_upstream_timeouts timeouts;
    uint32_t retries; /* further attempts */
};

/* Routes that one may go on to (`fallback.routes`), those behind them too. More are not asked. */
#define SL_BEYOND_MAX 16

/* By what a conversation finds its target again. */
enum sl_affinity_by {
    SL_AFFINITY_AUTO, /* what the call says of its conversation */
    SL_AFFINITY_OFF,
    SL_AFFINITY_HEADER, /* a header's value */
};

struct sl_affinity_conf {
    int by;               /* enum sl_affinity_by */
    struct sl_str header; /* of SL_AFFINITY_HEADER */
    uint64_t ttl_usec;    /* since the last call */
};

/* What only a route has: how its upstream is reached, and what it is told besides. */
struct sl_route_own {
    struct sl_str proxy;                     /* a URL, "none", or p == NULL: upstream.proxy */
    struct sl_str tls_ca, tls_cert, tls_key; /* paths; p == NULL: none of its own */
    struct sl_route_header *headers;
    uint32_t n_headers;
    struct sl_strs passage; /* rules of the raw passage, besides the provider's: llm/core/passage.h */
    uint64_t responses_keep_usec, responses_bytes; /* what the gateway keeps itself; 0: nothing */
    struct sl_str *secret_names; /* of headers whose values are secrets; ends with a p of NULL; NULL: none */
};

#endif
