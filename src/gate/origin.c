/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/origin.h"

#include "gate/exchange.h"

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
    struct sl_str host = sl_headers_get(&x->req->msg.headers, "host");
    if (!is_host(host)) {
        return SL_STR("");
    }
    struct sl_str origin = sl_arena_printf(&x->req->arena, "%s://%.*s", x->req->conn->stream.tls ? "https" : "http",
                                           SL_STR_ARG(host));
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
