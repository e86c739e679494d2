/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>

#include "base/num.h"

#define UNTOUCHED 4711

struct with_unit {
    const char *text;
    int want;
    uint64_t value;
};

static void units_check(const struct with_unit *cases, size_t n, int (*parse)(struct sl_str s, uint64_t *ret))
{
    for (size_t i = 0; i < n; i++) {
        uint64_t value = UNTOUCHED;
        int r = parse(sl_str_c(cases[i].text), &value);
        if (r != cases[i].want || value != (r == 0 ? cases[i].value : UNTOUCHED)) {
            fail_msg("%s: %s, %llu", cases[i].text, sl_err_name(r), (unsigned long long)value);
        }
    }
}

static void durations_need_a_unit(void **state)
{
    (void)state;
    static const struct with_unit cases[] = {
        { "250ms", 0, 250000 },
        { "0s", 0, 0 },
        { "007s", 0, 7000000 },
        { "5m", 0, 300000000 },
        { "1h", 0, 3600000000ULL },
        { "7d", 0, 604800000000ULL },
        { "106751991d", 0, 106751991 * 86400000000ULL },
        { "106751992d", SL_E_RANGE, 0 },
        { "99999999999999999999999s", SL_E_RANGE, 0 },
        { "", SL_E_INVAL, 0 },
        { "5", SL_E_INVAL, 0 },
        { "s", SL_E_INVAL, 0 },
        { "-1s", SL_E_INVAL, 0 },
        { "+1s", SL_E_INVAL, 0 },
        { "1.5s", SL_E_INVAL, 0 },
        { "1 s", SL_E_INVAL, 0 },
        { " 1s", SL_E_INVAL, 0 },
        { "1s ", SL_E_INVAL, 0 },
        { "1S", SL_E_INVAL, 0 },
        { "1us", SL_E_INVAL, 0 },
        { "1h30m", SL_E_INVAL, 0 },
    };
    units_check(cases, SL_ARRAY_LEN(cases), sl_parse_duration);
}

static void sizes_need_a_unit(void **state)
{
    (void)state;
    static const struct with_unit cases[] = {
        { "512B", 0, 512 },
        { "1kB", 0, 1000 },
        { "64KiB", 0, 65536 },
        { "2MB", 0, 2000000 },
        { "32MiB", 0, 33554432 },
        { "3GB", 0, 3000000000ULL },
        { "1GiB", 0, 1073741824 },
        { "8589934591GiB", 0, 8589934591ULL << 30 },
        { "8589934592GiB", SL_E_RANGE, 0 },
        { "64", SL_E_INVAL, 0 },
        { "64K", SL_E_INVAL, 0 },
        { "64kib", SL_E_INVAL, 0 },
        { "KiB", SL_E_INVAL, 0 },
        { "", SL_E_INVAL, 0 },
    };
    units_check(cases, SL_ARRAY_LEN(cases), sl_parse_size);
}

static void whole_numbers_may_be_written_as_in_json(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t min, max;
        int want;
        uint64_t value;
    } cases[] = {
        { "7", 0, 9, 0, 7 },
        { "18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX },
        { "7.0", 0, 9, 0, 7 },
        { "7e0", 0, 9, 0, 7 },
        { "1.5e1", 0, 99, 0, 15 },
        { "0.0", 0, 9, 0, 0 },
        { "10.0", 0, 9, SL_E_RANGE, 0 },
        { "2.0", 3, 9, SL_E_RANGE, 0 },
        { "7.5", 0, 9, SL_E_INVAL, 0 },
        { "-1.0", 0, 9, SL_E_INVAL, 0 },
        { "1e19", 0, UINT64_MAX, SL_E_INVAL, 0 },
        { "1e400", 0, 9, SL_E_INVAL, 0 },
        { "7.", 0, 9, SL_E_INVAL, 0 },
        { "seven", 0, 9, SL_E_INVAL, 0 },
        { "", 0, 9, SL_E_INVAL, 0 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        uint64_t value = UNTOUCHED;
        assert_int_equal(sl_parse_whole(sl_str_c(cases[i].text), cases[i].min, cases[i].max, &value), cases[i].want);
        assert_int_equal(value, cases[i].want == 0 ? cases[i].value : UNTOUCHED);
    }
}

static void integers_have_bounds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t min, max;
        int want;
        uint64_t value;
    } cases[] = {
        { "0", 0, UINT64_MAX, 0, 0 },
        { "18446744073709551615", 0, UINT64_MAX, 0, UINT64_MAX },
        { "18446744073709551616", 0, UINT64_MAX, SL_E_RANGE, 0 },
        { "18446744073709551616x", 0, UINT64_MAX, SL_E_INVAL, 0 }, /* a text that is no number is never too large */
        { "00000000000000000000000000001", 0, 1, 0, 1 },
        { "2", 3, 5, SL_E_RANGE, 0 },
        { "3", 3, 5, 0, 3 },
        { "5", 3, 5, 0, 5 },
        { "6", 3, 5, SL_E_RANGE, 0 },
        { "", 0, 9, SL_E_INVAL, 0 },
        { "-1", 0, 9, SL_E_INVAL, 0 },
        { "+1", 0, 9, SL_E_INVAL, 0 },
        { "0x1", 0, 9, SL_E_INVAL, 0 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        uint64_t value = UNTOUCHED;
        assert_int_equal(sl_parse_u64(sl_str_c(cases[i].text), cases[i].min, cases[i].max, &value), cases[i].want);
        assert_int_equal(value, cases[i].want == 0 ? cases[i].value : UNTOUCHED);
    }
    int64_t value;
    assert_int_equal(sl_parse_i64(SL_STR("-9223372036854775808"), INT64_MIN, INT64_MAX, &value), 0);
    assert_true(value == INT64_MIN);
    assert_int_equal(sl_parse_i64(SL_STR("9223372036854775807"), INT64_MIN, INT64_MAX, &value), 0);
    assert_true(value == INT64_MAX);
    assert_int_equal(sl_parse_i64(SL_STR("9223372036854775808"), INT64_MIN, INT64_MAX, &value), SL_E_RANGE);
    assert_int_equal(sl_parse_i64(SL_STR("-9223372036854775809"), INT64_MIN, INT64_MAX, &value), SL_E_RANGE);
    assert_int_equal(sl_parse_i64(SL_STR("-3"), -2, 2, &value), SL_E_RANGE);
    assert_int_equal(sl_parse_i64(SL_STR("-"), -2, 2, &value), SL_E_INVAL);
    assert_int_equal(sl_parse_i64(SL_STR("--1"), -2, 2, &value), SL_E_INVAL);
}

static void doubles_follow_the_grammar(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int want;
        double value;
    } cases[] = {
        { "0", 0, 0 },
        { "-0.5", 0, -0.5 },
        { "1e3", 0, 1000 },
        { "1.25E-2", 0, 0.0125 },
        { "1e400", SL_E_RANGE, 0 },
        { "01", SL_E_INVAL, 0 },
        { ".5", SL_E_INVAL, 0 },
        { "5.", SL_E_INVAL, 0 },
        { "1e", SL_E_INVAL, 0 },
        { "+1", SL_E_INVAL, 0 },
        { "nan", SL_E_INVAL, 0 },
        { "inf", SL_E_INVAL, 0 },
        { "0x1p3", SL_E_INVAL, 0 },
        { "1,5", SL_E_INVAL, 0 },
        { "", SL_E_INVAL, 0 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        double value = UNTOUCHED;
        assert_int_equal(sl_parse_double(sl_str_c(cases[i].text), &value), cases[i].want);
        assert_true(value == (cases[i].want == 0 ? cases[i].value : UNTOUCHED));
    }
    char digits[600];
    memset(digits, '1', sizeof(digits));
    double value;
    assert_int_equal(sl_parse_double(sl_str_make(digits, sizeof(digits)), &value), SL_E_RANGE);
}

static void hexadecimal_and_words(void **state)
{
    (void)state;
    uint64_t v;
    assert_int_equal(sl_parse_hex64(SL_STR("fFffffffffffffff"), &v), 0);
    assert_true(v == UINT64_MAX);
    assert_int_equal(sl_parse_hex64(SL_STR("10000000000000000"), &v), SL_E_RANGE);
    static const char *const bad[] = { "", "0x1", "g", " 1", "1 ", "-1", "@", "`" };
    for (size_t i = 0; i < SL_ARRAY_LEN(bad); i++) {
        assert_int_equal(sl_parse_hex64(sl_str_c(bad[i]), &v), SL_E_INVAL);
    }
    bool is_on;
    assert_int_equal(sl_parse_bool(SL_STR("YES"), &is_on), 0);
    assert_true(is_on);
    assert_int_equal(sl_parse_bool(SL_STR("off"), &is_on), 0);
    assert_false(is_on);
    assert_int_equal(sl_parse_bool(SL_STR("1"), &is_on), SL_E_INVAL);
    assert_int_equal(sl_parse_bool(SL_STR(""), &is_on), SL_E_INVAL);
}

static void written_as_they_are_read(void **state)
{
    (void)state;
    static const char *const durations[] = { "0s", "250ms", "290s", "1h", "90m", "7d", "1001ms" };
    static const char *const sizes[] = { "0B", "1B", "1000B", "64KiB", "32MiB", "1GiB", "1025B" };
    char text[32];
    uint64_t v;
    for (size_t i = 0; i < SL_ARRAY_LEN(durations); i++) {
        assert_int_equal(sl_parse_duration(sl_str_c(durations[i]), &v), 0);
        sl_format_duration(v, text);
        assert_string_equal(text, durations[i]);
        assert_int_equal(sl_parse_size(sl_str_c(sizes[i]), &v), 0);
        sl_format_size(v, text);
        assert_string_equal(text, sizes[i]);
    }
    char digits[20];
    assert_int_equal(sl_format_u64(UINT64_MAX, digits), 20);
    assert_memory_equal(digits, "18446744073709551615", 20);
    assert_int_equal(sl_format_u64(0, digits), 1);
    assert_int_equal(digits[0], '0');
    char *end = sl_format_hex(0x0123456789abcdef, 16, digits);
    end = sl_format_hex(0xf0a, 2, end);
    assert_int_equal(end - digits, 18);
    assert_memory_equal(digits, "0123456789abcdef0a", 18);
    for (uint64_t power = 1; power < UINT64_MAX / 10; power *= 10) {
        for (uint64_t near = power - 1; near <= power + 1; near++) {
            char want[24];
            int n = snprintf(want, sizeof(want), "%" PRIu64, near);
            assert_int_equal(sl_format_u64(near, digits), n);
            assert_memory_equal(digits, want, (size_t)n);
        }
    }
}

static void dollars_are_exact(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int r;
        uint64_t nano;
        const char *shown;
    } cases[] = {
        { "0", 0, 0, "0" },
        { "100", 0, 100000000000, "100" },
        { "12.50", 0, 12500000000, "12.5" },
        { "0.000000001", 0, 1, "0.000000001" },
        { "0.1", 0, 100000000, "0.1" },
        { "1e3", 0, 1000000000000, "1000" },
        { "2.5E-6", 0, 2500, "0.0000025" },
        { "1000000000", 0, 1000000000000000000, "1000000000" },
        { "1000000000.000000001", SL_E_RANGE, 0, NULL },
        { "1e99", SL_E_RANGE, 0, NULL },
        { "0.0000000001", 0, 0, NULL },
        { "0.12345678951", 0, 123456790, NULL },
        { "-1", SL_E_RANGE, 0, NULL },
        { "-1e3", SL_E_RANGE, 0, NULL },
        { "$5", SL_E_INVAL, 0, NULL },
        { "1.", SL_E_INVAL, 0, NULL },
        { ".5", SL_E_INVAL, 0, NULL },
        { "", SL_E_INVAL, 0, NULL },
        { "99999999999999999999", SL_E_RANGE, 0, NULL },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        uint64_t nano = 0;
        char text[SL_DOLLARS_TEXT_MAX];
        int r = sl_parse_dollars(sl_str_c(cases[i].text), 1000000000000000000, &nano);
        if (r != cases[i].r || nano != cases[i].nano) {
            fail_msg("case %zu: %s: %d, %llu", i, cases[i].text, r, (unsigned long long)nano);
        }
        if (cases[i].shown) {
            assert_true(sl_str_eq_c(sl_str_make(text, sl_format_dollars(nano, text)), cases[i].shown));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dollars_are_exact),
        cmocka_unit_test(durations_need_a_unit),
        cmocka_unit_test(sizes_need_a_unit),
        cmocka_unit_test(integers_have_bounds),
        cmocka_unit_test(whole_numbers_may_be_written_as_in_json),
        cmocka_unit_test(doubles_follow_the_grammar),
        cmocka_unit_test(hexadecimal_and_words),
        cmocka_unit_test(written_as_they_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
