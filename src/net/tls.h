/* SPDX-License-Identifier: Apache-2.0 */
/* TLS contexts (OpenSSL 3): TLS 1.2 and up, memory BIOs, SSL_MODE_RELEASE_BUFFERS, ALPN http/1.1. Immutable after
 * creation, reference-counted, shared between threads; the client's session cache has its own lock. */
#ifndef SL_NET_TLS_H
#define SL_NET_TLS_H

#include "base/err.h"
#include "base/str.h"

struct sl_tls_ctx;

/* PEM files; a missing, unreadable or mismatched one is an error that names the file. */
SL_MUST int sl_tls_ctx_new_server(const char *cert_path, const char *key_path, struct sl_tls_ctx **ret,
                                  struct sl_err *err);
/* The system's authorities, and also those of `ca_path` (PEM) if it is not NULL. Sessions are kept for each host (at
 * most 1,000 hosts) and reused. */
SL_MUST int sl_tls_ctx_new_client(const char *ca_path, const char *cert_path, const char *key_path,
                                  struct sl_tls_ctx **ret, struct sl_err *err);
/* When the first of a server's certificates expires, in unix seconds. */
uint64_t sl_tls_ctx_expiry(const struct sl_tls_ctx *ctx);
/* Why a client's handshake with us failed. */
enum sl_tls_failure {
    SL_TLS_VERSION, /* an older version than TLS 1.2 */
    SL_TLS_CIPHER,  /* no cipher in common */
    SL_TLS_REFUSED, /* the client sent an alert: mostly it does not trust the certificate */
    SL_TLS_CLOSED,  /* the connection ended before the handshake, or its time was up */
    SL_TLS_OTHER,   /* the bytes are no TLS, or damaged */
    SL_TLS_FAILURE_COUNT,
};

/* How many there were in this process, and their word in metrics. Any thread. */
uint64_t sl_tls_failures(enum sl_tls_failure failure);
const char *sl_tls_failure_word(enum sl_tls_failure failure);

struct sl_tls_ctx *sl_tls_ctx_ref(struct sl_tls_ctx *ctx);
void sl_tls_ctx_unref(struct sl_tls_ctx *ctx);

#endif
