/* SPDX-License-Identifier: Apache-2.0 */
/* What a model's row refuses of a call, and what it leaves open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "llm/form/needs.h"
#include "llm/core/provider.h"
#include "llm/form/models.h"

static void rows_say_what_they_refuse(void **state)
{
    (void)state;
    static const struct {
        const char *provider, *model;
        uint32_t refused;
    } cases[] = {
        { "openai", "gpt-4o", 0 }, /* its table does not know */
        { "openai", "no-such-model", 0 },
        { "anthropic", "claude-sonnet-4-5", 0 },
        { "anthropic", "claude-3-haiku-20240307", SL_MODEL_DOCUMENTS },
        { "anthropic", "claude-of-tomorrow", 0 }, /* a guess */
        { "cohere", "c4ai-aya-vision-32b", SL_MODEL_TOOLS | SL_MODEL_SCHEMA },
        { "cohere", "command-a-vision-07-2025", SL_MODEL_TOOLS },
        { "cohere", "command-r-plus", SL_MODEL_IMAGES },
        { "gemini", "gemini-2.5-pro", 0 },
        { "bedrock", "deepseek.r1-v1:0", SL_MODEL_TOOLS | SL_MODEL_SCHEMA },
        { "bedrock", "meta.llama3", 0 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        uint32_t refused = sl_needs_refused(
            sl_model_find(sl_provider_find(sl_str_c(cases[i].provider)), sl_str_c(cases[i].model), NULL));
        if (refused != cases[i].refused) {
            fail_msg("%s/%s: %x", cases[i].provider, cases[i].model, refused);
        }
    }
}

static void what_is_missing_is_told(void **state)
{
    (void)state;
    const struct sl_model none = { .tells = SL_MODEL_TOOLS | SL_MODEL_IMAGES, .context = 1000 };
    const struct sl_model silent = { .tells = 0 };
    const struct sl_needs tools = { SL_MODEL_TOOLS, 10 }, images = { SL_MODEL_IMAGES, 10 },
                          audio = { SL_MODEL_AUDIO, 10 };
    assert_string_equal(sl_needs_missing(&none, &tools), "takes no tools");
    assert_string_equal(sl_needs_missing(&none, &images), "takes no images");
    assert_null(sl_needs_missing(&none, &audio));
    assert_null(sl_needs_missing(&silent, &tools));
    assert_true(sl_needs_room(&none, &(struct sl_needs){ 0, 1250 }));
    assert_false(sl_needs_room(&none, &(struct sl_needs){ 0, 1251 }));
    assert_true(sl_needs_room(&silent, &(struct sl_needs){ 0, 1ULL << 40 }));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_say_what_they_refuse),
        cmocka_unit_test(what_is_missing_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
