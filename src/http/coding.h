/* SPDX-License-Identifier: Apache-2.0 */
/* Content-Encoding (RFC 9110 8.4): reads which codings a body has, and decodes a whole body. */
#ifndef SL_HTTP_CODING_H
#define SL_HTTP_CODING_H

#include "base/err.h"
#include "base/str.h"

struct sl_headers;

enum sl_coding { SL_CODING_GZIP, SL_CODING_DEFLATE, SL_CODING_ZSTD };

/* A body with more layers is refused. */
#define SL_CODINGS_MAX 3

struct sl_codings {
    enum sl_coding v[SL_CODINGS_MAX]; /* in the order in which they were applied: the last one is decoded first */
    unsigned n;
};

/* Reads all Content-Encoding fields together. Words that encode nothing are left out: identity, none, a charset, an
 * empty one. SL_E_UNSUPPORTED: an unknown coding, or too many; *ret_word is the wrong word. */
SL_MUST int sl_codings_parse(const struct sl_headers *headers, struct sl_codings *ret, struct sl_str *ret_word);
/* True: a short word, as names of codings are. No other text of a header may go into a message. */
bool sl_coding_is_word(struct sl_str word);

/* Gets decoded bytes; a non-zero result stops the decoding and is returned. */
typedef int (*sl_coding_fn)(void *arg, struct sl_str bytes);

/* Decodes a whole body of one coding. SL_E_INVAL: it is damaged, or not of that coding; SL_E_TRUNCATED: it ends early;
 * SL_E_NOMEM. A zstd frame may ask for a window of 8 MiB at most (RFC 9659). */
SL_MUST int sl_coding_undo(enum sl_coding coding, struct sl_str body, sl_coding_fn on_bytes, void *arg);

/* The codings that a client may send, as Accept-Encoding lists them. */
#define SL_CODINGS_ACCEPTED "gzip, deflate, zstd"

#endif
