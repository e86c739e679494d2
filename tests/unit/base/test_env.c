/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets of the environment: moved away at the first read, kept for later reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/env.h"

static void test_moved(void **state)
{
    (void)state;
    static char first[] = "SLUICE_TEST_ONE=first-secret", second[] = "SLUICE_TEST_TWO=second-secret";
    assert_int_equal(putenv(first), 0); /* the text itself becomes part of the environment */
    assert_int_equal(putenv(second), 0);
    assert_null(sl_env_secret("SLUICE_TEST_NONE"));
    const char *kept = sl_env_secret("SLUICE_TEST_ONE");
    assert_string_equal(kept, "first-secret");
    assert_null(getenv("SLUICE_TEST_ONE"));
    assert_string_equal(first, "SLUICE_TEST_ONE=");
    assert_memory_equal(first + 16, "\0\0\0\0\0\0\0\0\0\0\0\0", 12);
    assert_ptr_equal(sl_env_secret("SLUICE_TEST_ONE"), kept);

    sl_env_secrets_freeze();
    assert_string_equal(sl_env_secret("SLUICE_TEST_TWO"), "second-secret");
    assert_string_equal(getenv("SLUICE_TEST_TWO"), ""); /* others may walk the list: it stays unchanged */
    assert_memory_equal(second + 16, "\0\0\0\0\0\0\0\0\0\0\0\0\0", 13);
    assert_string_equal(sl_env_secret("SLUICE_TEST_TWO"), "second-secret");
    sl_env_secrets_done();
}

static void test_many_and_large(void **state)
{
    (void)state;
    char name[32], value[64];
    static char large[40000];
    memset(large, 'x', sizeof(large) - 1);
    assert_int_equal(setenv("SLUICE_TEST_LARGE", large, 1), 0);
    assert_int_equal(setenv("SLUICE_TEST_EMPTY", "", 1), 0);
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < 1000; i++) {
            snprintf(name, sizeof(name), "SLUICE_TEST_%d", i);
            snprintf(value, sizeof(value), "value-%d-0123456789012345678901234567", i);
            assert_true(pass || setenv(name, value, 1) == 0);
            assert_string_equal(sl_env_secret(name), value);
        }
        assert_string_equal(sl_env_secret("SLUICE_TEST_LARGE"), large);
        assert_string_equal(sl_env_secret("SLUICE_TEST_EMPTY"), "");
    }
    sl_env_secrets_done();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_moved), cmocka_unit_test(test_many_and_large) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
