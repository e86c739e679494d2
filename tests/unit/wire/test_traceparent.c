/* SPDX-License-Identifier: Apache-2.0 */
/* The cases of W3C's Trace Context (section 3.2 and its test suite). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "wire/traceparent.h"

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN  "00f067aa0ba902b7"

static const struct {
    const char *text;
    int is_sampled; /* -1: malformed */
} cases[] = {
    { "00-" TRACE "-" SPAN "-01", 1 },
    { "00-" TRACE "-" SPAN "-00", 0 },
    { "00-" TRACE "-" SPAN "-03", 1 },
    { "00-" TRACE "-" SPAN "-fe", 0 },
    { "01-" TRACE "-" SPAN "-01", 1 }, /* a later version */
    { "cc-" TRACE "-" SPAN "-01-what-the-future-will-be-like", 1 },
    { "cc-" TRACE "-" SPAN "-01.", -1 },
    { "00-" TRACE "-" SPAN "-01-", -1 },
    { "00-" TRACE "-" SPAN "-01-more", -1 },
    { "ff-" TRACE "-" SPAN "-01", -1 },
    { "00-00000000000000000000000000000000-" SPAN "-01", -1 },
    { "00-0000000000000000a3ce929d0e0e4736-" SPAN "-01", 1 },
    { "00-4bf92f3577b34da60000000000000000-" SPAN "-01", 1 },
    { "00-" TRACE "-0000000000000000-01", -1 },
    { "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN "-01", -1 },
    { "00-" TRACE "-00F067AA0BA902B7-01", -1 },
    { "0A-" TRACE "-" SPAN "-01", -1 },
    { "00-" TRACE "-" SPAN "-0x", -1 },
    { "00-" TRACE "-" SPAN "-1", -1 },
    { "00-" TRACE "-" SPAN, -1 },
    { "00-" TRACE "." SPAN "-01", -1 },
    { "00_" TRACE "-" SPAN "-01", -1 },
    { "00-" TRACE "-" SPAN "_01", -1 },
    { "00-4bf92f3577b34da6a3ce929d0e0e473-" SPAN "-001", -1 },
    { "", -1 },
};

static void headers_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_traceparent got = { 0 };
        int r = sl_traceparent_read(sl_str_c(cases[i].text), &got);
        if (r != (cases[i].is_sampled < 0 ? SL_E_INVAL : 0) || (r == 0 && got.is_sampled != cases[i].is_sampled)) {
            fail_msg("%s: %d, sampled %d", cases[i].text, r, got.is_sampled);
        }
    }
}

static void what_is_read_is_written(void **state)
{
    (void)state;
    static const char *const texts[] = { "00-" TRACE "-" SPAN "-01", "00-" TRACE "-" SPAN "-00" };
    for (size_t i = 0; i < SL_ARRAY_LEN(texts); i++) {
        struct sl_traceparent got;
        char out[SL_TRACEPARENT_BYTES];
        assert_int_equal(sl_traceparent_read(sl_str_c(texts[i]), &got), 0);
        assert_true(got.trace[0] == 0x4bf92f3577b34da6 && got.trace[1] == 0xa3ce929d0e0e4736);
        assert_true(got.span == 0x00f067aa0ba902b7);
        sl_traceparent_format(&got, out);
        assert_memory_equal(out, texts[i], sizeof(out));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_read),
        cmocka_unit_test(what_is_read_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
