/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/cors.h"

#include "base/arena.h"
#include "gate/config/origins.h"
#include "wire/headers.h"

struct sl_str sl_cors_origin(const struct sl_strs *origins, const struct sl_headers *headers)
{
    struct sl_str origin = SL_STR_NONE;
    for (uint32_t i = 0; i < headers->n; i++) {
        if (sl_str_case_eq(headers->v[i].name, SL_STR("origin"))) {
            if (origin.p) {
                return SL_STR_NONE;
            }
            origin = headers->v[i].value;
        }
    }
    return origin.n && sl_origins_have(origins, origin) ? origin : SL_STR_NONE;
}

int sl_cors_allow(const struct sl_strs *origins, struct sl_str origin, struct sl_arena *arena,
                  struct sl_headers *io_headers)
{
    bool is_all = sl_origins_have_all(origins);
    int r = sl_headers_add(io_headers, arena, SL_STR("vary"), SL_STR("origin"));
    if (r < 0 || !origin.p) {
        return r;
    }
    r = sl_headers_add(io_headers, arena, SL_STR("access-control-allow-origin"), is_all ? SL_STR("*") : origin);
    if (r == 0 && !is_all) {
        r = sl_headers_add(io_headers, arena, SL_STR("access-control-allow-credentials"), SL_STR("true"));
    }
    return r;
}

/* Headers that a page may read in every reply; is_exposed adds others if the reply has them. */
#define EXPOSED                                                                                                      \
    "retry-after, retry-after-ms, server-timing, x-ratelimit-limit-requests, x-ratelimit-remaining-requests, "       \
    "x-ratelimit-reset-requests, x-ratelimit-limit-tokens, x-ratelimit-remaining-tokens, x-ratelimit-reset-tokens, " \
    "x-request-id, x-should-retry"

static bool is_exposed(struct sl_str name)
{
    static const struct sl_str prefix = SL_STR_INIT("x-sluice-");
    return (name.n > prefix.n && sl_str_case_eq(sl_str_sub(name, 0, prefix.n), prefix)) ||
           sl_str_find(name, SL_STR("-ratelimit-"), 0) > 1 || sl_str_has_suffix(name, SL_STR("-duration-ms")) ||
           sl_str_case_eq(name, SL_STR("request-id"));
}

int sl_cors_expose(struct sl_arena *arena, struct sl_headers *io_headers)
{
    size_t n = sizeof(EXPOSED);
    for (uint32_t i = 0; i < io_headers->n; i++) {
        n += is_exposed(io_headers->v[i].name) ? io_headers->v[i].name.n + 2 : 0;
    }
    char *p = sl_arena_bytes(arena, n);
    if (!p) {
        return SL_E_NOMEM;
    }
    n = sizeof(EXPOSED) - 1;
    memcpy(p, EXPOSED, n);
    for (uint32_t i = 0; i < io_headers->n; i++) {
        struct sl_str name = io_headers->v[i].name;
        if (is_exposed(name)) {
            memcpy(p + n, ", ", 2);
            memcpy(p + n + 2, name.p, name.n);
            n += name.n + 2;
        }
    }
    return sl_headers_add(io_headers, arena, SL_STR("access-control-expose-headers"), sl_str_make(p, n));
}
