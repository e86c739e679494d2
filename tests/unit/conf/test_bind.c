/* SPDX-License-Identifier: Apache-2.0 */
/* The binder: what a restart is needed for, what stays hidden, what a map that is laid over leaves alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

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
    { "{ inner: { wait: 5s } }", "{}", "" }, /* the default, said or not */
    { "{ inner: { wait: 1s, names: [a, b] }, custom: x }", "{ inner: { wait: 1000ms, names: [a, c] }, custom: yyy }",
      "inner.names;custom;" },
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_needs_a_restart_is_named),
        cmocka_unit_test(a_map_laid_over_changes_what_it_says),
        cmocka_unit_test(secrets_do_not_show),
        cmocka_unit_test(problems_have_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
