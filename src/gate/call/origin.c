/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/origin.h"

#include "gate/call/peer.h"
#include "gate/call/state.h"
#include "gate/config/settings.h"
#include "http/hreq.h"
#include "http/server.h"
#include "wire/uri.h"

#define HOST_MAX   255
#define PREFIX_MAX 1024

/* True: a name or an address, with or without a port, and nothing that could end the authority of a URL. */
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

/* "http://gateway.example:5000" from the connection and the request's Host, or from what a trusted proxy says; "" when
 * that is missing or does not fit into a URL. */
static struct sl_str origin_of(struct sl_xchg *x)
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

bool sl_origin_is_secure(const struct sl_xchg *x)
{
    const struct sl_headers *headers = &x->req->msg.headers;
    struct sl_str scheme = sl_peer_forwarded(x->settings, &x->req->conn->peer, headers, "x-forwarded-proto");
    struct sl_uri uri;
    if (scheme.p) {
        return sl_str_case_eq(scheme, SL_STR("https"));
    }
    return x->req->conn->stream.tls ||
           (x->settings->server.public_url.n && sl_uri_parse(x->settings->server.public_url, &uri, NULL) == 0 &&
            uri.is_https && sl_str_case_eq(sl_headers_get(headers, "host"), uri.authority));
}

static struct sl_str slashes_cut(struct sl_str text)
{
    while (text.n && text.p[text.n - 1] == '/') {
        text.n--;
    }
    return text;
}

/* True: segments of letters, digits and "-._~%" only, so it can neither name another host nor end a header. */
static bool is_prefix(struct sl_str text)
{
    if (text.n > PREFIX_MAX || text.p[0] != '/') {
        return false;
    }
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool is_slash = c == '/' && (i == 0 || text.p[i - 1] != '/');
        if (!is_slash &&
            !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || memchr("-._~%", c, 5))) {
            return false;
        }
    }
    return true;
}

struct sl_str sl_origin_prefix(struct sl_xchg *x)
{
    struct sl_str prefix = slashes_cut(x->settings->server.public_url);
    ptrdiff_t scheme = sl_str_find(prefix, SL_STR("://"), 0);
    if (scheme >= 0) {
        ptrdiff_t path = sl_str_find_char(prefix, '/', (size_t)scheme + 3);
        return path < 0 ? SL_STR("") : sl_str_sub(prefix, (size_t)path, prefix.n);
    }
    prefix = slashes_cut(
        sl_peer_forwarded(x->settings, &x->req->conn->peer, &x->req->msg.headers, "x-forwarded-prefix"));
    return prefix.n && is_prefix(prefix) ? prefix : SL_STR("");
}

struct sl_str sl_origin_public(struct sl_xchg *x)
{
    struct sl_str base = slashes_cut(x->settings->server.public_url);
    if (base.n) {
        return base;
    }
    struct sl_str origin = origin_of(x), prefix = sl_origin_prefix(x);
    if (!prefix.n) {
        return origin;
    }
    base = sl_arena_printf(x->arena, "%.*s%.*s", SL_STR_ARG(origin), SL_STR_ARG(prefix));
    return base.p ? base : SL_STR("");
}
