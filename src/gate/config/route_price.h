/* SPDX-License-Identifier: Apache-2.0 */
/* The prices of a route's targets: each target holds the row of its model. */
#ifndef SL_GATE_ROUTE_PRICE_H
#define SL_GATE_ROUTE_PRICE_H

#include "base/err.h"

struct sl_arena;
struct sl_prices;
struct sl_target;

/* Finds the rows for targets that have just been bound. `prices` may be NULL. */
void sl_targets_price(struct sl_target *targets, uint32_t n, const struct sl_prices *prices);
/* If a price is another now: *ret is a copy of the targets on the arena, with the new rows; else it is `targets`.
 * SL_E_NOMEM. */
SL_MUST int sl_targets_reprice(struct sl_target *targets, uint32_t n, const struct sl_prices *prices,
                               struct sl_arena *arena, struct sl_target **ret);
/* Gives the rows back. */
void sl_targets_unprice(struct sl_target *targets, uint32_t n);

#endif
