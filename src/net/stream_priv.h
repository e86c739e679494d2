/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of stream.c for tls_conn.c only. */
#ifndef SL_NET_STREAM_PRIV_H
#define SL_NET_STREAM_PRIV_H

#include "net/stream.h"

/* Sends ciphertext; a short one leaves at the end of the turn (net/soon.h). Breaks the stream on failure. */
SL_MUST int sl_stream_send(struct sl_stream *stream, struct sl_str bytes);
/* Sends bytes now; bytes that the kernel does not take are copied and queued. Breaks the stream on failure. */
SL_MUST int sl_stream_send_now(struct sl_stream *stream, struct sl_str bytes);
/* The same, but bytes that the kernel does not take are borrowed. */
SL_MUST int sl_stream_send_ref(struct sl_stream *stream, const struct sl_str *slices, size_t n);
/* Sends the FIN behind the queue. */
void sl_stream_fin(struct sl_stream *stream);
/* Allows no more writes; on_error follows from the loop. `text` must live as long as the stream. */
void sl_stream_break(struct sl_stream *stream, const char *text);
/* Calls on_error now, once. Only from the loop, never from inside a call of the owner. */
void sl_stream_fail(struct sl_stream *stream, const char *text);
/* Only from the loop: calls on_eof; afterwards the stream may be closing. */
void sl_stream_deliver_eof(struct sl_stream *stream, bool is_truncated);
/* Only from the loop, after bytes left the queue: calls on_drain when it is time. Afterwards the stream may be
 * closing. */
void sl_stream_check_drain(struct sl_stream *stream);
/* Counts bytes that were added to the queue. */
void sl_stream_count(struct sl_stream *stream, size_t n);
/* Starts or stops libuv's reading, as the flags say. */
void sl_stream_update_flow(struct sl_stream *stream);
/* Runs stream.c's deferred work (sl_tls_on_later among it) in the loop's next turn. */
void sl_stream_later(struct sl_stream *stream);

#endif
