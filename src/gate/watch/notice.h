/* SPDX-License-Identifier: Apache-2.0 */
/* Lines in the operator's log about upstreams that fail: at most one a minute for each target and kind of failure, with
 * the number of failures like it since the last line. Any thread. */
#ifndef SL_GATE_NOTICE_H
#define SL_GATE_NOTICE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "base/str.h"

#define SL_NOTICE_EVERY_USEC 60000000ull

/* When two kinds share a slot, they are reported more often than once a minute, but never less. */
struct sl_notices {
    struct {
        atomic_uint_fast64_t id, told_usec, n_untold;
    } slots[256];
};

struct sl_notice {
    struct sl_str route, provider, model;
    struct sl_str target;           /* its name, if the route has several */
    bool is_copy;                   /* the attempt was for a shadow; `target` is of the shadow's route */
    const char *kind;               /* the error type */
    int status;                     /* the upstream's; 0: it sent none */
    struct sl_str code, request_id; /* the upstream's; may be empty */
    struct sl_str text;             /* our description of the failure; may be empty */
    struct sl_str said;             /* the upstream's own text, shown in quotes */
};

/* Writes which resource is used up, for a call that was refused because the gateway is full; at most once a minute. */
bool sl_notice_overloaded(struct sl_notices *notices, struct sl_str what, uint64_t now_usec);
/* Writes the line, or only counts. True: it was written. */
bool sl_notice_upstream(struct sl_notices *notices, const struct sl_notice *notice, uint64_t now_usec);
/* The same for a route or one of its targets, with `text` as the message. */
bool sl_notice_route(struct sl_notices *notices, const struct sl_notice *notice, uint64_t now_usec);

#endif
