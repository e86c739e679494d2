/* SPDX-License-Identifier: Apache-2.0 */
/* Who the client is. Without keys, its address identifies it. What a proxy says about it counts only from
 * server.trusted_proxies; unix sockets are trusted. Also: which web pages must not call when no key is needed. */
#ifndef SL_GATE_PEER_H
#define SL_GATE_PEER_H

#include "base/str.h"
#include "net/addr.h"

struct sl_arena;
struct sl_headers;
struct sl_settings;

/* The name for limits and the log: an IPv4 address as text, an IPv6 address as its /64 ("2001:db8:1:2::/64", because
 * one client has all of that), "unix" for a unix socket. On the arena; "unknown" when that is full. */
struct sl_str sl_peer_principal(const struct sl_addr *addr, struct sl_arena *arena);

bool sl_peer_is_trusted(const struct sl_settings *settings, const struct sl_addr *addr);

/* The client's address. If the peer is trusted, it is the rightmost address of X-Forwarded-For that is not trusted (if
 * all are trusted: the leftmost). The search ends at an entry that is no address. */
struct sl_addr sl_peer_client(const struct sl_settings *settings, const struct sl_addr *peer,
                              const struct sl_headers *headers);

/* What a trusted peer says in X-Forwarded-Host or -Proto (the last value of a list, from the nearest proxy);
 * SL_STR_NONE when it says nothing or is not trusted. */
struct sl_str sl_peer_forwarded(const struct sl_settings *settings, const struct sl_addr *peer,
                                const struct sl_headers *headers, const char *name);

/* For the open default (no auth section; only loopback and unix sockets): everyone on this machine may call, but a web
 * page in a browser must not. Refused are cross-site requests (Origin is not the gateway's, or it is missing and
 * Sec-Fetch-Site names another site), and requests under a name that a page has made point here (Host is not the
 * gateway's). Pages of an origin in server.cors may call if `is_for_pages` says that the path is for them. NULL: let it
 * pass; else the reason. `authority`: of a target in absolute form, or SL_STR_NONE. */
const char *sl_peer_page_fault(const struct sl_settings *settings, const struct sl_addr *peer,
                               const struct sl_headers *headers, struct sl_str authority, bool is_for_pages);
/* For calls with the cookie of a session (session.h). True: by Origin or Sec-Fetch-Site a page of another origin asks.
 * The gateway's own origin is the request's Host, what a trusted proxy says instead, or server.public_url. */
bool sl_peer_is_foreign_page(const struct sl_settings *settings, const struct sl_addr *peer,
                             const struct sl_headers *headers);

#endif
