/* SPDX-License-Identifier: Apache-2.0 */
/* Calls about responses that were made before: they go, by the response's id, to the upstream that made it, and only
 * for the caller who got it. */
#ifndef SL_GATE_FOLLOW_H
#define SL_GATE_FOLLOW_H

#include <stdbool.h>

struct sl_route;
struct sl_xchg;

/* For a path that names a response: returns the route that made it, and fills the exchange's call. NULL: the client has
 * its reply. The exchange must have its body. */
struct sl_route *sl_follow_find(struct sl_xchg *x);
/* For other paths of the Responses API, whose body names the route: fills the exchange's call by the path. False: the
 * client was refused. */
bool sl_follow_beside_or_refuse(struct sl_xchg *x);
/* Checks that the response which a call continues is this caller's. False: the client was refused. */
bool sl_follow_previous_or_refuse(struct sl_xchg *x);

#endif
