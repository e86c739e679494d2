/* SPDX-License-Identifier: Apache-2.0 */
/* What the streams of a loop write in a turn and what can wait for its end: then all of it leaves together, so a peer's
 * machine (or core) is woken once and not by each message. Short messages are copied to one buffer, of which a stream
 * has one run; behind it may come one longer message that is borrowed. Private to src/net. */
#ifndef SL_NET_SOON_H
#define SL_NET_SOON_H

#include <uv.h>

#include "base/str.h"

struct sl_loop;
struct sl_stream;

#define SL_SOON_BYTES   65536
#define SL_SOON_STREAMS 256
/* Longer messages are not copied: that would cost more than the waking. */
#define SL_SOON_EACH 8192
/* Longer ones do not wait: the peer can begin with what comes first. */
#define SL_SOON_BORROWED 65536

struct sl_soon {
    uv_prepare_t turn_end;                      /* runs only while something waits */
    struct sl_stream *streams[SL_SOON_STREAMS]; /* NULL: has left meanwhile */
    size_t n_streams;
    char *bytes; /* SL_SOON_BYTES of room, the loop's */
    size_t n_bytes;
};

void sl_soon_init(struct sl_loop *loop);
/* Closes its handle. */
void sl_soon_stop(struct sl_loop *loop);

/* Puts the slices behind what waits of the stream. False: there is no room, or they are too long; nothing was taken. */
SL_MUST bool sl_soon_put(struct sl_stream *stream, const struct sl_str *slices, size_t n);
/* The same, but the slices and their bytes are borrowed. */
SL_MUST bool sl_soon_borrow(struct sl_stream *stream, const struct sl_str *slices, size_t n);
/* What waits of the stream is written now. Before anything else is done with it that its peer could see. */
void sl_soon_flush(struct sl_stream *stream);

#endif
