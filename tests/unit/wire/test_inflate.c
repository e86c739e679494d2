/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <zlib.h>

#include "wire/inflate.h"

#define TEXT_BYTES 100000

struct sink {
    char *p;
    size_t n;
};

static int on_bytes(void *arg, struct sl_str bytes)
{
    struct sink *sink = arg;
    assert_true(bytes.n <= 16384 && sink->n + bytes.n <= 2 * TEXT_BYTES);
    memcpy(sink->p + sink->n, bytes.p, bytes.n);
    sink->n += bytes.n;
    return 0;
}

static size_t deflate_text(const char *text, size_t n, int window, unsigned char *out, size_t cap)
{
    z_stream z = { 0 };
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)text;
    z.avail_in = (unsigned)n;
    z.next_out = out;
    z.avail_out = (unsigned)cap;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return cap - z.avail_out;
}

static int inflate_pieces(const unsigned char *p, size_t n, size_t piece, unsigned n_codings, struct sink *sink)
{
    struct sl_inflate *inf;
    assert_int_equal(sl_inflate_new(&inf, n_codings), 0);
    sink->n = 0;
    int r = 0;
    for (size_t at = 0; r == 0 && at < n; at += piece) {
        r = sl_inflate_push(inf, sl_str_make((const char *)p + at, SL_MIN(piece, n - at)), on_bytes, sink);
    }
    if (r == 0) {
        r = sl_inflate_finish(inf);
    }
    sl_inflate_free(inf);
    return r;
}

static void gzip_and_zlib_come_back(void **state)
{
    (void)state;
    char *text = malloc(TEXT_BYTES);
    unsigned char *packed = malloc(2 * TEXT_BYTES);
    struct sink sink = { malloc(2 * TEXT_BYTES), 0 };
    for (size_t i = 0; i < TEXT_BYTES; i++) {
        text[i] = (char)('a' + (i * i / 7) % 26);
    }
    for (int window = -15; window <= 31; window += window < 0 ? 30 : 16) { /* bare deflate, zlib, gzip */
        size_t n = deflate_text(text, TEXT_BYTES, window, packed, 2 * TEXT_BYTES);
        for (size_t piece = 1; piece <= n; piece = piece * 3 + 1) {
            assert_int_equal(inflate_pieces(packed, n, piece, 1, &sink), 0);
            assert_int_equal(sink.n, TEXT_BYTES);
            assert_memory_equal(sink.p, text, TEXT_BYTES);
        }
        assert_int_equal(inflate_pieces(packed, n - 1, 1000, 1, &sink), SL_E_TRUNCATED);
        packed[n] = 'x'; /* junk behind the end */
        assert_int_equal(inflate_pieces(packed, n + 1, 1000, 1, &sink), window < 16 ? SL_E_INVAL : SL_E_TRUNCATED);
        packed[n / 2] ^= 0x55;
        assert_true(inflate_pieces(packed, n, 1000, 1, &sink) < 0);
    }
    size_t n = deflate_text(text, 1000, 31, packed, TEXT_BYTES);
    n += deflate_text(text + 1000, 1000, 31, packed + n, TEXT_BYTES);
    assert_int_equal(inflate_pieces(packed, n, 7, 1, &sink), 0); /* two members */
    assert_int_equal(sink.n, 2000);
    assert_memory_equal(sink.p, text, 2000);
    free(text);
    free(packed);
    free(sink.p);
}

/* gzip over zlib, zlib over gzip, and three of them: decoded in order, in pieces of any size. */
static void codings_over_one_another_come_back(void **state)
{
    (void)state;
    static const int windows[][3] = { { 15, 31, 0 }, { 31, 15, 0 }, { 31, 31, 31 }, { -15, 31, 0 } };
    char *text = malloc(TEXT_BYTES);
    unsigned char *packed[4];
    struct sink sink = { malloc(2 * TEXT_BYTES), 0 };
    memset(text, 'y', TEXT_BYTES);
    for (size_t i = 0; i < 4; i++) {
        packed[i] = malloc(2 * TEXT_BYTES);
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(windows); i++) {
        size_t n = TEXT_BYTES;
        unsigned k = 0;
        memcpy(packed[0], text, TEXT_BYTES);
        for (; k < 3 && windows[i][k]; k++) {
            n = deflate_text((char *)packed[k], n, windows[i][k], packed[k + 1], 2 * TEXT_BYTES);
        }
        for (size_t piece = 1; piece <= n; piece = piece * 2 + 1) {
            assert_int_equal(inflate_pieces(packed[k], n, piece, k, &sink), 0);
            assert_int_equal(sink.n, TEXT_BYTES);
            assert_memory_equal(sink.p, text, TEXT_BYTES);
        }
        assert_int_equal(inflate_pieces(packed[k], n - 1, 5, k, &sink), SL_E_TRUNCATED);
        assert_true(inflate_pieces(packed[k - 1], n, 5, k, &sink) < 0); /* it has fewer codings than that */
    }
    for (size_t i = 0; i < 4; i++) {
        free(packed[i]);
    }
    free(text);
    free(sink.p);
}

struct stopper {
    struct sink sink;
    unsigned left; /* calls until it stops */
};

static int on_bytes_then_stop(void *arg, struct sl_str bytes)
{
    struct stopper *stopper = arg;
    SL_IGNORE(on_bytes(&stopper->sink, bytes));
    return --stopper->left == 0 ? SL_E_AGAIN : 0;
}

/* Stopped after every few pieces, it goes on with the remaining input, and with what it holds itself. */
static void a_stopped_push_goes_on(void **state)
{
    (void)state;
    char *text = malloc(TEXT_BYTES);
    unsigned char *packed = malloc(2 * TEXT_BYTES);
    memset(text, 'x', TEXT_BYTES);
    size_t n = deflate_text(text, TEXT_BYTES, 31, packed, 2 * TEXT_BYTES);
    for (unsigned every = 1; every < 8; every++) {
        struct sl_inflate *inf;
        struct stopper stopper = { { malloc(2 * TEXT_BYTES), 0 }, every };
        assert_int_equal(sl_inflate_new(&inf, 1), 0);
        struct sl_str rest = sl_str_make((const char *)packed, n);
        int r;
        while ((r = sl_inflate_push(inf, rest, on_bytes_then_stop, &stopper)) == SL_E_AGAIN) {
            rest = sl_inflate_rest(inf);
            stopper.left = every;
        }
        assert_int_equal(r, 0);
        assert_int_equal(sl_inflate_finish(inf), 0);
        assert_int_equal(stopper.sink.n, TEXT_BYTES);
        assert_memory_equal(stopper.sink.p, text, TEXT_BYTES);
        free(stopper.sink.p);
        sl_inflate_free(inf);
    }
    free(text);
    free(packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(gzip_and_zlib_come_back),
                                        cmocka_unit_test(codings_over_one_another_come_back),
                                        cmocka_unit_test(a_stopped_push_goes_on) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
