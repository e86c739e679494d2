/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/counted.h"

#include "gate/config/group.h"
#include "gate/config/group_path.h"
#include "gate/config/key.h"
#include "gate/config/keyset.h"
#include "gate/config/snapshot.h"
#include "gate/policy/limit_record.h"

static bool has_rule(const struct sl_limits *limits, const struct sl_limit_record *record)
{
    bool has = false;
    for (uint32_t i = 0; limits && i < limits->n; i++) {
        const struct sl_limit_rule *rule = &limits->rules[i];
        has |= rule->kind == record->kind && rule->period_usec == record->period_usec && rule->zone == record->zone &&
               (rule->key == record->key || record->key == SL_LIMIT_SHARED);
    }
    return has && limits->incarnation == record->incarnation && sl_str_eq(limits->name, record->name);
}

/* The same for what a group counts of all routes, or of one. */
static bool has_part(const struct sl_limits *limits, const struct sl_limit_record *record, struct sl_str route)
{
    const struct sl_limit_rule any = { .route = route };
    bool has = false;
    for (uint32_t i = 0; limits && route.n && i < limits->n; i++) {
        has |= sl_str_eq(limits->rules[i].route, route);
    }
    return (has || !route.n) && has_rule(limits ? sl_limits_part(limits, &any) : NULL, record);
}

bool sl_is_counted(const void *arg, const struct sl_limit_record *record)
{
    const struct sl_snapshot *snapshot = arg;
    if (record->owner == SL_LIMIT_OF_KEY) {
        const struct sl_key *key = sl_keyset_find(snapshot->keys, record->incarnation);
        return key && has_rule(key->limits, record);
    }
    struct sl_limit_owner_shown owner = sl_limit_owner_show(record->owner, record->name);
    const struct sl_group *group = sl_groups_find(snapshot->groups, owner.name);
    /* All groups in one of the file that is not there are out of force, and may come back. */
    return group ? has_part(group->def->limits, record, owner.route)
                 : !sl_groups_find(snapshot->groups, sl_group_top(owner.name));
}
