/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/arena.h"
#include "gate/policy/made.h"
#include "gate/policy/made_store.h"
#include "store/ops.h"

#define HOUR 3600000000ull
#define T0   1800000000000000ull

static struct sl_made *made_new(size_t max)
{
    struct sl_made *made = NULL;
    assert_int_equal(sl_made_new(max, &made), 0);
    return made;
}

static void put_by(struct sl_made *made, const char *id, const char *target, const char *principal, uint64_t now)
{
    sl_made_put(made, sl_str_c(id), &(struct sl_made_by){ SL_STR("route"), sl_str_c(target) }, sl_str_c(principal),
                now);
}

static void put(struct sl_made *made, const char *id, const char *principal, uint64_t now)
{
    put_by(made, id, "eu", principal, now);
}

/* The target that made it; "": unknown, "?": another user's. */
static void found_at(struct sl_made *made, const char *id, const char *principal, const char *want)
{
    struct sl_arena arena;
    struct sl_made_by by = { SL_STR_NONE, SL_STR_NONE };
    sl_arena_init(&arena, NULL);
    int r = sl_made_find(made, sl_str_c(id), sl_str_c(principal), T0, &arena, &by);
    const char *got = r == SL_E_NOTFOUND ? "" : r == SL_E_FOREIGN ? "?" : by.target.p;
    if (strcmp(got, want) != 0) {
        fail_msg("%s of %s: at %s, not %s", id, principal, got, want);
    }
    sl_arena_done(&arena);
}

static int find(struct sl_made *made, const char *id, const char *principal, uint64_t now)
{
    struct sl_arena arena;
    struct sl_made_by by = { SL_STR_NONE, SL_STR_NONE };
    sl_arena_init(&arena, NULL);
    int r = sl_made_find(made, sl_str_c(id), sl_str_c(principal), now, &arena, &by);
    if (r == 0) {
        assert_true(sl_str_eq_c(by.route, "route") && sl_str_eq_c(by.target, "eu"));
    }
    sl_arena_done(&arena);
    return r;
}

static void one_is_found_by_who_got_it(void **state)
{
    (void)state;
    struct sl_made *made = made_new(10);
    put(made, "a", "ann", T0);
    assert_int_equal(find(made, "a", "ann", T0), 0);
    assert_int_equal(find(made, "a", "bob", T0), SL_E_FOREIGN);
    assert_int_equal(find(made, "b", "ann", T0), SL_E_NOTFOUND);
    put(made, "a", "bob", T0 + 1); /* the same id again, of the same upstream */
    assert_int_equal(find(made, "a", "bob", T0 + 1), 0);
    assert_int_equal(sl_made_count(made), 1);
    put(made, "", "ann", T0);
    char id[SL_MADE_ID_MAX + 2];
    memset(id, 'x', sizeof(id) - 1);
    id[sizeof(id) - 1] = '\0';
    put(made, id, "ann", T0);
    assert_int_equal(sl_made_count(made), 1);
    sl_made_free(made);
    sl_made_free(NULL);
}

static void an_id_of_another_upstream_takes_nothing_away(void **state)
{
    (void)state;
    struct sl_made *made = made_new(4);
    put_by(made, "a", "eu", "ann", T0);
    put_by(made, "a", "us", "bob", T0);
    put_by(made, "a", "asia", "bob", T0 + 1);
    found_at(made, "a", "ann", "eu");
    found_at(made, "a", "bob", "asia"); /* their newest */
    found_at(made, "a", "eve", "?");
    put_by(made, "a", "eu", "bob", T0 + 2); /* that upstream has another answer with this id now */
    found_at(made, "a", "ann", "?");
    found_at(made, "a", "bob", "eu");
    assert_int_equal(sl_made_count(made), 3);
    /* removed in any order, the others are still found */
    put_by(made, "b", "eu", "ann", T0 + 3);
    put_by(made, "c", "eu", "ann", T0 + 4); /* removes that of us */
    found_at(made, "a", "bob", "eu");
    put_by(made, "d", "eu", "ann", T0 + 5); /* that of asia */
    found_at(made, "a", "bob", "eu");
    put_by(made, "e", "eu", "ann", T0 + 6); /* and that of eu */
    found_at(made, "a", "bob", "");
    found_at(made, "e", "ann", "eu");
    sl_made_free(made);
}

static void it_is_known_for_a_day(void **state)
{
    (void)state;
    struct sl_made *made = made_new(10);
    put(made, "a", "ann", T0);
    put(made, "b", "ann", T0 + HOUR);
    assert_int_equal(find(made, "a", "ann", T0 + 24 * HOUR - 1), 0);
    assert_int_equal(find(made, "a", "ann", T0 + 24 * HOUR), SL_E_NOTFOUND);
    put(made, "c", "ann", T0 + 24 * HOUR);
    assert_int_equal(sl_made_count(made), 2); /* those that ran out are removed */
    sl_made_free(made);
}

static void on_record(void *arg, const struct sl_made_record *record)
{
    struct sl_made *other = arg;
    sl_made_restore(other, record);
}

static void one_that_comes_again_is_known_for_longer(void **state)
{
    (void)state;
    struct sl_made *made = made_new(2), *first = made_new(10), *second = made_new(10);
    put(made, "a", "ann", T0);
    put(made, "b", "ann", T0);
    sl_made_each(made, false, on_record, first);
    put(made, "a", "ann", T0 + HOUR);
    put(made, "a", "ann", T0 + 2 * HOUR);
    sl_made_each(made, false, on_record, second); /* it is new once */
    assert_int_equal(sl_made_count(second), 1);
    assert_int_equal(find(second, "a", "ann", T0 + 26 * HOUR - 1), 0);
    assert_int_equal(find(made, "a", "ann", T0 + 26 * HOUR - 1), 0);
    put(made, "c", "ann", T0 + 2 * HOUR); /* removes the one that is older now */
    assert_int_equal(find(made, "b", "ann", T0 + 2 * HOUR), SL_E_NOTFOUND);
    assert_int_equal(find(made, "a", "ann", T0 + 2 * HOUR), 0);
    sl_made_set_max(made, 1);
    put(made, "a", "ann", T0 + 3 * HOUR);
    assert_int_equal(sl_made_count(made), 1);
    assert_int_equal(find(made, "a", "ann", T0 + 3 * HOUR), 0);
    sl_made_free(made);
    sl_made_free(first);
    sl_made_free(second);
}

static void the_oldest_go_first(void **state)
{
    (void)state;
    struct sl_made *made = made_new(3);
    const char *ids[] = { "a", "b", "c", "d", "e" };
    for (size_t i = 0; i < SL_ARRAY_LEN(ids); i++) {
        put(made, ids[i], "ann", T0 + i);
    }
    assert_int_equal(sl_made_count(made), 3);
    assert_int_equal(find(made, "b", "ann", T0 + 9), SL_E_NOTFOUND);
    assert_int_equal(find(made, "c", "ann", T0 + 9), 0);
    sl_made_set_max(made, 1);
    put(made, "f", "ann", T0 + 9);
    assert_int_equal(sl_made_count(made), 1);
    assert_int_equal(find(made, "f", "ann", T0 + 9), 0);
    sl_made_set_max(made, 0);
    put(made, "g", "ann", T0 + 9);
    assert_int_equal(sl_made_count(made), 0);
    sl_made_free(made);
}

static void what_is_new_is_walked_once(void **state)
{
    (void)state;
    struct sl_made *made = made_new(10), *first = made_new(10), *second = made_new(10), *all = made_new(10);
    put(made, "a", "ann", T0);
    put(made, "b", "bob", T0);
    sl_made_each(made, false, on_record, first);
    put(made, "c", "ann", T0);
    sl_made_each(made, false, on_record, second);
    sl_made_each(made, true, on_record, all);
    assert_int_equal(sl_made_count(first), 2);
    assert_int_equal(sl_made_count(second), 1);
    assert_int_equal(sl_made_count(all), 3);
    assert_int_equal(find(first, "b", "bob", T0), 0);
    assert_int_equal(find(second, "c", "ann", T0), 0);
    struct sl_made *none = made_new(10);
    sl_made_each(made, false, on_record, none);
    sl_made_each(first, false, on_record, none); /* restored ones are not reported as new */
    assert_int_equal(sl_made_count(none), 0);
    struct sl_made *tables[] = { made, first, second, all, none };
    for (size_t i = 0; i < SL_ARRAY_LEN(tables); i++) {
        sl_made_free(tables[i]);
    }
}

/* Else each response with that id would cost a walk over all of them. */
static void so_many_upstreams_have_the_same_id(void **state)
{
    (void)state;
    struct sl_made *made = made_new(1000);
    char target[16];
    put_by(made, "resp_1", "eu", "ann", T0);
    put_by(made, "resp_1", "us", "ben", T0);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(target, sizeof(target), "t%u", i);
        put_by(made, "resp_1", target, "eve", T0 + i);
    }
    assert_int_equal(sl_made_count(made), 16);
    found_at(made, "resp_1", "ann", "eu");
    found_at(made, "resp_1", "ben", "us");
    found_at(made, "resp_1", "eve", "t99");
    put_by(made, "resp_1", "asia", "ann", T0 + 200);
    assert_int_equal(sl_made_count(made), 16);
    found_at(made, "resp_1", "ann", "asia");
    put_by(made, "resp_2", "eu", "ann", T0);
    assert_int_equal(sl_made_count(made), 17);
    sl_made_free(made);
}

/* A store that shows its rows as text. */
static char rows[1024];

static int answers_put(struct sl_store *store, const struct sl_store_answer *of, struct sl_str ids, uint64_t n_ids,
                       struct sl_err *err)
{
    (void)store, (void)err;
    size_t n = strlen(rows);
    snprintf(rows + n, sizeof(rows) - n, "%.*s/%.*s %.*s %llu: %llu %.*s;", SL_STR_ARG(of->route),
             SL_STR_ARG(of->target), SL_STR_ARG(of->principal), (unsigned long long)(of->end_usec - 24 * HOUR - T0),
             (unsigned long long)n_ids, SL_STR_ARG(ids));
    return 0;
}

static int answers_expire(struct sl_store *store, uint64_t now_usec, size_t max, struct sl_err *err)
{
    (void)store, (void)now_usec, (void)err;
    assert_int_equal(max, 10);
    return 0;
}

static void written(struct sl_made *made, bool all, const char *want)
{
    const struct sl_store_ops ops = { .answers_put = answers_put, .answers_expire = answers_expire };
    struct sl_store store = { .ops = &ops };
    struct sl_err err = { 0 };
    rows[0] = '\0';
    assert_int_equal(sl_made_tick(made, &store, all, &err), 0);
    assert_string_equal(rows, want);
}

/* A row costs more than an id. */
static void ids_of_one_upstream_and_caller_share_a_row(void **state)
{
    (void)state;
    struct sl_made *made = made_new(10);
    put_by(made, "a", "eu", "ann", T0);
    put_by(made, "b", "eu", "bob", T0);
    put_by(made, "c", "us", "ann", T0 + 1);
    put_by(made, "d", "eu", "ann", T0 + 2);
    put_by(made, "no\nline", "eu", "ann", T0 + 2);
    written(made, false, "route/eu ann 2: 2 a\nd\n;route/eu bob 0: 1 b\n;route/us ann 1: 1 c\n;");
    written(made, false, "");
    put_by(made, "e", "eu", "ann", T0 + HOUR); /* none is known longer than promised */
    written(made, true,
            "route/eu ann 2: 2 a\nd\n;route/eu bob 0: 1 b\n;route/us ann 1: 1 c\n;route/eu ann 3600000000: 1 e\n;");
    sl_made_free(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_is_found_by_who_got_it),
        cmocka_unit_test(an_id_of_another_upstream_takes_nothing_away),
        cmocka_unit_test(it_is_known_for_a_day),
        cmocka_unit_test(one_that_comes_again_is_known_for_longer),
        cmocka_unit_test(the_oldest_go_first),
        cmocka_unit_test(what_is_new_is_walked_once),
        cmocka_unit_test(so_many_upstreams_have_the_same_id),
        cmocka_unit_test(ids_of_one_upstream_and_caller_share_a_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
