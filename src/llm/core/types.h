/* SPDX-License-Identifier: Apache-2.0 */
/* The words that even those know who neither read nor write a call: its type, and what it used. */
#ifndef SL_LLM_TYPES_H
#define SL_LLM_TYPES_H

#include "base/str.h"

enum sl_llm_type {
    SL_LLM_CHAT,
    SL_LLM_COMPLETIONS,
    SL_LLM_EMBEDDINGS,
    SL_LLM_TYPE_COUNT,
    /* Those that no language translates: they pass to a provider that has them. */
    SL_LLM_IMAGES = SL_LLM_TYPE_COUNT,
    SL_LLM_SPEECH,
    SL_LLM_MODERATIONS,
    SL_LLM_RERANK,
    SL_LLM_TRANSCRIPTIONS,
    SL_LLM_ALL_COUNT
};

/* "llm/v1/chat", … */
const char *sl_llm_type_name(enum sl_llm_type type);
/* Anything else: SL_E_INVAL. */
SL_MUST int sl_llm_type_parse(struct sl_str text, enum sl_llm_type *ret);

/* Token counts; -1: not said. */
struct sl_usage {
    int64_t input, output, total;
    int64_t cached_input;   /* part of input that was read from a cache */
    int64_t cache_creation; /* part of input that was written to one */
    int64_t reasoning;      /* part of output */
    const char *tier;       /* which served it, in OpenAI's word; NULL: not said */
};
/* What is larger was not counted but made up: taken as not said. Sums of a few of them fit, and of all calls. */
#define SL_USAGE_COUNT_MAX ((int64_t)1 << 40)
#define SL_USAGE_NONE      ((struct sl_usage){ -1, -1, -1, -1, -1, -1, NULL })

/* A reply's header under the name that clients know. */
struct sl_header_alias {
    const char *from, *to;
    bool is_instant; /* an instant there, the wait until it here */
};

/* Why a reply ended. */
enum sl_finish {
    SL_FINISH_NONE,
    SL_FINISH_STOP,
    SL_FINISH_LENGTH,
    SL_FINISH_TOOL_CALLS,
    SL_FINISH_CONTENT_FILTER,
    SL_FINISH_OTHER
};

/* OpenAI's word; NULL for SL_FINISH_NONE. */
const char *sl_finish_name(enum sl_finish finish);

#endif
