/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "json/scan.h"

static const struct {
    const char *text;
    const char *value; /* NULL: not found */
} cases[] = {
    { "{\"usage\":{\"a\":1}}", "{\"a\":1}" },
    { " { \"x\":{\"usage\":1} , \"usage\" : [1,\"]\\\"\",{}] , \"z\":\"usage\" } ", "[1,\"]\\\"\",{}]" },
    { "{\"usage\":1,\"usage\":null}", "null" },
    { "{\"usage\":\"a\\\\\"}", "\"a\\\\\"" },
    { "{\"a\":\"\\\"usage\\\":5\",\"b\":12 }", NULL },
    { "{\"usag\":1,\"usage2\":2,\"us\\u0061ge\":3}", NULL },
    { "[{\"usage\":1}]", "1" }, /* not an object: what lies in it is taken for one, no harm */
    { "{\"usage\":{\"a\":1", NULL },
    { "", NULL },
    { "not json at all", NULL },
    { "{\"usage\":\"a value that is much longer than the cap of sixty-four bytes, and so given up\"}", NULL },
};

static void found_however_it_is_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        size_t n = strlen(cases[i].text);
        for (size_t piece = 1; piece <= n + 1; piece++) {
            struct sl_json_scan scan;
            sl_json_scan_init(&scan, "usage", 64);
            for (size_t at = 0; at < n; at += piece) {
                sl_json_scan_push(&scan, sl_str_sub(sl_str_c(cases[i].text), at, at + piece));
            }
            struct sl_str value;
            bool found = sl_json_scan_value(&scan, &value);
            assert_int_equal(found, cases[i].value != NULL);
            if (found) {
                assert_true(sl_str_eq_c(value, cases[i].value));
            }
            sl_json_scan_done(&scan);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(found_however_it_is_split) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
