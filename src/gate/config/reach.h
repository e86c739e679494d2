/* SPDX-License-Identifier: Apache-2.0 */
/* Where a route that a caller makes may lead. What a name stands for is checked whenever it is connected to; an address
 * that is written out is refused when the route is made. */
#ifndef SL_GATE_REACH_H
#define SL_GATE_REACH_H

#include "base/err.h"

struct sl_guard;
struct sl_route;

/* Every URL of the provider's configuration, those of its maps and of a credentials file included: http or https
 * without a user, and no special address but those of upstream.allow. SL_E_INVAL. */
SL_MUST int sl_reach_check(const struct sl_route *route, const struct sl_guard *guard, struct sl_err *err);

#endif
