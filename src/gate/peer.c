/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>

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
