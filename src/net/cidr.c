/* SPDX-License-Identifier: Apache-2.0 */
#include "net/cidr.h"

#include <arpa/inet.h>

#include "base/num.h"

#define V4_PREFIX 96 /* bits in front of an IPv4 address in the long form */

static void ip_from_v4(const unsigned char v4[4], struct sl_ip *ret)
{
    *ret = (struct sl_ip){ { [10] = 0xff, [11] = 0xff } };
    memcpy(ret->b + 12, v4, 4);
}

static bool ip_is_v4(const struct sl_ip *ip)
{
    static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
    return memcmp(ip->b, mapped, sizeof(mapped)) == 0;
}

int sl_ip_of(const struct sockaddr *addr, struct sl_ip *ret)
{
    if (addr->sa_family == AF_INET) {
        ip_from_v4((const unsigned char *)&((const struct sockaddr_in *)(const void *)addr)->sin_addr, ret);
        return 0;
    }
    if (addr->sa_family == AF_INET6) {
        memcpy(ret->b, &((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr, sizeof(ret->b));
        return 0;
    }
    return SL_E_INVAL;
}

int sl_ip_parse(struct sl_str text, struct sl_ip *ret)
{
    char room[INET6_ADDRSTRLEN + 1] = "";
    unsigned char v4[4];
    if (text.n == 0 || text.n >= sizeof(room) || memchr(text.p, 0, text.n)) {
        return SL_E_INVAL;
    }
    memcpy(room, text.p, text.n);
    if (inet_pton(AF_INET, room, v4) == 1) {
        ip_from_v4(v4, ret);
        return 0;
    }
    return inet_pton(AF_INET6, room, ret->b) == 1 ? 0 : SL_E_INVAL;
}

int sl_cidr_parse(struct sl_str text, struct sl_cidr *ret)
{
    ptrdiff_t slash = sl_str_find_char(text, '/', 0);
    struct sl_str address = slash < 0 ? text : sl_str_sub(text, 0, (size_t)slash);
    struct sl_cidr cidr;
    if (sl_ip_parse(address, &cidr.ip) < 0) {
        return SL_E_INVAL;
    }
    bool is_v4 = sl_str_find_char(address, ':', 0) < 0;
    uint64_t bits = is_v4 ? 32 : 128;
    if (slash >= 0 && sl_parse_u64(sl_str_sub(text, (size_t)slash + 1, text.n), 0, bits, &bits) < 0) {
        return SL_E_INVAL;
    }
    cidr.bits = (uint8_t)(bits + (is_v4 ? V4_PREFIX : 0));
    *ret = cidr;
    return 0;
}

bool sl_cidr_has(const struct sl_cidr *cidr, const struct sl_ip *ip)
{
    size_t whole = cidr->bits / 8, rest = cidr->bits % 8;
    if (memcmp(cidr->ip.b, ip->b, whole) != 0) {
        return false;
    }
    return rest == 0 || ((cidr->ip.b[whole] ^ ip->b[whole]) >> (8 - rest)) == 0;
}

bool sl_cidrs_have(const struct sl_cidrs *cidrs, const struct sl_ip *ip)
{
    for (uint32_t i = 0; i < cidrs->n; i++) {
        if (sl_cidr_has(&cidrs->v[i], ip)) {
            return true;
        }
    }
    return false;
}

/* IANA's special-purpose registries (RFC 6890 and its updates), multicast and reserved space; and public-looking
 * addresses at which clouds serve their own machines. */
static const struct {
    unsigned char b[4];
    uint8_t bits;
} special_v4[] = {
    { { 0, 0, 0, 0 }, 8 },        /* this network */
    { { 10, 0, 0, 0 }, 8 },       /* private */
    { { 100, 64, 0, 0 }, 10 },    /* shared (RFC 6598); a cloud's metadata at 100.100.100.200 */
    { { 127, 0, 0, 0 }, 8 },      /* loopback */
    { { 168, 63, 129, 16 }, 32 }, /* a cloud's own services */
    { { 169, 254, 0, 0 }, 16 },   /* link-local; metadata at 169.254.169.254 */
    { { 172, 16, 0, 0 }, 12 },    /* private */
    { { 192, 0, 0, 0 }, 24 },     /* protocol assignments; metadata at 192.0.0.192 */
    { { 192, 0, 2, 0 }, 24 },     /* documentation */
    { { 192, 88, 99, 0 }, 24 },   /* 6to4 relays */
    { { 192, 168, 0, 0 }, 16 },   /* private */
    { { 198, 18, 0, 0 }, 15 },    /* benchmarks */
    { { 198, 51, 100, 0 }, 24 },  /* documentation */
    { { 203, 0, 113, 0 }, 24 },   /* documentation */
    { { 224, 0, 0, 0 }, 4 },      /* multicast */
    { { 240, 0, 0, 0 }, 4 },      /* reserved, broadcast */
};

/* Networks within global unicast (2000::/3) that are not public. */
static const struct sl_cidr special_v6[] = {
    { { { 0x20, 0x01 } }, 23 },             /* 2001::/23 protocol assignments, Teredo */
    { { { 0x20, 0x01, 0x0d, 0xb8 } }, 32 }, /* documentation */
    { { { 0x3f, 0xff } }, 20 },             /* documentation (RFC 9637) */
};

static bool v4_is_special(const unsigned char v4[4])
{
    struct sl_ip ip;
    ip_from_v4(v4, &ip);
    for (size_t i = 0; i < SL_ARRAY_LEN(special_v4); i++) {
        struct sl_cidr cidr;
        ip_from_v4(special_v4[i].b, &cidr.ip);
        cidr.bits = (uint8_t)(special_v4[i].bits + V4_PREFIX);
        if (sl_cidr_has(&cidr, &ip)) {
            return true;
        }
    }
    return false;
}

bool sl_ip_is_special(const struct sl_ip *ip)
{
    static const struct sl_cidr global = { { { 0x20 } }, 3 };                   /* 2000::/3 */
    static const struct sl_cidr nat64 = { { { 0x00, 0x64, 0xff, 0x9b } }, 96 }; /* 64:ff9b::/96 */
    static const struct sl_cidr six_to_four = { { { 0x20, 0x02 } }, 16 };       /* 2002::/16 */
    if (ip_is_v4(ip) || sl_cidr_has(&nat64, ip)) {
        return v4_is_special(ip->b + 12);
    }
    if (sl_cidr_has(&six_to_four, ip)) {
        return v4_is_special(ip->b + 2);
    }
    if (!sl_cidr_has(&global, ip)) {
        return true; /* local, reserved, multicast, or a form of an IPv4 address that a router may know */
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(special_v6); i++) {
        if (sl_cidr_has(&special_v6[i], ip)) {
            return true;
        }
    }
    return false;
}

bool sl_guard_lets(const struct sl_guard *guard, const struct sl_ip *ip)
{
    return !guard || !sl_ip_is_special(ip) || sl_cidrs_have(&guard->allow, ip);
}
