/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/nopath.h"

#include "gate/call/auth.h"
#include "gate/call/origin.h"
#include "gate/call/reply.h"
#include "gate/call/state.h"
#include "gate/config/snapshot.h"
#include "gate/worker.h"
#include "http/hreq.h"
#include "llm/core/language.h"

static bool has_route(void *arg, struct sl_str name)
{
    struct sl_xchg *x = arg;
    return sl_snapshot_find(x->worker->snapshot, name) && sl_auth_may_use(x, name);
}

/* Notes that the answer depends on a route. */
static bool route_asked(void *arg, struct sl_str name)
{
    (void)name;
    *(bool *)arg = true;
    return false;
}

/* The path without the slashes at its end, or with one if it has none. p == NULL: there is no such path. */
static struct sl_str slash_turn(struct sl_str path, struct sl_arena *arena)
{
    size_t n = path.n;
    while (n && path.p[n - 1] == '/') {
        n--;
    }
    if (n == path.n) {
        return sl_arena_printf(arena, "%.*s/", SL_STR_ARG(path));
    }
    return n ? sl_str_sub(path, 0, n) : SL_STR_NONE;
}

static void redirect(struct sl_xchg *x, struct sl_str path)
{
    struct sl_arena *arena = x->arena;
    /* Only a path: the client knows scheme and host, whatever proxy is between. */
    struct sl_str prefix = sl_origin_prefix(x);
    struct sl_str location = sl_arena_printf(arena, "%.*s%.*s%s%.*s", SL_STR_ARG(prefix), SL_STR_ARG(path),
                                             x->match.query.n ? "?" : "", SL_STR_ARG(x->match.query));
    struct sl_headers headers = { 0 };
    if (!location.p || sl_headers_add(&headers, arena, SL_STR("location"), location) < 0) {
        sl_xchg_cut(x);
        return;
    }
    sl_xchg_reply_with(x, 307, &headers, SL_STR_NONE, SL_STR(""));
}

/* Longer paths get no redirect. */
#define PATH_MAX_TURNED 2048

/* The path with or without a slash at its end, whichever it has not, unless it is too long. */
static struct sl_str turned_of(const struct sl_xchg *x)
{
    bool is_short = x->match.path.n <= PATH_MAX_TURNED && x->match.query.n <= PATH_MAX_TURNED;
    return is_short ? slash_turn(x->match.path, x->arena) : SL_STR_NONE;
}

/* Pretends that every route exists. */
static bool any_route(void *arg, struct sl_str name)
{
    (void)arg;
    (void)name;
    return true;
}

bool sl_nopath_cut(struct sl_xchg *x)
{
    struct sl_str rest = sl_path_cut(x->match.path, sl_origin_prefix(x));
    if (!rest.p) {
        return false;
    }
    struct sl_str turned = turned_of(x);
    if (sl_path_methods(x->worker->paths, x->match.path, x->arena, any_route, NULL) ||
        (turned.p && sl_path_methods(x->worker->paths, turned, x->arena, any_route, NULL))) {
        return false;
    }
    x->match.path = rest;
    return true;
}

/* True: the client asks for a WebSocket. */
static bool is_socket_wanted(const struct sl_xchg *x)
{
    return x->match.method == SL_GET && (x->match.allowed & SL_POST) &&
           sl_str_case_eq(sl_headers_get(&x->req->msg.headers, "upgrade"), SL_STR("websocket"));
}

void sl_nopath_refuse(struct sl_xchg *x)
{
    struct sl_arena *arena = x->arena;
    struct sl_str path = x->match.path;
    struct sl_str turned = turned_of(x);
    bool needs_key = false; /* a caller without a key must not learn the names of routes */
    unsigned of_path = sl_path_methods(x->worker->paths, path, arena, route_asked, &needs_key);
    unsigned of_turned = turned.p ? sl_path_methods(x->worker->paths, turned, arena, route_asked, &needs_key) : 0;
    if (needs_key) {
        if (!sl_auth_or_refuse(x)) {
            return;
        }
        of_path = sl_path_methods(x->worker->paths, path, arena, has_route, x);
        of_turned = turned.p ? sl_path_methods(x->worker->paths, turned, arena, has_route, x) : 0;
    }
    x->match.allowed = of_path;
    if (!of_path && of_turned) {
        redirect(x, turned);
        return;
    }
    struct sl_llm_error own = { .type = SL_ERR_CALLER_NOT_FOUND };
    if (!(of_path & SL_POST) && x->dialect->no_path && x->dialect->no_path(path, arena, &own)) {
        sl_xchg_fail(x, &own);
        return;
    }
    if (is_socket_wanted(x)) {
        sl_xchg_fail_text(x, SL_ERR_CALLER_UPGRADE_REQUIRED,
                          "%.*s is not served over a WebSocket: send the call with POST over HTTP. With 'stream' true "
                          "the reply comes in pieces as it is made.",
                          SL_STR_ARG(sl_str_sub(path, 0, 256)));
        return;
    }
    enum sl_error_type type = of_path ? SL_ERR_CALLER_METHOD_NOT_ALLOWED : SL_ERR_CALLER_NOT_FOUND;
    if (x->dialect->manners->has_fastapi_texts) {
        sl_xchg_fail_text(x, type, "%s", sl_status_reason(sl_error_type_status(type)));
    } else {
        sl_xchg_fail_text(x, type, "%s: %.*s %.*s. This server's paths are listed at /docs.",
                          sl_status_reason(sl_error_type_status(type)), SL_STR_ARG(x->req->msg.method),
                          SL_STR_ARG(sl_str_sub(path, 0, 256)));
    }
}
