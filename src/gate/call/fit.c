/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/fit.h"

#include "gate/call/state.h"
#include "gate/config/route.h"
#include "gate/config/traffic.h"
#include "llm/form/needs.h"
#include "llm/core/call.h"
#include "llm/core/target.h"
#include "llm/form/models.h"

static void unfit_tell(struct sl_xchg *x, const struct sl_target *target, const char *missing,
                       const struct sl_needs *needs, struct sl_llm_error *ret)
{
    *ret = (struct sl_llm_error){ .type = SL_ERR_CALLER_INVALID_REQUEST };
    if (missing) {
        ret->message = sl_arena_printf(x->arena, "the model '%.*s' %s", SL_STR_ARG(target->model), missing);
        return;
    }
    ret->code = SL_STR("context_length_exceeded");
    ret->message = sl_arena_printf(
        x->arena, "the model '%.*s' has a context length of %lld tokens, and the prompt has about %llu",
        SL_STR_ARG(target->model), (long long)target->row->context, (unsigned long long)needs->tokens);
}

int sl_fit_look(struct sl_xchg *x, void (*on_unfit)(void *arg, uint32_t target, const struct sl_llm_error *error),
                void *arg)
{
    const struct sl_route *route = x->at.route;
    const struct sl_traffic *traffic = x->at.traffic;
    struct sl_needs needs;
    if (x->call->type > SL_LLM_COMPLETIONS || x->call->follow ||
        !sl_needs_might(x->call, traffic->refused, traffic->context)) {
        return 0;
    }
    int r = sl_needs_read(x->call, x->env, x->arena, &needs);
    for (uint32_t i = 0; r == 0 && i < route->n_targets; i++) {
        const struct sl_target *target = &route->targets[i];
        const char *missing = sl_needs_missing(target->row, &needs);
        if (missing || !sl_needs_room(target->row, &needs)) {
            struct sl_llm_error error;
            unfit_tell(x, target, missing, &needs, &error);
            on_unfit(arg, i, &error);
        }
    }
    return r;
}
