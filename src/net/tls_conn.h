/* SPDX-License-Identifier: Apache-2.0 */
/* One TLS connection under a stream; called by stream.c only. */
#ifndef SL_NET_TLS_CONN_H
#define SL_NET_TLS_CONN_H

#include "net/stream.h"

struct sl_tls_scratch;

void sl_tls_scratch_free(struct sl_tls_scratch *scratch);

/* Accepts NULL. */
void sl_tls_free(struct sl_tls *tls);
/* Ciphertext from the peer. It calls back. */
void sl_tls_on_bytes(struct sl_stream *stream, struct sl_str bytes);
void sl_tls_on_eof(struct sl_stream *stream);
/* A write left libuv's queue: encrypts more of the waiting bytes. It may break the stream. */
void sl_tls_on_sent(struct sl_stream *stream);
/* Deferred work: input that was held while nobody read. It calls back. */
void sl_tls_on_later(struct sl_stream *stream);
SL_MUST int sl_tls_write(struct sl_stream *stream, const struct sl_str *slices, size_t n, bool is_ref);
/* Sends close_notify and FIN after the waiting bytes. */
void sl_tls_shutdown(struct sl_stream *stream);
/* How many bytes wait to be encrypted. */
size_t sl_tls_pending(const struct sl_tls *tls);
bool sl_tls_is_ready(const struct sl_tls *tls);
/* For tests: the handshake resumed an earlier session. */
bool sl_tls_is_resumed(const struct sl_tls *tls);
/* True: input arrived that was not delivered because nobody reads. */
bool sl_tls_holds_input(const struct sl_tls *tls);

#endif
