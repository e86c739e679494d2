/* SPDX-License-Identifier: Apache-2.0 */
/* The map against a model that remembers which keys are in it; the typed lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/list.h"
#include "base/map.h"
#include "base/random.h"

#define N_KEYS 500

struct thing {
    char key[16];
    bool is_in;
};

static size_t count(const struct sl_map *map)
{
    size_t n = 0;
    struct thing *t;
    for (size_t i = 0; (t = sl_map_each(map, &i)) != NULL; n++) {
        assert_true(t->is_in);
    }
    return n;
}

static void a_map_keeps_what_was_put_and_not_removed(void **state)
{
    (void)state;
    static struct thing things[N_KEYS];
    for (size_t i = 0; i < N_KEYS; i++) {
        snprintf(things[i].key, sizeof(things[i].key), "%zu", i);
    }
    struct sl_map map = { 0 };
    assert_null(sl_map_find(&map, SL_STR("0")));
    assert_null(sl_map_remove(&map, SL_STR("0")));
    struct sl_rng rng;
    sl_rng_init(&rng);
    size_t n = 0;
    for (int step = 0; step < 50000; step++) {
        struct thing *t = &things[sl_rng_next(&rng) % N_KEYS];
        struct sl_str key = sl_str_c(t->key);
        if (sl_rng_next(&rng) % 2) {
            assert_int_equal(sl_map_put(&map, key, t), t->is_in ? SL_E_EXISTS : 0);
            n += !t->is_in;
            t->is_in = true;
        } else {
            assert_ptr_equal(sl_map_remove(&map, key), t->is_in ? t : NULL);
            n -= t->is_in;
            t->is_in = false;
        }
        assert_int_equal(map.n, n);
        if (step % 1000 == 0) {
            assert_int_equal(count(&map), n);
            for (size_t i = 0; i < N_KEYS; i++) {
                assert_ptr_equal(sl_map_find(&map, sl_str_c(things[i].key)), things[i].is_in ? &things[i] : NULL);
            }
        }
    }
    sl_map_done(&map);
    assert_int_equal(map.n, 0);
}

static void keys_are_bytes_of_any_length(void **state)
{
    (void)state;
    static const char bytes[40] = { 0 };
    struct sl_map map = { 0 };
    for (size_t n = 0; n < sizeof(bytes); n++) { /* only zeroes: the length is the only difference */
        assert_int_equal(sl_map_put(&map, sl_str_make(bytes, n), (void *)(uintptr_t)(n + 1)), 0);
    }
    for (size_t n = 0; n < sizeof(bytes); n++) {
        assert_int_equal((uintptr_t)sl_map_find(&map, sl_str_make(bytes, n)), n + 1);
    }
    sl_map_done(&map);
}

struct item {
    int n;
    struct sl_link link;
};
SL_LIST_HEAD(items);
SL_LIST_FUNCTIONS(items, struct item, link);

static void lists_keep_their_order(void **state)
{
    (void)state;
    struct items list = { 0 }, other = { 0 };
    struct item a = { .n = 1 }, b = { .n = 2 }, c = { .n = 3 };
    items_add(&list, &a);
    items_add(&list, &b);
    items_add(&list, &c);
    assert_int_equal(list.n, 3);
    assert_true(items_has(&list, &b));
    assert_false(items_has(&other, &b));
    items_remove(&list, &b);
    assert_false(items_has(&list, &b));
    assert_ptr_equal(items_next(&a), &c);
    assert_ptr_equal(items_last(&list), &c);
    items_add(&other, &b);
    assert_ptr_equal(items_first(&other), &b);
    assert_ptr_equal(items_take_first(&list), &a);
    assert_ptr_equal(items_take_first(&list), &c);
    assert_null(items_take_first(&list));
    assert_int_equal(list.n, 0);
}

#define HASHED_MAX 200

/* For every length and alignment; each byte counts. */
static void a_hash_is_of_all_bytes(void **state)
{
    (void)state;
    char room[HASHED_MAX + 8];
    for (size_t n = 0; n <= HASHED_MAX; n++) {
        uint64_t first = 0;
        for (size_t shift = 0; shift < 8; shift++) {
            memset(room, 'a', sizeof(room));
            room[shift + n / 2] = n ? 'b' : 'a';
            uint64_t hash = sl_hash(sl_str_make(room + shift, n));
            first = shift ? first : hash;
            assert_true(hash == first);
        }
        for (size_t i = 0; i < n; i++) {
            memset(room, 'a', n);
            room[n / 2] = 'b';
            room[i] ^= 0x10;
            assert_true(sl_hash(sl_str_make(room, n)) != first);
        }
        for (size_t i = 0; i < n; i++) {
            uint64_t alone = sl_hash(sl_str_make(memset(room, 'a', i), i));
            assert_true(alone != first);
        }
    }
}

static void a_hash_of_two_knows_their_order(void **state)
{
    (void)state;
    assert_true(sl_hash_both(1, 2) == sl_hash_both(1, 2));
    for (uint64_t a = 0; a < 50; a++) {
        for (uint64_t b = 0; b < 50; b++) {
            assert_true(a == b || sl_hash_both(a, b) != sl_hash_both(b, a));
            assert_true((a == 1 && b == 2) || sl_hash_both(a, b) != sl_hash_both(1, 2));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_keeps_what_was_put_and_not_removed),
        cmocka_unit_test(keys_are_bytes_of_any_length),
        cmocka_unit_test(a_hash_is_of_all_bytes),
        cmocka_unit_test(a_hash_of_two_knows_their_order),
        cmocka_unit_test(lists_keep_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
