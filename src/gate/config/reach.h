/* SPDX-License-Identifier: Apache-2.0 */
/* Checks where a route that a caller makes may lead. The addresses of a name are checked at each connection; an address
 * in the URL is refused when the route is made. */
#ifndef SL_GATE_REACH_H
#define SL_GATE_REACH_H

#include "base/err.h"

struct sl_guard;
struct sl_route;

/* Checks every URL of the provider's configuration, those in its maps and of a credentials file included: http or https
 * without a user, and no special address that upstream.allow does not list. SL_E_INVAL. */
SL_MUST int sl_reach_check(const struct sl_route *route, const struct sl_guard *guard, struct sl_err *err);

#endif
