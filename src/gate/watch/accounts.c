/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/watch/accounts.h"

#include <stdio.h>

#include "base/clock.h"
#include "gate/config/group.h"
#include "gate/config/keyring.h"
#include "gate/config/keyset.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"
#include "gate/config/snapshot.h"
#include "gate/policy/limit_table.h"

#define MILLION   1000000
#define NANO      1000000000
#define OWNER_MAX 600

struct walk {
    struct sl_limiter *limiter;
    uint64_t now;
    uint32_t left; /* owners that may still be shown */
    void (*fn)(void *arg, const struct sl_account *account);
    void *arg;
};

/* The fullest limit of that kind. False: there is none. */
static bool fullest(const struct walk *walk, const struct sl_limits *limits, enum sl_limit_kind kind,
                    struct sl_account *ret)
{
    bool found = false;
    for (uint32_t i = 0; i < limits->n; i++) {
        const struct sl_limit_rule *rule = &limits->rules[i];
        struct sl_limit_look look;
        if (rule->kind != kind || rule->key != SL_LIMIT_WHOLE || !rule->cap) {
            continue;
        }
        sl_limiter_look(walk->limiter, sl_limits_part(limits, rule), rule, SL_STR(""), walk->now, &look);
        uint64_t share = (uint64_t)((double)look.used / (double)rule->cap * MILLION);
        if (!found || share > ret->share) {
            ret->used = look.used;
            ret->reserved = look.reserved;
            ret->share = share;
        }
        found = true;
    }
    return found;
}

/* False: no more owners may be shown. */
static bool owner_show(struct walk *walk, const char *sort, struct sl_str name, const struct sl_limits *limits)
{
    char text[OWNER_MAX];
    bool has = false;
    if (!limits) {
        return true; /* most keys have none */
    }
    int n = snprintf(text, sizeof(text), "%s/%.*s", sort, SL_STR_ARG(name));
    struct sl_str owner = sl_str_make(text, SL_MIN((size_t)SL_MAX(n, 0), sizeof(text) - 1));
    for (unsigned kind = 0; walk->left && kind < SL_LIMIT_KINDS; kind++) {
        struct sl_account account = { .owner = owner,
                                      .kind = sl_limit_kind_names[kind],
                                      .scale = kind == SL_LIMIT_MONEY ? NANO : 1 };
        if (fullest(walk, limits, (enum sl_limit_kind)kind, &account)) {
            walk->fn(walk->arg, &account);
            has = true;
        }
    }
    walk->left -= has;
    return walk->left;
}

static void keys_show(struct walk *walk, const struct sl_snapshot *snapshot)
{
    const struct sl_key *key;
    size_t i = 0;
    while ((key = sl_map_each(&snapshot->settings->auth.ring->by_hash, &i)) != NULL &&
           owner_show(walk, "key", key->id, key->limits)) {
    }
    struct sl_keyset_iter it = sl_keyset_walk(snapshot->keys, 0);
    while (walk->left && (key = sl_keyset_next(&it)) != NULL && owner_show(walk, "key", key->id, key->limits)) {
    }
}

void sl_accounts_each(const struct sl_snapshot *snapshot, struct sl_limiter *limiter,
                      void (*fn)(void *arg, const struct sl_account *account), void *arg)
{
    struct walk walk = { limiter, sl_clock_wall_usec(), snapshot->settings->metrics_max_accounts, fn, arg };
    const struct sl_groups *groups = snapshot->groups;
    for (uint32_t i = 0; walk.left && groups && i < groups->n; i++) {
        owner_show(&walk, "group", groups->v[i]->def->path, groups->v[i]->def->limits);
    }
    if (walk.left) {
        keys_show(&walk, snapshot);
    }
    struct sl_snapshot_iter it = sl_snapshot_walk(snapshot, 0);
    for (const struct sl_route *route; walk.left && (route = sl_snapshot_next(&it)) != NULL;) {
        if (!sl_snapshot_is_shadowed(snapshot, route)) {
            owner_show(&walk, "route", route->name, route->limits);
        }
    }
}
