/* SPDX-License-Identifier: Apache-2.0 */
#include "http/call_head.h"

#include "base/arena.h"
#include "base/num.h"
#include "http/client.h"
#include "wire/uri.h"

static char *put(char *at, struct sl_str s)
{
    memcpy(at, s.p, s.n);
    return at + s.n;
}

struct sl_str sl_call_head_write(const struct sl_hcall_req *req, const struct sl_uri *base, struct sl_arena *arena)
{
    struct sl_str method = sl_str_c(req->method);
    size_t need = method.n + req->target.n + base->authority.n + 96;
    for (uint32_t i = 0; i < req->headers.n; i++) {
        need += req->headers.v[i].name.n + req->headers.v[i].value.n + 4;
    }
    char *head = sl_arena_bytes(arena, need);
    if (!head) {
        return SL_STR_NONE;
    }
    char *at = put(head, method);
    *at++ = ' ';
    at = put(at, req->target);
    at = put(at, SL_STR(" HTTP/1.1\r\nHost: "));
    at = put(at, base->authority);
    at = put(at, SL_STR("\r\n"));
    for (uint32_t i = 0; i < req->headers.n; i++) {
        at = put(at, req->headers.v[i].name);
        at = put(at, SL_STR(": "));
        at = put(at, req->headers.v[i].value);
        at = put(at, SL_STR("\r\n"));
    }
    if (req->is_fed && req->fed_len == SL_HCALL_LENGTH_UNKNOWN) {
        at = put(at, SL_STR("Transfer-Encoding: chunked\r\n"));
    } else if (req->is_fed || req->body_len || !sl_str_eq(method, SL_STR("GET"))) {
        at = put(at, SL_STR("Content-Length: "));
        at += sl_format_u64(req->is_fed ? req->fed_len : req->body_len, at);
        at = put(at, SL_STR("\r\n"));
    }
    at = put(at, SL_STR("\r\n"));
    SL_ASSERT((size_t)(at - head) <= need);
    return sl_str_make(head, (size_t)(at - head));
}
