/* SPDX-License-Identifier: Apache-2.0 */
/* Admission: between a call that is valid and its first attempt. It takes all that the call costs, or refuses the call,
 * and leaves a ticket in the exchange that is settled exactly once with how the call went. */
#ifndef SL_GATE_ADMIT_H
#define SL_GATE_ADMIT_H

#include "gate/policy/limit.h"
#include "llm/core/llm.h"

struct sl_xchg;

enum sl_outcome {
    SL_OUTCOME_OK,
    SL_OUTCOME_FAILED,    /* ours or the upstream's fault */
    SL_OUTCOME_CANCELLED, /* the client went away */
};

enum sl_ticket_state { SL_TICKET_NONE, SL_TICKET_OPEN, SL_TICKET_SETTLED };

struct sl_ticket {
    enum sl_ticket_state state;
    bool has_view;
    struct sl_limit_view view; /* of the limits, when it was taken or refused */
    uint64_t wall_usec;        /* then */
};

/* Admits x: route, principal and call are known and valid. Calls on_admitted(x) with x->ticket open, or fails the
 * exchange (429). Either may happen within this call, or later on the same loop; in between the exchange may end. */
void sl_admit(struct sl_xchg *x, void (*on_admitted)(struct sl_xchg *x));

/* How it went, and what it used (-1: not known). Once, for an open ticket. A call that failed upstream has been
 * counted all the same. */
void sl_ticket_settle(struct sl_ticket *ticket, enum sl_outcome outcome, const struct sl_usage *usage);

/* x-ratelimit-…-requests of the route's limits, in place of the provider's. Nothing where the route has no limit. */
SL_MUST int sl_admit_headers(struct sl_xchg *x, struct sl_headers *io_headers);

#endif
