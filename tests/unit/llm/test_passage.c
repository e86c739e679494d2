/* SPDX-License-Identifier: Apache-2.0 */
/* The raw passage's rules, paths and queries: what passes, and that no path leads elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/arena.h"
#include "llm/core/passage.h"
#include "wire/uri.h"

static void rules_are_a_method_and_a_path(void **state)
{
    (void)state;
    static const struct {
        const char *rule, *fault; /* NULL: it is a rule */
    } rows[] = {
        { "GET /files/*", NULL },
        { "POST /files", NULL },
        { "DELETE  /v1/files/*/content", NULL },
        { "PATCH /a/b/**", NULL },
        { "GET", "must be a method and a path" },
        { "", "must be a method and a path" },
        { "/files", "must be a method and a path" },
        { "get /files", "must begin with GET" },
        { "HEAD /files", "must begin with GET" },
        { "GET files", "must name a path" },
        { "GET /", "must name a path" },
        { "GET /a?b", "must name a path alone" },
        { "GET /a%20", "must name a path alone" },
        { "GET /a//b", "must not have an empty segment" },
        { "GET /a/../b", "must not have an empty segment" },
        { "GET /a/", "must not have an empty segment" },
        { "GET /a/**/b", "may have ** as its last segment only" },
        { "GET /a**", "may have ** as its last segment only" },
        { "GET /**", "would let every path pass" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        const char *fault = sl_passage_rule_fault(sl_str_c(rows[i].rule));
        if (!fault != !rows[i].fault || (fault && strncmp(fault, rows[i].fault, strlen(rows[i].fault)) != 0)) {
            fail_msg("%s: %s", rows[i].rule, fault ? fault : "is one");
        }
    }
    assert_true(sl_passage_rule_is(SL_STR("GET /a"), SL_STR("GET")));
    assert_false(sl_passage_rule_is(SL_STR("GET /a"), SL_STR("GE")));
}

static void a_star_is_within_one_segment(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *path;
        bool fits;
    } rows[] = {
        { "/files", "/files", true },
        { "/files", "/files/", false },
        { "/files", "/file", false },
        { "/files/*", "/files/a", true },
        { "/files/*", "/files/", false },
        { "/files/*", "/files", false },
        { "/files/*", "/files/a/b", false },
        { "/files/*/content", "/files/a/content", true },
        { "/files/*/content", "/files/a/b/content", false },
        { "/models/*:generateContent", "/models/a:b:generateContent", true },
        { "/models/*:generateContent", "/models/a:generateContentX", false },
        { "/models/*:generateContent", "/models/a/b:generateContent", false },
        { "/a*b*c", "/axxbxbyc", true },
        { "/a*b*c", "/axxbxbyd", false },
        { "/a/**", "/a/b", true },
        { "/a/**", "/a/b/c/d", true },
        { "/a/**", "/a", false },
        { "/a/**", "/a/", false },
        { "/a/**", "/ab/c", false },
        { "/*/x/**", "/q/x/c/d", true },
        { "/*/x/**", "/q/y/c/d", false },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        if (sl_passage_fits(sl_str_c(rows[i].pattern), sl_str_c(rows[i].path)) != rows[i].fits) {
            fail_msg("%s %s", rows[i].pattern, rows[i].path);
        }
    }
}

static void no_path_leads_elsewhere(void **state)
{
    (void)state;
    static const char *const good[] = { "/v1/files/a", "/a.b/..c", "/a%20b", "/a/b;c", "/%C3%A9", "/a:b" };
    static const char *const bad[] = {
        "",        "a",      "/",       "/a/",           "//a",     "/a//b", "/.",      "/..",   "/a/..",
        "/a/../b", "/a/%2e", "/%2E./b", "/a%2fb",        "/a%5cb",  "/a\\b", "/a%00",   "/a%0a", "/a%7f",
        "/a%25b",  "/a%2",   "/a%",     "/a%zz",         "/..;x/b", "/;/b",  "/a/.;/b", "/a b",  "/a\x01",
        "/..%3b",  "/a%3Fb", "/a%23b",  "/%c0%ae%c0%ae", "/a%ff"
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(good); i++) {
        assert_null(sl_passage_path_fault(sl_str_c(good[i])));
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(bad); i++) {
        if (!sl_passage_path_fault(sl_str_c(bad[i]))) {
            fail_msg("%s", bad[i]);
        }
    }
}

static void a_path_stands_in_place_of_the_bases_last_segment(void **state)
{
    (void)state;
    static const struct {
        const char *base, *path, *full, *behind; /* behind NULL: not below the base */
    } rows[] = {
        { "https://h/v1", "/v1/files", "/v1/files", "/files" },
        { "https://h/v1", "/v2/files", "/v2/files", NULL },
        { "https://h/v1", "/v1", "/v1", NULL },
        { "https://h/openai/v1/", "/v1/files", "/openai/v1/files", "/files" },
        { "https://h", "/files", "/files", "/files" },
        { "https://h/", "/files", "/files", "/files" },
        { "https://h/v1beta", "/v1betax/files", "/v1betax/files", NULL },
    };
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct sl_uri base;
        assert_int_equal(sl_uri_parse(sl_str_c(rows[i].base), &base, NULL), 0);
        struct sl_str full = sl_passage_path(&base, sl_str_c(rows[i].path), &arena);
        struct sl_str behind = sl_passage_behind(&base, full);
        if (!sl_str_eq_c(full, rows[i].full) || !behind.p != !rows[i].behind ||
            (behind.p && !sl_str_eq_c(behind, rows[i].behind))) {
            fail_msg("%s %s: %.*s", rows[i].base, rows[i].path, SL_STR_ARG(full));
        }
    }
    static const char *const queries[][2] = { { "", "" },
                                              { "a=1&key=k", "a=1" },
                                              { "%4bEY=x&b", "b" },
                                              { "api_key=1&access_token=2", "" },
                                              { "%zz=1&c=%20", "c=%20" },
                                              { "$key=1&%24KEY=2&oauth_token=3&x-goog-api-key=4", "" },
                                              { "a;key=1&b;c=2&X-Api-Key", "b;c=2" } };
    for (size_t i = 0; i < SL_ARRAY_LEN(queries); i++) {
        assert_true(sl_str_eq_c(sl_passage_query(sl_str_c(queries[i][0]), &arena), queries[i][1]));
    }
    sl_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_a_method_and_a_path),
        cmocka_unit_test(a_star_is_within_one_segment),
        cmocka_unit_test(no_path_leads_elsewhere),
        cmocka_unit_test(a_path_stands_in_place_of_the_bases_last_segment),
    };
    return cmocka_run_group_tests_name("llm/passage", tests, NULL, NULL);
}
