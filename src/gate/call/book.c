/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/book.h"

#include "gate/call/spent.h"
#include "gate/call/state.h"
#include "gate/config/route.h"
#include "gate/watch/tally.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"
#include "net/loop.h"

/* Who is charged for shadow calls: nobody made them. */
static const struct sl_str shadows = SL_STR_INIT("shadow");

/* True: its reply says what the call itself has used. Reading an earlier response says again what that one has used,
 * and counting tokens uses none. */
static bool is_metered(const struct sl_xchg *x)
{
    return !x->path->counts && (!x->path->follows || x->match.method == SL_POST);
}

/* A shadow call's target is known by the name that it has on its own route. */
static struct sl_str target_name(const struct sl_xchg *x)
{
    const struct sl_target *target = x->record.target;
    return x->shadow_of && target ? sl_route_target_name(x->route, (size_t)(target - x->route->targets))
                                  : x->record.target_name;
}

/* An attempt that another one followed: it is no call, but its provider bills it. */
static void spent_book(const struct sl_xchg *x, const struct sl_spent *spent)
{
    sl_tally_add(x->desk->tally,
                 &(struct sl_tally_call){
                     .route = x->route,
                     .target = spent->target,
                     .target_name = spent->target_name,
                     .model = spent->target->model,
                     .provider = spent->target->provider->name,
                     .is_away = spent->is_away,
                     .is_lost = true,
                     .is_estimated = spent->is_estimated,
                     .key = x->caller.key,
                     .principal = x->caller.principal,
                     .usage = &spent->usage,
                     .cost_nano = spent->cost_nano,
                     .is_priced = true,
                 },
                 sl_loop_recent(x->desk->loop));
}

void sl_book_exchange(struct sl_xchg *x)
{
    if (!x->route || !sl_xchg_is_invocation(x)) {
        return;
    }
    bool is_shadow = x->shadow_of;
    const struct sl_record *record = &x->record;
    const struct sl_target *target = record->target;
    sl_tally_add(x->desk->tally,
                 &(struct sl_tally_call){
                     .route = x->route,
                     .target = target,
                     .target_name = target_name(x),
                     .model = target ? target->model : SL_STR_NONE,
                     .provider = target ? target->provider->name : NULL,
                     .is_away = record->is_away,
                     .is_error = record->error_type != SL_ERR_NONE,
                     .key = is_shadow ? NULL : x->caller.key,
                     .principal = is_shadow ? shadows : x->caller.principal,
                     .usage = is_metered(x) ? &record->usage : NULL,
                     .cost_nano = record->cost_nano,
                     .is_priced = sl_xchg_has_price(x) && !record->is_cost_apart,
                     .is_estimated = record->is_estimated,
                 },
                 sl_loop_recent(x->desk->loop));
    for (const struct sl_spent *spent = record->spent; SL_UNLIKELY(spent); spent = spent->next) {
        spent_book(x, spent);
    }
}
