/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/call/cookie.h"

#include <stdio.h>

#include "base/arena.h"
#include "gate/call/origin.h"
#include "gate/call/state.h"
#include "wire/headers.h"

struct sl_str sl_cookie_get(const struct sl_headers *headers, struct sl_str name, bool *ret_is_torn)
{
    struct sl_str found = SL_STR_NONE;
    *ret_is_torn = false;
    for (uint32_t i = 0; i < headers->n; i++) {
        struct sl_str rest = headers->v[i].value, pair;
        if (!sl_str_case_eq(headers->v[i].name, SL_STR("cookie"))) {
            continue;
        }
        while (sl_str_next(&rest, ';', &pair)) {
            pair = sl_str_trim(pair);
            if (pair.n <= name.n || pair.p[name.n] != '=' || memcmp(pair.p, name.p, name.n) != 0) {
                continue;
            }
            struct sl_str value = sl_str_sub(pair, name.n + 1, pair.n);
            *ret_is_torn |= found.p && !sl_str_eq(found, value);
            found = found.p ? found : value;
        }
    }
    return found;
}

bool sl_cookie_is_of_console(const struct sl_headers *headers)
{
    bool is_torn;
    return sl_headers_get(headers, SL_COOKIE_CSRF_HEADER).p ||
           sl_cookie_get(headers, SL_STR(SL_COOKIE_SESSION), &is_torn).p;
}

int sl_cookie_add(struct sl_xchg *x, const struct sl_cookie *cookie, struct sl_headers *io_headers)
{
    char age[32] = "";
    struct sl_str prefix = sl_origin_prefix(x);
    prefix = sl_str_find_char(prefix, ';', 0) < 0 ? prefix : SL_STR(""); /* it would end the attribute */
    if (!cookie->value.p || cookie->max_age_sec) {
        snprintf(age, sizeof(age), "; Max-Age=%u", cookie->value.p ? cookie->max_age_sec : 0);
    }
    struct sl_str text = sl_arena_printf(x->arena, "%s=%.*s; Path=%.*s%s; HttpOnly; SameSite=%s%s%s", cookie->name,
                                         SL_STR_ARG(cookie->value), SL_STR_ARG(prefix),
                                         prefix.n || *cookie->path ? cookie->path : "/", cookie->same_site, age,
                                         sl_origin_is_secure(x) ? "; Secure" : "");
    return text.p ? sl_headers_add(io_headers, x->arena, SL_STR("set-cookie"), text) : SL_E_NOMEM;
}
