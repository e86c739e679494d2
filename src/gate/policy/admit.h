/* SPDX-License-Identifier: Apache-2.0 */
/* Admission: the step between a valid call and its first attempt. It gets the owners whose limits hold for the call,
 * and what the call is expected to use. It takes everything that the call costs, or refuses the call. An admitted call
 * is settled exactly once. The caller of sl_admit tells the client. */
#ifndef SL_GATE_ADMIT_H
#define SL_GATE_ADMIT_H

#include "gate/policy/limit.h"

enum sl_ticket_state { SL_TICKET_NONE, SL_TICKET_OPEN, SL_TICKET_SETTLED };

struct sl_admission {
    struct sl_limiter *limiter;
    struct sl_limit_call call; /* its owners are `owners` */
    const struct sl_limits *owners[SL_LIMIT_OWNERS_MAX];
    uint32_t n_held_max; /* room that `held` needs */
    bool has_view;
    enum sl_ticket_state state;
    uint64_t wall_usec;         /* when the call was taken or refused */
    struct sl_limit_held *held; /* the caller's */
    uint32_t n_held;
    struct sl_limit_view view; /* the limits at that moment */
};

/* Nothing holds yet. The rest of the call is the caller's to fill before sl_admit. */
void sl_admission_init(struct sl_admission *admission, struct sl_limiter *limiter, struct sl_str principal);
/* Adds the limits of one more owner, in the order in which they are asked; without rules it does nothing. */
void sl_admission_add(struct sl_admission *admission, const struct sl_limits *limits);

/* At least one owner, and room for what is held. 0: the call is admitted. SL_E_LIMIT: refused; the view says by which
 * limit and for how long. SL_E_NOMEM. */
SL_MUST int sl_admit(struct sl_admission *admission, uint64_t now_wall_usec);
/* Call this once for each admitted call, when it has ended: what it used of each kind. */
void sl_admission_settle(struct sl_admission *admission, const uint64_t used[SL_LIMIT_KINDS]);
/* The limits at `now`: as the admission saw them, or read anew when there was none. */
void sl_admission_view(const struct sl_admission *admission, uint64_t now_wall_usec, struct sl_limit_view *ret_view);

#endif
