/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/budget.h"
#include "gate/policy/kept.h"

#define SEC 1000000ull
#define T0  1800000000000000ull

static struct sl_budget memory;

static struct sl_kept *kept_new(size_t max)
{
    struct sl_kept *kept = NULL;
    memory = (struct sl_budget){ .max = max };
    assert_int_equal(sl_kept_new(&memory, &kept), 0);
    return kept;
}

/* Stores `n` bytes of items, for ten seconds. */
static void put(struct sl_kept *kept, const char *id, const char *route, size_t n, size_t max, uint64_t now)
{
    static char items[100000];
    memset(items, 'x', sizeof(items));
    const struct sl_kept_answer answer = {
        .id = sl_str_c(id),
        .route = sl_str_c(route),
        .principal = SL_STR("ann"),
        .answer = SL_STR("{}"),
        .items = sl_str_make(items, n),
        .n_asked = n / 2,
    };
    sl_kept_put(kept, &answer, now + 10 * SEC, max, now);
}

static bool has(struct sl_kept *kept, const char *id, const char *principal, uint64_t now)
{
    struct sl_arena arena;
    struct sl_kept_answer answer;
    sl_arena_init(&arena, NULL);
    int r = sl_kept_find(kept, sl_str_c(id), sl_str_c(principal), now, &arena, &answer);
    assert_true(r == 0 || r == SL_E_NOTFOUND);
    if (r == 0) {
        assert_true(sl_str_eq_c(answer.answer, "{}"));
        assert_int_equal(answer.n_asked, answer.items.n / 2);
    }
    sl_arena_done(&arena);
    return r == 0;
}

static void done(struct sl_kept *kept)
{
    sl_kept_free(kept);
    assert_int_equal(memory.used, 0);
}

static void one_is_found_and_dropped_by_who_got_it(void **state)
{
    (void)state;
    struct sl_kept *kept = kept_new(1 << 20);
    put(kept, "a", "r", 100, 1 << 16, T0);
    assert_true(has(kept, "a", "ann", T0));
    assert_false(has(kept, "a", "bob", T0));
    assert_int_equal(sl_kept_drop(kept, SL_STR("a"), SL_STR("bob"), T0), SL_E_NOTFOUND);
    assert_int_equal(sl_kept_drop(kept, SL_STR("a"), SL_STR("ann"), T0), 0);
    assert_int_equal(sl_kept_drop(kept, SL_STR("a"), SL_STR("ann"), T0), SL_E_NOTFOUND);
    assert_int_equal(sl_kept_bytes(kept), 0);
    assert_int_equal(memory.used, 0);
    done(kept);
    sl_kept_free(NULL);
}

static void it_is_kept_for_its_time(void **state)
{
    (void)state;
    struct sl_kept *kept = kept_new(1 << 20);
    put(kept, "a", "silent", 100, 1 << 16, T0);
    assert_true(has(kept, "a", "ann", T0 + 10 * SEC - 1));
    assert_false(has(kept, "a", "ann", T0 + 10 * SEC));
    size_t one = sl_kept_bytes(kept);
    put(kept, "b", "other", 100, 1 << 16, T0 + 11 * SEC); /* an idle route gives its room back, too */
    assert_in_range(sl_kept_bytes(kept), one - 8, one + 8);
    done(kept);
}

static void a_route_has_its_bytes_and_no_more(void **state)
{
    (void)state;
    struct sl_kept *kept = kept_new(1 << 20);
    for (int i = 0; i < 5; i++) {
        put(kept, (const char *[]){ "a", "b", "c", "d", "e" }[i], "r", 1000, 4000, T0 + (uint64_t)i);
    }
    put(kept, "z", "other", 1000, 4000, T0);
    assert_false(has(kept, "a", "ann", T0 + 9));
    assert_true(has(kept, "e", "ann", T0 + 9));
    assert_true(has(kept, "z", "ann", T0 + 9));
    put(kept, "large", "r", 5000, 4000, T0 + 9); /* removes no other answer */
    assert_false(has(kept, "large", "ann", T0 + 9));
    assert_true(has(kept, "e", "ann", T0 + 9));
    assert_in_range(sl_kept_bytes(kept), 1, 8000);
    done(kept);
}

static void what_finds_no_memory_is_not_kept(void **state)
{
    (void)state;
    struct sl_kept *kept = kept_new(3000);
    put(kept, "a", "r", 1000, 1 << 20, T0);
    put(kept, "b", "r", 5000, 1 << 20, T0);
    assert_true(has(kept, "a", "ann", T0));
    assert_false(has(kept, "b", "ann", T0));
    put(kept, "a", "r", 10, 1 << 20, T0); /* the id is taken */
    done(kept);
}

static void all_together_have_half_of_the_memory(void **state)
{
    (void)state;
    struct sl_kept *kept = kept_new(12000);
    static const char *const ids[] = { "a", "b", "c", "d", "e", "f", "g", "h" };
    static const char *const routes[] = { "r", "s", "t" };
    for (size_t i = 0; i < SL_ARRAY_LEN(ids); i++) {
        put(kept, ids[i], routes[i % 3], 1000, 1 << 20, T0 + i);
        assert_in_range(sl_kept_bytes(kept), 1, 6000);
        assert_true(has(kept, ids[i], "ann", T0 + 9));
    }
    assert_false(has(kept, "a", "ann", T0 + 9)); /* the oldest one, of any route */
    assert_true(has(kept, "f", "ann", T0 + 9));
    put(kept, "large", "r", 7000, 1 << 20, T0 + 9); /* removes no other answer */
    assert_false(has(kept, "large", "ann", T0 + 9));
    assert_true(has(kept, "h", "ann", T0 + 9));
    done(kept);
}

/* The route loses its last answer at the moment when its next one comes. */
static void a_route_that_gives_way_to_itself_has_its_bytes(void **state)
{
    (void)state;
    struct sl_kept *kept = kept_new(12000);
    put(kept, "a", "r", 4000, 1 << 20, T0);
    put(kept, "b", "r", 4000, 1 << 20, T0 + 1);
    assert_false(has(kept, "a", "ann", T0 + 2));
    assert_true(has(kept, "b", "ann", T0 + 2));
    put(kept, "c", "r", 1000, 4500, T0 + 2);
    assert_false(has(kept, "b", "ann", T0 + 3)); /* the answer of `b` still counts for the route */
    done(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_is_found_and_dropped_by_who_got_it),
        cmocka_unit_test(it_is_kept_for_its_time),
        cmocka_unit_test(a_route_has_its_bytes_and_no_more),
        cmocka_unit_test(what_finds_no_memory_is_not_kept),
        cmocka_unit_test(all_together_have_half_of_the_memory),
        cmocka_unit_test(a_route_that_gives_way_to_itself_has_its_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
