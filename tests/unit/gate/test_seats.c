/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gate/policy/seats.h"

static void one_tenant_has_a_part(void **state)
{
    (void)state;
    struct sl_seats seats;
    uint64_t a[2], b[2], c, none;
    sl_seats_init(&seats, 3, 2);
    assert_true(sl_seats_take(&seats, SL_STR("a"), &a[0]));
    assert_true(sl_seats_take(&seats, SL_STR("a"), &a[1]));
    assert_false(sl_seats_take(&seats, SL_STR("a"), &none));
    assert_true(sl_seats_take(&seats, SL_STR("b"), &b[0]));
    assert_false(sl_seats_take(&seats, SL_STR("c"), &none)); /* all are taken */
    sl_seats_leave(&seats, a[0]);
    assert_true(sl_seats_take(&seats, SL_STR("b"), &b[1]));
    assert_false(sl_seats_take(&seats, SL_STR("b"), &none));
    sl_seats_leave(&seats, b[0]);
    sl_seats_leave(&seats, a[1]);
    assert_true(sl_seats_take(&seats, SL_STR(""), &c));
    assert_true(sl_seats_take(&seats, SL_STR("a"), &a[0]));
    sl_seats_leave(&seats, b[1]);
    sl_seats_leave(&seats, c);
    sl_seats_leave(&seats, a[0]);
    assert_int_equal(seats.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(one_tenant_has_a_part) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
