/* SPDX-License-Identifier: Apache-2.0 */
/* Counters with another home: what a node knows of them, and what it does when it cannot ask. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/num.h"
#include "gate/policy/limit_home.h"
#include "limit_help.h"

#define SEC    SL_USEC_PER_SEC
#define HOUR   (3600 * SEC)
#define T0     (1800000000 * SEC)
#define OFFSET (5 * SEC) /* the home's clock is ahead */

#define WORKERS 2

static const struct sl_limit_rule ten = REQUESTS(10, HOUR, SL_LIMIT_WHOLE, 1, "hour");
static const struct sl_limit_rule tokens = {
    .cap = 100, .period_usec = HOUR, .multiple = 1, .unit = "hour", .kind = SL_LIMIT_TOKENS
};

static struct sl_limiter *limiter_new(void)
{
    struct sl_limiter *limiter = NULL;
    assert_int_equal(sl_limiter_new(1024, &limiter), 0);
    sl_limiter_leave_home(limiter, WORKERS);
    return limiter;
}

/* One call of the route "chat". */
struct asked {
    struct one_call one;
    struct sl_limit_home_at at;
    struct sl_limit_pin pins[SL_LIMIT_PINS_MAX];
    uint32_t n, n_held;
    struct sl_limit_held held[SL_LIMIT_RULES_MAX];
    struct sl_limit_view view;
};

static int pin(struct sl_limiter *limiter, struct asked *a, const struct sl_limit_rule *rule, uint32_t worker,
               uint64_t now)
{
    one_call_make(&a->one, "chat", 0, "", rule, 1);
    a->one.call.amounts[SL_LIMIT_TOKENS] = 30;
    a->at = (struct sl_limit_home_at){ .worker = worker, .n_nodes = 2, .now_usec = now, .offset_usec = OFFSET };
    return sl_limiter_pin(limiter, &a->one.call, &a->at, a->pins, &a->n, &a->view);
}

/* The home says that so much is used in the window that began then. */
static void answer(struct sl_limiter *limiter, struct asked *a, uint64_t start, uint64_t used, uint64_t reserved,
                   bool is_taken)
{
    struct sl_limit_answer said = {
        .start_usec = start, .end_usec = start - OFFSET + HOUR, .used = used, .reserved = reserved, .own = UINT64_MAX
    };
    sl_limiter_answered(limiter, &a->one.call, &a->at, a->pins, a->n, &said, is_taken, a->held, &a->n_held, &a->view);
}

static int alone(struct sl_limiter *limiter, const struct sl_limit_rule *rule, uint64_t now)
{
    struct asked a;
    assert_int_equal(pin(limiter, &a, rule, 0, now), 0);
    return sl_limiter_take_alone(limiter, &a.one.call, &a.at, a.pins, a.n, a.held, &a.n_held, &a.view);
}

/* The shares of a worker. */
struct seen {
    uint32_t n;
    struct sl_limit_share last;
};

static void on_share(void *arg, const struct sl_limit_share *share)
{
    struct seen *seen = arg;
    seen->n++;
    seen->last = *share;
}

static struct seen shares(struct sl_limiter *limiter, uint32_t worker, bool has_floors, uint64_t now)
{
    struct seen seen = { .n = 0 };
    sl_limiter_each_share(limiter, worker, has_floors, now, on_share, &seen);
    if (seen.n) {
        sl_limiter_share_back(limiter, &seen.last, NULL);
    }
    return seen;
}

/* --- */

static void all_nodes_find_the_same_name(void **state)
{
    (void)state;
    struct sl_limiter *one = limiter_new(), *two = limiter_new();
    struct asked a, b, c;
    assert_int_equal(pin(one, &a, &ten, 0, T0), 0);
    assert_int_equal(pin(two, &b, &ten, 1, T0), 0);
    assert_int_equal(pin(two, &c, &tokens, 1, T0), 0);
    assert_memory_equal(a.pins[0].name, b.pins[0].name, SL_LIMIT_HOME_NAME);
    assert_memory_not_equal(a.pins[0].name, c.pins[0].name, SL_LIMIT_HOME_NAME);
    assert_int_equal(a.pins[0].amount, 1);
    assert_int_equal(c.pins[0].amount, 30);
    sl_limiter_unpin(one, 0, a.pins, a.n);
    sl_limiter_unpin(two, 1, b.pins, b.n);
    sl_limiter_unpin(two, 1, c.pins, c.n);
    sl_limiter_free(one);
    sl_limiter_free(two);
}

static void the_view_is_the_homes(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new();
    struct asked a;
    uint64_t start = T0 + OFFSET;
    assert_int_equal(pin(limiter, &a, &ten, 0, T0), 0);
    answer(limiter, &a, start, 7, 0, true);
    assert_false(a.view.is_refused);
    assert_int_equal(a.view.requests.remaining, 3);
    assert_int_equal(a.view.requests.reset_usec, HOUR);
    assert_int_equal(a.n_held, 0);

    assert_int_equal(pin(limiter, &a, &ten, 1, T0 + SEC), 0);
    answer(limiter, &a, start, 10, 0, false);
    assert_true(a.view.is_refused);
    assert_int_equal(told(&a.view).reset_usec, HOUR - SEC);
    /* Until the window ends nobody is asked again, and then the home is. */
    assert_int_equal(pin(limiter, &a, &ten, 0, T0 + HOUR - 1), SL_E_LIMIT);
    assert_true(a.view.is_refused);
    assert_int_equal(pin(limiter, &a, &ten, 0, T0 + HOUR), 0);
    sl_limiter_unpin(limiter, 0, a.pins, a.n);
    sl_limiter_free(limiter);
}

/* Two workers have asked: the answer that was given first comes last. */
static void the_newest_answer_counts(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new();
    struct asked a, b;
    assert_int_equal(pin(limiter, &a, &ten, 0, T0), 0);
    assert_int_equal(pin(limiter, &b, &ten, 1, T0), 0);
    struct sl_limit_answer said = {
        .said_usec = T0 + OFFSET + 2, .start_usec = T0 + OFFSET, .end_usec = T0 + HOUR, .used = 10, .own = UINT64_MAX
    };
    sl_limiter_answered(limiter, &b.one.call, &b.at, b.pins, b.n, &said, true, b.held, &b.n_held, &b.view);
    said.said_usec--;
    said.used--;
    sl_limiter_answered(limiter, &a.one.call, &a.at, a.pins, a.n, &said, true, a.held, &a.n_held, &a.view);
    assert_int_equal(shares(limiter, 0, true, T0).last.floor, 10);
    assert_int_equal(pin(limiter, &a, &ten, 0, T0), SL_E_LIMIT);
    sl_limiter_free(limiter);
}

static void nothing_passes_a_cap_of_zero(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new();
    struct sl_limit_rule none = ten;
    struct asked a;
    none.cap = 0;
    assert_int_equal(pin(limiter, &a, &none, 0, T0), SL_E_LIMIT);
    assert_true(a.view.is_refused && a.view.refusing.is_final);
    assert_int_equal(sl_limiter_count(limiter), 0);
    sl_limiter_free(limiter);
}

static void reservations_are_settled_in_their_window(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new();
    struct asked a, b;
    struct sl_limit_change change;
    const uint64_t used[SL_LIMIT_KINDS] = { [SL_LIMIT_TOKENS] = 12 };
    uint64_t start = T0 + OFFSET;
    assert_int_equal(pin(limiter, &a, &tokens, 0, T0), 0);
    answer(limiter, &a, start, 30, 30, true);
    assert_int_equal(pin(limiter, &b, &tokens, 0, T0), 0);
    answer(limiter, &b, start, 60, 60, true);
    struct seen seen = shares(limiter, 0, false, T0);
    assert_int_equal(seen.last.used, 60);
    assert_int_equal(seen.last.reserved, 60);
    assert_int_equal(shares(limiter, 1, false, T0).n, 0);

    assert_int_equal(sl_limiter_settle_away(limiter, 0, a.held, a.n_held, used, 0, &change), 1);
    assert_true(change.start_usec == start && change.reserved == 30 && change.used == 12);
    seen = shares(limiter, 0, true, T0);
    assert_true(seen.last.used == 42 && seen.last.reserved == 30 && seen.last.floor == 12);
    assert_true(seen.last.start_usec == start && seen.last.end_usec == T0 + HOUR);

    /* A new window: the other reservation is of the old one, and changes nothing here. */
    assert_int_equal(pin(limiter, &a, &tokens, 1, T0 + HOUR), 0);
    answer(limiter, &a, start + HOUR, 30, 30, true);
    assert_int_equal(sl_limiter_settle_away(limiter, 0, b.held, b.n_held, used, 0, &change), 1);
    assert_int_equal(change.start_usec, start);
    assert_int_equal(shares(limiter, 0, false, T0 + HOUR).last.used, 0);
    assert_int_equal(shares(limiter, 1, false, T0 + HOUR).last.used, 30);
    assert_int_equal(sl_limiter_settle_away(limiter, 1, a.held, a.n_held, used, 0, &change), 1);
    sl_limiter_free(limiter);
}

/* A call whose answer is lost may have been counted, in a window that this worker has not heard of. */
static void a_doubt_outlives_the_news_of_a_window(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new();
    struct asked lost, other;
    assert_int_equal(pin(limiter, &lost, &ten, 0, T0), 0);
    sl_limiter_doubt(limiter, 0, lost.pins, lost.n);
    sl_limiter_unpin(limiter, 0, lost.pins, lost.n);
    assert_int_equal(pin(limiter, &other, &ten, 1, T0), 0);
    answer(limiter, &other, T0 + OFFSET, 2, 0, true);
    struct seen seen = shares(limiter, 0, false, T0);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.last.used, 0);
    assert_int_equal(shares(limiter, 1, false, T0).last.used, 1);
    sl_limiter_free(limiter);
}

static void a_new_copy_takes_over_what_the_worker_had_added(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new();
    struct asked a;
    struct sl_limit_answer said = { .start_usec = T0 + OFFSET, .end_usec = T0 + HOUR, .used = 6, .own = 4 };
    for (uint64_t i = 0; i < 2; i++, said.used++, said.own++) {
        assert_int_equal(pin(limiter, &a, &ten, 0, T0), 0);
        sl_limiter_answered(limiter, &a.one.call, &a.at, a.pins, a.n, &said, true, a.held, &a.n_held, &a.view);
        assert_int_equal(shares(limiter, 0, false, T0).last.used, 4 + i);
    }
    sl_limiter_free(limiter);
}

static void without_the_home_each_limit_does_what_it_says(void **state)
{
    (void)state;
    static const struct {
        enum sl_limit_loss on_loss;
        uint64_t used; /* as the home said last; this node had one of it */
        int passes, then;
    } cases[] = {
        { SL_LIMIT_LOSS_CLOSED, 4, 0, SL_E_IO },   { SL_LIMIT_LOSS_SHARE, 4, 3, SL_E_LIMIT },
        { SL_LIMIT_LOSS_SHARE, 9, 0, SL_E_LIMIT }, { SL_LIMIT_LOSS_DEFAULT, 2, 4, SL_E_LIMIT },
        { SL_LIMIT_LOSS_LOCAL, 4, 9, SL_E_LIMIT }, { SL_LIMIT_LOSS_OPEN, 4, 20, 0 },
        { SL_LIMIT_LOSS_SHARE, 0, 5, SL_E_LIMIT }, /* never asked */
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_limiter *limiter = limiter_new();
        struct sl_limit_rule rule = ten;
        struct asked a;
        int n = 0, r = 0;
        rule.on_loss = cases[i].on_loss;
        if (cases[i].used) {
            assert_int_equal(pin(limiter, &a, &rule, 1, T0), 0);
            answer(limiter, &a, T0 + OFFSET, cases[i].used, 0, true);
        }
        while (n < 20 && (r = alone(limiter, &rule, T0 + SEC)) == 0) {
            n++;
        }
        if (n != cases[i].passes || r != cases[i].then) {
            fail_msg("case %zu: %d passed, then %d", i, n, r);
        }
        /* What has passed is told when the home is back. */
        assert_int_equal(shares(limiter, 0, false, T0 + SEC).last.used, n);
        sl_limiter_free(limiter);
    }
}

/* What a reservation did not need is free again, while the home is away, too. */
static void what_is_settled_alone_is_free_again(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new();
    const uint64_t used[SL_LIMIT_KINDS] = { [SL_LIMIT_TOKENS] = 5 };
    /* Half of 100 is this node's part. A call reserves 30 and uses 5, so five of them pass. */
    for (int i = 0; i < 5; i++) {
        struct asked a;
        struct sl_limit_change change;
        assert_int_equal(pin(limiter, &a, &tokens, 0, T0), 0);
        assert_int_equal(sl_limiter_take_alone(limiter, &a.one.call, &a.at, a.pins, a.n, a.held, &a.n_held, &a.view),
                         0);
        assert_int_equal(sl_limiter_settle_away(limiter, 0, a.held, a.n_held, used, 0, &change), 1);
    }
    assert_int_equal(alone(limiter, &tokens, T0), SL_E_LIMIT);
    sl_limiter_free(limiter);
}

/* A window that was opened without the home goes on under the name of the home's. */
static void windows_are_merged(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new();
    struct asked a;
    struct sl_limit_change change;
    const uint64_t used[SL_LIMIT_KINDS] = { [SL_LIMIT_TOKENS] = 5 };
    struct seen seen = { .n = 0 };
    assert_int_equal(pin(limiter, &a, &tokens, 0, T0), 0);
    assert_int_equal(sl_limiter_take_alone(limiter, &a.one.call, &a.at, a.pins, a.n, a.held, &a.n_held, &a.view), 0);
    sl_limiter_each_share(limiter, 0, false, T0, on_share, &seen);
    assert_int_equal(seen.last.start_usec, T0 + OFFSET);
    const struct sl_limit_answer said = {
        .start_usec = T0 + 3, .end_usec = T0 - OFFSET + 3 + HOUR, .used = 70, .reserved = 40, .own = UINT64_MAX
    };
    sl_limiter_share_back(limiter, &seen.last, &said);
    assert_int_equal(sl_limiter_settle_away(limiter, 0, a.held, a.n_held, used, 0, &change), 1);
    assert_true(change.start_usec == T0 + 3 && change.reserved == 30 && change.used == 5);
    seen = shares(limiter, 0, false, T0);
    assert_true(seen.last.start_usec == T0 + 3 && seen.last.used == 5 && seen.last.reserved == 0);
    sl_limiter_free(limiter);
}

static void pins_keep_a_counter(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new();
    struct asked a;
    assert_int_equal(pin(limiter, &a, &ten, 0, T0), 0);
    sl_limiter_pin_again(limiter, a.pins, a.n);
    answer(limiter, &a, T0 + OFFSET, 1, 0, true);
    sl_limiter_unpin(limiter, 0, a.pins, a.n);
    assert_int_equal(sl_limiter_count(limiter), 1);
    sl_limiter_free(limiter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_nodes_find_the_same_name),
        cmocka_unit_test(the_view_is_the_homes),
        cmocka_unit_test(the_newest_answer_counts),
        cmocka_unit_test(nothing_passes_a_cap_of_zero),
        cmocka_unit_test(reservations_are_settled_in_their_window),
        cmocka_unit_test(a_doubt_outlives_the_news_of_a_window),
        cmocka_unit_test(a_new_copy_takes_over_what_the_worker_had_added),
        cmocka_unit_test(without_the_home_each_limit_does_what_it_says),
        cmocka_unit_test(what_is_settled_alone_is_free_again),
        cmocka_unit_test(windows_are_merged),
        cmocka_unit_test(pins_keep_a_counter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
