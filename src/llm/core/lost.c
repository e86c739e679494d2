/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/core/lost.h"

#include "llm/core/language.h"

static const struct {
    enum sl_lost bit;
    struct sl_str name;
} names[] = {
    { SL_LOST_MODEL_FIELDS, SL_STR_INIT("reply.additionalModelResponseFields") },
    { SL_LOST_ANNOTATIONS, SL_STR_INIT("reply.annotations") },
    { SL_LOST_AUDIO, SL_STR_INIT("reply.audio") },
    { SL_LOST_AVG_LOGPROBS, SL_STR_INIT("reply.avgLogprobs") },
    { SL_LOST_CITATION_METADATA, SL_STR_INIT("reply.citationMetadata") },
    { SL_LOST_CITATIONS, SL_STR_INIT("reply.citations") },
    { SL_LOST_GROUNDING, SL_STR_INIT("reply.groundingMetadata") },
    { SL_LOST_IMAGES, SL_STR_INIT("reply.images") },
    { SL_LOST_LOGPROBS, SL_STR_INIT("reply.logprobs") },
    { SL_LOST_PARTS, SL_STR_INIT("reply.parts") },
    { SL_LOST_REASONING, SL_STR_INIT("reply.reasoning") },
    { SL_LOST_SAFETY_RATINGS, SL_STR_INIT("reply.safetyRatings") },
    { SL_LOST_SEARCH_RESULTS, SL_STR_INIT("reply.search_results") },
    { SL_LOST_SERVER_TOOLS, SL_STR_INIT("reply.server_tools") },
    { SL_LOST_TRACE, SL_STR_INIT("reply.trace") },
    { SL_LOST_URL_CONTEXT, SL_STR_INIT("reply.urlContextMetadata") },
};

struct sl_str sl_lost_text(uint32_t lost, char *out)
{
    size_t n = 0;
    for (size_t i = 0; lost && i < SL_ARRAY_LEN(names); i++) {
        if (!(lost & (uint32_t)names[i].bit) || names[i].name.n + 1 > SL_LOST_TEXT_MAX - n) {
            continue;
        }
        if (n) {
            out[n++] = ',';
        }
        memcpy(out + n, names[i].name.p, names[i].name.n);
        n += names[i].name.n;
    }
    return sl_str_make(out, n);
}

uint32_t sl_lost_of_reply(const struct sl_language *language, enum sl_llm_type type, const struct sl_reply *reply)
{
    uint32_t lost = 0;
    for (uint32_t c = 0; language->lacks[type] && c < reply->n_choices; c++) {
        const struct sl_choice *choice = &reply->choices[c];
        lost |= choice->logprobs.n ? SL_LOST_LOGPROBS : 0u;
        for (uint32_t i = 0; i < choice->n_blocks; i++) {
            lost |= choice->blocks[i].annotations.n ? SL_LOST_ANNOTATIONS : 0u;
            lost |= choice->blocks[i].has_more_quotes ? SL_LOST_CITATIONS : 0u;
            lost |= choice->blocks[i].kind == SL_BLOCK_THINKING ? SL_LOST_REASONING : 0u;
        }
    }
    return lost & language->lacks[type];
}

uint32_t sl_lost_of_delta(const struct sl_language *language, enum sl_llm_type type, const struct sl_delta *delta)
{
    uint32_t lost = delta->kind == SL_DELTA_LOST ? delta->lost : 0;
    if (delta->kind != SL_DELTA_BLOCK || !language->lacks[type]) {
        return lost;
    }
    lost |= delta->annotations.n ? SL_LOST_ANNOTATIONS : 0u;
    lost |= delta->has_more_quotes ? SL_LOST_CITATIONS : 0u;
    lost |= delta->logprobs.n ? SL_LOST_LOGPROBS : 0u;
    lost |= delta->block_kind == SL_BLOCK_THINKING ? SL_LOST_REASONING : 0u;
    return lost & language->lacks[type];
}
