/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/origin.h"

#include "gate/call/peer.h"
#include "gate/call/state.h"
#include "http/hreq.h"
#include "http/server.h"

#define HOST_MAX 255

/* A name or an address, with a port or without: nothing that could end the authority of a URL. */
static bool is_host(struct sl_str host)
{
    for (size_t i = 0; i < host.n; i++) {
        char c = host.p[i];
        bool is_right = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                        memchr(".-_:[]", c, 6);
        if (!is_right) {
            return false;
        }
    }
    return host.n > 0 && host.n <= HOST_MAX;
}

struct sl_str sl_origin(struct sl_xchg *x)
{
    const struct sl_headers *headers = &x->req->msg.headers;
    const struct sl_addr *peer = &x->req->conn->peer;
    struct sl_str host = sl_peer_forwarded(x->settings, peer, headers, "x-forwarded-host");
    struct sl_str scheme = sl_peer_forwarded(x->settings, peer, headers, "x-forwarded-proto");
    if (!host.p) {
        host = sl_headers_get(headers, "host");
    }
    if (!is_host(host)) {
        return SL_STR("");
    }
    bool is_https = scheme.p ? sl_str_case_eq(scheme, SL_STR("https")) : x->req->conn->stream.tls != NULL;
    struct sl_str origin = sl_arena_printf(x->arena, "%s://%.*s", is_https ? "https" : "http", SL_STR_ARG(host));
    return origin.p ? origin : SL_STR("");
}

struct sl_str sl_origin_public(struct sl_xchg *x)
{
    struct sl_str base = x->settings->server.public_url;
    if (base.n == 0) {
        return sl_origin(x);
    }
    while (base.n && base.p[base.n - 1] == '/') {
        base.n--;
    }
    return base;
}
