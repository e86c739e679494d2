/* SPDX-License-Identifier: Apache-2.0 */
/* Which result belongs to which call: by their ids where they have some, else by name and order. */
#ifndef SL_LLM_GEMINI_RESULTS_H
#define SL_LLM_GEMINI_RESULTS_H

#include "base/map.h"
#include "llm/gemini/reader.h"

struct sl_gemini_asked; /* a call that was read */

/* Those of the turn that was read last. Lives on the arena, but for its maps. */
struct sl_gemini_calls {
    struct sl_map by_id, by_name;
    uint32_t n_made; /* ids */
};

void sl_gemini_calls_done(struct sl_gemini_calls *calls);
/* A new turn of the model: earlier calls get no results any more. */
void sl_gemini_calls_forget(struct sl_gemini_calls *calls);
/* A functionCall: the part's call, which has an id from here on. */
SL_MUST int sl_gemini_asked_read(struct sl_gemini_reader *g, struct sl_json_val v, struct sl_part *part);
/* A functionResponse: a message of the tool. */
SL_MUST int sl_gemini_result_read(struct sl_gemini_reader *g, struct sl_json_val v, struct sl_message *message);

#endif
