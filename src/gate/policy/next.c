/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/next.h"

#include <stddef.h>

#include "gate/policy/pick.h"

const char *const sl_cause_words[] = {
#define X(symbol, word) word,
    SL_CAUSES(X)
#undef X
        NULL,
};

static bool may_begin(const struct sl_fallback *fallback, const struct sl_failure *failure, uint64_t at_usec)
{
    return at_usec < failure->end_usec && at_usec - failure->start_usec < fallback->within_usec;
}

static bool may_repeat(const struct sl_fallback *fallback, const struct sl_failure *failure, const struct sl_ask *ask,
                       uint32_t n_others)
{
    uint32_t n_after = fallback->attempts - failure->n_attempts - 1; /* attempts that would be left after a repeat */
    return failure->may_repeat && failure->n_repeats < failure->n_repeats_allowed && n_after >= n_others &&
           (!failure->is_slow || !n_others) && may_begin(fallback, failure, ask->now_usec + failure->wait_usec);
}

struct sl_step sl_next(struct sl_pool *pool, const struct sl_fallback *fallback, const struct sl_failure *failure,
                       const struct sl_ask *ask)
{
    struct sl_step step = { SL_STEP_GIVE_UP, SL_NO_TARGET, 0 };
    if (failure->n_attempts >= fallback->attempts) {
        return step;
    }
    bool may_move = failure->cause < SL_CAUSE_COUNT && (fallback->on >> failure->cause & 1) &&
                    may_begin(fallback, failure, ask->now_usec);
    uint32_t n_own = may_move ? sl_pool_left(pool, ask) : 0;
    bool has_beyond = may_move && failure->has_beyond;
    uint32_t n_others = n_own + has_beyond;
    if (may_repeat(fallback, failure, ask, n_others)) {
        return (struct sl_step){ SL_STEP_REPEAT, failure->target, failure->wait_usec };
    }
    step.target = n_own ? sl_pool_pick(pool, ask) : SL_NO_TARGET;
    step.kind = step.target != SL_NO_TARGET || has_beyond ? SL_STEP_MOVE : SL_STEP_GIVE_UP;
    return step;
}
