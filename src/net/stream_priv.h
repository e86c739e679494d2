/* SPDX-License-Identifier: Apache-2.0 */
/* What stream.c does for tls_conn.c, and for nobody else. */
#ifndef SL_NET_STREAM_PRIV_H
#define SL_NET_STREAM_PRIV_H

#include "net/stream.h"

/* Ciphertext: leaves at the end of the turn where it is short (net/soon.h). Breaks the stream on failure. */
SL_MUST int sl_stream_send(struct sl_stream *stream, struct sl_str bytes);
/* Bytes as they are: what the kernel does not take is copied and queued. Breaks the stream on failure. */
SL_MUST int sl_stream_send_now(struct sl_stream *stream, struct sl_str bytes);
/* The same, but what the kernel does not take is borrowed. */
SL_MUST int sl_stream_send_ref(struct sl_stream *stream, const struct sl_str *slices, size_t n);
/* The FIN, behind the queue. */
void sl_stream_fin(struct sl_stream *stream);
/* No more writes; on_error follows from the loop. `text` must live as long as the stream. */
void sl_stream_break(struct sl_stream *stream, const char *text);
/* On the loop, never from inside the owner's call: on_error now, once. */
void sl_stream_fail(struct sl_stream *stream, const char *text);
/* On the loop: calls up; the stream may be closing afterwards. */
void sl_stream_deliver_eof(struct sl_stream *stream, bool is_truncated);
/* On the loop, after bytes left the queue: on_drain when it is time. The stream may be closing afterwards. */
void sl_stream_check_drain(struct sl_stream *stream);
/* Counts bytes into the queue. */
void sl_stream_count(struct sl_stream *stream, size_t n);
/* Starts or stops libuv's reading, as the flags say. */
void sl_stream_update_flow(struct sl_stream *stream);
/* Runs stream.c's deferred work (sl_tls_on_later among it) in the loop's next turn. */
void sl_stream_later(struct sl_stream *stream);

#endif
