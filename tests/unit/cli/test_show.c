/* SPDX-License-Identifier: Apache-2.0 */
/* Text for a terminal. */
#include <locale.h>

#include "cli/cli.h"
#include "cli_test.h"

static char *shown(enum cli_show how, const char *text, size_t len, size_t piece)
{
    char *out = NULL;
    size_t out_len;
    struct cli_cut cut = { .n = 0 };
    FILE *file = open_memstream(&out, &out_len);
    for (size_t i = 0; i < len; i += piece) {
        cli_show(file, how, text + i, i + piece < len ? piece : len - i, piece < len ? &cut : NULL);
    }
    fclose(file);
    return out;
}

static void nothing_steers_a_terminal(void **state)
{
    (void)state;
    static const struct {
        const char *text, *as_text, *as_line, *as_json, *as_data;
    } cases[] = {
        { "plain", "plain", "plain", "plain", "plain" },
        { "a\nb\tc", "a\nb\tc", "a b c", "a\nb\tc", "a\nb\tc" },
        { "a\rb", "a?b", "a?b", "a\nb", "a\rb" },
        { "\x1b[31m", "?[31m", "?[31m", "?[31m", "\x1b[31m" },
        { "a\x08\x07"
          "b",
          "a??b", "a??b", "a??b",
          "a\x08\x07"
          "b" },
        { "\x7f", "?", "?", "\\u007f", "\\u007f" },
        { "\xc2\x9b"
          "31m",
          "?31m", "?31m", "\\u009b31m", "\\u009b31m" },
        { "\xc2\x80\xc2\x9f", "??", "??", "\\u0080\\u009f", "\\u0080\\u009f" },
        { "\xc2\xa0\xc3\xa4", "\xc2\xa0\xc3\xa4", "\xc2\xa0\xc3\xa4", "\xc2\xa0\xc3\xa4", "\xc2\xa0\xc3\xa4" },
        { "\xe2\x80\xaa\xe2\x80\xae", "??", "??", "\\u202a\\u202e", "\xe2\x80\xaa\xe2\x80\xae" },
        { "\xe2\x81\xa6\xe2\x81\xa9", "??", "??", "\\u2066\\u2069", "\xe2\x81\xa6\xe2\x81\xa9" },
        { "\xe2\x80\xa8", " ", " ", "\\u2028", "\xe2\x80\xa8" },
        { "\xe2\x82\xac\xf0\x9f\x98\x80", "\xe2\x82\xac\xf0\x9f\x98\x80", "\xe2\x82\xac\xf0\x9f\x98\x80",
          "\xe2\x82\xac\xf0\x9f\x98\x80", "\xe2\x82\xac\xf0\x9f\x98\x80" },
        { "\xff"
          "a",
          "?a", "?a", "?a",
          "\xff"
          "a" },
        { "\x9b"
          "a",
          "?a", "?a", "?a",
          "\x9b"
          "a" },
        { "\xc0\x9b", "??", "??", "??", "\xc0\x9b" },
        { "\xe0\x82\x9b", "???", "???", "???", "\xe0\x82\x9b" },
        { "\xed\xa0\x80", "???", "???", "???", "\xed\xa0\x80" },
        { "\xe2\x82", "??", "??", "??", "\xe2\x82" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *const want[] = { cases[i].as_text, cases[i].as_line, cases[i].as_json, cases[i].as_data };
        for (int how = 0; how < 4; how++) {
            char *got = shown((enum cli_show)how, cases[i].text, strlen(cases[i].text), 100);
            if (strcmp(got, want[how]) != 0) {
                fail_msg("case %zu, %d: %s", i, how, got);
            }
            free(got);
        }
    }
}

/* A stream may be cut anywhere: whole UTF-8 is shown the same, and nothing dangerous gets through. */
static void pieces_are_shown_as_the_whole(void **state)
{
    (void)state;
    static const char text[] = "\xc3\xa4\xe2\x80\xaeo\xf0\x9f\x98\x80\xc2\x9bx\x1b\xe2\x82\xac\n";
    char *whole = shown(CLI_SHOW_TEXT, text, sizeof(text) - 1, 100);
    for (size_t piece = 1; piece < sizeof(text) - 1; piece++) {
        char *got = shown(CLI_SHOW_TEXT, text, sizeof(text) - 1, piece);
        assert_string_equal(got, whole);
        free(got);
    }
    free(whole);
    static const char broken[] = "a\xe2\x9b"
                                 "b\xc2"
                                 "c\xf0\x9f"
                                 "d";
    for (size_t piece = 1; piece < sizeof(broken) - 1; piece++) {
        char *got = shown(CLI_SHOW_TEXT, broken, sizeof(broken) - 1, piece);
        for (const char *p = got; *p; p++) {
            assert_true(*p == '?' || (*p >= 'a' && *p <= 'd'));
        }
        assert_non_null(strchr(got, 'd'));
        free(got);
    }
}

/* Every message is one line, whatever is in its arguments. */
static void messages_are_one_line(void **state)
{
    (void)state;
    cli_test_catch();
    assert_int_equal(cli_fail(5, "no route '%s'", "a\nsluice: all is well\x1b[A"), 5);
    assert_int_equal(cli_usage("query", "not '%s'", "\xc2\x9b"), CLI_USAGE);
    cli_print(stdout, "+ %s", "b\r\xe2\x80\xae");
    assert_string_equal(cli_test_caught(), "sluice: no route 'a sluice: all is well?[A'\nsluice: not '?'\n"
                                           "try: sluice query --help\n+ b??\n");
}

static void durations(void **state)
{
    (void)state;
    static const struct {
        int64_t msec;
        const char *text;
    } cases[] = {
        { 0, "0 ms" },           { 999, "999 ms" },          { 1000, "1 s" },       { 1001, "2 s" },
        { 59000, "59 s" },       { 60000, "60 s" },          { 119000, "119 s" },   { 120000, "2 min" },
        { 185000, "3 min 5 s" }, { 3599000, "59 min 59 s" }, { 3600000, "1 h" },    { 7260000, "2 h 1 min" },
        { 86400000, "1 d" },     { 90000000, "1 d 1 h" },    { 864000000, "10 d" }, { INT64_MAX, "106751991167 d 7 h" },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[32];
        assert_string_equal(cli_duration(cases[i].msec, text), cases[i].text);
    }
}

static void widths(void **state)
{
    (void)state;
    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
    static const struct {
        const char *text;
        int width;
    } cases[] = {
        { "", 0 },
        { "abc", 3 },
        { "\xc3\xa4", 1 },
        { "\xe6\xbc\xa2\xe5\xad\x97", 4 },
        { "e\xcc\x81", 1 },
        { "\xf0\x9f\x98\x80", 2 },
        { "\xe2\x80\xa6", 1 },
        { "a b", 3 },
        { "\xed\x95\x9c", 2 },
        { "\xff\xfe", 2 },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (cli_width(cases[i].text) != cases[i].width) {
            fail_msg("case %zu: %d", i, cli_width(cases[i].text));
        }
    }
}

static void tables_without_a_terminal(void **state)
{
    (void)state;
    static const char *const heading[] = { "A", "B" };
    struct cli_table table = { .heading = heading, .n_columns = 2 };
    struct cli_args args = { 0 };
    cli_table_add(&table, "a\tb\nc");
    cli_table_add(&table, NULL);
    cli_table_add(&table, "\xe2\x80\xaex\x1b");
    cli_table_add(&table, "\xc3\xa4");
    cli_test_catch();
    assert_int_equal(cli_table_end(&args, &table), 0);
    const char *got = cli_test_caught();
    /* The test may also run on a terminal. */
    assert_true(strcmp(got, "a b c\t\n?x?\t\xc3\xa4\n") == 0 || strstr(got, "a b c  -"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_steers_a_terminal),
        cmocka_unit_test(pieces_are_shown_as_the_whole),
        cmocka_unit_test(messages_are_one_line),
        cmocka_unit_test(durations),
        cmocka_unit_test(widths),
        cmocka_unit_test(tables_without_a_terminal),
    };
    return cmocka_run_group_tests_name("show", tests, NULL, NULL);
}
