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
    [SL_LIMIT_OF_ROUTE] = "route", [SL_LIMIT_OF_KEY] = "key", [SL_LIMIT_OF_GROUP] = "group", [SL_LIMIT_OWNERS] = NULL
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

int sl_limits_new(struct sl_arena *arena, enum sl_limit_owner owner, struct sl_str name, uint64_t incarnation,
                  const struct sl_limit_rule *rules, uint32_t n, struct sl_limits **ret)
{
    struct sl_limits *limits = SL_ARENA_NEW(arena, struct sl_limits);
    struct sl_limit_rule *copy = SL_ARENA_ARRAY(arena, struct sl_limit_rule, n);
    if (!limits || !copy) {
        return SL_E_NOMEM;
    }
    memcpy(copy, rules, n * sizeof(rules[0]));
    sl_limits_init(limits, owner, name, incarnation, copy, n);
    *ret = limits;
    return 0;
}
