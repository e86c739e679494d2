/* SPDX-License-Identifier: Apache-2.0 */
/* Decoder and splitter give the same however the stream is split. The first byte is the size of the pieces. */
#include <stdint.h>

#include "wire/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_event(void *arg, const struct sl_sse_event *event)
{
    struct sl_buf *out = arg;
    sl_buf_add_u64(out, event->name.n);
    sl_buf_add_str(out, event->name);
    sl_buf_add_u64(out, event->data.n);
    sl_buf_add_str(out, event->data);
    return 0;
}

static int decode(struct sl_str text, size_t piece, struct sl_buf *out)
{
    struct sl_sse_decoder dec;
    sl_sse_decoder_init(&dec, 4096, on_event, out);
    int r = 0;
    for (size_t at = 0; r == 0 && at < text.n; at += piece) {
        r = sl_sse_push(&dec, sl_str_sub(text, at, at + piece));
    }
    if (r == 0) {
        r = sl_sse_finish(&dec);
    }
    sl_sse_decoder_done(&dec);
    return r;
}

static void split_check(struct sl_str text, size_t piece)
{
    struct sl_sse_split split;
    sl_sse_split_init(&split);
    for (size_t at = 0; at < text.n; at += piece) {
        struct sl_str rest = sl_str_sub(text, at, at + piece);
        size_t used;
        while (rest.n && (used = sl_sse_split_push(&split, rest)) > 0) {
            SL_ASSERT(used <= rest.n && (rest.p[used - 1] == '\n' || rest.p[used - 1] == '\r'));
            rest = sl_str_sub(rest, used, rest.n);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct sl_str text = sl_str_make((const char *)data + 1, size - 1);
    struct sl_buf a = SL_BUF_INIT(1 << 20), b = SL_BUF_INIT(1 << 20);
    int r = decode(text, text.n, &a), r2 = decode(text, 1 + data[0] % 16, &b);
    SL_ASSERT(r == r2 && (r < 0 || sl_str_eq(sl_buf_str(&a), sl_buf_str(&b))));
    split_check(text, 1 + data[0] % 16);
    sl_buf_done(&a);
    sl_buf_done(&b);
    return 0;
}
