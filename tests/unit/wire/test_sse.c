/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "wire/sse.h"

/* Streams and their events, written "name|data;"; LF in data is shown as '/'. */
static const struct {
    const char *stream;
    const char *events;
} streams[] = {
    { "data: a\n\ndata: b\n\n", "|a;|b;" },
    { "data: a\r\n\r\ndata: b\r\n\r\n", "|a;|b;" },
    { "data: a\r\rdata: b\r\r", "|a;|b;" },
    { "data: a\n\r\n\rdata: b\r\n\n", "|a;|b;" },
    { "event: x\ndata: a\ndata: b\n\ndata:c\n\n", "x|a/b;|c;" },
    { ": comment\n\nid: 5\nretry: 1\n\n\ndata: a\n\n", "|a;" },
    { "\xef\xbb\xbf"
      "data: bom\n\n",
      "|bom;" },
    { "\xef\xbb"
      "data: half a bom\n\ndata: b\n\n",
      "|b;" },
    { "data\n\ndata:\n\ndata: \n\ndata:  two\n\n", "|;|;|;| two;" },
    { "event: only a name\n\ndata: a\n\n", "|a;" },
    { "data: unfinished\n", "|unfinished;" },
    { "data: no line end", "|no line end;" },
    { "nothing: here\n\n", "" },
    { "", "" },
};

struct log {
    char text[512];
    size_t n;
};

static void log_put(struct log *log, struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        assert_true(log->n < sizeof(log->text));
        log->text[log->n++] = s.p[i] == '\n' ? '/' : s.p[i];
    }
}

static int on_event(void *arg, const struct sl_sse_event *event)
{
    struct log *log = arg;
    log_put(log, event->name);
    log_put(log, SL_STR("|"));
    log_put(log, event->data);
    log_put(log, SL_STR(";"));
    return 0;
}

static void decode(struct sl_str stream, size_t a, size_t b, struct log *log)
{
    struct sl_sse_decoder dec;
    *log = (struct log){ .n = 0 };
    sl_sse_decoder_init(&dec, 1024, on_event, log);
    assert_int_equal(sl_sse_push(&dec, sl_str_sub(stream, 0, a)), 0);
    assert_int_equal(sl_sse_push(&dec, sl_str_sub(stream, a, b)), 0);
    assert_int_equal(sl_sse_push(&dec, sl_str_sub(stream, b, stream.n)), 0);
    assert_int_equal(sl_sse_finish(&dec), 0);
    sl_sse_decoder_done(&dec);
}

static void decoded_however_they_are_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(streams); i++) {
        struct sl_str stream = sl_str_c(streams[i].stream);
        for (size_t a = 0; a <= stream.n; a++) {
            for (size_t b = a; b <= stream.n; b++) {
                struct log log;
                decode(stream, a, b, &log);
                if (!sl_str_eq_c(sl_str_make(log.text, log.n), streams[i].events)) {
                    fail_msg("stream %zu split at %zu and %zu: %.*s", i, a, b, (int)log.n, log.text);
                }
            }
        }
    }
}

static void a_large_event_is_a_limit(void **state)
{
    (void)state;
    struct log log = { .n = 0 };
    struct sl_sse_decoder dec;
    sl_sse_decoder_init(&dec, 16, on_event, &log);
    assert_int_equal(sl_sse_push(&dec, SL_STR("data: 0123456789\n")), 0);
    assert_int_equal(sl_sse_push(&dec, SL_STR("data: 0123456789\n")), SL_E_LIMIT);
    sl_sse_decoder_done(&dec);
}

/* The ends of events, as offsets into the whole stream, must be the same however it is split; the LF of a CR LF that
 * was split belongs to the event before. */
static size_t ends_of(struct sl_str stream, size_t piece, size_t *ends)
{
    struct sl_sse_split split;
    sl_sse_split_init(&split);
    size_t n = 0;
    for (size_t at = 0; at < stream.n; at += piece) {
        size_t end = SL_MIN(at + piece, stream.n);
        size_t from = at;
        while (from < end) {
            size_t used = sl_sse_split_push(&split, sl_str_sub(stream, from, end));
            if (used == 0) {
                break;
            }
            from += used;
            if (n && ends[n - 1] == from - 1 && stream.p[from - 1] == '\n' && stream.p[from - 2] == '\r') {
                ends[n - 1] = from;
            } else {
                ends[n++] = from;
            }
        }
    }
    return n;
}

static void events_end_where_they_end(void **state)
{
    (void)state;
    static const char *const texts[] = { "data: a\n\ndata: b\n\ndata: c", "data: a\r\n\r\ndata: b\r\n\r\n",
                                         "a\r\rb\n\rc\r\n\r\n\r\nd\n\n\n" };
    for (size_t i = 0; i < SL_ARRAY_LEN(texts); i++) {
        struct sl_str stream = sl_str_c(texts[i]);
        size_t whole[32], n = ends_of(stream, stream.n, whole);
        assert_true(n >= 2);
        for (size_t piece = 1; piece < stream.n; piece++) {
            size_t ends[32];
            assert_int_equal(ends_of(stream, piece, ends), n);
            assert_memory_equal(ends, whole, n * sizeof(*ends));
        }
    }
}

static int on_event_count(void *arg, const struct sl_sse_event *event)
{
    (void)event;
    ++*(size_t *)arg;
    return 0;
}

/* Lines that end with CR, and no LF anywhere: each byte costs the same as with LF. */
static void carriage_returns_cost_no_more(void **state)
{
    (void)state;
    enum { N = 4 << 20 };
    static const char *const units[] = { "data:\r\r", "d\r\r", "data:\n\n" };
    char *text = malloc(N);
    assert_non_null(text);
    for (size_t u = 0; u < SL_ARRAY_LEN(units); u++) {
        size_t len = strlen(units[u]), n = N / len * len, n_split = 0, n_events = 0;
        for (size_t i = 0; i < n; i++) {
            text[i] = units[u][i % len];
        }
        clock_t start = clock();
        struct sl_sse_split split;
        sl_sse_split_init(&split);
        for (size_t at = 0, used; (used = sl_sse_split_push(&split, sl_str_make(text + at, n - at))) > 0; at += used) {
            n_split++;
        }
        struct sl_sse_decoder dec;
        sl_sse_decoder_init(&dec, 1024, on_event_count, &n_events);
        assert_int_equal(sl_sse_push(&dec, sl_str_make(text, n)), 0);
        sl_sse_decoder_done(&dec);
        double sec = (double)(clock() - start) / CLOCKS_PER_SEC;
        assert_int_equal(n_split, n / len);
        assert_int_equal(n_events, len > 4 ? n / len : 0);
        if (sec > 3) {
            fail_msg("\"%s\" %zu times took %.1f s", units[u], n / len, sec);
        }
    }
    free(text);
}

static void an_event_without_fields_is_silent(void **state)
{
    (void)state;
    static const struct {
        const char *event;
        bool want;
    } events[] = {
        { "", true },
        { "\n", true },
        { "\r\n", true },
        { ": c\n\n", true },
        { ": data: x\r\r", true },
        { "event: data\n\n", false },
        { "id: 7\n\n", false },
        { ": c\nretry: 5\n\n", false },
        { "unknown\n\n", true },
        { "da\n\n", true },
        { "data\n\n", false },
        { "data: x\n\n", false },
        { ": c\nevent: e\r\ndata: x\r\n\r\n", false },
        { ":\rdata:x\r\r", false },
        { "\xef\xbb\xbf"
          "data: x\n\n",
          false },
    };
    for (size_t i = 0; i < SL_ARRAY_LEN(events); i++) {
        if (sl_sse_is_silent(sl_str_c(events[i].event)) != events[i].want) {
            fail_msg("event %zu", i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_without_fields_is_silent), cmocka_unit_test(decoded_however_they_are_split),
        cmocka_unit_test(a_large_event_is_a_limit),          cmocka_unit_test(events_end_where_they_end),
        cmocka_unit_test(carriage_returns_cost_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
