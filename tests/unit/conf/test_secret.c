/* SPDX-License-Identifier: Apache-2.0 */
/* Where a secret comes from, and which files are noted so that they can be watched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/secret.h"
#include "conf/secret.h"
#include "conf/tree.h"

static char folder[] = "/tmp/sluice-secret-XXXXXX";

static void file_put(const char *name, const char *bytes, size_t n)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    fclose(file);
}

static const struct {
    const char *yaml; /* %s: the folder */
    const char *want; /* or NULL: */
    const char *error;
} cases[] = {
    { "literal-key", "literal-key", NULL },
    { "$SLUICE_TEST_SECRET", "from-env", NULL },
    { "{ env: SLUICE_TEST_SECRET }", "from-env", NULL },
    { "$SLUICE_TEST_UNSET", NULL, "Environment variable 'SLUICE_TEST_UNSET' is not set" },
    { "$SLUICE_TEST_EMPTY", NULL, "Environment variable 'SLUICE_TEST_EMPTY' is not set: it is empty" },
    { "$", NULL, "\"$\" must be followed by the name" },
    { "%s/newline", "key", NULL },
    { "{ file: '%s/crlf' }", "key", NULL },
    { "{ file: '%s/two' }", "key\n", NULL }, /* the editor adds one newline, the other one belongs to the secret */
    { "{ file: newline }", "key", NULL },    /* relative to the file that names it */
    { "{ file: '%s/empty' }", NULL, "is empty" },
    { "{ file: '%s/only' }", NULL, "is empty" },
    { "{ file: '%s/large' }", NULL, "is larger than 65536 bytes" },
    { "{ file: '%s/pipe' }", NULL, "it is no regular file" },
    { "{ file: '%s/none' }", NULL, "cannot read the key file" },
    { "{ file: '%s' }", NULL, "it is no regular file" },
    { "%s/none", NULL, "does not exist" },
    { "{ fil: x }", NULL, "a secret's map must be" },
    { "[x]", NULL, "The api key provided is not a string." },
    { "5", NULL, "The api key provided is not a string." },
};

static void each_form_gives_its_secret(void **state)
{
    (void)state;
    setenv("SLUICE_TEST_SECRET", "from-env", 1);
    setenv("SLUICE_TEST_EMPTY", "", 1);
    unsetenv("SLUICE_TEST_UNSET");
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_arena arena;
        struct sl_problems problems;
        struct sl_val *val;
        sl_arena_init(&arena, NULL);
        sl_problems_init(&problems, &arena);
        const char *hole = strstr(cases[i].yaml, "%s");
        struct sl_str yaml = hole ? sl_arena_printf(&arena, "%.*s%s%s", (int)(hole - cases[i].yaml), cases[i].yaml,
                                                    folder, hole + 2)
                                  : sl_str_c(cases[i].yaml);
        struct sl_str name = sl_arena_printf(&arena, "%s/c.yaml", folder);
        assert_int_equal(sl_conf_parse(name.p, yaml, &arena, &problems, &val), 0);
        struct sl_conf_files files = { .arena = &arena };
        struct sl_secret secret = { 0 };
        struct sl_err err = { 0 };
        int r = sl_conf_resolve_secret(&files, val, &secret, &err);
        if (cases[i].want) {
            assert_int_equal(r, 0);
            assert_true(sl_str_eq_c(sl_secret_reveal(&secret), cases[i].want));
        } else {
            assert_true(r < 0);
            assert_non_null(strstr(err.text, cases[i].error));
        }
        /* Every file that was meant is noted, whether it exists or not. */
        bool is_file = hole || strstr(cases[i].yaml, "file:");
        assert_int_equal(files.n, is_file);
        sl_secret_done(&secret);
        sl_arena_done(&arena);
    }
}

static void a_long_literal_is_no_file_name(void **state)
{
    (void)state;
    static char text[8192];
    memset(text, 'a', sizeof(text) - 1);
    struct sl_val val = { .kind = SL_VAL_STRING, .text = sl_str_c(text) };
    struct sl_secret secret = { 0 };
    struct sl_err err = { 0 };
    assert_int_equal(sl_conf_resolve_secret(NULL, &val, &secret, &err), 0);
    assert_int_equal(sl_secret_reveal(&secret).n, sizeof(text) - 1);
    sl_secret_done(&secret);
}

static void a_print_tells_content_from_content(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof(path), "%s/newline", folder);
    assert_true(sl_conf_print_file(path) == sl_conf_print(SL_STR("key\n")));
    assert_true(sl_conf_print_file(path) != sl_conf_print(SL_STR("kez\n")));
    assert_true(sl_conf_print(SL_STR("")) != SL_CONF_PRINT_NONE);
    snprintf(path, sizeof(path), "%s/none", folder);
    assert_true(sl_conf_print_file(path) == SL_CONF_PRINT_NONE);
    snprintf(path, sizeof(path), "%s/pipe", folder);
    assert_true(sl_conf_print_file(path) == SL_CONF_PRINT_NONE);
}

static int setup(void **state)
{
    (void)state;
    static char large[65537];
    char path[128];
    assert_non_null(mkdtemp(folder));
    file_put("newline", "key\n", 4);
    file_put("crlf", "key\r\n", 5);
    file_put("two", "key\n\n", 5);
    file_put("empty", "", 0);
    file_put("only", "\n", 1);
    memset(large, 'x', sizeof(large));
    file_put("large", large, sizeof(large));
    snprintf(path, sizeof(path), "%s/pipe", folder);
    return mkfifo(path, 0600);
}

static int teardown(void **state)
{
    (void)state;
    static const char *const names[] = { "newline", "crlf", "two", "empty", "only", "large", "pipe" };
    char path[128];
    for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_gives_its_secret),
        cmocka_unit_test(a_long_literal_is_no_file_name),
        cmocka_unit_test(a_print_tells_content_from_content),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
