/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "gate/watch/faults.h"

static void note(struct sl_faults *faults, const char *route, const char *target, uint64_t at, const char *text)
{
    struct sl_fault fault = { .at_wall_usec = at, .type = SL_ERR_PROVIDER_BILLING, .status = 402 };
    snprintf(fault.text, sizeof(fault.text), "%s", text);
    sl_faults_note(faults, sl_str_c(route), sl_str_c(target), &fault);
}

static void the_last_failure_of_a_target_counts(void **state)
{
    (void)state;
    struct sl_faults *faults;
    struct sl_fault fault;
    assert_int_equal(sl_faults_new(&faults), 0);
    assert_false(sl_faults_find(faults, SL_STR("chat"), SL_STR("a"), &fault));
    note(faults, "chat", "a", 1, "one");
    note(faults, "chat", "a", 2, "two");
    note(faults, "chat", "b", 3, "three");
    note(faults, "other", NULL, 4, "four");
    assert_true(sl_faults_find(faults, SL_STR("chat"), SL_STR("a"), &fault));
    assert_string_equal(fault.text, "two");
    assert_int_equal(fault.n, 2);
    assert_int_equal(fault.at_wall_usec, 2);
    assert_int_equal(fault.status, 402);
    assert_true(sl_faults_find(faults, SL_STR("chat"), SL_STR("b"), &fault));
    assert_int_equal(fault.n, 1);
    assert_true(sl_faults_find(faults, SL_STR("other"), SL_STR_NONE, &fault));
    assert_string_equal(fault.text, "four");
    assert_false(sl_faults_find(faults, SL_STR("chat"), SL_STR("c"), &fault));
    sl_faults_free(faults);
    sl_faults_free(NULL);
}

static void old_failures_give_way(void **state)
{
    (void)state;
    enum { MANY = SL_FAULTS_MAX * 8 };
    struct sl_faults *faults;
    struct sl_fault fault;
    char name[24];
    unsigned n_new = 0, n_old = 0;
    assert_int_equal(sl_faults_new(&faults), 0);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "r%u", i);
        note(faults, name, "t", i + 1, "text");
        assert_true(sl_faults_find(faults, sl_str_c(name), SL_STR("t"), &fault));
        assert_int_equal(fault.at_wall_usec, i + 1);
        assert_int_equal(fault.n, 1);
    }
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name, sizeof(name), "r%u", i);
        bool is_known = sl_faults_find(faults, sl_str_c(name), SL_STR("t"), &fault);
        n_new += is_known && i >= MANY - SL_FAULTS_MAX;
        n_old += is_known && i < MANY / 4;
    }
    assert_true(n_new > SL_FAULTS_MAX / 2);
    assert_int_equal(n_old, 0);
    sl_faults_free(faults);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_failure_of_a_target_counts),
        cmocka_unit_test(old_failures_give_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
