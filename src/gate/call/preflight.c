/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/preflight.h"

#include "base/arena.h"
#include "gate/call/cors.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/settings.h"
#include "gate/worker.h"
#include "http/hreq.h"

/* How long a browser may use the answer again, in seconds; Chromium takes two hours at most. */
#define MAX_AGE "7200"

static bool is_preflight(const struct sl_xchg *x)
{
    const struct sl_headers *headers = &x->req->msg.headers;
    return x->match.method == SL_OPTIONS && sl_headers_get(headers, "origin").p &&
           sl_headers_get(headers, "access-control-request-method").p;
}

#define NAMES_MAX 2048

static bool is_token(struct sl_str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              memchr("!#$%&'*+-.^_`|~", c, 15))) {
            return false;
        }
    }
    return name.n > 0;
}

/* True: only a proxy may send this header, a page must not. */
static bool is_for_proxies(struct sl_str name)
{
    static const struct sl_str prefix = SL_STR_INIT("x-forwarded-");
    return sl_str_case_eq(name, SL_STR("forwarded")) || sl_str_case_eq(name, SL_STR("x-real-ip")) ||
           (name.n > prefix.n && sl_str_case_eq(sl_str_sub(name, 0, prefix.n), prefix));
}

/* The headers that the page asks for, if they are valid: the call itself decides which are passed on. */
static struct sl_str names_allowed(struct sl_xchg *x)
{
    struct sl_str rest = sl_headers_get(&x->req->msg.headers, "access-control-request-headers"), name;
    char *p = rest.n && rest.n <= NAMES_MAX ? sl_arena_bytes(x->arena, rest.n * 2) : NULL;
    size_t n = 0;
    while (p && sl_str_next(&rest, ',', &name)) {
        name = sl_str_trim(name);
        if (!is_token(name) || is_for_proxies(name)) {
            continue;
        }
        if (n) {
            memcpy(p + n, ", ", 2);
            n += 2;
        }
        memcpy(p + n, name.p, name.n);
        n += name.n;
    }
    return n ? sl_str_make(p, n) : SL_STR_NONE;
}

static int answer_add(struct sl_xchg *x, struct sl_headers *headers)
{
    char methods[SL_METHODS_MAX];
    sl_methods_format(sl_path_page_methods(x->worker->paths, x->match.path), methods);
    struct sl_str text = sl_arena_dup(x->arena, sl_str_c(methods)), names = names_allowed(x);
    int r = text.p ? sl_headers_add(headers, x->arena, SL_STR("access-control-allow-methods"), text) : SL_E_NOMEM;
    if (r == 0 && names.p) {
        r = sl_headers_add(headers, x->arena, SL_STR("access-control-allow-headers"), names);
    }
    struct sl_str private = sl_headers_get(&x->req->msg.headers, "access-control-request-private-network");
    if (r == 0 && sl_str_case_eq(private, SL_STR("true"))) {
        r = sl_headers_add(headers, x->arena, SL_STR("access-control-allow-private-network"), SL_STR("true"));
    }
    return r < 0 ? r : sl_headers_add(headers, x->arena, SL_STR("access-control-max-age"), SL_STR(MAX_AGE));
}

bool sl_preflight_answer(struct sl_xchg *x)
{
    if (SL_LIKELY(x->match.method != SL_OPTIONS) || !x->settings->server.cors.n || !is_preflight(x) ||
        !sl_path_page_methods(x->worker->paths, x->match.path)) {
        return false;
    }
    struct sl_headers headers = { 0 };
    if (!sl_cors_origin(&x->settings->server.cors, &x->req->msg.headers).p) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_FORBIDDEN,
                          "pages of this origin may not call: server.cors does not name it");
    } else if (answer_add(x, &headers) < 0) {
        sl_xchg_cut(x);
    } else {
        sl_xchg_reply_with(x, 204, &headers, SL_STR_NONE, SL_STR(""));
    }
    return true;
}
