/* SPDX-License-Identifier: Apache-2.0 */
/* A call that goes to another route as well (`shadow` of its route): an exchange of its own, on a copy of the request
 * that nobody waits for (http/hreq.h). It begins in the turn behind the call's, makes one attempt, and is logged and
 * counted apart. Nothing of the call depends on it. */
#ifndef SL_GATE_CALL_SHADOW_H
#define SL_GATE_CALL_SHADOW_H

struct sl_xchg;

/* The call is admitted, and begins; its route has a shadow. Where it is this call's turn, and the gateway has room,
 * there will be one. */
void sl_shadow_start(struct sl_xchg *x);

#endif
