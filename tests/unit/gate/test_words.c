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
#include "gate/policy/limit_table.h"
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

static struct sl_admission admission_of(struct sl_limiter *limiter)
{
    struct sl_admission admission;
    sl_admission_init(&admission, limiter, SL_STR("p"));
    return admission;
}

static void a_limit_admits_refuses_and_says_why(void **state)
{
    (void)state;
    static const struct sl_limit_rule rules[] = {
        { .cap = 1, .period_usec = 60 * SL_USEC_PER_SEC, .key = SL_LIMIT_WHOLE, .multiple = 1, .unit = "minute" },
        { .cap = 1, .period_usec = 7200 * SL_USEC_PER_SEC, .key = SL_LIMIT_USER, .multiple = 2, .unit = "hour" },
    };
    static const uint64_t nothing[SL_LIMIT_KINDS];
    struct sl_limits limits;
    struct sl_limiter *limiter = NULL;
    struct sl_limit_view view;
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    assert_int_equal(sl_limiter_new(10, &limiter), 0);
    sl_limits_init(&limits, SL_LIMIT_OF_ROUTE, SL_STR("r"), 0, rules, 2);
    struct sl_admission first = admission_of(limiter), second = first;
    first.call.owners = first.owners;
    second.call.owners = second.owners;
    sl_admission_add(&first, &limits);
    sl_admission_add(&second, &limits);

    sl_admission_view(&first, SL_USEC_PER_SEC, &view);
    assert_int_equal(view.requests.remaining, 1);
    assert_int_equal(sl_admit(&first, SL_USEC_PER_SEC), 0);
    assert_int_equal(first.state, SL_TICKET_OPEN);
    sl_admission_view(&first, 11 * SL_USEC_PER_SEC, &view);
    assert_int_equal(view.requests.remaining, 0);
    assert_int_equal(view.requests.reset_usec, first.view.requests.reset_usec - 10 * SL_USEC_PER_SEC);
    sl_admission_settle(&first, nothing);
    assert_int_equal(first.state, SL_TICKET_SETTLED);

    assert_int_equal(sl_admit(&second, 2 * SL_USEC_PER_SEC), SL_E_LIMIT);
    assert_int_equal(second.state, SL_TICKET_NONE);
    struct sl_str text = sl_limit_words(&second.view, false, &arena);
    assert_true(sl_str_eq_c(text, "Rate limit exceeded: 1 per 1 minute"));
    text = sl_limit_words(&second.view, true, &arena);
    assert_true(sl_str_eq_c(text, "Rate limit reached for the route 'r': 1 call per 2 hours. Try again in 1h59m59s."));
    sl_limiter_free(limiter);
    sl_arena_done(&arena);
}

/* What is said of each kind of limit that refuses, in MLflow's words, in a sentence, and to programs. */
static void each_kind_has_its_words(void **state)
{
    (void)state;
    static const struct {
        struct sl_limit_rule rule;
        enum sl_limit_owner owner;
        uint64_t used, need, reset_sec;
        bool is_final;
        const char *words, *sentence, *json;
    } cases[] = {
        { { .period_usec = 1, .multiple = 1, .unit = "minute" },
          SL_LIMIT_OF_ROUTE,
          0,
          1,
          0,
          true,
          "Rate limit exceeded: 0 per 1 minute",
          "Rate limit reached for the route 'r': 0 calls per 1 minute. Nothing passes until the limit is changed.",
          "{\"owner\":\"route\",\"name\":\"r\",\"kind\":\"requests\",\"cap\":0,\"used\":0,\"reset\":0}" },
        { { .cap = 2000000, .kind = SL_LIMIT_TOKENS, .period_usec = 1, .multiple = 1, .unit = "day" },
          SL_LIMIT_OF_GROUP,
          1999000,
          5000,
          61,
          false,
          "Rate limit exceeded: 2000000 tokens per 1 day (group 'r')",
          "Rate limit reached for the group 'r': 2000000 tokens per 1 day. Try again in 1m1s.",
          "{\"owner\":\"group\",\"name\":\"r\",\"kind\":\"tokens\",\"cap\":2000000,\"used\":1999000,\"reset\":61}" },
        { { .cap = 1, .kind = SL_LIMIT_OUTPUT_TOKENS, .period_usec = 1, .multiple = 5, .unit = "minute" },
          SL_LIMIT_OF_KEY,
          0,
          4096,
          0,
          true,
          "Rate limit exceeded: 1 output token per 5 minutes (key 'r')",
          "Rate limit reached for the key 'r': 1 output token per 5 minutes. This call alone may need 4096 output "
          "tokens.",
          "{\"owner\":\"key\",\"name\":\"r\",\"kind\":\"output_tokens\",\"cap\":1,\"used\":0,\"reset\":0}" },
        { { .cap = 100500000000, .kind = SL_LIMIT_MONEY, .period_usec = 1, .multiple = 1, .unit = "month" },
          SL_LIMIT_OF_GROUP,
          100400000000,
          200000000,
          3600,
          false,
          "Budget exceeded: $100.5 per 1 month (group 'r')",
          "Budget exceeded for the group 'r': $100.5 per 1 month. Try again in 1h0m0s.",
          "{\"owner\":\"group\",\"name\":\"r\",\"kind\":\"money\",\"cap\":100.5,\"used\":100.4,\"reset\":3600}" },
        { { .cap = 2, .kind = SL_LIMIT_CONCURRENT, .multiple = 1 },
          SL_LIMIT_OF_ROUTE,
          2,
          1,
          1,
          false,
          "Rate limit exceeded: 2 calls at a time",
          "Rate limit reached for the route 'r': 2 calls at a time. Try again in 1s.",
          "{\"owner\":\"route\",\"name\":\"r\",\"kind\":\"concurrent\",\"cap\":2,\"used\":2,\"reset\":1}" },
        { { .cap = 200, .key = SL_LIMIT_SESSION, .multiple = 1, .period_usec = 1 },
          SL_LIMIT_OF_ROUTE,
          200,
          1,
          0,
          true,
          "Rate limit exceeded: 200 calls per session",
          "Rate limit reached for the route 'r': 200 calls per session. Begin another session.",
          "{\"owner\":\"route\",\"name\":\"r\",\"kind\":\"requests\",\"cap\":200,\"used\":200,\"reset\":0}" },
        { { .cap = 3, .multiple = 1, .period_usec = 1, .unit = "hour" },
          SL_LIMIT_OF_PAIR,
          3,
          1,
          5,
          false,
          "Rate limit exceeded: 3 per 1 hour (group 'g', route 'r')",
          "Rate limit reached for the group 'g' on the route 'r': 3 calls per 1 hour. Try again in 5s.",
          "{\"owner\":\"group\",\"name\":\"g\",\"route\":\"r\",\"kind\":\"requests\",\"cap\":3,\"used\":3,\"reset\":"
          "5}" },
    };
    struct sl_arena arena;
    sl_arena_init(&arena, NULL);
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_limits limits;
        struct sl_str name = cases[i].owner == SL_LIMIT_OF_PAIR ? SL_STR("g\nr") : SL_STR("r");
        sl_limits_init(&limits, cases[i].owner, name, 0, &cases[i].rule, 1);
        struct sl_limit_view view = { .is_refused = true };
        view.first = view.refusing = (struct sl_limit_shown){
            .owner = &limits,
            .rule = &cases[i].rule,
            .used = cases[i].used,
            .need = cases[i].need,
            .reset_usec = cases[i].reset_sec * SL_USEC_PER_SEC,
            .is_refusing = true,
            .is_final = cases[i].is_final,
        };
        struct sl_str words = sl_limit_words(&view, false, &arena), sentence = sl_limit_words(&view, true, &arena);
        struct sl_str json = sl_limit_json(&view.refusing, true, &arena);
        if (!sl_str_eq_c(words, cases[i].words) || !sl_str_eq_c(sentence, cases[i].sentence) ||
            !sl_str_eq_c(json, cases[i].json)) {
            fail_msg("case %zu: %.*s | %.*s | %.*s", i, SL_STR_ARG(words), SL_STR_ARG(sentence), SL_STR_ARG(json));
        }
    }
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
        cmocka_unit_test(each_kind_has_its_words),
        cmocka_unit_test(times_are_told_apart),
        cmocka_unit_test(a_line_is_json_however_long_its_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
