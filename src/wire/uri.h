/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of an absolute http(s) URL and of a request target (RFC 3986, 9110 4.2, 9112 3.2), as slices. */
#ifndef SL_WIRE_URI_H
#define SL_WIRE_URI_H

#include "base/err.h"
#include "base/str.h"

struct sl_arena;

struct sl_uri {
    bool is_https;
    struct sl_str userinfo; /* "" when absent: providers' URLs must not have one */
    struct sl_str host;     /* as written; an IPv6 literal without brackets */
    bool is_ipv6_literal;
    uint16_t port; /* 80 or 443 when absent */
    bool has_port;
    struct sl_str authority; /* host[:port] as written, for the Host header (without userinfo) */
    struct sl_str path;      /* "" or "/…"; trailing slashes stay */
    struct sl_str query;     /* behind '?'; "" when absent; `has_query` is true for "?" alone */
    bool has_query;
};

/* Errors say what is wrong: "scheme must be http or https", "port 99999 is not in 1..65535", "control character at 7",
 * … */
SL_MUST int sl_uri_parse(struct sl_str text, struct sl_uri *ret, struct sl_err *err);

/* A request target in origin-form or absolute-form to path and query; asterisk-form gives path "*". The fragment is
 * refused. */
SL_MUST int sl_target_parse(struct sl_str target, struct sl_str *ret_path, struct sl_str *ret_query,
                            struct sl_err *err);

/* %XX decoded; a bad escape is SL_E_INVAL. Returns the slice itself when there is nothing to decode. '+' stays. */
SL_MUST int sl_percent_decode(struct sl_str s, struct sl_arena *arena, struct sl_str *ret);
/* Value of a query parameter, decoded ('+' is a space); false when absent or undecodable. */
bool sl_query_get(struct sl_str query, const char *name, struct sl_arena *arena, struct sl_str *ret);
/* True: the parameter comes again with another value, or with one that cannot be decoded. */
SL_MUST bool sl_query_is_torn(struct sl_str query, const char *name, struct sl_arena *arena);

/* Joins a base (path and query) with a relative path, inserted before the base's query: "https://h/v1?x=1" +
 * "chat/completions"
 * -> "/v1/chat/completions?x=1"; a trailing '/' of the base is not doubled. On the arena. */
SL_MUST int sl_uri_join(const struct sl_uri *base, struct sl_str rel, struct sl_arena *arena,
                        struct sl_str *ret_target);

#endif
