/* SPDX-License-Identifier: Apache-2.0 */
#include "net/noproxy.h"

#include "base/arena.h"
#include "base/num.h"

static struct sl_str dots_cut(struct sl_str s)
{
    if (sl_str_has_prefix(s, SL_STR("*."))) { /* the spelling of other programs */
        s = sl_str_sub(s, 2, s.n);
    }
    while (s.n && s.p[0] == '.') {
        s = sl_str_sub(s, 1, s.n);
    }
    while (s.n && s.p[s.n - 1] == '.') {
        s.n--;
    }
    return s;
}

static bool is_name(struct sl_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        if (!is_letter && !(c >= '0' && c <= '9') && c != '-' && c != '_' && c != '.' && c < 0x80) {
            return false;
        }
    }
    return s.n > 0;
}

/* Reads what stands behind the host: a port, or nothing. */
static int port_read(struct sl_str *io_word, uint16_t *ret)
{
    struct sl_str word = *io_word;
    ptrdiff_t colon = -1;
    if (word.n && word.p[0] == '[') {
        ptrdiff_t end = sl_str_find_char(word, ']', 0);
        if (end < 0 || ((size_t)end + 1 < word.n && word.p[end + 1] != ':')) {
            return SL_E_INVAL;
        }
        *io_word = sl_str_sub(word, 1, (size_t)end);
        colon = (size_t)end + 1 < word.n ? end + 1 : -1;
    } else {
        colon = sl_str_find_char(word, ':', 0);
        if (colon >= 0 && sl_str_find_char(word, ':', (size_t)colon + 1) >= 0) {
            colon = -1; /* IPv6 without brackets */
        } else if (colon >= 0) {
            *io_word = sl_str_sub(word, 0, (size_t)colon);
        }
    }
    uint64_t port = 0;
    if (colon >= 0 && sl_parse_u64(sl_str_sub(word, (size_t)colon + 1, word.n), 1, 65535, &port) < 0) {
        return SL_E_INVAL;
    }
    *ret = (uint16_t)port;
    return 0;
}

struct sl_noproxy *sl_noproxy_new(struct sl_arena *arena, size_t max)
{
    struct sl_noproxy *rules = SL_ARENA_NEW(arena, struct sl_noproxy);
    struct sl_noproxy_rule *v = SL_ARENA_ARRAY(arena, struct sl_noproxy_rule, max + 1);
    if (!rules || !v) {
        return NULL;
    }
    rules->v = v;
    return rules;
}

int sl_noproxy_parse(struct sl_str word, struct sl_noproxy_rule *ret)
{
    struct sl_noproxy_rule rule = { .text = word };
    if (sl_str_find_char(word, '/', 0) >= 0) {
        int r = sl_cidr_parse(word, &rule.net);
        if (r == 0) {
            *ret = rule;
        }
        return r;
    }
    struct sl_str host = word;
    int r = port_read(&host, &rule.port);
    if (r < 0) {
        return r;
    }
    struct sl_ip ip;
    if (sl_str_eq_c(host, "*")) {
        rule.host = SL_STR("");
    } else if (sl_ip_parse(host, &ip) == 0) {
        rule.net = (struct sl_cidr){ ip, 128 };
    } else {
        rule.host = dots_cut(host);
        if (!is_name(rule.host)) {
            return SL_E_INVAL;
        }
    }
    *ret = rule;
    return 0;
}

static bool rule_fits(const struct sl_noproxy_rule *rule, struct sl_str host, const struct sl_ip *ip, uint16_t port)
{
    if (rule->port && rule->port != port) {
        return false;
    }
    if (!rule->host.p) {
        return ip && sl_cidr_has(&rule->net, ip);
    }
    if (rule->host.n == 0 || sl_str_case_eq(host, rule->host)) {
        return true;
    }
    return !ip && host.n > rule->host.n && host.p[host.n - rule->host.n - 1] == '.' &&
           sl_str_case_eq(sl_str_sub(host, host.n - rule->host.n, host.n), rule->host);
}

bool sl_noproxy_has(const struct sl_noproxy *rules, struct sl_str host, uint16_t port)
{
    struct sl_ip ip;
    if (rules->n == 0) {
        return false;
    }
    bool is_ip = sl_ip_parse(host, &ip) == 0;
    host.n -= host.n && host.p[host.n - 1] == '.';
    for (uint32_t i = 0; i < rules->n; i++) {
        if (rule_fits(&rules->v[i], host, is_ip ? &ip : NULL, port)) {
            return true;
        }
    }
    return false;
}

bool sl_noproxy_is_same(const struct sl_noproxy *a, const struct sl_noproxy *b)
{
    bool same = a->n == b->n;
    for (uint32_t i = 0; same && i < a->n; i++) {
        same = sl_str_eq(a->v[i].text, b->v[i].text);
    }
    return same;
}
