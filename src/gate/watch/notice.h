/* SPDX-License-Identifier: Apache-2.0 */
/* What the operator's log says of upstreams that fail: once a minute for a target and a kind of failure, with how many
 * were like it in between. Any thread. */
#ifndef SL_GATE_NOTICE_H
#define SL_GATE_NOTICE_H

#include <stdatomic.h>

#include "base/str.h"

#define SL_NOTICE_EVERY_USEC 60000000ull

/* Two that share a slot are told more often than they should be, never less. */
struct sl_notices {
    struct {
        atomic_uint_fast64_t id, told_usec, n_untold;
    } slots[256];
};

struct sl_notice {
    struct sl_str route, provider, model;
    struct sl_str target;           /* its name, where the route has several */
    const char *kind;               /* the error type */
    int status;                     /* the upstream's; 0: none came */
    struct sl_str code, request_id; /* the upstream's, where it said some */
    struct sl_str text;             /* our words for what it did, where there are some */
    struct sl_str said;             /* the upstream's own, shown in quotes */
};

/* Of a call that was refused because the gateway is full: what is used up. The same once a minute. */
bool sl_notice_overloaded(struct sl_notices *notices, struct sl_str what, uint64_t now_usec);
/* Says it, or counts it. True: it was said. */
bool sl_notice_upstream(struct sl_notices *notices, const struct sl_notice *notice, uint64_t now_usec);
/* The same of a route, or of one of its targets, in words of its own: `text`. */
bool sl_notice_route(struct sl_notices *notices, const struct sl_notice *notice, uint64_t now_usec);

#endif
