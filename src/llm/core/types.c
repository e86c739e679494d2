/* SPDX-License-Identifier: Apache-2.0 */
#include "llm/core/llm.h"

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

static const char *const finish_names[] = {
    [SL_FINISH_NONE] = NULL,
    [SL_FINISH_STOP] = "stop",
    [SL_FINISH_LENGTH] = "length",
    [SL_FINISH_TOOL_CALLS] = "tool_calls",
    [SL_FINISH_CONTENT_FILTER] = "content_filter",
    [SL_FINISH_OTHER] = "stop", /* there was output; the provider's own word has no counterpart */
};

const char *sl_finish_name(enum sl_finish finish)
{
    SL_ASSERT(finish < SL_ARRAY_LEN(finish_names));
    return finish_names[finish];
}
