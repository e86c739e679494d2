/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "json/json.h"

static const char *vectors;

/* A copy of exactly the file's length, so that a sanitizer sees a read past the end. */
static char *file_read(const char *dir, const char *name, size_t *ret_n)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    size_t n = (size_t)ftell(f);
    rewind(f);
    char *p = malloc(n ? n : 1);
    assert_int_equal(fread(p, 1, n, f), n);
    fclose(f);
    *ret_n = n;
    return p;
}

static void every_vector_is_judged_right(void **state)
{
    (void)state;
    DIR *dir = opendir(vectors);
    assert_non_null(dir);
    unsigned n_yes = 0, n_no = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        size_t n;
        if (!strstr(e->d_name, ".json")) {
            continue;
        }
        char *text = file_read(vectors, e->d_name, &n);
        struct sl_json doc;
        sl_json_init(&doc, NULL);
        int r = sl_json_parse(&doc, sl_str_make(text, n));
        if ((e->d_name[0] == 'y') != (r == 0) && e->d_name[0] != 'i') {
            fail_msg("%s gives %d", e->d_name, r);
        }
        if (r < 0) {
            assert_true(doc.fault != SL_JSON_FAULT_NONE);
            assert_true(doc.fault_offset <= n);
        }
        n_yes += e->d_name[0] == 'y';
        n_no += e->d_name[0] == 'n';
        sl_json_done(&doc);
        free(text);
    }
    closedir(dir);
    assert_true(n_yes > 50 && n_no > 100);
}

static void faults_name_their_offset(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum sl_json_fault fault;
        size_t offset;
    } cases[] = {
        { "", SL_JSON_FAULT_EMPTY, 0 },
        { "  ", SL_JSON_FAULT_EMPTY, 2 },
        { "{\"a\" 1}", SL_JSON_FAULT_COLON, 5 },
        { "{a:1}", SL_JSON_FAULT_KEY, 1 },
        { "{\"a\":1,}", SL_JSON_FAULT_KEY, 7 },
        { "[1 2]", SL_JSON_FAULT_COMMA, 3 },
        { "[1,]", SL_JSON_FAULT_VALUE, 3 },
        { "[01]", SL_JSON_FAULT_NUMBER, 2 },
        { "[1.]", SL_JSON_FAULT_NUMBER, 3 },
        { "[trux]", SL_JSON_FAULT_LITERAL, 4 },
        { "\"abc", SL_JSON_FAULT_STRING_END, 4 },
        { "\"a\x01\"", SL_JSON_FAULT_CONTROL, 2 },
        { "\"a\\x\"", SL_JSON_FAULT_ESCAPE, 2 },
        { "\"\\u12g4\"", SL_JSON_FAULT_ESCAPE, 1 },
        { "\"0123456789012345678\xff tail\"", SL_JSON_FAULT_UTF8, 20 },
        { "\"\xed\xa0\x80\"", SL_JSON_FAULT_UTF8, 1 },
        { "[1", SL_JSON_FAULT_END, 2 },
        { "{\"a\":", SL_JSON_FAULT_END, 5 },
        { "1 1", SL_JSON_FAULT_EXTRA, 2 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_json doc;
        sl_json_init(&doc, NULL);
        assert_true(sl_json_parse(&doc, sl_str_c(cases[i].text)) < 0);
        if (doc.fault != cases[i].fault || doc.fault_offset != cases[i].offset) {
            fail_msg("%s: %s at %zu", cases[i].text, sl_json_fault_text(doc.fault), doc.fault_offset);
        }
        sl_json_done(&doc);
    }
}

static void nesting_and_tokens_have_caps(void **state)
{
    (void)state;
    char deep[2 * SL_JSON_DEPTH_MAX + 2];
    memset(deep, '[', SL_JSON_DEPTH_MAX + 1);
    memset(deep + SL_JSON_DEPTH_MAX, ']', SL_JSON_DEPTH_MAX);
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    assert_int_equal(sl_json_parse(&doc, sl_str_make(deep, 2 * SL_JSON_DEPTH_MAX)), 0);
    memset(deep, '[', SL_JSON_DEPTH_MAX + 1);
    assert_int_equal(sl_json_parse(&doc, sl_str_make(deep, SL_JSON_DEPTH_MAX + 1)), SL_E_LIMIT);
    assert_int_equal(doc.fault, SL_JSON_FAULT_DEPTH);
    assert_int_equal(doc.fault_offset, SL_JSON_DEPTH_MAX);
    sl_json_done(&doc);

    struct sl_json_limits limits = { 10, 4, 0 };
    sl_json_init(&doc, &limits);
    assert_int_equal(sl_json_parse(&doc, SL_STR("[1,2,3]")), 0);
    assert_int_equal(sl_json_parse(&doc, SL_STR("[1,2,3,4]")), SL_E_LIMIT);
    assert_int_equal(doc.fault, SL_JSON_FAULT_TOKENS);
    assert_int_equal(doc.fault_offset, 7);
    sl_json_done(&doc);

    struct sl_json_limits shallow = { 512, 4, 1 };
    sl_json_init(&doc, &shallow);
    struct sl_str text = SL_STR("{\"a\":[1,[2],{\"b\":3}]}");
    assert_int_equal(sl_json_parse(&doc, text), 0);
    assert_int_equal(doc.n_toks, 3);
    assert_true(doc.toks[2].folded);
    assert_true(sl_str_eq(sl_json_raw(sl_json_get(sl_json_root(&doc), "a")), SL_STR("[1,[2],{\"b\":3}]")));
    assert_true(sl_json_parse(&doc, SL_STR("{\"a\":[1,[2],{\"b\":}]}")) < 0); /* validated as well */
    sl_json_done(&doc);
}

/* The same values, as far as `few` has recorded them; the rest is folded at that depth. */
static void same_check(struct sl_json_val all, struct sl_json_val few, uint32_t depth, uint32_t fold_depth)
{
    assert_true(sl_str_eq(sl_json_raw(all), sl_json_raw(few)));
    assert_int_equal(sl_json_tok(all)->kind, sl_json_tok(few)->kind);
    if (sl_json_tok(few)->folded) {
        assert_int_equal(depth, fold_depth);
        assert_int_equal(sl_json_count(few), 0);
        return;
    }
    struct sl_json_iter a = sl_json_each(all), b = sl_json_each(few);
    while (sl_json_next(&a)) {
        assert_true(sl_json_next(&b));
        assert_true(sl_str_eq(sl_json_raw(a.key), sl_json_raw(b.key)));
        same_check(a.val, b.val, depth + 1, fold_depth);
    }
    assert_false(sl_json_next(&b));
}

static void a_short_tape_folds_what_is_too_much(void **state)
{
    (void)state;
    static const char *const texts[] = {
        ("{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"x\"}]},"
         "{\"role\":\"assistant\",\"content\":\"y\"}],\"stop\":[\"a\",[\"b\",[\"c\"]]],\"n\":1}"),
        "[[[[1],[2]],[3]],{\"a\":{\"b\":{\"c\":[]}}},[],{},\"end\",[[[[]]]]]",
        "[1,2,3,4,5,6,7,8]",
        "7",
    };
    struct sl_json all, few;
    sl_json_init(&all, NULL);
    for (size_t i = 0; i < SL_ARRAY_LEN(texts); i++) {
        struct sl_str text = sl_str_c(texts[i]);
        assert_int_equal(sl_json_parse(&all, text), 0);
        for (uint32_t room = 1; room <= all.n_toks + 1; room++) {
            for (uint32_t fold_depth = 1; fold_depth < 5; fold_depth++) {
                sl_json_init(&few, NULL);
                for (int again = 0; again < 2; again++) { /* with the tape of the first time */
                    assert_int_equal(sl_json_parse_short(&few, text, fold_depth, room), 0);
                    same_check(sl_json_root(&all), sl_json_root(&few), 0, fold_depth);
                    assert_true(room < all.n_toks || few.n_toks == all.n_toks);
                }
                assert_int_equal(sl_json_parse(&few, text), 0); /* the tape is long enough now */
                assert_int_equal(few.n_toks, all.n_toks);
                sl_json_done(&few);
            }
        }
    }
    /* As many members as fit stay: only deeper values are left out. */
    sl_json_init(&few, NULL);
    assert_int_equal(sl_json_parse_short(&few, sl_str_c(texts[0]), 1, 10), 0);
    struct sl_json_val root = sl_json_root(&few);
    assert_true(sl_json_tok(sl_json_get(root, "messages"))->folded);
    assert_true(sl_json_tok(sl_json_get(root, "stop"))->folded);
    assert_int_equal(few.n_toks, 9);
    assert_true(sl_json_parse_short(&few, SL_STR("{\"a\":[1,[2],{\"b\":}]}"), 1, 2) < 0); /* validated all the same */
    assert_int_equal(few.fault, SL_JSON_FAULT_VALUE);
    struct sl_json_limits limits = { 512, 4, 0 };
    sl_json_done(&few);
    sl_json_init(&few, &limits);
    assert_int_equal(sl_json_parse_short(&few, SL_STR("[[1,2,3,4,5],6,7]"), 1, 3), 0);
    assert_int_equal(sl_json_parse_short(&few, SL_STR("[[1,2,3,4,5],6,7,8]"), 1, 3), SL_E_LIMIT); /* the limit is one */
    assert_int_equal(few.fault, SL_JSON_FAULT_TOKENS);
    sl_json_done(&few);
    sl_json_done(&all);
}

/* Strings are scanned 16 and 64 bytes at a time: special bytes stop the scan at any place, and no other byte does. */
static void every_byte_of_a_string_is_seen(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        enum sl_json_fault fault; /* where they stand */
    } rows[] = {
        { "\\n", SL_JSON_FAULT_NONE },
        { "\xc3\xa9", SL_JSON_FAULT_NONE },
        { "\xf0\x9f\x98\x80", SL_JSON_FAULT_NONE },
        { "!", SL_JSON_FAULT_NONE },
        { " ", SL_JSON_FAULT_NONE },
        { "#", SL_JSON_FAULT_NONE },
        { "\x7f", SL_JSON_FAULT_NONE },
        { "[]", SL_JSON_FAULT_NONE },
        { "\x1f", SL_JSON_FAULT_CONTROL },
        { "\x01", SL_JSON_FAULT_CONTROL },
        { "\n", SL_JSON_FAULT_CONTROL },
        { "\xff", SL_JSON_FAULT_UTF8 },
        { "\x80", SL_JSON_FAULT_UTF8 },
        { "\\q", SL_JSON_FAULT_ESCAPE },
    };
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    for (size_t len = 0; len < 150; len++) {
        for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
            size_t n = strlen(rows[i].bytes);
            for (size_t at = 0; at <= len; at++) {
                char text[200] = "\"";
                memset(text + 1, 'x', len);
                memcpy(text + 1 + at, rows[i].bytes, n);
                size_t end = SL_MAX(1 + len, 1 + at + n);
                text[end] = '"';
                int r = sl_json_parse(&doc, sl_str_make(text, end + 1));
                assert_int_equal(r, rows[i].fault ? SL_E_INVAL : 0);
                assert_int_equal(doc.fault, rows[i].fault);
                assert_int_equal(doc.fault_offset, rows[i].fault ? 1 + at : 0);
                assert_int_equal(r == 0 ? doc.toks[0].len : end - 1, end - 1);
            }
        }
    }
    sl_json_done(&doc);
}

static void getters_find_and_name(void **state)
{
    (void)state;
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    struct sl_str text = SL_STR(
        "{\"m\":[{\"role\":\"a\"},{\"role\":5,\"x "
        "y\":{\"z\":1e400}}],\"\\u006d2\":\"a\\n\\ud83d\\ude00\\ud800\",\"n\":2.0,\"m\":[{},{},{\"role\":7}]}");
    assert_int_equal(sl_json_parse(&doc, text), 0);
    struct sl_json_val root = sl_json_root(&doc);
    assert_int_equal(sl_json_count(root), 4);
    assert_int_equal(sl_json_count(sl_json_get(root, "m")), 3); /* the last one wins */
    struct sl_str decoded;
    assert_int_equal(sl_json_text(sl_json_get(root, "m2"), &arena, &decoded), 0);
    assert_true(sl_str_eq(decoded, SL_STR("a\n\xf0\x9f\x98\x80\xef\xbf\xbd")));
    assert_true(sl_json_str_eq(sl_json_get(root, "m2"), decoded));
    int64_t n;
    assert_int_equal(sl_json_int(sl_json_get(root, "n"), false, &n), SL_E_INVAL);
    assert_int_equal(sl_json_int(sl_json_get(root, "n"), true, &n), 0);
    assert_int_equal(n, 2);
    static const struct sl_str names[] = { SL_STR_INIT("m2"), SL_STR_INIT("n"), SL_STR_INIT("zz"), SL_STR_INIT("m") };
    struct sl_json_val picked[SL_ARRAY_LEN(names)];
    sl_json_pick(root, names, SL_ARRAY_LEN(names), picked);
    for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
        assert_int_equal(picked[i].i, sl_json_get_str(root, names[i]).i);
        assert_int_equal(sl_json_is_present(picked[i]), i != 2);
    }
    assert_false(sl_json_is_present(sl_json_at(root, "m[3].role")));
    assert_false(sl_json_is_present(sl_json_at(root, "nothing.at.all")));
    sl_json_done(&doc);
    sl_arena_done(&arena);
}

/* Every name can be reached, however it is written, and a text that is not a path reaches nothing. */
static void names_in_quotes(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\":{\"b.c\":[1,2],\"d[0]\":3,\"\":4,\"q\\\"q\":5,\"\\u00e9\":6,\"b\\\\s\":7,\"]\":8,"
        "\"x\\ny\":9,\"\\ud83d\\ude00\":10,\"two\":1,\"t\\u0077o\":11},\"l\":[[{\"\\u002e\":12}]]}";
    static const struct {
        const char *path;
        int64_t want; /* -1: absent */
    } cases[] = {
        { "a[\"b.c\"][0]", 1 },
        { "a[\"b.c\"][1]", 2 },
        { "[\"a\"][\"d[0]\"]", 3 },
        { "a[\"\"]", 4 },
        { "a[\"q\\\"q\"]", 5 },
        { "a[\"q\\u0022q\"]", 5 },
        { "a[\"\xc3\xa9\"]", 6 },
        { "a[\"\\u00E9\"]", 6 },
        { "a.\xc3\xa9", 6 },
        { "a[\"b\\\\s\"]", 7 },
        { "a[\"]\"]", 8 },
        { "a[\"x\ny\"]", 9 },
        { "a[\"x\\ny\"]", 9 },
        { "a[\"\xf0\x9f\x98\x80\"]", 10 },
        { "a[\"two\"]", 11 },
        { "a.two", 11 },
        { "l[0][0][\".\"]", 12 },
        { "a[\"b\"]", -1 },
        { "a[\"b.c\"", -1 },
        { "a[\"b.c]", -1 },
        { "a[\"b.c\\", -1 },
        { "a[\"\\q\"]", -1 },
        { "a[\"\\u00e\"]", -1 },
        { "a[\"b.c\" ]", -1 },
        { "l[\"0\"]", -1 },
        { "a[b.c]", -1 },
        { "l[-1]", -1 },
        { "l[]", -1 },
        { "l[0", -1 },
    };
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    assert_int_equal(sl_json_parse(&doc, sl_str_c(text)), 0);
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_json_val v = sl_json_at(sl_json_root(&doc), cases[i].path);
        int64_t n = -1;
        if (sl_json_is_present(v)) {
            assert_int_equal(sl_json_int(v, false, &n), 0);
        }
        if (n != cases[i].want) {
            fail_msg("%s: %lld, not %lld", cases[i].path, (long long)n, (long long)cases[i].want);
        }
    }
    /* What sl_json_path writes is read again. */
    char path[64];
    struct sl_json_val found = sl_json_at(sl_json_root(&doc), "a[\"q\\\"q\"]");
    sl_json_path(found, path, sizeof(path));
    assert_int_equal(sl_json_at(sl_json_root(&doc), path).i, found.i);
    sl_json_done(&doc);
}

/* Each byte is read once: if each escape made the text before it be checked again, this would take minutes. */
static void long_strings_are_read_once(void **state)
{
    (void)state;
    static const char unit[] = "\xc3\xa9\\n\xe2\x82\xac\\\"";
    size_t n = (sizeof(unit) - 1) * 400000;
    char *text = malloc(n + 2);
    assert_non_null(text);
    text[0] = text[n + 1] = '"';
    for (size_t i = 0; i < n; i += sizeof(unit) - 1) {
        memcpy(text + 1 + i, unit, sizeof(unit) - 1);
    }
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    assert_int_equal(sl_json_parse(&doc, sl_str_make(text, n + 2)), 0);
    assert_int_equal(doc.toks[0].len, n);
    assert_true(doc.toks[0].escaped);
    text[n - 2] = '\xff'; /* inside the last unit's euro sign */
    assert_int_equal(sl_json_parse(&doc, sl_str_make(text, n + 2)), SL_E_INVAL);
    assert_int_equal(doc.fault, SL_JSON_FAULT_UTF8);
    sl_json_done(&doc);
    free(text);
}

int main(int argc, char **argv)
{
    vectors = argc > 1 ? argv[1] : "tests/vectors/json";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vector_is_judged_right),
        cmocka_unit_test(faults_name_their_offset),
        cmocka_unit_test(nesting_and_tokens_have_caps),
        cmocka_unit_test(a_short_tape_folds_what_is_too_much),
        cmocka_unit_test(every_byte_of_a_string_is_seen),
        cmocka_unit_test(getters_find_and_name),
        cmocka_unit_test(names_in_quotes),
        cmocka_unit_test(long_strings_are_read_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
