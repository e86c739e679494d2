/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/state.h"

#include "llm/core/call.h"
#include "llm/core/passage.h"

static const unsigned allowed[SL_XS_COUNT] = {
    [SL_XS_HEAD] = SL_BIT(SL_XS_BODY) | SL_BIT(SL_XS_DONE),
    [SL_XS_BODY] = SL_BIT(SL_XS_UPSTREAM) | SL_BIT(SL_XS_DONE),
    /* Also to itself, for the next attempt. */
    [SL_XS_UPSTREAM] = SL_BIT(SL_XS_UPSTREAM) | SL_BIT(SL_XS_RELAY) | SL_BIT(SL_XS_DONE),
    [SL_XS_RELAY] = SL_BIT(SL_XS_UPSTREAM) | SL_BIT(SL_XS_DONE), /* back only before a byte was sent */
    [SL_XS_DONE] = 0,
};

void sl_xchg_set_state(struct sl_xchg *x, enum sl_xchg_state to)
{
    SL_ASSERT(allowed[x->state] & SL_BIT(to));
    x->state = to;
}

bool sl_xchg_is_invocation(const struct sl_xchg *x)
{
    return x->path && !x->path->handle;
}

bool sl_xchg_has_price(const struct sl_xchg *x)
{
    const struct sl_call *call = x->call;
    return !call->follow && !(call->passage && !call->passage->tail);
}
