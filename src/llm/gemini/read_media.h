/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_GEMINI_READ_MEDIA_H
#define SL_LLM_GEMINI_READ_MEDIA_H

#include "llm/chat/reader.h"

/* Reads a part with inlineData or fileData. */
SL_MUST int sl_gemini_media_read(struct sl_chat_reader *rd, struct sl_json_val v, struct sl_part *part);

#endif
