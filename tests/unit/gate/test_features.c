/* SPDX-License-Identifier: Apache-2.0 */
/* Each member of a chat at each provider: it goes up if the API has it, else it is refused or reported.
 * docs/features.md shows the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/arena.h"
#include "feature_table.h"
#include "gate/config/config.h"

/* What the documentation of the APIs says, in the order of feature_providers: '+' it goes up, '-' the API does not have
 * it, '?' it depends on the model. */
static const struct {
    const char *name, *cells;
} promised[] = {
    { "a `system` message", "++++++++++++" },
    { "a `developer` message", "++++++++++++" },
    { "a last message of the assistant", "+++-++++++++" },
    { "an image as data", "++++++++-++?" },
    { "an image's URL", "++++-+++-+-?" },
    { "`input_audio`", "++-+?-+-----" },
    { "a PDF file", "+++++-+-----" },
    { "a file of text", "+++++++-----" },
    { "`tools`", "++++++++++++" },
    { "`tool_choice` required", "++++++++++-+" },
    { "`parallel_tool_calls` false", "+++---++-+--" },
    { "`response_format` json_schema", "++++++++++++" },
    { "`response_format` json_object", "++++++++++++" },
    { "`max_completion_tokens`", "++++++++++++" },
    { "`max_tokens`", "++++++++++++" },
    { "`stop`", "+++++++++?++" },
    { "`temperature`", "++++++++++++" },
    { "`top_p`", "++++++++++++" },
    { "`top_k`", "??++?+????++" },
    { "`n` of 2", "++-+--+--+--" },
    { "`seed`", "++-+-+++-+++" },
    { "`logprobs`", "++-+-+--++++" },
    { "`frequency_penalty`", "++-+-++++?++" },
    { "`presence_penalty`", "++-+-++++?+?" },
    { "`logit_bias`", "++------?--?" },
    { "`reasoning_effort`", "+++++++++?+-" },
    { "`verbosity`", "++-----?????" },
    { "`user`", "+++----+-+--" },
    { "`safety_identifier`", "+++----?????" },
    { "`metadata`", "++-?+-+-????" },
    { "`store`", "++------????" },
    { "`service_tier` flex", "++-++--+????" },
    { "`prediction`", "++----+?????" },
    { "`web_search_options`", "++-+---?????" },
    { "`modalities` with audio", "++-----?????" },
    { "a member that nobody knows", "++----??????" },
};

/* Hosts of OpenAI's language that ignore members that they do not know: their own clients send them, too. */
static const struct {
    const char *provider, *name;
} passed_over[] = {
    { "tgi", "`input_audio`" },
    { "tgi", "a PDF file" },
    { "tgi", "a file of text" },
    { "tgi", "`parallel_tool_calls` false" },
    { "tgi", "`reasoning_effort`" },
    { "tgi", "`user`" },
    { "ollama", "`parallel_tool_calls` false" },
};

static bool is_passed_over(const char *provider, const char *name)
{
    bool is = false;
    for (size_t i = 0; i < SL_ARRAY_LEN(passed_over); i++) {
        is |= strcmp(passed_over[i].provider, provider) == 0 && strcmp(passed_over[i].name, name) == 0;
    }
    return is;
}

static void each_member_is_where_it_should_be(void **state)
{
    (void)state;
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    struct sl_config *config = features_load(&arena);
    size_t n_wrong = 0;
    assert_non_null(config);
    assert_int_equal(SL_ARRAY_LEN(promised), n_features);
    for (size_t i = 0; i < n_features; i++) {
        assert_string_equal(promised[i].name, features[i].name);
        for (size_t p = 0; feature_providers[p]; p++) {
            enum feature_fate fate = feature_fate(config, p, &features[i]);
            char want = promised[i].cells[p];
            bool is_up = fate == FEATURE_SAME || fate == FEATURE_CHANGED || fate == FEATURE_PART;
            bool is_right = want == '+' ? is_up
                            : want == '-'
                                ? (!is_up && fate != FEATURE_SILENT) ||
                                      (fate == FEATURE_SAME && is_passed_over(feature_providers[p], features[i].name))
                                : fate != FEATURE_SILENT;
            if (!is_right) {
                print_message("%s at %s: %d, promised %c\n", features[i].name, feature_providers[p], fate, want);
                n_wrong++;
            }
        }
    }
    assert_int_equal(n_wrong, 0);
    sl_config_free(config);
    sl_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_member_is_where_it_should_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
