/* SPDX-License-Identifier: Apache-2.0 */
/* What tls.c (contexts) offers tls_conn.c (connections). */
#ifndef SL_NET_TLS_PRIV_H
#define SL_NET_TLS_PRIV_H

#include <openssl/ssl.h>

#include "net/tls.h"

SSL_CTX *sl_tls_ctx_ssl(struct sl_tls_ctx *ctx);
/* A copy of the newest session with the peer, for SSL_set_session; NULL when there is none. The caller frees it. */
SSL_SESSION *sl_tls_session_get(struct sl_tls_ctx *ctx, struct sl_str key);
/* A handshake failed: the session, if any, is not tried again. */
void sl_tls_session_drop(struct sl_tls_ctx *ctx, struct sl_str key);
/* Under SSL_set_ex_data(ssl, sl_tls_key_index()): a NUL-terminated `key` that lives as long as the SSL; its sessions
 * are kept under it. */
int sl_tls_key_index(void);
/* "TLS: <what>: <OpenSSL's first queued reason>"; clears the queue. */
/* A client's handshake failed: counted by OpenSSL's error, which is still there; `is_closed`: without one. */
void sl_tls_failure_count(bool is_closed);
void sl_tls_error_text(char *out, size_t n, const char *what);

#endif
