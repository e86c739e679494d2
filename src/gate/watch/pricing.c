/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/watch/pricing.h"

#include "llm/price/price.h"
#include "store/usage.h"

/* With more input than this a call may have other prices. */
static const struct {
    int64_t tokens;
    const char *word, *lost; /* its word, of calls and of attempts that others followed */
} sizes[] = {
    { 0, "", "lost" },
    { 32000, "32k", "lost 32k" },
    { 64000, "64k", "lost 64k" },
    { 128000, "128k", "lost 128k" },
    { 200000, "200k", "lost 200k" },
    { 256000, "256k", "lost 256k" },
    { 272000, "272k", "lost 272k" },
    { 512000, "512k", "lost 512k" },
    { 1000000, "1000k", "lost 1000k" },
};

#define SIZES ((uint8_t)SL_ARRAY_LEN(sizes))
enum { TOLD = SIZES, UNPRICED, CLASSES }; /* the classes behind the sizes; behind these, all of them once more */

static const char *const tiers[SL_TIER_COUNT] = {
    [SL_TIER_NONE] = "",       [SL_TIER_DEFAULT] = "default",   [SL_TIER_SCALE] = "scale",
    [SL_TIER_FLEX] = "flex",   [SL_TIER_PRIORITY] = "priority", [SL_TIER_ULTRAFAST] = "ultrafast",
    [SL_TIER_BATCH] = "batch",
};

/* What the price's thresholds are about. */
static int64_t input_of(const struct sl_usage *usage)
{
    return usage->billed_input >= 0 ? usage->billed_input : usage->input;
}

static uint8_t class_of(const struct sl_usage *usage, bool is_priced)
{
    if (!usage || !is_priced) {
        return UNPRICED;
    }
    if (SL_UNLIKELY(usage->cost_nano > 0)) {
        return TOLD;
    }
    if (!sl_price_is_told(usage)) {
        return UNPRICED;
    }
    int64_t tokens = input_of(usage);
    uint8_t i = 0;
    while (SL_UNLIKELY(tokens > sizes[1].tokens) && i + 1u < SIZES && tokens > sizes[i + 1u].tokens) {
        i++;
    }
    return i;
}

uint8_t sl_pricing_class(const struct sl_usage *usage, bool is_priced, bool is_lost)
{
    return (uint8_t)(class_of(usage, is_priced) + (is_lost ? CLASSES : 0));
}

struct sl_str sl_pricing_class_word(uint8_t pricing_class)
{
    bool is_lost = pricing_class >= CLASSES;
    uint8_t c = (uint8_t)(pricing_class - (is_lost ? CLASSES : 0));
    return c < SIZES   ? sl_str_c(is_lost ? sizes[c].lost : sizes[c].word)
           : c == TOLD ? sl_str_c(is_lost ? "lost told" : "told")
                       : sl_str_c(is_lost ? "lost unpriced" : "unpriced");
}

struct sl_str sl_pricing_tier_word(enum sl_tier tier)
{
    return sl_str_c(tiers[tier]);
}

/* False: it is none of these. */
static bool size_parse(struct sl_str word, uint8_t *ret, bool *ret_is_lost)
{
    uint8_t i = 0;
    while (i < SIZES && !sl_str_eq_c(word, sizes[i].word) && !sl_str_eq_c(word, sizes[i].lost)) {
        i++;
    }
    *ret = i;
    *ret_is_lost = i < SIZES && sl_str_eq_c(word, sizes[i].lost);
    return i < SIZES;
}

static bool tier_parse(struct sl_str word, enum sl_tier *ret)
{
    enum sl_tier i = SL_TIER_NONE;
    while (i < SL_TIER_COUNT && !sl_str_eq_c(word, tiers[i])) {
        i++;
    }
    *ret = i;
    return i < SL_TIER_COUNT;
}

/* -1 for a sum of nothing: no call of this model says so much. */
static int64_t known(int64_t sum)
{
    return sum > 0 ? sum : -1;
}

static struct sl_usage usage_of(const int64_t *sums, enum sl_tier tier)
{
    return (struct sl_usage){
        .input = sums[SL_USAGE_INPUT],
        .output = sums[SL_USAGE_OUTPUT],
        .total = -1,
        .cached_input = sums[SL_USAGE_CACHED],
        .cache_creation = sums[SL_USAGE_CACHE_WRITE],
        .cache_hour = sums[SL_USAGE_CACHE_HOUR],
        .reasoning = sums[SL_USAGE_REASONING],
        .audio_input = sums[SL_USAGE_AUDIO_INPUT],
        .image_input = sums[SL_USAGE_IMAGE_INPUT],
        .video_input = sums[SL_USAGE_VIDEO_INPUT],
        .audio_output = sums[SL_USAGE_AUDIO_OUTPUT],
        .image_output = sums[SL_USAGE_IMAGE_OUTPUT],
        .video_output = sums[SL_USAGE_VIDEO_OUTPUT],
        .cached_audio = sums[SL_USAGE_CACHED_AUDIO],
        .cached_image = sums[SL_USAGE_CACHED_IMAGE],
        .billed_input = known(sums[SL_USAGE_BILLED_INPUT]),
        .billed_output = known(sums[SL_USAGE_BILLED_OUTPUT]),
        .searches = sums[SL_USAGE_SEARCHES],
        .citations = sums[SL_USAGE_CITATIONS],
        .queries = known(sums[SL_USAGE_QUERIES]),
        .msec = known(sums[SL_USAGE_MSEC]),
        .characters = -1,
        .images = -1,
        .pixels = -1,
        .cost_nano = SL_COST_UNKNOWN,
        .shown_nano = SL_COST_UNKNOWN,
        .tier = tier,
    };
}

/* A row of a version that did not keep these calls apart. */
static bool is_mixed(const int64_t *sums)
{
    return sums[SL_USAGE_TOLD] || (sums[SL_USAGE_UNMETERED] && !sums[SL_USAGE_QUERIES] && !sums[SL_USAGE_MSEC]);
}

enum sl_pricing sl_pricing_renew(const struct sl_price *price, struct sl_usage_row *io_row)
{
    int64_t *sums = io_row->sums;
    enum sl_tier tier;
    uint8_t size;
    bool is_lost;
    if (!size_parse(io_row->of[SL_USAGE_ABOVE], &size, &is_lost)) {
        return SL_PRICING_FIXED;
    }
    if (!price || is_mixed(sums) || !tier_parse(io_row->of[SL_USAGE_TIER], &tier)) {
        return SL_PRICING_LEFT;
    }
    const struct sl_usage usage = usage_of(sums, tier);
    int64_t n_calls = sums[is_lost ? SL_USAGE_LOST : SL_USAGE_REQUESTS];
    const struct sl_price_many many = {
        .n_calls = n_calls,
        .above = sizes[size].tokens,
        .at_most = size + 1u < SIZES ? sizes[size + 1u].tokens : INT64_MAX,
    };
    int64_t cost = sl_price_cost_of_many(price, &usage, &many);
    if (cost == SL_COST_UNKNOWN) {
        return SL_PRICING_LEFT;
    }
    bool is_same = sums[SL_USAGE_COST] == cost && !sums[SL_USAGE_UNPRICED] && sums[SL_USAGE_PRICED] == n_calls;
    sums[SL_USAGE_COST] = cost;
    sums[SL_USAGE_LOST_COST] = is_lost ? cost : sums[SL_USAGE_LOST_COST];
    sums[SL_USAGE_PRICED] = n_calls;
    sums[SL_USAGE_UNPRICED] = 0;
    return is_same ? SL_PRICING_SAME : SL_PRICING_CHANGED;
}
