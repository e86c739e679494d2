/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_GEMINI_NORMAL_H
#define SL_LLM_GEMINI_NORMAL_H

#include "llm/chat/reader.h"

/* Rewrites a body as the canonical reader wants it: Google's schemas as JSON Schema, thinkingConfig in the usual name
 * and form. Edits are added to `edits`. */
SL_MUST int sl_gemini_normalise(struct sl_chat_reader *rd, struct sl_json_val request, struct sl_json_edits *edits);

#endif
