/* SPDX-License-Identifier: Apache-2.0 */
/* Admission, and the headers and log texts about it and about a call's times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/num.h"
#include "gate/call/timing.h"
#include "gate/policy/admit.h"
#include "gate/policy/words.h"
#include "gate/watch/line.h"

static void a_wait_is_spelt(void **state)
{
    (void)state;
    static const struct {
        uint64_t usec;
        const char *want;
    } cases[] = {
        { 0, "0s" },
        { 1, "1s" },
        { 59 * SL_USEC_PER_SEC, "59s" },
        { 59 * SL_USEC_PER_SEC + 1, "1m0s" },
        { 90 * SL_USEC_PER_SEC, "1m30s" },
        { 3600 * SL_USEC_PER_SEC, "1h0m0s" },
        { 90061 * SL_USEC_PER_SEC, "25h1m1s" },
        { UINT64_MAX, "5124095576h1m50s" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        char text[SL_WAIT_MAX];
        assert_int_equal(sl_wait_format(cases[i].usec, text), strlen(cases[i].want));
        assert_string_equal(text, cases[i].want);
    }
}

static void a_limit_admits_refuses_and_says_why(void **state)
{
    (void)state;
    static const struct sl_limit_rule rules[] = {
        { .calls = 1, .period_usec = 60 * SL_USEC_PER_SEC, .key = SL_LIMIT_ROUTE, .multiple = 1, .unit = "minute" },
        { .calls = 1, .period_usec = 7200 * SL_USEC_PER_SEC, .key = SL_LIMIT_USER, .multiple = 2, .unit = "hour" },
    };
    struct sl_admission admission = { .subject = { SL_STR("r"), 0, SL_STR("p") }, .rules = rules, .n_rules = 2 };
    struct sl_ticket first = { 0 }, second = { 0 }, none = { 0 };
    struct sl_limit_view view;
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    assert_int_equal(sl_limiter_new(10, &admission.limiter), 0);

    sl_admit_view(&admission, &none, SL_USEC_PER_SEC, &view);
    assert_int_equal(view.remaining, 1);
    assert_int_equal(sl_admit(&admission, SL_USEC_PER_SEC, &first), 0);
    assert_int_equal(first.state, SL_TICKET_OPEN);
    sl_admit_view(&admission, &first, 11 * SL_USEC_PER_SEC, &view);
    assert_int_equal(view.remaining, 0);
    assert_int_equal(view.reset_usec, first.view.reset_usec - 10 * SL_USEC_PER_SEC);
    sl_ticket_settle(&first);
    assert_int_equal(first.state, SL_TICKET_SETTLED);

    assert_int_equal(sl_admit(&admission, 2 * SL_USEC_PER_SEC, &second), SL_E_LIMIT);
    assert_int_equal(second.state, SL_TICKET_NONE);
    struct sl_str text = sl_limit_words(&second.view, rules, SL_STR("r"), false, &arena);
    assert_true(sl_str_eq_c(text, "Rate limit exceeded: 1 per 1 minute"));
    text = sl_limit_words(&second.view, rules, SL_STR("r"), true, &arena);
    assert_true(sl_str_eq_c(text, "Rate limit reached for the route 'r': 1 call per 2 hours. Try again in 1h59m59s."));
    static const struct sl_limit_rule zero[] = {
        { .period_usec = 60 * SL_USEC_PER_SEC, .multiple = 1, .unit = "minute" }
    };
    struct sl_admission closed = { .limiter = admission.limiter, .rules = zero, .n_rules = 1 };
    assert_int_equal(sl_admit(&closed, SL_USEC_PER_SEC, &none), SL_E_LIMIT);
    text = sl_limit_words(&none.view, zero, SL_STR("r"), true, &arena);
    assert_true(sl_str_eq_c(text,
                            "Rate limit reached for the route 'r': 0 calls per 1 minute. Nothing passes until the "
                            "limit is changed."));
    none = (struct sl_ticket){ 0 };

    admission.n_rules = 0;
    assert_int_equal(sl_admit(&admission, 2 * SL_USEC_PER_SEC, &none), 0);
    assert_false(none.has_view);
    sl_limiter_free(admission.limiter);
    sl_arena_done(&arena);
}

static void times_are_told_apart(void **state)
{
    (void)state;
    static const struct {
        struct sl_timing times;
        const char *want;
    } cases[] = {
        { { 1000, 0, 0, 3500 }, "sluice;dur=2.500" },
        { { 1000, 1100, 0, 3500 }, "sluice;dur=0.100, upstream;dur=2.400" },
        { { 1000, 1100, 2105, 3500 }, "sluice;dur=0.100, upstream;dur=2.400, ttfb;dur=1.005" },
        { { 2000, 1000, 1500, 3000 }, "sluice;dur=0.000, upstream;dur=2.000, ttfb;dur=0.500" },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        char text[SL_TIMING_MAX];
        size_t n = sl_timing_format(&cases[i].times, text);
        assert_int_equal(n, strlen(cases[i].want));
        assert_memory_equal(text, cases[i].want, n);
    }
}

static void a_line_is_json_however_long_its_texts(void **state)
{
    (void)state;
    char bytes[300];
    struct sl_line line = { bytes, bytes + sizeof(bytes) };
    sl_line_text(&line, SL_STR("{\"a\":"), SL_STR("x\"\\\n\x7fy"));
    sl_line_text(&line, SL_STR(",\"b\":"), SL_STR_NONE);
    sl_line_msec(&line, SL_STR(",\"c\":"), 1000, 2042);
    sl_line_msec(&line, SL_STR(",\"none\":"), 0, 2042);
    sl_line_msec(&line, SL_STR(",\"none\":"), 5, 4);
    sl_line_count(&line, SL_STR(",\"d\":"), 7);
    sl_line_count(&line, SL_STR(",\"none\":"), -1);
    SL_LINE_PUT(&line, ",\"t\":\"");
    sl_line_time(&line, 1709164800123456); /* of a leap year */
    SL_LINE_PUT(&line, "\"}");
    *line.at = '\0';
    assert_string_equal(bytes, "{\"a\":\"x????y\",\"b\":null,\"c\":1.042,\"d\":7,\"t\":\"2024-02-29T00:00:00.123Z\"}");

    char small[40], text[500];
    memset(text, 'z', sizeof(text));
    line = (struct sl_line){ small, small + sizeof(small) };
    sl_line_text(&line, SL_STR("\"k\":"), sl_str_make(text, sizeof(text)));
    assert_ptr_equal(line.at, small + sizeof(small)); /* full, and not past the end */
    line = (struct sl_line){ bytes, bytes + sizeof(bytes) };
    sl_line_text(&line, SL_STR(""), sl_str_make(text, sizeof(text)));
    assert_int_equal(line.at - bytes, 194); /* at most 192 of a text */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_is_spelt),
        cmocka_unit_test(a_limit_admits_refuses_and_says_why),
        cmocka_unit_test(times_are_told_apart),
        cmocka_unit_test(a_line_is_json_however_long_its_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
