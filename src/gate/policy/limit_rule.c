/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/policy/limit_rule.h"

#include "base/arena.h"
#include "base/err.h"
#include "base/map.h"

const char *const sl_limit_kind_names[] = {
    [SL_LIMIT_REQUESTS] = "requests",
    [SL_LIMIT_TOKENS] = "tokens",
    [SL_LIMIT_INPUT_TOKENS] = "input_tokens",
    [SL_LIMIT_OUTPUT_TOKENS] = "output_tokens",
    [SL_LIMIT_MONEY] = "money",
    [SL_LIMIT_CONCURRENT] = "concurrent",
    [SL_LIMIT_KINDS] = NULL,
};

const char *const sl_limit_owner_names[] = {
    [SL_LIMIT_OF_ROUTE] = "route", [SL_LIMIT_OF_KEY] = "key", [SL_LIMIT_OF_GROUP] = "group",
    [SL_LIMIT_OF_PAIR] = "pair",   [SL_LIMIT_OWNERS] = NULL,
};

const char *const sl_limit_loss_names[] = {
    [SL_LIMIT_LOSS_DEFAULT] = "default", [SL_LIMIT_LOSS_CLOSED] = "closed", [SL_LIMIT_LOSS_SHARE] = "share",
    [SL_LIMIT_LOSS_LOCAL] = "local",     [SL_LIMIT_LOSS_OPEN] = "open",     [SL_LIMIT_LOSSES] = NULL,
};

void sl_limits_init(struct sl_limits *limits, enum sl_limit_owner owner, struct sl_str name, uint64_t incarnation,
                    const struct sl_limit_rule *rules, uint32_t n)
{
    SL_ASSERT(n <= SL_LIMITS_MAX);
    *limits = (struct sl_limits){
        .owner = owner,
        .name = name,
        .incarnation = incarnation,
        .hash = sl_hash(name) + (uint64_t)owner * 0x94d049bb133111ebu,
        .rules = rules,
        .n = n,
    };
    for (uint32_t i = 0; i < n; i++) {
        limits->n_held += rules[i].kind != SL_LIMIT_REQUESTS;
        limits->has_sessions |= rules[i].key == SL_LIMIT_SESSION;
        limits->has_money |= rules[i].kind == SL_LIMIT_MONEY;
        limits->has_tokens |= rules[i].kind >= SL_LIMIT_TOKENS && rules[i].kind <= SL_LIMIT_OUTPUT_TOKENS;
    }
}

/* --- pairs --- */

/* Between a group's path and a route's name, neither of which can have it. */
#define BETWEEN "\n"

/* Makes the part of the rules for one route (n == 0: for all). SL_E_NOMEM. */
static int part_make(struct sl_arena *arena, const struct sl_limits *of, struct sl_str route, struct sl_limits *ret)
{
    const struct sl_str names[] = { of->name, SL_STR(BETWEEN), route };
    struct sl_str name = route.n ? sl_arena_join(arena, names, SL_ARRAY_LEN(names)) : of->name;
    struct sl_limit_rule *rules = SL_ARENA_ARRAY(arena, struct sl_limit_rule, of->n);
    uint32_t n = 0;
    if (!rules || !name.p) {
        return SL_E_NOMEM;
    }
    for (uint32_t i = 0; i < of->n; i++) {
        if (sl_str_eq(of->rules[i].route, route)) {
            rules[n++] = of->rules[i];
        }
    }
    sl_limits_init(ret, route.n ? SL_LIMIT_OF_PAIR : SL_LIMIT_OF_GROUP, name, of->incarnation, rules, n);
    return 0;
}

/* True: an earlier rule is for the same route. */
static bool has_before(const struct sl_limits *limits, uint32_t i)
{
    uint32_t k = 0;
    while (k < i && !sl_str_eq(limits->rules[k].route, limits->rules[i].route)) {
        k++;
    }
    return k < i;
}

static int parts_make(struct sl_arena *arena, struct sl_limits *limits)
{
    struct sl_limits *parts = SL_ARENA_ARRAY(arena, struct sl_limits, limits->n + 1);
    int r = parts ? part_make(arena, limits, SL_STR(""), &parts[0]) : SL_E_NOMEM;
    uint32_t n = 1;
    for (uint32_t i = 0; r == 0 && i < limits->n; i++) {
        if (limits->rules[i].route.n && !has_before(limits, i)) {
            r = part_make(arena, limits, limits->rules[i].route, &parts[n++]);
        }
    }
    if (r == 0 && n > 1) {
        limits->parts = parts;
        limits->n_parts = n;
    }
    return r;
}

const struct sl_limits *sl_limits_part(const struct sl_limits *limits, const struct sl_limit_rule *rule)
{
    if (!limits->parts) {
        return limits;
    }
    uint32_t i = rule->route.n ? 1 : 0;
    while (i > 0 && i < limits->n_parts && !sl_str_eq(limits->parts[i].rules[0].route, rule->route)) {
        i++; /* each pair has a rule */
    }
    SL_ASSERT(i < limits->n_parts);
    return &limits->parts[i];
}

struct sl_limit_owner_shown sl_limit_owner_show(enum sl_limit_owner owner, struct sl_str name)
{
    ptrdiff_t at = owner == SL_LIMIT_OF_PAIR ? sl_str_find_char(name, BETWEEN[0], 0) : -1;
    if (at < 0) {
        return (struct sl_limit_owner_shown){ owner, name, SL_STR("") };
    }
    return (struct sl_limit_owner_shown){ SL_LIMIT_OF_GROUP, sl_str_sub(name, 0, (size_t)at),
                                          sl_str_sub(name, (size_t)at + 1, name.n) };
}

int sl_limits_new(struct sl_arena *arena, enum sl_limit_owner owner, struct sl_str name, uint64_t incarnation,
                  const struct sl_limit_rule *rules, uint32_t n, struct sl_limits **ret)
{
    struct sl_limits *limits = SL_ARENA_NEW(arena, struct sl_limits);
    struct sl_limit_rule *copy = SL_ARENA_ARRAY(arena, struct sl_limit_rule, n);
    if (!limits || !copy) {
        return SL_E_NOMEM;
    }
    memcpy(copy, rules, n * sizeof(rules[0]));
    bool has_routes = false;
    for (uint32_t i = 0; i < n; i++) {
        has_routes |= copy[i].route.n;
        copy[i].route = copy[i].route.n ? sl_arena_dup(arena, copy[i].route) : SL_STR("");
        if (!copy[i].route.p) {
            return SL_E_NOMEM;
        }
    }
    sl_limits_init(limits, owner, name, incarnation, copy, n);
    int r = has_routes ? parts_make(arena, limits) : 0;
    *ret = limits;
    return r;
}
