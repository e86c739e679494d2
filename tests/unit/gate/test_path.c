/* SPDX-License-Identifier: Apache-2.0 */
/* The path table as it is served, and the rights for each path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gate/api/table.h"
#include "gate/call/path.h"
#include "gate/config/key.h"
#include "llm/dialects.h"
#include "wire/headers.h"
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

static const struct {
    const char *method, *target;
    const char *pattern; /* NULL: no row */
    const char *arg;     /* NULL: none */
    int r;
} finds[] = {
    { "POST", "/v1/chat/completions", "/v1/chat/completions", NULL, 0 },
    { "POST", "/v1/chat/completions?x=1", "/v1/chat/completions", NULL, 0 },
    { "POST", "http://h/v1/chat/completions", "/v1/chat/completions", NULL, 0 },
    { "GET", "/v1/chat/completions", NULL, NULL, 0 },
    { "POST", "/v1/chat/completions/", NULL, NULL, 0 },
    { "POST", "/gateway/a/invocations", "/gateway/{}/invocations", "a", 0 },
    { "POST", "/gateway/a%20b/invocations", "/gateway/{}/invocations", "a b", 0 },
    { "POST", "/gateway/a%2Fb/invocations", NULL, NULL, 0 },
    { "POST", "/gateway//invocations", NULL, NULL, 0 },
    { "POST", "/model/a/converse", "/model/{}/converse", "a", 0 },
    { "POST", "/model/arn%3Aaws%3Ax%2Fus.a-v1%3A0/converse-stream", "/model/{}/converse-stream", "arn:aws:x/us.a-v1:0",
      0 },
    { "POST", "/model/a/b/converse", NULL, NULL, 0 },
    { "POST", "/model/a/invoke", NULL, NULL, 0 },
    { "POST", "/gateway/a/b/invocations", NULL, NULL, 0 },
    { "GET", "/v1/models/m", "/v1/models/{}", "m", 0 },
    { "HEAD", "/v1/models", "/v1/models", NULL, 0 },
    { "GET", "/api/2.0/gateway/routes/", "/api/2.0/gateway/routes/", NULL, 0 },
    { "GET", "/api/2.0/gateway/routes/r", "/api/2.0/gateway/routes/{}", "r", 0 },
    { "DELETE", "/api/2.0/gateway/routes/r", "/api/2.0/gateway/routes/{}", "r", 0 },
    { "PUT", "/api/sluice/v1/routes/r", "/api/sluice/v1/routes/{}", "r", 0 },
    { "PATCH", "/api/2.0/serving-endpoints/e/tags", "/api/2.0/serving-endpoints/{}/tags", "e", 0 },
    { "GET", "/api/sluice/v1/groups", "/api/sluice/v1/groups", NULL, 0 },
    { "GET", "/api/sluice/v1/groups/acme", "/api/sluice/v1/groups/{**}", "acme", 0 },
    { "DELETE", "/api/sluice/v1/groups/acme/search", "/api/sluice/v1/groups/{**}", "acme/search", 0 },
    { "DELETE", "/api/sluice/v1/groups/acme%2Fsearch", "/api/sluice/v1/groups/{**}", "acme/search", 0 },
    { "GET", "/api/sluice/v1/groups/", NULL, NULL, 0 },
    { "GET", "/api/sluice/v1/groups/%zz", NULL, NULL, SL_E_INVAL },
    { "BREW", "/health", NULL, NULL, 0 },
    { "GET", "/nothing", NULL, NULL, 0 },
    { "OPTIONS", "*", NULL, NULL, 0 },
    { "POST", "/gateway/%zz/invocations", NULL, NULL, SL_E_INVAL },
};

static void a_path_leads_to_its_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(finds); i++) {
        struct sl_path_match match;
        int r;
        const struct sl_path *row = sl_path_find(&sl_api_paths, sl_str_c(finds[i].method), sl_str_c(finds[i].target),
                                                 &arena, &match, &r);
        if (r != finds[i].r || !row != !finds[i].pattern || (row && strcmp(row->pattern, finds[i].pattern) != 0)) {
            fail_msg("%s %s: %s, %d", finds[i].method, finds[i].target, row ? row->pattern : "no row", r);
        }
        if (row && finds[i].arg && !sl_str_eq_c(match.arg, finds[i].arg)) {
            fail_msg("%s %s: '%.*s'", finds[i].method, finds[i].target, SL_STR_ARG(match.arg));
        }
    }
}

static void pages_may_call_and_read_lists(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        unsigned methods;
    } rows[] = {
        { "/v1/chat/completions", SL_POST },
        { "/gateway/any/invocations", SL_POST },
        { "/v1/models", SL_GET | SL_HEAD },
        { "/api/2.0/gateway/routes/", SL_GET }, /* an administrator's POST is not one of these */
        { "/api/2.0/gateway/limits/", 0 },
        { "/api/sluice/v1/keys", 0 },
        { "/metrics", 0 },
        { "/health", 0 },
        { "/nothing", 0 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        unsigned got = sl_path_page_methods(&sl_api_paths, sl_str_c(rows[i].path));
        if (got != rows[i].methods) {
            fail_msg("%s: %u, not %u", rows[i].path, got, rows[i].methods);
        }
    }
    /* Every row is tried, those with two segments too. */
    assert_false(sl_path_is_for_pages(&sl_api_paths, NULL, SL_STR("/api/sluice/v1/targets/a/b/reset")));
    assert_true(sl_path_is_for_pages(&sl_api_paths, NULL, SL_STR("/nothing")));
}

/* The path below the gateway's prefix, and the row for it. */
static void a_prefix_is_cut_in_whole_segments(void **state)
{
    (void)state;
    static const struct {
        const char *path, *prefix;
        const char *rest;    /* NULL: not below it */
        const char *pattern; /* NULL: no row */
    } cases[] = {
        { "/ai/v1/models", "/ai", "/v1/models", "/v1/models" },
        { "/a/b-c.d/health", "/a/b-c.d", "/health", "/health" },
        { "/ai/v1/models/m", "/ai", "/v1/models/m", "/v1/models/{}" },
        { "/v1/v1/models", "/v1", "/v1/models", "/v1/models" },
        { "/ai/ai/v1/models", "/ai", "/ai/v1/models", NULL },
        { "/ai", "/ai", "", NULL },
        { "/ai/", "/ai", "/", "/" },
        { "/ai//health", "/ai", "//health", NULL },
        { "/ai/../health", "/ai", "/../health", NULL },
        { "/ai/%2Fhealth", "/ai", "/%2Fhealth", NULL },
        { "/ai/v1/models/a%2Fb", "/ai", "/v1/models/a%2Fb", NULL },
        { "/aix/health", "/ai", NULL, NULL },
        { "/a/health", "/ai", NULL, NULL },
        { "/AI/health", "/ai", NULL, NULL },
        { "/ai%2Fhealth", "/ai", NULL, NULL },
        { "/%61i/health", "/ai", NULL, NULL },
        { "//ai/health", "/ai", NULL, NULL },
        { "/health", "", NULL, NULL },
        { "", "/ai", NULL, NULL },
        { "*", "/ai", NULL, NULL },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_str rest = sl_path_cut(sl_str_c(cases[i].path), sl_str_c(cases[i].prefix));
        if (cases[i].rest ? !rest.p || !sl_str_eq_c(rest, cases[i].rest) : rest.p != NULL) {
            fail_msg("%s behind %s: '%.*s'", cases[i].path, cases[i].prefix, SL_STR_ARG(rest));
        }
        if (!rest.p) {
            continue;
        }
        struct sl_path_match match = { .path = rest, .method = SL_GET, .arg = SL_STR_INIT("stale") };
        int r = SL_E_INVAL;
        const struct sl_path *row = sl_path_look(&sl_api_paths, &arena, &match, &r);
        if (r != 0 || !row != !cases[i].pattern || (row && strcmp(row->pattern, cases[i].pattern) != 0)) {
            fail_msg("%s behind %s: %s, %d", cases[i].path, cases[i].prefix, row ? row->pattern : "no row", r);
        }
        if (row && sl_str_eq_c(match.arg, "stale")) {
            fail_msg("%s: the argument of an earlier look", cases[i].path);
        }
    }
}

static bool is_r(void *arg, struct sl_str name)
{
    (void)arg;
    return sl_str_eq_c(name, "r");
}

static void a_path_says_its_methods(void **state)
{
    (void)state;
    static const struct {
        const char *path, *methods;
    } cases[] = {
        { "/api/sluice/v1/keys", "GET, HEAD, POST" },
        { "/ready", "GET, HEAD" },
        { "/api/2.0/gateway/routes/x", "GET, DELETE" },
        { "/gateway/r/invocations", "POST" }, /* a route that exists */
        { "/gateway/x/invocations", "" },
        { "/gateway/%zz/invocations", "" },
        { "/nothing", "" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        char text[SL_METHODS_MAX];
        sl_methods_format(sl_path_methods(&sl_api_paths, sl_str_c(cases[i].path), &arena, is_r, NULL), text);
        assert_string_equal(text, cases[i].methods);
    }
}

static void a_path_has_a_dialect(void **state)
{
    (void)state;
    static struct sl_header version = { SL_STR_INIT("Anthropic-Version"), SL_STR_INIT("2023-06-01") };
    static struct sl_header client = { SL_STR_INIT("X-Goog-Api-Client"), SL_STR_INIT("google-genai-sdk/1.0") };
    static const struct sl_headers googles = { .v = &client, .n = 1, .cap = 1 };
    static const struct sl_headers versioned = { .v = &version, .n = 1, .cap = 1 };
    static const struct {
        const char *path;
        const struct sl_dialect *dialect;
        const struct sl_headers *headers;
    } cases[] = {
        { "/v1/messages", &sl_dialect_anthropic, NULL },
        { "/v1/complete", &sl_dialect_anthropic, NULL },
        { "/v1/files", &sl_dialect_anthropic, &versioned },
        { "/v1/files", &sl_dialect_openai, NULL },
        { "/v1/skills/s", &sl_dialect_anthropic, &versioned },
        { "/v1/skills/s", &sl_dialect_openai, NULL },
        { "/chat/completions", &sl_dialect_openai, NULL },
        { "/completions", &sl_dialect_openai, NULL },
        { "/embeddings", &sl_dialect_openai, NULL },
        { "/v2/chat", &sl_dialect_cohere, NULL },
        { "/v2/nothing", &sl_dialect_cohere, NULL },
        { "/model/a/converse", &sl_dialect_bedrock, NULL },
        { "/model/a/invoke", &sl_dialect_bedrock, NULL },
        { "/models/a", &sl_dialect_openai, NULL },
        { "/v1/messages/batches", &sl_dialect_anthropic, NULL },
        { "/anthropic/v1/nothing", &sl_dialect_anthropic, NULL },
        { "/v1/responses", &sl_dialect_responses, NULL },
        { "/v1/responses/resp_1/nothing", &sl_dialect_responses, NULL },
        { "/responses", &sl_dialect_responses, NULL },
        { "/openai/responses", &sl_dialect_responses, NULL },
        { "/openai/v1/responses", &sl_dialect_responses, NULL },
        { "/v1/responsesx", &sl_dialect_openai, NULL },
        { "/v1/models", &sl_dialect_openai, NULL },
        { "/v1/models", &sl_dialect_anthropic, &versioned },
        { "/v1/models/chat", &sl_dialect_anthropic, &versioned },
        { "/v1/models/r:generateContent", &sl_dialect_gemini, NULL },
        { "/v1/models/r:batchEmbedContents", &sl_dialect_gemini, &versioned },
        { "/v1/models/r:nothing", &sl_dialect_openai, NULL },
        { "/v1/models", &sl_dialect_gemini, &googles },
        { "/v1/chat/completions", &sl_dialect_openai, &googles },
        { "/v1beta/models", &sl_dialect_gemini, NULL },
        { "/v1beta/nothing", &sl_dialect_gemini, NULL },
        { "/v1betax", &sl_dialect_mlflow, NULL },
        { "/v1/chat/completions", &sl_dialect_openai, &versioned },
        { "/v1/nothing", &sl_dialect_openai, NULL },
        { "/v1", &sl_dialect_openai, NULL },
        { "/v1x", &sl_dialect_mlflow, NULL },
        { "/models/chat", &sl_dialect_openai, NULL },
        { "/modelsx", &sl_dialect_mlflow, NULL },
        { "/api/sluice/v1/nothing", &sl_dialect_sluice, NULL },
        { "/serving-endpoints/e/invocations", &sl_dialect_databricks, NULL },
        { "/api/2.0/serving-endpoints", &sl_dialect_databricks, NULL },
        { "/gateway/r/invocations", &sl_dialect_mlflow, NULL },
        { "/gateway/mlflow/v1/chat/completions", &sl_dialect_mlflow3, NULL },
        { "/gateway/proxy/r/x", &sl_dialect_mlflow3, NULL },
        { "/gateway/openai/v1/chat/completions", &sl_dialect_mlflow3_openai, NULL },
        { "/gateway/openai/v1/responses", &sl_dialect_mlflow3_responses, NULL },
        { "/gateway/gemini/v1beta/models/r:generateContent", &sl_dialect_mlflow3_gemini, NULL },
        { "/gateway/anthropic/v1/messages", &sl_dialect_mlflow3_anthropic, NULL },
        { "", &sl_dialect_mlflow, NULL },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        assert_ptr_equal(sl_path_dialect(&sl_api_paths, sl_str_c(cases[i].path), cases[i].headers), cases[i].dialect);
    }
}

/* Any call may ask for a stream, and any may fail. So the language of a dialect writes all of these. */
static void every_dialect_has_a_whole_language(void **state)
{
    (void)state;
    struct sl_path_iter it = { 0 };
    unsigned n = 0;
    for (const struct sl_path *row; (row = sl_path_next(&sl_api_paths, &it)) != NULL;) {
        if (row->handle) {
            continue;
        }
        const struct sl_language *l =
            sl_path_dialect(&sl_api_paths, sl_str_c(row->pattern), &(struct sl_headers){ 0 })->language;
        const struct {
            const char *name;
            bool is_there;
        } needs[] = {
            { "read_call", l->read_call },     { "write_reply", l->write_reply },
            { "write_delta", l->write_delta }, { "write_end", l->write_end },
            { "write_error", l->write_error }, { "write_stream_error", l->write_stream_error },
        };
        for (size_t i = 0; i < SL_ARRAY_LEN(needs); i++) {
            if (!needs[i].is_there) {
                fail_msg("%s: the language %s has no %s", row->pattern, l->name, needs[i].name);
            }
        }
        n++;
    }
    assert_true(n > 10);
}

/* No earlier row hides a later one with its path and method. And rows that change something need an admin. */
static void every_row_is_reached_and_guarded(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        unsigned bit;
    } methods[] = { { "GET", SL_GET }, { "HEAD", SL_HEAD },     { "POST", SL_POST },
                    { "PUT", SL_PUT }, { "DELETE", SL_DELETE }, { "PATCH", SL_PATCH } };
    struct sl_path_iter it = { 0 };
    unsigned n = 0;
    for (const struct sl_path *row; (row = sl_path_next(&sl_api_paths, &it)) != NULL; n++) {
        size_t before = strcspn(row->pattern, "{");
        struct sl_str target = row->pattern[before] ? sl_arena_printf(&arena, "%.*sx%s", (int)before, row->pattern,
                                                                      row->pattern + before + 2)
                                                    : sl_str_c(row->pattern);
        for (size_t i = 0; i < SL_ARRAY_LEN(methods); i++) {
            struct sl_path_match match;
            int r;
            if ((row->methods & methods[i].bit) &&
                sl_path_find(&sl_api_paths, sl_str_c(methods[i].name), target, &arena, &match, &r) != row) {
                fail_msg("%s %s is another row's", methods[i].name, row->pattern);
            }
        }
        bool is_guarded = row->access == SL_ACCESS_ADMIN || row->access == SL_ACCESS_GROUP_ADMIN ||
                          row->access == SL_ACCESS_OPERATOR ||
                          /* logging in and out, and ending one's own sessions: the handler looks whose they are */
                          sl_str_has_prefix(sl_str_c(row->pattern), SL_STR("/api/sluice/v1/session"));
        if (row->handle && (row->methods & ~(unsigned)(SL_GET | SL_HEAD)) && !is_guarded) {
            fail_msg("%s changes something, and any key may", row->pattern);
        }
    }
    assert_true(n > 30);
}

/* --- access --- */

static void a_credential_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *name2, *value2;
        const char *want; /* NULL: none */
        const char *query;
        bool is_torn;
        const char *own;
    } cases[] = {
        { "authorization", "Bearer abc", NULL, NULL, "abc" },
        { "Authorization", "bearer  abc ", NULL, NULL, "abc" },
        { "authorization", "Basic dXNlcjpwYXNz", NULL, NULL, "pass" },
        { "authorization", "Basic dXNlcg==", NULL, NULL, NULL }, /* no colon */
        { "authorization", "Basic dXN", NULL, NULL, NULL },
        { "authorization", "Basic !!!!", NULL, NULL, NULL },
        { "authorization", "Digest abc", NULL, NULL, NULL },
        { "authorization", "Bearer", NULL, NULL, NULL },
        { "x-api-key", "k1", NULL, NULL, "k1" },
        { "api-key", "k2", NULL, NULL, "k2" },
        { "authorization", "Bearer other", "x-api-key", "sk-sluice-1", "sk-sluice-1" },
        { "authorization", "Bearer first", "x-api-key", "second", "first" },
        { "x-goog-api-key", "k3", NULL, NULL, "k3" },
        { "x-goog-api-key", "k3", NULL, NULL, "k3", "k4" },
        { "x-goog-api-key", "sk-sluice-1", NULL, NULL, "sk-sluice-1", "sk-sluice-2", true },
        { "x-goog-api-key", "AIza-other", NULL, NULL, "sk-sluice-2", "sk-sluice-2" },
        { "host", "x", NULL, NULL, "k4", "k4" },
        { "host", "x", NULL, NULL, NULL },
        { "x-api-key", "k1", "X-Api-Key", "k1", "k1" },
        { "x-api-key", "k1", "X-Api-Key", "k2", "k1", NULL, true },
        { "api-key", "sk-sluice-1", "api-key", "k2", "sk-sluice-1", NULL, true },
        { "authorization", "Bearer k", "authorization", "Basic dXNlcjpwYXNz", "k", NULL, true },
        { "authorization", "Bearer sk-sluice-1", "x-api-key", "sk-sluice-1", "sk-sluice-1" },
        { "authorization", "Bearer sk-sluice-1", "x-api-key", "sk-sluice-2", "sk-sluice-1", NULL, true },
        { "authorization", "Bearer sk-sluice-1", "x-api-key", "sk-ant-2", "sk-sluice-1" },
        { "api-key", "sk-sluice-1", "x-api-key", "sk-sluice-2", "sk-sluice-2", NULL, true },
        { "x-own", "Bearer sk-sluice-1", "authorization", "Bearer sk-sluice-2", "sk-sluice-1", NULL, false, "x-own" },
        { "x-own", "Bearer sk-sluice-1", "X-Own", "Bearer sk-sluice-1", "sk-sluice-1", NULL, false, "x-own" },
        { "x-own", "Bearer sk-sluice-1", "X-Own", "Bearer sk-sluice-2", "sk-sluice-1", NULL, true, "x-own" },
        { "x-own", "Bearer other", "X-Own", "Bearer sk-sluice-2", "other", NULL, true, "x-own" },
        { "x-own", "Bearer sk-sluice-1", NULL, NULL, NULL },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_headers headers = { 0 };
        assert_int_equal(sl_headers_add(&headers, &arena, sl_str_c(cases[i].name), sl_str_c(cases[i].value)), 0);
        if (cases[i].name2) {
            assert_int_equal(sl_headers_add(&headers, &arena, sl_str_c(cases[i].name2), sl_str_c(cases[i].value2)), 0);
        }
        bool is_torn = false;
        struct sl_str got = sl_access_credential(&headers, cases[i].own, sl_str_c(cases[i].query), &arena, &is_torn);
        if (is_torn != cases[i].is_torn) {
            fail_msg("case %zu: is torn: %d", i, is_torn);
        }
        if (cases[i].want ? !sl_str_eq_c(got, cases[i].want) : got.n != 0) {
            fail_msg("case %zu: '%.*s'", i, SL_STR_ARG(got));
        }
    }
    /* A query with a key twice is refused, unless our own header decides. */
    for (int has_own = 0; has_own < 2; has_own++) {
        struct sl_headers headers = { 0 };
        bool is_torn = true;
        assert_int_equal(sl_headers_add(&headers, &arena, SL_STR("x-own"), SL_STR("Bearer sk-sluice-1")), 0);
        struct sl_str got = sl_access_credential(&headers, has_own ? "x-own" : NULL, SL_STR("k"), &arena, &is_torn);
        assert_true(sl_str_eq_c(got, has_own ? "sk-sluice-1" : "k") && is_torn == !has_own);
    }
}

static void a_key_opens_what_its_role_allows(void **state)
{
    (void)state;
    struct sl_key query = { .role = SL_ROLE_QUERY }, admin = { .role = SL_ROLE_ADMIN };
    struct sl_key old = { .role = SL_ROLE_ADMIN, .expires_sec = 100 };
    assert_int_equal(sl_access_judge(SL_ACCESS_QUERY, NULL, false, 0), SL_ACCESS_NO_KEY);
    assert_int_equal(sl_access_judge(SL_ACCESS_ADMIN, NULL, true, 0), SL_ACCESS_UNKNOWN);
    assert_int_equal(sl_access_judge(SL_ACCESS_QUERY, &query, true, 0), SL_ACCESS_GRANTED);
    assert_int_equal(sl_access_judge(SL_ACCESS_ADMIN, &query, true, 0), SL_ACCESS_FORBIDDEN);
    assert_int_equal(sl_access_judge(SL_ACCESS_ADMIN, &admin, true, 0), SL_ACCESS_GRANTED);
    assert_int_equal(sl_access_judge(SL_ACCESS_QUERY, &old, true, 99), SL_ACCESS_GRANTED);
    assert_int_equal(sl_access_judge(SL_ACCESS_QUERY, &old, true, 100), SL_ACCESS_EXPIRED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_path_leads_to_its_row, arena_begin, arena_end),
        cmocka_unit_test_setup_teardown(a_prefix_is_cut_in_whole_segments, arena_begin, arena_end),
        cmocka_unit_test_setup_teardown(a_path_says_its_methods, arena_begin, arena_end),
        cmocka_unit_test(pages_may_call_and_read_lists),
        cmocka_unit_test(a_path_has_a_dialect),
        cmocka_unit_test(every_dialect_has_a_whole_language),
        cmocka_unit_test_setup_teardown(every_row_is_reached_and_guarded, arena_begin, arena_end),
        cmocka_unit_test_setup_teardown(a_credential_is_found, arena_begin, arena_end),
        cmocka_unit_test(a_key_opens_what_its_role_allows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
