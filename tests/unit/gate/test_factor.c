/* SPDX-License-Identifier: Apache-2.0 */
/* How many tokens the bytes of a call are: it learns, but no upstream can make calls as dear or as cheap as it likes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "gate/policy/factor.h"

static struct sl_factors factors;

static int setup(void **state)
{
    (void)state;
    factors = (struct sl_factors){ 0 };
    return 0;
}

static uint64_t learn(const char *model, uint64_t bytes, uint64_t tokens)
{
    for (int i = 0; i < 200; i++) {
        sl_factor_learn(&factors, sl_str_c(model), bytes, tokens);
    }
    return sl_factor_tokens(&factors, sl_str_c(model), 10000);
}

static void it_begins_with_a_token_for_four_bytes(void **state)
{
    (void)state;
    assert_int_equal(sl_factor_tokens(&factors, SL_STR("m"), 10000), 2500);
    assert_int_equal(sl_factor_tokens(&factors, SL_STR("m"), 1), 1);
    assert_int_equal(sl_factor_tokens(&factors, SL_STR("m"), 0), 0);
}

static void it_comes_near_what_calls_used(void **state)
{
    (void)state;
    assert_in_range(learn("m", 3000, 1000), 3250, 3400);
    assert_int_equal(sl_factor_tokens(&factors, SL_STR("another"), 10000), 2500);
    assert_int_equal(learn("small", 255, 255), 2500); /* such a call says little */
}

/* An upstream may say any number. At most a token for a byte, and at least one for 64. */
static void no_lie_goes_beyond_its_bounds(void **state)
{
    (void)state;
    static const uint64_t lies[] = { 3001, 30000, UINT32_MAX, (uint64_t)UINT32_MAX + 1, UINT64_MAX / 1024, UINT64_MAX };
    for (size_t i = 0; i < SL_ARRAY_LEN(lies); i++) {
        assert_in_range(learn("dear", 3000, lies[i]), 9900, 10000);
    }
    assert_in_range(learn("cheap", 3000, 0), 10000 / 64, 10000 / 48);
    assert_in_range(learn("cheap", UINT64_MAX / 2, 1), 10000 / 64, 10000 / 48);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_begins_with_a_token_for_four_bytes, setup),
        cmocka_unit_test_setup(it_comes_near_what_calls_used, setup),
        cmocka_unit_test_setup(no_lie_goes_beyond_its_bounds, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
