/* SPDX-License-Identifier: Apache-2.0 */
/* What a price needs of a call's body: read once a call, for however many targets, and only where a price needs it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "gate/call/asked.h"
#include "gate/call/state.h"
#include "gate/config/settings.h"
#include "json/json.h"
#include "llm/core/call.h"
#include "llm/core/target.h"
#include "llm/price/price.h"

static unsigned n_parses;

/* The linker puts it in the place of the real one. */
int __wrap_sl_json_parse(struct sl_json *doc, struct sl_str text);
int __real_sl_json_parse(struct sl_json *doc, struct sl_str text);

int __wrap_sl_json_parse(struct sl_json *doc, struct sl_str text)
{
    n_parses++;
    return __real_sl_json_parse(doc, text);
}

/* A price of one thing; tokens beside it are free. It holds at all times, or has times of low load. */
static struct sl_price *price_make(struct sl_arena *arena, enum sl_rate rate, double nano, bool has_times)
{
    size_t size = sizeof(struct sl_price) + 3 * sizeof(struct sl_price_rate);
    struct sl_price *price = sl_arena_alloc(arena, size);
    assert_non_null(price);
    memset(price, 0, size);
    price->rates[price->n_rates++] = (struct sl_price_rate){ .nano = nano, .rate = (uint8_t)rate };
    price->rates[price->n_rates++] = (struct sl_price_rate){ .rate = SL_RATE_OUTPUT };
    if (rate != SL_RATE_INPUT) {
        price->rates[price->n_rates++] = (struct sl_price_rate){ .rate = SL_RATE_INPUT };
    }
    if (has_times) {
        price->off_peak.n = 1;
        price->off_peak.windows[0] = (struct sl_price_window){ 0, 1, SL_PRICE_ALL_DAYS };
    }
    return price;
}

/* Asks the costs of one call at 500 targets. */
static void costs_check(enum sl_llm_type type, const char *body, struct sl_usage usage, enum sl_rate rate,
                        bool has_times, int64_t cost, unsigned parses)
{
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    struct sl_settings *settings = SL_ARENA_NEW(&arena, struct sl_settings);
    assert_non_null(settings);
    struct sl_call call = { .type = type, .body = sl_str_c(body) };
    struct sl_xchg x = { .call = &call, .arena = &arena, .settings = settings, .begun_wall_usec = 3600000000u };
    struct sl_target target = { .model = SL_STR("m"), .price = price_make(&arena, rate, 1000, has_times) };
    n_parses = 0;
    for (unsigned i = 0; i < 500; i++) {
        assert_int_equal(sl_asked_cost(&x, &target, &usage, NULL), cost);
    }
    assert_int_equal(n_parses, parses);
    sl_arena_done(&arena);
}

static void test_a_body_is_read_once(void **state)
{
    (void)state;
    struct sl_usage searched = SL_USAGE_NONE;
    searched.input = searched.output = 0;
    searched.searches = 2;
    costs_check(SL_LLM_IMAGES, "{\"n\":3}", SL_USAGE_NONE, SL_RATE_IMAGE, false, 3000, 1);
    costs_check(SL_LLM_SPEECH, "{\"input\":\"hello\"}", SL_USAGE_NONE, SL_RATE_CHARACTER, true, 5000, 1);
    costs_check(SL_LLM_CHAT, "{\"web_search_options\":{\"search_context_size\":\"low\"}}", searched, SL_RATE_SEARCH_LOW,
                false, 2000, 1);
}

static void test_times_and_tokens_need_no_body(void **state)
{
    (void)state;
    struct sl_usage usage = SL_USAGE_NONE;
    usage.input = 7;
    costs_check(SL_LLM_CHAT, "{\"messages\":[]}", usage, SL_RATE_INPUT, true, 7000, 0);
    costs_check(SL_LLM_CHAT, "{\"messages\":[]}", usage, SL_RATE_INPUT, false, 7000, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_body_is_read_once),
        cmocka_unit_test(test_times_and_tokens_need_no_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
