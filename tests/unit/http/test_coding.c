/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include <zlib.h>
#include <zstd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "http/coding.h"
#include "wire/headers.h"

static const struct {
    const char *value, *second; /* NULL: no second field */
    int want;
    const char *names; /* of the codings, in order; the wrong word if it is refused */
} lists[] = {
    { "gzip", NULL, 0, "gzip " },
    { "GZIP", NULL, 0, "gzip " },
    { "x-gzip", NULL, 0, "gzip " },
    { "deflate", NULL, 0, "deflate " },
    { "zstd", NULL, 0, "zstd " },
    { "", NULL, 0, "" },
    { "identity", NULL, 0, "" },
    { "none", NULL, 0, "" },
    { "utf-8", NULL, 0, "" },
    { "UTF-8", NULL, 0, "" },
    { "identity, gzip", NULL, 0, "gzip " },
    { "gzip,identity", NULL, 0, "gzip " },
    { ",gzip,,", NULL, 0, "gzip " },
    { "deflate, gzip", NULL, 0, "deflate gzip " },
    { "deflate", "gzip", 0, "deflate gzip " },
    { "gzip, gzip, gzip", NULL, 0, "gzip gzip gzip " },
    { "gzip, gzip, gzip, gzip", NULL, SL_E_UNSUPPORTED, "gzip" },
    { "br", NULL, SL_E_UNSUPPORTED, "br" },
    { "gzip, br", NULL, SL_E_UNSUPPORTED, "br" },
    { "gzip;q=1", NULL, SL_E_UNSUPPORTED, "gzip;q=1" },
    { "compress", NULL, SL_E_UNSUPPORTED, "compress" },
};

static void lists_are_read(void **state)
{
    static const char *const words[] = { "gzip", "deflate", "zstd" };
    (void)state;
    for (size_t i = 0; i < SL_ARRAY_LEN(lists); i++) {
        struct sl_arena arena;
        sl_arena_init(&arena, NULL);
        struct sl_headers headers = { 0 };
        assert_int_equal(sl_headers_add(&headers, &arena, SL_STR("Content-Encoding"), sl_str_c(lists[i].value)), 0);
        if (lists[i].second) {
            assert_int_equal(sl_headers_add(&headers, &arena, SL_STR("content-encoding"), sl_str_c(lists[i].second)),
                             0);
        }
        struct sl_codings codings = { .n = 0 };
        struct sl_str word = SL_STR_NONE;
        assert_int_equal(sl_codings_parse(&headers, &codings, &word), lists[i].want);
        char names[64] = "";
        for (unsigned k = 0; lists[i].want == 0 && k < codings.n; k++) {
            strcat(names, words[codings.v[k]]);
            strcat(names, " ");
        }
        assert_string_equal(lists[i].want == 0 ? names : lists[i].names, lists[i].names);
        assert_true(lists[i].want == 0 || sl_str_eq_c(word, lists[i].names));
        sl_arena_done(&arena);
    }
}

static int on_bytes(void *arg, struct sl_str bytes)
{
    sl_buf_add_str(arg, bytes);
    return sl_buf_status(arg);
}

static int undo(enum sl_coding coding, const void *p, size_t n, struct sl_buf *out)
{
    sl_buf_reset(out);
    return sl_coding_undo(coding, sl_str_make(p, n), on_bytes, out);
}

static size_t gzip_make(const char *text, size_t n, int window, unsigned char *out, size_t cap)
{
    z_stream z = { 0 };
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)text;
    z.avail_in = (unsigned)n;
    z.next_out = out;
    z.avail_out = (unsigned)cap;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return cap - z.avail_out;
}

#define TEXT_BYTES 200000

static void bodies_come_back_and_bombs_stop(void **state)
{
    (void)state;
    char *text = malloc(TEXT_BYTES);
    unsigned char *packed = malloc(TEXT_BYTES + 1000);
    for (size_t i = 0; i < TEXT_BYTES; i++) {
        text[i] = (char)('a' + (i * i / 7) % 26);
    }
    for (int coding = SL_CODING_GZIP; coding <= SL_CODING_ZSTD; coding++) {
        size_t n = coding == SL_CODING_ZSTD
                       ? ZSTD_compress(packed, TEXT_BYTES + 1000, text, TEXT_BYTES, 3)
                       : gzip_make(text, TEXT_BYTES, coding == SL_CODING_GZIP ? 31 : 15, packed, TEXT_BYTES + 1000);
        struct sl_buf out = SL_BUF_INIT(TEXT_BYTES), small = SL_BUF_INIT(5000);
        assert_int_equal(undo(coding, packed, n, &out), 0);
        assert_int_equal(out.len, TEXT_BYTES);
        assert_memory_equal(out.p, text, TEXT_BYTES);
        assert_int_equal(undo(coding, packed, n, &small), SL_E_LIMIT);
        assert_int_equal(undo(coding, packed, n / 2, &out), SL_E_TRUNCATED);
        assert_true(undo(coding, "{\"model\":1}", 11, &out) < 0);
        if (coding != SL_CODING_ZSTD) { /* zstd has no checksum by default */
            packed[n / 2] ^= 0x55;
            assert_true(undo(coding, packed, n, &out) < 0);
        }
        sl_buf_done(&out);
        sl_buf_done(&small);
    }
    free(text);
    free(packed);
}

/* A window that is larger than a content coding may have. */
static void a_large_window_is_refused(void **state)
{
    (void)state;
    size_t n = 10000000;
    char *text = calloc(1, n);
    char *packed = malloc(ZSTD_compressBound(n));
    for (size_t i = 0; i < n; i++) {
        text[i] = (char)(i * 2654435761u >> 13);
    }
    ZSTD_CCtx *c = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, 25);
    ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
    ZSTD_inBuffer in = { text, n, 0 };
    ZSTD_outBuffer to = { packed, ZSTD_compressBound(n), 0 };
    while (ZSTD_compressStream2(c, &to, &in, in.pos < n ? ZSTD_e_continue : ZSTD_e_end) != 0 || in.pos < n) {
    }
    ZSTD_freeCCtx(c);
    struct sl_buf out = SL_BUF_INIT(2 * n);
    assert_int_equal(undo(SL_CODING_ZSTD, packed, to.pos, &out), SL_E_INVAL);
    sl_buf_done(&out);
    free(text);
    free(packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_read),
        cmocka_unit_test(bodies_come_back_and_bombs_stop),
        cmocka_unit_test(a_large_window_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
