/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/admit.h"

int sl_admit(const struct sl_admission *admission, uint64_t now_wall_usec, struct sl_ticket *ticket)
{
    SL_ASSERT(ticket->state == SL_TICKET_NONE);
    if (admission->n_rules) {
        ticket->wall_usec = now_wall_usec;
        int r = sl_limiter_take(admission->limiter, &admission->subject, admission->rules, admission->n_rules,
                                now_wall_usec, &ticket->view);
        if (r < 0) {
            return SL_E_NOMEM;
        }
        ticket->has_view = true;
        if (ticket->view.is_refused) {
            return SL_E_LIMIT;
        }
    }
    ticket->state = SL_TICKET_OPEN;
    return 0;
}

void sl_ticket_settle(struct sl_ticket *ticket)
{
    SL_ASSERT(ticket->state == SL_TICKET_OPEN);
    ticket->state = SL_TICKET_SETTLED;
}

void sl_admit_view(const struct sl_admission *admission, const struct sl_ticket *ticket, uint64_t now_wall_usec,
                   struct sl_limit_view *ret_view)
{
    struct sl_limit_view view = ticket->view;
    if (!ticket->has_view) { /* the call was refused before its limits were looked at */
        sl_limiter_peek(admission->limiter, &admission->subject, admission->rules, admission->n_rules, now_wall_usec,
                        &view);
    } else if (!view.is_refused) {
        uint64_t passed = now_wall_usec > ticket->wall_usec ? now_wall_usec - ticket->wall_usec : 0;
        view.reset_usec -= SL_MIN(passed, view.reset_usec);
    }
    *ret_view = view;
}
