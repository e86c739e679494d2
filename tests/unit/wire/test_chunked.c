/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "wire/chunked.h"

struct result {
    int last; /* SL_CHUNKED_LAST, SL_CHUNKED_MORE or SL_E_INVAL */
    size_t used;
    char data[64];
    size_t n;
    uint64_t sizes; /* the sum of what the size lines said */
};

/* Everything in pieces. */
static struct result read_all(struct sl_str text, size_t piece)
{
    struct result res = { .last = SL_CHUNKED_MORE };
    struct sl_chunked c;
    sl_chunked_init(&c);
    for (size_t at = 0; at < text.n;) {
        struct sl_str data = SL_STR_NONE;
        size_t used = 0;
        int r = sl_chunked_push(&c, sl_str_sub(text, at, SL_MIN(text.n, at + piece)), &used, &data);
        if (r < 0) {
            assert_non_null(c.fault);
            res.last = r;
            return res;
        }
        at += used;
        res.used = at;
        if (r == SL_CHUNKED_DATA) {
            assert_true(res.n + data.n <= sizeof(res.data));
            memcpy(res.data + res.n, data.p, data.n);
            res.n += data.n;
        } else if (r == SL_CHUNKED_SIZE) {
            res.sizes += c.left;
        } else if (r == SL_CHUNKED_LAST) {
            res.last = r;
            return res;
        }
    }
    return res;
}

static const struct {
    struct sl_str text;
    const char *data;
    size_t used; /* through the last size line; 0: there is none yet */
} good[] = {
    { SL_STR_INIT("0\r\n"), "", 3 },
    { SL_STR_INIT("0\r\n\r\nGET"), "", 3 },
    { SL_STR_INIT("00000000000000000000\r\n\r\n"), "", 22 },
    { SL_STR_INIT("5\r\nhello\r\n0\r\n"), "hello", 13 },
    { SL_STR_INIT("005\r\nhello\r\n1;a\r\n,\r\n6;a=\"b;c\";\t d\r\n world\r\n0;x=y\r\nT: u\r\n"), "hello, world", 50 },
    { SL_STR_INIT("A\r\n0123456789\r\na\r\n\r\n0\r\n\r\n0\r\n\r\n0\r\n"), "0123456789\r\n0\r\n\r\n0\r\n", 33 },
    { SL_STR_INIT("3\r\nab"), "ab", 0 },
    { SL_STR_INIT("3\r\nabc\r"), "abc", 0 },
    { SL_STR_INIT("ffffffffffffffff\r\nab"), "ab", 0 },
};

static void chunks_split_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(good); i++) {
        for (size_t piece = 1; piece <= good[i].text.n; piece++) {
            struct result res = read_all(good[i].text, piece);
            if (res.n != strlen(good[i].data) || memcmp(res.data, good[i].data, res.n) != 0 ||
                res.last != (good[i].used ? SL_CHUNKED_LAST : SL_CHUNKED_MORE) ||
                (good[i].used && res.used != good[i].used)) {
                fail_msg("row %zu in pieces of %zu: %d, %zu bytes used, data %.*s", i, piece, res.last, res.used,
                         (int)res.n, res.data);
            }
        }
    }
}

static const struct sl_str bad[] = {
    SL_STR_INIT("\r\n"),
    SL_STR_INIT("\n"),
    SL_STR_INIT("g\r\n"),
    SL_STR_INIT(" 5\r\n"),
    SL_STR_INIT("5 \r\n"),
    SL_STR_INIT("5\t\r\n"),
    SL_STR_INIT("5\n"),
    SL_STR_INIT("5\rx"),
    SL_STR_INIT("+5\r\n"),
    SL_STR_INIT("-5\r\n"),
    SL_STR_INIT("0x5\r\n"),
    SL_STR_INIT("5_0\r\n"),
    SL_STR_INIT(";a\r\n"),
    SL_STR_INIT("5;a\n"),
    SL_STR_INIT("5;a\0\r\n"),
    SL_STR_INIT("5;a\x7f\r\n"),
    SL_STR_INIT("5;a\x80\r\n"),
    SL_STR_INIT("5;a\x01\r\n"),
    SL_STR_INIT("1;a=\"\r\n\"\r\n\r\n"),
    SL_STR_INIT("5\r\nhello0\r\n"),
    SL_STR_INIT("5\r\nhello\n0\r\n"),
    SL_STR_INIT("5\r\nhello\r0\r\n"),
    SL_STR_INIT("5\r\nhello\r\n\r\n"),
    SL_STR_INIT("10000000000000000\r\n"),
    SL_STR_INIT("00000000010000000000000000\r\n"),
};

static void malformed_chunks_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(bad); i++) {
        for (size_t piece = 1; piece <= bad[i].n; piece++) {
            struct result res = read_all(bad[i], piece);
            if (res.last != SL_E_INVAL) {
                fail_msg("row %zu in pieces of %zu: %d", i, piece, res.last);
            }
        }
    }
}

static void a_size_line_has_a_limit(void **state)
{
    (void)state;
    char text[SL_CHUNK_LINE_MAX + 4];
    for (size_t over = 0; over < 2; over++) {
        size_t n = SL_CHUNK_LINE_MAX + over;
        memset(text, '0', n);
        memcpy(text + n, "\r\n", 2);
        assert_int_equal(read_all(sl_str_make(text, n + 2), 100).last, over ? SL_E_INVAL : SL_CHUNKED_LAST);
        text[0] = '1', text[1] = ';';
        assert_int_equal(read_all(sl_str_make(text, n + 2), 100).last, over ? SL_E_INVAL : SL_CHUNKED_MORE);
    }
}

static void sizes_are_told_before_the_data(void **state)
{
    (void)state;
    assert_int_equal(read_all(SL_STR("ffffffffffffffff\r\n"), 3).sizes, UINT64_MAX);
    assert_int_equal(read_all(SL_STR("1F\r\n"), 3).sizes, 31);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_split_anywhere),
        cmocka_unit_test(malformed_chunks_are_refused),
        cmocka_unit_test(a_size_line_has_a_limit),
        cmocka_unit_test(sizes_are_told_before_the_data),
    };
    return cmocka_run_group_tests_name("wire/chunked", tests, NULL, NULL);
}
