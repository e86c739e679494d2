/* SPDX-License-Identifier: Apache-2.0 */
/* Parts of a reply that the client does not get. They are bits, so that a stream can collect them without memory of its
 * own; and they have names for x-sluice-dropped and the access log. */
#ifndef SL_LLM_LOST_H
#define SL_LLM_LOST_H

#include "llm/core/reply.h"

struct sl_language;

enum sl_lost {
    SL_LOST_ANNOTATIONS = 1 << 0,
    SL_LOST_AUDIO = 1 << 1,
    SL_LOST_AVG_LOGPROBS = 1 << 2,
    SL_LOST_CITATION_METADATA = 1 << 3,
    SL_LOST_CITATIONS = 1 << 4,
    SL_LOST_GROUNDING = 1 << 5,
    SL_LOST_IMAGES = 1 << 6,
    SL_LOST_LOGPROBS = 1 << 7,
    SL_LOST_MODEL_FIELDS = 1 << 8,
    SL_LOST_PARTS = 1 << 9,
    SL_LOST_REASONING = 1 << 10,
    SL_LOST_SAFETY_RATINGS = 1 << 11,
    SL_LOST_SEARCH_RESULTS = 1 << 12,
    SL_LOST_SERVER_TOOLS = 1 << 13,
    SL_LOST_TRACE = 1 << 14,
    SL_LOST_URL_CONTEXT = 1 << 15,
};

#define SL_LOST_TEXT_MAX 512

/* Writes the names, comma-separated, into `out` (SL_LOST_TEXT_MAX bytes); empty: nothing is lost. */
struct sl_str sl_lost_text(uint32_t lost, char *out);

/* The parts of a reply, or of a delta, that a client of this language has no place for. */
uint32_t sl_lost_of_reply(const struct sl_language *language, enum sl_llm_type type, const struct sl_reply *reply);
uint32_t sl_lost_of_delta(const struct sl_language *language, enum sl_llm_type type, const struct sl_delta *delta);

#endif
