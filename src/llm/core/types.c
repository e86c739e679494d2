/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/core/types.h"

#include "base/err.h"

static const char *const type_names[SL_LLM_TYPE_COUNT] = {
    [SL_LLM_CHAT] = "llm/v1/chat",
    [SL_LLM_COMPLETIONS] = "llm/v1/completions",
    [SL_LLM_EMBEDDINGS] = "llm/v1/embeddings",
};

const char *sl_llm_type_name(enum sl_llm_type type)
{
    SL_ASSERT(type < SL_LLM_TYPE_COUNT);
    return type_names[type];
}

int sl_llm_type_parse(struct sl_str text, enum sl_llm_type *ret)
{
    for (enum sl_llm_type type = SL_LLM_CHAT; type < SL_LLM_TYPE_COUNT; type++) {
        if (sl_str_eq_c(text, type_names[type])) {
            *ret = type;
            return 0;
        }
    }
    return SL_E_INVAL;
}
