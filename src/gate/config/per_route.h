/* SPDX-License-Identifier: Apache-2.0 */
/* What a route may set for itself in its `sluice:` map. sl_route_conf has the settings that `upstream:` has too, as
 * defaults (rows: gate/config/route_conf.c); sl_route_own has those that only a route has (route_own.c). */
#ifndef SL_GATE_PER_ROUTE_H
#define SL_GATE_PER_ROUTE_H

#include <stdint.h>

#include "base/str.h"

struct sl_route_header;

struct sl_upstream_timeouts {
    uint64_t connect_usec;
    uint64_t first_byte_usec; /* 0: not set, the dialect's default is used */
    uint64_t idle_usec, total_usec;
};

struct sl_route_conf {
    struct sl_upstream_timeouts timeouts;
    uint32_t retries; /* after the first attempt */
};

/* The most routes that a route can go on to (`fallback.routes` and the routes after them). */
#define SL_BEYOND_MAX 16

/* How a conversation finds its target again. */
enum sl_affinity_by {
    SL_AFFINITY_AUTO, /* by what the call says about its conversation */
    SL_AFFINITY_OFF,
    SL_AFFINITY_HEADER, /* by the value of a header */
};

struct sl_affinity_conf {
    int by;               /* enum sl_affinity_by */
    struct sl_str header; /* for SL_AFFINITY_HEADER */
    uint64_t ttl_usec;    /* after the last call */
};

/* Settings that only a route has: the way to its upstream, and headers that are added. */
struct sl_route_own {
    struct sl_str proxy;                     /* a URL, "none", or p == NULL: upstream.proxy */
    struct sl_str tls_ca, tls_cert, tls_key; /* paths; p == NULL: none for this route */
    struct sl_route_header *headers;
    uint32_t n_headers;
    struct sl_strs passage; /* rules of the raw passage, added to the provider's: llm/core/passage.h */
    uint64_t responses_keep_usec, responses_bytes; /* for responses that the gateway keeps itself; 0: it keeps none */
    struct sl_str *secret_names; /* of headers whose values are secrets; ends with a p of NULL; NULL: none */
};

#endif
