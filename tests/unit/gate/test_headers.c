/* SPDX-License-Identifier: Apache-2.0 */
/* Which header fields are passed on, and that no error shows a provider's credential. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/opt.h"
#include "gate/call/error_headers.h"
#include "gate/call/headers.h"
#include "gate/call/mask.h"
#include "gate/call/path.h"
#include "gate/config/config.h"
#include "gate/config/route.h"
#include "llm/core/cred.h"
#include "llm/dialects.h"
#include "base/buf.h"
#include "llm/core/llm.h"

static struct sl_arena arena;

static int arena_begin(void **state)
{
    (void)state;
    sl_arena_init(&arena, NULL);
    return 0;
}

static int arena_end(void **state)
{
    (void)state;
    sl_arena_done(&arena);
    return 0;
}

/* "a: 1\nb: 2" */
static struct sl_headers headers_of(const char *text)
{
    struct sl_headers headers = { 0 };
    struct sl_str rest = sl_str_c(text), line;
    while (sl_str_next(&rest, '\n', &line)) {
        ptrdiff_t colon = sl_str_find_char(line, ':', 0);
        if (colon > 0) {
            struct sl_str value = sl_str_trim(sl_str_sub(line, (size_t)colon + 1, line.n));
            assert_int_equal(sl_headers_add(&headers, &arena, sl_str_sub(line, 0, (size_t)colon), value), 0);
        }
    }
    return headers;
}

static void headers_are(const struct sl_headers *headers, const char *want)
{
    struct sl_buf text;
    sl_buf_init(&text, 1 << 16);
    for (uint32_t i = 0; i < headers->n; i++) {
        sl_buf_printf(&text, "%s%.*s: %.*s", i ? "\n" : "", SL_STR_ARG(headers->v[i].name),
                      SL_STR_ARG(headers->v[i].value));
    }
    if (!sl_str_eq_c(sl_buf_str(&text), want)) {
        fail_msg("got\n%.*s\nwanted\n%s", SL_STR_ARG(sl_buf_str(&text)), want);
    }
    sl_buf_done(&text);
}

static void few_go_up(void **state)
{
    (void)state;
    static const struct sl_str pass[] = { SL_STR_INIT("x-beta"), { 0 } };
    struct sl_headers from = headers_of("Host: h\nAuthorization: Bearer mine\nx-api-key: k\nCookie: c\nAccept: a\n"
                                        "Idempotency-Key: i\nX-Beta: b\nx-other: o\nX-Stainless-Lang: c\n"
                                        "traceparent: t\ntracestate: s\nUser-Agent: curl/8\nAccept-Encoding: br\n"
                                        "Content-Type: application/json; charset=utf-8\nx-sluice-route: r");
    struct sl_headers up = headers_of("authorization: Bearer ours\ncontent-type: application/json");
    assert_int_equal(sl_headers_up(pass, &from, &arena, &up), 0);
    headers_are(&up, "authorization: Bearer ours\ncontent-type: application/json; charset=utf-8\nAccept: a\n"
                     "Idempotency-Key: i\nX-Beta: b\nX-Stainless-Lang: c\ntraceparent: t\ntracestate: s\n"
                     "user-agent: curl/8 sluice/" SL_VERSION "\naccept-encoding: identity");
    /* A content type that is not JSON's is not believed; headers that Connection names are not passed on. */
    from = headers_of("Content-Type: application/x-www-form-urlencoded\nConnection: accept, close\nAccept: a");
    up = headers_of("content-type: application/json");
    assert_int_equal(sl_headers_up(NULL, &from, &arena, &up), 0);
    headers_are(&up, "content-type: application/json\nuser-agent: sluice/" SL_VERSION "\naccept-encoding: identity");
}

static void some_tell_of_the_body(void **state)
{
    (void)state;
    static const char *const names[] = { "content-type",
                                         "content-encoding",
                                         "content-language",
                                         "content-range",
                                         "content-disposition",
                                         "accept-ranges",
                                         "last-modified",
                                         "etag",
                                         "location",
                                         "x-should-retry",
                                         "retry-after",
                                         "WWW-Authenticate" };
    for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
        assert_true(sl_header_is_of_body(sl_str_c(names[i])));
    }
    assert_false(sl_header_is_of_body(SL_STR("x-request-id")));
    assert_false(sl_header_is_of_body(SL_STR("openai-version")));
}

static void most_come_down(void **state)
{
    (void)state;
    static const struct sl_str hidden[] = { SL_STR_INIT("x-account"), { 0 } };
    static const struct sl_header_alias aliases[] = {
        { "up-left", "x-ratelimit-remaining-requests", false },
        { "up-reset", "x-ratelimit-reset-requests", true },
        { "up-when", "x-when", true },
        { NULL, NULL, false },
    };
    static const struct {
        const char *from, *want, *request_id;
    } cases[] = {
        { "Content-Type: a\nDate: d\nServer: s\nSet-Cookie: c\nContent-Length: 1\nX-Account: me\nAlt-Svc: "
          "h3\nkeep-alive: 1\n"
          "Transfer-Encoding: chunked\nX-Other: o\nx-sluice-route: fake\nserver-timing: t",
          "Content-Type: a\nX-Other: o", NULL },
        { "date: 1\nserver: 1\nalt-svc: 1\nset-cookie: 1\nset-cookie2: 1\nserver-timing: 1\ncontent-length: 1\n"
          "strict-transport-security: 1\nretry-after: x\nretry-after-ms: x\nx: 1",
          "x: 1", NULL },
        { "Access-Control-Allow-Origin: *\naccess-control-max-age: 1\nx-access-control-x: y", "x-access-control-x: y",
          NULL },
        { "X-Request-Id: one", "", "one" },
        { "Up-Id: two\nx-a: 1", "x-a: 1", "two" },
        { "Connection: x-hop\nX-Hop: h\nx-a: 1", "x-a: 1", NULL },
        { "up-left: 7", "up-left: 7\nx-ratelimit-remaining-requests: 7", NULL },
        { "up-left: 7\nx-ratelimit-remaining-requests: 8", "up-left: 7\nx-ratelimit-remaining-requests: 8", NULL },
        { "up-reset: 1970-01-01T00:16:50Z", "up-reset: 1970-01-01T00:16:50Z\nx-ratelimit-reset-requests: 10s", NULL },
        { "up-when: never", "up-when: never", NULL },
        { "Retry-After: 3", "retry-after: 3", NULL },
        { "retry-after-ms: 1500", "retry-after: 2\nretry-after-ms: 1500", NULL },
        { "retry-after: 120", "retry-after: 120", NULL },
        { "retry-after: 121", "x-ratelimit-reset-requests: 121s", NULL },
        { "retry-after: 121\nx-ratelimit-reset-requests: 5s", "x-ratelimit-reset-requests: 5s", NULL },
        { "retry-after: soon", "", NULL },
    };
    struct sl_headers none = { 0 };
    struct sl_secrets secrets = { 0 };
    secrets.headers = &none;
    struct sl_headers_down_rules rules = { hidden, "up-id", aliases, &secrets, 1000000000 };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_headers from = headers_of(cases[i].from), down = { 0 };
        struct sl_str id = SL_STR_NONE;
        assert_int_equal(sl_headers_down(&rules, &from, &arena, &down, &id), 0);
        headers_are(&down, cases[i].want);
        assert_true(cases[i].request_id ? sl_str_eq_c(id, cases[i].request_id) : !id.p);
    }
}

static const char padding[] = "0123456789 0123456789 0123456789 0";

static void credentials_are_masked(void **state)
{
    (void)state;
    static const struct sl_str names[] = { SL_STR_INIT("authorization"), SL_STR_INIT("x-key"), { 0 } };
    static const struct sl_str parameters[] = { SL_STR_INIT("key"), { 0 } };
    static const struct {
        const char *headers, *target, *text, *want;
    } cases[] = {
        { "Authorization: Bearer abcdefgh", "/", "no: Bearer abcdefgh, abcdefgh", "no: Bearer ********, ********" },
        { "X-Key: abcdefghi", "/", "<abcdefghi>", "<*********>" },
        { "x-key: short", "/", "short", "*****" },
        { "x-key: short", "/", "shorter, \"short\", re-short", "shorter, \"*****\", re-short" },
        { "x-key: k", "/", "a key: k", "a key: *" },
        { "x-key: sk-secret-1", "/", "{\"m\":\"sk-\\u0073ecret-1\"}", "{\"m\":\"****************\"}" },
        { "x-key: a/b/c/d/e", "/", "a\\/b\\/c\\/d\\/e.", "*************." },
        { "x-key: aaaaaaaaab", "/", "aaaaaaaaaab", "a**********" },
        { "x-other: abcdefghi", "/", "abcdefghi", "abcdefghi" },
        { "x-key: a/b/c/d/e", "/", "{\"m\":\"{\\\"m\\\":\\\"a\\\\\\/b\\\\\\/c\\/d\\u002fe\\\"}\"}",
          "{\"m\":\"{\\\"m\\\":\\\"*********************\\\"}\"}" },
        { "x-key: a\\b\\c\\d\\e", "/", "a\\b\\c\\d\\e a\\\\b\\\\c\\\\d\\\\e", "********* *************" },
        /* encoded as in a URL, once and twice */
        { "x-key: ab+c/d=1", "/", "http://h/?k=ab%2Bc%2fd%3D1&x=1", "http://h/?k=**************&x=1" },
        { "x-key: ab+c/d=1", "/", "%61b%252Bc%25252Fd%3D1", "**********************" },
        { "x-key: 50%25off!", "/", "50%25off! 50%2525off! 50%off!", "********* *********** 50%off!" },
        { "x-key: abcdefgh", "/", "100% abcdefg% abcdefg%6", "100% abcdefg% abcdefg%6" },
        /* in base64, alone and inside something */
        { "x-key: abcdefgh", "/", "YWJjZGVmZ2g=", "**********g=" },
        { "x-key: abcdefgh", "/", "QmVhcmVyIGFiY2RlZmdoIQ==", "QmVhcmVyIG**********IQ==" },
        { "x-key: abcdefgh", "/", "Ojphb.OmFiY2RlZmdo OjphYmNkZWZnaA", "Ojphb.Om********** Ojp**********A" },
        { "x-key: >|?>|?~>?~>?", "/", "Pnw/Pnw/fj4/fj4/ Pnw_Pnw_fj4_fj4_ Pnw%2fPnw\\/fj4\\u002Ffj4/",
          "**************** **************** ************************" },
        { "x-key: short", "/", "c2hvcnQ=", "c2hvcnQ=" },
        /* Basic, and what it says */
        { "Authorization: Basic dXNlcjpwYXNzd29yZA==", "/",
          "user with password: Basic dXNlcjpwYXNzd29yZA==, dXNlcjpwYXNzd29yZA",
          "user with ********: Basic ******************==, ******************" },
        { "authorization: basic dTpwdw", "/", "pw of pws: %70w dTpwdw", "** of pws: **** ******" },
        { "authorization: Basic dXNlcg==", "/", "user", "user" },
        { "authorization: Basic no:base64", "/", "no base64", "no base64" },
        /* a text that was cut in the middle */
        { "x-key: abcdefghijkl", "/", "no: abcdefghijk", "no: ***********" },
        { "x-key: abcdefghijkl", "/", "no: abcdefgh", "no: ********" },
        { "x-key: abcdefghijkl", "/", "no: abcdefg", "no: abcdefg" },
        { "x-key: abcdefghijkl", "/", "abcdefghijk, no", "abcdefghijk, no" },
        { "x-key: abcdefghijkl", "/", "no: abcdefgh\\u00", "no: ************" },
        { "x-key: abcdefghijkl", "/", "no: %61bcdefgh%6", "no: ************" },
        /* the longest of two */
        { "authorization: abcdefgh\nx-key: abcdefghijkl", "/", "abcdefghijkl", "************" },
        { "", "/x?a=1&key=12345678&b=2", "bad key 12345678", "bad key ********" },
        { "", "/x?a=12345678", "12345678", "12345678" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_headers headers = headers_of(cases[i].headers);
        struct sl_secrets secrets = { names, &headers, parameters, sl_str_c(cases[i].target) };
        char text[128];
        size_t n = strlen(cases[i].text);
        memcpy(text, cases[i].text, n + 1);
        sl_secrets_find(&secrets);
        bool is_found = sl_mask_bytes(&secrets, text, n);
        /* The quick check finds every credential, wherever it is in a longer text. */
        for (size_t before = 0; is_found && before < 34; before++) {
            struct sl_str longer = sl_arena_printf(&arena, "%.*s %s\r\nx: %.*s\r\n", (int)before, padding,
                                                   cases[i].text, (int)(before * 7 % 34), padding);
            assert_true(longer.p && sl_secrets_may_be_in(&secrets, longer));
        }
        assert_int_equal(is_found, strcmp(cases[i].text, cases[i].want) != 0);
        struct sl_str copy = sl_mask_text(&secrets, sl_str_c(cases[i].text), &arena);
        if (!sl_str_eq_c(copy, cases[i].want)) {
            fail_msg("%s: %.*s", cases[i].want, SL_STR_ARG(copy));
        }
        assert_string_equal(text, cases[i].want);
    }
}

/* The quick check is enough for most heads. */
static void a_common_head_holds_no_credential(void **state)
{
    (void)state;
    static const struct sl_str names[] = { SL_STR_INIT("authorization"), { 0 } };
    static const char head[] =
        "HTTP/1.1 200 OK\r\nDate: Mon, 05 Jan 2026 10:11:12 GMT\r\nContent-Type: application/json\r\n"
        "x-request-id: req_0123456789abcdef0123456789abcdef\r\n\r\n";
    struct sl_headers headers = headers_of("Authorization: Bearer sk-proj-0123456789+/sk");
    struct sl_secrets secrets = { names, &headers, NULL, SL_STR("/") };
    sl_secrets_find(&secrets);
    assert_false(sl_secrets_may_be_in(&secrets, sl_str_c(head)));
    assert_false(sl_secrets_may_be_in(&secrets, SL_STR("sk-Proj-0123 Sk-proj-0123 sK-proj-0123")));
    assert_true(sl_secrets_may_be_in(&secrets, SL_STR("x-echo: sk-proj-0123456789+/sk")));
    struct sl_headers no_headers = { 0 };
    struct sl_secrets none = { names, &no_headers, NULL, SL_STR("/") };
    sl_secrets_find(&none);
    assert_false(sl_secrets_may_be_in(&none, SL_STR("x-echo: sk-proj-0123456789+/sk %25")));
}

/* A field that quotes the credential is masked, whether or not the head of the reply is known. */
static void fields_of_a_head_are_masked(void **state)
{
    (void)state;
    static const struct sl_str names[] = { SL_STR_INIT("authorization"), { 0 } };
    struct sl_headers headers = headers_of("Authorization: Bearer sk-proj-0123456789");
    struct sl_secrets secrets = { names, &headers, NULL, SL_STR("/") };
    sl_secrets_find(&secrets);
    struct sl_headers_down_rules rules = { .secrets = &secrets };
    static const char *const heads[] = { "x-a: 1\nx-b: no sk-proj-0123456789", "x-b: no sk-proj-01234567" };
    static const char *const want[] = { "x-a: 1\nx-b: no ******************", "x-b: no ****************" };
    for (size_t i = 0; i < SL_ARRAY_LEN(heads); i++) {
        /* A head without a credential says nothing about fields that are elsewhere. */
        struct sl_str known[] = { SL_STR_NONE, sl_str_c(heads[i]), SL_STR("x-c: 1") };
        for (size_t k = 0; k < SL_ARRAY_LEN(known); k++) {
            struct sl_headers from = headers_of(heads[i]), down = { 0 };
            from.head = known[k];
            struct sl_str id = SL_STR_NONE;
            assert_int_equal(sl_headers_down(&rules, &from, &arena, &down, &id), 0);
            headers_are(&down, want[i]);
        }
    }
}

/* --- each provider --- */

#define MARK "credential-0123456789"

#define AWS_CONFIG                          \
    "      aws_config:\n"                   \
    "        aws_access_key_id: " MARK "\n" \
    "        aws_secret_access_key: s\n"    \
    "        aws_session_token: " MARK "\n" \
    "        aws_region: us-east-1\n"

/* What a provider's configuration needs beside its secrets; a new provider that needs more adds a row. */
static const struct {
    const char *provider, *config;
    bool is_fetched;     /* the secrets are not the credential: they are for fetching it */
    bool has_none;       /* its servers ask for no credential */
    const char *without; /* a secret that replaces another */
} needs[] = {
    { "bedrock", AWS_CONFIG, false },
    { "amazon-bedrock", AWS_CONFIG, false },
    { "sagemaker", AWS_CONFIG, false },
    { "vertex_ai",
      "      vertex_project: p\n"
      "      vertex_credentials: "
      "'{\"type\":\"authorized_user\",\"client_id\":\"c\",\"client_secret\":\"s\",\"refresh_token\":\"r\"}'\n",
      true },
    { "azure",
      "      openai_api_base: https://a.example\n      openai_deployment_name: d\n      openai_api_version: v\n" },
    { "vllm", "      api_base: https://a.example/v1\n" },
    { "openai-compatible", "      api_base: https://a.example/v1\n" },
    { "litellm", "      litellm_api_base: https://a.example/v1\n" },
    { "huggingface-text-generation-inference", "      hf_server_url: https://a.example\n" },
    { "mlflow-model-serving", "      model_server_url: https://a.example\n", .has_none = true },
    { "databricks", "      host: https://a.example\n", .without = "client_secret" },
    { "databricks-model-serving", "      host: https://a.example\n", .without = "client_secret" },
};

/* A route of that provider with every secret set. */
static struct sl_config *config_of(const struct sl_provider *provider, enum sl_llm_type type)
{
    struct sl_buf text;
    struct sl_problems problems;
    struct sl_config *config = NULL;
    sl_problems_init(&problems, &arena);
    sl_buf_init(&text, 1 << 16);
    sl_buf_printf(&text,
                  "endpoints:\n- name: r\n  endpoint_type: %s\n  model:\n    provider: %s\n    name: %s\n    config:\n",
                  sl_llm_type_name(type), provider->name, provider->chat_models ? provider->chat_models : "m");
    bool is_fetched = false;
    const char *without = "";
    for (size_t i = 0; i < SL_ARRAY_LEN(needs); i++) {
        if (strcmp(needs[i].provider, provider->name) == 0) {
            is_fetched = needs[i].is_fetched;
            without = needs[i].without ? needs[i].without : "";
        }
    }
    for (const struct sl_opt *row = provider->opts; row && row->key; row++) {
        if (row->type == SL_OPT_SECRET && !is_fetched && strcmp(row->key, without) != 0) {
            sl_buf_printf(&text, "      %s: " MARK "\n", row->key);
        }
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(needs); i++) {
        sl_buf_add_c(&text, strcmp(needs[i].provider, provider->name) == 0 ? needs[i].config : "");
    }
    int r = sl_config_load_text("test", sl_buf_str(&text), &arena, &problems, &config);
    sl_buf_done(&text);
    if (r < 0) {
        sl_problems_print(&problems, stderr);
        fail_msg("%s: its configuration needs more than its secrets: add it to `needs`", provider->name);
    }
    return config;
}

static const char *const bodies[] = {
    "{\"model\":\"r\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
    "{\"model\":\"r\",\"prompt\":\"hi\"}",
    "{\"model\":\"r\",\"input\":\"hi\"}",
};

static void request_is_masked(const struct sl_provider *provider, enum sl_llm_type type)
{
    struct sl_config *config = config_of(provider, type);
    const struct sl_target *target = config->routes[0]->targets;
    struct sl_json doc, scratch;
    struct sl_call call = { 0 };
    struct sl_http_req request = { 0 };
    struct sl_llm_error error = { 0 };
    struct sl_headers none = { 0 };
    sl_json_init(&doc, NULL);
    sl_json_init(&scratch, NULL);
    struct sl_incoming in = { .type = type, .headers = &none, .body = sl_str_c(bodies[type]) };
    struct sl_cred fetched = { .parts = { SL_STR("Bearer " MARK) }, .expires_usec = UINT64_MAX };
    struct sl_env env = { .headers = &none, .scratch = &scratch, .credential = target->cred ? &fetched : NULL };
    assert_int_equal(sl_dialect_read(&sl_dialect_openai, &in, &doc, &arena, &call, &error), 0);
    if (!target->is_local) {
        int want = provider->successor ? SL_E_UNSUPPORTED : 0; /* a retired provider sends nothing */
        assert_int_equal(provider->build(&call, target, &env, false, &arena, &request, &error), want);
    }
    struct sl_secrets secrets = { provider->credential_headers, &request.headers, provider->secret_query,
                                  request.target };
    sl_secrets_find(&secrets);
    bool has_credential = false;
    for (uint32_t i = 0; i <= request.headers.n; i++) {
        struct sl_str value = i < request.headers.n ? request.headers.v[i].value : request.target;
        char *copy = sl_arena_bytes(&arena, value.n + 1);
        memcpy(copy, value.p ? value.p : "", value.n);
        has_credential |= sl_str_find(value, SL_STR(MARK), 0) >= 0;
        SL_IGNORE(sl_mask_bytes(&secrets, copy, value.n)); /* few of them have a credential */
        if (sl_str_find(sl_str_make(copy, value.n), SL_STR(MARK), 0) >= 0) {
            fail_msg("%s: a credential is not masked in '%.*s'", provider->name,
                     SL_STR_ARG(i < request.headers.n ? request.headers.v[i].name : request.target));
        }
    }
    bool has_none = target->is_local || provider->successor;
    for (size_t i = 0; i < SL_ARRAY_LEN(needs); i++) {
        has_none |= needs[i].has_none && strcmp(needs[i].provider, provider->name) == 0;
    }
    assert_int_equal(has_credential, !has_none);
    sl_json_done(&doc);
    sl_json_done(&scratch);
    sl_config_free(config);
}

static void no_provider_forgets_a_credential(void **state)
{
    (void)state;
    for (size_t i = 0; sl_provider_at(i); i++) {
        for (enum sl_llm_type type = SL_LLM_CHAT; type < SL_LLM_TRANSLATED_COUNT; type++) {
            if (sl_provider_at(i)->caps & SL_BIT(type)) {
                request_is_masked(sl_provider_at(i), type);
            }
        }
    }
}

/* --- errors --- */

static void an_error_tells_in_its_head(void **state)
{
    (void)state;
    static const struct {
        struct sl_llm_error error;
        const char *want;
        bool is_of_console;
    } cases[] = {
        { { .type = SL_ERR_CALLER_NOT_FOUND, .status = 404 }, "" },
        { { .type = SL_ERR_POLICY_RATE_LIMITED, .status = 429, .retry_after_sec = 7 }, "retry-after: 7" },
        { { .type = SL_ERR_POLICY_RATE_LIMITED, .status = 429, .retry_after_sec = 121 }, "" },
        { { .type = SL_ERR_SLUICE_DRAINING, .status = 503 }, "retry-after: 1" },
        { { .type = SL_ERR_PROVIDER_OVERLOADED, .status = 503 }, "" },
        { { .type = SL_ERR_CALLER_METHOD_NOT_ALLOWED, .status = 405 }, "allow: GET, POST" },
        { { .type = SL_ERR_CALLER_UNAUTHENTICATED, .status = 401 },
          "www-authenticate: Bearer realm=\"sluice\"\nwww-authenticate: Basic realm=\"sluice\"\nx-should-retry: "
          "false" },
        { { .type = SL_ERR_CALLER_UNAUTHENTICATED, .status = 401 },
          "www-authenticate: Bearer realm=\"sluice\"\nx-should-retry: false",
          true },
        { { .type = SL_ERR_PROVIDER_AUTH_FAILED, .status = 502 }, "x-should-retry: false" },
        { { .type = SL_ERR_PROVIDER_BAD_RESPONSE, .status = 502 }, "" },
        { { .type = SL_ERR_PROVIDER_BAD_RESPONSE, .status = 502, .is_final = true }, "x-should-retry: false" },
        { { .type = SL_ERR_PROVIDER_TIMEOUT_CONNECT, .status = 504 }, "" },
        { { .type = SL_ERR_PROVIDER_TIMEOUT_FIRST_BYTE, .status = 504 }, "x-should-retry: false" },
        { { .type = SL_ERR_PROVIDER_TIMEOUT_IDLE, .status = 504 }, "x-should-retry: false" },
        { { .type = SL_ERR_PROVIDER_TIMEOUT_TOTAL, .status = 504 }, "x-should-retry: false" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_headers headers = { 0 };
        int r = sl_error_headers(&cases[i].error, SL_GET | SL_POST, cases[i].is_of_console, &arena, &headers);
        assert_int_equal(r, 0);
        headers_are(&headers, cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(few_go_up, arena_begin, arena_end),
        cmocka_unit_test(some_tell_of_the_body),
        cmocka_unit_test_setup_teardown(most_come_down, arena_begin, arena_end),
        cmocka_unit_test_setup_teardown(credentials_are_masked, arena_begin, arena_end),
        cmocka_unit_test_setup_teardown(a_common_head_holds_no_credential, arena_begin, arena_end),
        cmocka_unit_test_setup_teardown(fields_of_a_head_are_masked, arena_begin, arena_end),
        cmocka_unit_test_setup_teardown(no_provider_forgets_a_credential, arena_begin, arena_end),
        cmocka_unit_test_setup_teardown(an_error_tells_in_its_head, arena_begin, arena_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
