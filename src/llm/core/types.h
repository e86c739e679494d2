/* SPDX-License-Identifier: Apache-2.0 */
/* Types that also code needs which neither reads nor writes calls: the type of a call, and its usage. */
#ifndef SL_LLM_TYPES_H
#define SL_LLM_TYPES_H

#include "base/str.h"

enum sl_llm_type {
    SL_LLM_CHAT,
    SL_LLM_COMPLETIONS,
    SL_LLM_EMBEDDINGS,
    SL_LLM_TRANSLATED_COUNT,
    /* These are never translated: they pass to a provider that has them. */
    SL_LLM_IMAGES = SL_LLM_TRANSLATED_COUNT,
    SL_LLM_SPEECH,
    SL_LLM_MODERATIONS,
    SL_LLM_RERANK,
    SL_LLM_TRANSCRIPTIONS,
    SL_LLM_ALL_COUNT
};

/* Such as "llm/v1/chat". */
const char *sl_llm_type_name(enum sl_llm_type type);
/* SL_E_INVAL for any other text. */
SL_MUST int sl_llm_type_parse(struct sl_str text, enum sl_llm_type *ret);

/* Token counts; -1: not given. */
struct sl_usage {
    int64_t input, output, total;
    int64_t cached_input;   /* the part of `input` that was read from a cache */
    int64_t cache_creation; /* the part of `input` that was written to a cache */
    int64_t reasoning;      /* the part of `output` for reasoning */
    const char *tier;       /* the tier that served the call, in OpenAI's word; NULL: not given */
};
/* A larger count is impossible, and is treated as not given. A sum of a few such counts, and of all calls, cannot
 * overflow. */
#define SL_USAGE_COUNT_MAX ((int64_t)1 << 40)
/* Money is in nano-dollars: 10^-9 US dollars. A cost that nobody knows is this, and never 0. */
#define SL_COST_UNKNOWN ((int64_t)-1)
#define SL_USAGE_NONE      ((struct sl_usage){ -1, -1, -1, -1, -1, -1, NULL })

/* A reply's header, and the name under which clients know it. */
struct sl_header_alias {
    const char *from, *to;
    bool is_instant; /* the upstream's header has a point in time; the client's has the wait until then */
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
