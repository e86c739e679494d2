/* SPDX-License-Identifier: Apache-2.0 */
/* What a model costs, and what a call of it cost. The names of prices are those of the public price table: US dollars
 * for one token, image, second, ... Pure calculation over one row: a target holds its row, so that a call looks nothing
 * up. */
#ifndef SL_LLM_PRICE_H
#define SL_LLM_PRICE_H

#include <stdatomic.h>

#include "llm/core/types.h"

/* X(symbol, name in the table). Prices for tokens come first: a batch job pays half of these. */
#define SL_RATES(X)                                                          \
    X(INPUT, "input_cost_per_token")                                         \
    X(OUTPUT, "output_cost_per_token")                                       \
    X(CACHE_READ, "cache_read_input_token_cost")                             \
    X(CACHE_HIT, "input_cost_per_token_cache_hit")                           \
    X(CACHE_WRITE, "cache_creation_input_token_cost")                        \
    X(CACHE_WRITE_HOUR, "cache_creation_input_token_cost_above_1hr")         \
    X(CACHE_READ_AUDIO, "cache_read_input_audio_token_cost")                 \
    X(CACHE_READ_IMAGE, "cache_read_input_image_token_cost")                 \
    X(REASONING, "output_cost_per_reasoning_token")                          \
    X(AUDIO_INPUT, "input_cost_per_audio_token")                             \
    X(IMAGE_INPUT, "input_cost_per_image_token")                             \
    X(VIDEO_INPUT, "input_cost_per_video_token")                             \
    X(AUDIO_OUTPUT, "output_cost_per_audio_token")                           \
    X(IMAGE_OUTPUT, "output_cost_per_image_token")                           \
    X(VIDEO_OUTPUT, "output_cost_per_video_token")                           \
    X(CITATION, "citation_cost_per_token")                                   \
    X(SEARCH, "search_context_cost_per_query.search_context_size_medium")    \
    X(QUERY, "input_cost_per_query")                                         \
    X(REQUEST, "input_cost_per_request")                                     \
    X(SECOND_INPUT, "input_cost_per_second")                                 \
    X(SECOND_OUTPUT, "output_cost_per_second")                               \
    X(SEARCH_LOW, "search_context_cost_per_query.search_context_size_low")   \
    X(SEARCH_HIGH, "search_context_cost_per_query.search_context_size_high") \
    X(CHARACTER, "input_cost_per_character")                                 \
    X(IMAGE, "output_cost_per_image")                                        \
    X(IMAGE_ASKED, "input_cost_per_image")                                   \
    X(PIXEL, "output_cost_per_pixel")                                        \
    X(PIXEL_ASKED, "input_cost_per_pixel")                                   \
    /* Factors, in dollars as it were: what the rest is multiplied by. */    \
    X(FACTOR_EU, "regional_processing_uplift_multiplier_eu")                 \
    X(FACTOR_US, "regional_processing_uplift_multiplier_us")                 \
    X(FACTOR_ENDPOINT, "regional_endpoint_uplift_multiplier")                \
    X(FACTOR_GEO_US, "provider_specific_entry.us")                           \
    X(FACTOR_FAST, "provider_specific_entry.fast")

enum sl_rate {
#define X(symbol, name) SL_RATE_##symbol,
    SL_RATES(X)
#undef X
        SL_RATE_COUNT
};
#define SL_RATE_IS_OF_TOKENS(rate) ((rate) <= SL_RATE_CITATION)
#define SL_RATE_IS_FACTOR(rate)    ((rate) >= SL_RATE_FACTOR_EU)

struct sl_price_rate {
    double nano;      /* nano-dollars for one unit */
    uint32_t above;   /* for calls with more tokens of input than this; 0: for all calls */
    uint8_t rate;     /* enum sl_rate */
    uint8_t tier;     /* enum sl_tier; SL_TIER_NONE: for all tiers */
    bool is_off_peak; /* it replaces the others in times of low load */
};

/* A time of low load: from one minute of the day in UTC to another one, over midnight if that is not later. */
struct sl_price_window {
    uint16_t from, to;
    uint8_t weekdays; /* bit 0: Monday */
};
#define SL_PRICE_WINDOWS_MAX 8
#define SL_PRICE_ALL_DAYS    0x7f

struct sl_zone;
struct sl_price_times {
    struct sl_price_window windows[SL_PRICE_WINDOWS_MAX];
    uint32_t n;
    const struct sl_zone *zone; /* of the weekdays; NULL: UTC */
};

/* One row of a price table. Immutable, reference-counted, shared between threads. */
struct sl_price {
    atomic_uint refs;
    uint32_t n_rates;
    bool is_free;    /* each rate is 0 */
    bool is_simple;  /* it has only plain prices of input, of what is read from a cache, and of output */
    bool is_shipped; /* for exactly this model, not for its versions */
    struct sl_price_times off_peak;
    struct sl_str name;     /* in the table */
    struct sl_str provider; /* as the table calls it; n == 0: not said */
    struct sl_price_rate rates[];
};

struct sl_price *sl_price_ref(struct sl_price *price);
/* Accepts NULL. */
void sl_price_unref(struct sl_price *price);

/* True: a call costs the same by both rows; NULL is like NULL only. */
bool sl_price_is_same(const struct sl_price *a, const struct sl_price *b);

/* True: the name in the table is a price that is understood, with its threshold and its tier. */
bool sl_price_rate_parse(struct sl_str name, struct sl_price_rate *ret);

/* What a call cost, in nano-dollars: what its upstream says, else by the row (NULL: there is none). When an upstream
 * says 0, the row goes before it. SL_COST_UNKNOWN: nothing says what was used, or the row has no price for a part of
 * it. */
int64_t sl_price_cost(const struct sl_price *price, const struct sl_usage *usage);

/* True: the model costs something else in times of low load; usage->at_usec decides. */
SL_INLINE bool sl_price_has_times(const struct sl_price *price)
{
    return price && price->off_peak.n;
}

/* What the host of an upstream says of its price, of enum sl_paid_more. */
uint8_t sl_price_paid_more(struct sl_str host);

/* True: the usage says what was used, so that a price can be applied. */
bool sl_price_is_told(const struct sl_usage *usage);

/* Several calls whose counts were summed up. Each had more than `above` tokens of input, and not more than `at_most`.
 */
struct sl_price_many {
    int64_t n_calls, above, at_most;
};
/* The same for all of them together, as far as prices are chosen in the same way for each: a threshold between the two
 * numbers is SL_COST_UNKNOWN. The sum differs from that of the calls by what each was rounded. */
int64_t sl_price_cost_of_many(const struct sl_price *price, const struct sl_usage *sum,
                              const struct sl_price_many *many);

/* What a usual call costs, to compare models: three thousand tokens of input, and a thousand of output if the model has
 * an output. SL_COST_UNKNOWN: `price` is NULL, or has no prices for tokens. */
int64_t sl_price_usual(const struct sl_price *price, bool has_output);

struct sl_jw;
/* Writes the member `cost` of a usage object, if the client is told it. */
void sl_cost_write(struct sl_jw *w, const struct sl_usage *usage);

#endif
