/* SPDX-License-Identifier: Apache-2.0 */
/* Who is at the other end: a client is known by its address where no keys are configured. What a proxy says about the
 * client is believed only from server.trusted_proxies; unix sockets count as trusted. And who may not ask at all while
 * nobody has to say who he is: a web page. */
#ifndef SL_GATE_PEER_H
#define SL_GATE_PEER_H

#include "base/str.h"
#include "net/addr.h"

struct sl_arena;
struct sl_headers;
struct sl_settings;

/* The name that limits and the log count by: an IPv4 address as text, an IPv6 address as its /64 ("2001:db8:1:2::/64",
 * since one client has all of that), "unix" for a unix socket. On the arena; "unknown" when that is full. */
struct sl_str sl_peer_principal(const struct sl_addr *addr, struct sl_arena *arena);

bool sl_peer_is_trusted(const struct sl_settings *settings, const struct sl_addr *addr);

/* The client's address: of X-Forwarded-For, when the peer is trusted, the rightmost address that is not trusted (all
 * are: the leftmost); what stands behind something that is no address is not looked at. */
struct sl_addr sl_peer_client(const struct sl_settings *settings, const struct sl_addr *peer,
                              const struct sl_headers *headers);

/* What a trusted peer says in X-Forwarded-Host or -Proto (the last one of a list: the nearest proxy's word);
 * SL_STR_NONE when it says nothing or is not trusted. */
struct sl_str sl_peer_forwarded(const struct sl_settings *settings, const struct sl_addr *peer,
                                const struct sl_headers *headers, const char *name);

/* The open default (no auth section; only loopback and unix sockets are listened on): everyone on this machine may
 * call, but a web page in somebody's browser must not: not by a cross-site request (its Origin is not ours; or it has
 * none, and Sec-Fetch-Site names another site), not under a name that it has made point here (its Host is not ours).
 * Pages of an origin in server.cors may, where `is_for_pages` says that the path is for them. NULL: let pass; else why
 * not. `authority`: of a target in absolute form, or SL_STR_NONE. */
const char *sl_peer_page_fault(const struct sl_settings *settings, const struct sl_addr *peer,
                               const struct sl_headers *headers, struct sl_str authority, bool is_for_pages);

#endif
