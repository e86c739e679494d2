/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that go to a provider's own path as they are: llm/core/passage.h. */
#ifndef SL_GATE_PASSAGE_H
#define SL_GATE_PASSAGE_H

#include <stdbool.h>

struct sl_xchg;

/* May this method and path pass, for the exchange's route? From the head, before the body is read; fills the call but
 * for the body. False: the client was refused. */
bool sl_passage_or_refuse(struct sl_xchg *x);
/* The body is there. False: the client was refused. */
bool sl_passage_body_or_refuse(struct sl_xchg *x);

/* A call of a type that no language translates goes to the provider's path for it; any other is left as it is. False:
 * the client was refused. */
bool sl_passage_tail_or_refuse(struct sl_xchg *x);

#endif
