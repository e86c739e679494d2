/* SPDX-License-Identifier: Apache-2.0 */
/* Passes on whole events, in pieces of any size; and what is decided about a reply. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/num.h"
#include "gate/call/relay_events.h"
#include "gate/call/verdict.h"
#include "json/json.h"
#include "wire/headers.h"

/* --- events --- */

struct client {
    struct sl_buf got;
    unsigned n_events;
};

/* Drops an event with "hidden" in it, and replaces one with "other". */
static struct sl_str pass(void *arg, struct sl_str event)
{
    struct client *client = arg;
    client->n_events++;
    if (sl_str_find(event, SL_STR("other"), 0) >= 0) {
        return SL_STR("data: {}\n\n");
    }
    return sl_str_find(event, SL_STR("hidden"), 0) < 0 ? event : SL_STR("");
}

static void send(void *arg, struct sl_str bytes)
{
    struct client *client = arg;
    sl_buf_add_str(&client->got, bytes);
}

static void flush(void *arg)
{
    (void)arg;
}

static const struct sl_events_sink sink = { pass, send, flush };

/* Pushes `text` in pieces, cut at `cut` and then after each `step` bytes; returns the result of end. */
static int feed(struct sl_str text, size_t cut, size_t step, struct client *client)
{
    struct sl_relay_events events;
    struct sl_json doc;
    sl_json_init(&doc, NULL);
    sl_buf_init(&client->got, 1 << 20);
    client->n_events = 0;
    sl_relay_events_init(&events, SL_FRAMING_SSE, 1 << 20, &sink, client);
    size_t at = 0, next = cut;
    while (at < text.n) {
        next = next > text.n ? text.n : next;
        assert_int_equal(sl_relay_events_push(&events, sl_str_sub(text, at, next)), 0);
        at = next;
        next = at + step;
    }
    struct sl_str tail = SL_STR("");
    int r = sl_relay_events_end(&events, &doc, &tail);
    if (r == 0) {
        send(client, tail);
    }
    sl_relay_events_done(&events);
    sl_json_done(&doc);
    return r;
}

static const struct {
    const char *text, *want;
    int r;
} streams[] = {
    { "data: {\"a\":1}\n\ndata: [DONE]\n\n", "data: {\"a\":1}\n\ndata: [DONE]\n\n", 0 },
    { "data: {\"a\":1}\n\ndata: hidden\n\ndata: [DONE]\n\n", "data: {\"a\":1}\n\ndata: [DONE]\n\n", 0 },
    { "data: hidden\n\ndata: hidden\n\n", "", 0 },
    { "data: 1\n\ndata: other\n\ndata: 2\n\n", "data: 1\n\ndata: {}\n\ndata: 2\n\n", 0 },
    { "data: other\r\n\r\ndata: hidden\r\n\r\ndata: 2\r\n\r\n", "data: {}\n\ndata: 2\r\n\r\n", 0 },
    { "data: 1\r\n\r\ndata: hidden\r\n\r\ndata: 2\r\n\r\n", "data: 1\r\n\r\ndata: 2\r\n\r\n", 0 },
    { "data: 1\r\rdata: hidden\r\rdata: 2\r\r", "data: 1\r\rdata: 2\r\r", 0 },
    { "event: x\ndata: 1\ndata: 2\n\n: alive\n\n", "event: x\ndata: 1\ndata: 2\n\n: alive\n\n", 0 },
    /* Some streams lack the last blank line: the rest counts if it is an event. */
    { "data: 1\n\ndata: [DONE]\n", "data: 1\n\ndata: [DONE]\n", 0 },
    { "data: 1\n\ndata: {\"a\":2}", "data: 1\n\ndata: {\"a\":2}", 0 },
    { "data: 1\n\n: comment", "data: 1\n\n: comment", 0 },
    { "data: 1\n\ndata: hidden", "data: 1\n\n", 0 },
    { "data: 1\n\ndata: {\"a\":", "data: 1\n\n", SL_E_TRUNCATED },
    { "data: 1\n\nda", "data: 1\n\n", SL_E_TRUNCATED },
    { "", "", 0 },
};

static void events_pass_whole_at_every_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(streams); i++) {
        struct sl_str text = sl_str_c(streams[i].text);
        for (size_t cut = 0; cut <= text.n; cut++) {
            for (size_t step = 1; step <= text.n + 2; step += text.n + 1) {
                struct client client;
                int r = feed(text, cut ? cut : 1, step, &client);
                if (r != streams[i].r || !sl_str_eq_c(sl_buf_str(&client.got), streams[i].want)) {
                    fail_msg("stream %zu cut at %zu, then each %zu: %d, got '%.*s'", i, cut, step, r,
                             SL_STR_ARG(sl_buf_str(&client.got)));
                }
                sl_buf_done(&client.got);
            }
        }
    }
}

/* An event of any size is seen as a whole, and no byte of it leaves before. */
static void a_large_event_is_seen_whole(void **state)
{
    (void)state;
    struct sl_buf text;
    sl_buf_init(&text, 1 << 20);
    sl_buf_add_lit(&text, "data: 1\n\ndata: ");
    for (unsigned i = 0; i < 100000; i++) {
        sl_buf_add_char(&text, 'x');
    }
    size_t half = text.len;
    sl_buf_add_lit(&text, " hidden\n\ndata: 2\n\n");
    static const size_t steps[] = { 1 << 20, 4096, 1000, 7 };
    for (size_t i = 0; i < SL_ARRAY_LEN(steps); i++) {
        struct client client;
        assert_int_equal(feed(sl_buf_str(&text), 20, steps[i], &client), 0);
        assert_true(sl_str_eq_c(sl_buf_str(&client.got), "data: 1\n\ndata: 2\n\n"));
        assert_int_equal(client.n_events, 3);
        sl_buf_done(&client.got);
        assert_int_equal(feed(sl_str_sub(sl_buf_str(&text), 0, half), 20, steps[i], &client), SL_E_TRUNCATED);
        assert_true(sl_str_eq_c(sl_buf_str(&client.got), "data: 1\n\n"));
        sl_buf_done(&client.got);
    }
    sl_buf_done(&text);
}

static void a_too_large_event_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int want;
    } cases[] = {
        { "data: 1\n\ndata: 7890", 0 },
        { "data: 1\n\ndata: 78901", SL_E_LIMIT },
        { "data: 1\n\ndata: 6789\n\ndata: 6789\n\n", SL_E_LIMIT },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        for (size_t step = 1; step < 6; step++) {
            struct sl_relay_events events;
            struct client client = { .got = SL_BUF_INIT(1024) };
            struct sl_str text = sl_str_c(cases[i].text);
            sl_relay_events_init(&events, SL_FRAMING_SSE, 10, &sink, &client);
            int r = 0;
            for (size_t at = 0; r == 0 && at < text.n; at += step) {
                r = sl_relay_events_push(&events, sl_str_sub(text, at, SL_MIN(at + step, text.n)));
            }
            assert_int_equal(r, cases[i].want);
            assert_true(sl_str_eq_c(sl_buf_str(&client.got), "data: 1\n\n"));
            sl_relay_events_done(&events);
            sl_buf_done(&client.got);
        }
    }
}

/* --- verdicts --- */

static void a_busy_upstream_is_asked_again(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *retry_after; /* NULL: none */
        enum sl_verdict_kind kind;
        uint64_t wait_usec;
    } cases[] = {
        { 200, NULL, SL_VERDICT_ON, 0 },
        { 429, "1", SL_VERDICT_ON, 0 },
        { 500, NULL, SL_VERDICT_ON, 0 },
        { 502, NULL, SL_VERDICT_ON, 0 },
        { 503, NULL, SL_VERDICT_AGAIN, 250000 },
        { 529, NULL, SL_VERDICT_AGAIN, 250000 },
        { 503, "soon", SL_VERDICT_AGAIN, 250000 },
        { 503, "0", SL_VERDICT_AGAIN, 0 },
        { 503, "2", SL_VERDICT_AGAIN, 2000000 },
        { 503, "3", SL_VERDICT_ON, 0 },
        { 503, "Thu, 01 Jan 1970 00:16:41 GMT", SL_VERDICT_AGAIN, 1000000 },
        { 503, "Thu, 01 Jan 1970 00:16:49 GMT", SL_VERDICT_ON, 0 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_header field = { SL_STR("Retry-After"), SL_STR_NONE };
        struct sl_headers headers = { &field, cases[i].retry_after ? 1 : 0, 1 };
        if (cases[i].retry_after) {
            field.value = sl_str_c(cases[i].retry_after);
        }
        struct sl_verdict verdict = sl_verdict_of_head(cases[i].status, &headers, 1000 * SL_USEC_PER_SEC);
        if (verdict.kind != cases[i].kind || verdict.wait_usec != cases[i].wait_usec) {
            fail_msg("case %zu: kind %d, wait %llu", i, verdict.kind, (unsigned long long)verdict.wait_usec);
        }
        assert_int_equal(verdict.why, verdict.kind == SL_VERDICT_AGAIN ? SL_ERR_PROVIDER_OVERLOADED : SL_ERR_NONE);
    }
}

static void a_wait_is_read_in_each_form(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        bool want;
        uint64_t usec;
    } cases[] = {
        { "retry-after", "7", true, 7000000 },
        { "Retry-After", "1.5", true, 2000000 },
        { "retry-after", "Thu, 01 Jan 1970 00:16:49 GMT", true, 9000000 },
        { "retry-after", "Thu, 01 Jan 1970 00:00:01 GMT", true, 0 },
        { "retry-after", "99999999999999999999", true, UINT32_MAX * SL_USEC_PER_SEC },
        { "retry-after", "soon", false, 0 },
        { "retry-after", "-1", false, 0 },
        { "retry-after", "", false, 0 },
        { "retry-after-ms", "250", true, 250000 },
        { "x-ms-retry-after-ms", " 20000 ", true, 20000000 },
        { "retry-after-ms", "soon", false, 0 },
        { "x-wait", "7", false, 0 },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        struct sl_header field = { sl_str_c(cases[i].name), sl_str_c(cases[i].text) };
        struct sl_headers headers = { &field, 1, 1 };
        uint64_t usec = 0;
        if (sl_wait_asked(&headers, 1000 * SL_USEC_PER_SEC, &usec) != cases[i].want || usec != cases[i].usec) {
            fail_msg("%s: %s is %llu", cases[i].name, cases[i].text, (unsigned long long)usec);
        }
    }
}

static void a_reply_goes_one_of_five_ways(void **state)
{
    (void)state;
    static const struct {
        bool is_stream, is_asked, is_same;
        enum sl_relay_mode want;
    } ways[] = {
        { false, false, true, SL_RELAY_HELD },   { false, false, false, SL_RELAY_COLLECT },
        { false, true, true, SL_RELAY_COLLECT }, { false, true, false, SL_RELAY_COLLECT },
        { true, false, true, SL_RELAY_GATHER },  { true, false, false, SL_RELAY_GATHER },
        { true, true, true, SL_RELAY_EVENTS },   { true, true, false, SL_RELAY_TRANSLATE_EVENTS },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(ways); i++) {
        assert_int_equal(sl_relay_mode_of(200, ways[i].is_stream, ways[i].is_asked, ways[i].is_same), ways[i].want);
    }
    for (int status = 300; status < 600; status++) {
        assert_int_equal(sl_relay_mode_of(status, status & 1, status & 4, status & 2), SL_RELAY_COLLECT_ERROR);
    }
}

static void another_attempt_needs_a_chance(void **state)
{
    (void)state;
    static const struct {
        struct sl_chance chance;
        bool want;
    } cases[] = {
        { { false, 0, 2, 100, 10, 200 }, true },   { { false, 1, 2, 100, 10, 200 }, true },
        { { false, 2, 2, 100, 10, 200 }, false },  /* all retries are used */
        { { false, 0, 0, 100, 10, 200 }, false },  /* no retry is allowed */
        { { true, 0, 2, 100, 10, 200 }, false },   /* the client has seen bytes */
        { { false, 0, 2, 100, 100, 200 }, false }, /* no time is left after the wait */
        { { false, 0, 2, 100, 99, 200 }, true },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        if (sl_may_retry(&cases[i].chance) != cases[i].want) {
            fail_msg("case %zu", i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_pass_whole_at_every_split), cmocka_unit_test(a_large_event_is_seen_whole),
        cmocka_unit_test(a_too_large_event_is_refused),     cmocka_unit_test(a_busy_upstream_is_asked_again),
        cmocka_unit_test(a_wait_is_read_in_each_form),      cmocka_unit_test(a_reply_goes_one_of_five_ways),
        cmocka_unit_test(another_attempt_needs_a_chance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
