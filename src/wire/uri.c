/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/uri.h"

#include "base/arena.h"
#include "base/num.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int bytes_check(struct sl_str text, struct sl_err *err)
{
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c <= 0x20 || c >= 0x7f) {
            return sl_fail(err, SL_E_INVAL, "%s at %zu",
                           c == ' '                ? "space"
                           : c < 0x20 || c == 0x7f ? "control character"
                                                   : "byte outside ASCII",
                           i);
        }
    }
    return 0;
}

static int port_parse(struct sl_str text, struct sl_uri *uri, struct sl_err *err)
{
    if (text.n == 0) {
        return 0; /* "host:" is legal */
    }
    uint64_t port;
    if (sl_parse_u64(text, 1, 65535, &port) < 0) {
        return sl_fail(err, SL_E_INVAL, "port %.*s is not in 1..65535", SL_STR_ARG(text));
    }
    uri->port = (uint16_t)port;
    uri->has_port = true;
    return 0;
}

static int authority_parse(struct sl_str text, struct sl_uri *uri, struct sl_err *err)
{
    uri->userinfo = SL_STR("");
    for (size_t i = text.n; i > 0; i--) {
        if (text.p[i - 1] == '@') {
            uri->userinfo = sl_str_sub(text, 0, i - 1);
            text = sl_str_sub(text, i, text.n);
            break;
        }
    }
    uri->authority = text;
    if (text.n && text.p[0] == '[') {
        ptrdiff_t close = sl_str_find_char(text, ']', 0);
        struct sl_str rest = close < 0 ? text : sl_str_sub(text, (size_t)close + 1, text.n);
        if (close < 2 || (rest.n && rest.p[0] != ':')) {
            return sl_fail(err, SL_E_INVAL, "malformed IPv6 address");
        }
        uri->host = sl_str_sub(text, 1, (size_t)close);
        for (size_t i = 0; i < uri->host.n; i++) {
            if (hex_digit(uri->host.p[i]) < 0 && uri->host.p[i] != ':' && uri->host.p[i] != '.') {
                return sl_fail(err, SL_E_INVAL, "malformed IPv6 address");
            }
        }
        uri->is_ipv6_literal = true;
        return rest.n ? port_parse(sl_str_sub(rest, 1, rest.n), uri, err) : 0;
    }
    ptrdiff_t colon = sl_str_find_char(text, ':', 0);
    uri->host = colon < 0 ? text : sl_str_sub(text, 0, (size_t)colon);
    if (uri->host.n == 0) {
        return sl_fail(err, SL_E_INVAL, "the host is missing");
    }
    if (uri->host.n > 253) {
        return sl_fail(err, SL_E_INVAL, "the host name is longer than 253 bytes");
    }
    for (size_t i = 0; i < uri->host.n; i++) {
        char c = uri->host.p[i];
        bool ok = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' || c == '.' ||
                  c == '_';
        if (!ok) {
            return sl_fail(err, SL_E_INVAL, "the host name has a '%c'", c);
        }
    }
    return colon < 0 ? 0 : port_parse(sl_str_sub(text, (size_t)colon + 1, text.n), uri, err);
}

int sl_uri_parse(struct sl_str text, struct sl_uri *ret, struct sl_err *err)
{
    struct sl_uri uri = { 0 };
    int r = bytes_check(text, err);
    if (r < 0) {
        return r;
    }
    if (sl_str_case_eq(sl_str_sub(text, 0, 8), SL_STR("https://"))) {
        uri.is_https = true;
    } else if (!sl_str_case_eq(sl_str_sub(text, 0, 7), SL_STR("http://"))) {
        return sl_fail(err, SL_E_INVAL,
                       sl_str_find(text, SL_STR("://"), 0) < 0 ? "must begin with http:// or https://"
                                                               : "scheme must be http or https");
    }
    uri.port = uri.is_https ? 443 : 80;
    struct sl_str rest = sl_str_sub(text, uri.is_https ? 8 : 7, text.n);
    if (sl_str_find_char(rest, '#', 0) >= 0) {
        return sl_fail(err, SL_E_INVAL, "a fragment ('#') is not allowed");
    }
    size_t authority = 0;
    while (authority < rest.n && rest.p[authority] != '/' && rest.p[authority] != '?') {
        authority++;
    }
    r = authority_parse(sl_str_sub(rest, 0, authority), &uri, err);
    if (r < 0) {
        return r;
    }
    struct sl_str behind = sl_str_sub(rest, authority, rest.n);
    ptrdiff_t mark = sl_str_find_char(behind, '?', 0);
    uri.has_query = mark >= 0;
    uri.path = mark < 0 ? behind : sl_str_sub(behind, 0, (size_t)mark);
    uri.query = mark < 0 ? SL_STR("") : sl_str_sub(behind, (size_t)mark + 1, behind.n);
    *ret = uri;
    return 0;
}

int sl_target_parse(struct sl_str target, struct sl_str *ret_path, struct sl_str *ret_query, struct sl_err *err)
{
    if (sl_str_eq_c(target, "*")) {
        *ret_path = target;
        *ret_query = SL_STR("");
        return 0;
    }
    if (sl_str_find_char(target, '#', 0) >= 0) {
        return sl_fail(err, SL_E_INVAL, "a request target has no fragment");
    }
    if (target.n && target.p[0] != '/') {
        struct sl_uri uri;
        int r = sl_uri_parse(target, &uri, err);
        if (r < 0) {
            return r;
        }
        *ret_path = uri.path.n ? uri.path : SL_STR("/");
        *ret_query = uri.query;
        return 0;
    }
    int r = target.n ? bytes_check(target, err) : sl_fail(err, SL_E_INVAL, "the request target is empty");
    if (r < 0) {
        return r;
    }
    ptrdiff_t mark = sl_str_find_char(target, '?', 0);
    *ret_path = mark < 0 ? target : sl_str_sub(target, 0, (size_t)mark);
    *ret_query = mark < 0 ? SL_STR("") : sl_str_sub(target, (size_t)mark + 1, target.n);
    return 0;
}

static int decode(struct sl_str s, bool plus_is_space, struct sl_arena *arena, struct sl_str *ret)
{
    bool has_escape = sl_str_find_char(s, '%', 0) >= 0 || (plus_is_space && sl_str_find_char(s, '+', 0) >= 0);
    if (!has_escape) {
        *ret = s;
        return 0;
    }
    char *out = sl_arena_bytes(arena, s.n);
    if (!out) {
        return SL_E_NOMEM;
    }
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '%') {
            bool fits = s.n - i > 2;
            int high = fits ? hex_digit(s.p[i + 1]) : -1;
            int low = fits ? hex_digit(s.p[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return SL_E_INVAL;
            }
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        out[n++] = c;
    }
    *ret = sl_str_make(out, n);
    return 0;
}

int sl_percent_decode(struct sl_str s, struct sl_arena *arena, struct sl_str *ret)
{
    return decode(s, false, arena, ret);
}

/* The next parameter of that name, still encoded. */
static bool query_next(struct sl_str *io_query, const char *name, struct sl_arena *arena, struct sl_str *ret)
{
    struct sl_str part;
    while (sl_str_next(io_query, '&', &part)) {
        ptrdiff_t eq = sl_str_find_char(part, '=', 0);
        struct sl_str key = eq < 0 ? part : sl_str_sub(part, 0, (size_t)eq);
        struct sl_str decoded;
        if (decode(key, true, arena, &decoded) == 0 && sl_str_eq_c(decoded, name)) {
            *ret = eq < 0 ? SL_STR("") : sl_str_sub(part, (size_t)eq + 1, part.n);
            return true;
        }
    }
    return false;
}

bool sl_query_get(struct sl_str query, const char *name, struct sl_arena *arena, struct sl_str *ret)
{
    struct sl_str value;
    return query_next(&query, name, arena, &value) && decode(value, true, arena, ret) == 0;
}

bool sl_query_is_torn(struct sl_str query, const char *name, struct sl_arena *arena)
{
    struct sl_str first, value, one, other;
    bool has = query_next(&query, name, arena, &first);
    while (has && query_next(&query, name, arena, &value)) {
        if (decode(first, true, arena, &one) < 0 || decode(value, true, arena, &other) < 0 || !sl_str_eq(one, other)) {
            return true;
        }
    }
    return false;
}

int sl_uri_join(const struct sl_uri *base, struct sl_str rel, struct sl_arena *arena, struct sl_str *ret_target)
{
    struct sl_str path = base->path;
    while (path.n && path.p[path.n - 1] == '/') {
        path.n--;
    }
    while (rel.n && rel.p[0] == '/') {
        rel = sl_str_sub(rel, 1, rel.n);
    }
    const struct sl_str parts[] = { path, SL_STR("/"), rel, SL_STR("?"), base->query };
    *ret_target = sl_arena_join(arena, parts, base->query.n ? 5 : 3);
    return ret_target->p ? 0 : SL_E_NOMEM;
}
