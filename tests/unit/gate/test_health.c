/* SPDX-License-Identifier: Apache-2.0 */
/* Health checks of targets in policy: when they are due, and what their results do. Virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/num.h"
#include "base/random.h"
#include "gate/policy/pick.h"

#define SEC   SL_USEC_PER_SEC
#define EVERY (10 * SEC)

static const struct sl_breaker_rule breaker_rule = { 2, 50, 30 * SEC, 30 * SEC }, no_breaker = { 0 };
static const struct sl_target_rule rules[] = { { .weight = 1 }, { .weight = 1 } };

struct world {
    struct sl_arena arena;
    struct sl_pool pool;
    uint64_t passed[1];
    struct sl_ask ask;
    struct sl_rng rng;
};

static struct world world;

static void pool_begin(struct sl_pool *pool, const struct sl_breaker_rule *breaker, uint64_t every_usec)
{
    assert_int_equal(sl_pool_init(pool, SL_BALANCE_ORDERED, breaker, rules, 2, &world.arena), 0);
    pool->health = (struct sl_health_rule){ .every_usec = every_usec };
}

static void begin(const struct sl_breaker_rule *breaker)
{
    memset(&world, 0, sizeof(world));
    sl_arena_init(&world.arena, NULL);
    pool_begin(&world.pool, breaker, EVERY);
    world.ask = (struct sl_ask){ .passed = world.passed, .now_usec = 1000 * SEC };
    world.rng = (struct sl_rng){ { 7, 9 } };
}

static void end(void)
{
    sl_pool_done(&world.pool);
    sl_arena_done(&world.arena);
}

static uint64_t due(uint32_t target)
{
    return sl_pool_check_due(&world.pool, target, sl_rng_next(&world.rng), world.ask.now_usec);
}

/* Makes the target's next check when it is due. True: its state changed. */
static bool check(uint32_t target, bool is_well)
{
    world.ask.now_usec = SL_MAX(world.ask.now_usec, due(target));
    return sl_pool_checked(&world.pool, target, is_well, sl_rng_next(&world.rng), world.ask.now_usec);
}

static void fall(uint32_t target)
{
    for (int i = 1; i < SL_HEALTH_FALL; i++) {
        assert_false(check(target, false));
    }
    assert_true(check(target, false));
}

static struct sl_target_look look(const struct sl_pool *pool, uint32_t target)
{
    struct sl_target_look look;
    sl_pool_look(pool, target, world.ask.now_usec, &look);
    return look;
}

static uint32_t pick(void)
{
    return sl_pool_pick(&world.pool, &world.ask);
}

/* Three failures in a row, not three in all; one success is enough to come back. */
static void a_target_falls_by_three_in_a_row_and_rises_by_one(void **state)
{
    (void)state;
    begin(&no_breaker);
    static const bool falls_not[] = { false, false, true, false, false, true, true, false, false, true };
    for (size_t i = 0; i < SL_ARRAY_LEN(falls_not); i++) {
        assert_false(check(0, falls_not[i]));
        assert_int_equal(pick(), 0);
        assert_false(look(&world.pool, 0).is_down);
    }
    fall(0);
    assert_int_equal(pick(), 1);
    assert_int_equal(look(&world.pool, 0).state, SL_BREAKER_OPEN);
    assert_true(look(&world.pool, 0).is_down && !look(&world.pool, 1).is_down);
    for (int i = 0; i < 100; i++) { /* it stays down, however long, and no call tries it */
        assert_false(check(0, false));
        assert_int_equal(pick(), 1);
    }
    assert_true(check(0, true));
    assert_int_equal(pick(), 0);
    assert_int_equal(look(&world.pool, 0).state, SL_BREAKER_CLOSED);
    assert_int_equal(look(&world.pool, 0).waits_usec, 0);
    assert_false(check(0, true));
    end();
}

static void all_may_be_down(void **state)
{
    (void)state;
    begin(&no_breaker);
    fall(0);
    fall(1);
    assert_int_equal(pick(), SL_NO_TARGET);
    assert_int_equal(sl_pool_left(&world.pool, &world.ask), 0);
    assert_false(sl_pool_is_full(&world.pool, world.passed, world.ask.now_usec));
    /* Callers get the time of the next check; during a check, a second. */
    uint64_t first = SL_MIN(due(0), due(1));
    assert_int_equal(sl_pool_rested_usec(&world.pool, world.ask.now_usec), first);
    assert_int_equal(look(&world.pool, 1).waits_usec, due(1) - world.ask.now_usec);
    world.ask.now_usec = SL_MAX(due(0), due(1)) + 5 * SEC;
    assert_int_equal(sl_pool_rested_usec(&world.pool, world.ask.now_usec), world.ask.now_usec + SEC);
    assert_int_equal(look(&world.pool, 1).waits_usec, SEC);
    assert_int_equal(pick(), SL_NO_TARGET);
    end();
}

static void checks_come_every_so_often(void **state)
{
    (void)state;
    uint64_t least = UINT64_MAX, most = 0;
    begin(&no_breaker);
    uint64_t first = due(0);
    assert_in_range(first - world.ask.now_usec, 0, EVERY - 1);
    assert_int_equal(due(0), first); /* every time it is called */
    for (int i = 0; i < 1000; i++) {
        assert_false(check(0, true));
        uint64_t wait = due(0) - world.ask.now_usec;
        least = SL_MIN(least, wait);
        most = SL_MAX(most, wait);
    }
    assert_in_range(least, EVERY * 7 / 8, EVERY * 7 / 8 + SEC / 10); /* and not all at one time */
    assert_in_range(most, EVERY * 9 / 8 - SEC / 10, EVERY * 9 / 8);
    /* A failed check is repeated soon; when the target is down, at the usual interval. */
    for (int i = 1; i < SL_HEALTH_FALL; i++) {
        assert_false(check(0, false));
        assert_in_range(due(0) - world.ask.now_usec, SEC * 7 / 8, SEC * 9 / 8);
    }
    assert_true(check(0, false));
    assert_in_range(due(0) - world.ask.now_usec, EVERY * 7 / 8, EVERY * 9 / 8);
    sl_pool_unchecked(&world.pool, 0, 0, world.ask.now_usec + SEC); /* it could not be made: soon, too */
    assert_int_equal(due(0) - world.ask.now_usec, SEC + SEC * 7 / 8);
    assert_true(look(&world.pool, 0).is_down);
    end();
}

static void the_first_check_of_an_hour_comes_soon(void **state)
{
    (void)state;
    begin(&no_breaker);
    world.pool.health.every_usec = 3600 * SEC;
    for (uint32_t i = 0; i < 2; i++) {
        assert_in_range(due(i) - world.ask.now_usec, 0, SL_HEALTH_FIRST_USEC - 1);
    }
    end();
}

/* A connection does not prove what calls need. */
static void a_check_closes_no_breaker(void **state)
{
    (void)state;
    begin(&breaker_rule);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sl_pool_begin(&world.pool, 0, world.ask.now_usec), SL_BEGUN);
        assert_int_equal(sl_pool_end(&world.pool, 0, SL_BEGUN, SL_OUTCOME_BAD, world.ask.now_usec), i == 1);
    }
    uint64_t opened = world.ask.now_usec;
    assert_false(check(0, true));
    assert_int_equal(look(&world.pool, 0).state, SL_BREAKER_OPEN);
    assert_false(look(&world.pool, 0).is_down);
    assert_int_equal(pick(), 1);
    fall(0);
    world.ask.now_usec = opened + 31 * SEC; /* its breaker would let a call try it */
    assert_int_equal(pick(), 1);
    assert_true(check(0, true));
    assert_int_equal(pick(), 0);
    assert_int_equal(sl_pool_begin(&world.pool, 0, world.ask.now_usec), SL_BEGUN_PROBE);
    end();
}

static void a_reset_lets_it_have_calls_until_it_fails_again(void **state)
{
    (void)state;
    begin(&no_breaker);
    fall(0);
    sl_pool_reset(&world.pool, 0);
    assert_int_equal(pick(), 0);
    fall(0);
    assert_int_equal(pick(), 1);
    end();
}

/* As in a reload: with another rule, and with none. */
static void what_checks_found_moves_to_the_next_pool(void **state)
{
    (void)state;
    struct sl_pool next, without, slow;
    begin(&no_breaker);
    fall(0);
    assert_false(check(1, false));
    pool_begin(&next, &no_breaker, SEC);
    pool_begin(&without, &no_breaker, 0);
    pool_begin(&slow, &no_breaker, 3600 * SEC);
    for (uint32_t i = 0; i < 2; i++) {
        sl_pool_adopt(&next, i, &world.pool, i);
        sl_pool_adopt(&without, i, &world.pool, i);
        sl_pool_adopt(&slow, i, &world.pool, i);
    }
    uint64_t now = world.ask.now_usec;
    assert_true(look(&next, 0).is_down && !look(&next, 1).is_down);
    assert_int_equal(sl_pool_pick(&next, &world.ask), 1);
    assert_int_equal(sl_pool_check_due(&slow, 0, 5, now), due(0)); /* the due time is kept */
    assert_true(sl_pool_check_due(&next, 0, 5, now) <= now + SEC * 9 / 8);
    for (int i = 2; i < SL_HEALTH_FALL; i++) { /* one has failed before */
        assert_false(sl_pool_checked(&next, 1, false, 0, now));
    }
    assert_true(sl_pool_checked(&next, 1, false, 0, now));
    assert_false(look(&without, 0).is_down); /* no check runs there: it would never come back */
    assert_int_equal(sl_pool_pick(&without, &world.ask), 0);
    sl_pool_done(&next);
    sl_pool_done(&without);
    sl_pool_done(&slow);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_target_falls_by_three_in_a_row_and_rises_by_one),
        cmocka_unit_test(all_may_be_down),
        cmocka_unit_test(checks_come_every_so_often),
        cmocka_unit_test(the_first_check_of_an_hour_comes_soon),
        cmocka_unit_test(a_check_closes_no_breaker),
        cmocka_unit_test(a_reset_lets_it_have_calls_until_it_fails_again),
        cmocka_unit_test(what_checks_found_moves_to_the_next_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
