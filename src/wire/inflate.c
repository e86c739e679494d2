/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/inflate.h"

#include <stdlib.h>
#include <zlib.h>

#define OUT_BYTES 16384
/* A window of 15 bits; 32: gzip or zlib, by the header. */
#define WINDOW_BITS (15 + 32)
/* Negative: neither. The "deflate" of some servers has no zlib header (noted in RFC 9110 8.4.1.2). */
#define RAW_WINDOW_BITS (-15)

/* One coding. A body that was coded twice goes through two stages: the output of the first is the input of the
 * second. */
struct stage {
    z_stream z;
    bool is_at_member_end; /* complete, unless another member follows */
    bool is_gzip;
    bool has_begun;
    bool has_more; /* the last piece filled the buffer: there may be more output without new input */
    unsigned char out[OUT_BYTES];
};

struct sl_inflate {
    unsigned n;
    struct stage stages[];
};

int sl_inflate_new(struct sl_inflate **ret, unsigned n)
{
    SL_ASSERT(n >= 1 && n <= SL_INFLATE_STAGES_MAX);
    struct sl_inflate *inf = calloc(1, sizeof(*inf) + n * sizeof(inf->stages[0]));
    if (!inf) {
        return SL_E_NOMEM;
    }
    for (; inf->n < n; inf->n++) {
        if (inflateInit2(&inf->stages[inf->n].z, WINDOW_BITS) != Z_OK) {
            sl_inflate_free(inf);
            return SL_E_NOMEM;
        }
    }
    *ret = inf;
    return 0;
}

void sl_inflate_free(struct sl_inflate *inf)
{
    for (unsigned i = 0; inf && i < inf->n; i++) {
        inflateEnd(&inf->stages[i].z);
    }
    free(inf);
}

/* The first bytes show which coding it is. */
static int stage_begin(struct stage *stage)
{
    unsigned char first = *stage->z.next_in;
    stage->has_begun = true;
    stage->is_gzip = first == 0x1f;
    /* zlib's first byte names method 8 (RFC 1950). No deflate block begins like that, because its padding is zero. */
    bool is_raw = !stage->is_gzip && (first & 15) != 8;
    return is_raw && inflateReset2(&stage->z, RAW_WINDOW_BITS) != Z_OK ? SL_E_INVAL : 0;
}

/* Inflates the available input once: one buffer of output. */
static int stage_step(struct stage *stage)
{
    if (stage->z.avail_in && !stage->has_begun) {
        int r = stage_begin(stage);
        if (r < 0) {
            return r;
        }
    }
    if (stage->is_at_member_end && stage->z.avail_in) {
        if (!stage->is_gzip || inflateReset(&stage->z) != Z_OK) {
            return SL_E_INVAL; /* bytes behind the end */
        }
        stage->is_at_member_end = false;
    }
    stage->z.next_out = stage->out;
    stage->z.avail_out = OUT_BYTES;
    int z = inflate(&stage->z, Z_NO_FLUSH);
    if (z == Z_MEM_ERROR) {
        return SL_E_NOMEM;
    }
    if (z != Z_OK && z != Z_STREAM_END && z != Z_BUF_ERROR) {
        return SL_E_INVAL;
    }
    stage->is_at_member_end = z == Z_STREAM_END;
    stage->has_more = !stage->is_at_member_end && stage->z.avail_out == 0;
    return 0;
}

/* Gets output of stage `i`, which may need output of the stage before. *ret_n 0: there is no more without input from
 * outside. */
static int stage_give(struct sl_inflate *inf, unsigned i, size_t *ret_n)
{
    struct stage *stage = &inf->stages[i];
    *ret_n = 0;
    while (*ret_n == 0) {
        if (!stage->z.avail_in && !stage->has_more) {
            size_t n = 0;
            int r = i ? stage_give(inf, i - 1, &n) : 0;
            if (r < 0 || n == 0) {
                return r;
            }
            stage->z.next_in = inf->stages[i - 1].out;
            stage->z.avail_in = (unsigned)n;
        }
        int r = stage_step(stage);
        if (r < 0) {
            return r;
        }
        *ret_n = OUT_BYTES - stage->z.avail_out;
    }
    return 0;
}

int sl_inflate_push(struct sl_inflate *inf, struct sl_str bytes, sl_inflate_fn on_bytes, void *arg)
{
    struct stage *first = &inf->stages[0], *last = &inf->stages[inf->n - 1];
    first->z.next_in = (unsigned char *)(uintptr_t)bytes.p;
    first->z.avail_in = (unsigned)bytes.n;
    SL_ASSERT(first->z.avail_in == bytes.n);
    for (;;) {
        size_t n;
        int r = stage_give(inf, inf->n - 1, &n);
        if (r == 0 && n) {
            r = on_bytes(arg, sl_str_make((char *)last->out, n));
        }
        if (r != 0 || n == 0) {
            return r;
        }
    }
}

struct sl_str sl_inflate_rest(const struct sl_inflate *inf)
{
    return sl_str_make((const char *)inf->stages[0].z.next_in, inf->stages[0].z.avail_in);
}

int sl_inflate_finish(const struct sl_inflate *inf)
{
    for (unsigned i = 0; i < inf->n; i++) {
        if (inf->stages[i].has_begun && !inf->stages[i].is_at_member_end) {
            return SL_E_TRUNCATED;
        }
    }
    return 0;
}
