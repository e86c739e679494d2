/* SPDX-License-Identifier: Apache-2.0 */
/* Who is at the other end: a client is known by its address where no keys are configured. */
#ifndef SL_GATE_PEER_H
#define SL_GATE_PEER_H

#include "base/arena.h"
#include "net/stream.h"

/* The name that limits and the log count by: an IPv4 address as text, an IPv6 address as its /64 ("2001:db8:1:2::/64",
 * since one client has all of that), "unix" for a unix socket. On the arena; "unknown" when that is full. */
struct sl_str sl_peer_principal(const struct sl_addr *addr, struct sl_arena *arena);

#endif
