/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/own.h"

#include "base/num.h"
#include "gate/call/exchange.h"

static struct sl_str number(struct sl_arena *arena, uint64_t v)
{
    char *p = sl_arena_bytes(arena, 20);
    return p ? sl_str_make(p, sl_format_u64(v, p)) : SL_STR_NONE;
}

/* "12.345": milliseconds with three decimals. */
static char *put_msec(char *at, uint64_t usec)
{
    at += sl_format_u64(usec / 1000, at);
    uint64_t rest = usec % 1000;
    *at++ = '.';
    *at++ = (char)('0' + rest / 100);
    *at++ = (char)('0' + rest / 10 % 10);
    *at++ = (char)('0' + rest % 10);
    return at;
}

static char *put(char *at, struct sl_str s)
{
    memcpy(at, s.p, s.n);
    return at + s.n;
}

/* What the gateway itself took since it had the request, what the attempts took until now, and their first byte. */
static struct sl_str server_timing(struct sl_xchg *x)
{
    char *p = sl_arena_bytes(&x->req->arena, 128);
    if (!p) {
        return SL_STR_NONE;
    }
    uint64_t now = sl_loop_now(&x->worker->loop);
    /* What the client took to send its request is not ours. */
    uint64_t since = x->req->body_usec ? x->req->body_usec : x->req->head_usec ? x->req->head_usec : now;
    uint64_t total = now - since;
    uint64_t upstream = x->upstream_first_usec ? now - x->upstream_first_usec : 0;
    char *at = put(p, SL_STR("sluice;dur="));
    at = put_msec(at, total - SL_MIN(upstream, total));
    if (x->upstream_first_usec) {
        at = put(at, SL_STR(", upstream;dur="));
        at = put_msec(at, upstream);
    }
    if (x->upstream_head_usec) {
        at = put(at, SL_STR(", ttfb;dur="));
        at = put_msec(at, x->upstream_head_usec - x->upstream_first_usec);
    }
    return sl_str_make(p, (size_t)(at - p));
}

int sl_headers_own(struct sl_xchg *x, struct sl_headers *io_headers)
{
    struct sl_arena *arena = &x->req->arena;
    struct {
        struct sl_str name, value;
    } own[9];
    size_t n = 0;
    own[n].name = SL_STR("x-request-id");
    own[n++].value = x->request_id;
    if (x->settings->server.headers) {
        if (x->route) {
            own[n].name = SL_STR("x-sluice-route");
            own[n++].value = x->route->name;
        }
        if (x->target) {
            own[n].name = SL_STR("x-sluice-provider");
            own[n++].value = sl_str_c(x->target->provider->name);
            if (x->target->model.n) { /* MLflow's files may leave it out */
                own[n].name = SL_STR("x-sluice-model");
                own[n++].value = x->target->model;
            }
            own[n].name = SL_STR("x-sluice-attempts");
            own[n++].value = number(arena, x->n_attempts);
        }
        if (x->up.dropped.n) {
            own[n].name = SL_STR("x-sluice-dropped");
            own[n++].value = x->up.dropped;
        }
        if (x->error_type) {
            own[n].name = SL_STR("x-sluice-error-type");
            own[n++].value = sl_str_c(sl_error_type_word(x->error_type));
        }
        if (x->upstream_request_id.n) {
            own[n].name = SL_STR("x-sluice-upstream-request-id");
            own[n++].value = x->upstream_request_id;
        }
        if (x->path && x->path->is_invocation) {
            own[n].name = SL_STR("server-timing");
            own[n++].value = server_timing(x);
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (!own[i].value.p) {
            return SL_E_NOMEM;
        }
        /* A model's name comes from a file or an administrator; it must not break the head. */
        if (own[i].value.n && !sl_header_is_visible(own[i].value, 1024) &&
            own[i].name.n != sizeof("server-timing") - 1) {
            continue;
        }
        int r = sl_headers_add(io_headers, arena, own[i].name, own[i].value);
        if (r < 0) {
            return r;
        }
    }
    return sl_admit_headers(x, io_headers);
}
