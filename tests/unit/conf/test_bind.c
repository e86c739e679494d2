/* SPDX-License-Identifier: Apache-2.0 */
/* The binder: which changes need a restart, which values stay hidden, which values a map over a struct leaves alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/num.h"
#include "conf/tree.h"

struct inner {
    uint64_t wait_usec;
    struct sl_strs names;
};

struct outer {
    uint32_t count;
    struct sl_str text;
    struct inner inner;
    uint32_t custom;
    uint32_t share;
};

static int custom_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)bind, (void)row;
    *(uint32_t *)field = (uint32_t)val->text.n;
    return 0;
}

static bool custom_same(const void *a, const void *b)
{
    return *(const uint32_t *)a == *(const uint32_t *)b;
}

static const struct sl_opt inner_rows[] = {
    { "wait", SL_OPT_USEC, offsetof(struct inner, wait_usec), "5s", 0, 0, 0, NULL, NULL, NULL, "" },
    { "names", SL_OPT_STR_LIST, offsetof(struct inner, names), NULL, 0, 0, 0, NULL, NULL, NULL, "" },
    { NULL },
};

static const struct sl_opt rows[] = {
    { "count", SL_OPT_U32, offsetof(struct outer, count), "1", 0, 9, SL_OPT_RELOAD, NULL, NULL, NULL, "" },
    { "text", SL_OPT_STR, offsetof(struct outer, text), NULL, 0, 0, 0, NULL, NULL, NULL, "" },
    { "inner", SL_OPT_MAP, offsetof(struct outer, inner), NULL, 0, 0, 0, NULL, inner_rows, NULL, "" },
    { "custom", SL_OPT_CUSTOM, offsetof(struct outer, custom), "xx", 0, 0, 0, NULL, NULL, custom_check, "",
      custom_same },
    { "share", SL_OPT_SHARE, offsetof(struct outer, share), "20%", 1, 100, 0, NULL, NULL, NULL, "" },
    { NULL },
};

struct fixture {
    struct sl_arena arena;
    struct sl_problems problems;
    struct sl_bind bind;
};

static void fixture_init(struct fixture *f)
{
    sl_arena_init(&f->arena, NULL);
    sl_problems_init(&f->problems, &f->arena);
    f->bind = (struct sl_bind){ .arena = &f->arena, .problems = &f->problems };
}

static void bind_text(struct fixture *f, const char *yaml, struct outer *ret)
{
    struct sl_val *val;
    assert_int_equal(sl_conf_parse("t", sl_str_c(yaml), &f->arena, &f->problems, &val), 0);
    assert_int_equal(sl_opt_bind(&f->bind, rows, val, ret), 0);
}

static void name_add(void *arg, const char *path)
{
    strcat(arg, path);
    strcat(arg, ";");
}

static const struct {
    const char *a, *b, *want;
} restarts[] = {
    { "{}", "{}", "" },
    { "{ count: 1 }", "{ count: 2 }", "" }, /* a reload applies it */
    { "{ text: a }", "{ text: b }", "text;" },
    { "{}", "{ text: b }", "text;" },
    { "{ inner: { wait: 5s } }", "{}", "" }, /* the default, written or not */
    { "{ inner: { wait: 1s, names: [a, b] }, custom: x }", "{ inner: { wait: 1000ms, names: [a, c] }, custom: yyy }",
      "inner.names;custom;" },
    { "{ share: 20% }", "{}", "" },
    { "{ share: 1% }", "{ share: 2% }", "share;" },
    { "{ inner: { names: [a] } }", "{ inner: { names: [] } }", "inner.names;" },
};

static void what_needs_a_restart_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(restarts); i++) {
        struct fixture f;
        struct outer a = { 0 }, b = { 0 };
        char names[256] = "";
        fixture_init(&f);
        bind_text(&f, restarts[i].a, &a);
        bind_text(&f, restarts[i].b, &b);
        sl_opt_each_restart(rows, &a, &b, name_add, names);
        assert_string_equal(names, restarts[i].want);
        sl_arena_done(&f.arena);
    }
}

static void a_map_laid_over_changes_what_it_says(void **state)
{
    (void)state;
    struct fixture f;
    struct outer obj = { .count = 7, .inner = { .wait_usec = 42 } };
    struct sl_val *val;
    fixture_init(&f);
    assert_int_equal(sl_conf_parse("t", SL_STR("{ inner: { wait: null }, count: 3 }"), &f.arena, &f.problems, &val), 0);
    assert_int_equal(sl_opt_bind_over(&f.bind, rows, val, &obj), 0);
    assert_int_equal(obj.count, 3);
    assert_int_equal(obj.inner.wait_usec, 42);
    sl_arena_done(&f.arena);
}

static const struct {
    const char *text, *want;
} hiding[] = {
    { "the value hunter22 is wrong", "the value *** is wrong" },
    { "hunter22hunter22", "******" },
    { "base sk-abcdefgh0123, or sk-four", "base ***, or sk-four" }, /* too short for a key */
    { "task-abcdefgh0123", "task-abcdefgh0123" },
    { "sk-proj-a_b-c-0123456789", "***" },
    { "nothing", "nothing" },
};

static void secrets_do_not_show(void **state)
{
    (void)state;
    struct sl_str hidden[] = { SL_STR("hunter22") };
    for (size_t i = 0; i < SL_ARRAY_LEN(hiding); i++) {
        struct fixture f;
        fixture_init(&f);
        f.problems.hidden = hidden;
        f.problems.n_hidden = 1;
        sl_bind_problem(&f.bind, SL_PROBLEM_ERROR, (struct sl_pos){ 0 }, "", "%s", hiding[i].text);
        bool same = sl_str_eq_c(f.problems.v[0].text, hiding[i].want);
        if (!same) {
            print_message("# got %s\n", f.problems.v[0].text.p);
        }
        assert_true(same);
        sl_arena_done(&f.arena);
    }
}

static void problems_have_a_bound(void **state)
{
    (void)state;
    struct fixture f;
    fixture_init(&f);
    for (int i = 0; i < SL_PROBLEMS_MAX + 7; i++) {
        sl_bind_problem(&f.bind, SL_PROBLEM_ERROR, (struct sl_pos){ 0 }, "", "x");
    }
    assert_int_equal(f.problems.n, SL_PROBLEMS_MAX);
    assert_int_equal(f.problems.n_left_out, 7);
    assert_int_equal(f.problems.n_errors, SL_PROBLEMS_MAX + 7);
    sl_arena_done(&f.arena);
}

struct pair {
    uint32_t count;
    uint64_t wait_usec;
};
struct wide {
    struct pair pair;
    bool flag;
    struct sl_str text;
    int word;
};
static const char *const words[] = { "red", "green", NULL };
static const struct sl_opt pair_rows[] = {
    { "count", SL_OPT_U32, offsetof(struct pair, count), "1", 0, 9, SL_OPT_RELOAD, NULL, NULL, NULL, "" },
    { "wait", SL_OPT_USEC, offsetof(struct pair, wait_usec), "5s", 0, 0, 0, NULL, NULL, NULL, "" },
    { NULL },
};
/* The pair's rows are beside the others. */
static const struct sl_opt wide_rows[] = {
    { "flag", SL_OPT_BOOL, offsetof(struct wide, flag), "false", 0, 0, 0, NULL, NULL, NULL, "" },
    { "", SL_OPT_ROWS, offsetof(struct wide, pair), NULL, 0, 0, 0, NULL, pair_rows, NULL, "" },
    { "text", SL_OPT_STR, offsetof(struct wide, text), "t", 0, 0, SL_OPT_REQUIRED, NULL, NULL, NULL, "" },
    { "word", SL_OPT_ENUM, offsetof(struct wide, word), "red", 0, 0, 0, words, NULL, NULL, "" },
    { NULL },
};

static void on_restart(void *arg, const char *path)
{
    snprintf(arg, 64, "%s", path);
}

static void what_is_not_said_is_filled_in(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t count;
        uint64_t wait_sec;
        bool flag;
        int word;
    } cases[] = {
        /* the others: count 3, wait 7s, flag true, word green */
        { "{ text: x }", 3, 7, true, 1 },
        { "{ text: x, count: 2 }", 2, 7, true, 1 },
        { "{ text: x, count: null }", 3, 7, true, 1 },
        { "{ text: x, wait: 1s }", 3, 1, true, 1 },
        { "{ text: x, flag: false }", 3, 7, false, 1 },
        { "{ text: x, word: red }", 3, 7, true, 0 },
        { "{ text: x, count: 0, wait: 0s, flag: false, word: red }", 0, 0, false, 0 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct fixture f;
        fixture_init(&f);
        struct sl_val *map;
        struct wide own = { 0 }, others = { { 3, 7000000 }, true, SL_STR("o"), 1 };
        assert_int_equal(sl_conf_parse("f", sl_str_c(cases[i].text), &f.arena, &f.problems, &map), 0);
        assert_int_equal(sl_opt_bind(&f.bind, wide_rows, map, &own), 0);
        assert_true(sl_opt_are_same(wide_rows, &own, &own));
        assert_false(sl_opt_are_same(wide_rows, &own, &others));
        sl_opt_fill(wide_rows, sl_opt_said(wide_rows, map), &others, &own);
        bool is_right = own.pair.count == cases[i].count && own.pair.wait_usec == cases[i].wait_sec * 1000000 &&
                        own.flag == cases[i].flag && own.word == cases[i].word && sl_str_eq_c(own.text, "x");
        if (!is_right) {
            fail_msg("case %zu: %s", i, cases[i].text);
        }
        sl_arena_done(&f.arena);
    }
    struct wide a = { .pair = { 1, 5 } }, b = { .pair = { 2, 6 } };
    char path[64] = "";
    sl_opt_each_restart(wide_rows, &a, &b, on_restart, path);
    assert_string_equal(path, "wait"); /* count needs only a reload */
    assert_string_equal(sl_opt_nearest(wide_rows, SL_STR("cuont")), "count");
    assert_string_equal(sl_opt_required(wide_rows), "text");
    assert_ptr_equal(sl_opt_find(wide_rows, SL_STR("wait")), &pair_rows[1]);
    assert_null(sl_opt_find(wide_rows, SL_STR("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_needs_a_restart_is_named), cmocka_unit_test(a_map_laid_over_changes_what_it_says),
        cmocka_unit_test(what_is_not_said_is_filled_in), cmocka_unit_test(secrets_do_not_show),
        cmocka_unit_test(problems_have_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
