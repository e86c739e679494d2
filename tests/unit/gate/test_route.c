/* SPDX-License-Identifier: Apache-2.0 */
/* Routes of the file: which are accepted, and the messages about the others. */
#include "gate/config/entry.h"
#include "gate/policy/limit.h"
#include "help.h"
#include "llm/core/target.h"
#include "llm/form/models.h"

/* A whole file, and a line that must be reported; NULL: it is right and nothing is reported. */
struct file_case {
    const char *text;
    const char *want;
};

static void check_all(const struct file_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct loaded l = load(cases[i].text);
        bool is_right = cases[i].want ? says(&l, cases[i].want) : l.problems.n == 0 && l.config;
        if (!is_right) {
            show(&l);
            fail_msg("case %zu:\n%s\nwants: %s", i, cases[i].text, cases[i].want ? cases[i].want : "(nothing)");
        }
        unload(&l);
    }
}

static void names_are_words_of_any_script(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool is_name;
    } cases[] = {
        { "a", true },         { "ünï_ー", true }, { "模型-1.0", true }, { "كلمة", true },     { "имя", true },
        { "٣", true },                        /* a digit */
        { "Ⅷ", true },                        /* a letter number */
        { "½", true },                        /* numeric, so Python's \w has it */
        { "a.b-c_d", true },   { "𝒳", true }, /* beyond 16 bits */
        { "", false },         { "a b", false },   { "a/b", false },     { "a\u0301", false }, /* a combining mark is no
                                                                                                  letter */
        { "€", false },        { "😀", false },     { "a\u200b", false }, { "\xff", false },    { "\xc3", false },
        { "a\u2028b", false }, { "a%", false },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        if (sl_route_is_name(sl_str_c(cases[i].name)) != cases[i].is_name) {
            fail_msg("case %zu: %s", i, cases[i].name);
        }
    }
    char longest[3 * 256];
    for (size_t i = 0; i < 256; i++) {
        memcpy(longest + 3 * i, "模", 3);
    }
    assert_true(sl_route_is_name(sl_str_make(longest, 3 * 255)));
    assert_false(sl_route_is_name(sl_str_make(longest, 3 * 256)));
}

#define NAMED(name) "endpoints:\n  - name: " name "\n    endpoint_type: llm/v1/chat\n    model: " MOCK "\n"

static void a_name_is_a_text(void **state)
{
    (void)state;
    static const struct file_case cases[] = {
        { NAMED("5"), "f:2:11: error: endpoints[0].name: must be a string, not a number: put it in quotes" },
        { NAMED("1.5"), "must be a string, not a number" },
        { NAMED("yes"), "must be a string, not a boolean" },
        { NAMED("[a]"), "must be a string, not a list" },
        { NAMED("{ a: b }"), "must be a string, not a map" },
        { NAMED("~"), "Field required" },
        { NAMED("'5'"), NULL },
        { NAMED("'yes'"), NULL },
        { NAMED("ünï_ー"), NULL },
        { NAMED("'a b'"), "disallowed characters" },
        { NAMED("'..'"), "disallowed characters" },
    };
    check_all(cases, SL_ARRAY_LEN(cases));
}

static void limits_of_set_limits_hold_in_the_file(void **state)
{
    (void)state;
    static const struct file_case cases[] = {
        { HEAD "    limits: [{ calls: 1, renewal_period: minute }]\n", NULL },
        { HEAD "    limit: { calls: 2.0, renewal_period: minute }\n    sluice: { retries: 1e0 }\n", NULL },
        { HEAD "    limit: { calls: 2.5, renewal_period: minute }\n", "`calls` must be a number from 0" },
        { HEAD "    sluice: { retries: 1.5 }\n", "sluice.retries: must be a whole number" },
        { HEAD "    limits: [{ calls: 1, renewal_period: 5 minutes, key: user }, { calls: 9, renewal_period: day }]\n",
          NULL },
        { HEAD "    limits: []\n", NULL },
        { HEAD "    limits: { calls: 1, renewal_period: minute }\n",
          "f:5:13: error: endpoints[0].limits: must be a list" },
        { HEAD "    limits: [1]\n", "f:5:14: error: endpoints[0].limits[0]: must be an object" },
        { HEAD "    limits: [{ calls: -1, renewal_period: minute }]\n",
          "f:5:23: error: endpoints[0].limits[0].calls: must be a whole number" },
        { HEAD "    limits: [{ calls: one, renewal_period: minute }]\n", "limits[0].calls: must be a whole number" },
        { HEAD "    limits: [{ calls: 1.5, renewal_period: minute }]\n", "limits[0].calls: must be a whole number" },
        { HEAD "    limits: [{ renewal_period: minute }]\n", "f:5:14: error: endpoints[0].limits[0].calls: must" },
        { HEAD "    limits: [{ calls: 1 }]\n", "limits[0].renewal_period: must be second, minute" },
        { HEAD "    limits: [{ calls: 1, renewal_period: 0 minutes }]\n", "limits[0].renewal_period: must be" },
        { HEAD "    limits: [{ calls: 1, renewal_period: minute, key: team }]\n",
          "f:5:55: error: endpoints[0].limits[0].key: must be \"route\", \"user\" or null" },
        { HEAD "    limits: [{ calls: 1, renewal_period: minute }, { calls: 2, renewal_period: 60 seconds }]\n",
          "limits[1]: has the same key and period as limits[0]" },
    };
    check_all(cases, SL_ARRAY_LEN(cases));
    struct loaded l = load(HEAD "    limit: { calls: 5, renewal_period: hour }\n"
                                "    limits: [{ calls: 1, renewal_period: minute }, { calls: 100, renewal_period: day, "
                                "key: user }]\n");
    assert_non_null(l.config);
    const struct sl_route *route = l.config->routes[0];
    assert_int_equal(route->limits->n, 2); /* in place of `limit` */
    assert_false(route->has_limit);
    assert_int_equal(route->limits->rules[0].cap, 1);
    assert_int_equal(route->limits->rules[0].key, SL_LIMIT_WHOLE);
    assert_int_equal(route->limits->rules[1].cap, 100);
    assert_int_equal(route->limits->rules[1].key, SL_LIMIT_USER);
    unload(&l);
}

#define LIMIT(map) HEAD "    limit: " map "\n"

static void a_bad_limit_is_told_at_its_member(void **state)
{
    (void)state;
    static const struct file_case cases[] = {
        { LIMIT("{ calls: 1, renewal_period: minute }"), NULL },
        { LIMIT("{ calls: '1', renewal_period: 'minute;100/hour' }"), NULL },
        { LIMIT("{ calls: -1, renewal_period: minute }"), "f:5:21: error: endpoints[0].limit.calls: Failed to parse" },
        { LIMIT("{ calls: many, renewal_period: minute }"), "`calls` must be a number from 0, not \"many\"" },
        { LIMIT("{ calls: [1], renewal_period: minute }"), "`calls` must be a number from 0, not \"a list\"" },
        { LIMIT("{ calls: 1, renewal_period: mintue }"),
          "f:5:40: error: endpoints[0].limit.renewal_period: Failed to parse the rate limit configuration. " },
        { LIMIT("{ calls: 1, renewal_period: mintue }"), "not \"mintue\": did you mean \"minute\"?" },
        { LIMIT("{ calls: 1, renewal_period: fortnight }"), "not \"fortnight\"" },
        { LIMIT("{ calls: 1, renewal_period: 5 hors }"), "did you mean \"hour\"?" },
        { LIMIT("{ calls: 1, renewal_period: 60 }"), "not \"60\"" },
        { LIMIT("{ calls: 1 }"), "f:5:12: error: endpoints[0].limit: Field required: renewal_period" },
        { LIMIT("{ renewal_period: minute }"), "endpoints[0].limit: Field required: calls" },
        { LIMIT("100"), "endpoints[0].limit: Failed to parse the rate limit configuration. It must be a map" },
        { LIMIT("{ calls: 1, renewal_period: minute, kye: user }"),
          "warning: endpoints[0].limit: unknown key \"kye\" is ignored: did you mean \"key\"?" },
    };
    check_all(cases, SL_ARRAY_LEN(cases));
}

#define MODEL(model) "endpoints:\n  - name: a\n    endpoint_type: llm/v1/chat\n    model: " model "\n"

static void what_is_meant_is_suggested(void **state)
{
    (void)state;
    static const struct file_case cases[] = {
        { MODEL("{ provider: mock, name: 5 }"), NULL }, /* YAML needs no quotes */
        { MODEL("{ provider: mokc, name: m }"), "'mokc' is not supported: did you mean 'mock'? It must be one of" },
        { MODEL("{ provider: opnai, name: m }"), "did you mean 'openai'?" },
        { MODEL("{ provider: antropic, name: m }"), "did you mean 'anthropic'?" },
        { MODEL("{ provider: Anthropik, name: m }"), "did you mean 'anthropic'?" },
        { MODEL("{ provider: zzz, name: m }"), "The provider 'zzz' is not supported. It must be one of" },
        { HEAD "    retry: 3\n", "f:5:5: warning: endpoints[0]: unknown key \"retry\" is ignored" },
        { HEAD "    limts: []\n", "unknown key \"limts\" is ignored: did you mean \"limit" },
        { HEAD "    sluce: {}\n", "did you mean \"sluice\"?" },
        { HEAD "    sluice: { retry: 3 }\n", "unknown key \"retry\": did you mean \"retries\"?" },
        { HEAD "    sluice: { timeout: {} }\n", "did you mean \"timeouts\"?" },
        { HEAD "    mode: fast\n", "unknown key \"mode\" is ignored" },
        { HEAD "    note: mine\n", "unknown key \"note\" is ignored" },
        { MODEL("{ provider: mock, name: m, config: { latnecy: 1s } }"),
          "unknown key \"latnecy\" is ignored: did you mean \"latency\"?" },
        { MODEL("{ provider: mock, nmae: m, config: {} }"), "model: unknown key \"nmae\" is ignored: did you mean" },
        { "log: { level: warn }\n" HEAD,
          "must be one of error, warning, info, debug, not \"warn\": did you mean \"warning\"?" },
        { "log: { level: inof }\n" HEAD, "not \"inof\": did you mean \"info\"?" },
        { "log: { level: 3 }\n" HEAD, "not \"3\"" },
        { "log: { level: [info] }\n" HEAD, "must be one of error, warning, info, debug, not a list" },
    };
    check_all(cases, SL_ARRAY_LEN(cases));
}

static void what_a_route_does_not_say_the_settings_say(void **state)
{
    (void)state;
    struct loaded l = load("upstream: { retries: 4, timeouts: { idle: 7s, total: 9s } }\n" HEAD
                           "    sluice: { retries: 0, timeouts: { idle: 2s, connect: null } }\n");
    assert_non_null(l.config);
    struct sl_route *route = l.config->routes[0], *derived;
    assert_int_equal(route->conf.retries, 0);
    assert_int_equal(route->conf.timeouts.idle_usec, 2000000);
    assert_int_equal(route->conf.timeouts.connect_usec, 5000000);
    assert_int_equal(route->conf.timeouts.total_usec, 9000000);
    struct loaded other = load("upstream: { retries: 2, timeouts: { connect: 1s, idle: 8s } }\n" HEAD);
    assert_int_equal(sl_route_derive(route, other.config->settings, SL_STR_NONE, &derived), 0);
    assert_int_equal(derived->conf.retries, 0);
    assert_int_equal(derived->conf.timeouts.idle_usec, 2000000);
    assert_int_equal(derived->conf.timeouts.connect_usec, 1000000); /* null sets nothing */
    assert_int_equal(derived->conf.timeouts.total_usec, 3600000000);
    sl_route_unref(derived);
    assert_int_equal(sl_route_derive(route, other.config->settings, SL_STR("[{]"), &derived), SL_E_INVAL);
    unload(&other);
    unload(&l);
}

#define TYPED(type, provider, config)                                                                                  \
    "endpoints: [{ name: a, endpoint_type: llm/v1/" type ", model: { provider: " provider ", name: m, config: " config \
    " } }]\n"

static void what_can_never_answer_is_told(void **state)
{
    (void)state;
    static const struct file_case cases[] = {
        { TYPED("embeddings", "openai", "{ openai_api_key: k }"), NULL },
        { TYPED("embeddings", "anthropic", "{ anthropic_api_key: k }"),
          "warning: endpoints[0]: this route can never answer: the provider 'anthropic' does not serve "
          "llm/v1/embeddings" },
        { TYPED("chat", "ai21labs", "{ ai21labs_api_key: k }"), NULL },
        { TYPED("embeddings", "ai21labs", "{ ai21labs_api_key: k }"), "'ai21labs' does not serve llm/v1/embeddings" },
        { TYPED("chat", "openai", "{ openai_api_key: k, openai_api_base: 'https://api.openai.com/v1' }"), NULL },
        { TYPED("chat", "openai", "{ openai_api_key: k, openai_api_base: 'https://proxy.example/llm' }"), NULL },
        { TYPED("chat", "openai", "{ openai_api_key: k, openai_api_base: 'https://api.openai.com' }"),
          "warning: endpoints[0].model.config: openai_api_base has no path: the provider's own ends in \"/v1\"" },
        { TYPED("chat", "openai", "{ openai_api_key: k, openai_api_base: 'https://api.openai.com/' }"), "has no path" },
        { TYPED("chat", "openai", "{ openai_api_key: k, openai_api_base: 'http://127.0.0.1:8000' }"), "has no path" },
        { TYPED("chat", "anthropic", "{ anthropic_api_key: k, anthropic_api_base: 'https://api.anthropic.com' }"),
          "anthropic_api_base has no path" },
    };
    check_all(cases, SL_ARRAY_LEN(cases));
}

static void what_can_never_answer_is_told_once(void **state)
{
    (void)state;
    struct loaded l = load(TYPED("embeddings", "anthropic", "{ anthropic_api_key: k }"));
    unsigned n = 0;
    for (uint32_t i = 0; i < l.problems.n; i++) {
        n += sl_str_find(l.problems.v[i].text, SL_STR("does not serve"), 0) >= 0;
    }
    assert_int_equal(n, 1);
    unload(&l);
}

/* Names are read like a route's provider: any case, hyphens or underscores. Else the row would fit nobody. */
static void a_models_provider_is_found_by_any_spelling(void **state)
{
    (void)state;
    static const char *const spellings[] = { "openai", "OpenAI", "OPENAI" };
    for (size_t i = 0; i < SL_ARRAY_LEN(spellings); i++) {
        char text[128];
        snprintf(text, sizeof(text), "models: { x: { provider: %s, output: 5 } }\nendpoints: []\n", spellings[i]);
        struct loaded l = load(text);
        assert_non_null(l.config);
        assert_int_equal(l.config->settings->models->n, 1);
        assert_true(sl_str_eq_c(l.config->settings->models->v[0].provider, "openai"));
        unload(&l);
    }
}

/* `models:` works for every provider: also if the built-in rows of its models have another provider's name. */
static void a_row_of_the_configuration_holds_for_every_provider(void **state)
{
    (void)state;
    static const struct {
        const char *provider, *config, *model; /* of the route */
        const char *row;                       /* of `models:` */
        int64_t output;                        /* 0: the table has the model itself */
        uint32_t can;                          /* the row's, but for SL_MODEL_GUESS */
    } cases[] = {
#define AZURE \
    "{ openai_api_key: k, openai_api_base: 'https://a.example', openai_deployment_name: d, openai_api_version: v }"
#define VERTEX                                                                                     \
    "{ vertex_project: p, vertex_credentials: '{\"type\":\"authorized_user\",\"client_id\":\"c\"," \
    "\"client_secret\":\"s\",\"refresh_token\":\"t\"}' }"
#define BEDROCK "{ aws_config: { aws_region: us-east-1, aws_access_key_id: a, aws_secret_access_key: s } }"
#define MINE    "output: 7, features: [tools]"
#define NOTHING "output: 7, features: []"
        { "openai", "{ openai_api_key: k }", "o3", "'o3': { " MINE " }", 7, SL_MODEL_TOOLS },
        { "azure", AZURE, "o3", "'o3': { " MINE " }", 7, SL_MODEL_TOOLS },
        { "azure", AZURE, "o3", "'o3': { provider: azure, " NOTHING " }", 7, 0 },
        { "azure", AZURE, "o3-pro", "'o3': { " MINE " }", 0, SL_MODEL_THINKING | SL_MODEL_RESPONSES },
        { "azure", AZURE, "mine", "mine: { provider: azure, like: o3-pro }", 0,
          SL_MODEL_THINKING | SL_MODEL_RESPONSES },
        { "vertex_ai", VERTEX, "claude-opus-4-6", "'claude-opus-4-6': { " MINE " }", 7, SL_MODEL_TOOLS },
        { "vertex_ai", VERTEX, "claude-2", "'claude*': { " MINE " }", 4096, SL_MODEL_COMPLETE },
        { "vertex_ai", VERTEX, "claude-me", "'claude-m': { provider: vertex_ai, like: claude-2 }", 4096,
          SL_MODEL_COMPLETE },
        { "vertex_ai", VERTEX, "gemini-2.5-pro", "gemini-2.5-pro: { provider: vertex_ai, " NOTHING " }", 7, 0 },
        { "vertex_ai", VERTEX, "gemini-2.5-pro", "gemini-2.5-pro: { provider: gemini, " NOTHING " }", 65536,
          UINT32_MAX },
        { "vertex_ai", VERTEX, "a/b-maas", "a/b: { " MINE " }", 7, SL_MODEL_TOOLS },
        { "bedrock", BEDROCK, "us.amazon.nova-pro-v1:0", "'us.amazon.nova-pro*': { " NOTHING " }", 7, 0 },
        { "bedrock", BEDROCK, "us.amazon.nova-pro-v1:0", "amazon.nova-pro: { " NOTHING " }", 7, 0 },
        { "bedrock", BEDROCK, "us.anthropic.claude-2", "us.anthropic.claude-2: { output: 7 }", 7, 0 },
        { "bedrock", BEDROCK, "us.anthropic.claude-opus-4-6-v1", "claude-opus-4-6: { " MINE " }", 7, SL_MODEL_TOOLS },
        { "bedrock", BEDROCK, "us.anthropic.claude-opus-4-6-v1", "us.anthropic: { " MINE " }", 128000, UINT32_MAX },
        { "bedrock", BEDROCK, "anthropic.claude-me",
          "anthropic.claude-m: { provider: bedrock, like: anthropic.claude-opus-4-5 }", 64000, UINT32_MAX },
        { "amazon-bedrock", BEDROCK, "amazon.nova-pro", "amazon.nova-pro: { provider: bedrock, " MINE " }", 7,
          SL_MODEL_TOOLS },
        { "bedrock", BEDROCK, "amazon.nova-pro", "amazon.nova-pro: { provider: amazon_bedrock, " MINE " }", 7,
          SL_MODEL_TOOLS },
        { "anthropic", "{ anthropic_api_key: k }", "claude-2", "claude-2: { output: 7, features: [tools] }", 7,
          SL_MODEL_TOOLS },
        { "groq", "{ api_key: k }", "llama", "'lla': { provider: groq, " MINE " }", 7, SL_MODEL_TOOLS },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        char text[1024];
        snprintf(text, sizeof(text),
                 "models:\n  %s\nendpoints:\n  - name: a\n    endpoint_type: llm/v1/chat\n"
                 "    model: { provider: %s, name: '%s', config: %s }\n",
                 cases[i].row, cases[i].provider, cases[i].model, cases[i].config);
        struct loaded l = load(text);
        if (!l.config) {
            show(&l);
            fail_msg("case %zu is refused:\n%s", i, text);
        }
        const struct sl_model *row = l.config->routes[0]->targets[0].row;
        uint32_t can = row->can & ~(uint32_t)SL_MODEL_GUESS;
        bool is_right = cases[i].can == UINT32_MAX ? can != 0 && can != SL_MODEL_TOOLS : can == cases[i].can;
        if (row->output != cases[i].output || !is_right) {
            fail_msg("case %zu: output %lld, can %x:\n%s", i, (long long)row->output, can, text);
        }
        unload(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_words_of_any_script),
        cmocka_unit_test(a_name_is_a_text),
        cmocka_unit_test(limits_of_set_limits_hold_in_the_file),
        cmocka_unit_test(a_bad_limit_is_told_at_its_member),
        cmocka_unit_test(what_is_meant_is_suggested),
        cmocka_unit_test(what_can_never_answer_is_told),
        cmocka_unit_test(what_can_never_answer_is_told_once),
        cmocka_unit_test(a_models_provider_is_found_by_any_spelling),
        cmocka_unit_test(a_row_of_the_configuration_holds_for_every_provider),
        cmocka_unit_test(what_a_route_does_not_say_the_settings_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
