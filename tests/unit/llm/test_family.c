/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAI's family: each row of the registry, and how its host differs. */
#include "help.h"

#include "llm/anthropic/anthropic.h"
#include "llm/form/ids.h"
#include "llm/openai/openai.h"

static const struct {
    const char *name, *config, *model;
    enum sl_llm_type type;
    const char *target, *header, *value; /* value NULL: the header is not there */
    enum sl_stream_usage usage;
    unsigned caps;
} rows[] = {
#define ALL       (SL_CAP_CHAT | SL_CAP_COMPLETIONS | SL_CAP_EMBEDDINGS | SL_CAP_STREAM)
#define CHAT_ONLY (SL_CAP_CHAT | SL_CAP_STREAM)
    { "groq", "{\"api_key\":\"k\"}", "m", SL_LLM_CHAT, "https://api.groq.com/openai/v1/chat/completions",
      "authorization", "Bearer k", SL_USAGE_ASK, CHAT_ONLY },
    { "DeepSeek", "{\"api_key\":\"k\"}", "m", SL_LLM_CHAT, "https://api.deepseek.com/v1/chat/completions",
      "authorization", "Bearer k", SL_USAGE_ASK, CHAT_ONLY },
    { "xai", "{\"api_key\":\"k\"}", "m", SL_LLM_COMPLETIONS, "https://api.x.ai/v1/completions", "authorization",
      "Bearer k", SL_USAGE_ALWAYS, ALL },
    { "togetherai", "{\"togetherai_api_key\":\"k\"}", "m", SL_LLM_EMBEDDINGS, "https://api.together.xyz/v1/embeddings",
      "authorization", "Bearer k", SL_USAGE_ALWAYS, ALL },
    { "fireworks", "{\"api_key\":\"k\"}", "m", SL_LLM_CHAT, "https://api.fireworks.ai/inference/v1/chat/completions",
      "authorization", "Bearer k", SL_USAGE_ALWAYS, ALL },
    { "openrouter", "{\"api_key\":\"k\",\"api_base\":\"https://eu.example/v1\"}", "m", SL_LLM_CHAT,
      "https://eu.example/v1/chat/completions", "authorization", "Bearer k", SL_USAGE_ASK, ALL },
    { "perplexity", "{\"api_key\":\"k\"}", "m", SL_LLM_CHAT, "https://api.perplexity.ai/chat/completions",
      "authorization", "Bearer k", SL_USAGE_ALWAYS, CHAT_ONLY },
    { "mistral", "{\"mistral_api_key\":\"k\"}", "m", SL_LLM_COMPLETIONS, "https://api.mistral.ai/v1/chat/completions",
      "authorization", "Bearer k", SL_USAGE_ALWAYS, ALL },
    { "ollama", "{}", "m", SL_LLM_CHAT, "http://localhost:11434/v1/chat/completions", "authorization", NULL,
      SL_USAGE_ASK, ALL },
    { "ollama", "{\"api_key\":\"ollama\"}", "m", SL_LLM_CHAT, "http://localhost:11434/v1/chat/completions",
      "authorization", NULL, SL_USAGE_ASK, ALL },
    { "ollama", "{\"api_key\":\"k\"}", "m", SL_LLM_CHAT, "http://localhost:11434/v1/chat/completions", "authorization",
      "Bearer k", SL_USAGE_ASK, ALL },
    { "vllm", "{\"api_base\":\"http://v:8000/v1/\"}", "m", SL_LLM_CHAT, "http://v:8000/v1/chat/completions",
      "authorization", NULL, SL_USAGE_ASK, ALL },
    { "openai_compatible", "{\"api_base\":\"http://v:1/v1?a=b\",\"api_key\":\"k\"}", "m", SL_LLM_CHAT,
      "http://v:1/v1/chat/completions?a=b", "authorization", "Bearer k", SL_USAGE_ASK, ALL },
    { "portkey", "{\"api_key\":\"k\",\"portkey_config\":\"c\"}", "m", SL_LLM_CHAT,
      "https://api.portkey.ai/v1/chat/completions", "x-portkey-config", "c", SL_USAGE_ASK, ALL },
    { "portkey", "{\"api_key\":\"k\"}", "m", SL_LLM_CHAT, "https://api.portkey.ai/v1/chat/completions",
      "x-portkey-api-key", "k", SL_USAGE_ASK, ALL },
    { "portkey", "{\"api_key\":\"k\"}", "m", SL_LLM_CHAT, "https://api.portkey.ai/v1/chat/completions", "authorization",
      NULL, SL_USAGE_ASK, ALL },
    { "litellm", "{\"litellm_api_base\":\"http://l:4000\"}", "m", SL_LLM_CHAT, "http://l:4000/chat/completions",
      "authorization", NULL, SL_USAGE_ASK, ALL },
    { "databricks", "{\"host\":\"https://w.example\",\"token\":\"k\"}", "m", SL_LLM_CHAT,
      "https://w.example/serving-endpoints/chat/completions", "authorization", "Bearer k", SL_USAGE_ALWAYS, ALL },
    { "Databricks_Model_Serving", "{\"host\":\"https://w.example/serving-endpoints/\",\"token\":\"k\"}", "m",
      SL_LLM_EMBEDDINGS, "https://w.example/serving-endpoints/embeddings", "authorization", "Bearer k", SL_USAGE_ALWAYS,
      ALL },
    { "azure",
      "{\"openai_api_key\":\"k\",\"openai_api_base\":\"https://"
      "r.example\",\"openai_api_version\":\"v\",\"openai_deployment_name\":\"d\"}",
      "m", SL_LLM_CHAT, "https://r.example/openai/deployments/d/chat/completions?api-version=v", "api-key", "k",
      SL_USAGE_ASK, ALL },
};

static const char *const bodies[SL_LLM_TRANSLATED_COUNT] = {
    "{\"model\":\"r\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
    "{\"model\":\"r\",\"prompt\":\"hi\"}",
    "{\"model\":\"r\",\"input\":\"hi\"}",
};

static void each_row_has_its_place_and_its_credential(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct help h;
        struct sl_target target;
        struct sl_http_req req = { 0 };
        struct sl_llm_error error = { 0 };
        help_init(&h);
        assert_int_equal(help_target(&h, rows[i].name, rows[i].model, rows[i].config, &target), 0);
        struct sl_call call = help_call(&h, &sl_dialect_openai, rows[i].type, bodies[rows[i].type]);
        assert_int_equal(target.provider->build(&call, &target, &h.env, false, &h.arena, &req, &error), 0);
        struct sl_str url = sl_arena_printf(&h.arena, "http%s://%.*s%.*s", target.base.is_https ? "s" : "",
                                            SL_STR_ARG(target.base.authority), SL_STR_ARG(req.target));
        assert_string_equal(url.p, rows[i].target);
        struct sl_str value = sl_headers_get(&req.headers, rows[i].header);
        assert_int_equal(value.p != NULL, rows[i].value != NULL);
        assert_true(!value.p || sl_str_eq_c(value, rows[i].value));
        assert_int_equal(target.provider->stream_usage, rows[i].usage);
        assert_int_equal(target.provider->caps, rows[i].caps);
        help_target_done(&target);
        help_done(&h);
    }
}

/* Clients that speak the host's language and need no changes: the bytes stay the same, only the model changes. */
static const struct {
    const char *provider, *config, *body, *want, *dropped;
} edits[] = {
    { "groq", "{\"api_key\":\"k\"}",
      "{\"model\":\"r\", \"messages\":[ {\"role\":\"user\",\"content\":\"\\u0041\"}],\"x\":1e400}",
      "{\"model\":\"m\", \"messages\":[ {\"role\":\"user\",\"content\":\"\\u0041\"}],\"x\":1e400}", "" },
    { "groq", "{\"api_key\":\"k\"}",
      "{\"logprobs\":false,\"model\":\"r\",\"messages\":[{\"name\":\"a\",\"role\":\"developer\"}],\"store\":true}",
      "{\"model\":\"m\",\"messages\":[{\"role\":\"system\"}]}", "store,name" },
    { "groq", "{\"api_key\":\"k\"}", "{\"model\":\"r\",\"metadata\":{ },\"n\":1,\"messages\":7}",
      "{\"model\":\"m\",\"messages\":7}", "" },
    { "deepseek", "{\"api_key\":\"k\"}",
      "{\"max_tokens\":1,\"max_completion_tokens\":2,\"model\":\"r\",\"max_completion_tokens\":3}",
      "{\"max_tokens\":2,\"model\":\"m\",\"max_tokens\":3}", "" },
    { "deepseek", "{\"api_key\":\"k\"}", "{\"max_completion_tokens\":null,\"model\":\"r\"}", "{\"model\":\"m\"}", "" },
    { "deepseek", "{\"api_key\":\"k\"}", "{\"model\":\"r\",\"max_completion_tokens\":4}",
      "{\"model\":\"m\",\"max_tokens\":4}", "" },
    { "togetherai", "{\"togetherai_api_key\":\"k\"}", "{\"model\":\"r\",\"logprobs\":2}",
      "{\"model\":\"m\",\"logprobs\":2}", "" },
    { "togetherai", "{\"togetherai_api_key\":\"k\"}", "{\"model\":\"r\",\"logprobs\":false,\"top_logprobs\":2}",
      "{\"model\":\"m\"}", "" },
    { "perplexity", "{\"api_key\":\"k\"}",
      "{\"model\":\"r\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"u\"}]}",
      "{\"model\":\"m\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},{\"role\":\"user\",\"content\":\"u\"}]}",
      "" },
    { "perplexity", "{\"api_key\":\"k\"}",
      "{\"model\":\"r\",\"messages\":[{\"role\":\"user\",\"content\":\"\\\"a\"},{\"content\":\"b\",\"role\":\"user\"}]"
      "}",
      "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"\\\"a\\n\\nb\"}]}", "" },
    /* an id of eight characters: it must have nine, here and at its result */
    { "mistral", "{\"mistral_api_key\":\"k\"}",
      "{\"model\":\"r\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"abcDEF01\"},{\"id\":"
      "\"abcDEF019\"}]},"
      "{\"role\":\"tool\",\"tool_call_id\":\"abcDEF01\",\"content\":\"r\"}]}",
      "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"v1gDlPgVI\"},{\"id\":"
      "\"abcDEF019\"}]},"
      "{\"role\":\"tool\",\"tool_call_id\":\"v1gDlPgVI\",\"content\":\"r\"}]}",
      "" },
    { "mistral", "{\"mistral_api_key\":\"k\"}",
      "{\"model\":\"r\",\"messages\":[{\"role\":\"assistant\",\"content\":\"a\",\"x\":{\"y\":1}}]}",
      "{\"model\":\"m\",\"messages\":[{\"prefix\":true,\"role\":\"assistant\",\"content\":\"a\"}]}", "x" },
    { "mistral", "{\"mistral_api_key\":\"k\"}",
      "{\"model\":\"r\",\"messages\":[{\"role\":\"assistant\",\"prefix\":false,\"content\":\"a\"}]}",
      "{\"model\":\"m\",\"messages\":[{\"role\":\"assistant\",\"prefix\":true,\"content\":\"a\"}]}", "" },
    { "databricks", "{\"host\":\"https://w.example\",\"token\":\"k\"}",
      "{\"model\":\"r\", \"messages\":[{\"content\":[ {\"type\":\"text\",\"text\":\"a\\\"b\"}, "
      "{\"type\":\"text\",\"text\":\"c\"} ],\"role\":\"user\"}]}",
      "{\"model\":\"m\", \"messages\":[{\"content\":\"a\\\"b\\nc\",\"role\":\"user\"}]}", "" },
    { "databricks", "{\"host\":\"https://w.example\",\"token\":\"k\"}",
      "{\"model\":\"r\", "
      "\"messages\":[{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"reasoning\",\"summary\":[]},{"
      "\"type\":\"image_url\",\"image_url\":{\"url\":\"u\"}}],\"role\":\"user\"}]}",
      "{\"model\":\"m\", "
      "\"messages\":[{\"content\":[{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"image_url\",\"image_url\":{\"url\":"
      "\"u\"}}],\"role\":\"user\"}]}",
      "content" },
    { "databricks", "{\"host\":\"https://w.example\",\"token\":\"k\"}",
      "{\"model\":\"r\", \"messages\":[{\"content\":[{\"type\":\"input_audio\",\"input_audio\":{}} "
      "],\"role\":\"user\"}]}",
      "{\"model\":\"m\", \"messages\":[{\"content\":[{\"type\":\"input_audio\",\"input_audio\":{}} "
      "],\"role\":\"user\"}]}",
      "" },
    { "databricks", "{\"host\":\"https://w.example\",\"token\":\"k\"}",
      "{\"model\":\"r\", \"messages\":[{\"content\":[{\"type\":\"reasoning\"}],\"role\":\"user\"}]}",
      "{\"model\":\"m\", \"messages\":[{\"content\":\"\",\"role\":\"user\"}]}", "content" },
};

static void a_hosts_words_are_put_into_the_clients_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(edits); i++) {
        struct help h;
        struct sl_target target;
        struct sl_http_req req = { 0 };
        struct sl_llm_error error = { 0 };
        struct sl_buf got = SL_BUF_INIT(1 << 16);
        help_init(&h);
        assert_int_equal(help_target(&h, edits[i].provider, "m", edits[i].config, &target), 0);
        struct sl_call call = help_call(&h, &sl_dialect_openai, SL_LLM_CHAT, edits[i].body);
        assert_int_equal(target.provider->build(&call, &target, &h.env, false, &h.arena, &req, &error), 0);
        for (size_t k = 0; k < req.n_slices; k++) {
            sl_buf_add_str(&got, req.slices[k]);
        }
        sl_buf_add_char(&got, '\0');
        assert_string_equal(got.p, edits[i].want);
        assert_int_equal(req.body_len, got.len - 1);
        assert_true(sl_str_eq_c(req.dropped, edits[i].dropped));
        sl_buf_done(&got);
        help_target_done(&target);
        help_done(&h);
    }
}

/* Calls of Anthropic's language, in the form that OpenAI needs: what Anthropic allows and OpenAI refuses. */
#define NAME_70 "n123456789n123456789n123456789n123456789n123456789n123456789n123456789"
#define ASKS    "{\"model\":\"r\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}"
#define USES(before, id)                                                                           \
    ",{\"role\":\"assistant\",\"content\":[" before "{\"type\":\"tool_use\",\"id\":\"" id          \
    "\",\"name\":\"f\",\"input\":{}}]},{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\"," \
    "\"tool_use_id\":\"" id "\",\"content\":\"r\"}]}"
#define TOOL(name) "\"tools\":[{\"name\":\"" name "\",\"input_schema\":{\"type\":\"object\"}}]"

static const struct {
    const char *provider, *config, *model, *body;
    const char *has, *hasnt; /* pieces of what goes up; NULL: none */
    const char *dropped;
} translations[] = {
    { "openai", "{\"openai_api_key\":\"k\"}", "gpt-4.1", ASKS "],\"tools\":[],\"tool_choice\":{\"type\":\"auto\"}}",
      "\"max_completion_tokens\":9", "tool", "" },
    { "openai", "{\"openai_api_key\":\"k\"}", "gpt-4.1", ASKS USES("", "toolu_" NAME_70) "]," TOOL("f") "}",
      "\"tool_call_id\":\"", NAME_70, "" },
    { "openai", "{\"openai_api_key\":\"k\"}", "gpt-4.1",
      ASKS "]," TOOL(NAME_70) ",\"tool_choice\":{\"type\":\"tool\",\"name\":\"" NAME_70 "\"}}",
      "\"tool_choice\":{\"type\":\"function\",\"function\":{\"name\":\"n123", NAME_70, "" },
    { "openai", "{\"openai_api_key\":\"k\"}", "gpt-4.1", ASKS "],\"metadata\":{\"user_id\":\"" NAME_70 "\"}}",
      "\"user\":\"user_", NAME_70, "" },
    { "openai", "{\"openai_api_key\":\"k\"}", "o3", ASKS "],\"temperature\":0.5}", "\"model\":\"o3\"", "temperature",
      "temperature" },
    { "deepseek", "{\"api_key\":\"k\"}", "deepseek-v4-pro",
      ASKS USES("{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"s\"},", "a") "]," TOOL("f") "}",
      "\"reasoning_content\":\"hm\"", "disabled", "" },
    { "deepseek", "{\"api_key\":\"k\"}", "deepseek-v4-pro",
      ASKS USES("", "a") "]," TOOL("f") ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":9000}}",
      "\"thinking\":{\"type\":\"disabled\"}", "effort", "reasoning_effort" },
    { "groq", "{\"api_key\":\"k\"}", "m",
      ASKS USES("{\"type\":\"thinking\",\"thinking\":\"hm\",\"signature\":\"s\"},", "a") "]," TOOL("f") "}",
      "\"tool_calls\"", "hm", "messages.thinking" },
    { "mistral", "{\"mistral_api_key\":\"k\"}", "m", ASKS USES("", "toolu_01") "]," TOOL("f") "}",
      "\"tool_call_id\":\"", "toolu_01", "" },
    /* reasoning as the model likes: nothing to say to one that reasons, no use for one that does not */
    { "openai", "{\"openai_api_key\":\"k\"}", "gpt-4.1", ASKS "],\"thinking\":{\"type\":\"adaptive\"}}",
      "\"model\":\"gpt-4.1\"", "thinking", "thinking" },
    { "openai", "{\"openai_api_key\":\"k\"}", "o3", ASKS "],\"thinking\":{\"type\":\"adaptive\"}}", "\"model\":\"o3\"",
      "thinking", "" },
    { "mistral", "{\"mistral_api_key\":\"k\"}", "mistral-small-24", ASKS "],\"thinking\":{\"type\":\"adaptive\"}}",
      "\"max_tokens\":9", "thinking", "thinking" },
    { "deepseek", "{\"api_key\":\"k\"}", "deepseek-chat", ASKS "],\"thinking\":{\"type\":\"adaptive\"}}",
      "\"deepseek-chat\"", "thinking", "thinking" },
};

static void calls_of_another_language_have_its_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(translations); i++) {
        struct help h;
        struct sl_target target;
        struct sl_http_req req = { 0 };
        struct sl_llm_error error = { 0 };
        struct sl_buf got = SL_BUF_INIT(1 << 16);
        help_init(&h);
        assert_int_equal(
            help_target(&h, translations[i].provider, translations[i].model, translations[i].config, &target), 0);
        struct sl_call call = help_call(&h, &sl_dialect_anthropic, SL_LLM_CHAT, translations[i].body);
        assert_int_equal(target.provider->build(&call, &target, &h.env, false, &h.arena, &req, &error), 0);
        for (size_t k = 0; k < req.n_slices; k++) {
            sl_buf_add_str(&got, req.slices[k]);
        }
        struct sl_str text = sl_buf_str(&got);
        bool has = sl_str_find(text, sl_str_c(translations[i].has), 0) >= 0;
        bool hasnt = sl_str_find(text, sl_str_c(translations[i].hasnt), 0) < 0;
        if (!has || !hasnt || !sl_str_eq_c(req.dropped, translations[i].dropped)) {
            fail_msg("[%zu] %.*s, left out: %.*s", i, SL_STR_ARG(text), SL_STR_ARG(req.dropped));
        }
        sl_buf_done(&got);
        help_target_done(&target);
        help_done(&h);
    }
}

/* A tool that went up under another name has its own name in the reply, streamed or not. */
static void names_of_tools_come_back(void **state)
{
    (void)state;
    static const struct sl_form_alias alias = { SL_STR_INIT("my.tool"), SL_STR_INIT("my_tool_1") };
    static const struct sl_form_aliases aliases = { (struct sl_form_alias *)(uintptr_t)&alias, 1 };
    static const char reply[] =
        "{\"id\":\"c\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"a\","
        "\"type\":\"function\",\"function\":{\"name\":\"my_tool_1\",\"arguments\":\"{}\"}}]},\"finish_reason\":"
        "\"tool_calls\"}]}";
    static const char stream[] =
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\","
        "\"function\":{\"name\":\"my_tool_1\",\"arguments\":\"{}\"}}]}}]}\n\n"
        "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n"
        "data: [DONE]\n\n";
    struct help h;
    help_init(&h);
    struct sl_call call = help_call(&h, &sl_dialect_anthropic, SL_LLM_CHAT, ASKS "]}");
    call.aliases = &aliases;
    struct sl_reply got;
    struct sl_err err = { 0 };
    assert_int_equal(sl_language_openai.read_reply(&call, &h.env, sl_str_c(reply), &h.arena, &got, &err), 0);
    assert_true(sl_str_eq_c(got.choices[0].blocks[0].tool_name, "my.tool"));
    struct sl_str events;
    assert_int_equal(help_stream(&h, &sl_language_openai, &sl_dialect_anthropic, &call, sl_str_c(stream),
                                 sizeof(stream) - 1, &events),
                     0);
    assert_true(sl_str_find(events, SL_STR("\"name\":\"my.tool\""), 0) >= 0);
    assert_true(sl_str_find(events, SL_STR("my_tool_1"), 0) < 0);
    help_done(&h);
}

static void configurations_that_cannot_be(void **state)
{
    (void)state;
    static const struct {
        const char *provider, *config;
    } cases[] = {
        { "groq", "{}" },
        { "vllm", "{\"api_key\":\"k\"}" },
        { "openai-compatible", "{}" },
        { "databricks", "{\"token\":\"k\"}" },
        { "databricks", "{\"host\":\"https://w.example\"}" },
        { "databricks", "{\"host\":\"w.example\",\"token\":\"k\"}" },
        { "portkey", "{\"api_key\":\"k\",\"portkey_config\":\"a\\nb\"}" },
        { "mistral", "{\"mistral_api_key\":\"a b\\u0001\"}" },
        { "azure", "{\"openai_api_key\":\"k\"}" },
        { "fireworks", "{\"api_key\":\"k\",\"api_base\":\"ftp://x\"}" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct help h;
        struct sl_target target;
        help_init(&h);
        assert_true(help_target(&h, cases[i].provider, "m", cases[i].config, &target) < 0);
        assert_int_not_equal(h.problems.n_errors, 0);
        help_target_done(&target);
        help_done(&h);
    }
}

/* Reasoning that is counted separately from the answer, as xAI does it, is part of the output. */
static void usage_counts_reasoning_once(void **state)
{
    (void)state;
    static const struct {
        const char *usage;
        int64_t output;
    } cases[] = {
        { "{\"prompt_tokens\":32,\"completion_tokens\":9,\"total_tokens\":135,\"completion_tokens_details\":{"
          "\"reasoning_tokens\":94}}",
          103 },
        { "{\"prompt_tokens\":32,\"completion_tokens\":103,\"total_tokens\":135,\"completion_tokens_details\":{"
          "\"reasoning_tokens\":94}}",
          103 },
        { "{\"prompt_tokens\":32,\"completion_tokens\":9,\"total_tokens\":41}", 9 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_json doc;
        struct sl_usage usage;
        sl_json_init(&doc, NULL);
        assert_int_equal(sl_json_parse(&doc, sl_str_c(cases[i].usage)), 0);
        const struct sl_language *language = sl_provider_find(SL_STR("xai"))->languages[SL_LLM_CHAT];
        assert_int_equal(language->read_usage(sl_json_root(&doc), &usage), 0);
        assert_int_equal(usage.output, cases[i].output);
        sl_json_done(&doc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_has_its_place_and_its_credential),
        cmocka_unit_test(a_hosts_words_are_put_into_the_clients_bytes),
        cmocka_unit_test(calls_of_another_language_have_its_form),
        cmocka_unit_test(names_of_tools_come_back),
        cmocka_unit_test(configurations_that_cannot_be),
        cmocka_unit_test(usage_counts_reasoning_once),
    };
    return cmocka_run_group_tests_name("llm/family", tests, NULL, NULL);
}
