/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/beyond.h"

#include "base/map.h"
#include "base/opt.h"
#include "gate/config/route.h"
#include "gate/config/traffic.h"
#include "gate/policy/shadow.h"

enum fault { FAULT_NONE, FAULT_MISSING, FAULT_TYPE, FAULT_BACK, FAULT_MANY };

struct walk {
    const struct sl_route *root;
    sl_route_find_fn *find;
    const void *arg;
    struct sl_beyond *to;
    enum fault fault;                    /* the first one found */
    const struct sl_fallback_route *at;  /* the entry of the root's list that the walk has reached */
    const struct sl_fallback_route *bad; /* the entry of the root's list where `fault` was found */
    const struct sl_route *from, *other; /* the route whose list has the fault, and the route that it names */
};

static bool is_listed(const struct sl_beyond *to, const struct sl_route *route)
{
    uint32_t i = 0;
    while (i < to->n && to->v[i] != route) {
        i++;
    }
    return i < to->n;
}

static enum fault fault_of(const struct walk *w, const struct sl_route *from, struct sl_str name,
                           const struct sl_route *route)
{
    if (sl_str_eq(name, w->root->name)) {
        return FAULT_BACK;
    }
    if (!route || route->type != w->root->type) {
        /* Else the fault is reported for `from`. */
        return from != w->root ? FAULT_NONE : route ? FAULT_TYPE : FAULT_MISSING;
    }
    return w->to->n == SL_BEYOND_MAX && !is_listed(w->to, route) ? FAULT_MANY : FAULT_NONE;
}

/* The recursion ends: each route is walked once. */
static void walk(struct walk *w, const struct sl_route *from)
{
    const struct sl_traffic *traffic = from->traffic;
    for (uint32_t i = 0; traffic && i < traffic->n_routes; i++) {
        struct sl_str name = traffic->routes[i].name;
        struct sl_route *route = w->find(w->arg, name);
        w->at = from == w->root ? &traffic->routes[i] : w->at;
        enum fault fault = fault_of(w, from, name, route);
        if (fault && !w->fault) {
            w->fault = fault;
            w->bad = w->at;
            w->from = from;
            w->other = route;
        }
        bool is_good = !fault && route && route->type == w->root->type;
        if (is_good && !is_listed(w->to, route)) {
            w->to->v[w->to->n++] = route;
            walk(w, route);
        }
    }
}

void sl_beyond_list(const struct sl_route *route, sl_route_find_fn *find, const void *arg, struct sl_beyond *ret)
{
    struct walk w = { .root = route, .find = find, .arg = arg, .to = ret };
    ret->n = 0;
    walk(&w, route);
}

static int shadow_check(const struct sl_route *route, sl_route_find_fn *find, const void *arg, struct sl_pos *ret_pos,
                        struct sl_err *err)
{
    struct sl_str name = route->shadow->route;
    const struct sl_route *other = find(arg, name);
    *ret_pos = route->shadow->pos;
    if (sl_str_eq(name, route->name)) {
        return sl_fail(err, SL_E_INVAL, "shadow.route: \"%.*s\" is this route itself", SL_STR_ARG(name));
    }
    if (!other) {
        return sl_fail(err, SL_E_INVAL, "shadow.route: there is no route \"%.*s\"", SL_STR_ARG(name));
    }
    return other->type == route->type
               ? 0
               : sl_fail(err, SL_E_INVAL, "shadow.route: the route \"%.*s\" is of the type %s, and this one of %s",
                         SL_STR_ARG(name), sl_llm_type_name(other->type), sl_llm_type_name(route->type));
}

int sl_beyond_check(const struct sl_route *route, sl_route_find_fn *find, const void *arg, struct sl_pos *ret_pos,
                    struct sl_err *err)
{
    struct sl_beyond to = { .n = 0 };
    struct walk w = { .root = route, .find = find, .arg = arg, .to = &to };
    walk(&w, route);
    if (!w.fault) {
        return route->shadow ? shadow_check(route, find, arg, ret_pos, err) : 0;
    }
    *ret_pos = w.bad->pos;
    struct sl_str name = w.bad->name;
    switch (w.fault) {
    case FAULT_NONE:
        break;
    case FAULT_MISSING:
        return sl_fail(err, SL_E_INVAL, "fallback.routes: there is no route \"%.*s\"", SL_STR_ARG(name));
    case FAULT_TYPE:
        return sl_fail(err, SL_E_INVAL, "fallback.routes: the route \"%.*s\" is of the type %s, and this one of %s",
                       SL_STR_ARG(name), sl_llm_type_name(w.other->type), sl_llm_type_name(route->type));
    case FAULT_BACK:
        return w.from == route
                   ? sl_fail(err, SL_E_INVAL, "fallback.routes: \"%.*s\" is this route itself", SL_STR_ARG(name))
                   : sl_fail(err, SL_E_INVAL,
                             "fallback.routes: \"%.*s\" leads back to this route: it is in the list of \"%.*s\"",
                             SL_STR_ARG(name), SL_STR_ARG(w.from->name));
    case FAULT_MANY:
        break;
    }
    return sl_fail(err, SL_E_INVAL, "fallback.routes: with those behind them these are more than %d routes",
                   SL_BEYOND_MAX);
}

static struct sl_route *named(const void *names, struct sl_str name)
{
    return sl_map_find(names, name);
}

void sl_beyond_look(struct sl_bind *bind, const char *path, const struct sl_route *route, const struct sl_map *names)
{
    struct sl_pos pos;
    struct sl_err err = { 0 };
    if (sl_beyond_check(route, named, names, &pos, &err) < 0) {
        sl_bind_problem(bind, SL_PROBLEM_ERROR, pos, path, "%s", err.text);
    }
}
