/* SPDX-License-Identifier: Apache-2.0 */
/* Shadow calls: a call that goes to another route as well (`shadow` of its route). It is an exchange of its own, on a
 * copy of the request that nobody waits for (http/hreq.h). It begins in the turn after the call's, makes one attempt,
 * and is logged and counted separately. The call does not depend on it. */
#ifndef SL_GATE_CALL_SHADOW_H
#define SL_GATE_CALL_SHADOW_H

struct sl_xchg;

/* Call this when an admitted call begins whose route has a shadow. Starts a shadow call if it is this call's turn and
 * the gateway has room. */
void sl_shadow_start(struct sl_xchg *x);

#endif
