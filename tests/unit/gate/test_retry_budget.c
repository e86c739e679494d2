/* SPDX-License-Identifier: Apache-2.0 */
/* How many repeats a second may have: steps of virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/num.h"
#include "gate/policy/retry_budget.h"

#define MSEC SL_USEC_PER_MSEC
#define SEC  SL_USEC_PER_SEC

static struct sl_retry_budget *budget;
static struct sl_call_count *counts[2];

static void begin(void)
{
    assert_int_equal(sl_retry_budget_new(&budget), 0);
    counts[0] = sl_retry_budget_join(budget);
    counts[1] = sl_retry_budget_join(budget);
}

static void calls(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        sl_call_count_add(counts[i % 2]);
    }
}

/* How many of `asked` are allowed. */
static unsigned take(unsigned share, unsigned least, unsigned asked, uint64_t now)
{
    const struct sl_retry_budget_rule rule = { share, least };
    unsigned n = 0;
    for (unsigned i = 0; i < asked; i++) {
        n += sl_retry_budget_take(budget, &rule, now);
    }
    return n;
}

static void a_second_has_its_share_and_a_least(void **state)
{
    (void)state;
    static const struct {
        unsigned n_calls, share, least, want;
    } cases[] = {
        { 0, 20, 10, 10 },       { 10, 20, 10, 10 },   { 50, 20, 10, 10 }, { 51, 20, 10, 10 },
        { 55, 20, 10, 11 },      { 1000, 20, 0, 200 }, { 1000, 0, 0, 0 },  { 1000, 0, 3, 3 },
        { 1000, 100, 10, 1000 }, { 4, 20, 0, 0 },      { 5, 20, 0, 1 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        begin();
        assert_int_equal(take(0, 0, 1, 1000 * SEC), 0); /* it has looked once */
        calls(cases[i].n_calls);
        assert_int_equal(take(cases[i].share, cases[i].least, 5000, 1000 * SEC + 50 * MSEC), cases[i].want);
        sl_retry_budget_free(budget);
    }
}

static void what_was_taken_comes_back_after_a_second(void **state)
{
    (void)state;
    uint64_t now = 1000 * SEC;
    begin();
    assert_int_equal(take(20, 10, 99, now), 10);
    assert_int_equal(take(20, 10, 99, now + 899 * MSEC), 0);
    assert_int_equal(take(20, 10, 99, now + 1000 * MSEC), 10);
    assert_int_equal(take(20, 10, 99, now + 500 * SEC), 10);
    assert_int_equal(take(20, 10, 99, now + 500 * SEC), 0);
    sl_retry_budget_free(budget);
}

static void one_that_was_not_made_is_anothers(void **state)
{
    (void)state;
    begin();
    for (uint64_t msec = 0; msec < 2000; msec += 50) {
        assert_int_equal(take(0, 1, 2, 1000 * SEC + msec * MSEC), 1);
        sl_retry_budget_give(budget);
    }
    sl_retry_budget_give(budget); /* nothing is left to give back */
    assert_int_equal(take(0, 1, 2, 1002 * SEC), 1);
    sl_retry_budget_free(budget);
}

/* Nobody failed for an hour of 100 calls a second: the first failures have what that rate allows, not an hour's. */
static void a_quiet_time_is_no_stock(void **state)
{
    (void)state;
    begin();
    assert_int_equal(take(20, 0, 1, 1000 * SEC), 0);
    calls(360000);
    assert_int_equal(take(20, 0, 5000, 4600 * SEC), 20);
    sl_retry_budget_free(budget);
}

/* An outage: 1,000 calls a second, each of which wants two repeats. */
static void an_outage_is_not_multiplied(void **state)
{
    (void)state;
    unsigned n = 0;
    begin();
    for (uint64_t msec = 0; msec < 60000; msec++) {
        calls(1);
        n += take(20, 10, 2, 1000 * SEC + msec * MSEC);
        if (msec == 999) {
            assert_in_range(n, 190, 210);
        }
    }
    assert_in_range(n, 11500, 12100);
    sl_retry_budget_free(budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_has_its_share_and_a_least),
        cmocka_unit_test(what_was_taken_comes_back_after_a_second),
        cmocka_unit_test(one_that_was_not_made_is_anothers),
        cmocka_unit_test(a_quiet_time_is_no_stock),
        cmocka_unit_test(an_outage_is_not_multiplied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
