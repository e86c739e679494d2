/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of the provider mock: one event in each step. */
#ifndef SL_LLM_MOCK_STREAM_H
#define SL_LLM_MOCK_STREAM_H

#include "llm/core/local.h"
#include "llm/mock/state.h"

SL_MUST int sl_mock_stream_step(struct sl_mock_state *st, struct sl_buf *out, struct sl_local_step *step);

#endif
