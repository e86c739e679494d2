/* SPDX-License-Identifier: Apache-2.0 */
/* What stands beside a candidate's parts, from OpenAI's words: the sources of its texts, the probabilities of its
 * tokens. */
#ifndef SL_LLM_GEMINI_BESIDE_H
#define SL_LLM_GEMINI_BESIDE_H

#include "json/write.h"
#include "llm/core/reply.h"

/* Where a character of a choice's text lies: the byte of a part. False: not known. */
struct sl_gemini_finder {
    bool (*find)(void *arg, int64_t character, uint32_t *ret_part, int64_t *ret_byte);
    void *arg;
};

/* The member `groundingMetadata`, of a list of url_citation; nothing where there are none. */
void sl_gemini_grounding_write(struct sl_jw *w, struct sl_str annotations, struct sl_gemini_finder finder);
/* The same of a whole choice. `has_thoughts`: they are among its parts. */
void sl_gemini_grounding_write_whole(struct sl_jw *w, const struct sl_choice *choice, bool has_thoughts);
/* The member `logprobsResult`; nothing where `logprobs` is empty. */
void sl_gemini_logprobs_write(struct sl_jw *w, struct sl_str logprobs);

#endif
