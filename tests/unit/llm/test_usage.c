/* SPDX-License-Identifier: Apache-2.0 */
/* What each language reads of an upstream's usage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "json/json.h"
#include "llm/anthropic/anthropic.h"
#include "llm/bedrock/bedrock.h"
#include "llm/cohere/cohere.h"
#include "llm/core/language.h"
#include "llm/core/passage.h"
#include "llm/core/reading.h"
#include "llm/gemini/gemini.h"
#include "llm/openai/openai.h"
#include "llm/responses/responses.h"

/* In the order of the fields; the last of them is cost_nano. */
static const char *const names[] = {
    "input",        "output",       "total",         "cached_input", "cache_creation", "cache_hour",   "reasoning",
    "audio_input",  "image_input",  "video_input",   "audio_output", "image_output",   "video_output", "cached_audio",
    "cached_image", "billed_input", "billed_output", "searches",     "citations",      "queries",      "msec",
    "characters",   "images",       "pixels",        "cost_nano",
};
#define N_COUNTS (offsetof(struct sl_usage, shown_nano) / sizeof(int64_t))

/* Writes "input=1 output=2 …" of the counts that are given. */
static void usage_print(const struct sl_usage *usage, char *out, size_t n)
{
    const int64_t *counts = &usage->input;
    size_t at = 0;
    out[0] = '\0';
    for (size_t i = 0; i < N_COUNTS; i++) {
        if (counts[i] >= 0) {
            at += (size_t)snprintf(out + at, n - at, "%s%s=%lld", at ? " " : "", names[i], (long long)counts[i]);
        }
    }
    if (usage->tier) {
        snprintf(out + at, n - at, "%stier=%d", at ? " " : "", usage->tier);
    }
}

static void usage_has_all_that_is_billed(void **state)
{
    (void)state;
    static const struct {
        const struct sl_language *language;
        const char *json, *want;
    } cases[] = {
        { &sl_language_openai,
          "{\"prompt_tokens\":100,\"completion_tokens\":50,\"total_tokens\":150,\"prompt_tokens_details\":{"
          "\"cached_tokens\":10,\"audio_tokens\":20,\"image_tokens\":30,\"cache_write_tokens\":5},"
          "\"completion_tokens_details\":{\"reasoning_tokens\":7,\"audio_tokens\":8,\"image_tokens\":9}}",
          "input=100 output=50 total=150 cached_input=10 cache_creation=5 reasoning=7 audio_input=20 image_input=30 "
          "audio_output=8 image_output=9" },
        { &sl_language_openai,
          "{\"prompt_tokens\":32,\"completion_tokens\":9,\"total_tokens\":135,\"completion_tokens_details\":{"
          "\"reasoning_tokens\":94},\"cost_in_usd_ticks\":12345}",
          "input=32 output=103 total=135 reasoning=94 cost_nano=1234" },
        { &sl_language_openai,
          "{\"prompt_tokens\":1,\"completion_tokens\":2,\"num_cached_tokens\":1,\"citation_tokens\":3,"
          "\"num_search_queries\":4,\"reasoning_tokens\":2,\"cost\":{\"total_cost\":0.5}}",
          "input=1 output=2 cached_input=1 reasoning=2 searches=4 citations=3 cost_nano=500000000" },
        { &sl_language_openai, "{\"prompt_tokens\":1,\"cost\":\"0.5\"}", "input=1" },
        { &sl_language_openai, "{\"prompt_tokens\":1,\"cost\":1e300}", "input=1" },
        { &sl_language_openai, "{\"prompt_tokens\":1,\"cost_in_usd_ticks\":-5}", "input=1" },
        { &sl_language_responses,
          "{\"input_tokens\":100,\"input_tokens_details\":{\"cached_tokens\":40,\"cache_write_tokens\":3,"
          "\"audio_tokens\":1,\"image_tokens\":2},\"output_tokens\":10,\"output_tokens_details\":{"
          "\"reasoning_tokens\":4,\"audio_tokens\":5,\"image_tokens\":1},\"total_tokens\":110,\"cost\":0.25}",
          "input=100 output=10 total=110 cached_input=40 cache_creation=3 reasoning=4 audio_input=1 image_input=2 "
          "audio_output=5 image_output=1 cost_nano=250000000" },
        { &sl_language_anthropic,
          "{\"input_tokens\":12,\"cache_creation_input_tokens\":512,\"cache_read_input_tokens\":2048,"
          "\"output_tokens\":9,\"cache_creation\":{\"ephemeral_5m_input_tokens\":12,"
          "\"ephemeral_1h_input_tokens\":500},\"server_tool_use\":{\"web_search_requests\":2},"
          "\"service_tier\":\"batch\"}",
          "input=2572 output=9 cached_input=2048 cache_creation=512 cache_hour=500 searches=2 tier=6" },
        { &sl_language_gemini,
          "{\"promptTokenCount\":100,\"candidatesTokenCount\":10,\"thoughtsTokenCount\":5,"
          "\"cachedContentTokenCount\":50,\"promptTokensDetails\":[{\"modality\":\"TEXT\",\"tokenCount\":40},"
          "{\"modality\":\"AUDIO\",\"tokenCount\":30},{\"modality\":\"IMAGE\",\"tokenCount\":20},"
          "{\"modality\":\"VIDEO\",\"tokenCount\":10}],\"cacheTokensDetails\":[{\"modality\":\"AUDIO\","
          "\"tokenCount\":15}],\"candidatesTokensDetails\":[{\"modality\":\"IMAGE\",\"tokenCount\":4}, 7]}",
          "input=100 output=15 total=115 cached_input=50 reasoning=5 audio_input=30 image_input=20 video_input=10 "
          "image_output=4 cached_audio=15" },
        { &sl_language_bedrock,
          "{\"inputTokens\":1,\"outputTokens\":2,\"cacheReadInputTokens\":3,\"cacheWriteInputTokens\":9,"
          "\"cacheDetails\":[{\"ttl\":\"5m\",\"inputTokens\":4},{\"ttl\":\"1h\",\"inputTokens\":5}]}",
          "input=13 output=2 cached_input=3 cache_creation=9 cache_hour=5" },
        { &sl_language_cohere,
          "{\"billed_units\":{\"input_tokens\":5,\"output_tokens\":6,\"search_units\":1},"
          "\"tokens\":{\"input_tokens\":70,\"output_tokens\":6},\"cached_tokens\":8}",
          "input=70 output=6 total=76 cached_input=8 billed_input=5 billed_output=6 queries=1" },
        { &sl_language_openai_passed,
          "{\"input_tokens\":50,\"output_tokens\":1056,\"total_tokens\":1106,\"input_tokens_details\":{"
          "\"text_tokens\":10,\"image_tokens\":40}}",
          "input=50 output=1056 total=1106 image_input=40 image_output=1056" },
        { &sl_language_openai_passed,
          "{\"type\":\"tokens\",\"input_tokens\":14,\"input_token_details\":{\"text_tokens\":0,\"audio_tokens\":14},"
          "\"output_tokens\":45,\"total_tokens\":59}",
          "input=14 output=45 total=59 audio_input=14" },
        { &sl_language_openai_passed, "{\"type\":\"duration\",\"seconds\":5.25}", "msec=5250" },
        { &sl_language_openai_passed, "{\"billed_units\":{\"search_units\":2}}", "queries=2" },
    };
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    assert_int_equal(SL_ARRAY_LEN(names), N_COUNTS);
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        char got[1024];
        struct sl_usage usage = SL_USAGE_NONE;
        assert_int_equal(sl_json_parse(&doc, sl_str_c(cases[i].json)), 0);
        assert_int_equal(cases[i].language->read_usage(sl_json_root(&doc), &usage), 0);
        usage_print(&usage, got, sizeof(got));
        assert_string_equal(got, cases[i].want);
        assert_false(usage.shows_cost);
    }
    sl_json_done(&doc);
}

static void tiers_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        enum sl_tier tier;
        const char *name;
    } cases[] = {
        { "\"default\"", SL_TIER_DEFAULT, "default" },
        { "\"standard\"", SL_TIER_DEFAULT, "default" },
        { "\"priority\"", SL_TIER_PRIORITY, "priority" },
        { "\"fast\"", SL_TIER_PRIORITY, "priority" },
        { "\"flex\"", SL_TIER_FLEX, "flex" },
        { "\"scale\"", SL_TIER_SCALE, "scale" },
        { "\"batch\"", SL_TIER_BATCH, NULL },
        { "\"ultrafast\"", SL_TIER_ULTRAFAST, NULL },
        { "\"auto\"", SL_TIER_NONE, NULL },
        { "null", SL_TIER_NONE, NULL },
        { "\"\"", SL_TIER_NONE, NULL },
    };
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        assert_int_equal(sl_json_parse(&doc, sl_str_c(cases[i].json)), 0);
        enum sl_tier tier = sl_tier_read(sl_json_root(&doc));
        const char *name = sl_tier_name(tier);
        assert_int_equal(tier, cases[i].tier);
        assert_true(name == cases[i].name || strcmp(name, cases[i].name) == 0);
    }
    assert_int_equal(sl_tier_read(SL_JSON_ABSENT), SL_TIER_NONE);
    sl_json_done(&doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(usage_has_all_that_is_billed),
        cmocka_unit_test(tiers_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
