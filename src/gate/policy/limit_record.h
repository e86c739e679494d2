/* SPDX-License-Identifier: Apache-2.0 */
/* What a counter says of itself, to the store, to readers and in alerts. */
#ifndef SL_GATE_LIMIT_RECORD_H
#define SL_GATE_LIMIT_RECORD_H

#include "gate/policy/limit_rule.h"

struct sl_limit_record {
    enum sl_limit_owner owner;
    struct sl_str name; /* the owner's */
    uint64_t incarnation;
    enum sl_limit_key key;
    struct sl_str who; /* a principal or a session; "" where `key` has none */
    enum sl_limit_kind kind;
    uint64_t period_usec;
    const struct sl_zone *zone;
    uint64_t end_wall_usec;  /* end of its window */
    uint64_t used, reserved; /* `reserved` is the part of `used` that calls hold */
    uint64_t cap;            /* of the last call that was counted; 0: none was since the start */
};

#endif
