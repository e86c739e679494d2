/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts that are reached without the proxy, in the syntax of NO_PROXY as curl reads it: "*" (every host), a host or
 * domain ("example.com" and ".example.com" are the domain and all below it), an address or a network ("10.0.0.0/8").
 * All except networks may have a port ("example.com:8443", "[::1]:8080"). Names are compared as written, not resolved:
 * a network matches only hosts that are written as addresses. Pure. */
#ifndef SL_NET_NOPROXY_H
#define SL_NET_NOPROXY_H

#include "net/cidr.h"

struct sl_arena;

struct sl_noproxy_rule {
    struct sl_str text; /* as written */
    struct sl_str host; /* without dots around it; "": every host; p == NULL: `net` counts */
    struct sl_cidr net;
    uint16_t port; /* 0: any */
};

struct sl_noproxy {
    struct sl_noproxy_rule *v;
    uint32_t n;
};

/* An empty list with room for `max`. NULL: no memory. */
struct sl_noproxy *sl_noproxy_new(struct sl_arena *arena, size_t max);
/* Parses one word; its texts are borrowed. SL_E_INVAL: no host can match it. */
SL_MUST int sl_noproxy_parse(struct sl_str word, struct sl_noproxy_rule *ret);
/* `host` as in a URL, without brackets. */
bool sl_noproxy_has(const struct sl_noproxy *rules, struct sl_str host, uint16_t port);
bool sl_noproxy_is_same(const struct sl_noproxy *a, const struct sl_noproxy *b);

#endif
