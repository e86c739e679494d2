/* SPDX-License-Identifier: Apache-2.0 */
/* Writes what stands beside a candidate's parts, from OpenAI's form: the sources of its texts, the probabilities of its
 * tokens. */
#ifndef SL_LLM_GEMINI_BESIDE_H
#define SL_LLM_GEMINI_BESIDE_H

#include "json/write.h"
#include "llm/core/reply.h"

/* Finds a character of a choice's text: the part, and the byte in it. False: not known. */
struct sl_gemini_finder {
    bool (*find)(void *arg, int64_t character, uint32_t *ret_part, int64_t *ret_byte);
    void *arg;
};

/* Writes the member `groundingMetadata` from a list of url_citation; nothing when the list is empty. */
void sl_gemini_grounding_write(struct sl_jw *w, struct sl_str annotations, struct sl_gemini_finder finder);
/* The same for a whole choice. `has_thoughts`: thoughts are among its parts. */
void sl_gemini_grounding_write_whole(struct sl_jw *w, const struct sl_choice *choice, bool has_thoughts);
/* Writes the member `logprobsResult`; nothing when `logprobs` is empty. */
void sl_gemini_logprobs_write(struct sl_jw *w, struct sl_str logprobs);

#endif
