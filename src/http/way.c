/* SPDX-License-Identifier: Apache-2.0 */
#include "http/way.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/secret.h"
#include "net/tls.h"

static atomic_uint_fast64_t last_id;

bool sl_proxy_leads_to(const struct sl_proxy *proxy, struct sl_str host, uint16_t port)
{
    return proxy->uri.host.n && !sl_noproxy_has(&proxy->except, host, port);
}

bool sl_proxy_is_same(const struct sl_proxy *a, const struct sl_proxy *b)
{
    return sl_str_eq(a->uri.authority, b->uri.authority) && sl_str_eq(a->auth, b->auth) &&
           sl_noproxy_is_same(&a->except, &b->except);
}

int sl_proxy_auth_make(const struct sl_uri *proxy, struct sl_buf *ret)
{
    struct sl_buf made = { 0 };
    int r = 0;
    if (proxy->userinfo.n) {
        struct sl_arena arena;
        sl_arena_init(&arena, NULL);
        struct sl_str plain;
        r = sl_percent_decode(proxy->userinfo, &arena, &plain);
        if (r == 0) {
            made.max = 8 + plain.n * 2;
            SL_IGNORE(sl_buf_reserve(&made, made.max) < 0); /* reserve all of it at once; an error shows below */
            sl_buf_add_lit(&made, "Basic ");
            sl_buf_add_base64(&made, plain);
            r = sl_buf_status(&made);
        }
        sl_arena_wipe(&arena);
        sl_arena_done(&arena);
    }
    if (r < 0) {
        sl_buf_done(&made);
        return r;
    }
    *ret = made;
    return 0;
}

void sl_proxy_auth_done(struct sl_buf *auth)
{
    if (auth->p) {
        sl_wipe(auth->p, auth->len);
    }
    sl_buf_done(auth);
}

static int proxy_set(struct sl_way *way, struct sl_str url)
{
    way->has_proxy = true;
    if (sl_str_eq_c(url, "none")) {
        return 0;
    }
    way->url = strndup(url.p, url.n);
    if (!way->url) {
        return SL_E_NOMEM;
    }
    int r = sl_uri_parse(sl_str_c(way->url), &way->proxy.uri, NULL);
    r = r < 0 ? r : sl_proxy_auth_make(&way->proxy.uri, &way->auth);
    if (r == 0 && way->auth.len) {
        way->proxy.auth = sl_buf_str(&way->auth);
    }
    return r;
}

int sl_way_new(struct sl_str proxy, struct sl_tls_ctx *tls, struct sl_way **ret)
{
    struct sl_way *way = calloc(1, sizeof(*way));
    if (!way) {
        return SL_E_NOMEM;
    }
    atomic_init(&way->refs, 1);
    way->id = atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1;
    int r = proxy.p ? proxy_set(way, proxy) : 0;
    if (r < 0) {
        sl_way_unref(way);
        return r;
    }
    way->tls = tls;
    *ret = way;
    return 0;
}

struct sl_way *sl_way_ref(struct sl_way *way)
{
    if (way) {
        atomic_fetch_add_explicit(&way->refs, 1, memory_order_relaxed);
    }
    return way;
}

void sl_way_unref(struct sl_way *way)
{
    if (!way || atomic_fetch_sub_explicit(&way->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (way->url) {
        sl_wipe(way->url, strlen(way->url)); /* it may have a password */
    }
    free(way->url);
    sl_proxy_auth_done(&way->auth);
    sl_tls_ctx_unref(way->tls);
    free(way);
}
