/* SPDX-License-Identifier: Apache-2.0 */
/* Responses that the gateway keeps itself, if the route allows it and its provider keeps none. */
#ifndef SL_GATE_KEEP_H
#define SL_GATE_KEEP_H

#include "base/str.h"

struct sl_xchg;

/* Decides whether the call's response will be kept. Its route must be known. */
void sl_keep_settle(struct sl_xchg *x);
/* Continues a response that is kept here: puts the conversation in front of the call's own items. 0; SL_E_NOTFOUND: it
 * is not kept here; SL_E_LIMIT: both together are too long; SL_E_NOMEM. */
SL_MUST int sl_keep_go_on(struct sl_xchg *x);
/* Keeps the response, from all that was written for the client. Does nothing for a call whose response is not kept. */
void sl_keep_answer(struct sl_xchg *x, struct sl_str written);
/* Answers a call about a response that is kept here. False: it is not. */
bool sl_keep_reply(struct sl_xchg *x);

#endif
