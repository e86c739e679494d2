/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the settings that a route may have. Each setting is one row here: the file and create_route bind it with
 * that row. If a route does not set it, the value of `upstream:` is in force, now and after each reload. */
#ifndef SL_GATE_ROUTE_CONF_H
#define SL_GATE_ROUTE_CONF_H

#include "base/opt.h"

struct sl_route_conf;
struct sl_route_own;
struct sl_traffic_conf;

/* For struct sl_route_conf. */
extern const struct sl_opt sl_route_conf_rows[];

/* Binds `map` (or NULL) into *io_conf, which has the settings' values, *io_own, which is empty, and *ret_traffic, which
 * points into the map's tree. ret_said: the rows of sl_route_conf_rows that the map sets. Strict. SL_E_INVAL after the
 * problems were reported; call sl_route_own_done on *io_own then, too. */
SL_MUST int sl_route_conf_bind(struct sl_bind *bind, const struct sl_val *map, struct sl_route_conf *io_conf,
                               struct sl_route_own *io_own, struct sl_traffic_conf *ret_traffic, uint64_t *ret_said);
/* Warns about a time-out that never ends a call. `map`: a route's `sluice`, or `upstream`. `path`: as for
 * sl_bind_problem. */
void sl_route_conf_look(struct sl_bind *bind, const char *path, const struct sl_val *map,
                        const struct sl_route_conf *conf);
/* Sets the rows that the route does not set itself to the settings' values. */
void sl_route_conf_fill(struct sl_route_conf *conf, uint64_t said, const struct sl_route_conf *settings);
bool sl_route_conf_is_same(const struct sl_route_conf *a, const struct sl_route_conf *b);

#endif
