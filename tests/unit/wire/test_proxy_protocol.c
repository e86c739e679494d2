/* SPDX-License-Identifier: Apache-2.0 */
/* Headers as a reader meets them: only so many bytes are asked for as are part of the header for sure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/proxy_protocol.h"

#define V2 "\r\n\r\n\0\r\nQUIT\n"

static const struct {
    struct sl_str bytes; /* what follows the header must never be asked for */
    size_t n;            /* of the header; 0: refused */
    const char *source;  /* NULL: the peer's own address counts */
    uint16_t port;
} cases[] = {
    { SL_STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\nGET"), 40, "192.0.2.1", 1234 },
    { SL_STR_INIT("PROXY TCP6 2001:db8::1 ::1 65535 0\r\n\x16"), 36, "2001:db8::1", 65535 },
    { SL_STR_INIT("PROXY UNKNOWN\r\nGET"), 15, NULL, 0 },
    { SL_STR_INIT("PROXY UNKNOWN a b c\r\nGET"), 21, NULL, 0 },
    { SL_STR_INIT(V2 "\x21\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\x04\xd2\0\x50GET"), 28, "192.0.2.1", 1234 },
    { SL_STR_INIT(V2 "\x21\x11\0\x0f\xc0\0\2\1\xc0\0\2\2\x04\xd2\0\x50\4\0\0GET"), 31, "192.0.2.1", 1234 },
    { SL_STR_INIT(V2 "\x20\0\0\0GET"), 16, NULL, 0 },
    { SL_STR_INIT(V2 "\x21\0\0\3abcGET"), 19, NULL, 0 },
    { SL_STR_INIT(V2 "\x20\x11\0\0GET"), 16, NULL, 0 },
    { SL_STR_INIT("GET / HTTP/1.1\r\n\r\n"), 0, NULL, 0 },
    { SL_STR_INIT("PROXY\r\n\r\n\r\n\r\n\r\n"), 0, NULL, 0 },
    { SL_STR_INIT("PROXY TCP4 192.0.2.256 192.0.2.2 1234 80\r\n"), 0, NULL, 0 },
    { SL_STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 -1 80\r\n"), 0, NULL, 0 },
    { SL_STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 1234 65536\r\n"), 0, NULL, 0 },
    { SL_STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 1234\r\n"), 0, NULL, 0 },
    { SL_STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 1234 80 \r\n"), 0, NULL, 0 },
    { SL_STR_INIT("PROXY TCP4 192.0.2.1\0 192.0.2.2 1234 80\r\n"), 0, NULL, 0 },
    { SL_STR_INIT("PROXY TCP6 192.0.2.1 192.0.2.2 1234 80\r\n"), 0, NULL, 0 },
    { SL_STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\n"), 0, NULL, 0 },
    { SL_STR_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\rX"), 0, NULL, 0 },
    { SL_STR_INIT(V2 "\x11\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\x04\xd2\0\x50"), 0, NULL, 0 },
    { SL_STR_INIT(V2 "\x22\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\x04\xd2\0\x50"), 0, NULL, 0 },
    { SL_STR_INIT(V2 "\x21\x12\0\x0c\xc0\0\2\1\xc0\0\2\2\x04\xd2\0\x50"), 0, NULL, 0 },
    { SL_STR_INIT(V2 "\x21\x21\0\x0c\xc0\0\2\1\xc0\0\2\2\x04\xd2\0\x50"), 0, NULL, 0 },
    { SL_STR_INIT(V2 "\x21\x11\0\x0b\xc0\0\2\1\xc0\0\2\2\x04\xd2\0\x50"), 0, NULL, 0 },
    { SL_STR_INIT(V2 "\x21\x11\xff\xff\xc0\0\2\1\xc0\0\2\2\x04\xd2\0\x50"), 0, NULL, 0 },
    { SL_STR_INIT(V2 "\x21\x41\0\x0c\xc0\0\2\1\xc0\0\2\2\x04\xd2\0\x50"), 0, NULL, 0 },
};

/* Reads as the server does, `piece` bytes at most at a time. Returns the verdict. */
static int read_header(struct sl_str bytes, size_t piece, struct sl_proxy_header *ret, size_t *ret_n)
{
    size_t n = 0;
    size_t need = SL_PROXY_HEADER_MIN;
    for (;;) {
        if (n == bytes.n) {
            return 1;
        }
        n += SL_MIN(SL_MIN(need, piece), bytes.n - n);
        *ret_n = n;
        need = 0;
        int r = sl_proxy_parse(sl_str_sub(bytes, 0, n), ret, &need);
        if (r != 1) {
            return r;
        }
        assert_true(need > 0);
    }
}

static void headers_are_read_exactly(void **state)
{
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
        for (size_t piece = 1; piece <= cases[i].bytes.n; piece++) {
            struct sl_proxy_header header;
            size_t n = 0;
            int r = read_header(cases[i].bytes, piece, &header, &n);
            char text[INET6_ADDRSTRLEN] = "";
            if (r == 0 && header.has_source) {
                inet_ntop(header.is_ipv6 ? AF_INET6 : AF_INET, header.source, text, sizeof(text));
            }
            if (r != (cases[i].n ? 0 : SL_E_INVAL) || (cases[i].n && n != cases[i].n) ||
                strcmp(text, cases[i].source ? cases[i].source : "") != 0 ||
                (r == 0 && header.source_port != cases[i].port)) {
                fail_msg("case %zu in pieces of %zu: %d after %zu bytes, %s", i, piece, r, n, text);
            }
        }
    }
}

static void a_line_ends_within_107_bytes(void **state)
{
    (void)state;
    char text[200];
    struct sl_proxy_header header;
    size_t n;
    memset(text, 'x', sizeof(text));
    memcpy(text, "PROXY UNKNOWN ", 14);
    memcpy(text + 105, "\r\n", 2);
    assert_int_equal(read_header(sl_str_make(text, 107), 1, &header, &n), 0);
    memcpy(text + 105, "x\r\n", 3);
    assert_int_equal(read_header(sl_str_make(text, 108), 1, &header, &n), SL_E_INVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_are_read_exactly),
        cmocka_unit_test(a_line_ends_within_107_bytes),
    };
    return cmocka_run_group_tests_name("wire/proxy_protocol", tests, NULL, NULL);
}
