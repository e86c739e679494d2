/* SPDX-License-Identifier: Apache-2.0 */
/* Admission: the step between a valid call and its first attempt. It gets the subject and the rules. It takes
 * everything that the call costs, or refuses the call. An admitted call has a ticket, which is settled exactly once.
 * The caller of sl_admit tells the client. */
#ifndef SL_GATE_ADMIT_H
#define SL_GATE_ADMIT_H

#include "gate/policy/limit.h"

enum sl_ticket_state { SL_TICKET_NONE, SL_TICKET_OPEN, SL_TICKET_SETTLED };

struct sl_ticket {
    enum sl_ticket_state state;
    bool has_view;
    struct sl_limit_view view; /* the limits at the moment when the call was taken or refused */
    uint64_t wall_usec;        /* that moment */
};

/* Who calls which route, and which rules hold. Borrowed. */
struct sl_admission {
    struct sl_limiter *limiter;
    struct sl_limit_subject subject;
    const struct sl_limit_rule *rules;
    uint32_t n_rules;
};

/* 0: the ticket is open. SL_E_LIMIT: refused; ticket->view says by which rule and for how long. SL_E_NOMEM. */
SL_MUST int sl_admit(const struct sl_admission *admission, uint64_t now_wall_usec, struct sl_ticket *ticket);
/* Call this once for each open ticket, when the call has ended. A call that failed upstream has counted all the
 * same. */
void sl_ticket_settle(struct sl_ticket *ticket);
/* The limits at `now`: as the ticket saw them, or read anew when no ticket was taken. At least one rule. */
void sl_admit_view(const struct sl_admission *admission, const struct sl_ticket *ticket, uint64_t now_wall_usec,
                   struct sl_limit_view *ret_view);

#endif
