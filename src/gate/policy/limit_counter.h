/* SPDX-License-Identifier: Apache-2.0 */
/* One counter of the limiter. A shard has it, and its lock guards it. */
#ifndef SL_GATE_LIMIT_COUNTER_H
#define SL_GATE_LIMIT_COUNTER_H

#include "base/list.h"
#include "gate/policy/limit_rule.h"

struct sl_remote;

struct sl_counter {
    struct sl_counter *next;  /* next in its bucket */
    struct sl_remote *remote; /* owned; limit_home.c: it has another home. NULL: it has not */
    uint64_t hash;            /* of its scope: owner, key and who */
    uint64_t used;            /* in the window that ends at end_usec; reservations included */
    uint64_t reserved;
    uint64_t cap;      /* as the last call that was counted had it; 0: none was yet */
    uint64_t alert_at; /* the next alert is due when so much is used, without reservations; UINT64_MAX: never */
    uint64_t end_usec; /* end of the window; 0: there was none yet. Concurrency has no window: UINT64_MAX */
    uint64_t heap_usec;
    uint64_t period_usec;
    const struct sl_zone *zone;
    uint64_t incarnation;
    struct sl_link link;  /* in its tenant's list, if it is in a crowd */
    uint64_t listed_usec; /* its end when it was put there */
    uint32_t heap_index;
    uint32_t n_open; /* calls that hold something of it */
    uint32_t window; /* counts the windows, so that a call finds out whether its own is still open */
    uint32_t n_name, n_who;
    uint8_t owner, key, kind; /* enum sl_limit_owner, sl_limit_key, sl_limit_kind */
    bool is_changed;
    uint8_t n_alerted; /* thresholds that were reached in this window */
    char text[];       /* the owner's name, then who */
};

#endif
