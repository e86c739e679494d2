/* SPDX-License-Identifier: Apache-2.0 */
/* The data directory: how failures are reported. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/dir.h"
#include "store/seal.h"

/* The check whether the directory exists must not hide why it could not be made. */
static void the_reason_is_the_first_one(void **state)
{
    (void)state;
    struct sl_err err = { 0 };
    assert_true(sl_dir_make("/sys/sluice-test/data", &err) < 0); /* no user may make one there */
    assert_non_null(strstr(err.text, "cannot make the data directory /sys/sluice-test: "));
    assert_null(strstr(err.text, strerror(ENOENT)));
}

/* A file that takes only a part of what is written: no call has failed, so no error number says why. */
static void half_a_key_is_a_full_disk(void **state)
{
    (void)state;
    char dir[] = "/tmp/sluice-dir-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    struct rlimit before, small = { 40, 40 };
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    struct sl_seal seal = { 0 };
    struct sl_err err = { 0 };
    errno = 0;
    int r = sl_dir_key(dir, true, &seal, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(r < 0);
    assert_non_null(strstr(err.text, strerror(ENOSPC)));
    snprintf(path, sizeof(path), "%s/secret.key.new", dir);
    assert_int_equal(access(path, F_OK), -1); /* the incomplete file is not left behind */
    assert_int_equal(rmdir(dir), 0);
}

/* Nothing to rename. */
static void a_next_key_that_is_missing_is_named(void **state)
{
    (void)state;
    char dir[] = "/tmp/sluice-dir-XXXXXX";
    assert_non_null(mkdtemp(dir));
    struct sl_err err = { 0 };
    assert_true(sl_dir_next_adopt(dir, &err) < 0);
    assert_non_null(strstr(err.text, strerror(ENOENT)));
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_reason_is_the_first_one),
        cmocka_unit_test(half_a_key_is_a_full_disk),
        cmocka_unit_test(a_next_key_that_is_missing_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
