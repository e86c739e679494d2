/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's log in its formats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <fcntl.h>
#include <pty.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/str.h"

/* One message on a pipe or a terminal as standard error. Returns what is there. */
static const char *logged(bool on_terminal, enum sl_log_format format, enum sl_log_level level, const char *text)
{
    static char out[8192];
    int ends[2], saved = dup(STDERR_FILENO);
    if (on_terminal) {
        assert_int_equal(openpty(&ends[0], &ends[1], NULL, NULL, NULL), 0);
    } else {
        assert_int_equal(pipe(ends), 0);
    }
    dup2(ends[1], STDERR_FILENO);
    sl_log_set_format(format);
    sl_log(level, "serve", "%s", text);
    dup2(saved, STDERR_FILENO);
    size_t n = 0;
    do { /* a terminal may give it in pieces */
        ssize_t r = read(ends[0], out + n, sizeof(out) - 1 - n);
        assert_true(r > 0);
        n += (size_t)r;
        out[n] = '\0';
    } while (!strchr(out, '\n'));
    close(saved);
    close(ends[0]);
    close(ends[1]);
    char *end = strpbrk(out, "\r\n");
    assert_non_null(end);
    *end = '\0';
    return out;
}

/* 0 to 9 stand for themselves, # for any digit. */
static bool is_like(const char *text, const char *want)
{
    for (; *text && *want; text++, want++) {
        if (*want == '#' ? *text < '0' || *text > '9' : *text != *want) {
            return false;
        }
    }
    return *text == *want;
}

static void a_message_has_its_format(void **state)
{
    (void)state;
    static const struct {
        bool on_terminal;
        enum sl_log_format format;
        enum sl_log_level level;
        const char *text, *want, *no_color;
    } cases[] = {
        { false, SL_LOG_AUTO, SL_LOG_INFO, "up", "####-##-##T##:##:##.###Z info serve: up", "" },
        { false, SL_LOG_TEXT, SL_LOG_WARNING, "up", "####-##-##T##:##:##.###Z warning serve: up", "" },
        { false, SL_LOG_JSON, SL_LOG_ERROR, "a \"b\\",
          "{\"time\":\"####-##-##T##:##:##.###Z\",\"level\":\"error\",\"area\":\"serve\",\"message\":\"a \\\"b\\\\\"}",
          "" },
        { true, SL_LOG_JSON, SL_LOG_INFO, "up",
          "{\"time\":\"####-##-##T##:##:##.###Z\",\"level\":\"info\",\"area\":\"serve\",\"message\":\"up\"}", "" },
        { true, SL_LOG_AUTO, SL_LOG_INFO, "up", "\x1b[2m##:##:##\x1b[0m serve: up", "" },
        { true, SL_LOG_AUTO, SL_LOG_WARNING, "up", "\x1b[2m##:##:##\x1b[0m \x1b[33mwarning\x1b[0m serve: up", "" },
        { true, SL_LOG_TEXT, SL_LOG_ERROR, "a\x1b[1m", "\x1b[2m##:##:##\x1b[0m \x1b[31merror\x1b[0m serve: a?[1m", "" },
        { true, SL_LOG_AUTO, SL_LOG_WARNING, "up", "##:##:## warning serve: up", "1" },
        { true, SL_LOG_AUTO, SL_LOG_INFO, "up", "##:##:## serve: up", "1" },
    };
    setenv("TERM", "xterm", 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        setenv("NO_COLOR", cases[i].no_color, 1);
        const char *got = logged(cases[i].on_terminal, cases[i].format, cases[i].level, cases[i].text);
        if (!is_like(got, cases[i].want)) {
            fail_msg("case %zu: %s", i, got);
        }
    }
    setenv("NO_COLOR", "", 1);
    setenv("TERM", "dumb", 1);
    assert_true(is_like(logged(true, SL_LOG_AUTO, SL_LOG_INFO, "up"), "##:##:## serve: up"));
}

/* A message that is too long ends as an object, too, with no half of an escape. */
static void a_long_message_is_cut(void **state)
{
    (void)state;
    static char text[6000];
    for (size_t before = 0; before < 2; before++) {
        memset(text, '"', sizeof(text) - 1);
        text[0] = before ? 'x' : '"';
        const char *got = logged(false, SL_LOG_JSON, SL_LOG_INFO, text);
        size_t n = strlen(got);
        assert_true(n > 1900 && n < 2048);
        assert_string_equal(got + n - 4, "\\\"\"}");
    }
    for (size_t shift = 0; shift < 3; shift++) { /* escapes make the text longer, so that another place is cut */
        memset(text, '"', 500);
        for (size_t i = 500; i + 1 < sizeof(text); i++) {
            text[i] = "\xe2\x82\xac"[(i + shift) % 3];
        }
        memset(text + 500, 'x', 3);
        const char *got = logged(false, SL_LOG_JSON, SL_LOG_INFO, text);
        assert_true(strlen(got) > 1900 && sl_str_is_utf8(sl_str_c(got)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_has_its_format),
        cmocka_unit_test(a_long_message_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
