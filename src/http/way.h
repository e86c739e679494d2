/* SPDX-License-Identifier: Apache-2.0 */
/* How an upstream is reached, where that is another way than the client's own (struct sl_hclient_conf): through a proxy
 * or none, with authorities or a certificate of its own. Immutable, counted, shared between threads. Connections of
 * different ways are never shared. */
#ifndef SL_HTTP_WAY_H
#define SL_HTTP_WAY_H

#include <stdatomic.h>

#include "base/buf.h"
#include "net/noproxy.h"
#include "wire/uri.h"

/* A proxy that is asked to CONNECT. */
struct sl_proxy {
    struct sl_uri uri;        /* host.n == 0: none */
    struct sl_str auth;       /* "Basic …" or p == NULL */
    struct sl_noproxy except; /* what is reached without it */
};

/* Is that host reached through it? */
bool sl_proxy_leads_to(const struct sl_proxy *proxy, struct sl_str host, uint16_t port);
bool sl_proxy_is_same(const struct sl_proxy *a, const struct sl_proxy *b);
/* "Basic " and base64 of user:password, for a proxy whose URL has them; else nothing. The caller wipes it. */
SL_MUST int sl_proxy_auth_make(const struct sl_uri *proxy, struct sl_buf *ret);
void sl_proxy_auth_done(struct sl_buf *auth);

struct sl_way {
    atomic_uint refs;
    uint64_t id;            /* no two have the same */
    bool has_proxy;         /* `proxy` holds, also when it names no proxy; else the client's holds */
    struct sl_proxy proxy;  /* without exceptions: it is said for these upstreams */
    struct sl_tls_ctx *tls; /* held; NULL: the client's */
    char *url;              /* what `proxy` points into */
    struct sl_buf auth;
};

/* `proxy`: a checked URL, "none", or p == NULL: the client's. `tls` is taken on success; NULL: the client's. */
SL_MUST int sl_way_new(struct sl_str proxy, struct sl_tls_ctx *tls, struct sl_way **ret);
/* Both accept NULL: the client's own way. */
struct sl_way *sl_way_ref(struct sl_way *way);
void sl_way_unref(struct sl_way *way);

#endif
