/* SPDX-License-Identifier: Apache-2.0 */
/* What calls hold until they end: tokens that are reserved and settled, places, sessions; and a random life of many
 * owners against a model that keeps the books in the plainest way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/num.h"
#include "base/zone.h"
#include "limit_help.h"

#define SEC    SL_USEC_PER_SEC
#define MINUTE (60 * SEC)
#define HOUR   (3600 * SEC)
#define DAY    (24 * HOUR)
#define T0     (1800000000 * SEC)

/* A call of one owner, with what it holds. */
struct open_call {
    struct one_call one;
    struct sl_limit_held held[SL_LIMIT_RULES_MAX];
    uint32_t n_held;
    struct sl_limit_view view;
};

static bool begin(struct sl_limiter *limiter, struct open_call *call, const char *who,
                  const struct sl_limit_rule *rules, uint32_t n, uint64_t tokens, uint64_t now)
{
    one_call_make(&call->one, "chat", 0, who, rules, n);
    call->one.call.session = sl_str_c(who);
    call->one.call.amounts[SL_LIMIT_TOKENS] = call->one.call.amounts[SL_LIMIT_INPUT_TOKENS] = tokens;
    call->one.call.amounts[SL_LIMIT_MONEY] = tokens * 1000;
    assert_int_equal(sl_limiter_take(limiter, &call->one.call, now, call->held, &call->n_held, &call->view), 0);
    return !call->view.is_refused;
}

static void end(struct sl_limiter *limiter, const struct open_call *call, uint64_t tokens)
{
    const uint64_t used[SL_LIMIT_KINDS] = {
        [SL_LIMIT_TOKENS] = tokens, [SL_LIMIT_INPUT_TOKENS] = tokens, [SL_LIMIT_MONEY] = tokens * 1000
    };
    sl_limiter_settle(limiter, call->held, call->n_held, used);
}

static struct sl_limiter *limiter_new(void)
{
    struct sl_limiter *limiter = NULL;
    assert_int_equal(sl_limiter_new(131072, &limiter), 0);
    return limiter;
}

static const struct sl_limit_rule tokens_a_minute = {
    .cap = 1000, .period_usec = MINUTE, .multiple = 1, .unit = "minute", .kind = SL_LIMIT_TOKENS
};

/* An upstream may say any number: a counter that wrapped would begin anew, and one below its reservations would end the
 * process. */
static void what_is_absurd_does_not_wrap(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new();
    struct sl_limit_rule rule = tokens_a_minute;
    rule.cap = 1000000;
    struct open_call calls[16], late;
    for (size_t i = 0; i < SL_ARRAY_LEN(calls); i++) {
        assert_true(begin(limiter, &calls[i], "p", &rule, 1, 600, T0));
    }
    const uint64_t used[SL_LIMIT_KINDS] = { [SL_LIMIT_TOKENS] = UINT64_MAX / 4 + 600 };
    for (size_t i = 0; i < SL_ARRAY_LEN(calls); i++) {
        sl_limiter_settle(limiter, calls[i].held, calls[i].n_held, used);
        assert_false(begin(limiter, &late, "p", &rule, 1, 1, T0));
    }
    sl_limiter_free(limiter);
}

static void tokens_are_reserved_then_settled(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new();
    struct open_call a, b, c;
    assert_true(begin(limiter, &a, "p", &tokens_a_minute, 1, 600, T0));
    assert_int_equal(a.view.tokens.remaining, 400);
    assert_int_equal(a.n_held, 1);
    assert_false(begin(limiter, &b, "p", &tokens_a_minute, 1, 600, T0)); /* its reservation does not fit */
    assert_int_equal(b.n_held, 0);
    assert_int_equal(b.view.refusing.used, 600);
    assert_int_equal(b.view.refusing.reset_usec, MINUTE);
    assert_false(b.view.refusing.is_final);
    assert_true(begin(limiter, &b, "p", &tokens_a_minute, 1, 400, T0));
    end(limiter, &a, 100); /* used less than it reserved */
    assert_true(begin(limiter, &c, "p", &tokens_a_minute, 1, 500, T0));
    end(limiter, &b, 900); /* more: the cap is passed by that, and by no more */
    end(limiter, &c, 500);
    assert_false(begin(limiter, &a, "p", &tokens_a_minute, 1, 1, T0));
    assert_int_equal(a.view.refusing.used, 1500);
    /* A call that alone needs more than the cap never passes, and waiting does not help. */
    assert_false(begin(limiter, &a, "p", &tokens_a_minute, 1, 1001, T0 + MINUTE));
    assert_true(a.view.refusing.is_final);
    assert_true(begin(limiter, &a, "p", &tokens_a_minute, 1, 1000, T0 + MINUTE));
    end(limiter, &a, 0); /* all of it is given back */
    assert_true(begin(limiter, &a, "p", &tokens_a_minute, 1, 1000, T0 + MINUTE));
    end(limiter, &a, 1000);
    sl_limiter_free(limiter);
}

static void a_call_belongs_to_the_window_in_which_it_began(void **state)
{
    (void)state;
    struct sl_limiter *limiter = limiter_new();
    struct open_call a, b;
    assert_true(begin(limiter, &a, "p", &tokens_a_minute, 1, 600, T0));
    assert_true(begin(limiter, &b, "p", &tokens_a_minute, 1, 1000, T0 + MINUTE)); /* a new window, all of it free */
    end(limiter, &a, 5000);                                                       /* the first one's books are closed */
    end(limiter, &b, 700);
    assert_true(begin(limiter, &a, "p", &tokens_a_minute, 1, 300, T0 + MINUTE));
    assert_int_equal(a.view.tokens.remaining, 0);
    end(limiter, &a, 300);
    sl_limiter_free(limiter);
}

static void places_are_given_back(void **state)
{
    (void)state;
    static const struct sl_limit_rule rules[] = {
        { .cap = 2, .multiple = 1, .kind = SL_LIMIT_CONCURRENT },
        { .cap = 1, .multiple = 1, .kind = SL_LIMIT_CONCURRENT, .key = SL_LIMIT_USER },
    };
    struct sl_limiter *limiter = limiter_new();
    struct open_call a, b, c;
    assert_true(begin(limiter, &a, "a", rules, 2, 0, T0));
    assert_false(begin(limiter, &b, "a", rules, 2, 0, T0));
    assert_int_equal(b.view.refusing.reset_usec, SEC); /* nobody knows when: soon */
    assert_false(b.view.refusing.is_final);
    assert_true(begin(limiter, &b, "b", rules, 2, 0, T0));
    assert_false(begin(limiter, &c, "c", rules, 2, 0, T0 + 400 * DAY)); /* however long they run */
    end(limiter, &a, 0);
    assert_true(begin(limiter, &c, "c", rules, 2, 0, T0 + 400 * DAY));
    end(limiter, &b, 0);
    end(limiter, &c, 0);
    /* Places of callers that are gone cost no memory for long. */
    for (unsigned i = 0; i < 50000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "p-%u", i);
        assert_true(begin(limiter, &a, name, rules, 2, 0, T0 + i * SEC));
        end(limiter, &a, 0);
    }
    assert_true(sl_limiter_count(limiter) < 64 * 4);
    sl_limiter_free(limiter);
}

static void a_held_counter_is_not_swept_away(void **state)
{
    (void)state;
    static const struct sl_limit_rule rule = { .cap = 1000,
                                               .period_usec = MINUTE,
                                               .multiple = 1,
                                               .unit = "minute",
                                               .kind = SL_LIMIT_TOKENS,
                                               .key = SL_LIMIT_USER };
    struct sl_limiter *limiter = limiter_new();
    struct open_call old, a;
    assert_true(begin(limiter, &old, "old", &rule, 1, 600, T0));
    for (unsigned i = 0; i < 10000; i++) {
        char name[32];
        snprintf(name, sizeof(name), "p-%u", i);
        assert_true(begin(limiter, &a, name, &rule, 1, 1, T0 + i * SEC));
        end(limiter, &a, 1);
    }
    end(limiter, &old, 600);
    assert_true(begin(limiter, &a, "old", &rule, 1, 1000, T0 + 20000 * SEC));
    end(limiter, &a, 0);
    sl_limiter_free(limiter);
}

static void a_session_is_capped_until_it_is_forgotten(void **state)
{
    (void)state;
    static const struct sl_limit_rule rules[] = {
        { .cap = 3, .period_usec = SL_LIMIT_SESSION_USEC, .multiple = 1, .key = SL_LIMIT_SESSION },
        { .cap = 500,
          .period_usec = SL_LIMIT_SESSION_USEC,
          .multiple = 1,
          .key = SL_LIMIT_SESSION,
          .kind = SL_LIMIT_TOKENS },
    };
    struct sl_limiter *limiter = limiter_new();
    struct open_call a;
    uint64_t now = T0;
    for (int i = 0; i < 3; i++, now += 23 * HOUR) { /* each call keeps it alive */
        assert_true(begin(limiter, &a, "key\nagent", rules, 2, 100, now));
        end(limiter, &a, 10);
    }
    assert_false(begin(limiter, &a, "key\nagent", rules, 2, 100, now));
    assert_true(a.view.refusing.is_final);
    assert_int_equal(a.view.tokens.used, 30);
    assert_true(begin(limiter, &a, "key\nother", rules, 2, 400, now));
    end(limiter, &a, 400);
    assert_false(begin(limiter, &a, "key\nother", rules, 2, 200, now));
    assert_true(begin(limiter, &a, "key\nagent", rules, 2, 100, now + 24 * HOUR));
    end(limiter, &a, 0);
    sl_limiter_free(limiter);
}

static void a_free_call_passes_used_up_tokens(void **state)
{
    (void)state;
    static const struct sl_limit_rule rules[] = {
        { .cap = 10, .period_usec = MINUTE, .multiple = 1, .unit = "minute", .kind = SL_LIMIT_TOKENS },
        { .cap = 2, .period_usec = MINUTE, .multiple = 1, .unit = "minute" },
    };
    struct sl_limiter *limiter = limiter_new();
    struct open_call a;
    assert_true(begin(limiter, &a, "p", rules, 2, 10, T0));
    end(limiter, &a, 10);
    assert_false(begin(limiter, &a, "p", rules, 2, 1, T0));
    a.one.call.is_free = true;
    assert_int_equal(sl_limiter_take(limiter, &a.one.call, T0, a.held, &a.n_held, &a.view), 0);
    assert_false(a.view.is_refused);
    assert_int_equal(a.n_held, 0);
    assert_int_equal(sl_limiter_take(limiter, &a.one.call, T0, a.held, &a.n_held, &a.view), 0);
    assert_true(a.view.is_refused); /* but not used up requests */
    sl_limiter_free(limiter);
}

/* --- a random life, against a model --- */

#define OWNERS 3
#define RULES  6
#define PEOPLE 4
#define OPEN   24
#define STEPS  60000

static uint64_t rng_state;

static uint64_t rng(uint64_t below)
{
    rng_state = rng_state * 6364136223846793005u + 1442695040888963407u;
    return (rng_state >> 33) % below;
}

/* The books of one rule for one scope. */
struct book {
    uint64_t end, used, number;
    bool is_open;
};

struct model {
    struct sl_limit_rule rules[OWNERS][RULES];
    struct sl_limits limits[OWNERS];
    struct book books[OWNERS][RULES][PEOPLE + 1]; /* the last: of all */
};

struct running {
    bool is_running;
    unsigned owners; /* bits */
    unsigned who;
    uint64_t amounts[SL_LIMIT_KINDS];
    uint64_t numbers[OWNERS][RULES]; /* of the windows in which it was booked */
    struct sl_limit_held held[OWNERS * RULES];
    uint32_t n_held;
};

static const char *const people[PEOPLE] = { "ann", "bob", "cy", "dee" };
static const char *const owner_names[OWNERS] = { "route", "key", "acme/search" };

static struct book *book_of(struct model *m, unsigned owner, unsigned rule, unsigned who)
{
    return &m->books[owner][rule][m->rules[owner][rule].key == SL_LIMIT_WHOLE ? PEOPLE : who];
}

static uint64_t end_of(const struct sl_limit_rule *rule, uint64_t now)
{
    return rule->kind == SL_LIMIT_CONCURRENT ? UINT64_MAX
           : rule->zone                      ? (now / DAY + 1) * DAY /* days of UTC */
                                             : now + rule->period_usec;
}

static bool model_admits(struct model *m, const struct running *call, uint64_t now)
{
    for (unsigned o = 0; o < OWNERS; o++) {
        for (unsigned r = 0; call->owners >> o & 1 && r < m->limits[o].n; r++) {
            const struct sl_limit_rule *rule = &m->rules[o][r];
            const struct book *book = book_of(m, o, r, call->who);
            uint64_t used = book->is_open && now < book->end ? book->used : 0;
            if (used >= rule->cap || used + call->amounts[rule->kind] > rule->cap) {
                return false;
            }
        }
    }
    return true;
}

static void model_take(struct model *m, struct running *call, uint64_t now)
{
    for (unsigned o = 0; o < OWNERS; o++) {
        for (unsigned r = 0; call->owners >> o & 1 && r < m->limits[o].n; r++) {
            const struct sl_limit_rule *rule = &m->rules[o][r];
            struct book *book = book_of(m, o, r, call->who);
            if (!book->is_open || now >= book->end) {
                *book = (struct book){ end_of(rule, now), 0, book->number + 1, true };
            } else if (rule->key == SL_LIMIT_SESSION) {
                book->end = SL_MAX(book->end, now + rule->period_usec);
            }
            book->used += call->amounts[rule->kind];
            call->numbers[o][r] = book->number;
        }
    }
}

static void model_settle(struct model *m, const struct running *call, const uint64_t used[SL_LIMIT_KINDS])
{
    for (unsigned o = 0; o < OWNERS; o++) {
        for (unsigned r = 0; call->owners >> o & 1 && r < m->limits[o].n; r++) {
            const struct sl_limit_rule *rule = &m->rules[o][r];
            struct book *book = book_of(m, o, r, call->who);
            if (rule->kind != SL_LIMIT_REQUESTS && call->numbers[o][r] == book->number) {
                book->used -= call->amounts[rule->kind];
                book->used += rule->kind == SL_LIMIT_CONCURRENT ? 0 : used[rule->kind];
            }
        }
    }
}

static void rules_make(struct model *m, const struct sl_zone *utc)
{
    static const uint64_t periods[] = { SEC, MINUTE, HOUR, DAY };
    static const uint64_t caps[SL_LIMIT_KINDS] = { 600, 200000, 150000, 80000, 400000000, 8 };
    for (unsigned o = 0; o < OWNERS; o++) {
        for (unsigned r = 0; r < RULES; r++) {
            enum sl_limit_kind kind = (enum sl_limit_kind)((r + rng(2)) % SL_LIMIT_KINDS);
            struct sl_limit_rule rule = {
                .kind = kind, .multiple = 1, .unit = "day", .cap = caps[kind] / 4 + rng(caps[kind])
            };
            rule.key = rng(4) == 0 ? SL_LIMIT_SESSION : rng(2) ? SL_LIMIT_USER : SL_LIMIT_WHOLE;
            rule.key = kind == SL_LIMIT_CONCURRENT && rule.key == SL_LIMIT_SESSION ? SL_LIMIT_WHOLE : rule.key;
            rule.period_usec = kind == SL_LIMIT_CONCURRENT    ? 0
                               : rule.key == SL_LIMIT_SESSION ? SL_LIMIT_SESSION_USEC
                                                              : periods[(r + o) % SL_ARRAY_LEN(periods)];
            rule.zone = rule.period_usec == DAY && rule.key != SL_LIMIT_SESSION && rng(2) ? utc : NULL;
            m->rules[o][r] = rule;
        }
        /* No two rules of one owner have the same counter. */
        uint32_t n = 0;
        for (unsigned r = 0; r < RULES; r++) {
            bool is_twin = false;
            for (unsigned k = 0; k < n; k++) {
                const struct sl_limit_rule *a = &m->rules[o][k], *b = &m->rules[o][r];
                is_twin |= a->kind == b->kind && a->key == b->key && a->period_usec == b->period_usec &&
                           a->zone == b->zone;
            }
            if (!is_twin) {
                m->rules[o][n++] = m->rules[o][r];
            }
        }
        sl_limits_init(&m->limits[o], (enum sl_limit_owner)o, sl_str_c(owner_names[o]), o == 2 ? 9 : 0, m->rules[o], n);
    }
}

static void call_begin(struct sl_limiter *limiter, struct model *m, struct running *call, uint64_t now, unsigned *io_n)
{
    const struct sl_limits *owners[OWNERS];
    uint64_t input = rng(3000), output = rng(2000);
    *call = (struct running){
        .owners = 1 + (unsigned)rng((1 << OWNERS) - 1),
        .who = (unsigned)rng(PEOPLE),
        .amounts = { 1, input + output, input, output, input * 900 + output * 4000, 1 },
    };
    struct sl_limit_call asks = { .principal = sl_str_c(people[call->who]),
                                  .session = sl_str_c(people[call->who]),
                                  .owners = owners };
    memcpy(asks.amounts, call->amounts, sizeof(asks.amounts));
    for (unsigned o = 0; o < OWNERS; o++) {
        if (call->owners >> o & 1) {
            owners[asks.n_owners++] = &m->limits[o];
        }
    }
    struct sl_limit_view view, seen;
    bool admits = model_admits(m, call, now);
    sl_limiter_peek(limiter, &asks, now, &seen);
    assert_int_equal(seen.is_refused, !admits);
    assert_int_equal(sl_limiter_take(limiter, &asks, now, call->held, &call->n_held, &view), 0);
    assert_int_equal(view.is_refused, !admits);
    call->is_running = admits;
    if (admits) {
        model_take(m, call, now);
        *io_n += 1;
    }
}

static void call_end(struct sl_limiter *limiter, struct model *m, struct running *call)
{
    uint64_t input = call->amounts[SL_LIMIT_INPUT_TOKENS], output = call->amounts[SL_LIMIT_OUTPUT_TOKENS];
    uint64_t how = rng(4); /* refunded, as reserved, less, or more */
    input = how == 0 ? 0 : how == 1 ? input : how == 2 ? rng(input + 1) : input + rng(500);
    output = how == 0 ? 0 : how == 1 ? output : how == 2 ? rng(output + 1) : output + rng(5000);
    const uint64_t used[SL_LIMIT_KINDS] = { 1, input + output, input, output, input * 900 + output * 4000, 1 };
    sl_limiter_settle(limiter, call->held, call->n_held, used);
    model_settle(m, call, used);
    call->is_running = false;
}

static void a_life_agrees_with_the_model(void **state)
{
    (void)state;
    const struct sl_zone *utc;
    assert_int_equal(sl_zone_get(SL_STR("UTC"), &utc, NULL), 0);
    for (unsigned round = 0; round < 8; round++) {
        static struct model m;
        static struct running calls[OPEN];
        struct sl_limiter *limiter = limiter_new();
        uint64_t now = T0;
        unsigned n = 0;
        rng_state = round * 7919 + 1;
        memset(&m, 0, sizeof(m));
        memset(calls, 0, sizeof(calls));
        rules_make(&m, utc);
        for (unsigned step = 0; step < STEPS; step++) {
            struct running *call = &calls[rng(OPEN)];
            if (call->is_running) {
                call_end(limiter, &m, call);
            } else {
                call_begin(limiter, &m, call, now, &n);
            }
            now += rng(100) ? rng(2 * SEC) : rng(6 * HOUR);
        }
        for (unsigned i = 0; i < OPEN; i++) {
            if (calls[i].is_running) {
                call_end(limiter, &m, &calls[i]);
            }
        }
        assert_true(n > STEPS / 50); /* it was a life */
        sl_limiter_free(limiter);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_absurd_does_not_wrap),
        cmocka_unit_test(tokens_are_reserved_then_settled),
        cmocka_unit_test(a_call_belongs_to_the_window_in_which_it_began),
        cmocka_unit_test(places_are_given_back),
        cmocka_unit_test(a_held_counter_is_not_swept_away),
        cmocka_unit_test(a_session_is_capped_until_it_is_forgotten),
        cmocka_unit_test(a_free_call_passes_used_up_tokens),
        cmocka_unit_test(a_life_agrees_with_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
