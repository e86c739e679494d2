/* SPDX-License-Identifier: Apache-2.0 */
/* Networks (RFC 4632), and which addresses belong to a machine's own surroundings. Addresses are compared in one form:
 * 16 bytes, IPv4 as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2). Pure. */
#ifndef SL_NET_CIDR_H
#define SL_NET_CIDR_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/str.h"

struct sl_ip {
    unsigned char b[16];
};

struct sl_cidr {
    struct sl_ip ip;
    uint8_t bits; /* 0 to 128, in the long form */
};

struct sl_cidrs {
    struct sl_cidr *v;
    uint32_t n;
};

/* "10.0.0.0/8", "fd00::/8", "192.0.2.1" (one address). Bits behind the prefix are ignored. SL_E_INVAL. */
SL_MUST int sl_cidr_parse(struct sl_str text, struct sl_cidr *ret);
/* SL_E_INVAL for anything but AF_INET and AF_INET6. */
SL_MUST int sl_ip_of(const struct sockaddr *addr, struct sl_ip *ret);
/* Parses an address literal; only the usual spellings. */
SL_MUST int sl_ip_parse(struct sl_str text, struct sl_ip *ret);
bool sl_cidr_has(const struct sl_cidr *cidr, const struct sl_ip *ip);
bool sl_cidrs_have(const struct sl_cidrs *cidrs, const struct sl_ip *ip);
/* True: not a public unicast address: loopback, private, link-local, shared, multicast, reserved, documentation, cloud
 * metadata. In IPv6 only global unicast (2000::/3) is public, and forms of a public IPv4 address: mapped, 6to4,
 * NAT64. */
bool sl_ip_is_special(const struct sl_ip *ip);

/* For routes that callers make: only public addresses, and those that the operator allows. NULL stands for no
 * restriction. */
struct sl_guard {
    struct sl_cidrs allow;
};
bool sl_guard_lets(const struct sl_guard *guard, const struct sl_ip *ip);

#endif
