/* SPDX-License-Identifier: Apache-2.0 */
/* The openai provider's replies and streams through the canonical form to both dialects; streams are cut into pieces of
 * every size. */
#include "help.h"

#define HEAD                        "\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"m\""
#define UP(choice)                  "data: {" HEAD ",\"choices\":[" choice "],\"usage\":null}\n\n"
#define DELTA(index, delta, finish) UP("{\"index\":" index ",\"delta\":" delta ",\"finish_reason\":" finish "}")
#define USAGE                       "{\"prompt_tokens\":5,\"completion_tokens\":7,\"total_tokens\":12}"
#define USAGE_CHUNK                 "data: {" HEAD ",\"choices\":[],\"usage\":" USAGE "}\n\n"
#define DONE                        "data: [DONE]\n\n"

#define OPENAI(delta, finish) \
    "data: {" HEAD ",\"choices\":[{\"index\":0,\"delta\":" delta ",\"finish_reason\":" finish "}],\"usage\":null}\n\n"
#define OPENAI_USAGE                                                                                             \
    "data: {" HEAD ",\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":7,\"total_tokens\":12," \
    "\"prompt_tokens_details\":{\"cached_tokens\":0},\"completion_tokens_details\":{\"reasoning_tokens\":0}}}\n\n"
#define MLFLOW_AT(index, finish, delta) \
    "data: {" HEAD ",\"choices\":[{\"index\":" index ",\"finish_reason\":" finish ",\"delta\":{" delta "}}]}\n\n"
#define MLFLOW(finish, delta) MLFLOW_AT("0", finish, delta)

static const struct {
    const char *name, *up;
    int want;
    const char *openai, *mlflow; /* NULL: not compared */
} stream_cases[] = {
    { "text and usage",
      ": comment\n\n" DELTA("0", "{\"role\":\"assistant\",\"content\":\"\",\"refusal\":null}", "null")
          DELTA("0", "{\"content\":\"He\\n\"}", "null") DELTA("0", "{\"content\":\"\\u00e9\\ud83d\\ude00\"}", "null")
              DELTA("0", "{}", "\"stop\"") USAGE_CHUNK DONE,
      0,
      OPENAI("{\"role\":\"assistant\",\"content\":\"\"}", "null") OPENAI("{\"content\":\"He\\n\"}", "null")
          OPENAI("{\"content\":\"é😀\"}", "null") OPENAI("{}", "\"stop\"") OPENAI_USAGE DONE,
      MLFLOW("null", "\"role\":\"assistant\",\"content\":\"\"") MLFLOW("null", "\"role\":null,\"content\":\"He\\n\"")
          MLFLOW("null", "\"role\":null,\"content\":\"é😀\"") MLFLOW("\"stop\"", "\"role\":null,\"content\":null")
              USAGE_CHUNK },
    { "two tool calls, thinking before",
      DELTA("0", "{\"role\":\"assistant\",\"content\":null}", "null") DELTA("0", "{\"reasoning_content\":\"hm\"}",
                                                                            "null")
          DELTA("0",
                "{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\","
                "\"arguments\":\"\"}}]}",
                "null") DELTA("0", "{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"x\"}}]}", "null")
              DELTA("0",
                    "{\"tool_calls\":[{\"index\":1,\"id\":\"b\",\"function\":{\"name\":\"g\",\"arguments\":\"{}\"}}]}",
                    "null") DELTA("0", "{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\\\":1}\"}}]}",
                                  "null") DELTA("0", "{}", "\"tool_calls\"") DONE,
      0,
      OPENAI("{\"role\":\"assistant\",\"content\":\"\"}", "null") OPENAI("{\"reasoning_content\":\"hm\"}", "null")
          OPENAI("{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\","
                 "\"arguments\":\"\"}}]}",
                 "null") OPENAI("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"x\"}}]}", "null")
              OPENAI("{\"tool_calls\":[{\"index\":1,\"id\":\"b\",\"type\":\"function\",\"function\":{\"name\":\"g\","
                     "\"arguments\":\"\"}}]}",
                     "null") OPENAI("{\"tool_calls\":[{\"index\":1,\"function\":{\"arguments\":\"{}\"}}]}", "null")
                  OPENAI("{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"\\\":1}\"}}]}", "null")
                      OPENAI("{}", "\"tool_calls\"") DONE,
      MLFLOW("null", "\"role\":\"assistant\",\"content\":null") MLFLOW("null", "\"role\":null,\"content\":null") MLFLOW(
          "null", "\"role\":null,\"content\":null,\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"type\":"
                  "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"\"}}]")
          MLFLOW(
              "null",
              "\"role\":null,\"content\":null,\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"{\\\"x\"}}]")
              MLFLOW("null", "\"role\":null,\"content\":null,\"tool_calls\":[{\"index\":1,\"id\":\"b\",\"function\":{"
                             "\"name\":\"g\",\"arguments\":\"{}\"}}]")
                  MLFLOW("null",
                         "\"role\":null,\"content\":null,\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":"
                         "\"\\\":1}\"}}]") MLFLOW("\"tool_calls\"", "\"role\":null,\"content\":null") },
    { "two choices, a refusal, no [DONE]",
      DELTA("1", "{\"content\":\"b\"}", "null") DELTA("0", "{\"refusal\":\"no\"}", "null")
          DELTA("1", "{}", "\"length\"") DELTA("0", "{}", "\"content_filter\""),
      0, NULL,
      MLFLOW_AT("1", "null", "\"role\":null,\"content\":\"b\"")
          MLFLOW("null", "\"role\":null,\"content\":null,\"refusal\":\"no\"")
              MLFLOW_AT("1", "\"length\"", "\"role\":null,\"content\":null")
                  MLFLOW("\"content_filter\"", "\"role\":null,\"content\":null") },
    { "text and the end in one",
      DELTA("0", "{\"role\":\"assistant\"}", "null") DELTA("0", "{\"content\":\"b\"}", "\"stop\"") DONE, 0, NULL,
      MLFLOW("null", "\"role\":\"assistant\",\"content\":null") MLFLOW("\"stop\"", "\"role\":null,\"content\":\"b\"") },
    { "cut", DELTA("0", "{\"content\":\"b\"}", "null"), SL_E_TRUNCATED, NULL, NULL },
    { "nothing", "", SL_E_TRUNCATED, NULL, NULL },
    { "garbage", "data: {\"choices\":[\n\n", SL_E_INVAL, NULL, NULL },
    { "an index out of range", DELTA("128", "{\"content\":\"b\"}", "null"), SL_E_INVAL, NULL, NULL },
    { "an error inside",
      DELTA("0", "{\"content\":\"b\"}",
            "null") "data: {\"error\":{\"message\":\"m\",\"type\":\"overloaded_error\",\"code\":\"c\"}}\n\n",
      0,
      OPENAI("{\"role\":\"assistant\",\"content\":\"\"}", "null") OPENAI(
          "{\"content\":\"b\"}",
          "null") "data: "
                  "{\"error\":{\"message\":\"m\",\"type\":\"server_error\",\"param\":null,\"code\":\"c\"}}\n\n" DONE,
      MLFLOW(
          "null",
          "\"role\":null,\"content\":\"b\"") "data: "
                                             "{\"error\":{\"message\":\"m\",\"type\":\"provider_overloaded\"}}\n\n" },
    { "azure's first chunk",
      "data: {\"id\":\"\",\"choices\":[],\"prompt_filter_results\":[]}\n\n" DELTA("0", "{\"content\":\"b\"}",
                                                                                  "\"stop\"") DONE,
      0,
      OPENAI("{\"role\":\"assistant\",\"content\":\"\"}", "null") OPENAI("{\"content\":\"b\"}", "null")
          OPENAI("{}", "\"stop\"") DONE,
      NULL },
};

static void streams_are_translated_however_they_are_cut(void **state)
{
    (void)state;
    const struct sl_language *p = sl_provider_find(SL_STR("openai"))->languages[SL_LLM_CHAT];
    for (size_t i = 0; i < SL_ARRAY_LEN(stream_cases); i++) {
        size_t n = strlen(stream_cases[i].up);
        for (size_t piece = 1; piece <= n + 1; piece += piece < 80 ? 1 : 97) {
            struct help h;
            help_init(&h);
            struct sl_call call = { .type = SL_LLM_CHAT,
                                    .model = SL_STR("route"),
                                    .is_stream = true,
                                    .wants_usage = true,
                                    .has_stream_options = true };
            const struct sl_dialect *dialects[] = { &sl_dialect_openai, &sl_dialect_mlflow };
            const char *wants[] = { stream_cases[i].openai, stream_cases[i].mlflow };
            for (size_t d = 0; d < 2; d++) {
                struct sl_str got;
                int r = help_stream(&h, p, dialects[d], &call, sl_str_c(stream_cases[i].up), piece, &got);
                if (r != stream_cases[i].want) {
                    fail_msg("%s, %zu bytes: %d", stream_cases[i].name, piece, r);
                }
                if (wants[d]) {
                    check_str(got, wants[d]);
                }
            }
            help_done(&h);
        }
    }
}

static void completions_stream_text(void **state)
{
    (void)state;
    static const char up[] =
        "data: "
        "{\"id\":\"c\",\"object\":\"text_completion\",\"created\":7,\"model\":\"m\",\"choices\":[{\"text\":\"a\","
        "\"index\":0,\"finish_reason\":null}]}\n\n"
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"b\"},\"finish_reason\":null}]}\n\n"
        "data: {\"id\":\"c\",\"choices\":[{\"text\":\"\",\"index\":0,\"finish_reason\":\"length\"}]}\n\n" DONE;
    struct help h;
    help_init(&h);
    struct sl_call call = { .type = SL_LLM_COMPLETIONS, .is_stream = true };
    struct sl_str got;
    assert_int_equal(help_stream(&h, sl_provider_find(SL_STR("openai"))->languages[SL_LLM_CHAT], &sl_dialect_mlflow,
                                 &call, sl_str_c(up), 3, &got),
                     0);
#define C(object, text, rest)                                                                                          \
    "data: {\"id\":\"c\",\"object\":\"" object "\",\"created\":7,\"model\":\"m\",\"choices\":[{\"index\":0," text rest \
    "}]}\n\n"
    check_str(got, C("text_completion_chunk", "\"finish_reason\":null,", "\"text\":\"a\"")
                       C("text_completion_chunk", "\"finish_reason\":null,", "\"text\":\"b\"")
                           C("text_completion_chunk", "\"finish_reason\":\"length\",", "\"text\":\"\""));
    assert_int_equal(help_stream(&h, sl_provider_find(SL_STR("openai"))->languages[SL_LLM_CHAT], &sl_dialect_openai,
                                 &call, sl_str_c(up), 3, &got),
                     0);
    check_str(got,
              C("text_completion", "\"text\":\"a\",", "\"logprobs\":null,\"finish_reason\":null")
                  C("text_completion", "\"text\":\"b\",", "\"logprobs\":null,\"finish_reason\":null")
                      C("text_completion", "\"text\":\"\",", "\"logprobs\":null,\"finish_reason\":\"length\"") DONE);
    help_done(&h);
}

/* --- whole replies --- */

static const struct {
    enum sl_llm_type type;
    const char *up, *want; /* NULL: not readable */
} reply_cases[] = {
    { SL_LLM_CHAT,
      "{\"id\":\"x\",\"object\":\"chat.completion\",\"created\":1.0,\"model\":\"m\",\"choices\":[{\"index\":5,"
      "\"message\":{\"role\":\"assistant\",\"content\":\"hi\\u0021\",\"refusal\":null,"
      "\"annotations\":[]},\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_"
      "tokens\":2,\"total_tokens\":3,\"x\":{}},\"service_tier\":\"d\"}",
      "{\"id\":\"x\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,"
      "\"message\":{\"role\":\"assistant\",\"content\":\"hi!\",\"tool_calls\":null,"
      "\"refusal\":null},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2,\"total_"
      "tokens\":3}}" },
    { SL_LLM_CHAT,
      "{\"model\":\"m\",\"choices\":[{\"message\":{\"content\":null,\"tool_calls\":[{\"id\":\"a\",\"type\":"
      "\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}}]},"
      "\"finish_reason\":\"tool_calls\"},{\"message\":{\"content\":\"\",\"refusal\":\"no\"},\"finish_reason\":"
      "\"function_call\"}]}",
      "{\"id\":null,\"object\":\"chat.completion\",\"created\":1767225600,\"model\":\"m\",\"choices\":[{\"index\":0,"
      "\"message\":{\"role\":\"assistant\",\"content\":null,"
      "\"tool_calls\":[{\"id\":\"a\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}"
      "\"}}],\"refusal\":null},\"finish_reason\":\"tool_calls\"},"
      "{\"index\":1,\"message\":{\"role\":\"assistant\",\"content\":\"\",\"tool_calls\":null,\"refusal\":\"no\"},"
      "\"finish_reason\":\"function_call\"}],"
      "\"usage\":{\"prompt_tokens\":null,\"completion_tokens\":null,\"total_tokens\":null}}" },
    { SL_LLM_COMPLETIONS,
      "{\"id\":\"x\",\"created\":1,\"model\":\"m\",\"choices\":[{\"text\":\"a\",\"index\":0,\"logprobs\":null,\"finish_"
      "reason\":\"stop\"},{\"message\":{\"content\":\"b\"},\"finish_reason\":null}],"
      "\"usage\":" USAGE "}",
      "{\"id\":\"x\",\"object\":\"text_completion\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"text\":"
      "\"a\",\"finish_reason\":\"stop\"},"
      "{\"index\":1,\"text\":\"b\",\"finish_reason\":null}],\"usage\":" USAGE "}" },
    { SL_LLM_EMBEDDINGS,
      "{\"object\":\"list\",\"data\":[{\"embedding\":[0.10,-1e-3],\"index\":3},{\"embedding\":\"AA==\"}],\"model\":"
      "\"e\",\"usage\":{\"prompt_tokens\":4,\"total_tokens\":4}}",
      "{\"object\":\"list\",\"data\":[{\"object\":\"embedding\",\"embedding\":[0.10,-1e-3],\"index\":0},{\"object\":"
      "\"embedding\",\"embedding\":\"AA==\",\"index\":1}],"
      "\"model\":\"e\",\"usage\":{\"prompt_tokens\":4,\"total_tokens\":4}}" },
    { SL_LLM_CHAT, "{\"id\":\"x\"}", NULL },
    { SL_LLM_CHAT, "{\"choices\":[1]}", NULL },
    { SL_LLM_CHAT, "{\"choices\":{}}", NULL },
    { SL_LLM_CHAT, "[]", NULL },
    { SL_LLM_CHAT, "", NULL },
    { SL_LLM_CHAT, "<html>", NULL },
    { SL_LLM_CHAT, "{\"error\":{\"message\":\"m\"}}", NULL },
    { SL_LLM_EMBEDDINGS, "{\"data\":[{\"embedding\":5}]}", NULL },
    { SL_LLM_EMBEDDINGS, "{\"data\":[5]}", NULL },
};

static void replies_become_mlflows(void **state)
{
    (void)state;
    const struct sl_language *p = sl_provider_find(SL_STR("openai"))->languages[SL_LLM_CHAT];
    for (size_t i = 0; i < SL_ARRAY_LEN(reply_cases); i++) {
        struct help h;
        help_init(&h);
        struct sl_call call = { .type = reply_cases[i].type, .model = SL_STR("") };
        struct sl_reply reply;
        struct sl_err err = { 0 };
        int r = p->read_reply(&call, &h.env, sl_str_c(reply_cases[i].up), &h.arena, &reply, &err);
        if ((r == 0) != (reply_cases[i].want != NULL)) {
            fail_msg("case %zu: %d %s", i, r, err.text);
        }
        if (r == 0) {
            struct sl_buf out = SL_BUF_INIT(65536);
            assert_int_equal(sl_dialect_mlflow.language->write_reply(&call, &reply, &h.env, &out), 0);
            check_str(sl_buf_str(&out), reply_cases[i].want);
            sl_buf_done(&out);
        } else {
            assert_int_equal(r, SL_E_INVAL);
            assert_true(err.text[0]);
        }
        help_done(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_are_translated_however_they_are_cut),
        cmocka_unit_test(completions_stream_text),
        cmocka_unit_test(replies_become_mlflows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
