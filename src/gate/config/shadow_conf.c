/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/shadow_conf.h"

#include "base/arena.h"
#include "base/num.h"
#include "gate/policy/shadow.h"

#define FAIL(bind, val, ...) (sl_bind_problem((bind), SL_PROBLEM_ERROR, (val)->pos, NULL, __VA_ARGS__), SL_E_INVAL)

#define IN_SHADOW(field) offsetof(struct sl_shadow, field)
static const struct sl_opt shadow_rows[] = {
    { "route", SL_OPT_STR, IN_SHADOW(route), NULL, 0, 0, SL_OPT_REQUIRED | SL_OPT_RELOAD, NULL, NULL, NULL,
      "the name of another route of the same type" },
    { "share", SL_OPT_SHARE, IN_SHADOW(share), "1%", 1, 100, SL_OPT_RELOAD, NULL, NULL, NULL,
      "for which share of the route's calls, evenly spread" },
    { NULL },
};

static int shadow_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    bool is_on = true;
    if (val->kind <= SL_VAL_STRING && sl_parse_bool(val->text, &is_on) == 0 && !is_on) {
        return 0;
    }
    if (val->kind != SL_VAL_MAP) {
        return FAIL(bind, val, "must be a map like { route: other, share: 1%% }, or off");
    }
    struct sl_shadow *shadow = SL_ARENA_NEW(bind->arena, struct sl_shadow);
    if (!shadow) {
        return FAIL(bind, val, "out of memory");
    }
    const struct sl_val *route = sl_val_find(val, "route");
    shadow->pos = route ? route->pos : val->pos;
    atomic_init(&shadow->n_calls, 0);
    *(struct sl_shadow **)field = shadow;
    sl_opt_defaults(shadow_rows, shadow, bind);
    return sl_opt_bind(bind, shadow_rows, val, shadow);
}

const struct sl_opt sl_shadow_rows[] = {
    { "shadow", SL_OPT_CUSTOM, 0, NULL, 0, 0, SL_OPT_RELOAD, NULL, shadow_rows, shadow_check,
      "a share of the calls also goes to another route, whose answers are only logged: { route, share }" },
    { NULL },
};
