/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/admit.h"

void sl_admission_init(struct sl_admission *admission, struct sl_limiter *limiter, struct sl_str principal)
{
    *admission = (struct sl_admission){
        .limiter = limiter,
        .call = { .principal = principal, .amounts = { [SL_LIMIT_REQUESTS] = 1, [SL_LIMIT_CONCURRENT] = 1 } },
    };
    admission->call.owners = admission->owners;
}

void sl_admission_add(struct sl_admission *admission, const struct sl_limits *limits)
{
    if (limits->n) {
        SL_ASSERT(admission->call.n_owners < SL_LIMIT_OWNERS_MAX);
        admission->owners[admission->call.n_owners++] = limits;
        admission->n_held_max += limits->n_held;
    }
}

int sl_admit(struct sl_admission *admission, uint64_t now_wall_usec)
{
    SL_ASSERT(admission->state == SL_TICKET_NONE);
    admission->wall_usec = now_wall_usec;
    int r = sl_limiter_take(admission->limiter, &admission->call, now_wall_usec, admission->held, &admission->n_held,
                            &admission->view);
    if (r < 0) {
        return SL_E_NOMEM;
    }
    admission->has_view = true;
    if (admission->view.is_refused) {
        return SL_E_LIMIT;
    }
    admission->state = SL_TICKET_OPEN;
    return 0;
}

void sl_admission_settle(struct sl_admission *admission, const uint64_t used[SL_LIMIT_KINDS])
{
    SL_ASSERT(admission->state == SL_TICKET_OPEN);
    admission->state = SL_TICKET_SETTLED;
    if (admission->n_held) {
        sl_limiter_settle(admission->limiter, admission->held, admission->n_held, used);
    }
}

static void age(struct sl_limit_shown *shown, uint64_t passed)
{
    shown->reset_usec -= SL_MIN(passed, shown->reset_usec);
}

void sl_admission_view(const struct sl_admission *admission, uint64_t now_wall_usec, struct sl_limit_view *ret_view)
{
    if (!admission->has_view) { /* the call was refused before its limits were looked at */
        sl_limiter_peek(admission->limiter, &admission->call, now_wall_usec, ret_view);
        return;
    }
    *ret_view = admission->view;
    if (!ret_view->is_refused) {
        uint64_t then = admission->wall_usec, passed = now_wall_usec > then ? now_wall_usec - then : 0;
        age(&ret_view->requests, passed);
        age(&ret_view->tokens, passed);
        age(&ret_view->money, passed);
    }
}
