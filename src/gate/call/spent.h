/* SPDX-License-Identifier: Apache-2.0 */
/* What a provider bills although nobody got a whole answer: attempts that another one followed or beat, and calls that
 * ended early. What the upstream said that it used counts; what it did not say is estimated. */
#ifndef SL_GATE_SPENT_H
#define SL_GATE_SPENT_H

#include <stdbool.h>

#include "llm/core/error.h"
#include "llm/core/types.h"

struct sl_record;
struct sl_route;
struct sl_target;
struct sl_xchg;

/* An attempt that is not the call's last one, and was billed. On the exchange's arena. */
struct sl_spent {
    struct sl_spent *next;
    const struct sl_route *route; /* of the target */
    const struct sl_target *target;
    struct sl_str target_name; /* p == NULL: it has none */
    bool is_away;              /* it is of another route than the one that was called */
    bool is_estimated;         /* a part of its usage is */
    struct sl_usage usage;
    int64_t cost_nano;
};

/* True: the provider of the last attempt may bill what it did: it had the request, and did not answer with an error. */
bool sl_spent_is_last_billed(const struct sl_record *record);
/* An attempt of the call ended, and another one takes its place: keeps what it cost. The record is still about it;
 * `has_heard`: its usage and events, too. `is_beaten`: it was stopped, because the other one was faster. Call it once
 * for each such attempt. */
void sl_spent_note(struct sl_xchg *x, enum sl_error_type type, bool is_beaten, bool has_heard);
/* The call has failed, and is over. When its provider bills more than it said, the record gets an estimate. */
void sl_spent_close(struct sl_xchg *x);

#endif
