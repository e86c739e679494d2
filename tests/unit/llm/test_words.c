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
    for (enum sl_llm_type t = SL_LLM_CHAT; t < SL_LLM_TYPE_COUNT; t++) {
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
    assert_true(sl_provider_is_known(SL_STR("AMAZON_BEDROCK")));
    assert_true(sl_provider_is_known(SL_STR("mlflow_model-serving")));
    assert_true(sl_provider_is_known(SL_STR("mock")));
    assert_false(sl_provider_is_known(SL_STR("closedai")));
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
        cmocka_unit_test(refusals_are_in_mlflows_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
