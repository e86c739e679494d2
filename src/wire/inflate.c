/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/inflate.h"

#include <stdlib.h>
#include <zlib.h>

#define OUT_BYTES 16384
/* Window of 15 bits; 32: gzip or zlib, told from the header. */
#define WINDOW_BITS (15 + 32)
/* Negative: neither. Some servers' "deflate" has no zlib header (RFC 9110 8.4.1.2 notes it). */
#define RAW_WINDOW_BITS (-15)

struct sl_inflate {
    z_stream z;
    bool is_at_member_end; /* complete, unless another member follows */
    bool is_gzip;
    bool has_begun;
    unsigned char out[OUT_BYTES];
};

int sl_inflate_new(struct sl_inflate **ret)
{
    struct sl_inflate *inf = calloc(1, sizeof(*inf));
    if (!inf) {
        return SL_E_NOMEM;
    }
    if (inflateInit2(&inf->z, WINDOW_BITS) != Z_OK) {
        free(inf);
        return SL_E_NOMEM;
    }
    *ret = inf;
    return 0;
}

void sl_inflate_free(struct sl_inflate *inf)
{
    if (inf) {
        inflateEnd(&inf->z);
        free(inf);
    }
}

/* Inflates what is there once: one buffer of output. */
static int step(struct sl_inflate *inf, sl_inflate_fn on_bytes, void *arg)
{
    inf->z.next_out = inf->out;
    inf->z.avail_out = OUT_BYTES;
    int z = inflate(&inf->z, Z_NO_FLUSH);
    if (z == Z_MEM_ERROR) {
        return SL_E_NOMEM;
    }
    if (z != Z_OK && z != Z_STREAM_END && z != Z_BUF_ERROR) {
        return SL_E_INVAL;
    }
    inf->is_at_member_end = z == Z_STREAM_END;
    size_t n = OUT_BYTES - inf->z.avail_out;
    return n ? on_bytes(arg, sl_str_make((char *)inf->out, n)) : 0;
}

int sl_inflate_push(struct sl_inflate *inf, struct sl_str bytes, sl_inflate_fn on_bytes, void *arg)
{
    if (bytes.n && !inf->has_begun) {
        inf->has_begun = true;
        unsigned char first = (unsigned char)bytes.p[0];
        inf->is_gzip = first == 0x1f;
        /* zlib's first byte names method 8 (RFC 1950); no deflate block begins like that, for its padding is zero. */
        if (!inf->is_gzip && (first & 15) != 8 && inflateReset2(&inf->z, RAW_WINDOW_BITS) != Z_OK) {
            return SL_E_INVAL;
        }
    }
    inf->z.next_in = (unsigned char *)(uintptr_t)bytes.p;
    inf->z.avail_in = (unsigned)bytes.n;
    SL_ASSERT(inf->z.avail_in == bytes.n);
    for (;;) {
        if (inf->is_at_member_end) {
            if (inf->z.avail_in == 0) {
                return 0;
            }
            if (!inf->is_gzip || inflateReset(&inf->z) != Z_OK) {
                return SL_E_INVAL; /* bytes behind the end */
            }
            inf->is_at_member_end = false;
        }
        int r = step(inf, on_bytes, arg);
        if (r != 0) {
            return r;
        }
        if (!inf->is_at_member_end && inf->z.avail_out) {
            return 0; /* all input used, all output given */
        }
    }
}

struct sl_str sl_inflate_rest(const struct sl_inflate *inf)
{
    return sl_str_make((const char *)inf->z.next_in, inf->z.avail_in);
}

int sl_inflate_finish(const struct sl_inflate *inf)
{
    return inf->is_at_member_end || !inf->has_begun ? 0 : SL_E_TRUNCATED;
}
