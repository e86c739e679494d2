/* SPDX-License-Identifier: Apache-2.0 */
/* Decodes the Content-Encoding of an upstream's reply piece by piece. A small piece can become a thousand times larger,
 * so its reader may stop it in the middle; the rest then waits here. Private to src/http. */
#ifndef SL_HTTP_REPLY_CODING_H
#define SL_HTTP_REPLY_CODING_H

#include "base/buf.h"
#include "wire/inflate.h"

struct sl_msg;

/* All zero: the body is passed on unchanged. */
struct sl_reply_coding {
    struct sl_inflate *inflate;
    struct sl_buf zipped; /* compressed bytes that were left when it was stopped */
    bool is_held;         /* it has more to give, from `zipped` or from the decoder */
    bool is_unreadable;   /* the body of an error has an unknown coding, and is dropped */
};

#define SL_REPLY_CODING_TEXT 160

/* Call this after the head: removes the headers about the coding. *io_length becomes -1 if it is not the length of the
 * decoded body. SL_E_UNSUPPORTED and SL_E_NOMEM: `text` says why. */
SL_MUST int sl_reply_coding_begin(struct sl_reply_coding *coding, struct sl_msg *msg, int64_t *io_length,
                                  char text[SL_REPLY_CODING_TEXT]);
/* Decodes the next bytes; the body must have a decoder. When `on_bytes` returns SL_E_AGAIN it stops, and `is_held` is
 * true. Other codes of `on_bytes` are returned. SL_E_INVAL: the body is damaged; SL_E_NOMEM. */
SL_MUST int sl_reply_coding_push(struct sl_reply_coding *coding, struct sl_str bytes, sl_inflate_fn on_bytes,
                                 void *arg);
/* Goes on with what was left when it was stopped. */
SL_MUST int sl_reply_coding_resume(struct sl_reply_coding *coding, sl_inflate_fn on_bytes, void *arg);
/* The body ended. SL_E_TRUNCATED: too early. */
SL_MUST int sl_reply_coding_end(const struct sl_reply_coding *coding);
void sl_reply_coding_done(struct sl_reply_coding *coding);

#endif
