/* SPDX-License-Identifier: Apache-2.0 */
#include "http/request_body.h"

#include <stdlib.h>

#include "base/secret.h"
#include "http/hconn.h"

/* A body up to this size is on the exchange's arena; a larger one has memory of its own. */
#define BODY_ARENA_MAX 4096

static bool memory_take(struct sl_hserver *server, ptrdiff_t n)
{
    return !server->cbs->on_memory || server->cbs->on_memory(server, n);
}

/* A secret body is moved, not resized, so that the old memory can be wiped. */
static char *body_grow(struct sl_hreq *req, size_t cap)
{
    if (!req->is_secret || !req->body_mem) {
        return realloc(req->body_mem, cap);
    }
    char *p = malloc(cap);
    if (p) {
        memcpy(p, req->body_mem, req->body_len);
        sl_wipe(req->body_mem, req->body_cap);
        free(req->body_mem);
    }
    return p;
}

int sl_hreq_body_append(void *arg, struct sl_str bytes)
{
    struct sl_hreq *req = arg;
    struct sl_hserver *server = req->server;
    if (bytes.n > req->max_body - req->body_len) {
        return SL_E_LIMIT;
    }
    size_t need = req->body_len + bytes.n;
    if (need > req->body_cap) {
        /* Chunked: the size is not known. Grows by half; the first piece decides the first size. */
        size_t cap = SL_MIN(req->max_body, SL_MAX(need, req->body_cap + req->body_cap / 2));
        cap = SL_MAX(cap, SL_MIN((size_t)BODY_ARENA_MAX, req->max_body));
        if (!memory_take(server, (ptrdiff_t)(cap - req->body_cap))) {
            return SL_E_BUDGET;
        }
        char *p = body_grow(req, cap);
        if (!p) {
            SL_IGNORE(memory_take(server, -(ptrdiff_t)(cap - req->body_cap)));
            return SL_E_NOMEM;
        }
        req->body_mem = p;
        req->body_cap = cap;
        req->body.p = p;
    }
    char *to = (char *)(uintptr_t)req->body.p + req->body_len;
    if (to != bytes.p) { /* equal: the stream read straight into the body */
        memcpy(to, bytes.p, bytes.n);
    }
    req->body_len = need;
    return 0;
}

int sl_hreq_chunk_check(void *arg, uint64_t size)
{
    const struct sl_hreq *req = arg;
    return size > req->max_body - req->body_len ? SL_E_LIMIT : 0; /* refused before its data comes */
}

int sl_hreq_body_alloc(struct sl_hreq *req)
{
    size_t n = (size_t)req->msg.length;
    if (n <= BODY_ARENA_MAX) {
        req->body.p = sl_arena_bytes(&req->arena, n + 1);
        req->body_cap = n;
        return req->body.p ? 0 : SL_E_NOMEM;
    }
    if (!memory_take(req->server, (ptrdiff_t)n)) {
        return SL_E_BUDGET;
    }
    req->body_mem = malloc(n);
    if (!req->body_mem) {
        SL_IGNORE(memory_take(req->server, -(ptrdiff_t)n));
        return SL_E_NOMEM;
    }
    req->body_cap = n;
    req->body.p = req->body_mem;
    return 0;
}

void sl_hreq_body_free(struct sl_hreq *req)
{
    if (req->body_mem) {
        if (req->is_secret) {
            sl_wipe(req->body_mem, req->body_cap);
        }
        free(req->body_mem);
        SL_IGNORE(memory_take(req->server, -(ptrdiff_t)req->body_cap)); /* giving back always succeeds */
    }
    req->body_mem = NULL;
}

/* The compressed body. Its memory stays with the request until the decoded body replaces it. */
struct coded {
    struct sl_str text;
    char *mem;
    size_t cap;
};

int sl_hreq_body_decode(struct sl_hreq *req)
{
    int r = 0;
    for (unsigned i = req->codings.n; i > 0 && r == 0 && req->body_len; i--) {
        struct coded from = { req->body, req->body_mem, req->body_mem ? req->body_cap : 0 };
        req->body = SL_STR_NONE;
        req->body_mem = NULL;
        req->body_cap = req->body_len = 0;
        r = sl_coding_undo(req->codings.v[i - 1], from.text, sl_hreq_body_append, req);
        if (from.mem) {
            if (req->is_secret) {
                sl_wipe(from.mem, from.cap);
            }
            free(from.mem);
            SL_IGNORE(memory_take(req->server, -(ptrdiff_t)from.cap));
        }
        req->body.p = req->body.p ? req->body.p : "";
        req->body.n = req->body_len;
    }
    return r;
}
