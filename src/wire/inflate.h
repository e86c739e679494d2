/* SPDX-License-Identifier: Apache-2.0 */
/* Decodes Content-Encoding gzip and deflate (with zlib's header or without) as it arrives, through zlib. */
#ifndef SL_WIRE_INFLATE_H
#define SL_WIRE_INFLATE_H

#include "base/err.h"
#include "base/str.h"

struct sl_inflate;

/* Non-zero stops; sl_inflate_push returns it. */
typedef int (*sl_inflate_fn)(void *arg, struct sl_str bytes);

/* The most codings of one body. */
#define SL_INFLATE_STAGES_MAX 3

/* For a body that was coded `n` times. */
SL_MUST int sl_inflate_new(struct sl_inflate **ret, unsigned n);
void sl_inflate_free(struct sl_inflate *inf);
/* Feeds compressed bytes; the callback gets decoded ones in pieces of at most 16 KiB. SL_E_INVAL: not gzip, or damaged
 * (also garbage in place of a second member). Concatenated gzip members are decoded one after the other (RFC 1952
 * 2.2). */
SL_MUST int sl_inflate_push(struct sl_inflate *inf, struct sl_str bytes, sl_inflate_fn on_bytes, void *arg);
/* After a push that the callback stopped: the bytes that were not used. The decoder continues with the next push, which
 * may be empty, because it may have output of its own. */
struct sl_str sl_inflate_rest(const struct sl_inflate *inf);
/* At the end of the body: 0, or SL_E_TRUNCATED. */
SL_MUST int sl_inflate_finish(const struct sl_inflate *inf);

#endif
