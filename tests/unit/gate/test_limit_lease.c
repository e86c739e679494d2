/* SPDX-License-Identifier: Apache-2.0 */
/* Leases: what a worker has of a counter with another home, and that no number is lost by them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/num.h"
#include "gate/policy/limit_home.h"
#include "gate/policy/limit_lease.h"
#include "limit_help.h"

#define SEC   SL_USEC_PER_SEC
#define HOUR  (3600 * SEC)
#define T0    (1800000000 * SEC)
#define LOOP0 (1000 * SEC)

static const struct sl_limit_rule requests = REQUESTS(100000, HOUR, SL_LIMIT_WHOLE, 1, "hour");
static const struct sl_limit_rule tokens = {
    .cap = 100000, .period_usec = HOUR, .multiple = 1, .unit = "hour", .kind = SL_LIMIT_TOKENS
};
static const struct sl_limit_rule money = {
    .cap = 100000, .period_usec = HOUR, .multiple = 1, .unit = "hour", .kind = SL_LIMIT_MONEY
};
static const struct sl_limit_rule places = { .cap = 1000, .kind = SL_LIMIT_CONCURRENT };

/* One worker, and the home that it asks. */
struct world {
    struct sl_limiter *limiter;
    struct sl_limit_leases leases;
    uint64_t loop_usec, wall_usec;
    uint64_t used, reserved, start_usec; /* at the home */
    uint64_t granted;
};

struct asked {
    struct one_call one;
    struct sl_limit_pin pins[SL_LIMIT_PINS_MAX];
    uint32_t n, n_held;
    struct sl_limit_held held[SL_LIMIT_RULES_MAX];
    struct sl_limit_view view;
};

static void world_start(struct world *w)
{
    *w = (struct world){ .loop_usec = LOOP0, .wall_usec = T0, .start_usec = T0 };
    assert_int_equal(sl_limiter_new(1024, &w->limiter), 0);
    sl_limiter_leave_home(w->limiter, 1);
}

static void world_end(struct world *w)
{
    sl_limiter_leases_drop(w->limiter, &w->leases, 0);
    sl_limiter_free(w->limiter);
}

static struct sl_limit_home_at at_now(struct world *w)
{
    return (struct sl_limit_home_at){
        .n_nodes = 2, .now_usec = w->wall_usec, .loop_usec = w->loop_usec, .leases = &w->leases
    };
}

/* Fills the call's request; 10 tokens. */
static void call_make(struct asked *a, const struct sl_limit_rule *rules, uint32_t n)
{
    one_call_make(&a->one, "chat", 0, "", rules, n);
    a->one.call.amounts[SL_LIMIT_TOKENS] = 10;
}

static bool leased(struct world *w, struct asked *a, const struct sl_limit_rule *rules, uint32_t n)
{
    struct sl_limit_home_at at = at_now(w);
    call_make(a, rules, n);
    return sl_limiter_take_leased(w->limiter, &a->one.call, &at, a->held, &a->n_held, &a->view);
}

/* Asks the home, which takes the call, and grants at most `most` of what is wanted. Returns what was wanted. */
static uint64_t asks(struct world *w, struct asked *a, const struct sl_limit_rule *rule, uint64_t most)
{
    struct sl_limit_home_at at = at_now(w);
    call_make(a, rule, 1);
    assert_int_equal(sl_limiter_pin(w->limiter, &a->one.call, &at, a->pins, &a->n, &a->view), 0);
    w->granted = SL_MIN(a->pins[0].want, most);
    w->used += a->pins[0].amount + w->granted;
    w->reserved += rule->kind == SL_LIMIT_REQUESTS ? 0 : a->pins[0].amount + w->granted;
    struct sl_limit_answer said = { .start_usec = w->start_usec,
                                    .end_usec = rule->period_usec ? w->start_usec + rule->period_usec : UINT64_MAX,
                                    .used = w->used,
                                    .reserved = w->reserved,
                                    .own = UINT64_MAX,
                                    .lease = w->granted,
                                    .is_unsure = w->granted > 0 };
    uint64_t wanted = a->pins[0].want;
    sl_limiter_answered(w->limiter, &a->one.call, &at, a->pins, a->n, &said, true, a->held, &a->n_held, &a->view);
    assert_int_equal(said.lease, 0);
    return wanted;
}

static uint64_t make_hot(struct world *w, const struct sl_limit_rule *rule, uint64_t most)
{
    struct asked a;
    const uint64_t used[SL_LIMIT_KINDS] = { 0 };
    struct sl_limit_change change;
    uint64_t wanted = 0;
    for (int i = 0; i < SL_LEASE_HOT; i++) {
        assert_int_equal(wanted, 0);
        wanted = asks(w, &a, rule, most);
        if (a.n_held) {
            sl_limiter_settle_away(w->limiter, 0, a.held, a.n_held, used, w->loop_usec, &change);
        }
    }
    assert_true(wanted > 0);
    return wanted;
}

static struct sl_limit_change look(struct world *w, uint32_t n)
{
    struct sl_limit_change changes[4] = { 0 };
    assert_int_equal(sl_limiter_leases_look(w->limiter, &w->leases, 0, w->loop_usec, false, changes, 4), n);
    return changes[0];
}

/* What the worker would tell a new home. */
static void on_share(void *arg, const struct sl_limit_share *share)
{
    *(struct sl_limit_share *)arg = *share;
}

static struct sl_limit_share share_of(struct world *w)
{
    struct sl_limit_share share = { 0 };
    sl_limiter_each_share(w->limiter, 0, true, w->wall_usec, on_share, &share);
    sl_limiter_share_back(w->limiter, &share, NULL);
    return share;
}

/* The home is asked for requests and for money, of which the call takes nothing. It grants what is wanted. Returns how
 * much that was for requests. */
static uint64_t asks_both(struct world *w, const struct sl_limit_rule both[2], uint64_t spent)
{
    struct asked a;
    struct sl_limit_home_at at = at_now(w);
    struct sl_limit_change change;
    const uint64_t used[SL_LIMIT_KINDS] = { 0 };
    call_make(&a, both, 2);
    assert_int_equal(sl_limiter_pin(w->limiter, &a.one.call, &at, a.pins, &a.n, &a.view), 0);
    uint64_t wanted = a.pins[0].want;
    assert_int_equal(a.pins[1].want, 0);
    w->used += 1 + wanted;
    struct sl_limit_answer said = {
        .said_usec = w->wall_usec, .start_usec = T0, .end_usec = T0 + HOUR, .used = w->used, .own = UINT64_MAX
    };
    struct sl_limit_answer answers[2] = { said, said };
    answers[0].lease = wanted;
    answers[1].used = spent;
    sl_limiter_answered(w->limiter, &a.one.call, &at, a.pins, a.n, answers, true, a.held, &a.n_held, &a.view);
    assert_int_equal(a.n_held, 1);
    assert_int_equal(sl_limiter_settle_away(w->limiter, 0, a.held, 1, used, w->loop_usec, &change), 0);
    return wanted;
}

/* --- */

static void a_lease_is_used_before_the_home_is_asked(void **state)
{
    (void)state;
    struct world w;
    struct asked a;
    world_start(&w);
    assert_false(leased(&w, &a, &requests, 1));
    assert_int_equal(make_hot(&w, &requests, 50), SL_LEASE_HOT);
    for (uint64_t i = 1; i <= 50; i++) {
        assert_true(leased(&w, &a, &requests, 1));
        /* The client sees what is left, without what nobody has used yet. */
        assert_int_equal(a.view.requests.remaining, 100000 - SL_LEASE_HOT - i);
        assert_int_equal(a.n_held, 0);
    }
    assert_false(leased(&w, &a, &requests, 1));
    assert_int_equal(share_of(&w).used, SL_LEASE_HOT + 50);
    assert_int_equal(asks(&w, &a, &requests, 0), 2 * SL_LEASE_HOT); /* it lasted for less than half of its time */
    world_end(&w);
}

static void what_is_left_goes_back_in_time(void **state)
{
    (void)state;
    struct world w;
    struct asked a;
    world_start(&w);
    make_hot(&w, &requests, 50);
    for (int i = 0; i < 20; i++) {
        assert_true(leased(&w, &a, &requests, 1));
    }
    look(&w, 0);
    w.loop_usec += SL_LEASE_USEC;
    assert_false(leased(&w, &a, &requests, 1));
    assert_int_equal(share_of(&w).used, SL_LEASE_HOT + 50);
    struct sl_limit_change change = look(&w, 1);
    assert_true(change.start_usec == T0 && change.reserved == 0 && change.used == -30);
    assert_int_equal(share_of(&w).used, SL_LEASE_HOT + 20);
    assert_int_equal(asks(&w, &a, &requests, 50), 25); /* what was used of it, and a little more */
    w.loop_usec += SL_LEASE_USEC;
    look(&w, 1);
    assert_int_equal(w.leases.n, 0); /* nobody has used it: it is not hot any more */
    assert_int_equal(asks(&w, &a, &requests, 50), 0);
    world_end(&w);
}

static void a_drop_loses_nothing(void **state)
{
    (void)state;
    struct world w;
    struct asked a;
    world_start(&w);
    make_hot(&w, &requests, 50);
    for (int i = 0; i < 20; i++) {
        assert_true(leased(&w, &a, &requests, 1));
    }
    sl_limiter_leases_drop(w.limiter, &w.leases, 0);
    assert_false(leased(&w, &a, &requests, 1));
    struct sl_limit_share share = share_of(&w);
    assert_int_equal(share.used, SL_LEASE_HOT + 20);
    assert_int_equal(share.floor, SL_LEASE_HOT - 1); /* before leases were out */
    world_end(&w);
}

static void what_a_call_did_not_need_goes_back_to_the_lease(void **state)
{
    (void)state;
    struct world w;
    struct asked a;
    struct sl_limit_change change;
    const uint64_t used[SL_LIMIT_KINDS] = { [SL_LIMIT_TOKENS] = 4 };
    world_start(&w);
    assert_int_equal(make_hot(&w, &tokens, 100), 10 * SL_LEASE_HOT);
    for (int i = 0; i < 10; i++) { /* each takes 10 and uses 4 */
        assert_true(leased(&w, &a, &tokens, 1));
        assert_int_equal(a.n_held, 1);
        assert_int_equal(sl_limiter_settle_away(w.limiter, 0, a.held, a.n_held, used, w.loop_usec, &change), 0);
    }
    assert_true(leased(&w, &a, &tokens, 1)); /* of the 60 that are left */
    change = look(&w, 1);
    assert_true(change.reserved == 40 && change.used == 40);
    w.loop_usec += SL_LEASE_USEC;
    change = look(&w, 1);
    assert_true(change.reserved == 60 && change.used == 0); /* with the 10 that the last call of make_hot had */
    struct sl_limit_share share = share_of(&w);
    assert_true(share.used == 50 && share.reserved == 10);
    assert_int_equal(sl_limiter_settle_away(w.limiter, 0, a.held, a.n_held, used, w.loop_usec, &change), 0);
    change = look(&w, 1);
    assert_true(change.reserved == 10 && change.used == 4);
    world_end(&w);
}

static void places_are_free_at_once(void **state)
{
    (void)state;
    struct world w;
    struct asked a;
    struct sl_limit_change change;
    const uint64_t used[SL_LIMIT_KINDS] = { 0 };
    world_start(&w);
    make_hot(&w, &places, 20);
    assert_true(leased(&w, &a, &places, 1));
    assert_int_equal(sl_limiter_settle_away(w.limiter, 0, a.held, a.n_held, used, w.loop_usec, &change), 0);
    assert_true(leased(&w, &a, &places, 1));
    w.loop_usec += SL_LEASE_USEC; /* then the place is the home's again */
    assert_int_equal(sl_limiter_settle_away(w.limiter, 0, a.held, a.n_held, used, w.loop_usec, &change), 1);
    assert_true(change.reserved == 1 && change.used == 0);
    world_end(&w);
}

static void leases_end_with_their_window(void **state)
{
    (void)state;
    struct world w;
    struct asked a;
    world_start(&w);
    make_hot(&w, &requests, 50);
    w.wall_usec = T0 + HOUR; /* this clock has jumped, the loop's has not */
    assert_false(leased(&w, &a, &requests, 1));
    w.start_usec = T0 + HOUR;
    w.used = 0;
    asks(&w, &a, &requests, 0);
    assert_int_equal(share_of(&w).used, 1);
    look(&w, 0);
    /* And a little before its end, because the clocks of nodes are not the same. */
    make_hot(&w, &requests, 50);
    w.wall_usec += HOUR - 10 * SL_USEC_PER_MSEC;
    w.loop_usec += SL_LEASE_USEC;
    asks(&w, &a, &requests, 50);
    assert_false(leased(&w, &a, &requests, 1));
    world_end(&w);
}

/* A free model's money: no lease is needed for it, but it must have room, and what was used after all is told. */
static void a_counter_of_which_nothing_is_taken_needs_no_lease(void **state)
{
    (void)state;
    struct world w;
    struct asked a;
    struct sl_limit_change change;
    const uint64_t used[SL_LIMIT_KINDS] = { [SL_LIMIT_MONEY] = 7 };
    struct sl_limit_rule both[] = { requests, money }, lower[] = { requests, money };
    lower[1].cap = 50;
    world_start(&w);
    for (int i = 1; i < SL_LEASE_HOT; i++) {
        assert_int_equal(asks_both(&w, both, 50), 0);
        assert_false(leased(&w, &a, both, 2));
    }
    assert_int_equal(asks_both(&w, both, 50), SL_LEASE_HOT);
    assert_int_equal(w.leases.n, 1); /* of requests */
    for (int i = 0; i < 50; i++) {
        assert_true(leased(&w, &a, both, 2));
        assert_int_equal(a.n_held, 1);
        assert_int_equal(sl_limiter_settle_away(w.limiter, 0, a.held, 1, used, w.loop_usec, &change), 1);
        assert_true(change.start_usec == T0 && change.reserved == 0 && change.used == 7);
    }
    assert_false(leased(&w, &a, lower, 2));
    w.wall_usec += SL_LEASE_USEC; /* the home has said nothing for too long */
    assert_false(leased(&w, &a, both, 2));
    w.wall_usec -= SL_LEASE_USEC;
    assert_true(leased(&w, &a, both, 2));
    both[1].key = SL_LIMIT_SESSION; /* its window moves with each call */
    assert_false(leased(&w, &a, both, 2));
    world_end(&w);
}

/* However many they are. Else there would be a lease that is asked for and never comes. */
static void calls_that_take_nothing_make_no_lease(void **state)
{
    (void)state;
    struct world w;
    struct asked a;
    world_start(&w);
    for (int i = 0; i < 2 * SL_LEASE_HOT; i++) {
        struct sl_limit_home_at at = at_now(&w);
        call_make(&a, &money, 1);
        assert_int_equal(sl_limiter_pin(w.limiter, &a.one.call, &at, a.pins, &a.n, &a.view), 0);
        assert_int_equal(a.pins[0].want, 0);
        sl_limiter_unpin(w.limiter, 0, a.pins, a.n);
    }
    look(&w, 0);
    assert_int_equal(w.leases.n, 0);
    world_end(&w);
}

/* A lower cap counts at once, and a limit that nobody has asked for much keeps the call from taking leases. */
static void not_every_call_may_use_a_lease(void **state)
{
    (void)state;
    struct world w;
    struct asked a;
    struct sl_limit_rule lower = requests, both[] = { requests, { 0 } };
    lower.cap = SL_LEASE_HOT + 1;
    both[1] = (struct sl_limit_rule)REQUESTS(100000, 24 * HOUR, SL_LIMIT_WHOLE, 1, "day");
    world_start(&w);
    make_hot(&w, &requests, 50);
    assert_false(leased(&w, &a, both, 2));
    assert_true(leased(&w, &a, &lower, 1));
    assert_false(leased(&w, &a, &lower, 1));
    assert_true(leased(&w, &a, &requests, 1));
    world_end(&w);
}

/* What others have not used may come back, so a refusal is remembered only when no lease is out. */
static void a_refusal_while_leases_are_out_is_not_remembered(void **state)
{
    (void)state;
    struct world w;
    world_start(&w);
    for (int i = 0; i < 2; i++) {
        struct asked a;
        struct sl_limit_home_at at = at_now(&w);
        struct sl_limit_answer said = {
            .start_usec = T0, .end_usec = T0 + HOUR, .used = 100000, .own = UINT64_MAX, .is_unsure = i == 0
        };
        call_make(&a, &requests, 1);
        assert_int_equal(sl_limiter_pin(w.limiter, &a.one.call, &at, a.pins, &a.n, &a.view), 0);
        sl_limiter_answered(w.limiter, &a.one.call, &at, a.pins, a.n, &said, false, a.held, &a.n_held, &a.view);
        assert_true(a.view.is_refused);
    }
    struct asked a;
    struct sl_limit_home_at at = at_now(&w);
    call_make(&a, &requests, 1);
    assert_int_equal(sl_limiter_pin(w.limiter, &a.one.call, &at, a.pins, &a.n, &a.view), SL_E_LIMIT);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lease_is_used_before_the_home_is_asked),
        cmocka_unit_test(what_is_left_goes_back_in_time),
        cmocka_unit_test(a_drop_loses_nothing),
        cmocka_unit_test(what_a_call_did_not_need_goes_back_to_the_lease),
        cmocka_unit_test(places_are_free_at_once),
        cmocka_unit_test(leases_end_with_their_window),
        cmocka_unit_test(a_counter_of_which_nothing_is_taken_needs_no_lease),
        cmocka_unit_test(calls_that_take_nothing_make_no_lease),
        cmocka_unit_test(not_every_call_may_use_a_lease),
        cmocka_unit_test(a_refusal_while_leases_are_out_is_not_remembered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
