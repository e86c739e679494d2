/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/quantile.h"
#include "base/str.h"

static void a_quantile_is_linear_inside_its_bucket(void **state)
{
    (void)state;
    static const double le[] = { 1, 2, 4, INFINITY };
    static const struct {
        double n[4], q, want;
    } cases[] = {
        { { 0, 0, 0, 0 }, 0.5, -1 },   { { 4, 4, 4, 4 }, 0.5, 0.5 }, /* from zero on */
        { { 0, 4, 4, 4 }, 0.5, 1.5 },  { { 0, 0, 4, 4 }, 0.25, 2.5 },
        { { 2, 4, 8, 8 }, 0.5, 2 },                                /* at the end of a bucket */
        { { 2, 4, 8, 8 }, 0.75, 3 },   { { 0, 0, 0, 4 }, 0.5, 4 }, /* beyond the last bound: nobody knows how far */
        { { 1, 1, 1, 100 }, 0.95, 4 }, { { 0, 0, 4, 4 }, 1, 4 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        double got = sl_quantile(le, cases[i].n, 4, cases[i].q);
        if (fabs(got - cases[i].want) > 1e-9) {
            fail_msg("case %zu: %g, not %g", i, got, cases[i].want);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_quantile_is_linear_inside_its_bucket) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
