/* SPDX-License-Identifier: Apache-2.0 */
/* Fetched credentials: who fetches, who waits, when one is refreshed, and the effect of a failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/arena.h"
#include "gate/call/cred_table.h"

#define SEC 1000000ull

static const struct sl_str id = SL_STR_INIT("identity");

struct fixture {
    struct sl_cred_table table;
    struct sl_arena arena;
    struct sl_cred cred;
    struct sl_cred_failure failure;
};

static void fixture_init(struct fixture *f)
{
    *f = (struct fixture){ .table = SL_CRED_TABLE_INIT };
    sl_arena_init(&f->arena, NULL);
}

static void fixture_done(struct fixture *f)
{
    sl_cred_table_done(&f->table);
    sl_arena_done(&f->arena);
}

static enum sl_cred_verdict ask(struct fixture *f, uint64_t now, struct sl_cred_waiter *waiter)
{
    f->cred = (struct sl_cred){ 0 };
    return sl_cred_table_ask(&f->table, id, now, waiter, &f->arena, &f->cred, &f->failure);
}

/* Returns how many waited. */
static size_t fetched(struct fixture *f, uint64_t now, const char *token, uint64_t life)
{
    struct sl_cred_waiters waiters;
    struct sl_cred cred = { .parts = { sl_str_c(token) } };
    static const struct sl_cred_failure failure = { SL_ERR_PROVIDER_SERVER_ERROR, "no luck" };
    sl_cred_table_done_fetch(&f->table, id, now, token ? &cred : NULL, life, &failure, &waiters);
    size_t n = waiters.n;
    while (sl_cred_waiters_take_first(&waiters)) {
    }
    return n;
}

#define check_token(f, want) assert_true(sl_str_eq_c((f)->cred.parts[0], want))

static void test_one_fetches_the_others_wait(void **state)
{
    (void)state;
    struct fixture f;
    struct sl_cred_waiter a = { 0 }, b = { 0 }, c = { 0 };
    fixture_init(&f);
    assert_int_equal(ask(&f, 100 * SEC, NULL), SL_CRED_WAIT); /* a look without a waiter changes nothing */
    assert_int_equal(ask(&f, 100 * SEC, &a), SL_CRED_FETCH);
    assert_int_equal(ask(&f, 100 * SEC, &b), SL_CRED_WAIT);
    assert_int_equal(ask(&f, 101 * SEC, &c), SL_CRED_WAIT);
    assert_true(sl_cred_table_leave(&f.table, &b, id));
    assert_false(sl_cred_table_leave(&f.table, &b, id));
    assert_int_equal(fetched(&f, 102 * SEC, "t1", 3600 * SEC), 2);
    assert_false(sl_cred_table_leave(&f.table, &a, id));
    assert_int_equal(ask(&f, 103 * SEC, NULL), SL_CRED_READY);
    check_token(&f, "t1");
    fixture_done(&f);
}

static void test_it_is_refreshed_before_its_end(void **state)
{
    (void)state;
    static const struct {
        uint64_t life, fresh, due; /* seconds of its life */
    } rows[] = {
        { 3600, 3299, 3300 }, /* five minutes before */
        { 100, 79, 80 },      /* a fifth of a short one */
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        struct fixture f;
        struct sl_cred_waiter a = { 0 };
        fixture_init(&f);
        assert_int_equal(ask(&f, 0, &a), SL_CRED_FETCH);
        assert_int_equal(fetched(&f, 0, "t1", rows[i].life * SEC), 1);
        assert_int_equal(ask(&f, rows[i].fresh * SEC, NULL), SL_CRED_READY);
        assert_int_equal(ask(&f, rows[i].due * SEC, NULL), SL_CRED_REFRESH);
        assert_int_equal(ask(&f, rows[i].due * SEC, NULL), SL_CRED_READY); /* one of them fetches */
        check_token(&f, "t1");
        assert_int_equal(fetched(&f, rows[i].due * SEC, "t2", rows[i].life * SEC), 0);
        assert_int_equal(ask(&f, rows[i].due * SEC, NULL), SL_CRED_READY);
        check_token(&f, "t2");
        fixture_done(&f);
    }
}

static void test_a_failed_refresh_keeps_what_is_valid(void **state)
{
    (void)state;
    struct fixture f;
    struct sl_cred_waiter a = { 0 };
    fixture_init(&f);
    assert_int_equal(ask(&f, 0, &a), SL_CRED_FETCH);
    assert_int_equal(fetched(&f, 0, "t1", 100 * SEC), 1);
    assert_int_equal(ask(&f, 80 * SEC, NULL), SL_CRED_REFRESH);
    assert_int_equal(fetched(&f, 81 * SEC, NULL, 0), 0);
    assert_int_equal(ask(&f, 85 * SEC, NULL), SL_CRED_READY);
    check_token(&f, "t1");
    assert_int_equal(ask(&f, 86 * SEC, NULL), SL_CRED_REFRESH);
    assert_int_equal(fetched(&f, 99 * SEC, NULL, 0), 0);
    assert_int_equal(ask(&f, 100 * SEC, NULL), SL_CRED_FAILED); /* expired, and a fetch failed a moment ago */
    assert_string_equal(f.failure.text, "no luck");
    assert_int_equal(f.failure.type, SL_ERR_PROVIDER_SERVER_ERROR);
    assert_int_equal(ask(&f, 104 * SEC, &a), SL_CRED_FETCH);
    assert_int_equal(fetched(&f, 104 * SEC, "t2", 100 * SEC), 1);
    fixture_done(&f);
}

static void test_without_one_a_failure_holds_for_a_second(void **state)
{
    (void)state;
    struct fixture f;
    struct sl_cred_waiter a = { 0 };
    fixture_init(&f);
    assert_int_equal(ask(&f, 10 * SEC, &a), SL_CRED_FETCH);
    assert_int_equal(fetched(&f, 11 * SEC, NULL, 0), 1);
    assert_int_equal(ask(&f, 12 * SEC - 1, &a), SL_CRED_FAILED);
    assert_int_equal(ask(&f, 12 * SEC, &a), SL_CRED_FETCH);
    assert_int_equal(fetched(&f, 12 * SEC, "t", UINT64_MAX), 1);
    assert_int_equal(ask(&f, 1ull << 60, NULL), SL_CRED_READY); /* never expires */
    fixture_done(&f);
}

static void test_one_that_was_refused_is_fetched_anew(void **state)
{
    (void)state;
    struct fixture f;
    struct sl_cred_waiter a = { 0 };
    fixture_init(&f);
    assert_int_equal(ask(&f, 0, &a), SL_CRED_FETCH);
    assert_int_equal(fetched(&f, 0, "t1", 100 * SEC), 1);
    struct sl_cred other = { .parts = { SL_STR("t0") } }, this = { .parts = { SL_STR("t1") } };
    sl_cred_table_refused(&f.table, id, &other); /* an old one: the new one may be good */
    assert_int_equal(ask(&f, 1, NULL), SL_CRED_READY);
    sl_cred_table_refused(&f.table, id, &this);
    assert_int_equal(ask(&f, 1, &a), SL_CRED_FETCH);
    assert_int_equal(fetched(&f, 2, "t2", 100 * SEC), 1);
    assert_int_equal(ask(&f, 3, NULL), SL_CRED_READY);
    check_token(&f, "t2");
    fixture_done(&f);
}

static void test_the_table_is_bounded(void **state)
{
    (void)state;
    struct fixture f;
    struct sl_cred_waiter a = { 0 };
    fixture_init(&f);
    assert_int_equal(ask(&f, 0, &a), SL_CRED_FETCH); /* being fetched, so it stays */
    for (unsigned i = 0; i < SL_CRED_ENTRIES_MAX + 10; i++) {
        char name[32];
        int n = snprintf(name, sizeof(name), "other %u", i);
        assert_int_equal(
            sl_cred_table_ask(&f.table, sl_str_make(name, (size_t)n), 0, NULL, &f.arena, &f.cred, &f.failure),
            SL_CRED_WAIT);
    }
    assert_int_equal(f.table.entries.n, SL_CRED_ENTRIES_MAX);
    assert_int_equal(fetched(&f, 0, "t1", 100 * SEC), 1);
    assert_int_equal(ask(&f, 1, NULL), SL_CRED_READY);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_fetches_the_others_wait),
        cmocka_unit_test(test_it_is_refreshed_before_its_end),
        cmocka_unit_test(test_a_failed_refresh_keeps_what_is_valid),
        cmocka_unit_test(test_without_one_a_failure_holds_for_a_second),
        cmocka_unit_test(test_one_that_was_refused_is_fetched_anew),
        cmocka_unit_test(test_the_table_is_bounded),
    };
    return cmocka_run_group_tests_name("cred_table", tests, NULL, NULL);
}
