/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of what a route may say for itself. A setting is one row here: the file and create_route bind it by the row,
 * and where a route says nothing of it, what `upstream:` says holds, now and after each reload. */
#ifndef SL_GATE_ROUTE_CONF_H
#define SL_GATE_ROUTE_CONF_H

#include "base/opt.h"

struct sl_route_conf;
struct sl_route_own;
struct sl_traffic_conf;

/* Over struct sl_route_conf. */
extern const struct sl_opt sl_route_conf_rows[];

/* Binds what `map` (or NULL) says over *io_conf, which has the settings' values, and *io_own, which is empty;
 * *ret_traffic points into the map's tree. ret_said: which rows of the first it says. Strict. SL_E_INVAL after the
 * problems were told; *io_own is then to be done, too.
 */
SL_MUST int sl_route_conf_bind(struct sl_bind *bind, const struct sl_val *map, struct sl_route_conf *io_conf,
                               struct sl_route_own *io_own, struct sl_traffic_conf *ret_traffic, uint64_t *ret_said);
/* Rows that the route does not say itself get the settings' values. */
void sl_route_conf_fill(struct sl_route_conf *conf, uint64_t said, const struct sl_route_conf *settings);
bool sl_route_conf_is_same(const struct sl_route_conf *a, const struct sl_route_conf *b);

#endif
