/* SPDX-License-Identifier: Apache-2.0 */
/* Texts in a line of the access log, and how often the operator's log reports an upstream. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/map.h"
#include "gate/watch/line.h"
#include "gate/watch/notice.h"

static struct sl_str written(struct sl_str in, char *room, size_t n)
{
    struct sl_line line = { room, room + n };
    sl_line_text(&line, SL_STR("k:"), in);
    return sl_str_make(room, (size_t)(line.at - room));
}

static void texts_are_utf_8_as_they_came(void **state)
{
    (void)state;
    static const struct {
        const char *in, *want;
    } cases[] = {
        { "plain", "k:\"plain\"" },
        { "Zoë", "k:\"Zoë\"" },
        { "команда-а", "k:\"команда-а\"" },
        { "команда-б", "k:\"команда-б\"" },
        { "模型", "k:\"模型\"" },
        { "😀", "k:\"😀\"" },
        { "a\"b\\c", "k:\"a?b?c\"" },
        { "a\nb\x01\x7f", "k:\"a?b??\"" },
        { "a\xff"
          "b",
          "k:\"a?b\"" },
        { "\xc3", "k:\"?\"" },
        { "\xc3(", "k:\"?(\"" },
        { "\xed\xa0\x80", "k:\"???\"" }, /* a surrogate */
        { "a\xc2\x9b"
          "31m",
          "k:\"a??31m\"" }, /* C1 controls a terminal */
        { "a\xe2\x80\xae"
          "b",
          "k:\"a???b\"" }, /* the direction of writing changes */
        { "\xc0\x80", "k:\"??\"" },
        { "", "k:\"\"" },
    };
    char room[512];
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_str got = written(sl_str_c(cases[i].in), room, sizeof(room));
        if (!sl_str_eq_c(got, cases[i].want)) {
            fail_msg("case %zu: %.*s", i, SL_STR_ARG(got));
        }
    }
    assert_true(sl_str_eq_c(written(SL_STR_NONE, room, sizeof(room)), "k:null"));
}

/* Plain bytes are copied many at a time: tries each byte at each place among them. */
static void each_byte_at_each_place(void **state)
{
    (void)state;
    char room[64];
    for (int c = 1; c < 256; c++) {
        for (size_t n = 1; n <= 19; n++) {
            for (size_t at = 0; at < n; at++) {
                char in[20], want[32] = "k:\"";
                memset(in, '~', n);
                in[at] = (char)c;
                memcpy(want + 3, in, n);
                bool is_plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
                want[3 + at] = is_plain ? (char)c : '?';
                want[3 + n] = '"';
                want[4 + n] = '\0';
                struct sl_str got = written(sl_str_make(in, n), room, sizeof(room));
                if (!sl_str_eq_c(got, want)) {
                    fail_msg("byte %d at %zu of %zu: %.*s", c, at, n, SL_STR_ARG(got));
                }
            }
        }
    }
}

static void a_text_is_cut_at_a_character(void **state)
{
    (void)state;
    char in[1024], room[1024];
    for (size_t shift = 0; shift < 4; shift++) {
        memset(in, 'x', shift);
        for (size_t i = shift; i + 4 <= sizeof(in); i += 4) {
            memcpy(in + i, "😀", 4);
        }
        struct sl_str got = written(sl_str_make(in, sizeof(in) - 4), room, sizeof(room));
        assert_true(sl_str_is_utf8(got));
        assert_in_range(got.n, 188, 192 + 4);
        /* A full line is cut between characters, too. */
        for (size_t n = 3; n < 40; n++) {
            got = written(sl_str_make(in, 64), room, n);
            assert_true(sl_str_is_utf8(got));
            assert_true(got.n <= n);
        }
    }
}

static size_t slot_of(const struct sl_notices *notices, const char *route, const char *kind)
{
    return (sl_hash(sl_str_c(route)) * 31 + sl_hash(sl_str_c(kind))) % SL_ARRAY_LEN(notices->slots);
}

static void a_failing_upstream_is_told_once_a_minute(void **state)
{
    (void)state;
    static struct sl_notices notices;
    /* Events that share a slot of the table are reported more often, so this takes texts with slots of their own.
     * Hashes are
     * others in every process. */
    char a[16] = "a", b[16] = "b", auth[32] = "provider_auth_failed", rate[32] = "provider_rate_limited";
    for (unsigned i = 0; slot_of(&notices, a, auth) == slot_of(&notices, a, rate) ||
                         slot_of(&notices, a, auth) == slot_of(&notices, b, auth) ||
                         slot_of(&notices, a, rate) == slot_of(&notices, b, auth);
         i++) {
        snprintf(a, sizeof(a), "a%u", i);
        snprintf(b, sizeof(b), "b%u", i);
        snprintf(rate, sizeof(rate), "rate_%u", i);
    }
    static const uint64_t sec = 1000000;
    static const struct {
        const char *route, *kind;
        uint64_t at_sec;
        bool is_told;
    } cases[] = {
        { "a", "provider_auth_failed", 100, true },  { "a", "provider_auth_failed", 101, false },
        { "a", "provider_rate_limited", 101, true }, { "b", "provider_auth_failed", 102, true },
        { "a", "provider_auth_failed", 159, false }, { "a", "provider_auth_failed", 160, true },
        { "a", "provider_auth_failed", 161, false }, { "b", "provider_auth_failed", 161, false },
        { "a", "provider_rate_limited", 162, true }, { "b", "provider_auth_failed", 163, true },
        { "a", "provider_auth_failed", 1000, true },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_notice notice = { .route = sl_str_c(*cases[i].route == 'a' ? a : b),
                                    .provider = SL_STR("mock"),
                                    .kind = strstr(cases[i].kind, "auth") ? auth : rate };
        if (sl_notice_upstream(&notices, &notice, cases[i].at_sec * sec) != cases[i].is_told) {
            fail_msg("case %zu", i);
        }
    }
}

/* Names the target that fails: one target's failures do not hide another's. */
static void targets_are_told_apart(void **state)
{
    (void)state;
    static struct sl_notices notices;
    char b[16] = "b0";
    struct sl_notice notice = { .route = SL_STR("r"), .provider = SL_STR("mock"), .kind = "provider_server_error" };
    notice.target = SL_STR("a");
    assert_true(sl_notice_upstream(&notices, &notice, 100));
    bool is_told = false;
    for (unsigned i = 0; !is_told && i < 9; i++) { /* some name has a slot of its own */
        snprintf(b, sizeof(b), "b%u", i);
        notice.target = sl_str_c(b);
        is_told = sl_notice_upstream(&notices, &notice, 101) && !sl_notice_upstream(&notices, &notice, 102);
    }
    assert_true(is_told);
    notice.kind = "breaker_open";
    notice.text = SL_STR("its breaker is open");
    assert_true(sl_notice_route(&notices, &notice, 103));
    assert_false(sl_notice_route(&notices, &notice, 104));
}

static void a_full_gateway_is_told_once_a_minute(void **state)
{
    (void)state;
    static struct sl_notices notices;
    static const struct {
        const char *what;
        uint64_t at_usec;
        bool is_told;
    } cases[] = {
        { "memory", 100000000, true },       { "memory", 100000001, false }, { "connections", 100000002, true },
        { "connections", 159999999, false }, { "memory", 160000000, true },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        assert_int_equal(sl_notice_overloaded(&notices, sl_str_c(cases[i].what), cases[i].at_usec), cases[i].is_told);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_utf_8_as_they_came), cmocka_unit_test(each_byte_at_each_place),
        cmocka_unit_test(a_text_is_cut_at_a_character), cmocka_unit_test(a_failing_upstream_is_told_once_a_minute),
        cmocka_unit_test(targets_are_told_apart),       cmocka_unit_test(a_full_gateway_is_told_once_a_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
