/* SPDX-License-Identifier: Apache-2.0 */
/* The Content-Encoding of an upstream's reply: undone piece by piece, as the body comes. A small piece can become a
 * thousand times larger, so its reader may stop it within one; what is left waits here. Private to src/http. */
#ifndef SL_HTTP_REPLY_CODING_H
#define SL_HTTP_REPLY_CODING_H

#include "base/buf.h"
#include "wire/inflate.h"

struct sl_msg;

/* All zero: the body is given on as it comes. */
struct sl_reply_coding {
    struct sl_inflate *inflate;
    struct sl_buf zipped; /* compressed bytes that came with the ones after which it was stopped */
    bool is_held;         /* it has more to give, from `zipped` or from within */
    bool is_unreadable;   /* the body of an error in a coding that is not understood: to be dropped */
};

#define SL_REPLY_CODING_TEXT 160

/* Behind the head: takes the fields that are about the coding out of it. *io_length becomes -1 where it is not the
 * length that the body will have. SL_E_UNSUPPORTED and SL_E_NOMEM: `text` tells why. */
SL_MUST int sl_reply_coding_begin(struct sl_reply_coding *coding, struct sl_msg *msg, int64_t *io_length,
                                  char text[SL_REPLY_CODING_TEXT]);
/* The next bytes of a body that has a decoder. SL_E_AGAIN of `on_bytes` stops it: then `is_held`. Any other code of it
 * is returned; SL_E_INVAL: the body is damaged; SL_E_NOMEM. */
SL_MUST int sl_reply_coding_push(struct sl_reply_coding *coding, struct sl_str bytes, sl_inflate_fn on_bytes,
                                 void *arg);
/* The same with what was left when it was stopped. */
SL_MUST int sl_reply_coding_resume(struct sl_reply_coding *coding, sl_inflate_fn on_bytes, void *arg);
/* The body is over. SL_E_TRUNCATED: too early. */
SL_MUST int sl_reply_coding_end(const struct sl_reply_coding *coding);
void sl_reply_coding_done(struct sl_reply_coding *coding);

#endif
