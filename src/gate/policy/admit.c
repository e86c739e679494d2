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
        SL_ASSERT(admission->call.n_owners < SL_LIMIT_OWNERS_MAX &&
                  admission->n_rules + limits->n <= SL_LIMIT_OF_CALL_MAX);
        admission->n_rules += limits->n;
        admission->owners[admission->call.n_owners++] = limits;
        admission->n_held_max += limits->n_held;
    }
}

/* Notes the verdict. */
static int decided(struct sl_admission *admission, int r, uint64_t now_wall_usec)
{
    admission->wall_usec = now_wall_usec;
    admission->has_view = r == 0 || r == SL_E_LIMIT;
    admission->state = r == 0 ? SL_TICKET_OPEN : SL_TICKET_NONE;
    return r;
}

int sl_admit(struct sl_admission *admission, uint64_t now_wall_usec)
{
    SL_ASSERT(admission->state == SL_TICKET_NONE);
    int r;
    if (SL_UNLIKELY(admission->home)) {
        r = admission->home->take(admission->home, admission, now_wall_usec);
        if (r == SL_E_AGAIN) {
            admission->state = SL_TICKET_ASKED;
            return r;
        }
    } else {
        r = sl_limiter_take(admission->limiter, &admission->call, now_wall_usec, admission->held, &admission->n_held,
                            &admission->view);
        r = r < 0 ? SL_E_NOMEM : admission->view.is_refused ? SL_E_LIMIT : 0;
    }
    return decided(admission, r, now_wall_usec);
}

void sl_admission_answer(struct sl_admission *admission, int r, uint64_t now_wall_usec)
{
    SL_ASSERT(admission->state == SL_TICKET_ASKED);
    admission->on_answer(admission, decided(admission, r, now_wall_usec));
}

void sl_admission_stop(struct sl_admission *admission)
{
    if (admission->state == SL_TICKET_ASKED) {
        admission->state = SL_TICKET_NONE;
        admission->home->forget(admission->home, admission);
    }
}

void sl_admission_settle(struct sl_admission *admission, const uint64_t used[SL_LIMIT_KINDS])
{
    SL_ASSERT(admission->state == SL_TICKET_OPEN);
    admission->state = SL_TICKET_SETTLED;
    if (!admission->n_held) {
        return;
    }
    if (SL_UNLIKELY(admission->home)) {
        admission->home->settle(admission->home, admission->held, admission->n_held, used);
    } else {
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
