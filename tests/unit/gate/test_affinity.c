/* SPDX-License-Identifier: Apache-2.0 */
/* The table of conversations: what it remembers, for how long, and that it never grows. Time is virtual. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/num.h"
#include "base/random.h"
#include "gate/policy/affinity.h"

#define SEC  SL_USEC_PER_SEC
#define HOUR (3600 * SEC)

static struct sl_affinity *table_new(size_t max)
{
    struct sl_affinity *table = NULL;
    assert_int_equal(sl_affinity_new(max, &table), 0);
    return table;
}

static void a_key_is_known_until_its_time_is_over(void **state)
{
    (void)state;
    struct sl_affinity *table = table_new(1000);
    assert_int_equal(sl_affinity_find(table, 7, 0), 0);
    sl_affinity_put(table, 7, 70, HOUR, 10 * SEC);
    assert_int_equal(sl_affinity_find(table, 7, 10 * SEC), 70);
    assert_int_equal(sl_affinity_find(table, 7, 10 * SEC + HOUR - 1), 70);
    assert_int_equal(sl_affinity_find(table, 7, 10 * SEC + HOUR), 0);
    assert_int_equal(sl_affinity_find(table, 8, 10 * SEC), 0);
    sl_affinity_put(table, 7, 71, HOUR, 20 * SEC); /* it went elsewhere, and its time starts again */
    assert_int_equal(sl_affinity_find(table, 7, 20 * SEC + HOUR - 1), 71);
    assert_int_equal(sl_affinity_count(table, 20 * SEC), 1);
    assert_int_equal(sl_affinity_count(table, 2 * HOUR), 0);
    sl_affinity_free(table);
    sl_affinity_free(NULL);
}

/* Other nodes are told of what is new, and again before they forget it. */
static void what_is_new_is_told(void **state)
{
    (void)state;
    struct sl_affinity *table = table_new(64);
    assert_true(sl_affinity_put(table, 7, 70, HOUR, 0));
    assert_false(sl_affinity_put(table, 7, 70, HOUR, SEC));
    assert_true(sl_affinity_put(table, 7, 71, HOUR, 2 * SEC));
    assert_false(sl_affinity_put(table, 7, 71, HOUR, HOUR / 4));
    assert_true(sl_affinity_put(table, 7, 71, HOUR, HOUR / 4 + 2 * SEC));
    assert_true(sl_affinity_put(table, 7, 71, HOUR, 3 * HOUR));
    sl_affinity_free(table);
}

/* All keys of one row, many more than it has places. */
static void where_all_places_are_taken_the_first_to_end_goes(void **state)
{
    (void)state;
    struct sl_affinity *table = table_new(64);
    for (uint64_t i = 1; i <= 8; i++) {
        sl_affinity_put(table, i << 32, i, HOUR + i * SEC, 0);
    }
    sl_affinity_put(table, 1ULL << 32, 1, 2 * HOUR, 0); /* used again */
    sl_affinity_put(table, 9ULL << 32, 9, HOUR, 0);
    assert_int_equal(sl_affinity_find(table, 1ULL << 32, 0), 1);
    assert_int_equal(sl_affinity_find(table, 2ULL << 32, 0), 0);
    for (uint64_t i = 3; i <= 9; i++) {
        assert_int_equal(sl_affinity_find(table, i << 32, 0), i);
    }
    sl_affinity_free(table);
}

/* A day of conversations, a hundred times as many as there is room for: those of the last minutes are still known. */
static void a_day_of_conversations_fits(void **state)
{
    (void)state;
    enum { MAX = 4096, ALL = 100 * MAX, LATE = MAX / 4 };
    struct sl_affinity *table = table_new(MAX);
    struct sl_rng rng = { { 3, 5 } };
    static uint64_t keys[ALL];
    uint64_t now = 0;
    for (size_t i = 0; i < ALL; i++, now += 24 * HOUR / ALL) {
        keys[i] = sl_rng_next(&rng) | 1;
        sl_affinity_put(table, keys[i], i + 1, HOUR, now);
        assert_true(i % 1024 || sl_affinity_count(table, now) <= MAX);
    }
    size_t n_known = 0, n_old = 0;
    for (size_t i = 0; i < ALL; i++) {
        uint64_t found = sl_affinity_find(table, keys[i], now);
        assert_true(found == 0 || found == i + 1); /* nobody gets another's */
        n_known += i >= ALL - LATE && found;
        n_old += i < ALL / 2 && found;
    }
    assert_true(n_known > LATE * 99 / 100);
    assert_int_equal(n_old, 0);
    sl_affinity_free(table);
}

/* One caller fills the table again and again; the conversations of others stay, and his have only the rest. */
static void one_callers_flood_pushes_out_no_others(void **state)
{
    (void)state;
    enum { MAX = 4096, FEW = MAX / 16 };
    static uint64_t few[FEW], last[MAX / 2];
    struct sl_affinity *table = table_new(MAX);
    struct sl_rng rng = { { 3, 5 } };
    for (size_t i = 0; i < FEW; i++) { /* of eight callers */
        few[i] = sl_affinity_key(100 + i % 8, sl_rng_next(&rng));
        sl_affinity_put(table, few[i], i + 1, HOUR, 0); /* which expire before all others */
    }
    for (size_t i = 0; i < 20 * MAX; i++) {
        uint64_t key = sl_affinity_key(7, sl_rng_next(&rng));
        last[i % SL_ARRAY_LEN(last)] = key;
        sl_affinity_put(table, key, i + 1, 2 * HOUR, SEC + i);
    }
    for (size_t i = 0; i < FEW; i++) {
        assert_int_equal(sl_affinity_find(table, few[i], 2 * SEC), i + 1);
    }
    size_t n = 0;
    for (size_t i = 0; i < SL_ARRAY_LEN(last); i++) {
        n += sl_affinity_find(table, last[i], 2 * SEC) != 0;
    }
    assert_true(n > SL_ARRAY_LEN(last) * 8 / 10); /* the flood keeps its newest, as far as there is room */
    assert_true(sl_affinity_count(table, 2 * SEC) <= MAX);
    sl_affinity_put(table, sl_affinity_key(7, 5), 9, HOUR, 3 * HOUR); /* an expired place belongs to nobody */
    assert_int_equal(sl_affinity_count(table, 3 * HOUR), 1);
    assert_true(sl_affinity_key(0, 0) != 0);
    sl_affinity_free(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_known_until_its_time_is_over),
        cmocka_unit_test(what_is_new_is_told),
        cmocka_unit_test(where_all_places_are_taken_the_first_to_end_goes),
        cmocka_unit_test(a_day_of_conversations_fits),
        cmocka_unit_test(one_callers_flood_pushes_out_no_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
