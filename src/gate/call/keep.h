/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that the gateway keeps itself, where the route allows it and its provider keeps none. */
#ifndef SL_GATE_KEEP_H
#define SL_GATE_KEEP_H

#include "base/str.h"

struct sl_xchg;

/* The call's route is known: will its answer be kept? */
void sl_keep_settle(struct sl_xchg *x);
/* The call goes on from an answer that is kept here: the conversation is put in front of its own items. 0;
 * SL_E_NOTFOUND: it is not kept here; SL_E_NOMEM. */
SL_MUST int sl_keep_go_on(struct sl_xchg *x);
/* The end of what was written for the client. Does nothing for an answer that is not kept. */
void sl_keep_answer(struct sl_xchg *x, struct sl_str written);
/* A path about an answer that is kept here: the reply. False: it is not. */
bool sl_keep_reply(struct sl_xchg *x);

#endif
