/* SPDX-License-Identifier: Apache-2.0 */
/* What stands beside a text, in Cohere's words: where it is from, and how probable its tokens were. */
#ifndef SL_LLM_COHERE_BESIDE_H
#define SL_LLM_COHERE_BESIDE_H

#include "llm/core/reply.h"
#include "llm/core/sources.h"

/* Where a source's text is: the part of the content, and the characters of the choice's text before it. */
struct sl_cohere_place {
    uint32_t part;
    int64_t before;
    bool is_known, is_plan;
    struct sl_str text; /* what is cited; p == NULL: not known any more, or too much */
};

/* A source on the web is a document. */
void sl_cohere_citation_write(struct sl_jw *w, const struct sl_citation *said, struct sl_cohere_place at);
/* The member `citations`, where there are any. The texts are one where they are the plan of a tools' use. */
void sl_cohere_citations_write(struct sl_jw *w, const struct sl_choice *choice, bool has_calls);
/* A choice's or a delta's `logprobs`, as one item; `is_list`: in brackets. */
void sl_cohere_logprobs_write(struct sl_jw *w, struct sl_str logprobs, bool is_list);

/* Is it a text, be it a refusal? */
bool sl_cohere_is_words(const struct sl_block *block);
/* Is the block a part of the content? Thoughts that only their provider can read have no place. */
bool sl_cohere_is_part(const struct sl_block *block, bool has_calls);

#endif
