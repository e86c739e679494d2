/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/proxy_protocol.h"

#include <arpa/inet.h>

#include "base/num.h"

#define V1_MAX 107 /* CR LF included; section 2.1 */

static const char v2_signature[12] = "\r\n\r\n\0\r\nQUIT\n";

static int address_parse(int family, struct sl_str text, unsigned char *ret)
{
    char z[INET6_ADDRSTRLEN] = "";
    if (text.n == 0 || text.n >= sizeof(z) || memchr(text.p, 0, text.n)) {
        return SL_E_INVAL;
    }
    memcpy(z, text.p, text.n);
    return inet_pton(family, z, ret) == 1 ? 0 : SL_E_INVAL;
}

/* "PROXY TCP4 source destination port port", CR LF taken off. */
static int v1_line(struct sl_str line, struct sl_proxy_header *ret)
{
    struct sl_str part[6];
    size_t n = 0;
    struct sl_str rest = line;
    while (n < 6 && sl_str_next(&rest, ' ', &part[n])) {
        n++;
    }
    if (n >= 2 && sl_str_eq_c(part[1], "UNKNOWN")) {
        return 0; /* the rest is to be ignored */
    }
    if (n != 6 || rest.p) {
        return SL_E_INVAL;
    }
    struct sl_proxy_header h = { .has_source = true, .is_ipv6 = sl_str_eq_c(part[1], "TCP6") };
    if (!h.is_ipv6 && !sl_str_eq_c(part[1], "TCP4")) {
        return SL_E_INVAL;
    }
    int family = h.is_ipv6 ? AF_INET6 : AF_INET;
    unsigned char destination[16];
    uint64_t port, destination_port;
    if (address_parse(family, part[2], h.source) < 0 || address_parse(family, part[3], destination) < 0 ||
        sl_parse_u64(part[4], 0, UINT16_MAX, &port) < 0 ||
        sl_parse_u64(part[5], 0, UINT16_MAX, &destination_port) < 0) {
        return SL_E_INVAL;
    }
    h.source_port = (uint16_t)port;
    *ret = h;
    return 0;
}

static int v1_parse(struct sl_str bytes, struct sl_proxy_header *ret, size_t *ret_need)
{
    ptrdiff_t cr = sl_str_find_char(bytes, '\r', 0);
    if (cr < 0) {
        *ret_need = 1; /* one byte at a time, because bytes behind the line end must stay unread */
        return bytes.n < V1_MAX - 1 && !memchr(bytes.p, '\n', bytes.n) ? 1 : SL_E_INVAL;
    }
    if ((size_t)cr == bytes.n - 1) {
        *ret_need = 1;
        return 1;
    }
    if ((size_t)cr != bytes.n - 2 || bytes.p[cr + 1] != '\n') {
        return SL_E_INVAL;
    }
    return v1_line(sl_str_sub(bytes, 0, (size_t)cr), ret);
}

static int v2_parse(struct sl_str bytes, struct sl_proxy_header *ret, size_t *ret_need)
{
    const unsigned char *p = (const unsigned char *)bytes.p;
    if (bytes.n < 16) {
        *ret_need = 16 - bytes.n;
        return 1;
    }
    size_t n = (size_t)p[14] << 8 | p[15];
    unsigned version = p[12] >> 4, command = p[12] & 15, family = p[13] >> 4, transport = p[13] & 15;
    if (version != 2 || command > 1 || family > 3 || transport > 2 || n > SL_PROXY_HEADER_MAX - 16) {
        return SL_E_INVAL;
    }
    if (bytes.n < 16 + n) {
        *ret_need = 16 + n - bytes.n;
        return 1;
    }
    if (bytes.n > 16 + n) {
        return SL_E_INVAL;
    }
    if (command == 0 || family == 0 || family == 3) {
        return 0;
    }
    struct sl_proxy_header h = { .has_source = true, .is_ipv6 = family == 2 };
    size_t size = h.is_ipv6 ? 16 : 4;
    if (transport != 1 || n < 2 * size + 4) {
        return SL_E_INVAL; /* the addresses are too short, or it is about datagrams */
    }
    memcpy(h.source, p + 16, size);
    h.source_port = (uint16_t)(p[16 + 2 * size] << 8 | p[17 + 2 * size]);
    *ret = h;
    return 0;
}

int sl_proxy_parse(struct sl_str bytes, struct sl_proxy_header *ret, size_t *ret_need)
{
    *ret = (struct sl_proxy_header){ 0 };
    size_t n = SL_MIN(bytes.n, sizeof(v2_signature));
    bool is_v2 = memcmp(bytes.p, v2_signature, n) == 0;
    bool is_v1 = memcmp(bytes.p, "PROXY ", SL_MIN(n, (size_t)6)) == 0;
    if (!is_v1 && !is_v2) {
        return SL_E_INVAL;
    }
    if (bytes.n < SL_PROXY_HEADER_MIN) {
        *ret_need = SL_PROXY_HEADER_MIN - bytes.n;
        return 1;
    }
    return is_v2 ? v2_parse(bytes, ret, ret_need) : v1_parse(bytes, ret, ret_need);
}
