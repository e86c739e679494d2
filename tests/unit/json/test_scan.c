/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "json/scan.h"

static const struct {
    const char *text;
    const char *value; /* NULL: not found */
} cases[] = {
    { "{\"usage\":{\"a\":1}}", "{\"a\":1}" },
    { " { \"x\":{\"usage\":1} , \"usage\" : [1,\"]\\\"\",{}] , \"z\":\"usage\" } ", "[1,\"]\\\"\",{}]" },
    { "{\"usage\":1,\"usage\":null}", "null" },
    { "{\"usage\":1,\"usage\" : ", "1" },
    { "{\"a\":1,\"a name that is longer than any that is wanted\":{\"b\":\"\\\\\"},\"usage\":2}", "2" },
    { "{\"usage\":\"a\\\\\"}", "\"a\\\\\"" },
    { "{\"a\":\"\\\"usage\\\":5\",\"b\":12 }", NULL },
    { "{\"usag\":1,\"usage2\":2,\"us\\u0061ge\":3}", NULL },
    { "[{\"usage\":1}]", "1" }, /* not an object: its content is read as if it were one, which does no harm */
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
            sl_json_scan_init(&scan, &(struct sl_json_scan_want){ SL_STR_INIT("usage"), 64 }, 1);
            for (size_t at = 0; at < n; at += piece) {
                sl_json_scan_push(&scan, sl_str_sub(sl_str_c(cases[i].text), at, at + piece));
            }
            struct sl_str value;
            bool found = sl_json_scan_value(&scan, 0, &value);
            assert_int_equal(found, cases[i].value != NULL);
            if (found) {
                assert_true(sl_str_eq_c(value, cases[i].value));
            }
            sl_json_scan_done(&scan);
        }
    }
}

/* Several members at once: how each begins, whether it is empty, and what was kept. */
static const struct {
    const char *text;
    char first;              /* of the text */
    const char *begins;      /* of usage, error, choices: '-' where it was not seen */
    const char *filled;      /* the same: 'y' or 'n' */
    const char *error_value; /* NULL: none */
} several[] = {
    { "{\"error\":{},\"choices\":[]}", '{', "-{[", "nnn", "{}" },
    { "{\"error\": { } ,\"choices\" : [ ] }", '{', "-{[", "nnn", "{ }" },
    { "{\"choices\":[{\"a\":[]}],\"usage\":{\"n\":1}}", '{', "{-[", "yny", NULL },
    { "\xef\xbb\xbf {\"error\":null}", '{', "-n-", "nyn", "null" },
    { "{\"error\":\"\",\"choices\":\"x\"}", '{', "-\"\"", "nny", "\"\"" },
    { "{\"errors\":1,\"erro\":2,\"choice\":3}", '{', "---", "nnn", NULL },
    { "{\"error\":{\"a\":1},\"error\":false}", '{', "-f-", "nyn", "false" },
    { "<html>{\"error\":1}", '<', "-1-", "nyn", "1" },
    { "[]", '[', "---", "nnn", NULL },
    { "null", 'n', "---", "nnn", NULL },
    { "", '\0', "---", "nnn", NULL },
    { "{\"choices\":[", '{', "--[", "nnn", NULL },
    { "{\"choices\":[1", '{', "--[", "nny", NULL },
};

static void members_are_noted_however_it_is_split(void **state)
{
    (void)state;
    static const struct sl_json_scan_want wants[] = { { SL_STR_INIT("usage"), 64 },
                                                      { SL_STR_INIT("error"), 64 },
                                                      { SL_STR_INIT("choices"), 0 } };
    for (size_t i = 0; i < SL_ARRAY_LEN(several); i++) {
        size_t n = strlen(several[i].text);
        for (size_t piece = 1; piece <= n + 1; piece++) {
            struct sl_json_scan scan;
            sl_json_scan_init(&scan, wants, SL_ARRAY_LEN(wants));
            for (size_t at = 0; at < n; at += piece) {
                sl_json_scan_push(&scan, sl_str_sub(sl_str_c(several[i].text), at, at + piece));
            }
            assert_int_equal(scan.first, several[i].first);
            for (size_t k = 0; k < SL_ARRAY_LEN(wants); k++) {
                char begins = several[i].begins[k];
                assert_int_equal(scan.members[k].first, begins == '-' ? '\0' : begins);
                assert_int_equal(scan.members[k].is_filled, several[i].filled[k] == 'y');
            }
            struct sl_str value;
            bool found = sl_json_scan_value(&scan, 1, &value);
            assert_int_equal(found, several[i].error_value != NULL);
            assert_true(!found || sl_str_eq_c(value, several[i].error_value));
            sl_json_scan_done(&scan);
        }
    }
}

/* A NUL after a wanted name is not its end. */
/* Short members that nobody asked for are skipped at once: names and values of each length, before and behind ones
 * that count. */
static void short_members_are_skipped_however_it_is_split(void **state)
{
    (void)state;
    static const struct {
        const char *begin, *end;
    } values[] = {
        { "\"", "\"" }, { "\"", "\\\"\"" }, { "1", "" }, { "{\"", "\":\"usage\"}" }, { "[\"", "\"]" }, { " \"", "\" " },
    };
    static const char letters[] = "usageabcdefghijklmnopqrstuvwxyz0123456789";
    for (size_t i = 0; i < SL_ARRAY_LEN(values); i++) {
        for (int n = 0; n < 40; n++) {
            char text[1024], value[128];
            snprintf(value, sizeof(value), "%s%.*s%s", values[i].begin, n, letters, values[i].end);
            size_t len = (size_t)snprintf(
                text, sizeof(text),
                "{\"id\":1,\"usage\":%d,\"%.*s2\":%s,\"b\":%s,\"usag\":%s,\"usage\":\"%d\",\"c\":null,\"%s\":%s}", n, n,
                letters, value, value, value, n, letters, value);
            char want[16];
            snprintf(want, sizeof(want), "\"%d\"", n);
            for (size_t piece = 1; piece <= len; piece = piece < 4 ? piece + 1 : piece * 3 + 1) {
                struct sl_json_scan scan;
                struct sl_str got;
                sl_json_scan_init(&scan, &(struct sl_json_scan_want){ SL_STR_INIT("usage"), 64 }, 1);
                for (size_t at = 0; at < len; at += piece) {
                    sl_json_scan_push(&scan, sl_str_sub(sl_str_make(text, len), at, at + piece));
                }
                assert_true(sl_json_scan_value(&scan, 0, &got) && sl_str_eq_c(got, want));
                assert_false(sl_json_scan_is_cut(&scan));
                sl_json_scan_done(&scan);
            }
        }
    }
}

static void a_nul_is_in_no_name(void **state)
{
    (void)state;
    static const struct sl_json_scan_want wants[] = { { SL_STR_INIT("usage"), 64 } };
    struct sl_json_scan scan;
    sl_json_scan_init(&scan, wants, 1);
    sl_json_scan_push(&scan, SL_STR("{\"usage\0\0\0\":1,\"usage\0\":2}"));
    assert_int_equal(scan.members[0].first, '\0');
    sl_json_scan_done(&scan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_however_it_is_split),
        cmocka_unit_test(members_are_noted_however_it_is_split),
        cmocka_unit_test(short_members_are_skipped_however_it_is_split),
        cmocka_unit_test(a_nul_is_in_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
