/* SPDX-License-Identifier: Apache-2.0 */
/* When a call gets a hedge, and how many calls get one: tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/num.h"
#include "gate/policy/hedge.h"

#define MSEC SL_USEC_PER_MSEC

static struct sl_arena arena;
static struct sl_hedges hedges;

static void begin(uint32_t at_most, uint64_t after)
{
    const struct sl_hedge_rule rule = { at_most, after };
    sl_arena_init(&arena, NULL);
    hedges = (struct sl_hedges){ 0 };
    assert_int_equal(sl_hedges_init(&hedges, &rule, 2, &arena), 0);
}

static void end(void)
{
    sl_hedges_done(&hedges);
    sl_arena_done(&arena);
}

/* Each of n calls wants one. */
static unsigned hedged(unsigned n_calls)
{
    unsigned n = 0;
    for (unsigned i = 0; i < n_calls; i++) {
        sl_hedges_earn(&hedges);
        n += sl_hedges_take(&hedges);
    }
    return n;
}

static void they_are_a_share_of_the_calls(void **state)
{
    (void)state;
    static const struct {
        uint32_t at_most;
        unsigned n_calls, want;
    } cases[] = {
        { 100, 1, 1 },   { 100, 1000, 1000 }, { 5, 19, 0 },      { 5, 20, 1 },
        { 5, 1000, 50 }, { 1, 99, 0 },        { 33, 1000, 330 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        begin(cases[i].at_most, MSEC);
        assert_int_equal(hedged(cases[i].n_calls), cases[i].want);
        end();
    }
}

static void a_quiet_time_is_no_stock(void **state)
{
    (void)state;
    begin(5, MSEC);
    for (unsigned i = 0; i < 100000; i++) {
        sl_hedges_earn(&hedges);
    }
    assert_int_equal(hedged(20), 10 + 1 - 1); /* ten are saved at most; the first calls find the stock full */
    end();
}

static void one_that_was_not_made_is_anothers(void **state)
{
    (void)state;
    begin(50, MSEC);
    sl_hedges_earn(&hedges);
    sl_hedges_earn(&hedges);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(sl_hedges_take(&hedges));
        assert_false(sl_hedges_take(&hedges));
        sl_hedges_give(&hedges);
    }
    end();
}

static void a_fixed_time_holds_for_all(void **state)
{
    (void)state;
    begin(5, 1500 * MSEC);
    for (unsigned i = 0; i < 100; i++) {
        sl_hedges_measure(&hedges, 0, true, MSEC);
    }
    assert_int_equal(sl_hedges_after(&hedges, 0, true), 1500 * MSEC);
    assert_int_equal(sl_hedges_after(&hedges, 1, false), 1500 * MSEC);
    end();
}

/* Within a fifth of the real value: 100 times from `low` to `high`, evenly spread. */
static void the_p95_is_each_targets_own(void **state)
{
    (void)state;
    static const struct {
        uint64_t low, high, p95; /* ms */
    } cases[] = { { 1, 100, 95 }, { 500, 500, 500 }, { 100, 1100, 1050 }, { 1, 4, 4 }, { 200000, 1000000, 262144 } };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        begin(5, 0);
        for (uint64_t k = 0; k < 100; k++) {
            if (k == 19) {
                assert_int_equal(sl_hedges_after(&hedges, 1, true), 0); /* too few to know */
            }
            sl_hedges_measure(&hedges, 1, true, (cases[i].low + (cases[i].high - cases[i].low) * k / 99) * MSEC);
        }
        uint64_t after = sl_hedges_after(&hedges, 1, true);
        assert_in_range(after, cases[i].p95 * MSEC, cases[i].p95 * MSEC * 5 / 4 + 2 * MSEC);
        assert_int_equal(sl_hedges_after(&hedges, 1, false), 0);
        assert_int_equal(sl_hedges_after(&hedges, 0, true), 0);
        end();
    }
}

static void it_follows_a_target_that_changes(void **state)
{
    (void)state;
    begin(5, 0);
    for (unsigned i = 0; i < 100000; i++) {
        sl_hedges_measure(&hedges, 0, true, 100 * MSEC);
    }
    for (unsigned i = 0; i < 2000; i++) {
        sl_hedges_measure(&hedges, 0, true, 3000 * MSEC);
    }
    assert_in_range(sl_hedges_after(&hedges, 0, true), 3000 * MSEC, 3800 * MSEC);
    for (unsigned i = 0; i < 5000; i++) {
        sl_hedges_measure(&hedges, 0, true, 10 * MSEC);
    }
    assert_in_range(sl_hedges_after(&hedges, 0, true), 10 * MSEC, 13 * MSEC);
    end();
}

static void what_is_known_moves_to_the_next_ones(void **state)
{
    (void)state;
    const struct sl_hedge_rule rules[] = { { 5, 0 }, { 5, MSEC } };
    begin(5, 0);
    for (unsigned i = 0; i < 100; i++) {
        sl_hedges_measure(&hedges, 1, true, 100 * MSEC);
    }
    struct sl_hedges next = { 0 }, fixed = { 0 };
    assert_int_equal(sl_hedges_init(&next, &rules[0], 3, &arena), 0);
    assert_int_equal(sl_hedges_init(&fixed, &rules[1], 3, &arena), 0);
    sl_hedges_adopt(&next, 2, &hedges, 1);
    sl_hedges_adopt(&next, 0, &hedges, 0);
    sl_hedges_adopt(&fixed, 2, &hedges, 1); /* it needs no measurements */
    sl_hedges_adopt(&next, 1, &fixed, 2);
    assert_int_equal(sl_hedges_after(&next, 2, true), sl_hedges_after(&hedges, 1, true));
    assert_in_range(sl_hedges_after(&next, 2, true), 100 * MSEC, 126 * MSEC);
    assert_int_equal(sl_hedges_after(&next, 2, false), 0);
    assert_int_equal(sl_hedges_after(&next, 0, true), 0);
    assert_int_equal(sl_hedges_after(&next, 1, true), 0);
    assert_int_equal(sl_hedges_after(&fixed, 2, true), MSEC);
    sl_hedges_done(&next);
    sl_hedges_done(&fixed);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_a_share_of_the_calls),        cmocka_unit_test(a_quiet_time_is_no_stock),
        cmocka_unit_test(one_that_was_not_made_is_anothers),    cmocka_unit_test(a_fixed_time_holds_for_all),
        cmocka_unit_test(the_p95_is_each_targets_own),          cmocka_unit_test(it_follows_a_target_that_changes),
        cmocka_unit_test(what_is_known_moves_to_the_next_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
