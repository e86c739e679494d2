/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "base/arena.h"
#include "gate/config/origins.h"
#include "gate/config/settings.h"
#include "net/cidr.h"
#include "wire/headers.h"
#include "wire/uri.h"

struct sl_str sl_peer_principal(const struct sl_addr *addr, struct sl_arena *arena)
{
    struct sl_str name = sl_str_c(addr->text);
    if (addr->is_ipv6) {
        unsigned char net[16] = { 0 };
        char text[INET6_ADDRSTRLEN];
        memcpy(net, addr->ip, 8);
        SL_IGNORE(!inet_ntop(AF_INET6, net, text, sizeof(text))); /* it fits */
        name = sl_arena_printf(arena, "%s/64", text);
    } else {
        name = sl_arena_dup(arena, name);
    }
    return name.p ? name : SL_STR("unknown");
}

static bool is_unix(const struct sl_addr *addr)
{
    return strcmp(addr->text, "unix") == 0;
}

static bool addr_parse(struct sl_str text, struct sl_addr *ret)
{
    struct sl_ip ip;
    if (sl_ip_parse(text, &ip) < 0) {
        return false;
    }
    sl_addr_set(ret, true, ip.b, 0);
    return true;
}

/* The bits before an IPv4 address in its IPv6 form. */
#define V4_PREFIX 96

static struct sl_ip ip_of(const struct sl_addr *addr)
{
    struct sl_ip ip = { { [10] = 0xff, [11] = 0xff } };
    memcpy(addr->is_ipv6 ? ip.b : ip.b + V4_PREFIX / 8, addr->ip, addr->is_ipv6 ? 16 : 4);
    return ip;
}

bool sl_peer_is_trusted(const struct sl_settings *settings, const struct sl_addr *addr)
{
    const struct sl_cidrs *trusted = &settings->server.trusted;
    struct sl_ip ip = ip_of(addr);
    if (is_unix(addr)) {
        return true;
    }
    for (uint32_t i = 0; i < trusted->n; i++) {
        /* ::/0 does not mean IPv4 addresses. */
        if ((addr->is_ipv6 || trusted->v[i].bits >= V4_PREFIX) && sl_cidr_has(&trusted->v[i], &ip)) {
            return true;
        }
    }
    return false;
}

/* Takes "192.0.2.1", "192.0.2.1:4711", "2001:db8::1" and "[2001:db8::1]:4711", in quotes or not. */
static bool forwarded_parse(struct sl_str text, struct sl_addr *ret)
{
    text = sl_str_trim(text);
    if (text.n >= 2 && text.p[0] == '"' && text.p[text.n - 1] == '"') {
        text = sl_str_sub(text, 1, text.n - 1);
    }
    if (text.n && text.p[0] == '[') {
        ptrdiff_t close = sl_str_find_char(text, ']', 0);
        return close > 0 && addr_parse(sl_str_sub(text, 1, (size_t)close), ret);
    }
    ptrdiff_t colon = sl_str_find_char(text, ':', 0);
    if (colon > 0 && sl_str_find_char(text, ':', (size_t)colon + 1) < 0) {
        text = sl_str_sub(text, 0, (size_t)colon);
    }
    return addr_parse(text, ret);
}

struct sl_addr sl_peer_client(const struct sl_settings *settings, const struct sl_addr *peer,
                              const struct sl_headers *headers)
{
    struct sl_addr client = *peer;
    if (!sl_peer_is_trusted(settings, peer)) {
        return client;
    }
    for (uint32_t i = headers->n; i > 0; i--) {
        if (!sl_str_case_eq(headers->v[i - 1].name, SL_STR("x-forwarded-for"))) {
            continue;
        }
        struct sl_str value = headers->v[i - 1].value;
        for (;;) {
            const char *comma = value.n ? memrchr(value.p, ',', value.n) : NULL;
            size_t at = comma ? (size_t)(comma - value.p) + 1 : 0;
            struct sl_addr addr;
            if (!forwarded_parse(sl_str_sub(value, at, value.n), &addr)) {
                return client;
            }
            client = addr;
            if (!sl_peer_is_trusted(settings, &client)) {
                return client;
            }
            if (!comma) {
                break;
            }
            value.n = at - 1;
        }
    }
    return client;
}

struct sl_str sl_peer_forwarded(const struct sl_settings *settings, const struct sl_addr *peer,
                                const struct sl_headers *headers, const char *name)
{
    struct sl_str last = SL_STR_NONE;
    for (uint32_t i = 0; i < headers->n; i++) {
        if (sl_str_case_eq(headers->v[i].name, sl_str_c(name))) {
            last = headers->v[i].value;
        }
    }
    if (!last.n || !sl_peer_is_trusted(settings, peer)) {
        return SL_STR_NONE;
    }
    const char *comma = memrchr(last.p, ',', last.n);
    return sl_str_trim(comma ? sl_str_sub(last, (size_t)(comma - last.p) + 1, last.n) : last);
}

/* --- web pages --- */

static bool is_loopback_ip(struct sl_str text)
{
    static const struct sl_cidr v6 = { { { [15] = 1 } }, 128 };
    static const struct sl_cidr v4 = { { { [10] = 0xff, [11] = 0xff, [12] = 127 } }, V4_PREFIX + 8 };
    struct sl_ip ip;
    return sl_ip_parse(text, &ip) == 0 && (sl_cidr_has(&v6, &ip) || sl_cidr_has(&v4, &ip));
}

/* Splits the value of Host, or the one in Origin, into host and port; the port keeps its colon. */
static void authority_split(struct sl_str authority, struct sl_str *ret_host, struct sl_str *ret_port)
{
    size_t end = authority.n;
    while (end > 0 && authority.p[end - 1] >= '0' && authority.p[end - 1] <= '9') {
        end--;
    }
    end = end > 0 && authority.p[end - 1] == ':' ? end - 1 : authority.n;
    *ret_host = sl_str_sub(authority, 0, end);
    *ret_port = sl_str_sub(authority, end, authority.n);
}

static bool is_loopback_name(struct sl_str host)
{
    if (host.n > 2 && host.p[0] == '[') {
        return is_loopback_ip(sl_str_sub(host, 1, host.n - 1));
    }
    if (host.n && host.p[host.n - 1] == '.') {
        host.n--;
    }
    /* Names under localhost are never looked up in the DNS (RFC 6761 6.3). */
    struct sl_str tail = sl_str_sub(host, host.n > 10 ? host.n - 10 : 0, host.n);
    return sl_str_case_eq(host, SL_STR("localhost")) || (host.n > 10 && sl_str_case_eq(tail, SL_STR(".localhost"))) ||
           is_loopback_ip(host);
}

/* The authority of server.public_url, or of any URL; SL_STR_NONE when it has none. */
static struct sl_str authority_of(struct sl_str url)
{
    struct sl_uri uri;
    return url.n && sl_uri_parse(url, &uri, NULL) == 0 ? uri.authority : SL_STR_NONE;
}

static bool is_our_host(const struct sl_settings *settings, struct sl_str authority)
{
    struct sl_str host, port, own_host;
    authority_split(authority, &host, &port);
    if (is_loopback_name(host)) {
        return true;
    }
    authority_split(authority_of(settings->server.public_url), &own_host, &port);
    return own_host.n && sl_str_case_eq(host, own_host);
}

/* True: the port is one of the gateway's. Another server on this machine is another site. */
static bool is_our_port(const struct sl_settings *settings, struct sl_str port)
{
    for (uint32_t i = 0; i < settings->server.n_listen; i++) {
        struct sl_str own_host, own_port;
        authority_split(settings->server.listen[i].address, &own_host, &own_port);
        if (own_port.n && sl_str_eq(port, own_port)) { /* unix sockets have none */
            return true;
        }
    }
    return false;
}

static bool is_our_origin(const struct sl_settings *settings, struct sl_str origin, struct sl_str authority)
{
    struct sl_str theirs = authority_of(origin), host, port;
    if (!theirs.n) {
        return false; /* "null", or another scheme */
    }
    authority_split(theirs, &host, &port);
    return sl_str_case_eq(theirs, authority) || sl_str_case_eq(theirs, authority_of(settings->server.public_url)) ||
           (is_loopback_name(host) && is_our_port(settings, port));
}

/* True: a page of another site asks without an Origin, for an image, a script or a frame; browsers say so in Sec-Fetch
 * headers. A user who follows a link asks for himself. */
static bool is_asked_by_a_page(const struct sl_headers *headers, struct sl_str site)
{
    return !sl_str_case_eq(site, SL_STR("same-origin")) && !sl_str_case_eq(site, SL_STR("none")) &&
           !(sl_str_case_eq(sl_headers_get(headers, "sec-fetch-mode"), SL_STR("navigate")) &&
             sl_str_case_eq(sl_headers_get(headers, "sec-fetch-dest"), SL_STR("document")));
}

const char *sl_peer_page_fault(const struct sl_settings *settings, const struct sl_addr *peer,
                               const struct sl_headers *headers, struct sl_str authority, bool is_for_pages)
{
    if (SL_LIKELY(settings->auth.mode != SL_AUTH_ABSENT || is_unix(peer))) {
        return NULL;
    }
    struct sl_str host = sl_headers_get(headers, "host");
    struct sl_str forwarded = sl_peer_forwarded(settings, peer, headers, "x-forwarded-host");
    bool is_ours = (!host.p || is_our_host(settings, host)) && (!authority.p || is_our_host(settings, authority)) &&
                   (!forwarded.p || is_our_host(settings, forwarded));
    if (!is_ours) {
        return "this gateway is open to this machine only: the request's Host must be a loopback name or address, or "
               "that of server.public_url";
    }
    static const char another[] = "this gateway is open to this machine only: a web page of another origin (Origin, "
                                  "Sec-Fetch-Site) may not call it; server.cors lists those that may make calls, "
                                  "server.public_url is its own name";
    struct sl_str own = authority.p ? authority : host, site = SL_STR_NONE;
    bool has_origin = false;
    for (uint32_t i = 0; i < headers->n; i++) {
        const struct sl_header *h = &headers->v[i];
        if (sl_str_case_eq(h->name, SL_STR("origin"))) {
            has_origin = true;
            if (!is_our_origin(settings, h->value, own) &&
                !(is_for_pages && sl_origins_have(&settings->server.cors, h->value))) {
                return another;
            }
        } else if (sl_str_case_eq(h->name, SL_STR("sec-fetch-site"))) {
            site = h->value;
        }
    }
    return site.p && !has_origin && is_asked_by_a_page(headers, site) ? another : NULL;
}

bool sl_peer_is_foreign_page(const struct sl_settings *settings, const struct sl_addr *peer,
                             const struct sl_headers *headers)
{
    struct sl_str own[] = { sl_headers_get(headers, "host"),
                            sl_peer_forwarded(settings, peer, headers, "x-forwarded-host"),
                            authority_of(settings->server.public_url) };
    for (uint32_t i = 0; i < headers->n; i++) {
        const struct sl_header *h = &headers->v[i];
        if (sl_str_case_eq(h->name, SL_STR("sec-fetch-site")) && !sl_str_case_eq(h->value, SL_STR("same-origin")) &&
            !sl_str_case_eq(h->value, SL_STR("none"))) {
            return true;
        }
        if (sl_str_case_eq(h->name, SL_STR("origin"))) {
            struct sl_str theirs = authority_of(h->value);
            bool is_own = false;
            for (size_t k = 0; theirs.n && k < SL_ARRAY_LEN(own); k++) {
                is_own = is_own || sl_str_case_eq(theirs, own[k]);
            }
            if (!is_own) {
                return true;
            }
        }
    }
    return false;
}
