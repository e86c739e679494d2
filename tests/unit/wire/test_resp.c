/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "wire/resp.h"

#define ITEMS_MAX 16

/* A reply, and its items as "+OK", "-ERR x", ":5", "$text", "~" (nil), "*2" with blanks between them; NULL: the code.
 */
static const struct {
    const char *bytes;
    size_t n; /* 0: up to the NUL */
    const char *items;
    int code;
} replies[] = {
    { "+OK\r\n", 0, "+OK", 0 },
    { "+\r\n", 0, "+", 0 },
    { "-NOSCRIPT No matching script.\r\n", 0, "-NOSCRIPT No matching script.", 0 },
    { ":0\r\n", 0, ":0", 0 },
    { ":-9223372036854775808\r\n", 0, ":-9223372036854775808", 0 },
    { ":9223372036854775807\r\n", 0, ":9223372036854775807", 0 },
    { "$5\r\nhello\r\n", 0, "$hello", 0 },
    { "$0\r\n\r\n", 0, "$", 0 },
    { "$4\r\n\r\n\0x\r\n", 10, "$\r\n", 0 }, /* a NUL ends the shown text */
    { "$-1\r\n", 0, "~", 0 },
    { "*-1\r\n", 0, "~", 0 },
    { "*0\r\n", 0, "*0", 0 },
    { "*3\r\n:1\r\n$1\r\na\r\n$-1\r\n", 0, "*3 :1 $a ~", 0 },
    { "*2\r\n*2\r\n:1\r\n*0\r\n+x\r\n", 0, "*2 *2 :1 *0 +x", 0 },
    { "*1\r\n*1\r\n*1\r\n*1\r\n:7\r\n", 0, "*1 *1 *1 *1 :7", 0 },
    { "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:7\r\n", 0, NULL, SL_E_LIMIT },
    { "*17\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n",
      0, NULL, SL_E_LIMIT },
    { "*4097\r\n", 0, NULL, SL_E_LIMIT },
    { "$1048577\r\n", 0, NULL, SL_E_LIMIT },
    { "$-2\r\n", 0, NULL, SL_E_LIMIT },
    { "$x\r\n", 0, NULL, SL_E_INVAL },
    { "$1\r\nab\r\n", 0, NULL, SL_E_INVAL },
    { "$1\r\na\rb", 0, NULL, SL_E_INVAL },
    { "$\r\n", 0, NULL, SL_E_INVAL },
    { ":\r\n", 0, NULL, SL_E_INVAL },
    { ":1.5\r\n", 0, NULL, SL_E_INVAL },
    { ":9223372036854775808\r\n", 0, NULL, SL_E_INVAL },
    { "+a\rb\r\n", 0, NULL, SL_E_INVAL },
    { "HTTP/1.1 200 OK\r\n", 0, NULL, SL_E_INVAL },
    { "%1\r\n", 0, NULL, SL_E_INVAL }, /* version 3 of the protocol */
    { "", 0, NULL, SL_E_AGAIN },
};

static void items_write(const struct sl_resp *items, int n, char *out, size_t max)
{
    size_t at = 0;
    out[0] = '\0';
    for (int i = 0; i < n; i++) {
        const struct sl_resp *item = &items[i];
        const char *blank = i ? " " : "";
        if (item->type == SL_RESP_NUMBER || item->type == SL_RESP_LIST) {
            at += (size_t)snprintf(out + at, max - at, "%s%c%lld", blank, item->type == SL_RESP_LIST ? '*' : ':',
                                   (long long)item->number);
        } else {
            char mark = item->type == SL_RESP_TEXT    ? '+'
                        : item->type == SL_RESP_ERROR ? '-'
                        : item->type == SL_RESP_BULK  ? '$'
                                                      : '~';
            at += (size_t)snprintf(out + at, max - at, "%s%c%.*s", blank, mark, SL_STR_ARG(item->text));
        }
    }
}

static void replies_are_read_or_refused_at_every_byte(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(replies); i++) {
        size_t n = replies[i].n ? replies[i].n : strlen(replies[i].bytes), used = 0;
        struct sl_resp items[ITEMS_MAX];
        char text[512];
        for (size_t cut = 0; cut < n; cut++) {
            /* Memory of exactly this size: a sanitizer sees a read beyond it. */
            char *part = malloc(cut + 1);
            memcpy(part, replies[i].bytes, cut);
            int r = sl_resp_read(sl_str_make(part, cut), items, ITEMS_MAX, &used);
            free(part);
            if (replies[i].items && r != SL_E_AGAIN) {
                fail_msg("reply %zu, first %zu bytes: %d", i, cut, r);
            }
            assert_true(r == SL_E_AGAIN || r == replies[i].code);
        }
        int r = sl_resp_read(sl_str_make(replies[i].bytes, n), items, ITEMS_MAX, &used);
        if (!replies[i].items) {
            if (r != replies[i].code) {
                fail_msg("reply %zu: %d", i, r);
            }
            continue;
        }
        assert_true(r > 0);
        assert_int_equal(used, n);
        items_write(items, r, text, sizeof(text));
        assert_string_equal(text, replies[i].items);
    }
}

static void one_reply_is_taken_of_several(void **state)
{
    (void)state;
    struct sl_str bytes = SL_STR(":1\r\n+two\r\n$3\r\nthr");
    struct sl_resp items[4];
    size_t used = 0;
    assert_int_equal(sl_resp_read(bytes, items, 4, &used), 1);
    assert_int_equal(used, 4);
    bytes = sl_str_sub(bytes, used, bytes.n);
    assert_int_equal(sl_resp_read(bytes, items, 4, &used), 1);
    assert_true(sl_str_eq_c(items[0].text, "two"));
    bytes = sl_str_sub(bytes, used, bytes.n);
    assert_int_equal(sl_resp_read(bytes, items, 4, &used), SL_E_AGAIN);
}

static void a_line_without_end_is_refused(void **state)
{
    (void)state;
    size_t n = SL_RESP_BULK_MAX + 8, used;
    char *bytes = malloc(n);
    struct sl_resp item;
    memset(bytes, 'a', n);
    bytes[0] = '+';
    assert_int_equal(sl_resp_read(sl_str_make(bytes, n), &item, 1, &used), SL_E_LIMIT);
    free(bytes);
}

static void commands_are_written(void **state)
{
    (void)state;
    struct sl_buf out = SL_BUF_INIT(1024);
    sl_resp_begin(&out, 2);
    sl_resp_word(&out, sl_str_make("a\0b", 3));
    sl_resp_word_u64(&out, UINT64_MAX);
    struct sl_str want = SL_STR("*2\r\n$3\r\na\0b\r\n$20\r\n18446744073709551615\r\n");
    assert_int_equal(sl_buf_status(&out), 0);
    assert_true(sl_str_eq(sl_buf_str(&out), want));
    sl_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_are_read_or_refused_at_every_byte),
        cmocka_unit_test(one_reply_is_taken_of_several),
        cmocka_unit_test(a_line_without_end_is_refused),
        cmocka_unit_test(commands_are_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
