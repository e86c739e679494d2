/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/core/types.h"

#include "base/err.h"

static const char *const type_names[SL_LLM_ALL_COUNT] = {
    [SL_LLM_CHAT] = "llm/v1/chat",
    [SL_LLM_COMPLETIONS] = "llm/v1/completions",
    [SL_LLM_EMBEDDINGS] = "llm/v1/embeddings",
    [SL_LLM_IMAGES] = "llm/v1/images",
    [SL_LLM_SPEECH] = "llm/v1/speech",
    [SL_LLM_MODERATIONS] = "llm/v1/moderations",
    [SL_LLM_RERANK] = "llm/v1/rerank",
    [SL_LLM_TRANSCRIPTIONS] = "llm/v1/transcriptions",
};

const char *sl_llm_type_name(enum sl_llm_type type)
{
    SL_ASSERT(type < SL_LLM_ALL_COUNT);
    return type_names[type];
}

const char *sl_llm_operation_name(enum sl_llm_type type)
{
    static const char *const names[SL_LLM_ALL_COUNT] = { "chat",   "text_completion", "embeddings", "images",
                                                         "speech", "moderations",     "rerank",     "transcriptions" };
    SL_ASSERT(type < SL_LLM_ALL_COUNT);
    return names[type];
}

const char *sl_tier_name(enum sl_tier tier)
{
    static const char *const names[SL_TIER_COUNT] = {
        [SL_TIER_DEFAULT] = "default",
        [SL_TIER_SCALE] = "scale",
        [SL_TIER_FLEX] = "flex",
        [SL_TIER_PRIORITY] = "priority",
    };
    SL_ASSERT(tier < SL_TIER_COUNT);
    return names[tier];
}

enum sl_tier sl_tier_parse(struct sl_str word)
{
    static const struct {
        struct sl_str word;
        enum sl_tier tier;
    } words[] = {
        { SL_STR_INIT("default"), SL_TIER_DEFAULT },     { SL_STR_INIT("standard"), SL_TIER_DEFAULT },
        { SL_STR_INIT("on_demand"), SL_TIER_DEFAULT },   { SL_STR_INIT("flex"), SL_TIER_FLEX },
        { SL_STR_INIT("priority"), SL_TIER_PRIORITY },   { SL_STR_INIT("fast"), SL_TIER_PRIORITY },
        { SL_STR_INIT("ultrafast"), SL_TIER_ULTRAFAST }, { SL_STR_INIT("scale"), SL_TIER_SCALE },
        { SL_STR_INIT("batch"), SL_TIER_BATCH },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
        if (sl_str_eq(word, words[i].word)) {
            return words[i].tier;
        }
    }
    return SL_TIER_NONE;
}

int sl_llm_type_parse(struct sl_str text, enum sl_llm_type *ret)
{
    for (enum sl_llm_type type = SL_LLM_CHAT; type < SL_LLM_ALL_COUNT; type++) {
        if (sl_str_eq_c(text, type_names[type])) {
            *ret = type;
            return 0;
        }
    }
    return SL_E_INVAL;
}
