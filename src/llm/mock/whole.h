/* SPDX-License-Identifier: Apache-2.0 */
/* Replies of the provider mock that leave as one document: answers that are no streams, and errors. */
#ifndef SL_LLM_MOCK_WHOLE_H
#define SL_LLM_MOCK_WHOLE_H

#include "llm/core/local.h"
#include "llm/mock/state.h"

/* The reply but for its texts and embeddings; SL_E_NOMEM. */
SL_MUST int sl_mock_frame_make(struct sl_mock_state *st, struct sl_arena *arena);
/* The same of an error: what is wrong with a request, or the one that the configuration asks for. */
SL_MUST int sl_mock_error_make(struct sl_mock_state *st, struct sl_arena *arena, struct sl_str type,
                               const struct sl_mock_refusal *said);
SL_MUST int sl_mock_error_told(struct sl_mock_state *st, struct sl_arena *arena);
/* The next bytes of the frame, with what stands at its marks. */
void sl_mock_whole_step(struct sl_mock_state *st, struct sl_buf *out, struct sl_local_step *step);

#endif
