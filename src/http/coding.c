/* SPDX-License-Identifier: Apache-2.0 */
#include "http/coding.h"

#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "wire/headers.h"
#include "wire/inflate.h"

#define OUT_BYTES       16384
#define WINDOW_LOG_BITS 23 /* 8 MiB */

/* Words that servers and proxies send here although they encode nothing. */
static bool is_nothing(struct sl_str word)
{
    static const char *const words[] = { "",      "identity",   "none",     "null",   "utf-8", "utf8",
                                         "ascii", "iso-8859-1", "us-ascii", "binary", "text",  "plain" };
    for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
        if (sl_str_case_eq(word, sl_str_c(words[i]))) {
            return true;
        }
    }
    return false;
}

static bool coding_find(struct sl_str word, enum sl_coding *ret)
{
    static const struct {
        const char *word;
        enum sl_coding coding;
    } words[] = { { "gzip", SL_CODING_GZIP },
                  { "x-gzip", SL_CODING_GZIP },
                  { "deflate", SL_CODING_DEFLATE },
                  { "zstd", SL_CODING_ZSTD } };
    for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
        if (sl_str_case_eq(word, sl_str_c(words[i].word))) {
            *ret = words[i].coding;
            return true;
        }
    }
    return false;
}

static int word_add(struct sl_codings *codings, struct sl_str word, struct sl_str *ret_word)
{
    if (is_nothing(word)) {
        return 0;
    }
    *ret_word = word;
    if (codings->n == SL_CODINGS_MAX || !coding_find(word, &codings->v[codings->n])) {
        return SL_E_UNSUPPORTED;
    }
    codings->n++;
    return 0;
}

int sl_codings_parse(const struct sl_headers *headers, struct sl_codings *ret, struct sl_str *ret_word)
{
    struct sl_codings codings = { .n = 0 };
    for (uint32_t i = 0; i < headers->n; i++) {
        if (!sl_str_case_eq(headers->v[i].name, SL_STR("content-encoding"))) {
            continue;
        }
        struct sl_str list = headers->v[i].value, word;
        while (sl_str_next(&list, ',', &word)) {
            int r = word_add(&codings, sl_str_trim(word), ret_word);
            if (r < 0) {
                return r;
            }
        }
    }
    *ret = codings;
    return 0;
}

bool sl_coding_is_word(struct sl_str word)
{
    enum { WORD_MAX = 20 };
    bool is_word = word.n > 0 && word.n <= WORD_MAX;
    for (size_t i = 0; i < word.n && is_word; i++) {
        unsigned char c = (unsigned char)word.p[i], low = c | 0x20;
        is_word = (c >= '0' && c <= '9') || (low >= 'a' && low <= 'z') || c == '-' || c == '_';
    }
    return is_word;
}

static int zlib_undo(struct sl_str body, sl_coding_fn on_bytes, void *arg)
{
    struct sl_inflate *inf;
    int r = sl_inflate_new(&inf, 1);
    if (r < 0) {
        return r;
    }
    r = sl_inflate_push(inf, body, on_bytes, arg);
    r = r == 0 ? sl_inflate_finish(inf) : r;
    sl_inflate_free(inf);
    return r;
}

static int zstd_run(ZSTD_DStream *stream, struct sl_str body, sl_coding_fn on_bytes, void *arg)
{
    char out_bytes[OUT_BYTES];
    ZSTD_inBuffer in = { body.p, body.n, 0 };
    size_t left = 0;
    bool is_full = false; /* the last piece filled the buffer: there may be more output without new input */
    while (in.pos < in.size || is_full) {
        ZSTD_outBuffer out = { out_bytes, OUT_BYTES, 0 };
        left = ZSTD_decompressStream(stream, &out, &in);
        if (ZSTD_isError(left)) {
            return ZSTD_getErrorCode(left) == ZSTD_error_memory_allocation ? SL_E_NOMEM : SL_E_INVAL;
        }
        int r = out.pos ? on_bytes(arg, sl_str_make(out_bytes, out.pos)) : 0;
        if (r != 0) {
            return r;
        }
        is_full = out.pos == OUT_BYTES;
    }
    return left == 0 ? 0 : SL_E_TRUNCATED;
}

static int zstd_undo(struct sl_str body, sl_coding_fn on_bytes, void *arg)
{
    ZSTD_DStream *stream = ZSTD_createDStream();
    if (!stream || ZSTD_isError(ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, WINDOW_LOG_BITS))) {
        ZSTD_freeDStream(stream);
        return SL_E_NOMEM;
    }
    int r = zstd_run(stream, body, on_bytes, arg);
    ZSTD_freeDStream(stream);
    return r;
}

int sl_coding_undo(enum sl_coding coding, struct sl_str body, sl_coding_fn on_bytes, void *arg)
{
    if (coding == SL_CODING_ZSTD) {
        return zstd_undo(body, on_bytes, arg);
    }
    /* gzip must begin with its own magic byte (RFC 1952 2.3.1); zlib would also accept other formats. */
    if (coding == SL_CODING_GZIP && body.n && body.p[0] != '\x1f') {
        return SL_E_INVAL;
    }
    return zlib_undo(body, on_bytes, arg);
}
