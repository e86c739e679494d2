/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that go to a provider's own path unchanged: llm/core/passage.h. */
#ifndef SL_GATE_PASSAGE_H
#define SL_GATE_PASSAGE_H

#include <stdbool.h>

struct sl_xchg;

/* Checks the head, before the body is read: may this method and path pass for the exchange's route? Fills the call,
 * except its body. False: the client was refused. */
bool sl_passage_or_refuse(struct sl_xchg *x);
/* The body is there. False: the client was refused. */
bool sl_passage_body_or_refuse(struct sl_xchg *x);

/* Sends a call of a type that no language translates to the provider's path for it; changes no other call. False: the
 * client was refused. */
bool sl_passage_tail_or_refuse(struct sl_xchg *x);

#endif
