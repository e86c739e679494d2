/* SPDX-License-Identifier: Apache-2.0 */
/* A way to reach an upstream that is not the client's own (struct sl_hclient_conf): with a proxy or without one, with
 * authorities or a certificate of its own. Immutable, counted, shared between threads. Connections of different ways
 * are never shared. */
#ifndef SL_HTTP_WAY_H
#define SL_HTTP_WAY_H

#include <stdatomic.h>

#include "base/buf.h"
#include "net/noproxy.h"
#include "wire/uri.h"

/* A proxy that is asked to CONNECT. */
struct sl_proxy {
    struct sl_uri uri;        /* host.n == 0: no proxy */
    struct sl_str auth;       /* "Basic …" or p == NULL */
    struct sl_noproxy except; /* hosts that are reached without it */
};

/* True: that host is reached through the proxy. */
bool sl_proxy_leads_to(const struct sl_proxy *proxy, struct sl_str host, uint16_t port);
bool sl_proxy_is_same(const struct sl_proxy *a, const struct sl_proxy *b);
/* "Basic " and base64 of user:password, if the proxy's URL has them; else nothing. The caller wipes it. */
SL_MUST int sl_proxy_auth_make(const struct sl_uri *proxy, struct sl_buf *ret);
void sl_proxy_auth_done(struct sl_buf *auth);

struct sl_way {
    atomic_uint refs;
    uint64_t id;            /* different for each way */
    bool has_proxy;         /* `proxy` counts, even when it names no proxy; else the client's proxy counts */
    struct sl_proxy proxy;  /* without exceptions, because it is set for these upstreams only */
    struct sl_tls_ctx *tls; /* a reference is held; NULL: the client's */
    char *url;              /* the text that `proxy` points into */
    struct sl_buf auth;
};

/* `proxy`: a checked URL, "none", or p == NULL for the client's. `tls` is taken on success; NULL: the client's. */
SL_MUST int sl_way_new(struct sl_str proxy, struct sl_tls_ctx *tls, struct sl_way **ret);
/* Both accept NULL, which means the client's own way. */
struct sl_way *sl_way_ref(struct sl_way *way);
void sl_way_unref(struct sl_way *way);

#endif
