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
/* The system's authorities, and those of `ca_path` (PEM) beside them when not NULL. Sessions are kept per host (at most
 * 1,000 hosts) and reused. */
SL_MUST int sl_tls_ctx_new_client(const char *ca_path, const char *cert_path, const char *key_path,
                                  struct sl_tls_ctx **ret, struct sl_err *err);
/* When the first of a server's certificates ends: unix seconds. */
uint64_t sl_tls_ctx_expiry(const struct sl_tls_ctx *ctx);
struct sl_tls_ctx *sl_tls_ctx_ref(struct sl_tls_ctx *ctx);
void sl_tls_ctx_unref(struct sl_tls_ctx *ctx);

#endif
