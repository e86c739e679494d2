/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of a request, for a second reply that no client gets. */
#include "http/hconn.h"

struct sl_hreq *sl_hreq_copy(struct sl_hreq *of)
{
    struct sl_arena arena;
    struct sl_loop *loop = of->server->loop;
    sl_arena_init(&arena, &loop->arenas);
    struct sl_hreq *req = SL_ARENA_NEW(&arena, struct sl_hreq);
    SL_ASSERT(of->has_body && !of->is_pieced && !of->is_shared);
    if (!req) {
        return NULL;
    }
    req->arena = arena;
    req->server = of->server;
    req->of = of;
    req->msg = of->msg;
    req->body = of->body;
    req->has_body = true;
    req->start_usec = req->head_usec = req->body_usec = sl_loop_now(loop);
    of->is_shared = true;
    return req;
}

size_t sl_hreq_shared(const struct sl_hreq *copy)
{
    const struct sl_hreq *of = copy->of;
    return of->arena.total + (of->body_mem ? of->body_cap : 0);
}

void sl_hreq_copy_end(struct sl_hreq *req)
{
    struct sl_hreq *of = req->of;
    sl_hreq_bury(req);
    of->is_shared = false;
    if (of->is_over) {
        sl_hreq_bury(of);
    }
}
