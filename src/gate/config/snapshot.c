/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/snapshot.h"

#include <stdlib.h>

#include "base/map.h"
#include "gate/config/group.h"
#include "gate/config/keyset.h"
#include "gate/config/route.h"
#include "gate/config/settings.h"

static void item_ref(void *item)
{
    sl_route_ref(item);
}

static void item_unref(void *item)
{
    sl_route_unref(item);
}

static const struct sl_page_ops route_ops = { item_ref, item_unref };

static bool is_named(const void *item, const void *name)
{
    return sl_str_eq(((const struct sl_route *)item)->name, *(const struct sl_str *)name);
}

/* `route` NULL: no route of that name is served. */
static int watched_put(struct sl_snapshot *s, uint64_t hash, struct sl_str name, struct sl_route *route)
{
    bool is_watched = route && route->is_watched;
    int r = is_watched && !s->watched.n_pages ? sl_hashed_init(&s->watched, &route_ops) : 0;
    if (r < 0 || !s->watched.n_pages) {
        return r;
    }
    int64_t at = sl_hashed_at(&s->watched, hash, is_named, &name);
    if (is_watched) {
        return sl_hashed_put(&s->watched, hash, at, route);
    }
    return at < 0 ? 0 : sl_hashed_remove(&s->watched, hash, at);
}

static int names_put(struct sl_snapshot *s, struct sl_route *route)
{
    uint64_t hash = sl_hash(route->name);
    int r = sl_hashed_put(&s->names, hash, sl_hashed_at(&s->names, hash, is_named, &route->name), route);
    return r < 0 ? r : watched_put(s, hash, route->name, route);
}

static int names_remove(struct sl_snapshot *s, struct sl_str name)
{
    uint64_t hash = sl_hash(name);
    int r = sl_hashed_remove(&s->names, hash, sl_hashed_at(&s->names, hash, is_named, &name));
    return r < 0 ? r : watched_put(s, hash, name, NULL);
}

static struct sl_snapshot *snapshot_alloc(struct sl_settings *settings)
{
    struct sl_snapshot *s = calloc(1, sizeof(*s));
    if (s) {
        atomic_init(&s->refs, 1);
        s->settings = sl_settings_ref(settings);
    }
    return s;
}

int sl_snapshot_new(struct sl_settings *settings, struct sl_route *const *routes, uint32_t n_routes,
                    struct sl_snapshot **ret)
{
    struct sl_snapshot *s = snapshot_alloc(settings);
    if (!s) {
        return SL_E_NOMEM;
    }
    s->file = sl_page_new(&route_ops, n_routes + 1);
    int r = s->file ? sl_hashed_init(&s->names, &route_ops) : SL_E_NOMEM;
    r = r < 0 ? r : sl_ordered_init(&s->order, &route_ops);
    for (uint32_t i = 0; r == 0 && i < n_routes; i++) {
        r = sl_snapshot_find(s, routes[i]->name) ? SL_E_EXISTS : sl_page_insert(&s->file, &route_ops, i, i, routes[i]);
        r = r < 0 ? r : names_put(s, routes[i]);
    }
    if (r < 0) {
        sl_snapshot_unref(s);
        return r;
    }
    *ret = s;
    return 0;
}

int sl_snapshot_copy(const struct sl_snapshot *from, struct sl_snapshot **ret)
{
    struct sl_snapshot *s = snapshot_alloc(from->settings);
    if (!s) {
        return SL_E_NOMEM;
    }
    s->file = sl_page_ref(from->file);
    s->keys = sl_keyset_ref(from->keys);
    s->groups = sl_groups_ref(from->groups);
    if (sl_hashed_copy(&from->names, &s->names) < 0 ||
        (from->watched.n && sl_hashed_copy(&from->watched, &s->watched) < 0) ||
        sl_ordered_copy(&from->order, &s->order) < 0) {
        sl_snapshot_unref(s);
        return SL_E_NOMEM;
    }
    *ret = s;
    return 0;
}

int sl_snapshot_put(struct sl_snapshot *s, struct sl_route *route)
{
    SL_ASSERT(route->incarnation);
    const struct sl_route *served = sl_snapshot_find(s, route->name);
    int r = sl_ordered_put(&s->order, route->incarnation, route);
    return r < 0 || (served && !served->incarnation) ? r : names_put(s, route);
}

int sl_snapshot_put_file(struct sl_snapshot *s, struct sl_route *route)
{
    const struct sl_route *served = sl_snapshot_find(s, route->name);
    for (uint32_t i = 0; served && i < s->file->n; i++) {
        if (s->file->v[i].item == served) {
            int r = sl_page_replace(&s->file, i, route);
            return r < 0 ? r : names_put(s, route);
        }
    }
    return SL_E_NOTFOUND;
}

int sl_snapshot_remove(struct sl_snapshot *s, struct sl_str name)
{
    struct sl_route *route = sl_snapshot_find_dynamic(s, name);
    if (!route) {
        return SL_E_NOTFOUND;
    }
    bool is_shadowed = sl_snapshot_is_shadowed(s, route);
    sl_route_ref(route);
    int r = sl_ordered_remove(&s->order, route->incarnation);
    if (r == 0 && !is_shadowed) {
        r = names_remove(s, route->name);
    }
    sl_route_unref(route);
    return r;
}

struct sl_snapshot *sl_snapshot_ref(struct sl_snapshot *snapshot)
{
    atomic_fetch_add_explicit(&snapshot->refs, 1, memory_order_relaxed);
    return snapshot;
}

void sl_snapshot_unref(struct sl_snapshot *snapshot)
{
    if (!snapshot || atomic_fetch_sub_explicit(&snapshot->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    sl_hashed_done(&snapshot->names);
    sl_hashed_done(&snapshot->watched);
    sl_ordered_done(&snapshot->order);
    sl_page_unref(snapshot->file);
    sl_keyset_unref(snapshot->keys);
    sl_groups_unref(snapshot->groups);
    sl_settings_unref(snapshot->settings);
    free(snapshot);
}

struct sl_route *sl_snapshot_find(const struct sl_snapshot *snapshot, struct sl_str name)
{
    uint64_t hash = sl_hash(name);
    int64_t at = sl_hashed_at(&snapshot->names, hash, is_named, &name);
    return at < 0 ? NULL : (*sl_hashed_slot(&snapshot->names, hash))->v[at].item;
}

void sl_snapshot_each_watched(const struct sl_snapshot *snapshot, void (*fn)(void *arg, struct sl_route *route),
                              void *arg)
{
    for (uint32_t i = 0; i < snapshot->watched.n_pages; i++) {
        const struct sl_page *page = snapshot->watched.pages[i];
        for (uint32_t k = 0; page && k < page->n; k++) {
            fn(arg, page->v[k].item);
        }
    }
}

bool sl_snapshot_is_shadowed(const struct sl_snapshot *snapshot, const struct sl_route *route)
{
    const struct sl_route *served = route->incarnation ? sl_snapshot_find(snapshot, route->name) : route;
    return served && !served->incarnation && served != route;
}

struct sl_route *sl_snapshot_find_dynamic(const struct sl_snapshot *snapshot, struct sl_str name)
{
    struct sl_route *served = sl_snapshot_find(snapshot, name);
    if (!served || served->incarnation || snapshot->order.n + snapshot->file->n == snapshot->names.n) {
        return served && served->incarnation ? served : NULL;
    }
    for (uint32_t i = 0; i < snapshot->order.n_pages; i++) {
        const struct sl_page *page = snapshot->order.pages[i];
        for (uint32_t k = 0; k < page->n; k++) {
            if (is_named(page->v[k].item, &name)) {
                return page->v[k].item;
            }
        }
    }
    return NULL;
}

uint32_t sl_snapshot_count(const struct sl_snapshot *snapshot)
{
    return snapshot->file->n + snapshot->order.n;
}

/* 0: the file's page; else the page i - 1 of `order`. NULL: no such page. */
static const struct sl_page *list_page(const struct sl_snapshot *s, uint32_t i)
{
    return i == 0 ? s->file : i <= s->order.n_pages ? s->order.pages[i - 1] : NULL;
}

struct sl_route *sl_snapshot_next(struct sl_snapshot_iter *it)
{
    const struct sl_page *page;
    while ((page = list_page(it->snapshot, it->page)) != NULL) {
        if (it->at < page->n) {
            it->index++;
            return page->v[it->at++].item;
        }
        it->page++;
        it->at = 0;
    }
    return NULL;
}

struct sl_snapshot_iter sl_snapshot_walk(const struct sl_snapshot *snapshot, uint32_t from)
{
    struct sl_snapshot_iter it = { .snapshot = snapshot };
    const struct sl_page *page;
    while ((page = list_page(snapshot, it.page)) != NULL && from - it.index >= page->n) {
        it.index += page->n;
        it.page++;
    }
    if (page) {
        it.at = from - it.index;
        it.index = from;
    }
    return it;
}

struct sl_route *sl_snapshot_at(const struct sl_snapshot *snapshot, uint32_t index)
{
    struct sl_snapshot_iter it = sl_snapshot_walk(snapshot, index);
    return sl_snapshot_next(&it);
}

uint32_t sl_snapshot_index(const struct sl_snapshot *snapshot, const struct sl_route *route)
{
    uint32_t index = 0;
    if (!route->incarnation) {
        while (index < snapshot->file->n && snapshot->file->v[index].item != route) {
            index++;
        }
        return index;
    }
    uint32_t page = sl_ordered_page(&snapshot->order, route->incarnation);
    for (uint32_t i = 0; i <= page; i++) {
        index += list_page(snapshot, i)->n;
    }
    return index + sl_page_lower(snapshot->order.pages[page], route->incarnation);
}
