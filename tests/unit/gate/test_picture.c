/* SPDX-License-Identifier: Apache-2.0 */
/* What a running gateway shows of its file: every value at its place, and no secret wherever it stands. */
#include <unistd.h>

#include "help.h"

#include "gate/config/config.h"
#include "gate/config/picture.h"
#include "gate/config/settings.h"

static struct sl_arena arena;

/* From a file: only there may keys stand. */
static struct sl_config *loaded(const char *text)
{
    char path[] = "/tmp/sluice-picture-XXXXXX";
    struct sl_problems problems;
    struct sl_conf_files files = { .arena = &arena };
    struct sl_config *config = NULL;
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    sl_problems_init(&problems, &arena);
    int r = sl_config_load(path, &(struct sl_config_overrides){ .workers = -1 }, &arena, &problems, &files, &config);
    unlink(path);
    if (r < 0) {
        sl_problems_print(&problems, stderr);
        fail_msg("does not load:\n%s", text);
    }
    return config;
}

static const struct sl_picture_item *item_at(const struct sl_picture_items *items, const char *path)
{
    const struct sl_picture_item *item = sl_picture_find(items, sl_str_c(path));
    if (!item) {
        fail_msg("nothing is said about %s", path);
    }
    return item;
}

/* `want`: the JSON, in which a # stands for the eight digits of a secret's print. */
static void assert_shown(const char *path, struct sl_str got, const char *want)
{
    const char *at = want;
    bool is_same = true;
    for (size_t i = 0; i < got.n && is_same; at++) {
        if (*at == '#') {
            is_same = strspn(got.p + i, "0123456789abcdef") >= 8;
            i += 8;
        } else {
            is_same = *at == got.p[i++];
        }
    }
    if (!is_same || *at) {
        fail_msg("%s is shown as %.*s, not as %s", path, (int)got.n, got.p, want);
    }
}

static void a_setting_is_shown_as_it_is_said(void **state)
{
    (void)state;
    static const struct {
        const char *text, *path, *want;
        unsigned line;
    } cases[] = {
        { "server:\n  limits:\n    body: 1MiB\n", "server.limits.body", "\"1MiB\"", 3 },
        { "upstream: { retries: 3 }\n", "upstream.retries", "3", 1 },
        { "upstream: { retries: 003 }\n", "upstream.retries", "\"003\"", 1 },
        { "upstream: { proxy: http://u:p@h:1 }\n", "upstream.proxy", "\"http://***@h:1\"", 1 },
        { "upstream: { proxy: { url: 'http://u:p@h:1', except: [a] } }\n", "upstream.proxy.url", "\"http://***@h:1\"",
          1 },
        { "metrics: { max_routes: 5 }\nlog: { level: debug }\n", "log.level", "\"debug\"", 2 },
        { "requests: off\n", "requests", "\"off\"", 1 },
        { "requests: { keep: 1d }\n", "requests.keep", "\"1d\"", 1 },
        { "auth: {}\n", "auth", "{}", 1 },
        { "auth: { keys: [ { name: a, key: a-secret-of-length } ] }\n", "auth.keys[a]",
          "[{\"name\":\"a\",\"key\":\"*** #\"}]", 1 },
        { "auth:\n  keys:\n    - { name: a, key: a-secret-of-length }\n    - { name: b, key: b-secret-of-length, "
          "limits: [ { tokens: 5, per: day } ] }\n",
          "auth.keys[b]", "[{\"name\":\"b\",\"key\":\"*** #\",\"limits\":[{\"tokens\":5,\"per\":\"day\"}]}]", 4 },
        { "auth: { admin_key: { sha256: 0000000000000000000000000000000000000000000000000000000000000000 } }\n",
          "auth.admin_key", "{\"sha256\":\"*** #\"}", 1 },
        { "prices: { models: { a/b:free: { input_cost_per_token: 1e-6 } } }\n", "prices.models",
          "{\"a/b:free\":{\"input_cost_per_token\":\"1e-6\"}}", 1 },
        { "groups: [ { name: g, children: { limits: [ { tokens: 1, per: day } ] } } ]\n", "groups[g]",
          "[{\"name\":\"g\",\"children\":{\"limits\":[{\"tokens\":1,\"per\":\"day\"}]}}]", 1 },
        { "alerts: { webhook: { url: 'https://h/a/b?c', secret: whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0 } }\n",
          "alerts.webhook.url", "\"https://h/***\"", 1 },
        { "alerts: { webhook: { url: 'https://h/a/b?c', secret: whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0 } }\n",
          "alerts.webhook.secret", "\"*** #\"", 1 },
        { "store: { postgres: 'postgres://u:p@h/d' }\n", "store.postgres", "\"*** #\"", 1 },
        { "otel: { endpoint: 'http://h:4318', headers: { authorization: Bearer-of-ours } }\n", "otel.headers",
          "{\"authorization\":\"*** #\"}", 1 },
        { "models: { mine: { provider: openai, like: gpt-4o } }\n", "models",
          "{\"mine\":{\"provider\":\"openai\",\"like\":\"gpt-4o\"}}", 1 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        char text[1024];
        snprintf(text, sizeof(text), "%sendpoints: []\n", cases[i].text);
        struct sl_config *config = loaded(text);
        const struct sl_picture_item *item = item_at(&config->settings->picture->settings, cases[i].path);
        assert_shown(cases[i].path, item->value, cases[i].want);
        assert_int_equal(item->line, cases[i].line);
        assert_string_equal(item->from, "file");
        sl_config_free(config);
    }
}

#define OPENAI(config) "{ provider: openai, name: m, config: " config " }"

static void a_route_is_shown_without_secrets(void **state)
{
    (void)state;
    static const struct {
        const char *more, *want; /* members of the entry */
    } cases[] = {
        { "model: " OPENAI("{ openai_api_key: a-literal-secret, openai_api_base: 'https://h/v1?k=v' }"),
          "\"model\":{\"provider\":\"openai\",\"name\":\"m\",\"config\":{\"openai_api_key\":\"*** #\","
          "\"openai_api_base\":\"https://h/v1?***\"}}" },
        /* Misspelt: nobody knows what stands there. */
        { "model: " OPENAI("{ openai_api_key: a-literal-secret, openai_apiky: another }"),
          "\"model\":{\"provider\":\"openai\",\"name\":\"m\",\"config\":{\"openai_api_key\":\"*** #\","
          "\"openai_apiky\":\"*** #\"}}" },
        { "model: { provider: openai, name: m, apikey: x, config: { openai_api_key: a-literal-secret } }",
          "\"model\":{\"provider\":\"openai\",\"name\":\"m\",\"apikey\":\"*** #\",\"config\":{"
          "\"openai_api_key\":\"*** #\"}}" },
        { "model: " OPENAI("{ openai_api_key: a-literal-secret }") ", note: sk-forgotten-here, limit: { calls: 1, "
                                                                   "renewal_period: day, key: user }",
          "\"model\":{\"provider\":\"openai\",\"name\":\"m\",\"config\":{\"openai_api_key\":\"*** #\"}},"
          "\"note\":\"*** #\",\"limit\":{\"calls\":1,\"renewal_period\":\"day\",\"key\":\"user\"}" },
        { "model: { provider: bedrock, name: m, config: { aws_config: { aws_region: eu-west-1, aws_access_key_id: "
          "AKIA1, aws_secret_access_key: s3cret } } }",
          "\"model\":{\"provider\":\"bedrock\",\"name\":\"m\",\"config\":{\"aws_config\":{\"aws_region\":"
          "\"eu-west-1\",\"aws_access_key_id\":\"*** #\",\"aws_secret_access_key\":\"*** #\"}}}" },
        { "sluice: { targets: [ { name: a, model: " OPENAI("{ openai_api_key: a-literal-secret }") " } ] }",
          "\"sluice\":{\"targets\":[{\"name\":\"a\",\"model\":{\"provider\":\"openai\",\"name\":\"m\",\"config\":{"
          "\"openai_api_key\":\"*** #\"}}}]}" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        char text[1024], want[1024];
        snprintf(text, sizeof(text), "endpoints:\n  - { name: r, endpoint_type: llm/v1/chat, %s }\n", cases[i].more);
        snprintf(want, sizeof(want), "{\"name\":\"r\",\"endpoint_type\":\"llm/v1/chat\",%s}", cases[i].want);
        struct sl_config *config = loaded(text);
        const struct sl_picture_item *item = item_at(&config->settings->picture->routes, "r");
        assert_shown("r", item->value, want);
        assert_int_equal(item->line, 2);
        sl_config_free(config);
    }
}

static void a_secret_that_changes_is_shown_otherwise(void **state)
{
    (void)state;
    static const char *const keys[] = { "a-secret-of-length", "b-secret-of-length", "a-secret-of-length" };
    char shown[3][64];
    for (size_t i = 0; i < SL_ARRAY_LEN(keys); i++) {
        char text[256];
        snprintf(text, sizeof(text), "auth: { admin_key: %s }\nendpoints: []\n", keys[i]);
        struct sl_config *config = loaded(text);
        const struct sl_picture_item *item = item_at(&config->settings->picture->settings, "auth.admin_key");
        snprintf(shown[i], sizeof(shown[i]), "%.*s", (int)item->value.n, item->value.p);
        sl_config_free(config);
    }
    assert_string_equal(shown[0], shown[2]);
    assert_string_not_equal(shown[0], shown[1]);
}

static int setup(void **state)
{
    (void)state;
    sl_arena_init(&arena, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    sl_arena_done(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_setting_is_shown_as_it_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(a_route_is_shown_without_secrets, setup, teardown),
        cmocka_unit_test_setup_teardown(a_secret_that_changes_is_shown_otherwise, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
