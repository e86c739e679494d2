/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/group.h"

#include <stdlib.h>

#include "gate/config/group_path.h"
#include "gate/policy/limit_rule.h"

/* Holds a definition and its path: thousands of groups must not cost a page each. */
#define DEF_CHUNK 256

/* --- definitions --- */

/* *ret stays NULL when there are no rules. */
static int limits_keep(struct sl_group_def *def, uint64_t incarnation, struct sl_group_rules rules,
                       struct sl_limits **ret)
{
    return rules.n ? sl_limits_new(&def->arena, SL_LIMIT_OF_GROUP, def->path, incarnation, rules.v, rules.n, ret) : 0;
}

struct sl_group_def *sl_group_def_new(struct sl_str path, uint64_t incarnation, struct sl_group_rules limits,
                                      struct sl_group_rules children)
{
    struct sl_arena arena;
    sl_arena_init_small(&arena, DEF_CHUNK);
    struct sl_group_def *def = SL_ARENA_NEW(&arena, struct sl_group_def);
    if (!def) {
        return NULL;
    }
    def->arena = arena;
    atomic_init(&def->refs, 1);
    def->path = sl_arena_dup(&def->arena, path);
    if (!def->path.p || limits_keep(def, incarnation, limits, &def->limits) < 0 ||
        limits_keep(def, incarnation, children, &def->children) < 0) {
        sl_group_def_unref(def);
        return NULL;
    }
    return def;
}

static struct sl_group_def *def_ref(struct sl_group_def *def)
{
    atomic_fetch_add_explicit(&def->refs, 1, memory_order_relaxed);
    return def;
}

void sl_group_def_unref(struct sl_group_def *def)
{
    if (def && atomic_fetch_sub_explicit(&def->refs, 1, memory_order_acq_rel) == 1) {
        struct sl_arena arena = def->arena; /* the definition is on this arena */
        sl_arena_done(&arena);
    }
}

/* --- groups --- */

void sl_group_unref(struct sl_group *group)
{
    while (group && atomic_fetch_sub_explicit(&group->refs, 1, memory_order_acq_rel) == 1) {
        struct sl_group *above = group->above;
        sl_group_def_unref(group->def);
        free(group);
        group = above;
    }
}

struct sl_group *sl_group_ref(struct sl_group *group)
{
    atomic_fetch_add_explicit(&group->refs, 1, memory_order_relaxed);
    return group;
}

struct sl_groups *sl_groups_ref(struct sl_groups *groups)
{
    if (groups) {
        atomic_fetch_add_explicit(&groups->refs, 1, memory_order_relaxed);
    }
    return groups;
}

void sl_groups_unref(struct sl_groups *groups)
{
    if (groups && atomic_fetch_sub_explicit(&groups->refs, 1, memory_order_acq_rel) == 1) {
        for (uint32_t i = 0; i < groups->n; i++) {
            sl_group_unref(groups->v[i]);
        }
        sl_map_done(&groups->by_path);
        free(groups->v);
        free(groups);
    }
}

struct sl_group *sl_groups_find(const struct sl_groups *groups, struct sl_str path)
{
    return groups ? sl_map_find(&groups->by_path, path) : NULL;
}

bool sl_group_is_of_file(const struct sl_group *group)
{
    return group->def->version == 0;
}

uint32_t sl_groups_after(const struct sl_groups *groups, struct sl_str path)
{
    uint32_t low = 0, high = groups ? groups->n : 0;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (sl_str_cmp(groups->v[mid]->def->path, path) <= 0) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* The group of that definition: the one from before, if nothing about it changed. NULL: no memory. */
static struct sl_group *group_make(struct sl_group_def *def, struct sl_group *above, const struct sl_groups *before)
{
    struct sl_group *old = sl_groups_find(before, def->path);
    if (old && old->def == def && old->above == above) {
        return sl_group_ref(old);
    }
    struct sl_group *group = calloc(1, sizeof(*group));
    if (group) {
        atomic_init(&group->refs, 1);
        group->def = def_ref(def);
        group->above = above ? sl_group_ref(above) : NULL;
        group->has_limits = def->limits || (above && above->has_limits);
    }
    return group;
}

static int by_path(const void *a, const void *b)
{
    const struct sl_group_def *const *x = a, *const *y = b;
    return sl_str_cmp((*x)->path, (*y)->path);
}

/* Fills the tree. The definitions come in the order of their paths, so the group above is there already. */
static int tree_fill(struct sl_groups *groups, struct sl_group_def *const *defs, uint32_t n,
                     const struct sl_groups *before)
{
    for (uint32_t i = 0; i < n; i++) {
        struct sl_str above_path = sl_group_above(defs[i]->path);
        struct sl_group *above = sl_groups_find(groups, above_path);
        if (above_path.n && !above) {
            continue;
        }
        struct sl_group *group = group_make(defs[i], above, before);
        int r = group ? sl_map_put(&groups->by_path, group->def->path, group) : SL_E_NOMEM;
        if (r < 0) {
            sl_group_unref(group);
            return r;
        }
        groups->v[groups->n++] = group;
    }
    return 0;
}

int sl_groups_build(const struct sl_group_defs *file, const struct sl_map *stored, const struct sl_groups *before,
                    struct sl_groups **ret)
{
    size_t room = (size_t)file->n + stored->n + 1;
    struct sl_group_def **defs = calloc(room, sizeof(struct sl_group_def *)), *def;
    struct sl_groups *groups = calloc(1, sizeof(*groups));
    struct sl_map of_file = { 0 };
    int r = defs && groups ? 0 : SL_E_NOMEM;
    uint32_t n = 0;
    for (uint32_t i = 0; r == 0 && i < file->n; i++) {
        defs[n++] = file->v[i];
        r = sl_map_put(&of_file, file->v[i]->path, file->v[i]);
    }
    for (size_t i = 0; r == 0 && (def = sl_map_each(stored, &i)) != NULL;) {
        if (!sl_map_find(&of_file, def->path)) {
            defs[n++] = def;
        }
    }
    sl_map_done(&of_file);
    if (r == 0) {
        atomic_init(&groups->refs, 1);
        groups->v = calloc(room, sizeof(struct sl_group *));
        qsort(defs, n, sizeof(struct sl_group_def *), by_path);
        r = groups->v ? tree_fill(groups, defs, n, before) : SL_E_NOMEM;
        if (r == 0) {
            *ret = sl_groups_ref(groups);
        }
        sl_groups_unref(groups);
        groups = NULL;
    }
    free(groups);
    free(defs);
    return r;
}

void sl_group_defs_done(struct sl_group_defs *defs)
{
    for (uint32_t i = 0; i < defs->n; i++) {
        sl_group_def_unref(defs->v[i]);
    }
    free(defs->v);
    *defs = (struct sl_group_defs){ NULL, 0 };
}
