/* SPDX-License-Identifier: Apache-2.0 */
#include "http/reply_coding.h"

#include <stdio.h>

#include "http/coding.h"
#include "http/msg.h"
#include "net/stream.h"

static int codings_read(const struct sl_headers *headers, struct sl_codings *ret, struct sl_str *ret_word)
{
    int r = sl_codings_parse(headers, ret, ret_word);
    for (unsigned i = 0; r == 0 && i < ret->n; i++) {
        if (ret->v[i] == SL_CODING_ZSTD) {
            *ret_word = SL_STR("zstd");
            r = SL_E_UNSUPPORTED; /* it cannot be decoded in pieces within bounded memory */
        }
    }
    return r;
}

static void refusal_write(struct sl_str word, char text[SL_REPLY_CODING_TEXT])
{
    if (sl_coding_is_word(word)) {
        snprintf(text, SL_REPLY_CODING_TEXT,
                 "the upstream's reply has the Content-Encoding '%.*s', which was not asked for and is not understood",
                 SL_STR_ARG(word));
    } else {
        snprintf(text, SL_REPLY_CODING_TEXT, "the upstream's reply has a Content-Encoding that is not understood");
    }
}

int sl_reply_coding_begin(struct sl_reply_coding *coding, struct sl_msg *msg, int64_t *io_length,
                          char text[SL_REPLY_CODING_TEXT])
{
    static const struct sl_str of_coding[] = { SL_STR_INIT("content-encoding"),
                                               SL_STR_INIT("content-length"),
                                               { NULL, 0 } };
    struct sl_codings codings;
    struct sl_str word = SL_STR_NONE;
    if (!sl_headers_get(&msg->headers, "content-encoding").p) {
        return 0;
    }
    int r = codings_read(&msg->headers, &codings, &word);
    if (r < 0 && msg->status < 400) {
        refusal_write(word, text);
        return r;
    }
    sl_headers_drop(&msg->headers, of_coding);
    if (r < 0) { /* the status is enough */
        coding->is_unreadable = true;
        *io_length = -1;
        return 0;
    }
    if (!codings.n || msg->framing == SL_BODY_NONE) {
        return 0;
    }
    *io_length = -1;
    r = sl_inflate_new(&coding->inflate, codings.n);
    if (r < 0) {
        snprintf(text, SL_REPLY_CODING_TEXT, "out of memory");
    }
    return r;
}

int sl_reply_coding_push(struct sl_reply_coding *coding, struct sl_str bytes, sl_inflate_fn on_bytes, void *arg)
{
    if (!coding->is_held) {
        int r = sl_inflate_push(coding->inflate, bytes, on_bytes, arg);
        if (r != SL_E_AGAIN) {
            return r;
        }
        coding->is_held = true;
        bytes = sl_inflate_rest(coding->inflate);
        coding->zipped.max = SL_READ_BUFFER;
    }
    sl_buf_add_str(&coding->zipped, bytes);
    return sl_buf_status(&coding->zipped);
}

int sl_reply_coding_resume(struct sl_reply_coding *coding, sl_inflate_fn on_bytes, void *arg)
{
    SL_CLEANUP(sl_buf_done) struct sl_buf zipped = coding->zipped;
    coding->zipped = SL_BUF_INIT(SL_READ_BUFFER);
    coding->is_held = false;
    return sl_reply_coding_push(coding, sl_buf_str(&zipped), on_bytes, arg);
}

int sl_reply_coding_end(const struct sl_reply_coding *coding)
{
    return coding->inflate ? sl_inflate_finish(coding->inflate) : 0;
}

void sl_reply_coding_done(struct sl_reply_coding *coding)
{
    sl_inflate_free(coding->inflate);
    coding->inflate = NULL;
    sl_buf_done(&coding->zipped);
}
