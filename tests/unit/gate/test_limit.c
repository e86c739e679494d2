/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/num.h"
#include "limit_help.h"

#define SEC    SL_USEC_PER_SEC
#define MINUTE (60 * SEC)
#define HOUR   (3600 * SEC)
/* Some wall time. */
#define T0 (1800000000 * SEC)

static const struct sl_limit_rule route_2_a_minute = REQUESTS(2, MINUTE, SL_LIMIT_WHOLE, 1, "minute");
static const struct sl_limit_rule user_2_a_minute = REQUESTS(2, MINUTE, SL_LIMIT_USER, 1, "minute");

static struct sl_limiter *limiter_new(size_t max_users)
{
    struct sl_limiter *limiter = NULL;
    assert_int_equal(sl_limiter_new(max_users, &limiter), 0);
    return limiter;
}

/* What one call was told. */
struct said {
    bool is_refused, is_final;
    uint32_t first_refusing, rule;
    uint64_t calls, remaining, reset_usec;
};

static struct said said_of(const struct sl_limit_view *view, const struct sl_limit_rule *rules)
{
    struct sl_limit_shown shown = told(view);
    return (struct said){
        .is_refused = view->is_refused,
        .is_final = shown.is_final,
        .first_refusing = view->is_refused ? (uint32_t)(view->first.rule - rules) : 0,
        .rule = (uint32_t)(shown.rule - rules),
        .calls = shown.rule->cap,
        .remaining = shown.remaining,
        .reset_usec = shown.reset_usec,
    };
}

static struct said take_of(struct sl_limiter *limiter, const char *route, uint64_t incarnation, const char *principal,
                           const struct sl_limit_rule *rules, uint32_t n, uint64_t now)
{
    struct one_call one;
    struct sl_limit_view view;
    uint32_t n_held;
    one_call_make(&one, route, incarnation, principal, rules, n);
    assert_int_equal(sl_limiter_take(limiter, &one.call, now, NULL, &n_held, &view), 0);
    assert_int_equal(n_held, 0);
    return said_of(&view, rules);
}

static struct said take_many(struct sl_limiter *limiter, const char *route, const char *principal,
                             const struct sl_limit_rule *rules, uint32_t n, uint64_t now)
{
    return take_of(limiter, route, 0, principal, rules, n, now);
}

static struct said take(struct sl_limiter *limiter, const char *principal, const struct sl_limit_rule *rule,
                        uint64_t now)
{
    return take_many(limiter, "chat", principal, rule, 1, now);
}

static struct said peek(struct sl_limiter *limiter, const char *principal, const struct sl_limit_rule *rule,
                        uint64_t now)
{
    struct one_call one;
    struct sl_limit_view view;
    one_call_make(&one, "chat", 0, principal, rule, 1);
    sl_limiter_peek(limiter, &one.call, now, &view);
    return said_of(&view, rule);
}

static void window_opens_at_the_first_call_and_lasts_one_period(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new(1000);
    struct said v = take(limiter, "a", &user_2_a_minute, T0 + 59 * SEC);
    assert_false(v.is_refused);
    assert_int_equal(v.calls, 2);
    assert_int_equal(v.remaining, 1);
    assert_int_equal(v.reset_usec, MINUTE);
    v = take(limiter, "a", &user_2_a_minute, T0 + 69 * SEC);
    assert_false(v.is_refused);
    assert_int_equal(v.remaining, 0);
    assert_int_equal(v.reset_usec, 50 * SEC);
    v = take(limiter, "a", &user_2_a_minute, T0 + 119 * SEC - 1);
    assert_true(v.is_refused);
    assert_int_equal(v.remaining, 0);
    assert_int_equal(v.reset_usec, 1);
    v = take(limiter, "a", &user_2_a_minute, T0 + 119 * SEC);
    assert_false(v.is_refused);
    assert_int_equal(v.remaining, 1);
    sl_limiter_free(limiter);
}

static void refused_calls_take_nothing(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new(1000);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(take(limiter, "a", &user_2_a_minute, T0).is_refused, i >= 2);
    }
    struct sl_limit_rule more = user_2_a_minute;
    more.cap = 4;
    struct said v = peek(limiter, "a", &more, T0);
    assert_int_equal(v.remaining, 2); /* a changed number keeps the count */
    assert_false(v.is_refused);
    more.cap = 1;
    v = peek(limiter, "a", &more, T0);
    assert_true(v.is_refused);
    assert_int_equal(v.remaining, 0);
    more.period_usec = HOUR;
    v = peek(limiter, "a", &more, T0);
    assert_false(v.is_refused); /* a changed period begins anew */
    assert_int_equal(v.reset_usec, 0);
    sl_limiter_free(limiter);
}

static void keys_count_apart(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new(1000);
    assert_false(take(limiter, "a", &user_2_a_minute, T0).is_refused);
    assert_int_equal(take(limiter, "b", &user_2_a_minute, T0).remaining, 1);
    assert_int_equal(take(limiter, "a", &route_2_a_minute, T0).remaining, 1);
    assert_int_equal(take(limiter, "b", &route_2_a_minute, T0).remaining, 0);
    assert_int_equal(take_many(limiter, "other", "a", &user_2_a_minute, 1, T0).remaining, 1);
    /* Another route with that name. */
    assert_int_equal(take_of(limiter, "chat", 7, "a", &user_2_a_minute, 1, T0).remaining, 1);
    sl_limiter_free(limiter);
}

static void none_passes_at_zero_and_no_wait_helps(void **state)
{
    (void)state;
    static const struct sl_limit_rule zero = REQUESTS(0, MINUTE, SL_LIMIT_USER, 1, "minute");
    static const struct sl_limit_rule one = REQUESTS(1, HOUR, SL_LIMIT_WHOLE, 1, "hour");
    const struct {
        struct sl_limit_rule rules[2];
        uint32_t n, rule;
        bool is_final;
    } cases[] = {
        { { zero }, 1, 0, true },
        { { one }, 1, 0, false },
        { { one, zero }, 2, 1, true }, /* its wait is the longer one, whether used up or not */
        { { zero, one }, 2, 0, true },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_limiter *limiter = limiter_new(1000);
        for (int used = 0; used < 2; used++) {
            assert_int_equal(take(limiter, "a", &one, T0).is_refused, used);
            struct said v = take_many(limiter, "chat", "a", cases[i].rules, cases[i].n, T0 + SEC);
            assert_true(v.is_refused);
            assert_int_equal(v.rule, cases[i].rule);
            assert_int_equal(v.is_final, cases[i].is_final);
            assert_int_equal(v.reset_usec, cases[i].is_final ? 0 : HOUR - SEC);
        }
        assert_int_equal(sl_limiter_count(limiter), 1);
        sl_limiter_free(limiter);
    }
    /* A limit that is set to 0 while a window is open. */
    struct sl_limiter *limiter = limiter_new(1000);
    struct sl_limit_rule rule = REQUESTS(1, MINUTE, SL_LIMIT_USER, 1, "minute");
    assert_false(take(limiter, "a", &rule, T0).is_refused);
    rule.cap = 0;
    assert_true(take(limiter, "a", &rule, T0 + SEC).is_final);
    assert_int_equal(peek(limiter, "a", &rule, T0 + SEC).reset_usec, 0);
    sl_limiter_free(limiter);
}

static void several_hold_together_all_or_none(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new(1000);
    const struct sl_limit_rule rules[] = {
        REQUESTS(2, MINUTE, SL_LIMIT_USER, 1, "minute"),
        REQUESTS(3, HOUR, SL_LIMIT_WHOLE, 1, "hour"),
    };
    struct said v = take_many(limiter, "chat", "a", rules, 2, T0);
    assert_int_equal(v.rule, 0);
    assert_int_equal(v.remaining, 1);
    assert_false(take_many(limiter, "chat", "a", rules, 2, T0).is_refused);
    v = take_many(limiter, "chat", "a", rules, 2, T0);
    assert_true(v.is_refused);
    assert_int_equal(v.rule, 0);
    /* That did not count in the route's counter: one is left for somebody else. */
    v = take_many(limiter, "chat", "b", rules, 2, T0);
    assert_false(v.is_refused);
    assert_int_equal(v.rule, 1);
    assert_int_equal(v.remaining, 0);
    v = take_many(limiter, "chat", "a", rules, 2, T0 + SEC);
    assert_true(v.is_refused); /* by both limits: the answer has the longer wait */
    assert_int_equal(v.first_refusing, 0);
    assert_int_equal(v.rule, 1);
    assert_int_equal(v.reset_usec, HOUR - SEC);
    sl_limiter_free(limiter);
}

/* The last fifth of a cap is near; the limit that refuses is noted, whatever was used of it. */
static void limits_that_are_near_are_noted(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new(1000);
    const struct sl_limit_rule rules[] = {
        REQUESTS(10, MINUTE, SL_LIMIT_WHOLE, 1, "minute"),
        REQUESTS(1000, HOUR, SL_LIMIT_WHOLE, 1, "hour"),
        { .cap = 100, .period_usec = HOUR, .multiple = 1, .unit = "hour", .kind = SL_LIMIT_TOKENS },
    };
    for (uint32_t i = 1; i <= 12; i++) {
        struct one_call one;
        struct sl_limit_view view;
        struct sl_limit_held held[3];
        uint32_t n_held;
        one_call_make(&one, "chat", 0, "a", rules, 3);
        one.call.amounts[SL_LIMIT_TOKENS] = i == 12 ? 95 : 1;
        uint64_t now = i == 12 ? T0 + MINUTE : T0;
        assert_int_equal(sl_limiter_take(limiter, &one.call, now, held, &n_held, &view), 0);
        assert_int_equal(view.n_near, i >= 8);
        assert_int_equal(view.is_refused, i > 10);
        if (i >= 8) {
            const struct sl_limit_near *near = &view.near[0];
            assert_ptr_equal(near->rule, i == 12 ? &rules[2] : &rules[0]);
            assert_int_equal(near->percent, i == 12 ? 10 : SL_MIN(i, 10u) * 10);
            assert_int_equal(near->is_refusing, i > 10);
        }
    }
    sl_limiter_free(limiter);
}

/* However many are near, the one that refuses is among those that are noted. */
static void the_limit_that_refuses_is_always_noted(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new(1000);
    struct sl_limit_rule rules[SL_LIMIT_NEAR_MAX + 2];
    for (uint32_t i = 0; i < SL_ARRAY_LEN(rules); i++) {
        bool is_last = i + 1 == SL_ARRAY_LEN(rules);
        rules[i] = (struct sl_limit_rule)REQUESTS(is_last ? 0 : 1000, (i + 1) * MINUTE, SL_LIMIT_WHOLE, i + 1,
                                                  "minute");
    }
    struct one_call one;
    struct sl_limit_view view;
    uint32_t n_held;
    one_call_make(&one, "chat", 0, "a", rules, SL_ARRAY_LEN(rules) - 1);
    one.call.amounts[SL_LIMIT_REQUESTS] = 900;
    assert_int_equal(sl_limiter_take(limiter, &one.call, T0, NULL, &n_held, &view), 0);
    assert_int_equal(view.n_near, SL_LIMIT_NEAR_MAX);
    one_call_make(&one, "chat", 0, "a", rules, SL_ARRAY_LEN(rules));
    assert_int_equal(sl_limiter_take(limiter, &one.call, T0, NULL, &n_held, &view), 0);
    assert_int_equal(view.n_near, SL_LIMIT_NEAR_MAX);
    assert_true(view.near[SL_LIMIT_NEAR_MAX - 1].is_refusing);
    assert_ptr_equal(view.near[SL_LIMIT_NEAR_MAX - 1].rule, view.refusing.rule);
    assert_int_equal(view.near[SL_LIMIT_NEAR_MAX - 1].percent, 100); /* a cap of 0 */
    sl_limiter_free(limiter);
}

static void two_rules_of_one_counter_take_once(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new(1000);
    const struct sl_limit_rule rules[] = {
        REQUESTS(5, MINUTE, SL_LIMIT_WHOLE, 1, "minute"),
        REQUESTS(4, MINUTE, SL_LIMIT_WHOLE, 60, "second"),
    };
    for (int i = 0; i < 6; i++) {
        assert_int_equal(take_many(limiter, "chat", "a", rules, 2, T0).is_refused, i >= 4);
    }
    sl_limiter_free(limiter);
}

static void full_table_drops_what_is_over_then_shares(void **state)
{
    (void)state;
    enum { ROOM = 640 };
    struct sl_limiter *limiter = limiter_new(ROOM);
    struct sl_limit_rule rule = REQUESTS(3, MINUTE, SL_LIMIT_USER, 1, "minute");
    char name[32];
    unsigned n_refused = 0;
    for (int i = 0; i < 20000; i++) {
        snprintf(name, sizeof(name), "early-%d", i);
        n_refused += take(limiter, name, &rule, T0).is_refused;
    }
    /* The table is full, and one more counter is for everybody else. */
    assert_int_equal(sl_limiter_count(limiter), ROOM + 1);
    assert_int_equal(n_refused, 20000 - ROOM - 3);
    /* Principals in the table keep their own counters. */
    assert_true(take(limiter, "newcomer", &rule, T0).is_refused);
    snprintf(name, sizeof(name), "early-%d", 0);
    assert_int_equal(take(limiter, name, &rule, T0).remaining, 1);
    /* When their windows are over they are removed. */
    n_refused = 0;
    for (int i = 0; i < ROOM / 8; i++) { /* few enough that no shard gets more than its share */
        snprintf(name, sizeof(name), "late-%d", i);
        n_refused += take(limiter, name, &rule, T0 + MINUTE).is_refused;
    }
    assert_int_equal(n_refused, 0);
    assert_true(sl_limiter_count(limiter) <= ROOM + 1);
    sl_limiter_free(limiter);
}

static void windows_that_are_over_are_cleared_away(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new(131072);
    char name[32];
    for (unsigned i = 0; i < 50000; i++) {
        snprintf(name, sizeof(name), "p-%u", i);
        take(limiter, name, &user_2_a_minute, T0 + i * SEC);
    }
    /* A minute's worth, spread over the shards, and what a shard keeps until its next newcomer. */
    assert_true(sl_limiter_count(limiter) < 60 + 64 * 4);
    /* A principal that goes on calling stays, although its first window is long over. */
    uint64_t now = T0 + 60000 * SEC;
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "q-%u", i);
        take(limiter, name, &user_2_a_minute, now + i * SEC);
        if (i % 100 < 2) {
            uint64_t left = take(limiter, "faithful", &user_2_a_minute, now + i * SEC).remaining;
            assert_int_equal(left, 1 - i % 100);
        }
    }
    sl_limiter_free(limiter);
}

static void clock_that_steps_back_does_not_stretch_a_window(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new(1000);
    take(limiter, "a", &user_2_a_minute, T0 + HOUR);
    take(limiter, "a", &user_2_a_minute, T0 + HOUR);
    struct said v = take(limiter, "a", &user_2_a_minute, T0);
    assert_true(v.is_refused);
    assert_int_equal(v.reset_usec, MINUTE);
    assert_false(take(limiter, "a", &user_2_a_minute, T0 + MINUTE).is_refused);
    sl_limiter_free(limiter);
}

struct kept {
    struct sl_limit_record v[8];
    char texts[8][64];
    unsigned n;
};

static void keep(void *arg, const struct sl_limit_record *record)
{
    struct kept *kept = arg;
    assert_true(kept->n < 8);
    struct sl_limit_record *copy = &kept->v[kept->n];
    char *text = kept->texts[kept->n++];
    *copy = *record;
    memcpy(text, record->name.p, record->name.n);
    memcpy(text + record->name.n, record->who.p, record->who.n);
    copy->name.p = text;
    copy->who.p = text + record->name.n;
}

static void counters_travel_through_a_store(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new(1000);
    const struct sl_limit_rule user = REQUESTS(5, HOUR, SL_LIMIT_USER, 1, "hour");
    const struct sl_limit_rule route = REQUESTS(5, 2 * HOUR, SL_LIMIT_WHOLE, 2, "hour");
    take(limiter, "a", &user_2_a_minute, T0);
    take(limiter, "a", &user, T0);
    take(limiter, "a", &user, T0);
    take(limiter, "a", &route, T0);
    struct kept kept = { .n = 0 };
    sl_limiter_each(limiter, HOUR, true, T0, keep, &kept);
    assert_int_equal(kept.n, 2);
    struct kept again = { .n = 0 };
    sl_limiter_each(limiter, HOUR, true, T0, keep, &again);
    assert_int_equal(again.n, 0);
    take(limiter, "a", &route, T0);
    sl_limiter_each(limiter, HOUR, true, T0, keep, &again);
    assert_int_equal(again.n, 1);
    assert_int_equal(again.v[0].used, 2);
    sl_limiter_each(limiter, HOUR, false, T0 + HOUR, keep, &again);
    assert_int_equal(again.n, 2); /* the hour is over, the two hours are not */

    struct sl_limiter *next = limiter_new(1000);
    for (unsigned i = 0; i < kept.n; i++) {
        assert_int_equal(sl_limiter_restore(next, &kept.v[i], T0 + SEC), 0);
    }
    assert_int_equal(sl_limiter_count(next), 2);
    struct said v = take(next, "a", &user, T0 + SEC);
    assert_int_equal(v.remaining, 2);
    assert_int_equal(v.reset_usec, HOUR - SEC);
    assert_int_equal(take(next, "a", &route, T0 + SEC).remaining, 3);
    assert_int_equal(sl_limiter_restore(next, &kept.v[0], T0 + SEC), 0);
    assert_int_equal(peek(next, "a", &user, T0 + SEC).remaining, 2); /* the larger count stays */
    struct sl_limiter *late = limiter_new(1000);
    assert_int_equal(sl_limiter_restore(late, &kept.v[0], T0 + 3 * HOUR), 0);
    assert_int_equal(sl_limiter_count(late), 0);
    sl_limiter_free(late);
    sl_limiter_free(next);
    sl_limiter_free(limiter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(window_opens_at_the_first_call_and_lasts_one_period),
        cmocka_unit_test(refused_calls_take_nothing),
        cmocka_unit_test(keys_count_apart),
        cmocka_unit_test(none_passes_at_zero_and_no_wait_helps),
        cmocka_unit_test(several_hold_together_all_or_none),
        cmocka_unit_test(limits_that_are_near_are_noted),
        cmocka_unit_test(the_limit_that_refuses_is_always_noted),
        cmocka_unit_test(two_rules_of_one_counter_take_once),
        cmocka_unit_test(full_table_drops_what_is_over_then_shares),
        cmocka_unit_test(windows_that_are_over_are_cleared_away),
        cmocka_unit_test(clock_that_steps_back_does_not_stretch_a_window),
        cmocka_unit_test(counters_travel_through_a_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
