/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol of Redis, version 2 (RESP): commands are written, replies are read. A reply is read from the bytes that
 * came so far; when its end is missing, it is read again from its begin with more bytes, because replies are short. */
#ifndef SL_WIRE_RESP_H
#define SL_WIRE_RESP_H

#include "base/err.h"
#include "base/str.h"

struct sl_buf;

/* Beyond these a reply is not one of ours. */
#define SL_RESP_BULK_MAX  (1u << 20)
#define SL_RESP_ITEMS_MAX 4096
#define SL_RESP_DEPTH_MAX 4

enum sl_resp_type { SL_RESP_TEXT, SL_RESP_ERROR, SL_RESP_NUMBER, SL_RESP_BULK, SL_RESP_NIL, SL_RESP_LIST };

struct sl_resp {
    enum sl_resp_type type;
    struct sl_str text; /* of a text, an error ("NOSCRIPT No matching script") and a bulk */
    int64_t number;     /* the number; of a list, how many items it has, which follow it with their own items */
};

/* Reads one reply into `items`, a list before its items. Returns how many there are, and how many bytes the reply has.
 * SL_E_AGAIN: its end is missing; SL_E_LIMIT: it is too large, or `max` is too small; SL_E_INVAL: the bytes are no
 * reply. The texts point into `bytes`. */
SL_MUST int sl_resp_read(struct sl_str bytes, struct sl_resp *items, size_t max, size_t *ret_used);

/* A command begins with the number of its words, its own name included. */
void sl_resp_begin(struct sl_buf *out, size_t n_words);
void sl_resp_word(struct sl_buf *out, struct sl_str word);
/* One word, in two parts. */
void sl_resp_word_of(struct sl_buf *out, struct sl_str first, struct sl_str rest);
void sl_resp_word_u64(struct sl_buf *out, uint64_t v);
void sl_resp_word_i64(struct sl_buf *out, int64_t v);

#endif
