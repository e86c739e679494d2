/* SPDX-License-Identifier: Apache-2.0 */
/* Writes of a loop's streams that can wait for the end of the turn: then all of them leave together, so that a peer's
 * machine (or core) wakes up once and not for each message. Short messages are copied to one buffer, in which each
 * stream has one run; behind its run a stream may have one longer, borrowed message. Private to src/net, but for
 * sl_soon_call: who writes many short messages to one stream, while others write too, gathers them itself. */
#ifndef SL_NET_SOON_H
#define SL_NET_SOON_H

#include <uv.h>

#include "base/str.h"

struct sl_loop;
struct sl_stream;

#define SL_SOON_BYTES   65536
#define SL_SOON_STREAMS 256
/* Longer messages are not copied: that would cost more than waking the peer. */
#define SL_SOON_EACH 8192
/* Longer messages do not wait: the peer can begin with the first part. */
#define SL_SOON_BORROWED 65536

/* Something else to do at the end of the turn, once; it may write then. */
struct sl_turn_end {
    struct sl_turn_end *next;
    void (*fn)(struct sl_turn_end *end);
    bool is_due;
};

struct sl_soon {
    uv_prepare_t turn_end; /* runs only while something waits */
    struct sl_turn_end *ends;
    struct sl_stream *streams[SL_SOON_STREAMS]; /* NULL: the stream has left meanwhile */
    size_t n_streams;
    char *bytes; /* room for SL_SOON_BYTES, owned by the loop */
    size_t n_bytes;
};

void sl_soon_init(struct sl_loop *loop);
/* Closes the handle. */
void sl_soon_stop(struct sl_loop *loop);

/* Adds the slices behind the stream's waiting bytes. False: there is no room, or they are too long; nothing was
 * taken. */
SL_MUST bool sl_soon_put(struct sl_stream *stream, const struct sl_str *slices, size_t n);
/* The same, but the slices and their bytes are borrowed. */
SL_MUST bool sl_soon_borrow(struct sl_stream *stream, const struct sl_str *slices, size_t n);
/* Writes the stream's waiting bytes now. Call this before anything else that the stream's peer could see. */
void sl_soon_flush(struct sl_stream *stream);

/* Calls end->fn at the end of the turn, before the writes that wait leave. Does nothing when it is due already. */
void sl_soon_call(struct sl_loop *loop, struct sl_turn_end *end);
/* Not any more. */
void sl_soon_uncall(struct sl_loop *loop, struct sl_turn_end *end);

#endif
