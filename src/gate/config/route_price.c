/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/route_price.h"

#include <string.h>

#include "base/arena.h"
#include "llm/core/target.h"
#include "llm/price/price.h"
#include "llm/price/table.h"

static struct sl_price *price_of(const struct sl_target *target, const struct sl_prices *prices)
{
    return sl_prices_find(prices, target->provider, target->model);
}

void sl_targets_price(struct sl_target *targets, uint32_t n, const struct sl_prices *prices)
{
    for (uint32_t i = 0; i < n; i++) {
        targets[i].paid_more = sl_price_paid_more(targets[i].base.host);
        struct sl_price *price = price_of(&targets[i], prices);
        targets[i].price = price ? sl_price_ref(price) : NULL;
    }
}

int sl_targets_reprice(struct sl_target *targets, uint32_t n, const struct sl_prices *prices, struct sl_arena *arena,
                       struct sl_target **ret)
{
    bool same = true;
    for (uint32_t i = 0; same && i < n; i++) {
        same = sl_price_is_same(price_of(&targets[i], prices), targets[i].price);
    }
    struct sl_target *copy = same ? targets : SL_ARENA_ARRAY(arena, struct sl_target, n);
    if (!copy) {
        return SL_E_NOMEM;
    }
    if (!same) {
        memcpy(copy, targets, n * sizeof(targets[0]));
        sl_targets_price(copy, n, prices);
    }
    *ret = copy;
    return 0;
}

void sl_targets_unprice(struct sl_target *targets, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        sl_price_unref(targets[i].price);
    }
}
