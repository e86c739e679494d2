/* SPDX-License-Identifier: Apache-2.0 */
/* Which target is asked, and which one after a failure: tables, and days of virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/num.h"
#include "base/random.h"
#include "gate/policy/next.h"
#include "gate/policy/pick.h"

#define N_MAX 1000
#define SEC   SL_USEC_PER_SEC

struct world {
    struct sl_arena arena;
    struct sl_pool pool;
    struct sl_target_rule rules[N_MAX];
    uint64_t passed[SL_POOL_WORDS(N_MAX)];
    struct sl_ask ask;
    struct sl_rng rng;
};

static struct world world;
static struct sl_breaker_rule breaker_rule; /* for the next pool; usually none */

static void begin(enum sl_balance balance, const struct sl_target_rule *rules, uint32_t n)
{
    memset(&world, 0, sizeof(world));
    sl_arena_init(&world.arena, NULL);
    memcpy(world.rules, rules, n * sizeof(*rules));
    assert_int_equal(sl_pool_init(&world.pool, balance, &breaker_rule, world.rules, n, &world.arena), 0);
    world.ask = (struct sl_ask){ .passed = world.passed, .now_usec = 1000 * SEC };
    world.rng = (struct sl_rng){ { 7, 9 } };
}

static void end(void)
{
    sl_pool_done(&world.pool);
    sl_arena_done(&world.arena);
}

static uint32_t pick(void)
{
    world.ask.random = sl_rng_next(&world.rng);
    return sl_pool_pick(&world.pool, &world.ask);
}

static uint32_t in_flight(uint32_t target)
{
    struct sl_target_look look;
    sl_pool_look(&world.pool, target, world.ask.now_usec, &look);
    return look.in_flight;
}

static void picks_are(const char *want)
{
    char got[64] = "";
    for (size_t i = 0; i < strlen(want); i++) {
        uint32_t target = pick();
        got[i] = target == SL_NO_TARGET ? '-' : (char)('a' + target);
    }
    assert_string_equal(got, want);
}

static void weights_are_kept_without_rows_of_one(void **state)
{
    (void)state;
    static const struct {
        uint32_t weights[3];
        const char *want;
    } cases[] = {
        { { 1, 1, 1 }, "abcabc" }, { { 3, 1, 0 }, "aabaaaba" },           { { 5, 1, 1 }, "aabacaa" },
        { { 0, 1, 0 }, "bbb" },    { { 10000, 10000, 0 }, "ababababab" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_target_rule rules[3] = { 0 };
        for (size_t k = 0; k < 3; k++) {
            rules[k].weight = cases[i].weights[k];
        }
        begin(SL_BALANCE_WEIGHTED, rules, 3);
        picks_are(cases[i].want);
        end();
    }
}

static void one_that_comes_back_has_no_debts_to_collect(void **state)
{
    (void)state;
    begin(SL_BALANCE_WEIGHTED, (struct sl_target_rule[]){ { 1 }, { 1 } }, 2);
    sl_pool_rest(&world.pool, 1, 10 * SEC, world.ask.now_usec);
    picks_are("aaaaaaaa");
    world.ask.now_usec += 10 * SEC;
    picks_are("abab");
    end();
}

static void tiers_and_places_are_kept(void **state)
{
    (void)state;
    const struct sl_target_rule rules[] = {
        { .weight = 1, .tier = 1 },
        { .weight = 1, .tier = 0, .place = 2 },
        { .weight = 0, .tier = 0, .place = 1 },
        { .weight = 1, .tier = 2 },
    };
    begin(SL_BALANCE_WEIGHTED, rules, 4);
    static const char want[] = "bcad-"; /* a weight of 0 comes before the next tier */
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(sl_pool_left(&world.pool, &world.ask), 4 - i);
        uint32_t target = pick();
        assert_int_equal(target == SL_NO_TARGET ? '-' : 'a' + (int)target, want[i]);
        if (target != SL_NO_TARGET) {
            sl_ask_pass(world.passed, target);
        }
    }
    end();
    begin(SL_BALANCE_ORDERED, rules, 4);
    picks_are("bbb"); /* c is the first, but has no weight */
    sl_ask_pass(world.passed, 1);
    picks_are("ccc");
    end();
}

static void the_least_busy_is_asked_by_its_weight(void **state)
{
    (void)state;
    begin(SL_BALANCE_LEAST_BUSY, (struct sl_target_rule[]){ { .weight = 3 }, { .weight = 1 } }, 2);
    uint32_t n[2] = { 0 };
    for (uint32_t i = 0; i < 400; i++) {
        uint32_t target = pick();
        assert_int_equal(sl_pool_begin(&world.pool, target, world.ask.now_usec), SL_BEGUN);
        n[target]++;
    }
    assert_in_range(n[0], 299, 300);
    for (uint32_t i = 0; i < 100; i++) {
        sl_pool_end(&world.pool, 0, SL_BEGUN, SL_OUTCOME_NEUTRAL, world.ask.now_usec);
    }
    assert_int_equal(pick(), 0);
    end();
    /* No calls run: the weights decide. */
    begin(SL_BALANCE_LEAST_BUSY, (struct sl_target_rule[]){ { .weight = 3 }, { .weight = 0 }, { .weight = 1 } }, 3);
    uint32_t n_idle[3] = { 0 };
    for (uint32_t i = 0; i < 4000; i++) {
        n_idle[pick()]++;
    }
    assert_in_range(n_idle[0], 2900, 3100);
    assert_int_equal(n_idle[1], 0);
    end();
}

static void the_cheapest_is_asked(void **state)
{
    (void)state;
    begin(SL_BALANCE_CHEAPEST, (struct sl_target_rule[]){ { .weight = 1 }, { .weight = 1 }, { .weight = 1 } }, 3);
    uint32_t n[3] = { 0 };
    for (uint32_t i = 0; i < 300; i++) { /* no price is known: the least busy of all */
        n[pick()]++;
    }
    assert_true(n[0] > 50 && n[1] > 50 && n[2] > 50);
    sl_pool_price(&world.pool, 2, 500);
    picks_are("ccc");
    sl_pool_price(&world.pool, 0, 400);
    picks_are("aaa");
    sl_pool_price(&world.pool, 1, 400);
    assert_int_equal(sl_pool_begin(&world.pool, 0, world.ask.now_usec), SL_BEGUN);
    picks_are("bbb"); /* as cheap, and less busy */
    sl_pool_price(&world.pool, 0, 0);
    picks_are("aaa"); /* a price of 0 is a price */
    sl_pool_end(&world.pool, 0, SL_BEGUN, SL_OUTCOME_NEUTRAL, world.ask.now_usec);
    sl_pool_rest(&world.pool, 0, 10 * SEC, world.ask.now_usec);
    picks_are("bbb");
    sl_pool_price(&world.pool, 1, UINT64_MAX);
    picks_are("ccc");
    end();
}

static void no_more_than_max_concurrent_begin(void **state)
{
    (void)state;
    begin(SL_BALANCE_ORDERED, (struct sl_target_rule[]){ { .weight = 1, .max_concurrent = 2 }, { .weight = 1 } }, 2);
    assert_int_equal(sl_pool_begin(&world.pool, 0, world.ask.now_usec), SL_BEGUN);
    assert_int_equal(pick(), 0);
    assert_int_equal(sl_pool_begin(&world.pool, 0, world.ask.now_usec), SL_BEGUN);
    assert_int_equal(pick(), 1);
    assert_int_equal(sl_pool_begin(&world.pool, 0, world.ask.now_usec), SL_BEGUN_NOT);
    sl_pool_end(&world.pool, 0, SL_BEGUN, SL_OUTCOME_NEUTRAL, world.ask.now_usec);
    assert_int_equal(pick(), 0);
    end();
}

/* Makes calls for some time: so many went to each. */
static void run(uint32_t sec, const uint64_t *took_usec, uint32_t *n, uint32_t n_targets)
{
    for (uint32_t i = 0; i < n_targets; i++) {
        n[i] = 0;
    }
    for (uint32_t s = 0; s < sec; s++) {
        for (uint32_t k = 0; k < 10; k++) {
            uint32_t target = pick();
            n[target]++;
            sl_pool_measure(&world.pool, target, false, took_usec[target], world.ask.now_usec);
            world.ask.now_usec += SEC / 10;
        }
    }
}

static void the_fastest_is_asked_and_the_others_stay_known(void **state)
{
    (void)state;
    uint64_t took[] = { 900000, 300000, 500000 };
    uint32_t n[3];
    begin(SL_BALANCE_FASTEST, (struct sl_target_rule[]){ { .weight = 1 }, { .weight = 1 }, { .weight = 1 } }, 3);
    run(600, took, n, 3);
    assert_in_range(n[0], 10, 30); /* one call each half minute */
    assert_in_range(n[2], 10, 30);
    took[2] = 100000; /* it became the fastest: seen at its next call, or the one after */
    run(70, took, n, 3);
    run(60, took, n, 3);
    assert_true(n[2] > 590);
    took[2] = 2000000;
    run(3, took, n, 3);
    run(60, took, n, 3);
    assert_true(n[1] > 590);
    end();
}

static void a_rest_is_believed_for_two_minutes(void **state)
{
    (void)state;
    begin(SL_BALANCE_ORDERED, (struct sl_target_rule[]){ { .weight = 1 }, { .weight = 1 } }, 2);
    assert_int_equal(sl_pool_rested_usec(&world.pool, world.ask.now_usec), 0);
    sl_pool_rest(&world.pool, 0, 366ULL * 86400 * SEC, world.ask.now_usec);
    sl_pool_rest(&world.pool, 1, 5 * SEC, world.ask.now_usec);
    assert_int_equal(pick(), SL_NO_TARGET);
    assert_int_equal(sl_pool_rested_usec(&world.pool, world.ask.now_usec), world.ask.now_usec + 5 * SEC);
    world.ask.now_usec += 5 * SEC;
    assert_int_equal(pick(), 1);
    world.ask.now_usec += 115 * SEC;
    assert_int_equal(pick(), 0);
    end();
}

static void a_rest_is_not_made_shorter(void **state)
{
    (void)state;
    begin(SL_BALANCE_ORDERED, (struct sl_target_rule[]){ { .weight = 1 } }, 1);
    sl_pool_rest(&world.pool, 0, 60 * SEC, world.ask.now_usec);
    sl_pool_rest(&world.pool, 0, SEC, world.ask.now_usec); /* another call's answer, on its way meanwhile */
    assert_int_equal(sl_pool_rested_usec(&world.pool, world.ask.now_usec), world.ask.now_usec + 60 * SEC);
    world.ask.now_usec += 60 * SEC - 1;
    assert_int_equal(pick(), SL_NO_TARGET);
    world.ask.now_usec++;
    assert_int_equal(pick(), 0);
    end();
}

/* Of many targets two are left: the one that was picked before need not wait for as many calls again. */
static void who_is_left_of_many_is_not_in_debt(void **state)
{
    (void)state;
    struct sl_target_rule rules[1000];
    uint32_t n[1000] = { 0 };
    for (uint32_t i = 0; i < 1000; i++) {
        rules[i] = (struct sl_target_rule){ .weight = 1 };
    }
    begin(SL_BALANCE_WEIGHTED, rules, 1000);
    assert_int_equal(pick(), 0);
    for (uint32_t i = 2; i < 1000; i++) {
        sl_pool_rest(&world.pool, i, 60 * SEC, world.ask.now_usec);
    }
    for (uint32_t k = 0; k < 20; k++) {
        n[pick()]++;
    }
    assert_in_range(n[0], 9, 11);
    assert_int_equal(n[0] + n[1], 20);
    end();
}

/* A target that never answers is tried each second, even if others wait for their turn. */
static void an_unknown_one_is_asked_each_second(void **state)
{
    (void)state;
    uint32_t n = 0;
    begin(SL_BALANCE_FASTEST, (struct sl_target_rule[]){ { .weight = 1 }, { .weight = 1 }, { .weight = 1 } }, 3);
    for (uint32_t k = 0; k < 600; k++) {
        uint32_t target = pick();
        n += target == 2;
        if (target != 2) {
            sl_pool_measure(&world.pool, target, false, target ? 900000 : 300000, world.ask.now_usec);
        }
        world.ask.now_usec += SEC / 10;
    }
    assert_in_range(n, 58, 61);
    end();
}

/* --- after a failure --- */

static void steps_follow_the_table(void **state)
{
    (void)state;
    static const struct sl_fallback usual = { SL_CAUSES_DEFAULT, 4, 300 * SEC };
    static const struct sl_fallback quick = { SL_CAUSES_DEFAULT, 4, 2 * SEC };
    static const struct sl_fallback twice = { SL_CAUSES_DEFAULT, 2, 300 * SEC };
    static const struct sl_fallback none = { 0, 4, 300 * SEC };
    static const struct {
        const char *what;
        const struct sl_fallback *fallback;
        enum sl_cause cause;
        bool may_repeat, is_slow;
        uint32_t n_attempts, n_repeats, allowed;
        uint64_t wait_usec, passed_usec;
        uint32_t n_tried; /* of three targets */
        enum sl_step_kind want;
        bool has_beyond;
    } cases[] = {
        { "a server's error moves", &usual, SL_CAUSE_SERVER_ERROR, 0, 0, 1, 0, 1, 0, 0, 1, SL_STEP_MOVE },
        { "no connection is tried again first", &usual, SL_CAUSE_CONNECT, 1, 0, 1, 0, 1, 0, 0, 1, SL_STEP_REPEAT },
        { "once", &usual, SL_CAUSE_CONNECT, 1, 0, 2, 1, 1, 0, 0, 1, SL_STEP_MOVE },
        { "not where it takes another's attempt", &usual, SL_CAUSE_CONNECT, 1, 0, 2, 0, 1, 0, 0, 1, SL_STEP_MOVE },
        { "not when it took its time", &usual, SL_CAUSE_TIMEOUT, 1, 1, 1, 0, 1, 0, 0, 1, SL_STEP_MOVE },
        { "unless nobody else is left", &usual, SL_CAUSE_TIMEOUT, 1, 1, 3, 0, 1, 0, 0, 3, SL_STEP_REPEAT },
        { "none are allowed", &usual, SL_CAUSE_CONNECT, 1, 0, 1, 0, 0, 0, 0, 1, SL_STEP_MOVE },
        { "nobody else is left", &usual, SL_CAUSE_SERVER_ERROR, 0, 0, 3, 0, 1, 0, 0, 3, SL_STEP_GIVE_UP },
        { "attempts are used up", &twice, SL_CAUSE_SERVER_ERROR, 0, 0, 2, 0, 1, 0, 0, 1, SL_STEP_GIVE_UP },
        { "for repeats, too", &twice, SL_CAUSE_CONNECT, 1, 0, 2, 0, 9, 0, 0, 3, SL_STEP_GIVE_UP },
        { "the time is over", &quick, SL_CAUSE_SERVER_ERROR, 0, 0, 1, 0, 1, 0, 2 * SEC, 1, SL_STEP_GIVE_UP },
        { "the wait does not fit", &quick, SL_CAUSE_OVERLOADED, 1, 0, 1, 0, 1, 2 * SEC, SEC / 2, 1, SL_STEP_MOVE },
        { "the call's own end", &usual, SL_CAUSE_SERVER_ERROR, 0, 0, 1, 0, 1, 0, 60 * SEC, 1, SL_STEP_GIVE_UP },
        { "a cause that is off", &usual, SL_CAUSE_REJECTED, 0, 0, 1, 0, 1, 0, 0, 1, SL_STEP_GIVE_UP },
        { "all are off: repeats stay", &none, SL_CAUSE_CONNECT, 1, 0, 1, 0, 1, 0, 0, 1, SL_STEP_REPEAT },
        { "and are all", &none, SL_CAUSE_CONNECT, 1, 0, 2, 1, 1, 0, 0, 1, SL_STEP_GIVE_UP },
        { "another route is left", &usual, SL_CAUSE_SERVER_ERROR, 0, 0, 3, 0, 1, 0, 0, 3, SL_STEP_MOVE, true },
        { "its own come first", &usual, SL_CAUSE_SERVER_ERROR, 0, 0, 1, 0, 1, 0, 0, 1, SL_STEP_MOVE, true },
        { "no repeat takes its attempt", &usual, SL_CAUSE_CONNECT, 1, 0, 3, 0, 1, 0, 0, 3, SL_STEP_MOVE, true },
        { "attempts bound it", &twice, SL_CAUSE_CONNECT, 1, 0, 2, 0, 1, 0, 0, 3, SL_STEP_GIVE_UP, true },
        { "and the causes", &usual, SL_CAUSE_REJECTED, 0, 0, 1, 0, 1, 0, 0, 3, SL_STEP_GIVE_UP, true },
        { "and the time", &quick, SL_CAUSE_SERVER_ERROR, 0, 0, 1, 0, 1, 0, 2 * SEC, 3, SL_STEP_GIVE_UP, true },
        { "nobody's cause", &usual, SL_CAUSE_COUNT, 0, 0, 1, 0, 1, 0, 0, 1, SL_STEP_GIVE_UP },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        begin(SL_BALANCE_ORDERED, (struct sl_target_rule[]){ { .weight = 1 }, { .weight = 1 }, { .weight = 1 } }, 3);
        for (uint32_t k = 0; k < cases[i].n_tried; k++) {
            sl_ask_pass(world.passed, k);
        }
        struct sl_failure failure = {
            .target = cases[i].n_tried - 1,
            .cause = cases[i].cause,
            .may_repeat = cases[i].may_repeat,
            .is_slow = cases[i].is_slow,
            .wait_usec = cases[i].wait_usec,
            .n_attempts = cases[i].n_attempts,
            .n_repeats = cases[i].n_repeats,
            .n_repeats_allowed = cases[i].allowed,
            .has_beyond = cases[i].has_beyond,
            .start_usec = world.ask.now_usec - cases[i].passed_usec,
        };
        failure.end_usec = failure.start_usec + 60 * SEC;
        struct sl_step step = sl_next(&world.pool, cases[i].fallback, &failure, &world.ask);
        uint32_t target = step.kind == SL_STEP_GIVE_UP  ? SL_NO_TARGET
                          : step.kind == SL_STEP_REPEAT ? failure.target
                          : cases[i].n_tried == 3       ? SL_NO_TARGET
                                                        : cases[i].n_tried;
        if (step.kind != cases[i].want || step.target != target) {
            fail_msg("%s: step %d, target %u", cases[i].what, step.kind, step.target);
        }
        end();
    }
}

/* --- breakers --- */

/* One call at the target: g good, b bad, n neutral; upper case: it must be the trial call; x: no call may begin. A dot
 * is a second. After it the state. */
static void breaker_runs(const struct sl_breaker_rule *rule, const char *script, enum sl_breaker_state want)
{
    breaker_rule = *rule;
    begin(SL_BALANCE_ORDERED, (struct sl_target_rule[]){ { .weight = 1 } }, 1);
    for (const char *c = script; *c; c++) {
        if (*c == '.') {
            world.ask.now_usec += SEC;
            continue;
        }
        bool is_probe = *c >= 'A' && *c <= 'Z';
        enum sl_begun should = *c == 'x' ? SL_BEGUN_NOT : is_probe ? SL_BEGUN_PROBE : SL_BEGUN;
        enum sl_begun begun = sl_pool_begin(&world.pool, 0, world.ask.now_usec);
        if (begun != should || (pick() == 0) != (begun == SL_BEGUN)) {
            fail_msg("%s at %zu: began as %d", script, (size_t)(c - script), begun);
        }
        char kind = *c | 0x20;
        enum sl_outcome outcome = kind == 'g' ? SL_OUTCOME_GOOD : kind == 'b' ? SL_OUTCOME_BAD : SL_OUTCOME_NEUTRAL;
        if (begun != SL_BEGUN_NOT) {
            sl_pool_end(&world.pool, 0, begun, outcome, world.ask.now_usec);
        }
    }
    enum sl_breaker_state state = (enum sl_breaker_state)atomic_load(&world.pool.states[0].breaker.state);
    if (state != want || in_flight(0)) {
        fail_msg("%s: state %d", script, state);
    }
    end();
    breaker_rule = (struct sl_breaker_rule){ 0 };
}

static void a_breaker_opens_by_number_and_share(void **state)
{
    (void)state;
    static const struct sl_breaker_rule rule = { 3, 50, 10 * SEC, 5 * SEC }, none = { 0 };
    static const struct {
        const char *script;
        enum sl_breaker_state want;
    } cases[] = {
        { "bb", SL_BREAKER_CLOSED },
        { "bbb", SL_BREAKER_OPEN },
        { "gggbbb", SL_BREAKER_OPEN },
        { "ggggbbb", SL_BREAKER_CLOSED }, /* three, but not half of all */
        { "ggggbbbb", SL_BREAKER_OPEN },
        { "bbnnnnnnb", SL_BREAKER_OPEN },            /* neutral results do not count */
        { "bb...............b", SL_BREAKER_CLOSED }, /* too long ago */
        { "b....b....b", SL_BREAKER_OPEN },          /* within the window */
        { "bbbx....x", SL_BREAKER_OPEN },
        { "bbb.....G", SL_BREAKER_CLOSED },     /* a trial call, and it is good */
        { "bbb.....Gbb", SL_BREAKER_CLOSED },   /* counts begin at zero */
        { "bbb.....Bx....x", SL_BREAKER_OPEN }, /* it is bad: the same time again */
        { "bbb.....B.....G", SL_BREAKER_CLOSED },
        { "bbb.....NNG", SL_BREAKER_CLOSED }, /* neutral: the next call is a trial, too */
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        breaker_runs(&rule, cases[i].script, cases[i].want);
    }
    breaker_runs(&none, "bbbbbbbbbbbbbbbbb", SL_BREAKER_CLOSED);
}

static void one_looks_and_the_others_wait(void **state)
{
    (void)state;
    breaker_rule = (struct sl_breaker_rule){ 1, 1, 10 * SEC, 5 * SEC };
    begin(SL_BALANCE_ORDERED, (struct sl_target_rule[]){ { .weight = 1 }, { .weight = 1 } }, 2);
    uint64_t now = world.ask.now_usec;
    /* Two calls run at it; the failure of the first opens the breaker, that of the other changes nothing. */
    assert_int_equal(sl_pool_begin(&world.pool, 0, now), SL_BEGUN);
    assert_int_equal(sl_pool_begin(&world.pool, 0, now), SL_BEGUN);
    assert_true(sl_pool_end(&world.pool, 0, SL_BEGUN, SL_OUTCOME_BAD, now));
    assert_int_equal(pick(), 1);
    assert_int_equal(sl_pool_rested_usec(&world.pool, now), now + 5 * SEC);
    now = world.ask.now_usec += 5 * SEC;
    assert_int_equal(pick(), 0);
    assert_int_equal(sl_pool_begin(&world.pool, 0, now), SL_BEGUN_PROBE);
    assert_int_equal(pick(), 1);
    assert_int_equal(sl_pool_begin(&world.pool, 0, now), SL_BEGUN_NOT);
    /* It began before: it does not close it. */
    assert_false(sl_pool_end(&world.pool, 0, SL_BEGUN, SL_OUTCOME_GOOD, now));
    assert_int_equal(pick(), 1);
    assert_true(sl_pool_end(&world.pool, 0, SL_BEGUN_PROBE, SL_OUTCOME_GOOD, now));
    assert_int_equal(pick(), 0);
    /* By hand. */
    assert_int_equal(sl_pool_begin(&world.pool, 0, now), SL_BEGUN);
    sl_pool_end(&world.pool, 0, SL_BEGUN, SL_OUTCOME_BAD, now);
    sl_pool_rest(&world.pool, 0, 60 * SEC, now);
    assert_int_equal(pick(), 1);
    sl_pool_reset(&world.pool, 0);
    assert_int_equal(pick(), 0);
    end();
    breaker_rule = (struct sl_breaker_rule){ 0 };
}

static void another_node_is_believed(void **state)
{
    (void)state;
    breaker_rule = (struct sl_breaker_rule){ 2, 1, 10 * SEC, 5 * SEC };
    begin(SL_BALANCE_ORDERED, (struct sl_target_rule[]){ { .weight = 1 }, { .weight = 1 } }, 2);
    uint64_t now = world.ask.now_usec;
    sl_pool_told(&world.pool, 0, 60 * SEC, now);
    assert_int_equal(pick(), 1);
    assert_int_equal(sl_pool_rested_usec(&world.pool, now), now + 5 * SEC); /* by its own rule, not for longer */
    sl_pool_told(&world.pool, 0, 0, now);
    assert_int_equal(pick(), 0);
    /* One that probes the target here does not mind. */
    sl_pool_told(&world.pool, 0, SEC, now);
    now = world.ask.now_usec += SEC;
    assert_int_equal(sl_pool_begin(&world.pool, 0, now), SL_BEGUN_PROBE);
    sl_pool_told(&world.pool, 0, 5 * SEC, now);
    sl_pool_told(&world.pool, 0, 0, now);
    assert_int_equal(pick(), 0);
    assert_false(sl_pool_end(&world.pool, 0, SL_BEGUN_PROBE, SL_OUTCOME_GOOD, now));
    end();
    breaker_rule = (struct sl_breaker_rule){ 0 };
    begin(SL_BALANCE_ORDERED, (struct sl_target_rule[]){ { .weight = 1 }, { .weight = 1 } }, 2);
    sl_pool_told(&world.pool, 0, 60 * SEC, world.ask.now_usec); /* no breaker here */
    assert_int_equal(pick(), 0);
    end();
}

/* Three of four failed at one time, and a trial of each is due: a call tries one of them, and then asks a good one of
 * any tier. */
static void a_call_looks_at_one_target_at_most(void **state)
{
    (void)state;
    breaker_rule = (struct sl_breaker_rule){ 1, 1, 10 * SEC, 5 * SEC };
    const struct sl_target_rule rules[] = {
        { .weight = 1 }, { .weight = 1 }, { .weight = 1 }, { .weight = 1, .tier = 1 }
    };
    for (unsigned balance = 0; balance <= SL_BALANCE_CHEAPEST; balance++) {
        begin((enum sl_balance)balance, rules, 4);
        for (uint32_t i = 0; i < 3; i++) {
            assert_int_equal(sl_pool_begin(&world.pool, i, world.ask.now_usec), SL_BEGUN);
            sl_pool_end(&world.pool, i, SL_BEGUN, SL_OUTCOME_BAD, world.ask.now_usec);
        }
        assert_int_equal(pick(), 3);
        world.ask.now_usec += 5 * SEC;
        uint32_t first = pick();
        assert_in_range(first, 0, 2);
        assert_int_equal(sl_pool_begin(&world.pool, first, world.ask.now_usec), SL_BEGUN_PROBE);
        sl_pool_end(&world.pool, first, SL_BEGUN_PROBE, SL_OUTCOME_BAD, world.ask.now_usec);
        sl_ask_pass(world.passed, first);
        world.ask.is_again = true;
        assert_int_equal(sl_pool_left(&world.pool, &world.ask), 3);
        assert_int_equal(pick(), 3);
        sl_ask_pass(world.passed, 3); /* it fails as well: a doubtful target is better than none */
        assert_in_range(pick(), 0, 2);
        end();
    }
    breaker_rule = (struct sl_breaker_rule){ 0 };
}

static void fail_once(struct sl_pool *pool, uint32_t target, bool opens)
{
    assert_int_equal(sl_pool_begin(pool, target, world.ask.now_usec), SL_BEGUN);
    assert_int_equal(sl_pool_end(pool, target, SL_BEGUN, SL_OUTCOME_BAD, world.ask.now_usec), opens);
}

/* The route is replaced when one target failed once, one has a trial call, and one rests. */
static void what_is_known_moves_to_the_next_pool(void **state)
{
    (void)state;
    const struct sl_target_rule rules[] = { { .weight = 1 }, { .weight = 1 }, { .weight = 1 } };
    static const struct sl_breaker_rule none = { 0 };
    struct sl_pool next, without;
    struct sl_target_look look;
    breaker_rule = (struct sl_breaker_rule){ 2, 1, 100 * SEC, 5 * SEC };
    begin(SL_BALANCE_ORDERED, rules, 3);
    fail_once(&world.pool, 0, false);
    fail_once(&world.pool, 1, false);
    fail_once(&world.pool, 1, true);
    uint64_t now = world.ask.now_usec += 5 * SEC;
    assert_int_equal(sl_pool_begin(&world.pool, 1, now), SL_BEGUN_PROBE);
    sl_pool_rest(&world.pool, 2, 60 * SEC, now);
    sl_pool_measure(&world.pool, 2, true, 5000, now);
    assert_int_equal(sl_pool_init(&next, SL_BALANCE_ORDERED, &breaker_rule, rules, 3, &world.arena), 0);
    assert_int_equal(sl_pool_init(&without, SL_BALANCE_ORDERED, &none, rules, 3, &world.arena), 0);
    for (uint32_t i = 0; i < 3; i++) { /* in another order */
        sl_pool_adopt(&next, 2 - i, &world.pool, i);
        sl_pool_adopt(&without, i, &world.pool, i);
    }
    fail_once(&next, 2, true);
    assert_int_equal(sl_pool_begin(&next, 1, now), SL_BEGUN_PROBE);
    sl_pool_look(&next, 0, now, &look);
    assert_true(look.waits_usec == 60 * SEC && look.took_usec[1] == 5000 && !look.took_usec[0]);
    assert_int_equal(sl_pool_pick(&next, &world.ask), SL_NO_TARGET);
    sl_pool_look(&without, 2, now, &look);
    assert_int_equal(look.waits_usec, 60 * SEC);
    fail_once(&without, 0, false); /* nothing counts there, and nothing is open */
    fail_once(&without, 1, false);
    sl_pool_done(&next);
    sl_pool_done(&without);
    end();
    breaker_rule = (struct sl_breaker_rule){ 0 };
}

/* --- a picked target may always be picked, and is of the lowest tier --- */

#define N_ODD 137 /* more than two words of bits */

/* A plain model of the pool's state. */
struct known {
    uint64_t rest_until, open_until;
    bool is_open, is_half;
    uint32_t in_flight;
};

static struct known known[N_ODD];

static bool is_usable(uint32_t i)
{
    const struct known *k = &known[i];
    uint32_t max = world.rules[i].max_concurrent;
    return !(world.passed[i / 64] >> i % 64 & 1) && k->rest_until <= world.ask.now_usec && !k->is_half &&
           !(k->is_open && k->open_until > world.ask.now_usec) && (!max || k->in_flight < max);
}

static void pick_is_right(void)
{
    uint32_t n = 0, tier = UINT32_MAX, target = pick();
    bool has_weight = false;
    for (uint32_t i = 0; i < N_ODD; i++) {
        n += is_usable(i);
        tier = is_usable(i) ? SL_MIN(tier, world.rules[i].tier) : tier;
    }
    for (uint32_t i = 0; i < N_ODD; i++) {
        has_weight |= is_usable(i) && world.rules[i].tier == tier && world.rules[i].weight;
    }
    assert_int_equal(sl_pool_left(&world.pool, &world.ask), n);
    assert_int_equal(target == SL_NO_TARGET, n == 0);
    if (n) {
        assert_true(is_usable(target));
        assert_int_equal(world.rules[target].tier, tier);
        assert_int_equal(has_weight, world.rules[target].weight > 0);
    }
}

/* A breaker for one error opens at once, so that a line can describe a case. */
static void something_happens(uint32_t i)
{
    struct known *k = &known[i];
    uint64_t now = world.ask.now_usec, wait = sl_rng_next(&world.rng) % (3 * SEC);
    switch (sl_rng_next(&world.rng) % 6) {
    case 0:
        sl_pool_rest(&world.pool, i, wait, now);
        k->rest_until = SL_MAX(k->rest_until, now + wait);
        break;
    case 1:
        sl_pool_reset(&world.pool, i);
        k->is_open = k->is_half = false;
        k->rest_until = 0;
        break;
    case 2:
        world.passed[i / 64] ^= 1ULL << i % 64;
        break;
    default: { /* a call; now and then it stays */
        enum sl_begun begun = sl_pool_begin(&world.pool, i, now);
        uint32_t max = world.rules[i].max_concurrent;
        bool may = (!max || k->in_flight < max) && !k->is_half && (!k->is_open || k->open_until <= now);
        assert_int_equal(begun, !may ? SL_BEGUN_NOT : k->is_open ? SL_BEGUN_PROBE : SL_BEGUN);
        if (begun == SL_BEGUN && wait % 4 == 0 && k->in_flight < 9) {
            k->in_flight++;
        } else if (begun != SL_BEGUN_NOT) {
            bool is_bad = wait % 3 == 0;
            sl_pool_end(&world.pool, i, begun, is_bad ? SL_OUTCOME_BAD : SL_OUTCOME_GOOD, now);
            k->is_open = is_bad;
            k->open_until = is_bad ? now + SEC : k->open_until;
        }
        if (k->in_flight && wait % 5 == 0) {
            sl_pool_end(&world.pool, i, SL_BEGUN, SL_OUTCOME_NEUTRAL, now);
            k->in_flight--;
        }
    }
    }
}

static void picks_are_right_whatever_happens(void **state)
{
    (void)state;
    for (unsigned balance = 0; balance <= SL_BALANCE_CHEAPEST; balance++) {
        struct sl_target_rule rules[N_ODD];
        for (uint32_t i = 0; i < N_ODD; i++) {
            rules[i] = (struct sl_target_rule){
                .weight = i % 5, .tier = i * 7 % 4, .max_concurrent = i % 3, .place = i
            };
        }
        breaker_rule = (struct sl_breaker_rule){ 1, 0, 10 * SEC, SEC };
        begin((enum sl_balance)balance, rules, N_ODD);
        memset(known, 0, sizeof(known));
        for (uint32_t k = 0; k < 20000; k++) {
            something_happens((uint32_t)(sl_rng_next(&world.rng) % N_ODD));
            world.ask.now_usec += sl_rng_next(&world.rng) % (SEC / 100);
            if (k % 20 == 0) {
                pick_is_right();
            }
            if (k % 1000 == 500) { /* all are passed over, or none */
                memset(world.passed, k % 2000 == 500 ? 0xff : 0, SL_POOL_WORDS(N_ODD) * 8);
                world.passed[SL_POOL_WORDS(N_ODD) - 1] &= (1ULL << N_ODD % 64) - 1;
                pick_is_right();
            }
        }
        for (uint32_t i = 0; i < N_ODD; i++) {
            assert_int_equal(in_flight(i), known[i].in_flight);
        }
        end();
    }
    breaker_rule = (struct sl_breaker_rule){ 0 };
}

/* --- a day with a hundred targets, of which a tenth waits --- */

static void a_day_keeps_the_shares(void **state)
{
    (void)state;
    struct sl_target_rule rules[100];
    uint32_t n[100] = { 0 }, n_none = 0;
    for (uint32_t i = 0; i < 100; i++) {
        rules[i] = (struct sl_target_rule){ .weight = 1 + i % 3 };
    }
    begin(SL_BALANCE_WEIGHTED, rules, 100);
    for (uint32_t sec = 0; sec < 86400; sec++) {
        world.ask.now_usec += SEC;
        uint32_t target = pick();
        n_none += target == SL_NO_TARGET;
        n[target % 100]++;
        if (sec % 6 == 0) {
            sl_pool_rest(&world.pool, sec / 6 % 100, 60 * SEC, world.ask.now_usec);
        }
    }
    assert_int_equal(n_none, 0);
    for (uint32_t i = 0; i < 100; i++) { /* 199 weights in all */
        uint32_t share = 86400 * rules[i].weight / 199;
        assert_in_range(n[i], share * 95 / 100, share * 105 / 100);
    }
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_kept_without_rows_of_one),
        cmocka_unit_test(one_that_comes_back_has_no_debts_to_collect),
        cmocka_unit_test(tiers_and_places_are_kept),
        cmocka_unit_test(the_least_busy_is_asked_by_its_weight),
        cmocka_unit_test(the_cheapest_is_asked),
        cmocka_unit_test(no_more_than_max_concurrent_begin),
        cmocka_unit_test(the_fastest_is_asked_and_the_others_stay_known),
        cmocka_unit_test(a_rest_is_believed_for_two_minutes),
        cmocka_unit_test(a_rest_is_not_made_shorter),
        cmocka_unit_test(who_is_left_of_many_is_not_in_debt),
        cmocka_unit_test(an_unknown_one_is_asked_each_second),
        cmocka_unit_test(steps_follow_the_table),
        cmocka_unit_test(a_breaker_opens_by_number_and_share),
        cmocka_unit_test(one_looks_and_the_others_wait),
        cmocka_unit_test(another_node_is_believed),
        cmocka_unit_test(a_call_looks_at_one_target_at_most),
        cmocka_unit_test(what_is_known_moves_to_the_next_pool),
        cmocka_unit_test(picks_are_right_whatever_happens),
        cmocka_unit_test(a_day_keeps_the_shares),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
