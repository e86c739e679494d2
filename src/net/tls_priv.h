/* SPDX-License-Identifier: Apache-2.0 */
/* Functions of tls.c (contexts) for tls_conn.c (connections). */
#ifndef SL_NET_TLS_PRIV_H
#define SL_NET_TLS_PRIV_H

#include <openssl/ssl.h>

#include "net/tls.h"

SSL_CTX *sl_tls_ctx_ssl(struct sl_tls_ctx *ctx);
/* A copy of the latest session with the peer, for SSL_set_session; NULL when there is none. The caller frees it. */
SSL_SESSION *sl_tls_session_get(struct sl_tls_ctx *ctx, struct sl_str key);
/* A handshake failed: its session, if any, is not tried again. */
void sl_tls_session_drop(struct sl_tls_ctx *ctx, struct sl_str key);
/* The index for SSL_set_ex_data: a NUL-terminated `key` that lives as long as the SSL; its sessions are stored under
 * this key. */
int sl_tls_key_index(void);
/* "TLS: <what>: <OpenSSL's first queued reason>"; clears the queue. */
/* Counts a client's failed handshake by OpenSSL's error, which is still there; `is_closed`: there is none. */
void sl_tls_failure_count(bool is_closed);
void sl_tls_error_text(char *out, size_t n, const char *what);

#endif
