/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/networks.h"

#include "base/arena.h"
#include "base/opt.h"
#include "net/cidr.h"

#define FAIL(bind, val, ...) (sl_bind_problem((bind), SL_PROBLEM_ERROR, (val)->pos, NULL, __VA_ARGS__), SL_E_INVAL)

int sl_networks_bind(struct sl_bind *bind, const struct sl_val *val, const struct sl_strs *strs, struct sl_cidrs *ret)
{
    struct sl_cidrs cidrs = { SL_ARENA_ARRAY(bind->arena, struct sl_cidr, strs->n ? strs->n : 1), 0 };
    if (!cidrs.v) {
        return FAIL(bind, val, "out of memory");
    }
    for (uint32_t i = 0; i < strs->n; i++) {
        if (sl_cidr_parse(strs->v[i], &cidrs.v[cidrs.n++]) < 0) {
            return FAIL(bind, val, "\"%.*s\" is not an address or a network like 10.0.0.0/8", SL_STR_ARG(strs->v[i]));
        }
    }
    *ret = cidrs;
    return 0;
}
