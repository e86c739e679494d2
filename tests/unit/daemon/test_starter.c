/* SPDX-License-Identifier: Apache-2.0 */
/* Routes from the keys in the environment: each provider that is named for it needs one key and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/env.h"
#include "base/opt.h"
#include "daemon/reload.h"
#include "daemon/starter.h"
#include "gate/config/route.h"
#include "llm/core/provider.h"
#include "llm/core/target.h"

#define KEY "sk-a-key-of-the-environment"

static unsigned starters_set(void)
{
    const struct sl_provider *provider;
    unsigned n = 0;
    for (size_t i = 0; (provider = sl_provider_at(i)) != NULL; i++) {
        if (sl_starter_is(provider)) {
            setenv(provider->key_variable, KEY, 1);
            n++;
        }
    }
    return n;
}

static void starters_clear(void)
{
    const struct sl_provider *provider;
    for (size_t i = 0; (provider = sl_provider_at(i)) != NULL; i++) {
        if (sl_starter_is(provider)) {
            unsetenv(provider->key_variable);
        }
    }
}

static void each_starter_makes_a_route(void **state)
{
    (void)state;
    struct sl_buf text = SL_BUF_INIT(65536), names = SL_BUF_INIT(65536);
    starters_clear();
    assert_int_equal(sl_starter_default(&text, &names), 0);
    assert_int_equal(names.len, 0);
    sl_buf_reset(&text);
    unsigned n = starters_set();
    assert_true(n >= 12);
    assert_int_equal(sl_starter_default(&text, &names), n);
    assert_true(sl_str_find(sl_buf_str(&names), SL_STR("openai (OPENAI_API_KEY)"), 0) >= 0);
    assert_true(sl_str_find(sl_buf_str(&text), SL_STR(KEY), 0) < 0);

    const struct sl_config_overrides over = { .workers = -1, .text = sl_buf_str(&text) };
    struct sl_conf_load *load = sl_conf_load_new(NULL, &over);
    assert_non_null(load);
    if (!load->config || load->problems.n) {
        sl_problems_print(&load->problems, stderr);
        fail_msg("it does not load without a problem");
    }
    assert_int_equal(load->config->n_routes, 3 + n);
    for (uint32_t i = 3; i < load->config->n_routes; i++) {
        const struct sl_route *route = load->config->routes[i];
        const struct sl_provider *provider = route->targets[0].provider;
        assert_true(sl_str_eq_c(route->name, provider->name));
        assert_true(sl_str_eq_c(route->targets[0].model, provider->first_model));
    }
    sl_conf_load_free(load);
    sl_env_secrets_done();
    sl_buf_done(&text);
    sl_buf_done(&names);
    starters_clear();
}

static void what_is_no_key_makes_none(void **state)
{
    (void)state;
    const struct sl_provider *openai = sl_provider_find(SL_STR("openai"));
    static const struct {
        const char *key, *allowed;
        bool is_one;
    } cases[] = {
        { KEY, "", true },         { "", "", false },           { "two words", "", false }, { "line\n", "", false },
        { "\xc3\xa4", "", false }, { KEY, "anthropic", false }, { KEY, "OpenAI", true },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        setenv("OPENAI_API_KEY", cases[i].key, 1);
        setenv(SL_PROVIDER_POLICY, cases[i].allowed, 1);
        assert_int_equal(sl_starter_has_key(openai), cases[i].is_one);
    }
    unsetenv(SL_PROVIDER_POLICY);
    unsetenv("OPENAI_API_KEY");
    assert_false(sl_starter_has_key(openai));
    assert_false(sl_starter_is(sl_provider_find(SL_STR("bedrock"))));
    assert_false(sl_starter_is(sl_provider_find(SL_STR("palm"))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_starter_makes_a_route),
        cmocka_unit_test(what_is_no_key_makes_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
