/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/group_conf.h"

#include <stdio.h>
#include <stdlib.h>

#include "gate/config/group.h"
#include "gate/config/group_path.h"
#include "gate/config/limits_json.h"
#include "gate/policy/limit_rule.h"

#define FAIL(bind, val, ...) (sl_bind_problem((bind), SL_PROBLEM_ERROR, (val)->pos, NULL, __VA_ARGS__), SL_E_INVAL)

struct file_rules {
    struct sl_limit_rule v[SL_LIMIT_RULES_MAX];
    uint32_t n;
};

struct file_group {
    struct sl_str name;
    struct file_rules limits;
    struct {
        struct file_rules limits;
    } children;
};

static int name_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    const char *fault = sl_group_path_fault(*(struct sl_str *)field);
    return fault ? FAIL(bind, val, "%s", fault) : 0;
}

static int limits_check(struct sl_bind *bind, const struct sl_opt *row, const struct sl_val *val, void *field)
{
    (void)row;
    struct file_rules *rules = field;
    int n = sl_limits_bind_file(bind, val, true, rules->v);
    rules->n = n < 0 ? 0 : (uint32_t)n;
    return n < 0 ? n : 0;
}

static const struct sl_opt children_opts[] = {
    { "limits", SL_OPT_CUSTOM, offsetof(struct file_group, children.limits) - offsetof(struct file_group, children),
      NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, limits_check,
      "the limits that it begins with, unless it is made with some",
      .forms = "{\"$ref\":\"#/components/schemas/GroupLimitList\"}" },
    { NULL },
};

const struct sl_opt sl_group_opts[] = {
    { "name", SL_OPT_STR, offsetof(struct file_group, name), NULL, 0, 0, SL_OPT_RELOAD | SL_OPT_REQUIRED, NULL, NULL,
      name_check, "its path: acme, or acme/search for a group in acme, which must be there too" },
    { "limits", SL_OPT_CUSTOM, offsetof(struct file_group, limits), NULL, 0, 0, SL_OPT_RELOAD, NULL, NULL, limits_check,
      "the limits of all calls with keys in it and in the groups below it; default: none",
      .forms = "{\"$ref\":\"#/components/schemas/GroupLimitList\"}" },
    { "children", SL_OPT_MAP, offsetof(struct file_group, children), NULL, 0, 0, 0, NULL, children_opts, NULL,
      "for groups that calls make in it" },
    { NULL },
};

static int group_bind(struct sl_bind *bind, const struct sl_val *val, struct sl_map *names, struct sl_group_defs *defs)
{
    if (val->kind != SL_VAL_MAP) {
        return FAIL(bind, val, "must be a map with name");
    }
    struct file_group conf = { .name = SL_STR_NONE };
    int r = sl_opt_bind(bind, sl_group_opts, val, &conf);
    if (r < 0) {
        return r;
    }
    const struct sl_group_rules limits = { conf.limits.v, conf.limits.n };
    const struct sl_group_rules children = { conf.children.limits.v, conf.children.limits.n };
    struct sl_group_def *def = sl_group_def_new(conf.name, 0, limits, children);
    r = def ? sl_map_put(names, def->path, def) : SL_E_NOMEM;
    if (r < 0) {
        const struct sl_group_def *first = sl_map_find(names, conf.name);
        sl_group_def_unref(def);
        return r == SL_E_EXISTS
                   ? FAIL(bind, val, "there is another group '%.*s', at line %u", SL_STR_ARG(conf.name), first->line)
                   : FAIL(bind, val, "out of memory");
    }
    def->line = val->pos.line;
    defs->v[defs->n++] = def;
    return 0;
}

/* Each group must be in one that is there. */
static int above_check(struct sl_bind *bind, const struct sl_val *val, const struct sl_map *names)
{
    const struct sl_val *name = val->kind == SL_VAL_MAP ? sl_val_find(val, "name") : NULL;
    struct sl_str above = name ? sl_group_above(name->text) : SL_STR("");
    if (!above.n || sl_group_path_fault(name->text) || sl_map_find(names, above)) {
        return 0;
    }
    return FAIL(bind, name, "'%.*s' is in '%.*s', which is not there: add that group, too", SL_STR_ARG(name->text),
                SL_STR_ARG(above));
}

int sl_groups_bind(struct sl_bind *bind, const struct sl_val *list, struct sl_group_defs *ret)
{
    if (list->kind != SL_VAL_LIST) {
        return FAIL(bind, list, "must be a list (it may be [])");
    }
    if (list->n > SL_GROUPS_MAX) {
        return FAIL(bind, list, "there may be %d groups, not %u", SL_GROUPS_MAX, list->n);
    }
    struct sl_map names = { 0 };
    int result = 0;
    ret->v = calloc((size_t)list->n + 1, sizeof(struct sl_group_def *));
    if (!ret->v) {
        return FAIL(bind, list, "out of memory");
    }
    size_t before = strlen(bind->path);
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < list->n; i++) {
            const struct sl_val *val = list->items[i].val;
            snprintf(bind->path + before, sizeof(bind->path) - before, "[%u]", i);
            int r = pass == 0 ? group_bind(bind, val, &names, ret) : above_check(bind, val, &names);
            bind->path[before] = '\0';
            result = r < 0 ? r : result;
        }
    }
    sl_map_done(&names);
    return result;
}

/* Each key of the file must be in a group of the file: calls cannot be trusted to make the others. */
static void key_look(struct sl_bind *bind, const struct sl_val *key, uint32_t i, const struct sl_map *paths)
{
    char path[64];
    const struct sl_val *group = sl_val_find(key, "group");
    snprintf(path, sizeof(path), "auth.keys[%u].group", i);
    if (group && group->kind == SL_VAL_NULL) { /* by mistake it would be in none, and may do more */
        sl_bind_problem(bind, SL_PROBLEM_ERROR, group->pos, path, "is empty: a key without a group has no `group`");
    } else if (group && group->kind <= SL_VAL_STRING && !sl_group_path_fault(group->text) &&
               !sl_map_find(paths, group->text)) {
        sl_bind_problem(bind, SL_PROBLEM_ERROR, group->pos, path, "there is no group '%.*s' in `groups`",
                        SL_STR_ARG(group->text));
    }
}

/* --- routes --- */

/* The names of the file's routes, under both names of the list. SL_E_NOMEM. */
static int routes_collect(const struct sl_val *root, struct sl_map *names)
{
    static const char *const lists[] = { "endpoints", "routes" };
    static char there;
    int r = 0;
    for (size_t l = 0; l < SL_ARRAY_LEN(lists); l++) {
        const struct sl_val *list = sl_val_find(root, lists[l]);
        for (uint32_t i = 0; r != SL_E_NOMEM && list && list->kind == SL_VAL_LIST && i < list->n; i++) {
            const struct sl_val *route = list->items[i].val;
            const struct sl_val *name = route->kind == SL_VAL_MAP ? sl_val_find(route, "name") : NULL;
            r = name && name->text.n ? sl_map_put(names, name->text, &there) : 0;
        }
    }
    return r == SL_E_NOMEM ? r : 0;
}

/* A misspelt route would have no limit. It is no fault: a call may make the route later. */
static void rules_look(struct sl_bind *bind, const struct sl_group_def *def, const struct sl_limits *limits,
                       struct sl_pos pos, const struct sl_map *names)
{
    pos.line = def->line;
    pos.col = 1;
    for (uint32_t i = 0; limits && i < limits->n; i++) {
        struct sl_str route = limits->rules[i].route;
        if (route.n && !sl_map_find(names, route)) {
            sl_bind_problem(bind, SL_PROBLEM_WARNING, pos, "groups",
                            "a limit of '%.*s' is for the route '%.*s', which is not in this file: it holds when a "
                            "call makes that route",
                            SL_STR_ARG(def->path), SL_STR_ARG(route));
        }
    }
}

static void routes_look(struct sl_bind *bind, const struct sl_val *root, const struct sl_group_defs *defs)
{
    struct sl_map names = { 0 };
    int r = defs->n ? routes_collect(root, &names) : 0;
    for (uint32_t i = 0; r == 0 && i < defs->n; i++) {
        struct sl_pos pos = sl_val_find(root, "groups")->pos;
        rules_look(bind, defs->v[i], defs->v[i]->limits, pos, &names);
        rules_look(bind, defs->v[i], defs->v[i]->children, pos, &names);
    }
    sl_map_done(&names);
}

void sl_groups_look(struct sl_bind *bind, const struct sl_val *root, const struct sl_group_defs *defs)
{
    const struct sl_val *auth = sl_val_find(root, "auth"), *keys = sl_val_find(auth, "keys");
    struct sl_map paths = { 0 };
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < defs->n; i++) {
        r = sl_map_put(&paths, defs->v[i]->path, defs->v[i]);
    }
    for (uint32_t i = 0; r == 0 && keys && keys->kind == SL_VAL_LIST && i < keys->n; i++) {
        key_look(bind, keys->items[i].val, i, &paths);
    }
    if (r < 0) {
        sl_bind_problem(bind, SL_PROBLEM_ERROR, root->pos, "groups", "out of memory");
    }
    sl_map_done(&paths);
    routes_look(bind, root, defs);
    if (defs->n && (!auth || auth->kind != SL_VAL_MAP)) {
        sl_bind_problem(bind, SL_PROBLEM_WARNING, sl_val_find(root, "groups")->pos, "groups",
                        "hold for keys, and no key is asked for: add an auth section");
    }
}
