/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/str.h"

static void compared_and_cut(void **state)
{
    (void)state;
    struct sl_str s = SL_STR("Content-Length");
    assert_true(sl_str_case_eq(s, SL_STR("cONTENT-lENGTH")));
    assert_false(sl_str_case_eq(SL_STR("a@["), SL_STR("a`{"))); /* next to the letters, 32 apart */
    assert_false(sl_str_case_eq(SL_STR("\xc3\x84"), SL_STR("\xc3\xa4")));
    assert_true(sl_str_has_prefix(s, SL_STR("Content")) && sl_str_has_prefix(s, SL_STR("")));
    assert_false(sl_str_has_prefix(SL_STR("Con"), SL_STR("Content")));
    assert_true(sl_str_has_suffix(s, SL_STR("-Length")) && sl_str_has_suffix(s, s));
    assert_false(sl_str_has_suffix(SL_STR("h"), SL_STR("-Length")));
    assert_int_equal(sl_str_find(SL_STR("aXaXb"), SL_STR("aXb"), 0), 2);
    assert_int_equal(sl_str_find(SL_STR("abab"), SL_STR("ab"), 1), 2);
    assert_int_equal(sl_str_find(SL_STR("abab"), SL_STR("ab"), 3), -1);
    assert_int_equal(sl_str_find(SL_STR("ab"), SL_STR("abc"), 0), -1);
    assert_int_equal(sl_str_find_char(sl_str_make("a\0b", 3), 'b', 0), 2);
    assert_int_equal(sl_str_find_char(SL_STR("abc"), 'a', 1), -1);
    assert_true(sl_str_eq_c(sl_str_trim(SL_STR(" \t a b\t ")), "a b"));
    assert_int_equal(sl_str_trim(SL_STR(" \t ")).n, 0);
    assert_true(sl_str_cmp(SL_STR("a"), SL_STR("b")) < 0 && sl_str_cmp(SL_STR("b"), SL_STR("a")) > 0);
    assert_int_equal(sl_str_cmp(s, s), 0);
    assert_true(sl_str_eq_c(sl_str_sub(s, 8, 99), "Length"));
    assert_int_equal(sl_str_sub(s, 99, 100).n, 0);
    assert_int_equal(sl_str_sub(s, 5, 2).n, 0);
}

static void split_at_a_character(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *parts; /* joined by '|' */
    } cases[] = { { "a,b", "a|b" }, { "a", "a" }, { "a,", "a|" }, { ",a", "|a" }, { ",", "|" }, { "a,,b", "a||b" } };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        char got[64] = "";
        size_t n = 0;
        struct sl_str rest = sl_str_c(cases[i].text), part;
        for (int k = 0; sl_str_next(&rest, ',', &part); k++) {
            n += (size_t)snprintf(got + n, sizeof(got) - n, "%s%.*s", k ? "|" : "", SL_STR_ARG(part));
        }
        assert_string_equal(got, cases[i].parts);
    }
}

static void utf8_is_checked_whole(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool want;
    } cases[] = {
        { "", true },
        { "plain", true },
        { "\xc3\xa9", true },
        { "\xe2\x82\xac", true },
        { "\xf0\x9f\x98\x80", true },
        { "\xf4\x8f\xbf\xbf", true },  /* U+10FFFF */
        { "\xf4\x90\x80\x80", false }, /* one more */
        { "\xed\x9f\xbf", true },      /* U+D7FF */
        { "\xed\xa0\x80", false },     /* a surrogate */
        { "\xc0\x80", false },         /* overlong */
        { "\xc1\xbf", false },
        { "\xe0\x9f\xbf", false },
        { "\xf0\x8f\xbf\xbf", false },
        { "\x80", false },
        { "\xc3", false },
        { "\xe2\x82", false },
        { "\xf0\x9f\x98", false },
        { "\xc3(", false },
        { "\xff", false },
    };
    char text[64];
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        /* At every place of a run of plain characters: the check may take many bytes at once. */
        for (size_t at = 0; at < 40; at++) {
            size_t n = strlen(cases[i].text);
            memset(text, 'x', sizeof(text));
            memcpy(text + at, cases[i].text, n);
            if (sl_str_is_utf8(sl_str_make(text, at + n)) != cases[i].want ||
                sl_str_is_utf8(sl_str_make(text, at + n + 17)) != cases[i].want) {
                fail_msg("case %zu at %zu", i, at);
            }
        }
    }
}

static void distance_is_the_number_of_edits(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        size_t cap, want;
    } cases[] = {
        { "listen", "listen", 4, 0 }, { "lisen", "listen", 4, 1 },
        { "listem", "listen", 4, 1 }, { "a", "", 4, 1 },
        { "atuh", "auth", 9, 1 },     { "ca", "abc", 9, 3 },
        { "opnaei", "openai", 9, 2 }, { "kitten", "sitting", 9, 3 },
        { "abcdef", "uvwxyz", 3, 3 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        assert_int_equal(sl_str_distance(sl_str_c(cases[i].a), sl_str_c(cases[i].b), cases[i].cap), cases[i].want);
        assert_int_equal(sl_str_distance(sl_str_c(cases[i].b), sl_str_c(cases[i].a), cases[i].cap), cases[i].want);
    }
}

/* Every pair of bytes, at every place of texts that are compared by bytes and by eights. */
static void the_case_is_of_ascii_letters_only(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 20; n++) {
        for (size_t at = 0; at < n; at++) {
            char a[20], b[20];
            memset(a, 'q', n);
            memset(b, 'Q', n);
            for (int x = 0; x < 256; x++) {
                for (int y = 0; y < 256; y++) {
                    a[at] = (char)x;
                    b[at] = (char)y;
                    bool is_letter = (x | 0x20) >= 'a' && (x | 0x20) <= 'z';
                    bool want = x == y || (is_letter && (x ^ y) == 0x20);
                    if (sl_str_case_eq_n(a, b, n) != want) {
                        fail_msg("%d and %d at %zu of %zu", x, y, at, n);
                    }
                }
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compared_and_cut),
        cmocka_unit_test(the_case_is_of_ascii_letters_only),
        cmocka_unit_test(split_at_a_character),
        cmocka_unit_test(utf8_is_checked_whole),
        cmocka_unit_test(distance_is_the_number_of_edits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
