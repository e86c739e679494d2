/* SPDX-License-Identifier: Apache-2.0 */
/* What calls cost: the worked examples of the price table's description, odd counts, and which row holds for a model.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/val.h"
#include "llm/core/provider.h"
#include "llm/price/price.h"
#include "llm/price/table.h"

/* Makes a map of "name=price name=price …"; a value in quotes is a string. */
static struct sl_val *map_make(struct sl_arena *arena, const char *text)
{
    struct sl_val *map = SL_ARENA_NEW(arena, struct sl_val);
    struct sl_str rest = sl_arena_dup(arena, sl_str_c(text)), word, key;
    assert_non_null(map);
    map->kind = SL_VAL_MAP;
    map->items = SL_ARENA_ARRAY(arena, struct sl_val_item, 64);
    while (rest.n && sl_str_next(&rest, ' ', &word)) {
        struct sl_val *val = SL_ARENA_NEW(arena, struct sl_val);
        assert_non_null(val);
        assert_true(sl_str_next(&word, '=', &key));
        bool is_text = word.n && word.p[0] == '"';
        val->kind = is_text ? SL_VAL_STRING : SL_VAL_NUMBER;
        val->text = is_text ? sl_str_sub(word, 1, word.n - 1) : word;
        map->items[map->n++] = (struct sl_val_item){ .key = key, .val = val };
    }
    return map;
}

static int add(struct sl_prices *prices, const char *name, const char *fields, enum sl_prices_how how,
               struct sl_err *err)
{
    struct sl_arena arena;
    const struct sl_val *at;
    sl_arena_init(&arena, NULL);
    int r = sl_prices_add(prices, sl_str_c(name), map_make(&arena, fields), how, &at, err);
    sl_arena_done(&arena);
    return r;
}

static const struct sl_provider *provider(const char *name)
{
    return sl_provider_find(sl_str_c(name));
}

/* What a call costs by these prices. */
static int64_t cost_of(const char *fields, const struct sl_usage *usage)
{
    struct sl_err err = { 0 };
    struct sl_prices *prices = sl_prices_new();
    assert_non_null(prices);
    assert_int_equal(add(prices, "m", fields, SL_PRICES_SET, &err), 0);
    int64_t nano = sl_price_cost(sl_prices_find(prices, provider("openai"), SL_STR("m")), usage);
    sl_prices_free(prices);
    return nano;
}

/* A usage with the counts of `given` where these are not 0. */
static struct sl_usage used(const struct sl_usage *given)
{
    struct sl_usage u = SL_USAGE_NONE;
    const int64_t *from = &given->input;
    int64_t *to = &u.input;
    for (size_t i = 0; i < offsetof(struct sl_usage, shown_nano) / sizeof(int64_t); i++) {
        to[i] = from[i] ? from[i] : to[i];
    }
    u.tier = given->tier;
    u.paid_more = given->paid_more;
    u.search_size = given->search_size;
    return u;
}

#define GPT_4O "input_cost_per_token=2.5e-6 cache_read_input_token_cost=1.25e-6 output_cost_per_token=1e-5"
#define HAIKU                                                                                          \
    "input_cost_per_token=8e-7 cache_read_input_token_cost=8e-8 cache_creation_input_token_cost=1e-6 " \
    "output_cost_per_token=4e-6"
#define LONG                                                                                                 \
    "input_cost_per_token=1.25e-6 input_cost_per_token_above_200k_tokens=2.5e-6 output_cost_per_token=1e-5 " \
    "output_cost_per_token_above_200k_tokens=1.5e-5"
#define OVERLAP                                                                                   \
    "input_cost_per_token=1e-6 input_cost_per_audio_token=1e-5 cache_read_input_token_cost=2e-7 " \
    "output_cost_per_token=0"
#define SEARCH GPT_4O " search_context_cost_per_query.search_context_size_medium=0.01"
#define SIZES  SEARCH " search_context_cost_per_query.search_context_size_low=0.005"
#define REGIONS                                                               \
    "input_cost_per_token=1e-6 regional_processing_uplift_multiplier_eu=1.1 " \
    "regional_processing_uplift_multiplier_us=1.2"                            \
    " regional_endpoint_uplift_multiplier=1.5"

static void calls_cost_what_the_table_says(void **state)
{
    (void)state;
    static const struct {
        const char *name, *prices;
        struct sl_usage usage;
        int64_t nano;
    } cases[] = {
        { "1 cached", GPT_4O, { .input = 2101, .cached_input = 2048, .output = 7 }, 2762500 },
        { "2 cache write", HAIKU, { .input = 2572, .cache_creation = 512, .cached_input = 2048, .output = 9 }, 721440 },
        { "3 an hour",
          HAIKU " cache_creation_input_token_cost_above_1hr=1.6e-6",
          { .input = 2572, .cache_creation = 512, .cache_hour = 512, .cached_input = 2048, .output = 9 },
          1028640 },
        { "3 an hour has no price of its own",
          HAIKU,
          { .input = 2572, .cache_creation = 512, .cache_hour = 512, .cached_input = 2048, .output = 9 },
          721440 },
        { "4 above the threshold", LONG, { .input = 250000, .output = 1000 }, 640000000 },
        { "4 at the threshold", LONG, { .input = 200000, .output = 1000 }, 260000000 },
        { "5 batch",
          "input_cost_per_token=2e-6 input_cost_per_token_batches=1e-6 output_cost_per_token=8e-6 "
          "output_cost_per_token_batches=4e-6",
          { .input = 10000, .output = 2000, .tier = SL_TIER_BATCH },
          18000000 },
        { "6 half for a batch",
          "input_cost_per_token=2e-6 output_cost_per_token=8e-6",
          { .input = 10000, .output = 2000, .tier = SL_TIER_BATCH },
          18000000 },
        { "7 reasoning",
          "input_cost_per_token=1e-6 output_cost_per_token=4e-6 output_cost_per_reasoning_token=6e-6",
          { .input = 100, .output = 300, .reasoning = 200 },
          1700000 },
        { "8 sound",
          "input_cost_per_token=2.5e-6 input_cost_per_audio_token=4e-5 output_cost_per_token=1e-5 "
          "output_cost_per_audio_token=8e-5",
          { .input = 500, .audio_input = 400, .output = 250, .audio_output = 200 },
          32750000 },
        { "9 flex, and its output has no price of its own",
          "input_cost_per_token=1e-6 input_cost_per_token_flex=5e-7 output_cost_per_token=4e-6",
          { .input = 1000, .output = 100, .tier = SL_TIER_FLEX },
          900000 },
        { "10 embedding", "input_cost_per_token=2e-8", { .input = 1000, .total = 1000 }, 20000 },
        { "11 counted twice",
          OVERLAP,
          { .input = 1000, .cached_input = 800, .audio_input = 400, .output = 1 },
          2160000 },
        { "cached sound at the plain price of the cache",
          OVERLAP,
          { .input = 1000, .cached_input = 800, .cached_audio = 300, .audio_input = 400, .output = 1 },
          100 * 1000 + 800 * 200 + 100 * 10000 },
        { "the tier's price beyond the threshold",
          "input_cost_per_token=1e-6 input_cost_per_token_priority=2e-6 input_cost_per_token_above_272k_tokens=3e-6 "
          "input_cost_per_token_above_272k_tokens_priority=4e-6",
          { .input = 300000, .tier = SL_TIER_PRIORITY },
          1200000000 },
        { "the largest threshold that was passed",
          "input_cost_per_token=1e-6 input_cost_per_token_above_128k_tokens=2e-6 "
          "input_cost_per_token_above_1000_tokens=1.5e-6 input_cost_per_token_above_512k_tokens=9e-6",
          { .input = 130000 },
          260000000 },
        { "a tier with the plain price",
          "input_cost_per_token=1e-6 input_cost_per_token_priority=9e-6",
          { .input = 1000, .tier = SL_TIER_DEFAULT },
          1000000 },
        { "a hit by its old name",
          "input_cost_per_token=1e-6 input_cost_per_token_cache_hit=1e-7",
          { .input = 100, .cached_input = 50 },
          55000 },
        { "a read without a price costs as the input",
          "input_cost_per_token=1e-6",
          { .input = 100, .cached_input = 50 },
          100000 },
        { "more cached than there was",
          "input_cost_per_token=1e-6 cache_read_input_token_cost=1e-7",
          { .input = 100, .cached_input = 5000 },
          10000 },
        { "searches", SEARCH, { .input = 1000, .searches = 3 }, 32500000 },
        { "searches of another size", SIZES, { .input = 1000, .searches = 3, .search_size = SL_SEARCH_LOW }, 17500000 },
        { "and of one without a price",
          SIZES,
          { .input = 1000, .searches = 3, .search_size = SL_SEARCH_HIGH },
          32500000 },
        { "images by the piece", "output_cost_per_image=0.04", { .images = 3 }, 120000000 },
        { "by their other price", "input_cost_per_image=0.02", { .images = 3 }, 60000000 },
        { "by pixels", "output_cost_per_pixel=2e-8", { .images = 2, .pixels = 2 * 1024 * 1024 }, 41943040 },
        { "by the piece, not by pixels",
          "input_cost_per_image=0.02 input_cost_per_pixel=1",
          { .images = 1, .pixels = 9 },
          20000000 },
        { "images with tokens",
          "input_cost_per_token=5e-6 output_cost_per_image_token=4e-5 output_cost_per_image=9",
          { .input = 100, .output = 1000, .image_output = 1000, .images = 1 },
          40500000 },
        { "images without a price", GPT_4O, { .images = 1 }, SL_COST_UNKNOWN },
        { "speech by characters", "input_cost_per_character=1.5e-5", { .characters = 1000 }, 15000000 },
        { "processed in the EU", REGIONS, { .input = 1000, .paid_more = SL_PAID_EU }, 1100000 },
        { "processed in the US", REGIONS, { .input = 1000, .paid_more = SL_PAID_US }, 1200000 },
        { "an endpoint of one region", REGIONS, { .input = 1000, .paid_more = SL_PAID_ENDPOINT }, 1500000 },
        { "no factor for that", REGIONS, { .input = 1000, .paid_more = SL_PAID_GEO_US }, 1000000 },
        { "two factors at once",
          "input_cost_per_token=1e-6 provider_specific_entry.us=1.1 provider_specific_entry.fast=6.0",
          { .input = 1000, .paid_more = SL_PAID_GEO_US | SL_PAID_FAST },
          6600000 },
        { "searches without a price", GPT_4O, { .input = 1000, .searches = 3 }, SL_COST_UNKNOWN },
        { "reranking by queries", "input_cost_per_query=0.002", { .queries = 2 }, 4000000 },
        { "sound by its length", "input_cost_per_second=0.0001", { .msec = 5500 }, 550000 },
        { "tokens of a model that is paid by its length",
          "input_cost_per_second=0.0001",
          { .input = 5 },
          SL_COST_UNKNOWN },
        { "what is billed goes before what was counted",
          "input_cost_per_token=1e-6 output_cost_per_token=2e-6",
          { .input = 100, .billed_input = 10, .output = 50, .billed_output = 5 },
          20000 },
        { "an output without a price", "input_cost_per_token=1e-6", { .input = 10, .output = 1 }, SL_COST_UNKNOWN },
        { "nothing was said", GPT_4O, { .total = 10 }, SL_COST_UNKNOWN },
        { "free", "input_cost_per_token=0 output_cost_per_token=0", { .input = 10, .output = 10 }, 0 },
        { "the upstream's own account", GPT_4O, { .input = 10, .cost_nano = 77 }, 77 },
        { "a text is a price, too", "input_cost_per_token=\"2e-6\"", { .input = 10 }, 20000 },
        { "an absurd count", "input_cost_per_token=1000000", { .input = SL_USAGE_COUNT_MAX }, SL_COST_MAX },
        { "xAI's threshold begins earlier",
          "litellm_provider=\"xai\" input_cost_per_token=1e-6 input_cost_per_token_above_128k_tokens=2e-6",
          { .input = 128000 },
          SL_COST_UNKNOWN /* not of this provider: see the next test */ },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_usage usage = used(&cases[i].usage);
        int64_t nano = cost_of(cases[i].prices, &usage);
        if (nano != cases[i].nano) {
            fail_msg("%s: %lld, not %lld", cases[i].name, (long long)nano, (long long)cases[i].nano);
        }
    }
    struct sl_usage usage = used(&(struct sl_usage){ .cost_nano = 5 });
    assert_int_equal(sl_price_cost(NULL, &usage), 5);
    /* 0 is an account only where there is no price. */
    usage = used(&(struct sl_usage){ .input = 100 });
    usage.cost_nano = 0;
    assert_int_equal(sl_price_cost(NULL, &usage), 0);
    assert_int_equal(cost_of("input_cost_per_token=1e-6", &usage), 100000);
    assert_int_equal(cost_of("output_cost_per_token=1e-6", &usage), 0);
}

/* Simple rows have a shorter way to the same cost: another price, of nothing, takes the long one. */
static void both_ways_cost_the_same(void **state)
{
    (void)state;
    static const char *const rows[] = { "input_cost_per_token=2.5e-6 output_cost_per_token=1e-5", GPT_4O,
                                        "input_cost_per_token=1.234567e-6",
                                        "input_cost_per_token=1e-6 cache_read_input_token_cost=1e-7" };
    uint64_t seed = 1;
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        for (int n = 0; n < 500; n++) {
            char longer[512];
            struct sl_usage u = SL_USAGE_NONE;
            int64_t *const parts[] = { &u.input,        &u.output,       &u.cached_input, &u.cache_creation,
                                       &u.cache_hour,   &u.reasoning,    &u.audio_input,  &u.image_input,
                                       &u.audio_output, &u.image_output, &u.searches,     &u.cached_audio };
            for (size_t k = 0; k < SL_ARRAY_LEN(parts); k++) {
                seed = seed * 6364136223846793005u + 1442695040888963407u;
                *parts[k] = seed >> 62 ? *parts[k] : (int64_t)(seed >> 40 & 0xfff);
            }
            u.tier = (enum sl_tier)((seed >> 33) % SL_TIER_COUNT);
            snprintf(longer, sizeof(longer), "%s input_cost_per_request=0", rows[i]);
            int64_t one = cost_of(rows[i], &u), other = cost_of(longer, &u);
            if (one != other && (one < 0 || other < 0 || one - other > 1 || other - one > 1)) {
                fail_msg("%s, %d: %lld, %lld", rows[i], n, (long long)one, (long long)other);
            }
        }
    }
}

static struct sl_prices *table_make(void)
{
    static const struct {
        const char *name, *fields;
        enum sl_prices_how how;
    } rows[] = {
        { "gpt-4o", "litellm_provider=\"openai\" input_cost_per_token=1e-9", SL_PRICES_SHIP },
        { "gpt-x", "litellm_provider=\"openai\" input_cost_per_token=2e-9", SL_PRICES_SET },
        { "azure/gpt-x", "litellm_provider=\"azure\" input_cost_per_token=3e-9", SL_PRICES_SET },
        { "anthropic.claude-x-v1:0", "litellm_provider=\"bedrock_converse\" input_cost_per_token=4e-9", SL_PRICES_SET },
        { "together_ai/llama", "litellm_provider=\"together_ai\" input_cost_per_token=5e-9", SL_PRICES_SET },
        { "old", "litellm_provider=\"text-completion-openai\" input_cost_per_token=6e-9", SL_PRICES_SET },
        { "grok", "litellm_provider=\"xai\" input_cost_per_token=1e-9 input_cost_per_token_above_128k_tokens=2e-9",
          SL_PRICES_SET },
        { "own", "input_cost_per_token=7e-9", SL_PRICES_OVER },
        { "openai/gpt-x", "output_cost_per_token=9e-9", SL_PRICES_OVER },
        { "a-model", "litellm_provider=\"openai\" max_tokens=5 output_cost_per_image_512=0.04", SL_PRICES_SET },
    };
    struct sl_prices *prices = sl_prices_new();
    struct sl_err err = { 0 };
    assert_non_null(prices);
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        if (add(prices, rows[i].name, rows[i].fields, rows[i].how, &err) < 0) {
            fail_msg("%s: %s", rows[i].name, err.text);
        }
    }
    return prices;
}

static void rows_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *provider, *model;
        int64_t nano; /* of one token of input */
    } cases[] = {
        { "openai", "gpt-4o", 1 },
        { "openai", "gpt-4o-2024-05-13", SL_COST_UNKNOWN }, /* a shipped row holds for its name only */
        { "openai", "gpt-x", 2 },
        { "openai", "gpt-x-2025-01-31", 2 },
        { "openai", "gpt-x-20250131", 2 },
        { "openai", "gpt-x-mini", SL_COST_UNKNOWN },
        { "azure", "gpt-x", 3 },
        { "groq", "gpt-x", SL_COST_UNKNOWN }, /* a row of another provider */
        { "bedrock", "anthropic.claude-x-v1:0", 4 },
        { "amazon-bedrock", "eu.anthropic.claude-x-v1:0", 4 },
        { "togetherai", "llama", 5 },
        { "openai", "old", 6 },
        { "openai", "own", 7 },
        { "groq", "own", 7 },
        { "openai", "a-model", SL_COST_UNKNOWN },
        { "openai", "", SL_COST_UNKNOWN },
    };
    struct sl_prices *prices = table_make();
    struct sl_usage one = used(&(struct sl_usage){ .input = 1 });
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        const struct sl_price *price = sl_prices_find(prices, provider(cases[i].provider), sl_str_c(cases[i].model));
        int64_t nano = sl_price_cost(price, &one);
        if (nano != cases[i].nano) {
            fail_msg("%s/%s: %lld", cases[i].provider, cases[i].model, (long long)nano);
        }
    }
    struct sl_usage below = used(&(struct sl_usage){ .input = 127999 }),
                    at = used(&(struct sl_usage){ .input = 128000 });
    struct sl_price *grok = sl_prices_find(prices, provider("xai"), SL_STR("grok"));
    assert_int_equal(sl_price_cost(grok, &below), 127999);
    assert_int_equal(sl_price_cost(grok, &at), 256000);
    /* The configuration's row has what the table says of the model, and its own. */
    struct sl_usage both = used(&(struct sl_usage){ .input = 1, .output = 1 });
    assert_int_equal(sl_price_cost(sl_prices_find(prices, provider("openai"), SL_STR("gpt-x")), &both), 11);
    assert_int_equal(prices->n_unused, 1);
    assert_memory_equal(prices->unused[0].p, "output_cost_per_image_512", prices->unused[0].n);
    assert_null(sl_prices_find(NULL, provider("openai"), SL_STR("gpt-x")));
    sl_prices_free(prices);
}

static void lists_of_tiers_are_thresholds(void **state)
{
    (void)state;
    struct sl_arena arena;
    struct sl_err err = { 0 };
    const struct sl_val *at;
    sl_arena_init(&arena, NULL);
    struct sl_val *fields = map_make(&arena, "input_cost_per_token_above_1k_tokens=9e-9");
    struct sl_val *tiers = map_make(&arena, "");
    tiers->kind = SL_VAL_LIST;
    static const struct {
        const char *from, *fields;
    } rows[] = { { "0", "input_cost_per_token=1e-9" }, { "32000", "input_cost_per_token=2e-9" } };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct sl_val *tier = map_make(&arena, rows[i].fields), *range = map_make(&arena, "a=0 b=1");
        range->kind = SL_VAL_LIST;
        range->items[0].val->text = sl_str_c(rows[i].from);
        tier->items[tier->n++] = (struct sl_val_item){ .key = SL_STR("range"), .val = range };
        tiers->items[tiers->n++] = (struct sl_val_item){ .val = tier };
    }
    fields->items[fields->n++] = (struct sl_val_item){ .key = SL_STR("tiered_pricing"), .val = tiers };
    struct sl_prices *prices = sl_prices_new();
    assert_int_equal(sl_prices_add(prices, SL_STR("q"), fields, SL_PRICES_SET, &at, &err), 0);
    struct sl_price *price = sl_prices_find(prices, provider("openai"), SL_STR("q"));
    struct sl_usage low = used(&(struct sl_usage){ .input = 32000 }), high = used(&(struct sl_usage){ .input = 32001 });
    assert_int_equal(sl_price_cost(price, &low), 32000);
    assert_int_equal(sl_price_cost(price, &high), 64002);
    sl_prices_free(prices);
    sl_arena_done(&arena);
}

/* In the operator's own words, as YAML would be read. */
static struct sl_val *text_of(struct sl_arena *arena, const char *text)
{
    struct sl_val *val = SL_ARENA_NEW(arena, struct sl_val);
    assert_non_null(val);
    val->kind = SL_VAL_STRING;
    val->text = sl_str_c(text);
    return val;
}

static void member_put(struct sl_val *map, const char *key, struct sl_val *val)
{
    map->items[map->n++] = (struct sl_val_item){ .key = sl_str_c(key), .val = val };
}

/* 2026-11-30 was a Monday. */
#define MONDAY 1795996800ull

static void prices_of_times_of_low_load(void **state)
{
    (void)state;
    static const struct {
        const char *hours, *window, *weekday, *zone; /* NULL: none */
        uint64_t at_sec;                             /* from Monday 00:00 UTC */
        int64_t nano;                                /* of a token; 9 at other times */
    } cases[] = {
        { "16:30-00:30", NULL, NULL, NULL, 16 * 3600 + 29 * 60 + 59, 9 },
        { "16:30-00:30", NULL, NULL, NULL, 16 * 3600 + 30 * 60, 2 },
        { "16:30-00:30", NULL, NULL, NULL, 29 * 60, 2 }, /* over midnight */
        { "16:30-00:30", NULL, NULL, NULL, 30 * 60, 9 },
        { "00:00-24:00", NULL, NULL, NULL, 0, 2 },
        { NULL, "01:00-02:00", NULL, NULL, 3600, 2 },
        { NULL, "01:00-02:00", "Monday", NULL, 3600, 2 },
        { NULL, "01:00-02:00", "sun", NULL, 3600, 9 },
        { NULL, "22:00-23:00", "Tue", "Asia/Tokyo", 22 * 3600, 2 }, /* there it is Tuesday */
        { NULL, "22:00-23:00", "Tue", NULL, 22 * 3600, 9 },
        { "22:00-25:00", NULL, NULL, NULL, 22 * 3600, 9 }, /* of another form: skipped */
        { "always", NULL, NULL, NULL, 0, 9 },
        { NULL, "22:00-23:00", "holiday", NULL, 22 * 3600, 9 },
        { NULL, "22:00-23:00", NULL, "Nowhere/City", 22 * 3600, 9 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_arena arena;
        struct sl_err err = { 0 };
        const struct sl_val *at;
        sl_arena_init(&arena, NULL);
        struct sl_val *fields = map_make(&arena, "input_cost_per_token=9e-9 output_cost_per_token=9e-9");
        struct sl_val *times = map_make(&arena, ""), *list = map_make(&arena, ""), *window = map_make(&arena, "");
        if (cases[i].hours) {
            member_put(times, "hours_utc", text_of(&arena, cases[i].hours));
        }
        if (cases[i].window) {
            struct sl_val *days = map_make(&arena, "");
            member_put(window, "hours_utc", text_of(&arena, cases[i].window));
            if (cases[i].weekday) {
                days->kind = SL_VAL_LIST;
                member_put(days, "", text_of(&arena, cases[i].weekday));
                member_put(window, "weekdays", days);
            }
            list->kind = SL_VAL_LIST;
            member_put(list, "", window);
            member_put(times, "windows", list);
        }
        if (cases[i].zone) {
            member_put(times, "weekday_timezone", text_of(&arena, cases[i].zone));
        }
        member_put(times, "rates", map_make(&arena, "input_cost_per_token=2e-9"));
        member_put(fields, "off_peak_pricing", times);
        struct sl_prices *prices = sl_prices_new();
        assert_int_equal(sl_prices_add(prices, SL_STR("q"), fields, SL_PRICES_SET, &at, &err), 0);
        struct sl_price *price = sl_prices_find(prices, provider("openai"), SL_STR("q"));
        struct sl_usage one = used(&(struct sl_usage){ .input = 1 }), two = used(&(struct sl_usage){ .output = 1 });
        one.at_usec = two.at_usec = (MONDAY + cases[i].at_sec) * 1000000;
        if (sl_price_cost(price, &one) != cases[i].nano || sl_price_cost(price, &two) != 9) {
            fail_msg("case %zu: %lld", i, (long long)sl_price_cost(price, &one));
        }
        one.at_usec = 0; /* nobody knows when: the plain price */
        assert_int_equal(sl_price_cost(price, &one), 9);
        int r = sl_prices_add(prices, SL_STR("own"), fields, SL_PRICES_OVER, &at, &err);
        assert_int_equal(r, i < 10 ? 0 : SL_E_INVAL);
        assert_true(i < 10 || strstr(err.text, "off_peak_pricing must be a map like"));
        sl_prices_free(prices);
        sl_arena_done(&arena);
    }
}

static void wrong_prices_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *fields;
        enum sl_prices_how how;
        const char *why;
    } cases[] = {
        { "input_cost_per_token=-1", SL_PRICES_SET,
          "input_cost_per_token must be a price in US dollars like 2.5e-06, from 0 to 1e+06, not -1" },
        { "input_cost_per_token=\"cheap\"", SL_PRICES_SET,
          "input_cost_per_token must be a price in US dollars like 2.5e-06, from 0 to 1e+06, not cheap" },
        { "output_cost_per_token=1e7", SL_PRICES_OVER,
          "output_cost_per_token must be a price in US dollars like 2.5e-06, from 0 to 1e+06, not 1e7" },
        { "input_cost_per_tokens=1e-6", SL_PRICES_OVER,
          "\"input_cost_per_tokens\" is no price that calls are paid by: did you mean \"input_cost_per_token\"?" },
        { "price=1e-6", SL_PRICES_OVER, "\"price\" is no price that calls are paid by" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_prices *prices = sl_prices_new();
        struct sl_err err = { 0 };
        assert_int_equal(add(prices, "m", cases[i].fields, cases[i].how, &err), SL_E_INVAL);
        assert_string_equal(err.text, cases[i].why);
        assert_null(sl_prices_find(prices, provider("openai"), SL_STR("m")));
        sl_prices_free(prices);
    }
}

static void tables_are_compared(void **state)
{
    (void)state;
    struct sl_err err = { 0 };
    struct sl_prices *a = table_make(), *b = table_make();
    assert_true(sl_prices_are_same(a, b));
    assert_false(sl_prices_are_same(a, NULL));
    assert_int_equal(add(b, "own", "input_cost_per_token=8e-9", SL_PRICES_OVER, &err), 0);
    assert_false(sl_prices_are_same(a, b));
    const struct sl_provider *openai = provider("openai");
    assert_false(sl_price_is_same(sl_prices_find(a, openai, SL_STR("own")), sl_prices_find(b, openai, SL_STR("own"))));
    assert_true(sl_price_is_same(sl_prices_find(a, openai, SL_STR("old")), sl_prices_find(b, openai, SL_STR("old"))));
    assert_true(sl_price_is_same(NULL, NULL));
    assert_false(sl_price_is_same(sl_prices_find(a, openai, SL_STR("old")), NULL));
    assert_int_equal(add(b, "own", "input_cost_per_token=7e-9", SL_PRICES_OVER, &err), 0);
    assert_true(sl_prices_are_same(a, b));
    sl_prices_free(a);
    sl_prices_free(b);
    sl_prices_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_cost_what_the_table_says),
        cmocka_unit_test(both_ways_cost_the_same),
        cmocka_unit_test(rows_are_found),
        cmocka_unit_test(lists_of_tiers_are_thresholds),
        cmocka_unit_test(prices_of_times_of_low_load),
        cmocka_unit_test(wrong_prices_are_refused),
        cmocka_unit_test(tables_are_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
