/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_RESPONSES_READ_INPUT_H
#define SL_LLM_RESPONSES_READ_INPUT_H

#include "llm/chat/reader.h"

/* Reads the values of `instructions` and `input` to one list, the instructions first. */
SL_MUST int sl_responses_input_read(struct sl_chat_reader *rd, struct sl_json_val instructions,
                                    struct sl_json_val input);

#endif
