/* SPDX-License-Identifier: Apache-2.0 */
/* `routes:` beside `endpoints:`, as MLflow 3 writes them: each splits its calls over endpoints. Such an entry becomes a
 * route with these endpoints as targets. */
#ifndef SL_GATE_SPLIT_H
#define SL_GATE_SPLIT_H

#include "base/opt.h"

/* True: the list has at least one route that splits its calls. */
bool sl_split_are(const struct sl_val *routes);
/* Writes such a route as an entry for sl_route_bind, on `tree`, which has the lists too. SL_E_INVAL after the problem
 * was reported. */
SL_MUST int sl_split_entry(struct sl_bind *bind, const struct sl_val *route, const struct sl_val *endpoints,
                           struct sl_arena *tree, struct sl_val **ret);

#endif
