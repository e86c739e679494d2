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
/* OpenTelemetry's name of such a call: "chat". */
const char *sl_llm_operation_name(enum sl_llm_type type);
/* SL_E_INVAL for any other text. */
SL_MUST int sl_llm_type_parse(struct sl_str text, enum sl_llm_type *ret);

/* The service tier that served a call. */
enum sl_tier {
    SL_TIER_NONE, /* not given */
    SL_TIER_DEFAULT,
    SL_TIER_SCALE, /* OpenAI's: costs what the default costs */
    SL_TIER_FLEX,
    SL_TIER_PRIORITY,
    SL_TIER_ULTRAFAST,
    SL_TIER_BATCH,
    SL_TIER_COUNT
};

/* Why a call may cost more than its model's prices say: where or how it was served. */
enum sl_paid_more {
    SL_PAID_EU = 1 << 0, /* processed in the EU, or in the US */
    SL_PAID_US = 1 << 1,
    SL_PAID_ENDPOINT = 1 << 2, /* by an endpoint of one region */
    SL_PAID_GEO_US = 1 << 3,   /* Anthropic's, as the reply says */
    SL_PAID_FAST = 1 << 4,
};

/* How much of the web a search reads. */
enum sl_search_size { SL_SEARCH_MEDIUM, SL_SEARCH_LOW, SL_SEARCH_HIGH };

/* What a call used, as the upstream says. Tokens and other counts; -1: not given. */
struct sl_usage {
    int64_t input, output, total;
    int64_t cached_input;   /* the part of `input` that was read from a cache */
    int64_t cache_creation; /* the part of `input` that was written to a cache */
    int64_t cache_hour;     /* the part of `cache_creation` that the cache keeps for an hour, not for minutes */
    int64_t reasoning;      /* the part of `output` for reasoning */
    int64_t audio_input, image_input, video_input;    /* parts of `input` */
    int64_t audio_output, image_output, video_output; /* parts of `output` */
    int64_t cached_audio, cached_image;               /* parts of `cached_input` */
    int64_t billed_input, billed_output; /* what is paid for, where that is not `input` and `output`; Cohere's */
    int64_t searches;                    /* searches of the web that the provider made for the call */
    int64_t citations;                   /* tokens of cited texts, beside `input` and `output` */
    int64_t queries;                     /* what reranking is paid by: Cohere's search units */
    int64_t msec;                        /* the length of a sound that was written down */
    int64_t characters;                  /* of a text to be spoken */
    int64_t images, pixels;              /* that were made, where they are paid by the piece */
    int64_t cost_nano;  /* what the call cost by the upstream's own account; SL_COST_UNKNOWN: not given */
    int64_t shown_nano; /* what the client is told that it cost, if shows_cost */
    bool shows_cost;
    uint64_t at_usec;    /* wall time of the call, where its price depends on that; 0: not given */
    uint8_t paid_more;   /* of enum sl_paid_more */
    uint8_t search_size; /* enum sl_search_size */
    enum sl_tier tier;
};
/* A larger count is impossible, and is treated as not given. A sum of a few such counts, and of all calls, cannot
 * overflow. */
#define SL_USAGE_COUNT_MAX ((int64_t)1 << 40)
/* Money is in nano-dollars: 10^-9 US dollars. A cost that nobody knows is this, and never 0. */
#define SL_COST_UNKNOWN ((int64_t)-1)
/* No call costs more (nine million dollars). A sum of a thousand such costs cannot overflow. */
#define SL_COST_MAX ((int64_t)1 << 53)
/* clang-format off */
#define SL_USAGE_NONE                                                                                        \
    ((struct sl_usage){ .input = -1, .output = -1, .total = -1, .cached_input = -1, .cache_creation = -1,    \
                        .cache_hour = -1, .reasoning = -1, .audio_input = -1, .image_input = -1,             \
                        .video_input = -1, .audio_output = -1, .image_output = -1, .video_output = -1,       \
                        .cached_audio = -1, .cached_image = -1, .billed_input = -1, .billed_output = -1,     \
                        .searches = -1, .citations = -1, .queries = -1, .msec = -1, .characters = -1,        \
                        .images = -1, .pixels = -1,                                                          \
                        .cost_nano = SL_COST_UNKNOWN })
/* clang-format on */

/* OpenAI's word for it; NULL: it has none. */
const char *sl_tier_name(enum sl_tier tier);
/* SL_TIER_NONE: no provider's word for a tier. */
enum sl_tier sl_tier_parse(struct sl_str word);

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
