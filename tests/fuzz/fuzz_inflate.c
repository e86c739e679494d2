/* SPDX-License-Identifier: Apache-2.0 */
/* Whole and in pieces: the same bytes come out, with the same verdict. */
#include <stdint.h>

#include "wire/inflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct sum {
    uint64_t n, hash;
};

static int on_bytes(void *arg, struct sl_str bytes)
{
    struct sum *sum = arg;
    for (size_t i = 0; i < bytes.n; i++) {
        sum->hash = sum->hash * 31 + (unsigned char)bytes.p[i];
    }
    sum->n += bytes.n;
    return sum->n > (1u << 22) ? SL_E_LIMIT : 0;
}

static int run(const uint8_t *data, size_t size, size_t piece, struct sum *sum)
{
    struct sl_inflate *inf;
    *sum = (struct sum){ 0 };
    if (sl_inflate_new(&inf, 1 + (unsigned)size % SL_INFLATE_STAGES_MAX) < 0) {
        return SL_E_NOMEM;
    }
    int r = 0;
    for (size_t at = 0; r == 0 && at < size; at += piece) {
        r = sl_inflate_push(inf, sl_str_make((const char *)data + at, SL_MIN(piece, size - at)), on_bytes, sum);
    }
    r = r < 0 ? r : sl_inflate_finish(inf);
    sl_inflate_free(inf);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sum a, b;
    int r = run(data, size, size + 1, &a), r2 = run(data, size, 1 + size % 5, &b);
    SL_ASSERT(r == r2 && (r != 0 || (a.n == b.n && a.hash == b.hash)));
    return 0;
}
