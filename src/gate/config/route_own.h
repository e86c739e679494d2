/* SPDX-License-Identifier: Apache-2.0 */
/* Settings that only a route of the operator's file may have: the way to its upstream, and added headers. */
#ifndef SL_GATE_ROUTE_OWN_H
#define SL_GATE_ROUTE_OWN_H

#include "base/opt.h"

struct sl_arena;
struct sl_headers;
struct sl_route_own;
struct sl_target;
struct sl_way;

/* For struct sl_route_own. */
extern const struct sl_opt sl_route_own_rows[];

/* Call this after `map` is bound: checks that these targets may have the settings, and makes the way. *ret_way is NULL
 * for the way of the settings. `ca`: upstream.ca. SL_E_INVAL after the problem was reported. */
SL_MUST int sl_route_own_check(struct sl_bind *bind, const struct sl_val *map, const struct sl_target *targets,
                               uint32_t n_targets, struct sl_str ca, const struct sl_route_own *own,
                               struct sl_way **ret_way);
/* Adds the route's own headers; they replace headers of the same names. Their values are borrowed. */
SL_MUST int sl_route_own_headers(const struct sl_route_own *own, struct sl_arena *arena, struct sl_headers *io_headers);
void sl_route_own_done(struct sl_route_own *own); /* wipes the secrets */

#endif
