/* SPDX-License-Identifier: Apache-2.0 */
/* A day of virtual time: a hundred targets in three tiers that fail by a schedule, some calls a second, and only the
 * policy decides. Nobody waits: the clock jumps to the next event. */
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

#define N       100
#define SEC     SL_USEC_PER_SEC
#define HOUR    (3600 * SEC)
#define DAY     (24 * HOUR)
#define START   (1000 * SEC) /* the clock does not start at 0 */
#define PER_SEC 5
#define RUNNING 4096 /* the most attempts at one time */

/* --- events of the day --- */

enum state { WELL, DOWN, SILENT, ERRORS, LIMITED, FLAPS, SLOW };

struct spell {
    uint32_t first, last; /* targets */
    enum state state;
    uint64_t from, to; /* since the beginning of the day */
};

/* Tier 0 has the targets 0 to 59, tier 1 60 to 89, tier 2 the rest. */
static const struct spell spells[] = {
    { 0, 29, DOWN, 2 * HOUR, 3 * HOUR }, /* one region */
    { 7, 7, SILENT, 4 * HOUR, 5 * HOUR },
    { 11, 13, ERRORS, 5 * HOUR, 6 * HOUR },
    { 20, 24, LIMITED, 6 * HOUR, 7 * HOUR },
    { 30, 35, FLAPS, 8 * HOUR, 9 * HOUR },
    { 40, 59, SLOW, 10 * HOUR, 11 * HOUR },
    { 0, 59, DOWN, 12 * HOUR, 13 * HOUR },            /* all of tier 0 */
    { 0, 89, ERRORS, 14 * HOUR, 15 * HOUR },          /* and of tier 1 */
    { 0, 99, DOWN, 16 * HOUR, 16 * HOUR + HOUR / 4 }, /* all */
    { 5, 5, DOWN, 18 * HOUR, DAY },                   /* does not come back */
};

static enum state state_at(uint32_t target, uint64_t at)
{
    for (size_t i = 0; i < SL_ARRAY_LEN(spells); i++) {
        if (target >= spells[i].first && target <= spells[i].last && at >= spells[i].from && at < spells[i].to) {
            return spells[i].state;
        }
    }
    return WELL;
}

static bool is_quiet(uint64_t at)
{
    for (size_t i = 0; i + 1 < SL_ARRAY_LEN(spells); i++) {
        /* Waits and breakers from before are over. */
        if (at >= spells[i].from && at < spells[i].to + 5 * 60 * SEC) {
            return false;
        }
    }
    return at < 18 * HOUR;
}

/* --- simulated upstreams and clients --- */

struct attempt {
    uint64_t end;
    uint32_t target;
    enum sl_begun begun;
    enum sl_cause cause; /* SL_CAUSE_COUNT: it succeeds */
    uint64_t took, rest, start;
    uint32_t n_attempts, n_repeats;
    uint64_t passed[SL_POOL_WORDS(N)];
};

struct seen {
    uint32_t n_quiet, n_down; /* attempts in quiet times, and while it was down */
    uint64_t last, gap;       /* of attempts in quiet times: when the last was, and the longest time between two */
    uint64_t back;            /* the longest time from the end of a spell to the first success */
    uint64_t well_since;
    bool is_back;
};

static struct {
    struct sl_arena arena;
    struct sl_pool pool;
    struct sl_target_rule rules[N];
    struct sl_rng rng;
    struct attempt heap[RUNNING];
    uint32_t n_heap, n_heap_most;
    struct seen seen[N];
    uint32_t n_calls, n_failed, n_failed_outside, n_attempts, n_none, n_tier[3];
    uint64_t now;
} day;

static const struct sl_fallback fallback = { SL_CAUSES_DEFAULT, 4, 300 * SEC };

static uint64_t random_below(uint64_t n)
{
    return sl_rng_next(&day.rng) % n;
}

static void heap_put(const struct attempt *attempt)
{
    uint32_t at = day.n_heap++;
    assert_true(day.n_heap < RUNNING);
    for (; at > 0 && day.heap[(at - 1) / 2].end > attempt->end; at = (at - 1) / 2) {
        day.heap[at] = day.heap[(at - 1) / 2];
    }
    day.heap[at] = *attempt;
    day.n_heap_most = SL_MAX(day.n_heap_most, day.n_heap);
}

static struct attempt heap_take(void)
{
    struct attempt first = day.heap[0], last = day.heap[--day.n_heap];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = 2 * at + 1;
        child += child + 1 < day.n_heap && day.heap[child + 1].end < day.heap[child].end;
        if (child >= day.n_heap || day.heap[child].end >= last.end) {
            break;
        }
        day.heap[at] = day.heap[child];
        at = child;
    }
    day.heap[at] = last;
    return first;
}

/* Decides how an attempt that begins now will end. */
static void attempt_foresee(struct attempt *a)
{
    uint64_t at = day.now - START, usual = (200 + a->target * 5) * SL_USEC_PER_MSEC; /* each target has its own speed */
    a->cause = SL_CAUSE_COUNT;
    a->rest = 0;
    a->took = usual / 2 + random_below(usual);
    switch (state_at(a->target, at)) {
    case WELL:
        break;
    case SLOW:
        a->took *= 10;
        break;
    case DOWN:
        a->cause = SL_CAUSE_CONNECT;
        a->took = SL_USEC_PER_MSEC;
        break;
    case SILENT:
        a->cause = SL_CAUSE_TIMEOUT;
        a->took = 30 * SEC;
        break;
    case ERRORS:
        a->cause = random_below(10) < 8 ? SL_CAUSE_SERVER_ERROR : SL_CAUSE_COUNT;
        break;
    case LIMITED: /* it takes calls in 10 of every 20 s */
        a->cause = at / (10 * SEC) % 2 ? SL_CAUSE_RATE_LIMITED : SL_CAUSE_COUNT;
        a->rest = a->cause == SL_CAUSE_RATE_LIMITED ? 10 * SEC - at % (10 * SEC) : 0;
        a->took = a->rest ? 50 * SL_USEC_PER_MSEC : a->took;
        break;
    case FLAPS:
        a->cause = at / SEC % 2 ? SL_CAUSE_OVERLOADED : SL_CAUSE_COUNT;
        break;
    }
    a->end = day.now + a->took;
}

static void seen_begin(uint32_t target)
{
    struct seen *seen = &day.seen[target];
    uint64_t at = day.now - START;
    seen->n_down += state_at(target, at) == DOWN;
    if (!is_quiet(at)) {
        seen->last = 0;
        return;
    }
    seen->n_quiet++;
    seen->gap = seen->last ? SL_MAX(seen->gap, at - seen->last) : seen->gap;
    seen->last = at;
}

static struct sl_ask ask_of(const struct attempt *a)
{
    return (struct sl_ask){ a->passed, day.now, sl_rng_next(&day.rng), false, a->n_attempts > 0 };
}

/* False: no target can be asked. */
static bool attempt_begin(struct attempt *a, uint32_t target)
{
    for (;;) {
        if (target == SL_NO_TARGET) {
            struct sl_ask ask = ask_of(a);
            target = sl_pool_pick(&day.pool, &ask);
        }
        if (target == SL_NO_TARGET) {
            return false;
        }
        sl_ask_pass(a->passed, target);
        a->begun = sl_pool_begin(&day.pool, target, day.now);
        if (a->begun != SL_BEGUN_NOT) {
            break;
        }
        target = SL_NO_TARGET;
    }
    a->target = target;
    a->n_attempts++;
    day.n_attempts++;
    day.n_tier[day.rules[target].tier] += a->n_attempts == 1;
    seen_begin(target);
    attempt_foresee(a);
    heap_put(a);
    return true;
}

static bool is_all_out(uint64_t at)
{
    return at >= 16 * HOUR && at < 16 * HOUR + HOUR / 4 + 60 * SEC;
}

static void call_failed(void)
{
    day.n_failed++;
    day.n_failed_outside += !is_all_out(day.now - START);
}

static void attempt_end(struct attempt *a)
{
    uint64_t at = day.now - START;
    bool is_good = a->cause == SL_CAUSE_COUNT, is_limited = a->cause == SL_CAUSE_RATE_LIMITED;
    sl_pool_end(&day.pool, a->target, a->begun,
                is_good      ? SL_OUTCOME_GOOD
                : is_limited ? SL_OUTCOME_NEUTRAL
                             : SL_OUTCOME_BAD,
                day.now);
    if (is_good) {
        struct seen *seen = &day.seen[a->target];
        sl_pool_measure(&day.pool, a->target, false, a->took, day.now);
        if (!seen->is_back) {
            seen->back = SL_MAX(seen->back, at - seen->well_since);
            seen->is_back = true;
        }
        return;
    }
    if (a->rest) {
        sl_pool_rest(&day.pool, a->target, a->rest, day.now);
    }
    struct sl_failure failure = {
        .target = a->target,
        .cause = a->cause,
        .may_repeat = a->cause == SL_CAUSE_CONNECT || a->cause == SL_CAUSE_OVERLOADED,
        .n_attempts = a->n_attempts,
        .n_repeats = a->n_repeats,
        .n_repeats_allowed = 1,
        .start_usec = a->start,
        .end_usec = a->start + 600 * SEC,
    };
    struct sl_ask ask = ask_of(a);
    struct sl_step step = sl_next(&day.pool, &fallback, &failure, &ask);
    a->n_repeats += step.kind == SL_STEP_REPEAT;
    assert_true(a->n_attempts <= fallback.attempts && a->n_repeats <= 1);
    if (step.kind == SL_STEP_GIVE_UP || !attempt_begin(a, step.target)) {
        call_failed();
    }
}

static void call_begin(void)
{
    struct attempt a = { .start = day.now };
    day.n_calls++;
    if (!attempt_begin(&a, SL_NO_TARGET)) {
        day.n_none++;
        call_failed();
    }
}

/* Watches when targets succeed again after a spell. */
static void spells_watch(uint64_t at)
{
    for (size_t i = 0; i < SL_ARRAY_LEN(spells); i++) {
        if (spells[i].to <= at && spells[i].to + SEC > at && spells[i].state != SLOW) {
            for (uint32_t t = spells[i].first; t <= spells[i].last; t++) {
                day.seen[t].well_since = at;
                day.seen[t].is_back = false;
            }
        }
    }
}

static void day_run(enum sl_balance balance)
{
    static const struct sl_breaker_rule breaker = { 5, 50, 30 * SEC, 30 * SEC };
    memset(&day, 0, sizeof(day));
    day.rng = (struct sl_rng){ { 7, 9 } };
    for (uint32_t i = 0; i < N; i++) {
        day.rules[i] = (struct sl_target_rule){ .weight = 1 + i % 3, .tier = i < 60 ? 0 : i < 90 ? 1 : 2, .place = i };
        day.seen[i].is_back = true;
    }
    sl_arena_init(&day.arena, NULL);
    assert_int_equal(sl_pool_init(&day.pool, balance, &breaker, day.rules, N, &day.arena), 0);
    for (uint32_t i = 0; i < N; i++) {
        sl_pool_price(&day.pool, i, i == 58 || i == 59 ? UINT64_MAX : N - i);
    }
    uint64_t next = START;
    day.now = START;
    while (day.now < START + DAY || day.n_heap) {
        bool is_call = next < START + DAY && (!day.n_heap || next <= day.heap[0].end);
        if (is_call) {
            day.now = next;
            next += SEC / PER_SEC;
            if ((day.now - START) % SEC == 0) {
                spells_watch(day.now - START);
            }
            call_begin();
        } else if (day.n_heap) {
            struct attempt a = heap_take();
            day.now = a.end;
            attempt_end(&a);
        } else {
            break;
        }
    }
}

static void day_end(void)
{
    for (uint32_t i = 0; i < N; i++) { /* nothing is left over */
        struct sl_target_look look;
        sl_pool_look(&day.pool, i, day.now, &look);
        assert_int_equal(look.in_flight, 0);
    }
    sl_pool_done(&day.pool);
    sl_arena_done(&day.arena);
}

/* What must be true for every balance. */
static void day_is_well(void)
{
    const struct seen *seen = day.seen;
    assert_int_equal(day.n_calls, 86400 * PER_SEC);
    /* Errors come when all are down, and hardly ever else: until the breakers of sixty targets are open, and where
     * ninety answer a fifth of their calls. */
    assert_in_range(day.n_failed - day.n_failed_outside, 900 * PER_SEC * 95 / 100, 960 * PER_SEC);
    assert_in_range(day.n_failed_outside, 0, day.n_calls / 300);
    assert_in_range(day.n_none, 900 * PER_SEC / 2, day.n_failed);
    /* An outage does not multiply the attempts. */
    assert_in_range(day.n_attempts, day.n_calls - day.n_none, day.n_calls * 110 / 100);
    for (uint32_t i = 0; i < N; i++) {
        /* Down: five calls until the breaker opens (more that are on their way, and repeats), then one each 30 s. */
        uint32_t down_sec = i == 5 ? 3600 * 8 + 900 : i < 30 ? 3600 * 2 + 900 : i < 60 ? 3600 + 900 : 900;
        uint32_t n_spells = i == 5 ? 4 : i < 30 ? 3 : i < 60 ? 2 : 1;
        assert_in_range(seen[i].n_down, 0, n_spells * 12 + down_sec / 30 * 2);
    }
    assert_int_equal(day.n_tier[0] + day.n_tier[1] + day.n_tier[2], day.n_calls - day.n_none);
    /* The hour without tier 0 goes to tier 1. In the hour in which both answer a fifth, breakers close again and again,
     * so that tier 2 is seldom the first. */
    assert_in_range(day.n_tier[1], 3600 * PER_SEC * 8 / 10, 2 * 3600 * PER_SEC);
    assert_in_range(day.n_tier[2], 100, 3600 * PER_SEC);
}

static void weights_are_kept_through_the_day(void **state)
{
    (void)state;
    day_run(SL_BALANCE_WEIGHTED);
    day_is_well();
    uint64_t n_quiet = 0, weights = 0;
    for (uint32_t i = 0; i < 60; i++) {
        n_quiet += day.seen[i].n_quiet;
        weights += day.rules[i].weight;
    }
    for (uint32_t i = 0; i < 60; i++) {
        uint64_t share = n_quiet * day.rules[i].weight / weights, turn = weights * SEC / PER_SEC / day.rules[i].weight;
        assert_in_range(day.seen[i].n_quiet, share * 98 / 100, share * 102 / 100);
        assert_in_range(day.seen[i].gap, 1, turn * 2);                       /* each target gets calls */
        assert_in_range(day.seen[i].back, 0, 30 * SEC + turn * 3 + 2 * SEC); /* the breaker's time, and its next turn */
        assert_true(i == 5 || day.seen[i].is_back);
    }
    day_end();
}

static void the_least_busy_share_the_day(void **state)
{
    (void)state;
    day_run(SL_BALANCE_LEAST_BUSY);
    day_is_well();
    for (uint32_t i = 0; i < 60; i++) {
        assert_true(i == 5 || day.seen[i].is_back);
        assert_in_range(day.seen[i].n_quiet, 100, day.n_calls);
        assert_in_range(day.seen[i].back, 0, 300 * SEC);
    }
    day_end();
}

/* The first is the fastest; slower ones are measured every half minute. */
static void the_fastest_have_the_day(void **state)
{
    (void)state;
    day_run(SL_BALANCE_FASTEST);
    day_is_well();
    uint64_t n_quiet = 0;
    for (uint32_t i = 0; i < 60; i++) {
        n_quiet += day.seen[i].n_quiet;
    }
    assert_true(day.seen[0].n_quiet + day.seen[1].n_quiet + day.seen[2].n_quiet + day.seen[3].n_quiet > n_quiet / 3);
    for (uint32_t i = 0; i < 60; i++) {
        assert_in_range(day.seen[i].gap, 1, 40 * SEC); /* its turn to be measured */
        assert_in_range(day.seen[i].back, 0, 65 * SEC);
        assert_true(i == 5 || day.seen[i].is_back);
    }
    day_end();
}

static void the_first_has_the_day(void **state)
{
    (void)state;
    day_run(SL_BALANCE_ORDERED);
    day_is_well();
    assert_true(day.seen[0].n_quiet > 0);
    for (uint32_t i = 1; i < N; i++) {
        assert_int_equal(day.seen[i].n_quiet, 0);
    }
    assert_in_range(day.seen[0].back, 0, 32 * SEC);
    day_end();
}

/* Each target of a tier costs less than the one before; the price of the last two of tier 0 is not known. */
static void the_cheapest_has_the_day(void **state)
{
    (void)state;
    day_run(SL_BALANCE_CHEAPEST);
    day_is_well();
    for (uint32_t i = 0; i < 60; i++) {
        assert_true((day.seen[i].n_quiet > 0) == (i == 57));
    }
    assert_in_range(day.seen[57].back, 0, 32 * SEC);
    day_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weights_are_kept_through_the_day), cmocka_unit_test(the_least_busy_share_the_day),
        cmocka_unit_test(the_fastest_have_the_day),         cmocka_unit_test(the_first_has_the_day),
        cmocka_unit_test(the_cheapest_has_the_day),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
