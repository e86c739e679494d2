/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/split.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/num.h"
#include "gate/config/entry.h"

#define FAIL(bind, pos_, key_, ...) \
    (sl_entry_problem((bind), SL_PROBLEM_ERROR, (pos_), (key_), __VA_ARGS__), SL_E_INVAL)

bool sl_split_are(const struct sl_val *routes)
{
    for (uint32_t i = 0; routes && routes->kind == SL_VAL_LIST && i < routes->n; i++) {
        if (sl_val_find(routes->items[i].val, "destinations")) {
            return true;
        }
    }
    return false;
}

/* The entry that is being written. */
struct making {
    struct sl_bind *bind;
    struct sl_arena *tree;
    const struct sl_val *route, *endpoints;
    struct sl_str name, type;
    uint64_t percent; /* the sum so far */
};

static struct sl_val *val_new(struct making *m, enum sl_val_kind kind, struct sl_pos pos, uint32_t room)
{
    struct sl_val *val = SL_ARENA_NEW(m->tree, struct sl_val);
    struct sl_val_item *items = SL_ARENA_ARRAY(m->tree, struct sl_val_item, room + 1);
    if (!val || !items) {
        return NULL;
    }
    *val = (struct sl_val){ .kind = kind, .pos = pos, .items = items };
    return val;
}

/* Adds an item; there must be room for it. */
static void item_put(struct sl_val *to, const char *key, struct sl_val *val)
{
    to->items[to->n++] = (struct sl_val_item){ .key = key ? sl_str_c(key) : SL_STR_NONE,
                                               .key_pos = val->pos,
                                               .val = val };
}

static const struct sl_val *type_of(const struct sl_val *endpoint)
{
    const struct sl_val *type = sl_val_find(endpoint, "endpoint_type");
    return type ? type : sl_val_find(endpoint, "route_type");
}

static const struct sl_val *endpoint_find(const struct making *m, struct sl_str name)
{
    for (uint32_t i = 0; i < m->endpoints->n; i++) {
        const struct sl_val *endpoint = m->endpoints->items[i].val, *its = sl_val_find(endpoint, "name");
        if (its && its->kind == SL_VAL_STRING && sl_str_eq(its->text, name)) {
            return endpoint;
        }
    }
    return NULL;
}

static int percent_read(struct making *m, const struct sl_val *destination, struct sl_val **ret)
{
    struct sl_val *val = sl_val_find(destination, "traffic_percentage");
    uint64_t percent;
    if (!val || val->kind != SL_VAL_NUMBER || sl_parse_u64(val->text, 0, 100, &percent) < 0) {
        return FAIL(m->bind, val ? val->pos : destination->pos, "traffic_percentage",
                    "must be a whole number from 0 to 100 (of the route '%.*s')", SL_STR_ARG(m->name));
    }
    m->percent += percent;
    *ret = val;
    return 0;
}

static int model_find(struct making *m, const struct sl_val *destination, struct sl_val **ret_name,
                      struct sl_val **ret_model)
{
    struct sl_val *name = sl_val_find(destination, "name");
    if (!name || name->kind != SL_VAL_STRING) {
        return FAIL(m->bind, name ? name->pos : destination->pos, "name", "must be the name of an endpoint");
    }
    const struct sl_val *endpoint = endpoint_find(m, name->text);
    if (!endpoint) {
        return FAIL(m->bind, name->pos, "name", "there is no endpoint '%.*s' (of the route '%.*s')",
                    SL_STR_ARG(sl_str_sub(name->text, 0, 64)), SL_STR_ARG(m->name));
    }
    const struct sl_val *type = type_of(endpoint);
    if (!type || !sl_str_eq(type->text, m->type)) {
        return FAIL(m->bind, name->pos, "name", "the endpoint '%.*s' has another type than the route '%.*s': %.*s",
                    SL_STR_ARG(name->text), SL_STR_ARG(m->name), SL_STR_ARG(m->type));
    }
    if (sl_val_find(sl_val_find(endpoint, "sluice"), "targets")) {
        return FAIL(m->bind, name->pos, "name", "the endpoint '%.*s' has several targets itself",
                    SL_STR_ARG(name->text));
    }
    *ret_name = name;
    *ret_model = sl_val_find(endpoint, "model");
    return *ret_model ? 0 : SL_E_INVAL; /* reported for the endpoint already */
}

static int target_make(struct making *m, const struct sl_val *destination, struct sl_val *targets)
{
    struct sl_val *name, *model, *percent;
    if (destination->kind != SL_VAL_MAP) {
        return FAIL(m->bind, destination->pos, "", "must be a map with name and traffic_percentage");
    }
    int r = model_find(m, destination, &name, &model);
    int r2 = percent_read(m, destination, &percent);
    if (r < 0 || r2 < 0) {
        return SL_E_INVAL;
    }
    struct sl_val *target = val_new(m, SL_VAL_MAP, destination->pos, 3);
    if (!target) {
        return FAIL(m->bind, destination->pos, "", "out of memory");
    }
    item_put(target, "name", name);
    item_put(target, "weight", percent);
    item_put(target, "model", model);
    item_put(targets, NULL, target);
    return 0;
}

static int targets_make(struct making *m, struct sl_val **ret)
{
    const struct sl_val *list = sl_val_find(m->route, "destinations");
    if (!list || list->kind != SL_VAL_LIST || list->n == 0) {
        return FAIL(m->bind, list ? list->pos : m->route->pos, "destinations",
                    "must be a list of { name, traffic_percentage }: `routes` beside `endpoints` split their calls");
    }
    struct sl_val *targets = val_new(m, SL_VAL_LIST, list->pos, list->n);
    if (!targets) {
        return FAIL(m->bind, list->pos, "destinations", "out of memory");
    }
    int result = 0;
    for (uint32_t i = 0; i < list->n; i++) {
        size_t before = strlen(m->bind->path);
        snprintf(m->bind->path + before, sizeof(m->bind->path) - before, ".destinations[%u]", i);
        int r = target_make(m, list->items[i].val, targets);
        result = r < 0 ? r : result;
        m->bind->path[before] = '\0';
    }
    if (result == 0 && m->percent != 100) {
        result = FAIL(m->bind, list->pos, "destinations", "the percentages of the route '%.*s' sum up to %llu, not 100",
                      SL_STR_ARG(m->name), (unsigned long long)m->percent);
    }
    *ret = targets;
    return result;
}

/* Makes the route's `sluice:` with these targets. When it does not set `fallback`, a failure ends the call, as MLflow
 * does it. */
static int sluice_make(struct making *m, struct sl_val *targets, struct sl_val **ret)
{
    const struct sl_val *own = sl_val_find(m->route, "sluice");
    uint32_t n = own && own->kind == SL_VAL_MAP ? own->n : 0;
    struct sl_val *map = val_new(m, SL_VAL_MAP, m->route->pos, n + 2);
    struct sl_val *fallback = val_new(m, SL_VAL_MAP, m->route->pos, 1), *on = val_new(m, SL_VAL_LIST, m->route->pos, 0);
    if (!map || !fallback || !on) {
        return FAIL(m->bind, m->route->pos, "", "out of memory");
    }
    if (sl_val_find(own, "targets")) {
        return FAIL(m->bind, own->pos, "sluice.targets", "the destinations are the targets of this route");
    }
    for (uint32_t i = 0; i < n; i++) {
        map->items[map->n++] = own->items[i];
    }
    item_put(map, "targets", targets);
    if (!sl_val_find(own, "fallback")) {
        item_put(fallback, "on", on);
        item_put(map, "fallback", fallback);
    }
    *ret = map;
    return 0;
}

static int head_look(struct making *m, struct sl_val **ret_type)
{
    static const char *const names[] = { "name",  "task_type", "destinations", "routing_strategy",
                                         "limit", "limits",    "sluice",       NULL };
    const struct sl_val *strategy = sl_val_find(m->route, "routing_strategy"), *name = sl_val_find(m->route, "name");
    struct sl_val *type = sl_val_find(m->route, "task_type");
    SL_IGNORE(sl_entry_keys(m->bind, m->route, names, "")); /* a warning only */
    if (!type || type->kind != SL_VAL_STRING) {
        return FAIL(m->bind, type ? type->pos : m->route->pos, "task_type",
                    "Field required: llm/v1/chat, llm/v1/completions or llm/v1/embeddings");
    }
    if (strategy && strategy->kind != SL_VAL_NULL && !sl_str_eq_c(strategy->text, "TRAFFIC_SPLIT")) {
        return FAIL(m->bind, strategy->pos, "routing_strategy", "must be TRAFFIC_SPLIT: there is no other one");
    }
    m->name = name && name->kind == SL_VAL_STRING ? sl_str_sub(name->text, 0, 64) : SL_STR("");
    m->type = type->text;
    *ret_type = type;
    return 0;
}

int sl_split_entry(struct sl_bind *bind, const struct sl_val *route, const struct sl_val *endpoints,
                   struct sl_arena *tree, struct sl_val **ret)
{
    static const char *const kept[] = { "name", "limit", "limits" };
    struct making m = { .bind = bind, .tree = tree, .route = route, .endpoints = endpoints };
    struct sl_val *type, *targets, *sluice;
    if (route->kind != SL_VAL_MAP) {
        return FAIL(bind, route->pos, "", "must be a map with name, task_type and destinations");
    }
    int r = head_look(&m, &type);
    r = r < 0 ? r : targets_make(&m, &targets);
    r = r < 0 ? r : sluice_make(&m, targets, &sluice);
    struct sl_val *entry = r < 0 ? NULL : val_new(&m, SL_VAL_MAP, route->pos, 5);
    if (!entry) {
        return r < 0 ? r : FAIL(bind, route->pos, "", "out of memory");
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(kept); i++) {
        struct sl_val *val = sl_val_find(route, kept[i]);
        if (val) {
            item_put(entry, kept[i], val);
        }
    }
    item_put(entry, "endpoint_type", type);
    item_put(entry, "sluice", sluice);
    *ret = entry;
    return 0;
}
