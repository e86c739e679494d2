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
