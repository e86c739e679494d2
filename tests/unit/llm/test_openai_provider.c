/* SPDX-License-Identifier: Apache-2.0 */
#include "help.h"

#define CHAT \
    "{\"model\":\"route\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"big\":1e400,\"x\":{\"y\":[1]}}"

static const char *header(const struct sl_http_req *req, const char *name)
{
    static char text[512];
    struct sl_str value = sl_headers_get(&req->headers, name);
    if (!value.p) {
        return NULL;
    }
    snprintf(text, sizeof(text), "%.*s", SL_STR_ARG(value));
    return text;
}

static const struct {
    const char *config, *model;
    enum sl_llm_type type;
    bool is_https;
    const char *authority, *target, *authorization, *api_key, *organization, *project, *body;
} request_cases[] = {
    { "{\"openai_api_key\":\"sk-1\"}", "gpt", SL_LLM_CHAT, true, "api.openai.com", "/v1/chat/completions",
      "Bearer sk-1", NULL, NULL, NULL,
      "{\"model\":\"gpt\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"big\":1e400,\"x\":{\"y\":[1]}}" },
    { "{\"openai_api_key\":\"sk-1\",\"openai_api_base\":\"http://127.0.0.1:81/x/"
      "\",\"openai_organization\":\"org\",\"openai_project\":\"p\"}",
      "g\"\n", SL_LLM_COMPLETIONS, false, "127.0.0.1:81", "/x/completions", "Bearer sk-1", NULL, "org", "p",
      "{\"model\":\"g\\\"\\n\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"big\":1e400,\"x\":{\"y\":[1]}"
      "}" },
    { "{\"openai_api_key\":\"sk-1\",\"openai_api_version\":\"2024 1\"}", "", SL_LLM_EMBEDDINGS, true, "api.openai.com",
      "/v1/embeddings?api-version=2024%201", "Bearer sk-1", NULL, NULL, NULL,
      "{\"model\":null,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"big\":1e400,\"x\":{\"y\":[1]}}" },
    { "{\"openai_api_key\":\"k\",\"openai_api_type\":\"Azure\",\"openai_api_base\":\"https://r.openai.azure.com/"
      "\",\"openai_api_version\":\"v1\",\"openai_deployment_name\":\"d/1\"}",
      "gpt", SL_LLM_CHAT, true, "r.openai.azure.com", "/openai/deployments/d%2F1/chat/completions?api-version=v1", NULL,
      "k", NULL, NULL, "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"big\":1e400,\"x\":{\"y\":[1]}}" },
    { "{\"openai_api_key\":\"k\",\"openai_api_type\":\"azuread\",\"openai_api_base\":\"https://"
      "r.openai.azure.com?q=1\",\"openai_api_version\":\"v1\",\"openai_deployment_name\":\"d\"}",
      "gpt", SL_LLM_CHAT, true, "r.openai.azure.com", "/openai/deployments/d/chat/completions?q=1&api-version=v1",
      "Bearer k", NULL, NULL, NULL,
      "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}],\"big\":1e400,\"x\":{\"y\":[1]}}" },
};

static void header_check(const struct sl_http_req *req, const char *name, const char *want)
{
    const char *got = header(req, name);
    if (want) {
        assert_non_null(got);
        assert_string_equal(got, want);
    } else {
        assert_null(got);
    }
}

static void requests_are_the_clients_bytes_with_another_model(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(request_cases); i++) {
        struct help h;
        help_init(&h);
        struct sl_target target;
        assert_int_equal(help_target(&h, "openai", request_cases[i].model, request_cases[i].config, &target), 0);
        assert_int_equal(target.base.is_https, request_cases[i].is_https);
        check_str(target.base.authority, request_cases[i].authority);
        struct sl_call call = help_call(&h, &sl_dialect_openai, request_cases[i].type, CHAT);
        struct sl_http_req req = { 0 };
        struct sl_llm_error error = { 0 };
        assert_int_equal(target.provider->build(&call, &target, &h.env, false, &h.arena, &req, &error), 0);
        assert_string_equal(req.method, "POST");
        check_str(req.target, request_cases[i].target);
        header_check(&req, "content-type", "application/json");
        header_check(&req, "authorization", request_cases[i].authorization);
        header_check(&req, "api-key", request_cases[i].api_key);
        header_check(&req, "openai-organization", request_cases[i].organization);
        header_check(&req, "openai-project", request_cases[i].project);
        check_str(help_body(&h, &req), request_cases[i].body);
        /* a later attempt, when the tape was used for something else meanwhile */
        assert_int_equal(sl_json_parse(&h.doc, SL_STR("[1,2,3]")), 0);
        assert_int_equal(target.provider->build(&call, &target, &h.env, false, &h.arena, &req, &error), 0);
        check_str(help_body(&h, &req), request_cases[i].body);
        help_target_done(&target);
        help_done(&h);
    }
}

static void usage_is_asked_for_where_the_client_said_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *body, *want;
    } cases[] = {
        { "{\"model\":\"r\",\"stream\":true}",
          "{\"stream_options\":{\"include_usage\":true},\"model\":\"g\",\"stream\":true}" },
        { "{\"stream\":true,\"stream_options\":null,\"model\":\"r\"}",
          "{\"stream\":true,\"stream_options\":{\"include_usage\":true},\"model\":\"g\"}" },
        { "{\"model\":\"r\",\"stream_options\":{\"x\":1}}", "{\"model\":\"g\",\"stream_options\":{\"x\":1}}" },
    };
    struct help h;
    help_init(&h);
    struct sl_target target;
    assert_int_equal(help_target(&h, "openai", "g", "{\"openai_api_key\":\"k\"}", &target), 0);
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_call call = help_call(&h, &sl_dialect_openai, SL_LLM_CHAT, cases[i].body);
        struct sl_http_req req = { 0 };
        struct sl_llm_error error = { 0 };
        assert_int_equal(target.provider->build(&call, &target, &h.env, true, &h.arena, &req, &error), 0);
        check_str(help_body(&h, &req), cases[i].want);
    }
    help_target_done(&target);
    help_done(&h);
}

static void settings_that_do_not_fit_together_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *config, *words;
    } cases[] = {
        { "{}", "missing" },
        { "{\"openai_api_key\":\"k\",\"openai_api_type\":\"x\"}", "Invalid OpenAI API type 'x'" },
        { "{\"openai_api_key\":\"k\",\"openai_deployment_name\":\"d\"}", "openai_deployment_name" },
        { "{\"openai_api_key\":\"k\",\"openai_api_type\":\"azure\"}", "need openai_api_base" },
        { "{\"openai_api_key\":\"k\",\"openai_api_type\":\"azure\",\"openai_api_base\":\"https://"
          "x\",\"openai_api_version\":\"1\",\"openai_deployment_name\":\"d\",\"openai_organization\":\"o\"}",
          "openai_organization" },
        { "{\"openai_api_key\":\"k\",\"openai_api_base\":\"ftp://x\"}", "scheme" },
        { "{\"openai_api_key\":\"k\",\"openai_api\":\"both\"}", "chat, responses, auto" },
        { "{\"openai_api_key\":\"k\",\"openai_api_base\":\"https://u:p@x\"}", "user" },
        { "{\"openai_api_key\":\"k\\nX: y\"}", "header" },
        { "{\"openai_api_key\":\"k\",\"openai_organization\":\"a\\r\\nb\"}", "openai_organization" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct help h;
        help_init(&h);
        struct sl_target target;
        assert_true(help_target(&h, "openai", "g", cases[i].config, &target) < 0);
        assert_int_equal(h.problems.n_errors, 1);
        if (sl_str_find(h.problems.v[0].text, sl_str_c(cases[i].words), 0) < 0) {
            fail_msg("%s: %.*s", cases[i].config, SL_STR_ARG(h.problems.v[0].text));
        }
        assert_true(sl_str_find(h.problems.v[0].text, SL_STR("k\n"), 0) < 0);
        help_target_done(&target);
        help_done(&h);
    }
}

#define AZURE                                                      \
    "\"openai_api_type\":\"azure\",\"openai_api_base\":\"https://" \
    "x\",\"openai_api_version\":\"1\",\"openai_deployment_name\":\"d\","

static const struct {
    const char *model, *more;
    bool is_response, is_warned;
} way_cases[] = {
    { "gpt-5", "\"openai_api\":\"chat\"", false, false },
    { "gpt-5-codex", "\"openai_project\":\"p\"", false, true },
    { "gpt-5-codex", "\"openai_api\":\"auto\"", true, false },
    { "gpt-5-codex-mini", "\"openai_api\":\"responses\"", true, false },
    { "gpt-5", "\"openai_api\":\"auto\"", false, false },
    { "never-heard-of", "\"openai_api\":\"auto\"", false, false },
    { "gpt-4o", "\"openai_api\":\"responses\"", true, false },
    { "o3-pro", AZURE "\"openai_api\":\"auto\"", true, false },
    { "o3", AZURE "\"openai_api\":\"auto\"", false, false },
};

static void a_chats_way_is_settled_by_setting_and_model(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(way_cases); i++) {
        struct help h;
        help_init(&h);
        struct sl_target target;
        char config[512];
        snprintf(config, sizeof(config), "{\"openai_api_key\":\"k\",%s}", way_cases[i].more);
        assert_int_equal(help_target(&h, "openai", way_cases[i].model, config, &target), 0);
        const char *chat = target.languages[SL_LLM_CHAT]->name, *old = target.languages[SL_LLM_COMPLETIONS]->name;
        assert_string_equal(chat, way_cases[i].is_response ? "responses" : "openai");
        assert_string_equal(old, chat);
        assert_string_equal(target.languages[SL_LLM_EMBEDDINGS]->name, "openai");
        if ((h.problems.n > 0) != way_cases[i].is_warned) {
            fail_msg("%s, %s: %zu problems", way_cases[i].model, way_cases[i].more, (size_t)h.problems.n);
        }
        help_target_done(&target);
        help_done(&h);
    }
}

#define CHUNK(choices, usage) "data: {\"id\":\"c\",\"choices\":" choices ",\"usage\":" usage "}\n\n"
#define USAGE                                                                                                          \
    "{\"prompt_tokens\":5,\"completion_tokens\":7,\"total_tokens\":12,\"prompt_tokens_details\":{\"cached_tokens\":3}" \
    ","                                                                                                                \
    "\"completion_tokens_details\":{\"reasoning_tokens\":2}}"

static const struct {
    const char *event;
    enum sl_pass want;
    bool has_usage, has_finish, is_done, has_error;
} pass_cases[] = {
    { CHUNK("[]", USAGE), SL_PASS_DROP, true, false, false, false },
    { CHUNK("[ ]", USAGE), SL_PASS_DROP, true, false, false, false },
    { CHUNK("[{\"index\":0,\"finish_reason\":\"stop\"}]", USAGE), SL_PASS_FORWARD, true, true, false, false },
    { CHUNK("[]", "null"), SL_PASS_FORWARD, false, false, false, false },
    { CHUNK("[{\"index\":0,\"finish_reason\":null,\"delta\":{\"content\":\"\\\"usage\\\":{ "
            "\\\"finish_reason\\\":\\\"stop\\\"\"}}]",
            "null"),
      SL_PASS_FORWARD, false, false, false, false },
    { "data: {\"choices\":[],\"prompt_filter_results\":[{\"usage\":{}}]}\n\n", SL_PASS_FORWARD, false, false, false,
      false },
    { "data: {\"choices\":null,\"usage\":" USAGE "}\n\n", SL_PASS_DROP, true, false, false, false },
    { "data: {\"usage\":" USAGE "}\n\n", SL_PASS_DROP, true, false, false, false },
    { CHUNK("[{\"index\":0,\"delta\":{}}]", USAGE), SL_PASS_DROP, true, false, false, false },
    { CHUNK("[{\"index\":0,\"delta\":{\"content\":null},\"finish_reason\":null}]", USAGE), SL_PASS_DROP, true, false,
      false, false },
    { CHUNK("[{\"index\":0,\"delta\":{\"content\":\"x\"}}]", USAGE), SL_PASS_FORWARD, true, false, false, false },
    { "data: {\"choices\":[],\"usage\":" USAGE ",\"timings\":{\"n\":1}}\n\n", SL_PASS_REPLACE, true, false, false,
      false },
    { "data: {\"choices\":[],\"error\":{\"message\":\"m\"},\"usage\":" USAGE "}\n\n", SL_PASS_FORWARD, true, false,
      false, true },
    { ": hello\r\ndata:{\"choices\":[],\r\ndata: \"usage\" : " USAGE "}\r\n\r\n", SL_PASS_DROP, true, false, false,
      false },
    { "data: [DONE]\n\n", SL_PASS_FORWARD, false, false, true, false },
    { ": x\rdata:[DONE]\r\r", SL_PASS_FORWARD, false, false, true, false },
    { "data: [DONE]", SL_PASS_FORWARD, false, false, true, false },
    { "data: [done]\n\n", SL_PASS_REPLACE, false, false, true, false },
    { ": comment only\n\n", SL_PASS_ALIVE, false, false, false, false },
    { "\n", SL_PASS_ALIVE, false, false, false, false },
    { "data:\n\n", SL_PASS_DROP, false, false, false, false },
    { "data: : keepalive\n\n", SL_PASS_DROP, false, false, false, false },
    { "event: ping\ndata: {}\n\n", SL_PASS_DROP, false, false, false, false },
    { "event: ping\n\n", SL_PASS_DROP, false, false, false, false },
    { "retry: 5\n\n", SL_PASS_DROP, false, false, false, false },
    { "id: 7\ndata: {\"error\":{\"message\":\"m\"}}\n\n", SL_PASS_FORWARD, false, false, false, true },
    { ": c\ndata: {\"error\":\"text\"}\n\n", SL_PASS_REPLACE, false, false, false, true },
    { "event: error\ndata: {\"message\":\"m\"}\n\n", SL_PASS_REPLACE, false, false, false, true },
    { "event: error\ndata: it broke\n\n", SL_PASS_REPLACE, false, false, false, true },
    { "data: {\"object\":\"error\",\"message\":\"m\",\"code\":400}\n\n", SL_PASS_REPLACE, false, false, false, true },
    { "data: {\"choices\":[{\"index\":0,\"delta\":{}}],\"error\":{\"code\":502}}\n\n", SL_PASS_FORWARD, false, false,
      false, true },
    { "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}],\"error\":null}\n\n", SL_PASS_FORWARD, false,
      false, false, false },
    { "data: {\"detail\":\"out of memory\"}\n\n", SL_PASS_REPLACE, false, false, false, true },
    { "data: <html>\n\n", SL_PASS_FORWARD, false, false, false, false },
    { "data: {\"error\":{\"message\":\"m\"}}\n\n", SL_PASS_FORWARD, false, false, false, true },
    { "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":}}\n\n", SL_PASS_FORWARD, false, false, false, false },
    { "data: {\"a\":\"usage\",\"usage\":{\"prompt_tokens\":\"x\"},\"choices\":[]}\n\n", SL_PASS_REPLACE, false, false,
      false, false },
};

/* After the finish, there is an empty chunk only because we asked for usage. */
static void an_empty_chunk_behind_the_finish_is_dropped(void **state)
{
    (void)state;
    const struct sl_language *p = sl_provider_find(SL_STR("openai"))->languages[SL_LLM_CHAT];
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    static const struct {
        const char *event;
        bool is_asked;
        enum sl_pass want;
    } rows[] = {
        { CHUNK("[]", "null"), true, SL_PASS_DROP },
        { "data: {\"choices\":[]}\n\n", true, SL_PASS_DROP },
        { CHUNK("[]", "null"), false, SL_PASS_FORWARD },
        { "data: {\"choices\":[],\"timings\":{}}\n\n", true, SL_PASS_FORWARD },
        { CHUNK("[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]", USAGE), true, SL_PASS_DROP },
        { CHUNK("[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"x\"}}]", USAGE), true, SL_PASS_FORWARD },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct sl_pass_state st = { .is_asked = rows[i].is_asked, .usage = SL_USAGE_NONE };
        struct sl_str finish = SL_STR(CHUNK("[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]", "null"));
        assert_int_equal(p->pass_event(&st, finish, &doc), SL_PASS_FORWARD);
        assert_true(st.has_finish);
        assert_int_equal(p->pass_event(&st, sl_str_c(rows[i].event), &doc), rows[i].want);
    }
    sl_json_done(&doc);
}

/* With several choices each must finish. */
static void a_choice_that_has_not_finished_is_seen(void **state)
{
    (void)state;
    const struct sl_language *p = sl_provider_find(SL_STR("openai"))->languages[SL_LLM_CHAT];
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    struct sl_pass_state st = { .usage = SL_USAGE_NONE, .n_choices = 2 };
    SL_IGNORE(
        p->pass_event(&st, SL_STR(CHUNK("[{\"index\":1,\"delta\":{},\"finish_reason\":\"stop\"}]", "null")), &doc));
    assert_false(st.has_finish);
    SL_IGNORE(p->pass_event(&st, SL_STR(CHUNK("[{\"index\":0,\"delta\":{\"content\":\"a\"}}]", "null")), &doc));
    assert_false(st.has_finish);
    SL_IGNORE(
        p->pass_event(&st, SL_STR(CHUNK("[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]", "null")), &doc));
    assert_true(st.has_finish);
    sl_json_done(&doc);
}

static void events_are_noted_and_the_asked_for_chunk_is_dropped(void **state)
{
    (void)state;
    const struct sl_language *p = sl_provider_find(SL_STR("openai"))->languages[SL_LLM_CHAT];
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    struct sl_buf edited = SL_BUF_INIT(4096);
    for (size_t i = 0; i < SL_ARRAY_LEN(pass_cases); i++) {
        for (int asked = 0; asked < 2; asked++) {
            struct sl_pass_state st = { .is_asked = asked, .usage = SL_USAGE_NONE, .edited = &edited };
            /* an exact copy, so that reading beyond it shows */
            size_t n = strlen(pass_cases[i].event);
            char *copy = malloc(n);
            memcpy(copy, pass_cases[i].event, n);
            enum sl_pass got = p->pass_event(&st, sl_str_make(copy, n), &doc);
            free(copy);
            /* what goes or changes for its usage does so only where we asked for it */
            bool is_cut = !pass_cases[i].has_error && !pass_cases[i].is_done &&
                          (pass_cases[i].want == SL_PASS_REPLACE ||
                           (pass_cases[i].want == SL_PASS_DROP && pass_cases[i].has_usage));
            enum sl_pass want = !asked && is_cut ? SL_PASS_FORWARD : pass_cases[i].want;
            if (got == SL_PASS_REPLACE && pass_cases[i].has_error) {
                assert_true(sl_str_has_prefix(sl_buf_str(&edited), SL_STR("data: {\"error\":{\"message\":\"")));
            } else if (got == SL_PASS_REPLACE && st.is_done) {
                assert_true(sl_str_eq(sl_buf_str(&edited), SL_STR("data: [DONE]\n\n")));
            } else if (got == SL_PASS_REPLACE) {
                assert_true(sl_str_find(sl_buf_str(&edited), SL_STR("\"usage\":"), 0) < 0);
                assert_true(sl_str_find(sl_buf_str(&edited), SL_STR("\"choices\":[{\"index\":0"), 0) > 0);
            }
            if (got != want || (st.usage.input == 5) != pass_cases[i].has_usage ||
                st.has_finish != pass_cases[i].has_finish || st.is_done != pass_cases[i].is_done ||
                st.has_error != pass_cases[i].has_error) {
                fail_msg("%s: %d, wanted %d (usage %lld, finish %d, done %d, error %d)", pass_cases[i].event, (int)got,
                         (int)want, (long long)st.usage.input, st.has_finish, st.is_done, st.has_error);
            }
            if (pass_cases[i].has_usage) {
                assert_int_equal(st.usage.output, 7);
                assert_int_equal(st.usage.total, 12);
                assert_int_equal(st.usage.cached_input, 3);
                assert_int_equal(st.usage.cache_creation, -1);
                assert_int_equal(st.usage.reasoning, 2);
            }
        }
    }
    sl_buf_done(&edited);
    sl_json_done(&doc);
}

static void a_refused_member_is_recognised(void **state)
{
    (void)state;
    const struct sl_provider *p = sl_provider_find(SL_STR("openai"));
    assert_true(p->refused_usage(
        400, SL_STR("{\"error\":{\"message\":\"Unrecognized request argument supplied: stream_options\"}}")));
    assert_true(p->refused_usage(422, SL_STR("include_usage is not permitted")));
    assert_false(p->refused_usage(400, SL_STR("{\"error\":{\"message\":\"bad\"}}")));
    assert_false(p->refused_usage(500, SL_STR("stream_options")));
    assert_false(p->refused_usage(400, SL_STR_NONE));
}

static const struct {
    int status;
    const char *body;
    enum sl_error_type type;
    const char *message, *code;
} classify_cases[] = {
    { 400, "{\"error\":{\"message\":\"m\\u0021\",\"type\":\"invalid_request_error\",\"param\":\"p\",\"code\":\"c\"}}",
      SL_ERR_PROVIDER_REJECTED, "m!", "c" },
    { 401, "{\"error\":{\"message\":\"m\",\"code\":\"invalid_api_key\"}}", SL_ERR_PROVIDER_AUTH_FAILED, "m",
      "invalid_api_key" },
    { 403, "{}", SL_ERR_PROVIDER_AUTH_FAILED, "{}", NULL },
    { 402, "", SL_ERR_PROVIDER_BILLING, "Payment Required", NULL },
    { 429, "{\"error\":{\"message\":\"m\",\"code\":\"insufficient_quota\"}}", SL_ERR_PROVIDER_BILLING, "m",
      "insufficient_quota" },
    { 429, "{\"error\":{\"message\":\"m\",\"type\":\"tokens\",\"code\":\"rate_limit_exceeded\"}}",
      SL_ERR_PROVIDER_RATE_LIMITED, "m", "rate_limit_exceeded" },
    { 404, "{\"error\":\"text\"}", SL_ERR_PROVIDER_REJECTED, "text", NULL },
    { 404, "[{\"error\":{\"message\":\"g\",\"code\":404}}]", SL_ERR_PROVIDER_REJECTED, "g", "404" },
    { 422, "{\"detail\":[{\"loc\":[\"body\",0],\"msg\":\"bad\"}]}", SL_ERR_PROVIDER_REJECTED, "body.0: bad", NULL },
    { 400, "{\"detail\":\"d\"}", SL_ERR_PROVIDER_REJECTED, "d", NULL },
    { 400, "{\"Message\":\"d\"}", SL_ERR_PROVIDER_REJECTED, "d", NULL },
    { 400, "{\"errors\":[{\"message\":\"d\"}]}", SL_ERR_PROVIDER_REJECTED, "d", NULL },
    { 400, "{\"fault\":{\"faultstring\":\"d\"}}", SL_ERR_PROVIDER_REJECTED, "d", NULL },
    { 500, "<html>oops</html>\n", SL_ERR_PROVIDER_SERVER_ERROR, "<html>oops</html>", NULL },
    { 503, "", SL_ERR_PROVIDER_OVERLOADED, "Service Unavailable", NULL },
    { 529, "{\"message\":\"m\"}", SL_ERR_PROVIDER_OVERLOADED, "m", NULL },
    { 408, "", SL_ERR_PROVIDER_SERVER_ERROR, "Request Timeout", NULL },
    { 302, "", SL_ERR_PROVIDER_BAD_RESPONSE, "Found", NULL },
};

static void upstream_errors_are_classified(void **state)
{
    (void)state;
    const struct sl_language *p = sl_provider_find(SL_STR("openai"))->languages[SL_LLM_CHAT];
    for (size_t i = 0; i < SL_ARRAY_LEN(classify_cases); i++) {
        struct help h;
        help_init(&h);
        struct sl_headers headers = { 0 };
        assert_int_equal(sl_headers_add(&headers, &h.arena, SL_STR("Content-Type"), SL_STR("application/json")), 0);
        struct sl_llm_error error;
        p->read_error(classify_cases[i].status, &headers, sl_str_c(classify_cases[i].body), &h.arena, &error);
        if (error.type != classify_cases[i].type) {
            fail_msg("case %zu: %s", i, sl_error_type_word(error.type));
        }
        assert_int_equal(error.upstream_status, classify_cases[i].status);
        check_str(error.message, classify_cases[i].message);
        check_str(error.code, classify_cases[i].code);
        check_str(error.upstream_content_type, "application/json");
        help_done(&h);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_the_clients_bytes_with_another_model),
        cmocka_unit_test(usage_is_asked_for_where_the_client_said_nothing),
        cmocka_unit_test(settings_that_do_not_fit_together_are_refused),
        cmocka_unit_test(a_chats_way_is_settled_by_setting_and_model),
        cmocka_unit_test(events_are_noted_and_the_asked_for_chunk_is_dropped),
        cmocka_unit_test(an_empty_chunk_behind_the_finish_is_dropped),
        cmocka_unit_test(a_choice_that_has_not_finished_is_seen),
        cmocka_unit_test(a_refused_member_is_recognised),
        cmocka_unit_test(upstream_errors_are_classified),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
