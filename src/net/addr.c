/* SPDX-License-Identifier: Apache-2.0 */
#include "net/addr.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/attr.h"

void sl_addr_set(struct sl_addr *addr, bool is_ipv6, const unsigned char *ip, uint16_t port)
{
    static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
    *addr = (struct sl_addr){ .port = port };
    if (is_ipv6 && memcmp(ip, mapped, sizeof(mapped)) == 0) {
        is_ipv6 = false;
        ip += sizeof(mapped);
    }
    addr->is_ipv6 = is_ipv6;
    memcpy(addr->ip, ip, is_ipv6 ? 16 : 4);
    SL_IGNORE(!inet_ntop(is_ipv6 ? AF_INET6 : AF_INET, ip, addr->text, sizeof(addr->text))); /* it fits */
}
