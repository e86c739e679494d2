/* SPDX-License-Identifier: Apache-2.0 */
/* The file as a whole: its sections. */
#include "gate/config/settings.h"
#include "help.h"
#include "llm/core/provider.h"
#include "llm/price/price.h"
#include "llm/price/table.h"

static void a_misspelt_section_is_an_error(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *meant;
        bool is_error;
    } cases[] = {
        { "atuh: {}\n", "auth", true },
        { "atuh: { admin_key: x, keys: [] }\n", "auth", true },
        { "auht: { keys: [] }\n", "auth", true },
        { "auths: { metrics: open }\n", "auth", true },
        { "Auth: {}\n", "auth", true },
        { "sever: { listen: 127.0.0.1:0 }\n", "server", true },
        { "sevrer: { tls: { cert: a, key: b } }\n", "server", true },
        { "serevrs: { workers: 1 }\n", "server", true },
        { "upstreams: { retries: 0 }\n", "upstream", true },
        { "upsteram: { allow: [] }\n", "upstream", true },
        { "metric: { max_routes: 1 }\n", "metrics", true },
        { "lgo: { level: info }\n", "log", true },
        { "logs: {}\n", "log", true },
        /* Too different, or not a value of that section: it belongs to another program. */
        { "atuh: none\n", "auth", false },
        { "atuh: [a]\n", "auth", false },
        { "atuh: { colour: red }\n", "auth", false },
        { "mode: fast\n", "node", false },
        { "mode: { listen: x }\n", "node", false },
        { "note: { a: b }\n", "node", false },
        { "authorities: { keys: [] }\n", "auth", false },
        { "serving: { listen: x }\n", NULL, false },
        { "dog: { level: info }\n", "log", true }, /* one letter */
        { "blog: { posts: 3 }\n", "log", false },
        { "endpoint: []\n", "endpoints", false },
        { "x-atuh: { keys: [] }\n", NULL, false },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        char text[512], want[128] = "unknown section";
        snprintf(text, sizeof(text), "%s%s", cases[i].text, HEAD);
        struct loaded l = load(text);
        if (cases[i].meant) {
            snprintf(want, sizeof(want), "%s: did you mean \"%s\"?", cases[i].is_error ? "" : " is ignored",
                     cases[i].meant);
        }
        bool is_told = cases[i].text[0] == 'x' || says(&l, want);
        if ((l.config == NULL) != cases[i].is_error || !is_told) {
            show(&l);
            fail_msg("case %zu: %s", i, cases[i].text);
        }
        unload(&l);
    }
}

static void a_yaml_error_is_told_once_where_it_begins(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "a: \"open\nb: c\nd: e\n",
          "f:1:4: error: The file at f is not a valid yaml file: found unexpected end of stream" },
        { "x: y\na: 'open\nb: c\n", "f:2:4: error: The file at f is not a valid yaml file: " },
        { "x:\n\n  \"open\n", "f:3:3: error: " },
        { "a:\n\tb: c\n", "f:2:1: error: " },
        { "a: [1, 2\nb: c\n", "error: The file at f is not a valid yaml file: " },
        { "a: {b: 1\n", "error: The file at f is not a valid yaml file: " },
        { "a: b: c\n", "f:1:5: error: " },
        { "- a\nb: c\n", "error: The file at f" },
        { "a: @x\n", "f:1:4: error: " },
        { "a: *nowhere\n", "error: The file at f" },
        { "a: b\n---\nc: d\n", "a second document" },
        { "a: \x01\n", "f:1:4: error: " },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct loaded l = load(cases[i].text);
        if (l.problems.n != 1 || !says(&l, cases[i].want)) {
            show(&l);
            fail_msg("case %zu: %s", i, cases[i].text);
        }
        unload(&l);
    }
}

static void a_missing_config_says_what_it_needs(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "openai", "It needs openai_api_key." },       { "OpenAI", "It needs openai_api_key." },
        { "anthropic", "It needs anthropic_api_key." }, { "ai21labs", "It needs ai21labs_api_key." },
        { "cohere", "It needs cohere_api_key." },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        char text[512];
        snprintf(text, sizeof(text),
                 "endpoints: [{ name: a, endpoint_type: llm/v1/completions, model: { provider: %s } }]\n", cases[i][0]);
        struct loaded l = load(text);
        if (l.config || !says(&l, cases[i][1]) || !says(&l, "A config must be supplied when setting a provider.")) {
            show(&l);
            fail_msg("case %zu", i);
        }
        unload(&l);
    }
}

/* Shipped are the prices of the worked examples of the price table's description, and no others. */
static void shipped_prices_are_those_of_the_examples(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        uint32_t n_rates;
        struct {
            const char *name;
            double nano;
        } rates[4];
    } rows[] = {
        { "gpt-4o",
          3,
          { { "input_cost_per_token", 2500 },
            { "cache_read_input_token_cost", 1250 },
            { "output_cost_per_token", 10000 } } }, /* example 1 */
        { "gpt-4.1",
          4,
          { { "input_cost_per_token", 2000 },
            { "input_cost_per_token_batches", 1000 },
            { "output_cost_per_token", 8000 },
            { "output_cost_per_token_batches", 4000 } } },                   /* 5 */
        { "text-embedding-3-small", 1, { { "input_cost_per_token", 20 } } }, /* 10 */
    };
    struct loaded l = load(HEAD);
    assert_non_null(l.config);
    const struct sl_prices *prices = l.config->settings->prices;
    const struct sl_provider *openai = sl_provider_find(SL_STR("openai"));
    assert_int_equal(prices->rows.n, SL_ARRAY_LEN(rows));
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        const struct sl_price *price = sl_prices_find(prices, openai, sl_str_c(rows[i].model));
        assert_non_null(price);
        assert_true(price->is_shipped && price->n_rates == rows[i].n_rates);
        for (uint32_t k = 0; k < rows[i].n_rates; k++) {
            struct sl_price_rate rate;
            uint32_t n = 0;
            assert_true(sl_price_rate_parse(sl_str_c(rows[i].rates[k].name), &rate));
            for (uint32_t m = 0; m < price->n_rates; m++) {
                const struct sl_price_rate *had = &price->rates[m];
                double off = had->nano - rows[i].rates[k].nano;
                n += had->rate == rate.rate && had->tier == rate.tier && !had->above && off < 1e-6 && off > -1e-6;
            }
            assert_int_equal(n, 1);
        }
    }
    unload(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_misspelt_section_is_an_error),
        cmocka_unit_test(a_yaml_error_is_told_once_where_it_begins),
        cmocka_unit_test(a_missing_config_says_what_it_needs),
        cmocka_unit_test(shipped_prices_are_those_of_the_examples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
