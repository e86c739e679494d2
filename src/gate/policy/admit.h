/* SPDX-License-Identifier: Apache-2.0 */
/* Admission: between a call that is valid and its first attempt. Subject and rules in, a verdict out: it takes all that
 * the call costs, or refuses, and leaves a ticket that is settled exactly once. Whoever asks tells the client. */
#ifndef SL_GATE_ADMIT_H
#define SL_GATE_ADMIT_H

#include "gate/policy/limit.h"

enum sl_ticket_state { SL_TICKET_NONE, SL_TICKET_OPEN, SL_TICKET_SETTLED };

struct sl_ticket {
    enum sl_ticket_state state;
    bool has_view;
    struct sl_limit_view view; /* of the limits, when it was taken or refused */
    uint64_t wall_usec;        /* then */
};

/* Who asks for what, and what holds for it. Borrowed. */
struct sl_admission {
    struct sl_limiter *limiter;
    struct sl_limit_subject subject;
    const struct sl_limit_rule *rules;
    uint32_t n_rules;
};

/* 0: the ticket is open. SL_E_LIMIT: refused, ticket->view says by which rule and for how long. SL_E_NOMEM. */
SL_MUST int sl_admit(const struct sl_admission *admission, uint64_t now_wall_usec, struct sl_ticket *ticket);
/* The call has ended. Once, for an open ticket: what failed upstream has been counted all the same. */
void sl_ticket_settle(struct sl_ticket *ticket);
/* How things stand at `now`: as the ticket saw them, or without one that was taken. At least one rule. */
void sl_admit_view(const struct sl_admission *admission, const struct sl_ticket *ticket, uint64_t now_wall_usec,
                   struct sl_limit_view *ret_view);

#endif
