/* SPDX-License-Identifier: Apache-2.0 */
/* The address of a connection's peer. */
#ifndef SL_NET_ADDR_H
#define SL_NET_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct sl_arena;

struct sl_addr {
    char text[64]; /* "192.0.2.1", "2001:db8::1", "unix" */
    uint16_t port;
    bool is_ipv6;
    unsigned char ip[16]; /* network order; IPv4 in the first 4 */
};

/* `ip` in network order, 4 or 16 bytes; an IPv4 address inside IPv6 (::ffff:0:0/96) becomes IPv4. */
void sl_addr_set(struct sl_addr *addr, bool is_ipv6, const unsigned char *ip, uint16_t port);

/* The text of a dial without its addresses: "connection refused by its address". p == NULL: no memory. */
struct sl_str sl_addr_hide(struct sl_str text, struct sl_arena *arena);

#endif
