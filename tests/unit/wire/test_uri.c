/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/arena.h"
#include "wire/uri.h"

static const struct {
    const char *text;
    const char *host, *path, *query;
    uint16_t port; /* 0: refused */
} uris[] = {
    { "http://a", "a", "", "", 80 },
    { "https://api.example:8443/v1/?x=1", "api.example", "/v1/", "x=1", 8443 },
    { "HTTPS://user:p@ss@h:1/", "h", "/", "", 1 },
    { "http://[::1]:5000/x", "::1", "/x", "", 5000 },
    { "http://a?q", "a", "", "q", 80 },
    { "ftp://a", NULL, NULL, NULL, 0 },
    { "http://", NULL, NULL, NULL, 0 },
    { "http://a:0/", NULL, NULL, NULL, 0 },
    { "http://a:99999/", NULL, NULL, NULL, 0 },
    { "http://a b/", NULL, NULL, NULL, 0 },
    { "http://a\x01/", NULL, NULL, NULL, 0 },
    { "http://a/#f", NULL, NULL, NULL, 0 },
    { "http://[::1/", NULL, NULL, NULL, 0 },
    { "http://a%20b/", NULL, NULL, NULL, 0 },
    { "a", NULL, NULL, NULL, 0 },
};

static void urls_are_taken_apart_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(uris); i++) {
        struct sl_uri uri;
        struct sl_err err = { 0 };
        int r = sl_uri_parse(sl_str_c(uris[i].text), &uri, &err);
        if (uris[i].port == 0) {
            assert_int_equal(r, SL_E_INVAL);
            assert_true(err.text[0]);
            continue;
        }
        assert_int_equal(r, 0);
        assert_true(sl_str_eq_c(uri.host, uris[i].host));
        assert_true(sl_str_eq_c(uri.path, uris[i].path));
        assert_true(sl_str_eq_c(uri.query, uris[i].query));
        assert_int_equal(uri.port, uris[i].port);
    }
}

static void joins_and_decodes(void **state)
{
    (void)state;
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    static const struct {
        const char *base, *rel, *target;
    } joins[] = {
        { "https://h/v1", "chat/completions", "/v1/chat/completions" },
        { "https://h/v1/", "/chat", "/v1/chat" },
        { "https://h", "x", "/x" },
        { "https://h/v1?api-version=1", "x", "/v1/x?api-version=1" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(joins); i++) {
        struct sl_uri uri;
        struct sl_str target;
        assert_int_equal(sl_uri_parse(sl_str_c(joins[i].base), &uri, NULL), 0);
        assert_int_equal(sl_uri_join(&uri, sl_str_c(joins[i].rel), &arena, &target), 0);
        assert_true(sl_str_eq_c(target, joins[i].target));
    }
    struct sl_str s;
    assert_int_equal(sl_percent_decode(SL_STR("a%20b+%2f%00"), &arena, &s), 0);
    assert_true(sl_str_eq(s, sl_str_make("a b+/\0", 6)));
    assert_int_equal(sl_percent_decode(SL_STR("a%2"), &arena, &s), SL_E_INVAL);
    assert_int_equal(sl_percent_decode(SL_STR("a%"), &arena, &s), SL_E_INVAL);
    assert_int_equal(sl_percent_decode(SL_STR("%gg"), &arena, &s), SL_E_INVAL);
    assert_true(sl_query_get(SL_STR("a=1&page_token=x%3D+y&b"), "page_token", &arena, &s));
    assert_true(sl_str_eq_c(s, "x= y"));
    assert_false(sl_query_get(SL_STR("a=1"), "page_token", &arena, &s));
    static const struct {
        const char *query;
        bool is_torn;
    } twice[] = {
        { "", false },
        { "key=a", false },
        { "key=a&k=b", false },
        { "key=a&key=a", false },
        { "key=a&key=b", true },
        { "key=a&x&%6bey=b", true },
        { "key=a&key=%61", false },
        { "key=a&key", true },
        { "key=a&key=%6", true },
        { "key=a&key=a&key=b", true },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(twice); i++) {
        if (sl_query_is_torn(sl_str_c(twice[i].query), "key", &arena) != twice[i].is_torn) {
            fail_msg("%s", twice[i].query);
        }
    }
    struct sl_str path, query;
    assert_int_equal(sl_target_parse(SL_STR("http://h:1/x?y"), &path, &query, NULL), 0);
    assert_true(sl_str_eq_c(path, "/x") && sl_str_eq_c(query, "y"));
    assert_int_equal(sl_target_parse(SL_STR("/x#f"), &path, &query, NULL), SL_E_INVAL);
    assert_int_equal(sl_target_parse(SL_STR("x"), &path, &query, NULL), SL_E_INVAL);
    sl_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls_are_taken_apart_or_refused),
        cmocka_unit_test(joins_and_decodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
