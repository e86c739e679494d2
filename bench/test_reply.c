/* SPDX-License-Identifier: Apache-2.0 */
/* Tests the load generator's reader of replies: a benchmark whose check cannot fail would count wrong replies as fast
 * ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "reply.h"
#include "util.h"

#define OK "HTTP/1.1 200 OK\r\n"

static const struct {
    const char *name, *text, *want;
    enum reply_state state; /* after all bytes and the connection's end */
    size_t rest;            /* bytes after the reply */
    bool closes;
} cases[] = {
    { "length", OK "Content-Length: 5\r\n\r\nhello", "hello", REPLY_DONE, 0, false },
    { "length, any case", OK "content-LENGTH:5\r\n\r\nhello", "hello", REPLY_DONE, 0, false },
    { "no reason phrase", "HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", "x", REPLY_DONE, 0, false },
    { "empty", OK "Content-Length: 0\r\n\r\n", "", REPLY_DONE, 0, false },
    { "bytes behind", OK "Content-Length: 5\r\n\r\nhelloHTTP", "hello", REPLY_DONE, 4, false },
    { "close asked", OK "Connection: close\r\nContent-Length: 2\r\n\r\nhi", "hi", REPLY_DONE, 0, true },
    { "1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", "hi", REPLY_DONE, 0, true },
    { "until close", OK "X: y\r\n\r\nhello", "hello", REPLY_DONE, 0, true },
    { "chunked", OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n0003;x=1\r\nllo\r\n0\r\n\r\n", "hello", REPLY_DONE, 0,
      false },
    { "chunked, hex", OK "Transfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n", "0123456789", REPLY_DONE, 0,
      false },
    { "trailer", OK "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nA: b\r\n\r\nZ", "x", REPLY_DONE, 1, false },
    { "other status", "HTTP/1.1 502 Bad\r\nContent-Length: 1\r\n\r\nx", "x", REPLY_WRONG, 0, false },
    { "no HTTP", "SSH-2.0-nonsense\r\n\r\n", "", REPLY_WRONG, 0, false },
    { "other body", OK "Content-Length: 5\r\n\r\nhellO", "hello", REPLY_WRONG, 0, false },
    { "body too long", OK "Content-Length: 6\r\n\r\nhello!", "hello", REPLY_WRONG, 0, false },
    { "body too short", OK "Content-Length: 4\r\n\r\nhell", "hello", REPLY_WRONG, 0, false },
    { "cut", OK "Content-Length: 5\r\n\r\nhell", "hello", REPLY_WRONG, 0, false },
    { "chunked, cut before its end", OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "hello", REPLY_WRONG, 0,
      false },
    { "chunked, short", OK "Transfer-Encoding: chunked\r\n\r\n4\r\nhell\r\n0\r\n\r\n", "hello", REPLY_WRONG, 0, false },
    { "chunk beyond its size", OK "Transfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n", "hello", REPLY_WRONG, 0, false },
    { "chunk without size", OK "Transfer-Encoding: chunked\r\n\r\n\r\nhello", "hello", REPLY_WRONG, 0, false },
    { "chunk size no number", OK "Transfer-Encoding: chunked\r\n\r\ng\r\n", "hello", REPLY_WRONG, 0, false },
    { "length no number", OK "Content-Length: 5x\r\n\r\nhello", "hello", REPLY_WRONG, 0, false },
    { "nothing", "", "", REPLY_WRONG, 0, false },
};

/* Feeds the text in two pieces, split at `at`, like two reads; returns the bytes that were not taken. */
static size_t feed_split(struct reply *r, size_t i, size_t at)
{
    const char *text = cases[i].text;
    size_t len = strlen(text);
    reply_start(r, cases[i].want, strlen(cases[i].want));
    size_t rest = at - reply_feed(r, text, at);
    rest += len - at - reply_feed(r, text + at, len - at);
    reply_end(r);
    return rest;
}

static void test_split_anywhere(void **state)
{
    (void)state;
    struct reply *r = malloc(sizeof *r);
    assert_non_null(r);
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        for (size_t at = 0; at <= strlen(cases[i].text); at++) {
            size_t rest = feed_split(r, i, at);
            if (r->state != cases[i].state) {
                fail_msg("%s, split at %zu: state %d, %s", cases[i].name, at, (int)r->state,
                         r->error ? r->error : "no error");
            }
            if (r->state == REPLY_DONE && (rest != cases[i].rest || r->closes != cases[i].closes)) {
                fail_msg("%s, split at %zu: %zu bytes left, closes %d", cases[i].name, at, rest, r->closes);
            }
            assert_true((r->error != NULL) == (r->state == REPLY_WRONG));
        }
    }
    free(r);
}

static void test_any_letter_or_digit(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum reply_state state;
    } rows[] = { { "id-A7z0-", REPLY_DONE },
                 { "id-0000-", REPLY_DONE },
                 { "id-A7-0-", REPLY_WRONG },
                 { "id-A7\"0-", REPLY_WRONG },
                 { "iX-A7z0-", REPLY_WRONG } };
    struct reply *r = malloc(sizeof *r);
    assert_non_null(r);
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        char text[96];
        int n = snprintf(text, sizeof(text), OK "Content-Length: 8\r\n\r\n%s", rows[i].body);
        reply_start(r, "id-\0\0\0\0-", 8);
        reply_feed(r, text, (size_t)n);
        reply_end(r);
        assert_int_equal(r->state, rows[i].state);
    }
    free(r);
}

static void test_any_number(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        enum reply_state state;
    } rows[] = { { "a1b23c", REPLY_DONE },  { "a1234567b0c", REPLY_DONE }, { "a1b2", REPLY_WRONG },
                 { "a1xb2c", REPLY_WRONG }, { "a1b2cc", REPLY_WRONG },     { "ab", REPLY_WRONG } };
    struct reply *r = malloc(sizeof *r);
    assert_non_null(r);
    for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
        char text[96];
        int n = snprintf(text, sizeof(text), OK "Content-Length: %zu\r\n\r\n%s", strlen(rows[i].body), rows[i].body);
        for (int at = 0; at <= n; at++) {
            reply_start(r, "a\1b\1c", 5);
            if (reply_feed(r, text, (size_t)at) == (size_t)at && r->state != REPLY_WRONG) {
                reply_feed(r, text + at, (size_t)(n - at));
            }
            reply_end(r);
            assert_int_equal(r->state, rows[i].state);
        }
    }
    free(r);
}

static void test_head_too_long(void **state)
{
    (void)state;
    struct reply *r = malloc(sizeof *r);
    assert_non_null(r);
    reply_start(r, "", 0);
    reply_feed(r, OK "X: ", strlen(OK "X: "));
    while (r->state == REPLY_HEAD) {
        assert_true(reply_feed(r, "aaaaaaaa", 8) > 0);
    }
    assert_int_equal(r->state, REPLY_WRONG);
    free(r);
}

static void test_header(void **state)
{
    (void)state;
    static const char head[] = "HTTP/1.1 200 OK\r\nA:  one\r\nAb: two\r\n\r\n";
    size_t len = 0;
    assert_memory_equal(bench_header(head, sizeof head - 1, "a:", &len), "one", 3);
    assert_int_equal(len, 3);
    assert_memory_equal(bench_header(head, sizeof head - 1, "AB:", &len), "two", 3);
    assert_null(bench_header(head, sizeof head - 1, "abc:", &len));
    assert_null(bench_header(head, sizeof head - 1, "http/1.1", &len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_split_anywhere), cmocka_unit_test(test_any_letter_or_digit),
        cmocka_unit_test(test_any_number),     cmocka_unit_test(test_head_too_long),
        cmocka_unit_test(test_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
