/* SPDX-License-Identifier: Apache-2.0 */
/* Requests made from texts and options. */
#include "cli/prompt.h"
#include "cli_test.h"

#define CHAT        "llm/v1/chat"
#define COMPLETIONS "llm/v1/completions"
#define EMBEDDINGS  "llm/v1/embeddings"

static void requests(void **state)
{
    (void)state;
    static const struct {
        const char *options, *type, *system, *text, *json;
    } cases[] = {
        { "", CHAT, NULL, "hi", "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}" },
        { "", CHAT, "be brief", "hi",
          "{\"messages\":[{\"role\":\"system\",\"content\":\"be brief\"},{\"role\":\"user\",\"content\":\"hi\"}]}" },
        { "", COMPLETIONS, NULL, "hi", "{\"prompt\":\"hi\"}" },
        { "", EMBEDDINGS, NULL, "hi", "{\"input\":\"hi\"}" },
        { "", "llm/v1/unknown", NULL, "hi", "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}" },
        { "--temperature 0.5", CHAT, NULL, "hi",
          "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"temperature\":0.5}" },
        { "--temperature 0", COMPLETIONS, NULL, "hi", "{\"prompt\":\"hi\",\"temperature\":0}" },
        { "--max-tokens 5", CHAT, NULL, "hi",
          "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"max_tokens\":5}" },
        { "--max-tokens 0", COMPLETIONS, NULL, "x", "{\"prompt\":\"x\",\"max_tokens\":0}" },
        { "--temperature 1e-1 --max-tokens 7", COMPLETIONS, NULL, "x",
          "{\"prompt\":\"x\",\"temperature\":1e-1,\"max_tokens\":7}" },
        { "", COMPLETIONS, NULL, "a\"b\\c\nd\x01", "{\"prompt\":\"a\\\"b\\\\c\\u000ad\\u0001\"}" },
        { "", EMBEDDINGS, NULL, "\xc3\xa4", "{\"input\":\"\xc3\xa4\"}" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char line[200];
        struct cli_meaning m;
        snprintf(line, sizeof(line), "query r %s", cases[i].options);
        cli_test_parse(line, &m);
        assert_string_equal(cli_test_caught(), "");
        char *json = prompt_request(&m.args, cases[i].type, cases[i].system, cases[i].text);
        assert_string_equal(json, cases[i].json);
        free(json);
    }
}

static void what_a_type_takes(void **state)
{
    (void)state;
    static const struct {
        const char *options, *type, *wrong; /* NULL: nothing */
    } cases[] = {
        { "", CHAT, NULL },
        { "--system x --temperature 1 --max-tokens 1 --stream", CHAT, NULL },
        { "--temperature 1 --max-tokens 1 --stream", COMPLETIONS, NULL },
        { "", EMBEDDINGS, NULL },
        { "--system x", COMPLETIONS, "no --system" },
        { "--system x", EMBEDDINGS, "no --system" },
        { "--temperature 1", EMBEDDINGS, "no --temperature" },
        { "--max-tokens 1", EMBEDDINGS, "no --max-tokens" },
        { "--max-tokens 0", EMBEDDINGS, "no --max-tokens" },
        { "--stream", EMBEDDINGS, "no --stream" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char line[200];
        struct cli_meaning m;
        snprintf(line, sizeof(line), "query r %s", cases[i].options);
        cli_test_parse(line, &m);
        int r = prompt_check(&m.args, "query", cases[i].type);
        const char *said = cli_test_caught();
        if (r != (cases[i].wrong ? CLI_USAGE : CLI_DONE) || (cases[i].wrong && !strstr(said, cases[i].wrong))) {
            fail_msg("%s, %s: %s", cases[i].options, cases[i].type, said);
        }
    }
}

static void parts_are_joined(void **state)
{
    (void)state;
    static const struct {
        const char *parts[4], *text;
    } cases[] = {
        { { NULL }, "" },
        { { "a" }, "a" },
        { { "a", "b" }, "a\n\nb" },
        { { "a", NULL, "c" }, "a\n\nc" },
        { { NULL, "b" }, "b" },
        { { "a", "" }, "a" },
        { { "a", " \n\t" }, "a" },
        { { "", "b\n" }, "b\n" },
        { { "a\n", "b" }, "a\n\n\nb" },
        { { "a", "b", "c", "d" }, "a\n\nb\n\nc\n\nd" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = prompt_join(cases[i].parts, 4);
        assert_string_equal(text, cases[i].text);
        free(text);
    }
    assert_true(prompt_is_blank(NULL) && prompt_is_blank("") && prompt_is_blank(" \r\n\t\v\f"));
    assert_false(prompt_is_blank(" x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests),
        cmocka_unit_test(what_a_type_takes),
        cmocka_unit_test(parts_are_joined),
    };
    return cmocka_run_group_tests_name("prompt", tests, NULL, NULL);
}
