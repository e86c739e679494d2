/* SPDX-License-Identifier: Apache-2.0 */
/* The routes that a route can go on to: those of its `fallback.routes`, and after each of them its own. Also the check
 * of its `shadow`, which has no routes after it. */
#ifndef SL_GATE_BEYOND_H
#define SL_GATE_BEYOND_H

#include "base/err.h"
#include "base/str.h"
#include "base/val.h"
#include "gate/config/per_route.h"

struct sl_bind;
struct sl_map;
struct sl_route;

struct sl_beyond {
    struct sl_route *v[SL_BEYOND_MAX]; /* in the order in which they are asked, each once; borrowed */
    uint32_t n;
};

/* NULL: no route has that name. */
typedef struct sl_route *sl_route_find_fn(const void *arg, struct sl_str name);

/* Lists the routes that can serve a call of `route`. It leaves out routes that are missing, have another type or were
 * listed before. */
void sl_beyond_list(const struct sl_route *route, sl_route_find_fn *find, const void *arg, struct sl_beyond *ret);
/* SL_E_INVAL with a text: a route is missing or has another type, there are too many, or a list leads back to `route`.
 * *ret_pos: of its name. */
SL_MUST int sl_beyond_check(const struct sl_route *route, sl_route_find_fn *find, const void *arg,
                            struct sl_pos *ret_pos, struct sl_err *err);
/* Checks a route of the file and reports a problem. `path`: of its `sluice`. `names` maps each route's name to the
 * route. */
void sl_beyond_look(struct sl_bind *bind, const char *path, const struct sl_route *route, const struct sl_map *names);

#endif
