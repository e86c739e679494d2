/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/events.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/num.h"
#include "gate/config/definition.h"
#include "gate/config/group.h"
#include "gate/config/keyset.h"
#include "gate/config/limits_json.h"
#include "gate/config/route.h"
#include "gate/config/route_conf.h"
#include "gate/config/settings.h"
#include "gate/config/publisher.h"
#include "gate/config/snapshot.h"
#include "gate/policy/limit_rule.h"
#include "llm/price/table.h"
#include "store/store.h"

/* A change on disk must come into force: without memory its thread waits this long and tries again. */
#define NOMEM_WAIT_USEC 10000

struct stored {
    char *json; /* ends with a NUL */
    size_t n_json;
    size_t n_name;
    char name[];
};

void sl_events_init(struct sl_events *events, struct sl_publisher *publisher)
{
    *events = (struct sl_events){ .publisher = publisher };
    pthread_mutex_init(&events->lock, NULL);
}

static void stored_free(struct stored *stored)
{
    if (stored) {
        free(stored->json);
        free(stored);
    }
}

static void limits_free(struct sl_map *limits)
{
    struct stored *stored;
    for (size_t i = 0; (stored = sl_map_each(limits, &i)) != NULL;) {
        stored_free(stored);
    }
    sl_map_done(limits);
}

static void groups_free(struct sl_map *groups)
{
    struct sl_group_def *def;
    for (size_t i = 0; (def = sl_map_each(groups, &i)) != NULL;) {
        sl_group_def_unref(def);
    }
    sl_map_done(groups);
}

void sl_events_done(struct sl_events *events)
{
    limits_free(&events->limits);
    groups_free(&events->groups);
    pthread_mutex_destroy(&events->lock);
}

/* --- stored limits --- */

static struct sl_str limits_of(const struct sl_events *events, struct sl_str name)
{
    const struct stored *stored = sl_map_find(&events->limits, name);
    return stored ? sl_str_make(stored->json, stored->n_json) : SL_STR_NONE;
}

static int limits_set(struct sl_events *events, struct sl_str name, struct sl_str json)
{
    struct stored *stored = NULL;
    if (json.p) {
        stored = malloc(sizeof(*stored) + name.n);
        char *text = malloc(json.n + 1);
        if (!stored || !text) {
            free(stored);
            free(text);
            return SL_E_NOMEM;
        }
        memcpy(text, json.p, json.n);
        text[json.n] = '\0';
        memcpy(stored->name, name.p, name.n);
        stored->n_name = name.n;
        stored->json = text;
        stored->n_json = json.n;
    }
    stored_free(sl_map_remove(&events->limits, name));
    int r = stored ? sl_map_put(&events->limits, sl_str_make(stored->name, stored->n_name), stored) : 0;
    if (r < 0) {
        stored_free(stored);
    }
    return r;
}

/* The route under its stored limits and the settings; a new reference. */
static int route_complete(const struct sl_events *events, struct sl_route *route, const struct sl_settings *settings,
                          struct sl_route **ret)
{
    struct sl_str limits = limits_of(events, route->name);
    if (!limits.p && !route->base) {
        *ret = sl_route_ref(route);
        return 0;
    }
    int r = sl_route_derive(route, settings, limits, ret);
    if (r == SL_E_INVAL) {
        sl_log(SL_LOG_ERROR, "store", "the stored limits of route '%.*s' are not readable and do not hold",
               SL_STR_ARG(route->name));
        *ret = sl_route_ref(route);
        r = 0;
    }
    return r;
}

/* --- groups --- */

/* Reads a stored list; none: 0. */
static int rules_read(struct sl_str json, struct sl_arena *arena, struct sl_limit_rule *rules)
{
    return json.p ? sl_limits_list_read(json, arena, rules) : 0;
}

/* A group whose limits cannot be read is out of force: keys in it open nothing, rather than everything. */
static int group_read(const struct sl_store_group *group, struct sl_arena *arena, struct sl_group_def **ret)
{
    struct sl_limit_rule rules[2][SL_LIMIT_RULES_MAX];
    int n = rules_read(group->limits, arena, rules[0]);
    int n_children = n < 0 ? n : rules_read(group->children, arena, rules[1]);
    if (n_children < 0) {
        sl_log(SL_LOG_ERROR, "store", "the stored limits of group '%.*s' are not readable: nobody can use keys in it",
               SL_STR_ARG(group->path));
        return n_children == SL_E_NOMEM ? n_children : SL_E_INVAL;
    }
    struct sl_group_def *def = sl_group_def_new(group->path, group->id,
                                                (struct sl_group_rules){ rules[0], (uint32_t)n },
                                                (struct sl_group_rules){ rules[1], (uint32_t)n_children });
    if (!def) {
        return SL_E_NOMEM;
    }
    def->version = group->version;
    def->created_sec = group->created_usec / SL_USEC_PER_SEC;
    def->updated_sec = group->updated_usec / SL_USEC_PER_SEC;
    *ret = def;
    return 0;
}

static int group_make(const struct sl_store_group *group, struct sl_group_def **ret)
{
    struct sl_arena arena;
    sl_arena_init_small(&arena, 1024);
    int r = group_read(group, &arena, ret);
    sl_arena_done(&arena);
    return r;
}

static int group_set(struct sl_events *events, const struct sl_store_group *group)
{
    struct sl_group_def *def = NULL;
    int r = group_make(group, &def);
    if (r == SL_E_NOMEM) {
        return r;
    }
    sl_group_def_unref(sl_map_remove(&events->groups, group->path));
    r = def ? sl_map_put(&events->groups, def->path, def) : 0;
    if (r < 0) {
        sl_group_def_unref(def);
    }
    return r;
}

/* Gives the snapshot the groups of its file and those that are stored now. */
static int groups_renew(const struct sl_events *events, struct sl_snapshot *s)
{
    const struct sl_snapshot *current = events->publisher->current;
    struct sl_groups *groups;
    int r = sl_groups_build(s->settings->groups, &events->groups, current ? current->groups : NULL, &groups);
    if (r == 0) {
        sl_groups_unref(s->groups);
        s->groups = groups;
    }
    return r;
}

static void groups_renew_wait(const struct sl_events *events, struct sl_snapshot *s)
{
    while (groups_renew(events, s) == SL_E_NOMEM) {
        usleep(NOMEM_WAIT_USEC);
    }
}

/* Says which stored groups and keys are out of force, because a group of the file is not there any more. */
static void groups_warn(const struct sl_events *events, const struct sl_snapshot *s)
{
    const struct sl_group_def *def;
    for (size_t i = 0; (def = sl_map_each(&events->groups, &i)) != NULL;) {
        if (!sl_groups_find(s->groups, def->path)) {
            sl_log(
                SL_LOG_WARNING, "config",
                "the group '%.*s', which a call made, is in one that is not there: it is out of force, and keys in it "
                "open nothing until that group comes back",
                SL_STR_ARG(def->path));
        }
    }
    const struct sl_key *key, *first = NULL;
    uint32_t n = 0;
    for (struct sl_keyset_iter it = sl_keyset_walk(s->keys, 0); (key = sl_keyset_next(&it)) != NULL;) {
        if (key->group.n && !sl_groups_find(s->groups, key->group)) {
            first = first ? first : key;
            n++;
        }
    }
    if (n) {
        sl_log(SL_LOG_WARNING, "config",
               "%u stored key%s in a group that is not there, and so open%s nothing: %.*s of '%.*s'%s", n,
               n == 1 ? " is" : "s are", n == 1 ? "s" : "", SL_STR_ARG(first->id), SL_STR_ARG(first->group),
               n == 1 ? "" : ", …");
    }
}

/* --- the routes of the file --- */

static int file_snapshot(const struct sl_events *events, struct sl_settings *settings, struct sl_route *const *routes,
                         uint32_t n, struct sl_snapshot **ret)
{
    struct sl_route **complete = calloc(n ? n : 1, sizeof(struct sl_route *));
    int r = complete ? 0 : SL_E_NOMEM;
    uint32_t i = 0;
    for (; r == 0 && i < n; i++) {
        r = route_complete(events, routes[i], settings, &complete[i]);
    }
    r = r < 0 ? r : sl_snapshot_new(settings, complete, n, ret);
    for (uint32_t k = 0; complete && k < i; k++) {
        sl_route_unref(complete[k]);
    }
    free(complete);
    return r;
}

static void shadow_warn(const struct sl_snapshot *snapshot, const struct sl_route *route)
{
    const struct sl_route *file = sl_snapshot_find(snapshot, route->name);
    sl_log(SL_LOG_WARNING, "config",
           "%s:%u: route '%.*s' was also made by create_route: the file's is served, the other one is kept and comes "
           "back when the file's entry goes",
           sl_settings_file(snapshot->settings), file->pos.line, SL_STR_ARG(route->name));
}

/* Puts the dynamic routes of the snapshot in force into a new one, under its settings. */
static int dynamic_carry(const struct sl_events *events, const struct sl_snapshot *from, struct sl_snapshot *to)
{
    bool is_same = sl_route_conf_is_same(&from->settings->upstream.route, &to->settings->upstream.route) &&
                   sl_prices_are_same(from->settings->prices, to->settings->prices);
    struct sl_snapshot_iter it = sl_snapshot_walk(from, 0);
    struct sl_route *route;
    int r = 0;
    while (r == 0 && (route = sl_snapshot_next(&it)) != NULL) {
        if (!route->incarnation) {
            continue;
        }
        struct sl_route *mine;
        r = is_same ? 0 : sl_route_derive(route, to->settings, limits_of(events, route->name), &mine);
        if (is_same) {
            mine = sl_route_ref(route);
        }
        if (r == 0) {
            r = sl_snapshot_put(to, mine);
            if (r == 0 && sl_snapshot_is_shadowed(to, mine) && !sl_snapshot_is_shadowed(from, route)) {
                shadow_warn(to, mine);
            }
            sl_route_unref(mine);
        }
    }
    return r;
}

int sl_events_configure(struct sl_events *events, struct sl_settings *settings, struct sl_route *const *routes,
                        uint32_t n_routes)
{
    struct sl_snapshot *fresh = NULL;
    pthread_mutex_lock(&events->lock);
    for (uint32_t i = 0; events->publisher->current && i < n_routes; i++) {
        sl_route_adopt(routes[i], sl_snapshot_find(events->publisher->current, routes[i]->name));
    }
    int r = file_snapshot(events, settings, routes, n_routes, &fresh);
    if (r == 0 && events->publisher->current) {
        fresh->keys = sl_keyset_ref(events->publisher->current->keys);
        r = dynamic_carry(events, events->publisher->current, fresh);
    }
    r = r < 0 ? r : groups_renew(events, fresh);
    if (r == 0) {
        groups_warn(events, fresh);
        sl_publisher_set(events->publisher, fresh);
    } else {
        sl_snapshot_unref(fresh);
    }
    pthread_mutex_unlock(&events->lock);
    return r;
}

/* --- changes --- */

static int route_put(struct sl_events *events, struct sl_snapshot *s, const struct sl_store_event *event)
{
    const struct sl_definition def = { event->route->name, event->route->spec, event->route->config };
    struct sl_err err = { 0 };
    struct sl_route *route, *complete;
    if (event->is_new && !events->loading) {
        /* No limits: those of an older route of this name are deleted, as their rows were. */
        int r = limits_set(events, event->name, event->limits);
        if (r < 0) {
            return r;
        }
    }
    int r = sl_definition_bind(&def, s->settings, true, &route, &err);
    if (r == SL_E_INVAL) {
        /* It was valid when it was stored. But this build lacks its provider, or a rule is stricter now. */
        sl_log(SL_LOG_WARNING, "store", "route '%.*s' cannot be served: %s", SL_STR_ARG(event->name), err.text);
        r = sl_snapshot_remove(s, event->name);
        return r == SL_E_NOTFOUND ? 0 : r;
    }
    if (r < 0) {
        return r;
    }
    sl_route_own_row(route, event->route->id, event->route->version);
    sl_route_adopt(route, sl_snapshot_find_dynamic(s, event->name));
    r = route_complete(events, route, s->settings, &complete);
    sl_route_unref(route);
    if (r == 0) {
        r = sl_snapshot_put(s, complete);
        if (r == 0 && events->loading && sl_snapshot_is_shadowed(s, complete)) {
            shadow_warn(s, complete);
        }
        sl_route_unref(complete);
    }
    return r;
}

/* Puts the same route under the limits that are stored now. */
static int limits_refresh(struct sl_events *events, struct sl_snapshot *s, struct sl_str name)
{
    struct sl_route *served = sl_snapshot_find(s, name), *dynamic = sl_snapshot_find_dynamic(s, name);
    struct sl_route *const each[] = { served, dynamic == served ? NULL : dynamic };
    int r = 0;
    for (size_t i = 0; r == 0 && i < SL_ARRAY_LEN(each); i++) {
        struct sl_route *fresh = NULL;
        if (!each[i]) {
            continue;
        }
        r = sl_route_derive(each[i], s->settings, limits_of(events, name), &fresh);
        if (r == 0) {
            r = fresh->incarnation ? sl_snapshot_put(s, fresh) : sl_snapshot_put_file(s, fresh);
        }
        sl_route_unref(fresh);
    }
    return r;
}

static int change_apply(struct sl_events *events, struct sl_snapshot *s, const struct sl_store_event *event)
{
    int r = 0;
    switch (event->kind) {
    case SL_STORE_ROUTE_PUT:
        return route_put(events, s, event);
    case SL_STORE_ROUTE_DELETED:
        r = limits_set(events, event->name, SL_STR_NONE);
        r = r < 0 ? r : sl_snapshot_remove(s, event->name);
        return r == SL_E_NOTFOUND ? 0 : r; /* a route that could not be served is not there */
    case SL_STORE_LIMITS_PUT:
        r = limits_set(events, event->name, event->limits);
        return r < 0 || events->loading ? r : limits_refresh(events, s, event->name);
    case SL_STORE_KEY_PUT:
        return sl_keyset_put(&s->keys, event->key, events->publisher->current->keys);
    case SL_STORE_KEY_DELETED:
        return sl_keyset_remove(&s->keys, event->key->id);
    case SL_STORE_GROUP_PUT:
        return group_set(events, event->group);
    case SL_STORE_GROUP_DELETED:
        sl_group_def_unref(sl_map_remove(&events->groups, event->name));
        return 0;
    case SL_STORE_SECRET_ROTATED:
        return 0;
    }
    return r;
}

static struct sl_snapshot *copy_wait(const struct sl_snapshot *from)
{
    struct sl_snapshot *copy;
    while (sl_snapshot_copy(from, &copy) < 0) {
        usleep(NOMEM_WAIT_USEC);
    }
    return copy;
}

void sl_events_apply(void *arg, const struct sl_store_event *const *list, size_t n)
{
    struct sl_events *events = arg;
    pthread_mutex_lock(&events->lock);
    struct sl_snapshot *s = copy_wait(events->publisher->current);
    bool has_groups = false;
    for (size_t i = 0; i < n; i++) {
        while (change_apply(events, s, list[i]) == SL_E_NOMEM) {
            /* Only a part is done: begin again with the snapshot in force. A change says the new state, so doing it
             * twice does no harm. */
            usleep(NOMEM_WAIT_USEC);
            sl_snapshot_unref(s);
            s = copy_wait(events->publisher->current);
            i = 0;
        }
        has_groups |= list[i]->kind == SL_STORE_GROUP_PUT || list[i]->kind == SL_STORE_GROUP_DELETED;
        events->number = SL_MAX(events->number, list[i]->number);
    }
    if (has_groups) {
        groups_renew_wait(events, s);
    }
    sl_publisher_set(events->publisher, s);
    pthread_mutex_unlock(&events->lock);
}

/* --- loading the store --- */

/* The routes of the file in the snapshot in force, without stored limits. */
static struct sl_snapshot *file_only_wait(const struct sl_snapshot *from)
{
    uint32_t n = from->file->n;
    struct sl_route **routes;
    struct sl_snapshot *fresh;
    while (!(routes = calloc(n + 1, sizeof(struct sl_route *)))) {
        usleep(NOMEM_WAIT_USEC);
    }
    for (uint32_t i = 0; i < n; i++) {
        struct sl_route *route = from->file->v[i].item;
        routes[i] = route->base ? route->base : route;
    }
    while (sl_snapshot_new(from->settings, routes, n, &fresh) < 0) {
        usleep(NOMEM_WAIT_USEC);
    }
    free(routes);
    return fresh;
}

void sl_events_load_begin(void *arg)
{
    struct sl_events *events = arg;
    pthread_mutex_lock(&events->lock);
    events->loading = file_only_wait(events->publisher->current);
    events->limits_before = events->limits;
    events->limits = (struct sl_map){ 0 };
    events->groups_before = events->groups;
    events->groups = (struct sl_map){ 0 };
}

void sl_events_load(void *arg, const struct sl_store_event *event)
{
    struct sl_events *events = arg;
    while (change_apply(events, events->loading, event) == SL_E_NOMEM) {
        usleep(NOMEM_WAIT_USEC);
    }
    events->number = SL_MAX(events->number, event->number);
}

void sl_events_load_end(void *arg, bool is_whole)
{
    struct sl_events *events = arg;
    struct sl_snapshot *s = SL_TAKE(events->loading);
    if (!is_whole) {
        limits_free(&events->limits);
        events->limits = events->limits_before;
        groups_free(&events->groups);
        events->groups = events->groups_before;
        sl_snapshot_unref(s);
        pthread_mutex_unlock(&events->lock);
        return;
    }
    limits_free(&events->limits_before);
    groups_free(&events->groups_before);
    groups_renew_wait(events, s);
    groups_warn(events, s);
    struct stored *stored;
    /* Limits were loaded before the routes: the routes of the file get theirs now. */
    for (size_t i = 0; (stored = sl_map_each(&events->limits, &i)) != NULL;) {
        struct sl_str name = sl_str_make(stored->name, stored->n_name);
        const struct sl_route *route = sl_snapshot_find(s, name);
        while (route && !route->incarnation && limits_refresh(events, s, name) == SL_E_NOMEM) {
            usleep(NOMEM_WAIT_USEC);
        }
    }
    sl_publisher_set(events->publisher, s);
    pthread_mutex_unlock(&events->lock);
}
