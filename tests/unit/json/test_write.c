/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>

#include "base/buf.h"
#include "json/json.h"
#include "json/write.h"

static void compact_json_comes_out(void **state)
{
    (void)state;
    struct sl_buf out = SL_BUF_INIT(4096);
    struct sl_jw w;
    sl_jw_init(&w, &out);
    sl_jw_object(&w);
    sl_jw_member_str(&w, "a", SL_STR("x\"\\\n\x01\xc3\xa9\xff y"));
    sl_jw_member_str(&w, "none", SL_STR_NONE);
    sl_jw_key(&w, "list");
    sl_jw_array(&w);
    sl_jw_i64(&w, INT64_MIN);
    sl_jw_u64(&w, UINT64_MAX);
    sl_jw_bool(&w, true);
    sl_jw_object(&w);
    sl_jw_end(&w);
    sl_jw_raw(&w, SL_STR("{\"r\":1}"));
    sl_jw_end(&w);
    sl_jw_member_null(&w, "n");
    sl_jw_end(&w);
    assert_int_equal(sl_buf_status(&out), 0);
    assert_true(sl_str_eq(
        sl_buf_str(&out),
        SL_STR("{\"a\":\"x\\\"\\\\\\n\\u0001\xc3\xa9\xef\xbf\xbd y\",\"none\":null,\"list\":[-9223372036854775808,"
               "18446744073709551615,true,{},{\"r\":1}],\"n\":null}")));
    sl_buf_done(&out);
}

static void doubles_are_spelt_as_python_does(void **state)
{
    (void)state;
    static const struct {
        double v;
        const char *text;
    } cases[] = {
        { 1, "1.0" },
        { 0, "0.0" },
        { -0.0, "-0.0" },
        { 0.1, "0.1" },
        { 1e16, "1e+16" },
        { 1e15, "1000000000000000.0" },
        { 1e-5, "1e-05" },
        { 1e-4, "0.0001" },
        { 123456789.125, "123456789.125" },
        { 5e-324, "5e-324" },
        { 1.0 / 3, "0.3333333333333333" },
        { NAN, "null" },
        { INFINITY, "null" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_buf out = SL_BUF_INIT(64);
        struct sl_jw w;
        sl_jw_init(&w, &out);
        sl_jw_double(&w, cases[i].v);
        if (!sl_str_eq_c(sl_buf_str(&out), cases[i].text)) {
            fail_msg("%s: %.*s", cases[i].text, (int)out.len, out.p);
        }
        sl_buf_done(&out);
    }
}

static void texts_of_a_list_become_one(void **state)
{
    (void)state;
    static const struct {
        const char *list, *want;
    } rows[] = {
        { "[{\"t\":\"a\\n\"},{\"t\":\"\"},{\"t\":\"\\u00e9\"}]", "{\"k\":\"a\\n\\u00e9\",\"n\":1}" },
        { "[{\"t\":1},{},7,{\"t\":\"x\"}]", "{\"k\":\"x\",\"n\":1}" },
        { "[]", "{\"k\":\"\",\"n\":1}" },
        { "{\"t\":\"a\"}", "{\"k\":\"\",\"n\":1}" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct sl_buf out = SL_BUF_INIT(4096);
        struct sl_json doc;
        struct sl_jw w;
        sl_json_init(&doc, NULL);
        assert_int_equal(sl_json_parse(&doc, sl_str_c(rows[i].list)), 0);
        sl_jw_init(&w, &out);
        sl_jw_object(&w);
        sl_jw_member_join(&w, "k", sl_json_root(&doc), "t");
        sl_jw_member_u64(&w, "n", 1);
        sl_jw_end(&w);
        assert_true(sl_str_eq_c(sl_buf_str(&out), rows[i].want));
        sl_json_done(&doc);
        sl_buf_done(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compact_json_comes_out),
        cmocka_unit_test(texts_of_a_list_become_one),
        cmocka_unit_test(doubles_are_spelt_as_python_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
