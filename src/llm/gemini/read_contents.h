/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_GEMINI_READ_CONTENTS_H
#define SL_LLM_GEMINI_READ_CONTENTS_H

#include "llm/gemini/reader.h"

/* Reads the values of `systemInstruction` and `contents` to one list of messages, the system's first. */
SL_MUST int sl_gemini_contents_read(struct sl_gemini_reader *g, struct sl_json_val system, struct sl_json_val contents);

#endif
