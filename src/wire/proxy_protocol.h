/* SPDX-License-Identifier: Apache-2.0 */
/* The header in which a proxy names its client (HAProxy's PROXY protocol, versions 1 and 2). Pure. */
#ifndef SL_WIRE_PROXY_PROTOCOL_H
#define SL_WIRE_PROXY_PROTOCOL_H

#include "base/err.h"
#include "base/str.h"

/* No header is shorter, so this many bytes can be read before anything is known. */
#define SL_PROXY_HEADER_MIN 12
/* Version 2 carries further data of proxies (certificates' names, identifiers); a longer header is refused. */
#define SL_PROXY_HEADER_MAX 4096

struct sl_proxy_header {
    bool has_source; /* false: the proxy speaks for itself (LOCAL, UNKNOWN, unix), so the peer's own address counts */
    bool is_ipv6;
    unsigned char source[16]; /* network order; IPv4 in the first 4 */
    uint16_t source_port;
};

/* 0: `bytes` are one whole header. 1: at least *ret_need more bytes belong to it. SL_E_INVAL: no such header. */
SL_MUST int sl_proxy_parse(struct sl_str bytes, struct sl_proxy_header *ret, size_t *ret_need);

#endif
