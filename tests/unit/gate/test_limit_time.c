/* SPDX-License-Identifier: Apache-2.0 */
/* Limits over virtual time: days, months and years of zones that change their offset, against the calendar of the C
 * library; and a wall clock that steps back and forth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/num.h"
#include "base/zone.h"
#include "limit_help.h"

#define SEC    SL_USEC_PER_SEC
#define MINUTE (60 * SEC)
#define HOUR   (3600 * SEC)
#define DAY    (24 * HOUR)
#define MONTH  (30 * DAY)
#define YEAR   (360 * DAY)
/* 2011-01-01: before some zones jumped over a day. */
#define T0 (1293840000 * SEC)

static uint64_t rng_state;

static uint64_t rng(uint64_t below)
{
    rng_state = rng_state * 6364136223846793005u + 1442695040888963407u;
    return (rng_state >> 33) % below;
}

struct said {
    bool is_refused;
    uint64_t used, reset_usec;
};

static struct said take(struct sl_limiter *limiter, const struct sl_limit_rule *rule, uint64_t now)
{
    struct one_call one;
    struct sl_limit_view view;
    uint32_t n_held;
    one_call_make(&one, "chat", 0, "p", rule, 1);
    assert_int_equal(sl_limiter_take(limiter, &one.call, now, NULL, &n_held, &view), 0);
    struct sl_limit_shown shown = told(&view);
    return (struct said){ view.is_refused, shown.used, shown.reset_usec };
}

/* The number of the day, month or year in which the C library sees an instant, in the zone that it was told. */
static int64_t period_at(uint64_t usec, uint64_t period)
{
    time_t sec = (time_t)(usec / SEC);
    struct tm tm;
    localtime_r(&sec, &tm);
    return period == YEAR    ? tm.tm_year
           : period == MONTH ? tm.tm_year * 12 + tm.tm_mon
                             : (tm.tm_year * 12 + tm.tm_mon) * 32 + tm.tm_mday;
}

/* Each window is one day, month or year there: no call of another one counts, and it ends where the next begins. */
static void a_window_is_that_of_the_calendar_there(void **state)
{
    (void)state;
    static const char *const zones[] = { "UTC",
                                         "Europe/Berlin",
                                         "America/New_York",
                                         "Australia/Lord_Howe", /* half an hour of summer time */
                                         "Pacific/Apia",        /* had no 2011-12-30 */
                                         "Africa/Cairo",        /* summer time again since 2023 */
                                         "Asia/Pyongyang",      /* another offset from 2015 to 2018 */
                                         "America/Sao_Paulo" }; /* days without midnight until 2019 */
    static const uint64_t periods[] = { DAY, MONTH, YEAR };
    for (size_t z = 0; z < SL_ARRAY_LEN(zones); z++) {
        struct sl_limit_rule rule = REQUESTS(1000000, 0, SL_LIMIT_WHOLE, 1, "day");
        assert_int_equal(sl_zone_get(sl_str_c(zones[z]), &rule.zone, NULL), 0);
        setenv("TZ", zones[z], 1);
        tzset();
        for (size_t p = 0; p < SL_ARRAY_LEN(periods); p++) {
            struct sl_limiter *limiter = NULL;
            rule.period_usec = periods[p];
            assert_int_equal(sl_limiter_new(100, &limiter), 0);
            uint64_t now = T0, used = 0;
            int64_t before = -1;
            rng_state = z * 31 + p;
            for (unsigned i = 0; i < 4000; i++) {
                now += rng(2 * periods[p] / 5 / SEC) * SEC + rng(SEC);
                int64_t here = period_at(now, periods[p]);
                used = here == before ? used + 1 : 1;
                before = here;
                struct said v = take(limiter, &rule, now);
                if (v.used != used) {
                    fail_msg("%s, %llu: %llu calls were counted, not %llu", zones[z], (unsigned long long)(now / SEC),
                             (unsigned long long)v.used, (unsigned long long)used);
                }
                assert_int_not_equal(period_at(now + v.reset_usec, periods[p]), here);
                assert_int_equal(period_at(now + v.reset_usec - 1, periods[p]), here);
            }
            sl_limiter_free(limiter);
        }
    }
    unsetenv("TZ");
    tzset();
}

/* Whatever the clock does: nobody waits for longer than a period, and who waited so long passes. */
static void a_clock_that_steps_locks_nobody_out(void **state)
{
    (void)state;
    const struct sl_zone *berlin;
    assert_int_equal(sl_zone_get(SL_STR("Europe/Berlin"), &berlin, NULL), 0);
    const struct sl_limit_rule rules[] = {
        { .cap = 3, .period_usec = MINUTE, .multiple = 1, .unit = "minute" },
        { .cap = 3, .period_usec = DAY, .multiple = 1, .unit = "day" },
        { .cap = 3, .period_usec = DAY, .multiple = 1, .unit = "day", .zone = berlin },
        { .cap = 3, .period_usec = MONTH, .multiple = 1, .unit = "month", .zone = berlin },
        { .cap = 3, .period_usec = YEAR, .multiple = 1, .unit = "year", .zone = berlin },
    };
    for (size_t r = 0; r < SL_ARRAY_LEN(rules); r++) {
        struct sl_limiter *limiter = NULL;
        assert_int_equal(sl_limiter_new(100, &limiter), 0);
        uint64_t now = T0 + 4000 * DAY, period = rules[r].period_usec;
        uint64_t longest = rules[r].zone ? period + period / 8 : period;
        rng_state = r;
        for (unsigned i = 0; i < 20000; i++) {
            switch (rng(8)) {
            case 0: /* back, by up to three periods or by years */
                now -= rng(4) ? rng(3 * period / SEC) * SEC : rng(1000) * DAY;
                break;
            case 1:
                now += rng(4) ? rng(3 * period / SEC) * SEC : rng(1000) * DAY;
                break;
            default:
                now += rng(period / 20 / SEC + 2) * SEC;
            }
            struct said v = take(limiter, &rules[r], now);
            assert_in_range(v.used, v.is_refused ? 3 : 1, 3);
            assert_in_range(v.reset_usec, 1, longest + SEC);
            if (v.is_refused && rng(4) == 0) {
                now += v.reset_usec;
                assert_false(take(limiter, &rules[r], now).is_refused);
            }
            now = SL_MAX(now, (uint64_t)T0);
        }
        sl_limiter_free(limiter);
    }
}

/* A step back opens no new window: what was used stays used. */
static void a_step_back_gives_nothing_away(void **state)
{
    (void)state;
    static const struct sl_limit_rule rule = { .cap = 2, .period_usec = DAY, .multiple = 1, .unit = "day" };
    static const uint64_t steps[] = { 1, SEC, HOUR, DAY, 100 * DAY };
    for (size_t i = 0; i < SL_ARRAY_LEN(steps); i++) {
        struct sl_limiter *limiter = NULL;
        uint64_t now = T0 + 1000 * DAY;
        assert_int_equal(sl_limiter_new(100, &limiter), 0);
        assert_false(take(limiter, &rule, now).is_refused);
        assert_false(take(limiter, &rule, now - steps[i]).is_refused);
        assert_true(take(limiter, &rule, now - steps[i]).is_refused);
        /* Forth again: a window that was moved back by a period and more is over then. */
        assert_int_equal(take(limiter, &rule, now).is_refused, steps[i] < DAY);
        sl_limiter_free(limiter);
    }
}

/* 2^60 tokens and 10^18 of anything: sums stay where they are, and the next window is free again. */
static void numbers_beyond_reason_end_with_their_window(void **state)
{
    (void)state;
    static const uint64_t amounts[] = { 1ull << 60, 1000000000000000000ull, INT64_MAX, UINT64_MAX };
    static const enum sl_limit_kind kinds[] = { SL_LIMIT_TOKENS, SL_LIMIT_INPUT_TOKENS, SL_LIMIT_OUTPUT_TOKENS,
                                                SL_LIMIT_MONEY };
    for (size_t i = 0; i < SL_ARRAY_LEN(amounts) * SL_ARRAY_LEN(kinds); i++) {
        const struct sl_limit_rule rule = {
            .cap = INT64_MAX, .period_usec = DAY, .multiple = 1, .unit = "day", .kind = kinds[i % SL_ARRAY_LEN(kinds)]
        };
        uint64_t amount = amounts[i / SL_ARRAY_LEN(kinds)], used[SL_LIMIT_KINDS] = { 0 }, sum = 0;
        struct sl_limiter *limiter = NULL;
        assert_int_equal(sl_limiter_new(100, &limiter), 0);
        used[rule.kind] = amount;
        for (unsigned n = 0; n < 40; n++) {
            struct one_call one;
            struct sl_limit_view view;
            struct sl_limit_held held[1];
            uint32_t n_held;
            one_call_make(&one, "chat", 0, "p", &rule, 1);
            one.call.amounts[rule.kind] = n % 2 ? 1 : 1ull << 60;
            assert_int_equal(sl_limiter_take(limiter, &one.call, T0, held, &n_held, &view), 0);
            if (view.is_refused) {
                assert_int_equal(n_held, 0);
                continue;
            }
            sl_limiter_settle(limiter, held, n_held, used);
            struct sl_limit_look look;
            sl_limiter_look(limiter, &one.limits, &rule, SL_STR(""), T0, &look);
            assert_int_equal(look.reserved, 0);
            assert_true(look.used >= sum && look.used <= INT64_MAX);
            sum = look.used;
        }
        struct said v = take(limiter, &(struct sl_limit_rule){ .cap = 1, .period_usec = DAY }, T0 + 2 * DAY);
        assert_false(v.is_refused);
        sl_limiter_free(limiter);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_is_that_of_the_calendar_there),
        cmocka_unit_test(a_clock_that_steps_locks_nobody_out),
        cmocka_unit_test(a_step_back_gives_nothing_away),
        cmocka_unit_test(numbers_beyond_reason_end_with_their_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
