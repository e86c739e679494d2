/* SPDX-License-Identifier: Apache-2.0 */
/* What stands beside a text, in Cohere's form: its citations, and the probabilities of its tokens. */
#ifndef SL_LLM_COHERE_BESIDE_H
#define SL_LLM_COHERE_BESIDE_H

#include "llm/core/reply.h"
#include "llm/core/sources.h"

/* The place of a cited text: the part of the content, and the characters of the choice's text before it. */
struct sl_cohere_place {
    uint32_t part;
    int64_t before;
    bool is_known, is_plan;
    struct sl_str text; /* the cited text; p == NULL: not in memory any more, or too long */
};

/* Writes a web source as a document. */
void sl_cohere_citation_write(struct sl_jw *w, const struct sl_citation *said, struct sl_cohere_place at);
/* Writes the member `citations`, if there are any. When the texts are the tool plan, they are one text. */
void sl_cohere_citations_write(struct sl_jw *w, const struct sl_choice *choice, bool has_calls);
/* Writes a choice's or a delta's `logprobs` as one item; `is_list`: in brackets. */
void sl_cohere_logprobs_write(struct sl_jw *w, struct sl_str logprobs, bool is_list);

/* True: the block is a text or a refusal. */
bool sl_cohere_is_words(const struct sl_block *block);
/* True: the block is a part of the content. Thoughts that only their provider can read are not. */
bool sl_cohere_is_part(const struct sl_block *block, bool has_calls);

#endif
