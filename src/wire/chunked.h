/* SPDX-License-Identifier: Apache-2.0 */
/* The chunked transfer coding (RFC 9112 7.1) up to its trailer section, without leniencies: CR LF everywhere, a size of
 * only hex digits, extensions of visible characters. Pure and resumable at every byte. */
#ifndef SL_WIRE_CHUNKED_H
#define SL_WIRE_CHUNKED_H

#include "base/err.h"
#include "base/str.h"

/* A chunk's size line with leading zeros and extensions, without CR LF. */
#define SL_CHUNK_LINE_MAX 1024

enum sl_chunked_event {
    SL_CHUNKED_MORE, /* all bytes were used, more must come */
    SL_CHUNKED_SIZE, /* a size line was read: `left` bytes of data follow */
    SL_CHUNKED_DATA, /* bytes of a chunk */
    SL_CHUNKED_LAST, /* the last chunk's size line was read: the trailer section follows */
};

struct sl_chunked {
    uint64_t left;     /* of the chunk */
    const char *fault; /* after SL_E_INVAL: what is wrong; may be shown */
    /* private */
    uint32_t line_len;
    uint8_t state;
};

SL_INLINE void sl_chunked_init(struct sl_chunked *c)
{
    *c = (struct sl_chunked){ 0 };
}

/* The next event in `bytes`; *ret_used of them belong to it or came before it. *ret_data: only for SL_CHUNKED_DATA.
 * SL_E_INVAL: refused, see `fault`. */
SL_MUST int sl_chunked_push(struct sl_chunked *c, struct sl_str bytes, size_t *ret_used, struct sl_str *ret_data);

#endif
