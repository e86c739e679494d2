/* SPDX-License-Identifier: Apache-2.0 */
#include "help.h"

static void every_error_type_has_a_word_and_a_status(void **state)
{
    (void)state;
    assert_string_equal(sl_error_type_word(SL_ERR_NONE), "");
    for (enum sl_error_type a = SL_ERR_NONE + 1; a < SL_ERR_COUNT; a++) {
        assert_in_range(sl_error_type_status(a), 400, 504);
        for (enum sl_error_type b = a + 1; b < SL_ERR_COUNT; b++) {
            assert_string_not_equal(sl_error_type_word(a), sl_error_type_word(b));
        }
    }
    assert_string_equal(sl_error_type_word(SL_ERR_PROVIDER_TIMEOUT_IDLE), "provider_timeout_idle");
    assert_int_equal(sl_error_type_status(SL_ERR_PROVIDER_TIMEOUT_IDLE), 504);
    assert_true(sl_error_type_is_upstream(SL_ERR_PROVIDER_BILLING));
    assert_false(sl_error_type_is_upstream(SL_ERR_SLUICE_INTERNAL));
}

static void types_have_names(void **state)
{
    (void)state;
    enum sl_llm_type type;
    for (enum sl_llm_type t = SL_LLM_CHAT; t < SL_LLM_TRANSLATED_COUNT; t++) {
        assert_int_equal(sl_llm_type_parse(sl_str_c(sl_llm_type_name(t)), &type), 0);
        assert_int_equal(type, t);
    }
    assert_int_equal(sl_llm_type_parse(SL_STR("llm/v1/chats"), &type), SL_E_INVAL);
    assert_int_equal(sl_llm_type_parse(SL_STR(""), &type), SL_E_INVAL);
}

static void providers_are_found_in_any_spelling(void **state)
{
    (void)state;
    assert_string_equal(sl_provider_find(SL_STR("OpenAI"))->name, "openai");
    assert_null(sl_provider_find(SL_STR("open")));
    assert_null(sl_provider_find(SL_STR("")));
    assert_string_equal(sl_provider_find(SL_STR("AMAZON_BEDROCK"))->name, "amazon-bedrock");
    assert_non_null(sl_provider_why_not(SL_STR("SAP_AI-core")));
    assert_null(sl_provider_why_not(SL_STR("openai")));
    assert_null(sl_provider_why_not(SL_STR("closedai")));
}

static void a_policy_lists_providers_by_any_of_their_names(void **state)
{
    (void)state;
    static const struct {
        const char *provider, *list;
        bool is_allowed;
    } cases[] = {
        { "openai", "", true },
        { "openai", "openai", true },
        { "openai", "anthropic, OpenAI ,", true },
        { "openai", "anthropic", false },
        { "openai", "openai-compatible", false },
        { "openai-compatible", "OPENAI_COMPATIBLE", true },
        { "openai", " , ", false },
        { "bedrock", "Amazon_Bedrock", true },
        { "amazon-bedrock", "bedrock", true },
        { "vertex_ai", "vertex-ai", true },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        const struct sl_provider *p = sl_provider_find(sl_str_c(cases[i].provider));
        assert_int_equal(sl_provider_is_allowed(p, sl_str_c(cases[i].list)), cases[i].is_allowed);
    }
}

static void refusals_are_in_mlflows_words(void **state)
{
    (void)state;
    struct help h;
    help_init(&h);
    const struct sl_provider *p = sl_provider_find(SL_STR("openai"));
    check_str(sl_provider_refusal(p, SL_LLM_CHAT, true, &h.arena),
              "The chat streaming route is not implemented for OpenAI models.");
    check_str(sl_provider_refusal(p, SL_LLM_COMPLETIONS, false, &h.arena),
              "The completions route is not implemented for OpenAI models.");
    check_str(sl_provider_refusal(p, SL_LLM_EMBEDDINGS, true, &h.arena),
              "The embeddings route is not implemented for OpenAI models.");
    help_done(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_type_has_a_word_and_a_status),
        cmocka_unit_test(types_have_names),
        cmocka_unit_test(providers_are_found_in_any_spelling),
        cmocka_unit_test(a_policy_lists_providers_by_any_of_their_names),
        cmocka_unit_test(refusals_are_in_mlflows_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
