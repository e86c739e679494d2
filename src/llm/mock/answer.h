/* SPDX-License-Identifier: Apache-2.0 */
/* What the provider mock answers: for a chat or a prompt the choices, for embeddings the inputs and the form of the
 * numbers. */
#ifndef SL_LLM_MOCK_ANSWER_H
#define SL_LLM_MOCK_ANSWER_H

#include "llm/mock/state.h"

struct sl_mock_reader;

/* The result is in `rd->status`. */
void sl_mock_answers_make(struct sl_mock_reader *rd, struct sl_mock_state *st);
void sl_mock_embeddings_make(struct sl_mock_reader *rd, struct sl_mock_state *st);

#endif
