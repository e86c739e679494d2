/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <time.h>

#include "base/arena.h"
#include "base/buf.h"
#include "json/edit.h"

static const char *const keys[] = { "a", "b", "c", "d" };

/* Writes the edits in both ways and compares; the result is in `out`. */
static void result(const struct sl_json_edits *edits, struct sl_str text, struct sl_buf *out)
{
    sl_buf_reset(out);
    sl_json_edits_write(edits, text, out);
    struct sl_str *slices;
    size_t n, total, at = 0;
    assert_int_equal(sl_json_edits_slices(edits, text, &slices, &n, &total), 0);
    assert_int_equal(total, out->len);
    for (size_t i = 0; i < n; i++) {
        assert_memory_equal(out->p + at, slices[i].p, slices[i].n);
        at += slices[i].n;
    }
    assert_int_equal(at, total);
}

/* Every set of removals in every rotation, with sets of a present and of an absent member before and after: the result
 * must parse and have exactly the members that a naive model has. */
static void all_combinations_on_small_objects(void **state)
{
    (void)state;
    static const char *const texts[] = { "{}", "{\"a\":1}", "{ \"a\" : 1 , \"b\":[1,{\"b\":2}] }",
                                         "{\"a\":\"x,\",\"b\":2,\"c\":{\"a\":1},\"d\":null}",
                                         "{\"a\":1,\"a\":2,\"b\":3}" };
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    struct sl_json doc, again;
    sl_json_init(&doc, NULL);
    sl_json_init(&again, NULL);
    struct sl_buf out = SL_BUF_INIT(4096);
    for (size_t t = 0; t < SL_ARRAY_LEN(texts); t++) {
        struct sl_str text = sl_str_c(texts[t]);
        assert_int_equal(sl_json_parse(&doc, text), 0);
        struct sl_json_val root = sl_json_root(&doc);
        for (unsigned mask = 0; mask < 16; mask++) {
            for (unsigned mode = 0; mode < 16; mode++) {
                struct sl_json_edits edits;
                sl_json_edits_init(&edits, &arena);
                bool set_new = mode & 1, set_b = mode & 2, first = mode & 4;
                unsigned turn = mode >> 3;
                if (first && set_new) {
                    sl_json_edit_set(&edits, root, "new", SL_STR("[7]"));
                }
                if (first && set_b) {
                    sl_json_edit_set(&edits, root, "b", SL_STR("99"));
                }
                for (unsigned i = 0; i < 4; i++) {
                    unsigned k = turn ? 3 - i : i;
                    if (mask >> k & 1) {
                        sl_json_edit_remove(&edits, root, keys[k]);
                    }
                }
                if (!first && set_new) {
                    sl_json_edit_set(&edits, root, "new", SL_STR("[7]"));
                }
                bool has_b = sl_json_is_present(sl_json_get(root, "b"));
                if (!first && set_b && !(mask & 2)) {
                    sl_json_edit_set(&edits, root, "b", SL_STR("99"));
                }
                if (first && set_b && !has_b && (mask & 2)) {
                    continue; /* removing a member that was only inserted is not promised */
                }
                result(&edits, text, &out);
                int r = sl_json_parse(&again, sl_buf_str(&out));
                if (r < 0) {
                    fail_msg("%s mask %u mode %u gives %.*s", texts[t], mask, mode, (int)out.len, out.p);
                }
                for (unsigned k = 0; k < 4; k++) {
                    bool gone = mask >> k & 1;
                    struct sl_json_val v = sl_json_get(sl_json_root(&again), keys[k]);
                    struct sl_json_val was = sl_json_get(root, keys[k]);
                    bool is_set = k == 1 && set_b && !gone;
                    bool want = is_set || (was.doc && !gone);
                    if (sl_json_is_present(v) != want) {
                        fail_msg("%s mask %u mode %u: %s in %.*s", texts[t], mask, mode, keys[k], (int)out.len, out.p);
                    }
                    if (want) {
                        assert_true(sl_str_eq(sl_json_raw(v), is_set ? SL_STR("99") : sl_json_raw(was)));
                    }
                }
                assert_int_equal(sl_json_is_present(sl_json_get(sl_json_root(&again), "new")), set_new);
            }
        }
    }
    sl_buf_done(&out);
    sl_json_done(&doc);
    sl_json_done(&again);
    sl_arena_done(&arena);
}

static void other_bytes_stay(void **state)
{
    (void)state;
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    struct sl_buf out = SL_BUF_INIT(4096);
    struct sl_str text = SL_STR(
        " { \"x\" : 1.50e+1 ,\n\"model\":\"a\", \"model\" : \"b\" , \"y\":{\"model\":\"c\"} } ");
    assert_int_equal(sl_json_parse(&doc, text), 0);
    struct sl_json_edits edits;
    sl_json_edits_init(&edits, &arena);
    sl_json_edit_set(&edits, sl_json_root(&doc), "model", SL_STR("\"gpt\""));
    sl_json_edit_set(&edits, sl_json_root(&doc), "one", SL_STR("1"));
    sl_json_edit_set(&edits, sl_json_root(&doc), "two", SL_STR("2"));
    sl_json_edit_set(&edits, sl_json_root(&doc), "one", SL_STR("3"));
    result(&edits, text, &out);
    assert_true(sl_str_eq(sl_buf_str(&out),
                          SL_STR(" {\"one\":3,\"two\":2, \"x\" : 1.50e+1 ,\n\"model\":\"gpt\", \"model\" : \"gpt\" , "
                                 "\"y\":{\"model\":\"c\"} } ")));
    sl_buf_done(&out);
    sl_json_done(&doc);
    sl_arena_done(&arena);
}

/* A client decides how many edits and members there are (nulls that are left out): the cost must not grow with their
 * product or a square. */
static void many_edits_on_many_members(void **state)
{
    (void)state;
    enum { N = 100000 };
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    struct sl_buf text = SL_BUF_INIT(64 << 20), out = SL_BUF_INIT(64 << 20), want = SL_BUF_INIT(64 << 20);
    sl_buf_add_char(&text, '{');
    sl_buf_add_lit(&want, "{\"new\":3,");
    for (unsigned i = 0; i < N; i++) {
        sl_buf_add_lit(&text, "\"x\":null,\"o\":1,");
        sl_buf_add_lit(&want, "\"o\":1,");
    }
    sl_buf_add_lit(&text, "\"model\":0,\"l\":[");
    sl_buf_add_lit(&want, "\"l\":[");
    for (unsigned i = 0; i < N; i++) {
        sl_buf_add_c(&text, i ? ",1" : "1");
        sl_buf_add_c(&want, i ? ",22" : "22");
    }
    sl_buf_add_lit(&text, "]}");
    sl_buf_add_lit(&want, "]}");
    assert_int_equal(sl_json_parse(&doc, sl_buf_str(&text)), 0);
    struct sl_json_val root = sl_json_root(&doc);
    clock_t start = clock();
    struct sl_json_edits edits;
    sl_json_edits_init(&edits, &arena);
    sl_json_edit_remove(&edits, root, "x");
    struct sl_json_val list = sl_json_get(root, "l");
    for (struct sl_json_iter it = sl_json_each(list); sl_json_next(&it);) {
        sl_json_edit_replace(&edits, it.val, SL_STR("22"));
    }
    sl_json_edit_set(&edits, root, "new", SL_STR("3"));
    sl_json_edit_remove(&edits, root, "none");
    sl_json_edit_remove(&edits, root, "model");
    sl_json_edits_write(&edits, sl_buf_str(&text), &out);
    double sec = (double)(clock() - start) / CLOCKS_PER_SEC;
    assert_true(sl_str_eq(sl_buf_str(&out), sl_buf_str(&want)));
    if (sec > 4) {
        fail_msg("%d edits on %d members took %.1f s", 3 * N, 2 * N, sec);
    }
    sl_buf_done(&want);
    sl_buf_done(&out);
    sl_buf_done(&text);
    sl_json_done(&doc);
    sl_arena_done(&arena);
}

/* A text that is inserted before the others may be longer than any message. */
static void a_long_value_is_prepended_whole(void **state)
{
    (void)state;
    static const char *const lists[] = { "[]", "[1]" };
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    struct sl_json doc, again;
    sl_json_init(&doc, NULL);
    sl_json_init(&again, NULL);
    enum { LONG = 10000 };
    char *value = sl_arena_bytes(&arena, LONG);
    assert_non_null(value);
    memset(value, 'a', LONG);
    value[0] = value[LONG - 1] = '"';
    for (size_t i = 0; i < SL_ARRAY_LEN(lists); i++) {
        struct sl_buf out = SL_BUF_INIT(3 * LONG);
        struct sl_json_edits edits;
        assert_int_equal(sl_json_parse(&doc, sl_str_c(lists[i])), 0);
        sl_json_edits_init(&edits, &arena);
        sl_json_edit_prepend(&edits, sl_json_root(&doc), sl_str_make(value, LONG));
        result(&edits, sl_str_c(lists[i]), &out);
        assert_int_equal(sl_json_parse(&again, sl_buf_str(&out)), 0);
        assert_int_equal(sl_json_count(sl_json_root(&again)), i + 1);
        assert_int_equal(sl_json_raw(sl_json_at(sl_json_root(&again), "[0]")).n, LONG);
        sl_buf_done(&out);
    }
    sl_json_done(&doc);
    sl_json_done(&again);
    sl_arena_done(&arena);
}

/* The bytes of the arena that it takes to remove a member from each of `n` objects. */
static size_t removals_cost(unsigned n)
{
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    struct sl_buf text = SL_BUF_INIT(1 << 20), want = SL_BUF_INIT(1 << 20), out = SL_BUF_INIT(1 << 20);
    for (unsigned i = 0; i < n; i++) {
        sl_buf_add_c(&text, i ? ",{\"a\":1,\"b\":2}" : "[{\"a\":1,\"b\":2}");
        sl_buf_add_c(&want, i ? ",{\"a\":1}" : "[{\"a\":1}");
    }
    sl_buf_add_char(&text, ']');
    sl_buf_add_char(&want, ']');
    assert_int_equal(sl_json_parse(&doc, sl_buf_str(&text)), 0);
    struct sl_json_edits edits;
    sl_json_edits_init(&edits, &arena);
    for (struct sl_json_iter it = sl_json_each(sl_json_root(&doc)); sl_json_next(&it);) {
        sl_json_edit_remove(&edits, it.val, "b");
    }
    size_t bytes = arena.total;
    sl_json_edits_write(&edits, sl_buf_str(&text), &out);
    assert_true(sl_str_eq(sl_buf_str(&out), sl_buf_str(&want)));
    sl_buf_done(&out);
    sl_buf_done(&want);
    sl_buf_done(&text);
    sl_json_done(&doc);
    sl_arena_done(&arena);
    return bytes;
}

/* A client decides how many objects lose a member: four times as many take four times the memory, not sixteen. */
static void removals_from_many_objects(void **state)
{
    (void)state;
    size_t few = removals_cost(2000), many = removals_cost(8000);
    if (many > 6 * few) {
        fail_msg("%zu bytes, for four times as many objects %zu", few, many);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_combinations_on_small_objects), cmocka_unit_test(other_bytes_stay),
        cmocka_unit_test(many_edits_on_many_members),        cmocka_unit_test(a_long_value_is_prepended_whole),
        cmocka_unit_test(removals_from_many_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
