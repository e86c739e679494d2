/* SPDX-License-Identifier: Apache-2.0 */
/* `routes:` beside `endpoints:`, as MLflow 3 writes them: each splits its calls over endpoints. It becomes a route
 * whose targets these are. */
#ifndef SL_GATE_SPLIT_H
#define SL_GATE_SPLIT_H

#include "base/opt.h"

/* Is any of the list one? */
bool sl_split_are(const struct sl_val *routes);
/* Writes one as an entry that sl_route_bind takes, on `tree`, where the lists lie. SL_E_INVAL after the problem was
 * told. */
SL_MUST int sl_split_entry(struct sl_bind *bind, const struct sl_val *route, const struct sl_val *endpoints,
                           struct sl_arena *tree, struct sl_val **ret);

#endif
