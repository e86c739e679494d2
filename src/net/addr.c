/* SPDX-License-Identifier: Apache-2.0 */
#include "net/addr.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/arena.h"
#include "base/attr.h"
#include "net/cidr.h"

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
    SL_IGNORE(!inet_ntop(is_ipv6 ? AF_INET6 : AF_INET, ip, addr->text, sizeof(addr->text))); /* it always fits */
}

/* True: the word is "192.0.2.1", "192.0.2.1:443" or "[2001:db8::1]:443", perhaps with a punctuation mark behind it. */
static bool word_is_addr(struct sl_str word)
{
    struct sl_ip ip;
    while (word.n && strchr(":;,.", word.p[word.n - 1])) {
        word.n--;
    }
    if (sl_ip_parse(word, &ip) == 0) {
        return true;
    }
    bool is_bracketed = word.n && word.p[0] == '[';
    ptrdiff_t end = sl_str_find_char(word, is_bracketed ? ']' : ':', 0);
    return end > 0 && sl_ip_parse(sl_str_sub(word, is_bracketed ? 1 : 0, (size_t)end), &ip) == 0;
}

struct sl_str sl_addr_hide(struct sl_str text, struct sl_arena *arena)
{
    struct sl_str rest = text, word, out = SL_STR("");
    size_t from = 0; /* where the text begins that is copied unchanged */
    while (sl_str_next(&rest, ' ', &word)) {
        if (!word_is_addr(word)) {
            continue;
        }
        size_t at = (size_t)(word.p - text.p), end = at + word.n;
        bool has_mark = strchr(":;,.", word.p[word.n - 1]) != NULL;
        out = sl_arena_join(arena, (struct sl_str[]){ out, sl_str_sub(text, from, at), SL_STR("its address") }, 3);
        if (!out.p) {
            return SL_STR_NONE;
        }
        from = has_mark ? end - 1 : end;
    }
    return from ? sl_arena_join(arena, (struct sl_str[]){ out, sl_str_sub(text, from, text.n) }, 2) : text;
}
