/* SPDX-License-Identifier: Apache-2.0 */
/* What readers of replies share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "llm/core/reading.h"

/* Characters of one to four bytes, at each place in a group of eight. */
static void characters_are_counted(void **state)
{
    (void)state;
    static const char *const chars[] = { "a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\x7f" };
    char text[256];
    for (size_t which = 0; which < SL_ARRAY_LEN(chars); which++) {
        for (size_t before = 0; before < 20; before++) {
            for (size_t n = 0; n < 20; n++) {
                size_t at = before;
                memset(text, 'x', before);
                for (size_t i = 0; i < n; i++) {
                    memcpy(text + at, chars[which], strlen(chars[which]));
                    at += strlen(chars[which]);
                }
                assert_int_equal(sl_reading_chars(sl_str_make(text, at)), before + n);
            }
        }
    }
    assert_int_equal(sl_reading_chars(SL_STR_NONE), 0);
    assert_int_equal(sl_reading_chars(SL_STR("\x80\x80\x80\x80\x80\x80\x80\x80\x80")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(characters_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
