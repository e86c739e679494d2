/* SPDX-License-Identifier: Apache-2.0 */
/* Each head whole and split at every byte: result, offset and consumed bytes must be the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "wire/head.h"

#define MAX_BYTES  512
#define MAX_FIELDS 4

struct row {
    struct sl_str bytes;
    enum sl_head_fault fault;
    size_t offset; /* of the fault; SL_HEAD_OK: bytes of the head */
};

#define ROW(lit, fault_, offset_)         \
    {                                     \
        SL_STR_INIT(lit), fault_, offset_ \
    }
#define WHOLE(lit) ROW(lit, SL_HEAD_OK, sizeof(lit) - 1)

static const struct row requests[] = {
    WHOLE("GET / HTTP/1.1\r\n\r\n"),
    WHOLE("GET / HTTP/1.0\r\n\r\n"),
    WHOLE("\r\nGET / HTTP/1.1\r\n\r\n"),
    WHOLE("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
    WHOLE("M-SEARCH!#$%&'*+.^_`|~09 /~a%20?b=[c]&\"d HTTP/1.1\r\nA:\r\nB: \tc \r\nD:\x80\xff\r\n\r\n"),
    ROW("GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n", SL_HEAD_OK, 18),
    ROW("GET / HTTP/1.1\r\nA: b\r\n\r\n\0\n\r", SL_HEAD_OK, 24),
    ROW("\r\n\r\nGET / HTTP/1.1\r\n\r\n", SL_HEAD_REQUEST_LINE, 2),
    ROW("\nGET / HTTP/1.1\r\n\r\n", SL_HEAD_BARE_LF, 0),
    ROW("\rGET / HTTP/1.1\r\n\r\n", SL_HEAD_BARE_CR, 1),
    ROW(" GET / HTTP/1.1\r\n\r\n", SL_HEAD_FOLD, 0),
    ROW("\tGET / HTTP/1.1\r\n\r\n", SL_HEAD_FOLD, 0),
    ROW("\0GET / HTTP/1.1\r\n\r\n", SL_HEAD_NUL, 0),
    ROW("\x16\x03\x01", SL_HEAD_REQUEST_LINE, 0),
    ROW("G@T / HTTP/1.1\r\n\r\n", SL_HEAD_REQUEST_LINE, 1),
    ROW("G\0T / HTTP/1.1\r\n\r\n", SL_HEAD_NUL, 1),
    ROW("GET\t/ HTTP/1.1\r\n\r\n", SL_HEAD_REQUEST_LINE, 3),
    ROW("GET\r\n\r\n", SL_HEAD_REQUEST_LINE, 3),
    ROW("GET\n", SL_HEAD_BARE_LF, 3),
    ROW("GET  / HTTP/1.1\r\n\r\n", SL_HEAD_REQUEST_LINE, 4),
    ROW("GET /  HTTP/1.1\r\n\r\n", SL_HEAD_REQUEST_LINE, 6),
    ROW("GET /\r\n\r\n", SL_HEAD_REQUEST_LINE, 5),
    ROW("GET /\n", SL_HEAD_BARE_LF, 5),
    ROW("GET /\0 HTTP/1.1\r\n\r\n", SL_HEAD_NUL, 5),
    ROW("GET /\x01 HTTP/1.1\r\n\r\n", SL_HEAD_CONTROL, 5),
    ROW("GET /\x7f HTTP/1.1\r\n\r\n", SL_HEAD_CONTROL, 5),
    ROW("GET /\xe4 HTTP/1.1\r\n\r\n", SL_HEAD_REQUEST_LINE, 5),
    ROW("GET / HTTP/1.1 \r\n\r\n", SL_HEAD_REQUEST_LINE, 14),
    ROW("GET / HTTP/1.1\n\r\n", SL_HEAD_BARE_LF, 14),
    ROW("GET / HTTP/1.1\rX\n", SL_HEAD_BARE_CR, 15),
    ROW("GET / HTTP/11\r\n\r\n", SL_HEAD_REQUEST_LINE, 12),
    ROW("GET / HTTP/1.10\r\n\r\n", SL_HEAD_REQUEST_LINE, 14),
    ROW("GET / HTTPS/1.1\r\n\r\n", SL_HEAD_REQUEST_LINE, 10),
    ROW("GET / http/1.1\r\n\r\n", SL_HEAD_REQUEST_LINE, 6),
    ROW("GET / RTSP/1.0\r\n\r\n", SL_HEAD_REQUEST_LINE, 6),
    ROW("GET / HTTP/1.\r\n\r\n", SL_HEAD_REQUEST_LINE, 13),
    ROW("GET / HTTP/1.2\r\n\r\n", SL_HEAD_VERSION, 14),
    ROW("GET / HTTP/2.0\r\n\r\n", SL_HEAD_VERSION, 14),
    ROW("GET / HTTP/0.9\r\n\r\n", SL_HEAD_VERSION, 14),
    ROW("GET / HTTP/9.9\r\n\r\n", SL_HEAD_VERSION, 14),
    ROW("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", SL_HEAD_VERSION, 14),
    ROW("GET / HTTP/2.0 \r\n\r\n", SL_HEAD_REQUEST_LINE, 14),
    ROW("GET / HTTP/1.1\r\n A: b\r\n\r\n", SL_HEAD_FOLD, 16),
    ROW("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", SL_HEAD_FOLD, 22),
    ROW("GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n", SL_HEAD_FOLD, 22),
    ROW("GET / HTTP/1.1\r\nA : b\r\n\r\n", SL_HEAD_FIELD, 17),
    ROW("GET / HTTP/1.1\r\nA\r\n\r\n", SL_HEAD_FIELD, 17),
    ROW("GET / HTTP/1.1\r\n: b\r\n\r\n", SL_HEAD_FIELD, 16),
    ROW("GET / HTTP/1.1\r\nA\x80: b\r\n\r\n", SL_HEAD_FIELD, 17),
    ROW("GET / HTTP/1.1\r\nA\0: b\r\n\r\n", SL_HEAD_NUL, 17),
    ROW("GET / HTTP/1.1\r\nA: \0b\r\n\r\n", SL_HEAD_NUL, 19),
    ROW("GET / HTTP/1.1\r\nA: b\0", SL_HEAD_NUL, 20),
    ROW("GET / HTTP/1.1\r\nA: 0123456789012345678901234567890123456789\x1f", SL_HEAD_CONTROL, 59),
    ROW("GET / HTTP/1.1\r\nA: 0123456789\x7f", SL_HEAD_CONTROL, 29),
    ROW("GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n", SL_HEAD_BARE_LF, 20),
    ROW("GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n", SL_HEAD_BARE_CR, 21),
    ROW("GET / HTTP/1.1\r\nA: b\r\r\n\r\n", SL_HEAD_BARE_CR, 21),
    ROW("GET / HTTP/1.1\r\nA: b\r\n\n", SL_HEAD_BARE_LF, 22),
    ROW("GET / HTTP/1.1\r\nA: b\r\n\rX", SL_HEAD_BARE_CR, 23),
    ROW("GET / HTTP/1.1\r\nA:\r\nA:\r\nA:\r\nA:\r\nB:\r\n\r\n", SL_HEAD_TOO_MANY_FIELDS, 32),
};

static const struct row responses[] = {
    WHOLE("HTTP/1.1 200 OK\r\n\r\n"),
    WHOLE("HTTP/1.1 200 \r\n\r\n"),
    WHOLE("HTTP/1.1 200\r\n\r\n"),
    WHOLE("HTTP/1.0 599 \xc3\xa4 b\tc\r\nA: b\r\n\r\n"),
    ROW("HTTP/1.1 2000\r\n", SL_HEAD_STATUS_LINE, 12),
    ROW("HTTP/1.1 020\r\n", SL_HEAD_STATUS_LINE, 9),
    ROW("HTTP/1.1 20x\r\n", SL_HEAD_STATUS_LINE, 11),
    ROW("HTTP/1.1  200\r\n", SL_HEAD_STATUS_LINE, 9),
    ROW("HTTP/2.0 200\r\n", SL_HEAD_STATUS_LINE, 7),
    ROW("ICY 200 OK\r\n", SL_HEAD_STATUS_LINE, 0),
    ROW("HTTP/1.1 200 OK\n", SL_HEAD_BARE_LF, 15),
};

static const struct row trailers[] = {
    WHOLE("\r\n"),
    WHOLE("A: b\r\nC: d\r\n\r\n"),
    ROW("\r\nGET", SL_HEAD_OK, 2),
    ROW("\n", SL_HEAD_BARE_LF, 0),
    ROW(" A: b\r\n", SL_HEAD_FOLD, 0),
    ROW("A\r\n\r\n", SL_HEAD_FIELD, 1),
};

/* Two pieces. 1 complete, 0 not, SL_E_INVAL. */
static int push(struct sl_head_check *check, enum sl_head_kind kind, struct sl_str bytes, size_t at, size_t max)
{
    sl_head_check_init(check, kind, max, MAX_FIELDS);
    size_t used = 0;
    int r = sl_head_check_push(check, sl_str_sub(bytes, 0, at), &used);
    if (r == 0) {
        assert_int_equal(used, at);
        r = sl_head_check_push(check, sl_str_sub(bytes, at, bytes.n), &used);
        if (r == 1) {
            assert_int_equal(check->offset, at + used);
        }
    }
    return r;
}

static void rows_check(enum sl_head_kind kind, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t at = 0; at <= rows[i].bytes.n; at++) {
            if (rows[i].fault == SL_HEAD_OK && at >= rows[i].offset && at > 0) {
                continue; /* complete in the first piece: no more bytes may be pushed */
            }
            struct sl_head_check check;
            int r = push(&check, kind, rows[i].bytes, at, MAX_BYTES);
            if (r != (rows[i].fault ? SL_E_INVAL : 1) || check.fault != rows[i].fault ||
                check.offset != rows[i].offset) {
                fail_msg("kind %d, row %zu, split at %zu: %d, fault %d at %zu", kind, i, at, r, check.fault,
                         check.offset);
            }
        }
    }
}

static void requests_whole_and_split(void **state)
{
    (void)state;
    rows_check(SL_HEAD_REQUEST, requests, SL_ARRAY_LEN(requests));
}

static void responses_whole_and_split(void **state)
{
    (void)state;
    rows_check(SL_HEAD_RESPONSE, responses, SL_ARRAY_LEN(responses));
}

static void trailers_whole_and_split(void **state)
{
    (void)state;
    rows_check(SL_HEAD_TRAILER, trailers, SL_ARRAY_LEN(trailers));
}

/* A head of exactly the limit fits; one byte more does not, in the line 414, behind it 431. */
static void limits_are_exact(void **state)
{
    (void)state;
    static const struct sl_str head = SL_STR_INIT("GET /0123456789 HTTP/1.1\r\nHost: a\r\n\r\n");
    for (size_t at = 0; at < head.n; at++) {
        struct sl_head_check check;
        assert_int_equal(push(&check, SL_HEAD_REQUEST, head, at, head.n), 1);
        for (size_t max = 1; max < head.n; max++) {
            assert_int_equal(push(&check, SL_HEAD_REQUEST, head, at, max), SL_E_INVAL);
            assert_int_equal(sl_head_fault_status(check.fault), max < 26 ? 414 : 431);
            assert_int_equal(check.offset, max);
        }
    }
}

/* Every byte in every place of a name or a value: only the grammar's bytes pass. */
static void each_byte_in_names_and_values(void **state)
{
    (void)state;
    static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (int c = 0; c < 256; c++) {
        char text[] = "GET / HTTP/1.1\r\nA_B: 0123456789012345678_0123456789\r\n\r\n";
        struct sl_head_check check;
        text[17] = (char)c;
        bool is_token = c && strchr(token, c);
        int r = push(&check, SL_HEAD_REQUEST, sl_str_make(text, sizeof(text) - 1), 20, MAX_BYTES);
        assert_int_equal(r, is_token || c == ':' ? 1 : SL_E_INVAL);
        text[17] = '_';
        for (size_t at = 21; at <= 50; at++) {
            char was = text[at];
            text[at] = (char)c;
            bool ok = c == '\t' || (c >= 0x20 && c != 0x7f);
            r = push(&check, SL_HEAD_REQUEST, sl_str_make(text, sizeof(text) - 1), 0, MAX_BYTES);
            assert_int_equal(r, ok ? 1 : SL_E_INVAL);
            text[at] = was;
        }
    }
}

static void every_fault_has_a_status_and_a_text(void **state)
{
    (void)state;
    for (int fault = SL_HEAD_NUL; fault <= SL_HEAD_TOO_MANY_FIELDS; fault++) {
        int status = sl_head_fault_status((enum sl_head_fault)fault);
        assert_true(status == 400 || status == 414 || status == 431 || status == 505);
        assert_true(strlen(sl_head_fault_text((enum sl_head_fault)fault)) > 10);
        assert_true(strlen(sl_trailer_fault_text((enum sl_head_fault)fault)) > 10);
        if (status == 414 || status == 431) {
            assert_non_null(strstr(sl_head_fault_text((enum sl_head_fault)fault), "limit"));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_whole_and_split),      cmocka_unit_test(responses_whole_and_split),
        cmocka_unit_test(trailers_whole_and_split),      cmocka_unit_test(limits_are_exact),
        cmocka_unit_test(each_byte_in_names_and_values), cmocka_unit_test(every_fault_has_a_status_and_a_text),
    };
    return cmocka_run_group_tests_name("wire/head", tests, NULL, NULL);
}
