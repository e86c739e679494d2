/* SPDX-License-Identifier: Apache-2.0 */
/* What only a route of the operator's file may say: the way to its upstream, and headers besides. */
#ifndef SL_GATE_ROUTE_OWN_H
#define SL_GATE_ROUTE_OWN_H

#include "base/opt.h"

struct sl_arena;
struct sl_headers;
struct sl_route_own;
struct sl_target;
struct sl_way;

/* Over struct sl_route_own. */
extern const struct sl_opt sl_route_own_rows[];

/* Behind the binding of `map`: may this be for these targets, and which way is it? *ret_way is NULL for the settings'
 * own. `ca`: upstream.ca. SL_E_INVAL after the problem was told. */
SL_MUST int sl_route_own_check(struct sl_bind *bind, const struct sl_val *map, const struct sl_target *targets,
                               uint32_t n_targets, struct sl_str ca, const struct sl_route_own *own,
                               struct sl_way **ret_way);
/* Adds the route's own headers; they replace headers of the same names. Their values are borrowed. */
SL_MUST int sl_route_own_headers(const struct sl_route_own *own, struct sl_arena *arena, struct sl_headers *io_headers);
void sl_route_own_done(struct sl_route_own *own); /* wipes */

#endif
