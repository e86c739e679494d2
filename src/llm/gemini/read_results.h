/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the call of each result: by id if there is one, else by name and order. */
#ifndef SL_LLM_GEMINI_RESULTS_H
#define SL_LLM_GEMINI_RESULTS_H

#include "base/map.h"
#include "llm/gemini/reader.h"

struct sl_gemini_asked; /* a call that was read */

/* The calls of the turn that was read last. It lives on the arena, except for its maps. */
struct sl_gemini_calls {
    struct sl_map by_id, by_name;
    uint32_t n_made; /* ids that were made */
};

void sl_gemini_calls_done(struct sl_gemini_calls *calls);
/* A new turn of the model begins: earlier calls get no results any more. */
void sl_gemini_calls_forget(struct sl_gemini_calls *calls);
/* Reads a functionCall: the part's call, which has an id from here on. */
SL_MUST int sl_gemini_asked_read(struct sl_gemini_reader *g, struct sl_json_val v, struct sl_part *part);
/* Reads a functionResponse: a message of role tool. */
SL_MUST int sl_gemini_result_read(struct sl_gemini_reader *g, struct sl_json_val v, struct sl_message *message);

#endif
