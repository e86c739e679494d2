/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "wire/headers.h"

static void dates_in_three_forms(void **state)
{
    (void)state;
    static const char *const good[] = { "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
                                        "Sun Nov  6 08:49:37 1994" };
    for (size_t i = 0; i < SL_ARRAY_LEN(good); i++) {
        int64_t t = 0;
        assert_int_equal(sl_parse_http_date(sl_str_c(good[i]), &t), 0);
        assert_int_equal(t, 784111777);
    }
    char text[30];
    sl_http_date(784111777, text);
    assert_string_equal(text, good[0]);
    static const char *const bad[] = { "", "Sun, 06 Nov 1994 08:49:37", "Xxx, 06 Nov 1994 08:49:37 GMT",
                                       "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT" };
    for (size_t i = 0; i < SL_ARRAY_LEN(bad); i++) {
        int64_t t;
        assert_int_equal(sl_parse_http_date(sl_str_c(bad[i]), &t), SL_E_INVAL);
    }
}

static void instants(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t sec;
    } good[] = { { "1994-11-06T08:49:37Z", 784111777 },
                 { "1994-11-06t08:49:37z", 784111777 },
                 { "1994-11-06T08:49:36.25Z", 784111777 },
                 { "1994-11-06T10:49:37+02:00", 784111777 },
                 { "1994-11-06T03:19:37-05:30", 784111777 } };
    for (size_t i = 0; i < SL_ARRAY_LEN(good); i++) {
        int64_t t = 0;
        assert_int_equal(sl_parse_instant(sl_str_c(good[i].text), &t), 0);
        assert_int_equal(t, good[i].sec);
    }
    static const char *const bad[] = { "",
                                       "1994-11-06T08:49:37",
                                       "1994-11-06 08:49:37Z",
                                       "1994-13-06T08:49:37Z",
                                       "1994-11-06T08:49:37.Q",
                                       "1994-11-06T08:49:37+2",
                                       "1994-11-06T08:49:37Zz" };
    for (size_t i = 0; i < SL_ARRAY_LEN(bad); i++) {
        int64_t t;
        assert_int_equal(sl_parse_instant(sl_str_c(bad[i]), &t), SL_E_INVAL);
    }
}

static void retry_after_in_two_forms(void **state)
{
    (void)state;
    uint64_t sec;
    assert_int_equal(sl_parse_retry_after(SL_STR(" 120 "), 0, &sec), 0);
    assert_int_equal(sec, 120);
    assert_int_equal(sl_parse_retry_after(SL_STR("Sun, 06 Nov 1994 08:49:37 GMT"), 784111770, &sec), 0);
    assert_int_equal(sec, 7);
    assert_int_equal(sl_parse_retry_after(SL_STR("Sun, 06 Nov 1994 08:49:37 GMT"), 784111790, &sec), 0);
    assert_int_equal(sec, 0);
    assert_true(sl_parse_retry_after(SL_STR("soon"), 0, &sec) < 0);
    assert_true(sl_parse_retry_after(SL_STR("-1"), 0, &sec) < 0);
}

static void lists_find_and_count(void **state)
{
    (void)state;
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    struct sl_headers h = { 0 };
    for (int i = 0; i < 40; i++) {
        assert_int_equal(sl_headers_add(&h, &arena, SL_STR("X"), SL_STR("y")), 0);
    }
    assert_int_equal(sl_headers_add(&h, &arena, SL_STR("Connection"), SL_STR("keep-alive ,\tClose")), 0);
    assert_int_equal(sl_headers_count(&h, "x"), 40);
    assert_true(sl_headers_has_token(&h, "connection", "close"));
    assert_false(sl_headers_has_token(&h, "connection", "clos"));
    assert_true(sl_header_is_hop_by_hop(SL_STR("Transfer-Encoding")));
    assert_false(sl_header_is_hop_by_hop(SL_STR("content-type")));
    assert_true(sl_header_is_visible(SL_STR("abc-1"), 5));
    assert_false(sl_header_is_visible(SL_STR("abc-12"), 5));
    assert_false(sl_header_is_visible(SL_STR("a b"), 5));
    assert_false(sl_header_is_visible(SL_STR(""), 5));
    sl_arena_done(&arena);
}

/* Eight bytes are looked at together: tries each byte at each place among them. */
static void each_byte_is_visible_or_not(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        for (size_t n = 1; n <= 17; n++) {
            for (size_t at = 0; at < n; at++) {
                char text[17];
                memset(text, at % 2 ? '!' : '~', n);
                text[at] = (char)c;
                bool want = c > 0x20 && c < 0x7f;
                if (sl_header_is_visible(sl_str_make(text, n), 17) != want) {
                    fail_msg("byte %d at %zu of %zu", c, at, n);
                }
            }
        }
    }
}

static void those_of_a_table_are_dropped(void **state)
{
    (void)state;
    static const struct sl_header_names names = { { [1] = { SL_STR_INIT("a"), SL_STR_INIT("b") } } };
    struct sl_arena arena;
    struct sl_headers h = { 0 };
    sl_arena_init(&arena, NULL);
    for (const char *name = "aBcAdb"; *name; name++) {
        assert_int_equal(sl_headers_add(&h, &arena, sl_str_make(name, 1), SL_STR("v")), 0);
    }
    sl_headers_drop_among(&h, &names);
    assert_int_equal(h.n, 2);
    assert_true(sl_str_eq_c(h.v[0].name, "c") && sl_str_eq_c(h.v[1].name, "d"));
    sl_arena_done(&arena);
}

static void some_belong_to_a_connection(void **state)
{
    (void)state;
    static const char *const names[] = { "connection",
                                         "keep-alive",
                                         "proxy-connection",
                                         "te",
                                         "trailer",
                                         "upgrade",
                                         "transfer-encoding",
                                         "proxy-authenticate",
                                         "proxy-authorization",
                                         "Proxy-Authorization" };
    for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
        assert_true(sl_header_is_hop_by_hop(sl_str_c(names[i])));
    }
    static const char *const others[] = { "",
                                          "ta",
                                          "Date",
                                          "upgrader",
                                          "transfer-encodings",
                                          "proxy-authorisation",
                                          "a-name-that-is-longer-than-any-which-is-looked-for" };
    for (size_t i = 0; i < SL_ARRAY_LEN(others); i++) {
        assert_false(sl_header_is_hop_by_hop(sl_str_c(others[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dates_in_three_forms),        cmocka_unit_test(instants),
        cmocka_unit_test(retry_after_in_two_forms),    cmocka_unit_test(lists_find_and_count),
        cmocka_unit_test(each_byte_is_visible_or_not), cmocka_unit_test(those_of_a_table_are_dropped),
        cmocka_unit_test(some_belong_to_a_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
