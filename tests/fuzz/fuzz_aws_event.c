/* SPDX-License-Identifier: Apache-2.0 */
/* Amazon's event stream gives the same result however it is split. The first byte is the size of the pieces; the
 * checksums are corrected, so that the code after them is reached. */
#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#include "wire/aws_event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_event(void *arg, const struct sl_aws_event *event)
{
    struct sl_buf *out = arg;
    sl_buf_add_str(out, event->message_type);
    sl_buf_add_str(out, event->type);
    sl_buf_add_str(out, event->error);
    sl_buf_add_u64(out, event->payload.n);
    sl_buf_add_str(out, event->payload);
    return 0;
}

static uint32_t be32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

static void put32(char *p, uint32_t v)
{
    for (int i = 0; i < 4; i++) {
        p[i] = (char)(v >> (24 - 8 * i) & 0xff);
    }
}

static void sums_make(char *p, size_t n)
{
    while (n >= 16) {
        size_t total = be32(p);
        put32(p + 8, (uint32_t)crc32(0, (const unsigned char *)p, 8));
        if (total < 16 || total > n) {
            return;
        }
        put32(p + total - 4, (uint32_t)crc32(0, (const unsigned char *)p, (unsigned)total - 4));
        p += total;
        n -= total;
    }
}

static int decode(const char *p, size_t n, size_t piece, struct sl_buf *out)
{
    struct sl_aws_decoder dec;
    sl_aws_decoder_init(&dec, on_event, out);
    int r = 0;
    for (size_t at = 0; r == 0 && at < n; at += piece) {
        r = sl_aws_push(&dec, sl_str_make(p + at, SL_MIN(piece, n - at)));
    }
    r = r < 0 ? r : sl_aws_finish(&dec);
    sl_aws_decoder_done(&dec);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    size_t n = size - 1;
    char *copy = malloc(n);
    if (!copy) {
        return 0;
    }
    memcpy(copy, data + 1, n);
    sums_make(copy, n);
    struct sl_buf a = SL_BUF_INIT(1 << 24), b = SL_BUF_INIT(1 << 24);
    int r = decode(copy, n, n, &a), r2 = decode(copy, n, 1 + data[0] % 16, &b);
    SL_ASSERT(r == r2 && sl_str_eq(sl_buf_str(&a), sl_buf_str(&b)));
    sl_buf_done(&a);
    sl_buf_done(&b);
    free(copy);
    return 0;
}
