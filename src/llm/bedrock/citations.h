/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_LLM_BEDROCK_CITATIONS_H
#define SL_LLM_BEDROCK_CITATIONS_H

#include "llm/core/sources.h"

/* As sl_anthropic_citations_read, for citationsContent and for a stream's `citation`. */
void sl_bedrock_citations_read(struct sl_reading *rd, struct sl_json_val list, int64_t start, int64_t end,
                               struct sl_cited *ret);

/* Walks over the quotes of a block or a delta, or else its annotations. End it with sl_bedrock_citations_done. */
struct sl_bedrock_citations {
    bool has_quotes;
    struct sl_json doc;
    struct sl_json_iter it;
    struct sl_citations web;
    struct sl_citation said;
};

void sl_bedrock_citations_begin(struct sl_bedrock_citations *citations, struct sl_str annotations,
                                struct sl_str quotes);
bool sl_bedrock_citations_next(struct sl_bedrock_citations *citations);
/* Writes the members of the current one into the object that is open. */
void sl_bedrock_citation_write(const struct sl_bedrock_citations *citations, struct sl_jw *w);
void sl_bedrock_citations_done(struct sl_bedrock_citations *citations);

#endif
