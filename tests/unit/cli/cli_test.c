/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_test.h"

static FILE *out, *real_out, *real_err;
static char *caught;
static size_t caught_len;

void cli_test_catch(void)
{
    free(caught);
    caught = NULL;
    out = open_memstream(&caught, &caught_len);
    assert_non_null(out);
    real_out = stdout;
    real_err = stderr;
    stdout = stderr = out;
}

const char *cli_test_caught(void)
{
    stdout = real_out;
    stderr = real_err;
    fclose(out);
    return caught;
}

void cli_test_parse(const char *line, struct cli_meaning *meaning)
{
    static char text[1024], *argv[64];
    int argc = 0;
    snprintf(text, sizeof(text), "sluice %s", line);
    for (char *p = text; *p;) {
        p += strspn(p, " ");
        bool is_quoted = *p == '\'';
        char *end = p + is_quoted + strcspn(p + is_quoted, is_quoted ? "'" : " ");
        argv[argc++] = p + is_quoted;
        p = *end ? end + 1 : end;
        *end = '\0';
    }
    argv[argc] = NULL;
    cli_test_catch();
    cli_parse(argc, argv, meaning);
}
