/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of the provider mock that are one document: answers that are no streams, and errors. */
#ifndef SL_LLM_MOCK_WHOLE_H
#define SL_LLM_MOCK_WHOLE_H

#include "llm/core/local.h"
#include "llm/mock/state.h"

/* Makes the reply without its texts and embeddings; SL_E_NOMEM. */
SL_MUST int sl_mock_frame_make(struct sl_mock_state *st, struct sl_arena *arena);
/* The same for an error: a fault in a request, or the error that the configuration asks for. */
SL_MUST int sl_mock_error_make(struct sl_mock_state *st, struct sl_arena *arena, struct sl_str type,
                               const struct sl_mock_refusal *said);
SL_MUST int sl_mock_error_told(struct sl_mock_state *st, struct sl_arena *arena);
/* Adds the next bytes of the frame, or of the text at a mark. */
void sl_mock_whole_step(struct sl_mock_state *st, struct sl_buf *out, struct sl_local_step *step);

#endif
