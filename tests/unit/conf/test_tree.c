/* SPDX-License-Identifier: Apache-2.0 */
/* YAML to values: the types of scalars, the results of merge keys and aliases, and what is refused where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "conf/tree.h"

/* "{a:[s'x',n'1'],b:null}": kinds and texts in one line. */
static void shown_put(struct sl_buf *out, const struct sl_val *val)
{
    static const char letters[] = { '0', 'b', 'n', 's' };
    if (val->kind <= SL_VAL_STRING) {
        sl_buf_printf(out, "%c'%.*s'", letters[val->kind], SL_STR_ARG(val->text));
        return;
    }
    bool is_map = val->kind == SL_VAL_MAP;
    sl_buf_add_char(out, is_map ? '{' : '[');
    for (uint32_t i = 0; i < val->n; i++) {
        sl_buf_add_c(out, i ? "," : "");
        if (is_map) {
            sl_buf_printf(out, "%.*s:", SL_STR_ARG(val->items[i].key));
        }
        shown_put(out, val->items[i].val);
    }
    sl_buf_add_char(out, is_map ? '}' : ']');
}

static const struct {
    const char *yaml, *want;
} good[] = {
    { "", "0''" },
    { "a: 1\nb: x\n", "{a:n'1',b:s'x'}" },
    { "[yes, No, on, true, TRUE, y]", "[b'yes',b'No',b'on',b'true',b'TRUE',s'y']" },
    { "[1, -2, +3, 1.5, 1e3, 1.0e+3, .5, 0x10, 12abc]",
      "[n'1',n'-2',n'+3',n'1.5',s'1e3',n'1.0e+3',n'.5',s'0x10',s'12abc']" }, /* PyYAML's 1.1: 1e3 is a string */
    { "['1', \"true\", '']", "[s'1',s'true',s'']" },
    { "[~, null, Null, ]", "[0'~',0'null',0'Null']" },
    { "[! 1, !!str 2, !!int '3', !!null x]", "[s'1',s'2',n'3',0'x']" },
    { "a: &x {k: 1, l: 2}\nb: {<<: *x, l: 3}", "{a:{k:n'1',l:n'2'},b:{l:n'3',k:n'1'}}" },
    { "a: &x {k: 1}\nb: &y {k: 2, m: 3}\nc: {<<: [*x, *y]}", "{a:{k:n'1'},b:{k:n'2',m:n'3'},c:{k:n'1',m:n'3'}}" },
    { "a: &x 1\nb: &x 2\nc: *x", "{a:n'1',b:n'2',c:n'2'}" },
    { "a: |\n  one\n  two\nb: >\n  one\n  two\n", "{a:s'one\ntwo\n',b:s'one two\n'}" },
    { "{'<<': 1}", "{<<:n'1'}" },
    { "\xef\xbb\xbf"
      "a: \xc3\xa9",
      "{a:s'\xc3\xa9'}" },
};

static void values_are_typed_as_elsewhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(good); i++) {
        struct sl_arena arena;
        struct sl_problems problems;
        struct sl_val *val;
        sl_arena_init(&arena, NULL);
        sl_problems_init(&problems, &arena);
        struct sl_buf out = SL_BUF_INIT(4096);
        assert_int_equal(sl_conf_parse("t", sl_str_c(good[i].yaml), &arena, &problems, &val), 0);
        assert_int_equal(problems.n, 0);
        shown_put(&out, val);
        sl_buf_add_char(&out, '\0');
        assert_string_equal(out.p, good[i].want);
        sl_buf_done(&out);
        sl_arena_done(&arena);
    }
}

static void a_repeated_key_is_told_and_reading_goes_on(void **state)
{
    (void)state;
    struct sl_arena arena;
    struct sl_problems problems;
    struct sl_val *val;
    sl_arena_init(&arena, NULL);
    sl_problems_init(&problems, &arena);
    assert_int_equal(sl_conf_parse("t", SL_STR("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n"), &arena, &problems, &val), 0);
    assert_int_equal(problems.n_errors, 2);
    assert_int_equal(problems.v[0].pos.line, 4);
    assert_int_equal(problems.v[0].pos.col, 3);
    assert_int_equal(problems.v[1].pos.line, 5);
    assert_non_null(strstr(problems.v[1].text.p, "line 1, column 1"));
    assert_int_equal(val->n, 2);
    sl_arena_done(&arena);
}

static void positions_are_of_the_value_itself(void **state)
{
    (void)state;
    struct sl_arena arena;
    struct sl_problems problems;
    struct sl_val *val;
    sl_arena_init(&arena, NULL);
    sl_problems_init(&problems, &arena);
    assert_int_equal(sl_conf_parse("f.yaml", SL_STR("a:\n  - b\n  - {c:   d}\n"), &arena, &problems, &val), 0);
    const struct sl_val *d = sl_val_find(sl_val_find(val, "a")->items[1].val, "c");
    assert_string_equal(d->pos.file, "f.yaml");
    assert_int_equal(d->pos.line, 3);
    assert_int_equal(d->pos.col, 11);
    sl_arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_typed_as_elsewhere),
        cmocka_unit_test(a_repeated_key_is_told_and_reading_goes_on),
        cmocka_unit_test(positions_are_of_the_value_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
