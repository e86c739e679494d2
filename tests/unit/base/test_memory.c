/* SPDX-License-Identifier: Apache-2.0 */
/* Arenas, buffers, budgets and secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/base64.h"
#include "base/budget.h"
#include "base/buf.h"
#include "base/secret.h"

static void an_arena_is_rewound(void **state)
{
    (void)state;
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    assert_int_equal(arena.total, 0);
    struct sl_arena_mark empty = sl_arena_mark(&arena);
    struct sl_str kept = sl_arena_dup(&arena, SL_STR("kept"));
    assert_int_equal(kept.p[kept.n], 0);
    struct sl_arena_mark mark = sl_arena_mark(&arena);
    size_t before = arena.total;
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 50; i++) {
            char *p = sl_arena_alloc(&arena, 1000);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % 16, 0);
            memset(p, round, 1000);
        }
        assert_non_null(sl_arena_bytes(&arena, SL_ARENA_CHUNK * 3));
        sl_arena_rewind(&arena, mark);
        assert_int_equal(arena.total, before);
    }
    assert_true(sl_str_eq_c(kept, "kept"));
    struct sl_str text = sl_arena_printf(&arena, "%d-%s", 7, "x");
    assert_true(sl_str_eq_c(text, "7-x"));
    sl_arena_rewind(&arena, empty);
    assert_int_equal(arena.total, 0);
    assert_null(sl_arena_alloc(&arena, SIZE_MAX - 8));
    sl_arena_done(&arena);
}

/* Large blocks are taken from the budget, or refused; small ones are only counted. */
static void an_arena_takes_from_a_budget(void **state)
{
    (void)state;
    struct sl_budget budget = { 0 };
    struct sl_arena arena;
    atomic_store(&budget.max, 100000);
    sl_arena_init(&arena, NULL);
    arena.budget = &budget;
    for (int i = 0; i < SL_ARENA_FREE / SL_ARENA_CHUNK; i++) {
        assert_non_null(sl_arena_alloc(&arena, SL_ARENA_CHUNK / 2 + 1));
    }
    assert_int_equal(atomic_load(&budget.used), 0);
    struct sl_arena_mark mark = sl_arena_mark(&arena);
    assert_non_null(sl_arena_alloc(&arena, 60000));
    assert_int_equal(atomic_load(&budget.used), 60000);
    assert_null(sl_arena_alloc(&arena, 60000));
    assert_int_equal(atomic_load(&budget.used), 60000);
    for (int i = 0; i < 20; i++) {
        assert_non_null(sl_arena_alloc(&arena, SL_ARENA_CHUNK / 2 + 1));
    }
    assert_true(atomic_load(&budget.used) > 200000);
    assert_null(sl_arena_alloc(&arena, SL_ARENA_CHUNK));
    sl_arena_rewind(&arena, mark);
    assert_int_equal(atomic_load(&budget.used), 0);
    assert_non_null(sl_arena_alloc(&arena, 60000));
    sl_arena_done(&arena);
    assert_int_equal(atomic_load(&budget.used), 0);
}

static void a_cache_keeps_so_many_chunks(void **state)
{
    (void)state;
    struct sl_arena_cache cache;
    sl_arena_cache_init(&cache, 2);
    struct sl_arena arena;
    sl_arena_init(&arena, &cache);
    for (int i = 0; i < 5; i++) {
        assert_non_null(sl_arena_alloc(&arena, SL_ARENA_CHUNK / 2 + 1));
    }
    assert_non_null(sl_arena_alloc(&arena, SL_ARENA_CHUNK * 2)); /* no standard size: never kept */
    sl_arena_done(&arena);
    assert_int_equal(cache.n_free, 2);
    sl_arena_init(&arena, &cache);
    assert_non_null(sl_arena_alloc(&arena, 1));
    assert_int_equal(cache.n_free, 1);
    sl_arena_done(&arena);
    sl_arena_cache_done(&cache);
}

static void a_buffer_has_a_maximum_and_fails_stickily(void **state)
{
    (void)state;
    struct sl_buf buf = SL_BUF_INIT(1000);
    for (int i = 0; i < 1000; i++) {
        sl_buf_add_char(&buf, 'x');
    }
    assert_int_equal(sl_buf_status(&buf), 0);
    assert_true(buf.cap <= 1000);
    sl_buf_add_char(&buf, 'y');
    assert_int_equal(sl_buf_status(&buf), SL_E_LIMIT);
    assert_int_equal(buf.len, 1000);
    sl_buf_drop(&buf, 999);
    sl_buf_add_char(&buf, 'y'); /* now there would be room, but the missing bytes would be missing in the middle */
    assert_int_equal(buf.len, 1);
    sl_buf_reset(&buf);
    sl_buf_add_i64(&buf, INT64_MIN);
    sl_buf_add_lit(&buf, " ");
    sl_buf_add_u64(&buf, UINT64_MAX);
    sl_buf_printf(&buf, " %s", "end");
    assert_int_equal(sl_buf_status(&buf), 0);
    assert_true(sl_str_eq_c(sl_buf_str(&buf), "-9223372036854775808 18446744073709551615 end"));
    sl_buf_add(&buf, "x", SIZE_MAX);
    assert_int_equal(sl_buf_status(&buf), SL_E_LIMIT);
    sl_buf_done(&buf);
    sl_buf_done(NULL);
}

static void *no_memory(void *arg, void *p, size_t n)
{
    (void)arg, (void)p, (void)n;
    return NULL;
}

static void a_buffer_without_memory_says_so(void **state)
{
    (void)state;
    struct sl_alloc alloc = { no_memory, NULL };
    struct sl_buf buf = SL_BUF_INIT(1000);
    buf.alloc = &alloc;
    sl_buf_add_c(&buf, "x");
    assert_int_equal(sl_buf_status(&buf), SL_E_NOMEM);
    assert_int_equal(buf.len, 0);
    sl_buf_done(&buf);
}

static void base64_is_padded(void **state)
{
    (void)state;
    static const char *const cases[][2] = { /* RFC 4648 section 10 */
                                            { "", "" },
                                            { "f", "Zg==" },
                                            { "fo", "Zm8=" },
                                            { "foo", "Zm9v" },
                                            { "foob", "Zm9vYg==" },
                                            { "fooba", "Zm9vYmE=" },
                                            { "foobar", "Zm9vYmFy" },
                                            { "\xff\xef\xbf", "/++/" }
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_buf buf = SL_BUF_INIT(100);
        sl_buf_add_base64(&buf, sl_str_c(cases[i][0]));
        assert_true(sl_str_eq_c(sl_buf_str(&buf), cases[i][1]));
        sl_buf_done(&buf);
    }
}

static void a_budget_is_never_exceeded(void **state)
{
    (void)state;
    struct sl_budget budget = { .max = 100 };
    assert_true(sl_budget_take(&budget, 60));
    assert_false(sl_budget_take(&budget, 41));
    assert_true(sl_budget_take(&budget, 40));
    assert_false(sl_budget_take(&budget, 1));
    assert_false(sl_budget_take(&budget, SIZE_MAX));
    sl_budget_give(&budget, 60);
    assert_int_equal(budget.used, 40);
    budget.max = 10; /* what is taken stays taken */
    assert_false(sl_budget_take(&budget, 1));
    assert_true(sl_budget_take(NULL, SIZE_MAX));
}

/* Bytes of a part count in the whole, too; when one of both has no room, nothing is taken. */
static void a_part_of_a_budget_has_a_bound_of_its_own(void **state)
{
    (void)state;
    struct sl_budget whole = { .max = 100 }, part = { .max = 30, .of = &whole };
    assert_true(sl_budget_take(&part, 20));
    assert_int_equal(whole.used, 20);
    assert_false(sl_budget_take(&part, 11));
    assert_int_equal(whole.used, 20);
    assert_true(sl_budget_take(&whole, 75));
    assert_false(sl_budget_take(&part, 6));
    assert_int_equal(part.used, 20);
    assert_false(sl_budget_is_past(&whole, 95));
    assert_true(sl_budget_is_past(&whole, 94));
    sl_budget_force(&part, 50); /* a forced take counts, too */
    assert_true(sl_budget_is_over(&part) && sl_budget_is_over(&whole));
    sl_budget_give(&part, 70);
    assert_int_equal(part.used, 0);
    assert_int_equal(whole.used, 75);
    assert_true(sl_budget_take_own(&part, 30)); /* the whole counts it already */
    assert_false(sl_budget_take_own(&part, 1));
    assert_int_equal(whole.used, 75);
    sl_budget_give_own(&part, 30);
    assert_int_equal(part.used, 0);
}

static void secrets_are_compared_and_replaced(void **state)
{
    (void)state;
    struct sl_secret secret = { 0 };
    assert_false(sl_secret_is_set(&secret));
    assert_false(sl_secret_eq(&secret, SL_STR("x")));
    assert_int_equal(sl_secret_set(&secret, SL_STR("first")), 0);
    assert_int_equal(sl_secret_set(&secret, SL_STR("second")), 0);
    assert_true(sl_secret_is_set(&secret));
    assert_true(sl_secret_eq(&secret, SL_STR("second")));
    assert_false(sl_secret_eq(&secret, SL_STR("secone")));
    assert_false(sl_secret_eq(&secret, SL_STR("secon")));
    assert_string_equal(sl_secret_reveal(&secret).p, "second");
    sl_secret_done(&secret);
    assert_false(sl_secret_is_set(&secret));
    char bytes[] = "wiped";
    sl_wipe(bytes, sizeof(bytes));
    assert_memory_equal(bytes, "\0\0\0\0\0", 6);
}

static void base64url_has_no_padding(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *want;
    } cases[] = {
        { "", "" },
        { "f", "Zg" },
        { "fo", "Zm8" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg" },
        { "\xfb\xff\xbe", "-_--" },
        { "\xff\xff\xff", "____" },
        { "\xff\xfe", "__4" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        char out[16];
        size_t n = strlen(cases[i].bytes);
        sl_base64url_format((const unsigned char *)cases[i].bytes, n, out);
        assert_string_equal(out, cases[i].want);
        assert_int_equal(strlen(out), SL_BASE64URL_LEN(n));
    }
}

static void base64_comes_back(void **state)
{
    (void)state;
    static const struct {
        const char *text, *plain; /* NULL: damaged */
    } cases[] = {
        { "YQ==", "a" },  { "YWI=", "ab" }, { "YWJj", "abc" }, { "dTpwOnc=", "u:p:w" }, { "+/+/", "\xfb\xff\xbf" },
        { "", NULL },     { "====", NULL }, { "YQ=", NULL },   { "YQ", NULL },          { "Y===", NULL },
        { " YQ=", NULL }, { "Y=Q=", NULL }, { "YWJ-", NULL },
    };
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_str text = sl_str_c(cases[i].text);
        assert_int_equal(sl_base64_is_sound(text), cases[i].plain != NULL);
        if (cases[i].plain) {
            assert_true(sl_str_eq_c(sl_base64_decode(text, &arena), cases[i].plain));
            struct sl_buf back = SL_BUF_INIT(64);
            sl_buf_add_base64(&back, sl_str_c(cases[i].plain));
            assert_true(sl_str_eq(sl_buf_str(&back), text));
            sl_buf_done(&back);
        }
    }
    sl_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_arena_is_rewound),
        cmocka_unit_test(an_arena_takes_from_a_budget),
        cmocka_unit_test(a_cache_keeps_so_many_chunks),
        cmocka_unit_test(a_buffer_has_a_maximum_and_fails_stickily),
        cmocka_unit_test(a_buffer_without_memory_says_so),
        cmocka_unit_test(base64_is_padded),
        cmocka_unit_test(a_budget_is_never_exceeded),
        cmocka_unit_test(a_part_of_a_budget_has_a_bound_of_its_own),
        cmocka_unit_test(secrets_are_compared_and_replaced),
        cmocka_unit_test(base64url_has_no_padding),
        cmocka_unit_test(base64_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
