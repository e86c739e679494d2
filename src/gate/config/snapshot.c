/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/snapshot.h"

#include <stdlib.h>

#include "base/map.h"
#include "gate/config/keyset.h"
#include "gate/config/route.h"

/* Routes of a page of the index, on average, before the number of pages doubles: copying a page and copying the root
 * cost about the same at ten thousand routes. */
#define NAMES_LOAD 64
#define NAMES_MIN  8
/* Routes of a page of the order, at most. */
#define ORDER_MAX 256

/* --- pages --- */

static struct sl_page *page_new(uint32_t cap)
{
    struct sl_page *page = malloc(sizeof(*page) + cap * sizeof(page->v[0]));
    if (page) {
        atomic_init(&page->refs, 1);
        page->n = 0;
        page->cap = cap;
    }
    return page;
}

static struct sl_page *page_ref(struct sl_page *page)
{
    if (page) {
        atomic_fetch_add_explicit(&page->refs, 1, memory_order_relaxed);
    }
    return page;
}

static void page_unref(struct sl_page *page)
{
    if (!page || atomic_fetch_sub_explicit(&page->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (uint32_t i = 0; i < page->n; i++) {
        sl_route_unref(page->v[i].route);
    }
    free(page);
}

/* Where `key` stands or would stand: the first item that is not below it. */
static uint32_t page_lower(const struct sl_page *page, uint64_t key)
{
    uint32_t low = 0, high = page->n;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (page->v[mid].key < key) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

/* A page that may be changed: the same when nobody else has it and there is room for one more, else a copy of it. NULL:
 * no memory; the old one is then as it was. Takes the old one's reference. */
static struct sl_page *page_own(struct sl_page *page)
{
    if (page && page->n < page->cap && atomic_load_explicit(&page->refs, memory_order_acquire) == 1) {
        return page;
    }
    uint32_t n = page ? page->n : 0;
    struct sl_page *copy = page_new(n + 1 + n / 8);
    if (!copy) {
        return NULL;
    }
    for (uint32_t i = 0; i < n; i++) {
        copy->v[i] = page->v[i];
        sl_route_ref(copy->v[i].route);
    }
    copy->n = n;
    page_unref(page);
    return copy;
}

static int page_insert(struct sl_page **slot, uint32_t at, uint64_t key, struct sl_route *route)
{
    struct sl_page *page = page_own(*slot);
    if (!page) {
        return SL_E_NOMEM;
    }
    *slot = page;
    memmove(&page->v[at + 1], &page->v[at], (page->n - at) * sizeof(page->v[0]));
    page->v[at] = (struct sl_page_item){ key, sl_route_ref(route) };
    page->n++;
    return 0;
}

static int page_replace(struct sl_page **slot, uint32_t at, struct sl_route *route)
{
    struct sl_page *page = page_own(*slot);
    if (!page) {
        return SL_E_NOMEM;
    }
    *slot = page;
    sl_route_ref(route);
    sl_route_unref(page->v[at].route);
    page->v[at].route = route;
    return 0;
}

static int page_remove(struct sl_page **slot, uint32_t at)
{
    struct sl_page *page = page_own(*slot);
    if (!page) {
        return SL_E_NOMEM;
    }
    *slot = page;
    sl_route_unref(page->v[at].route);
    page->n--;
    memmove(&page->v[at], &page->v[at + 1], (page->n - at) * sizeof(page->v[0]));
    return 0;
}

/* --- the index by name --- */

static struct sl_page **names_slot(const struct sl_snapshot *s, uint64_t hash)
{
    /* The low bits choose the page, so that a page has its items spread over all high bits. */
    return &s->names[hash & (s->n_names - 1)];
}

/* The index in the page, or -1. */
static int64_t names_at(const struct sl_page *page, uint64_t hash, struct sl_str name)
{
    if (!page || page->n == 0) {
        return -1;
    }
    /* Hashes are even: the place is guessed from the high half, then a step or two. */
    uint32_t at = (uint32_t)((hash >> 32) * page->n >> 32);
    while (at > 0 && page->v[at - 1].key >= hash) {
        at--;
    }
    while (at < page->n && page->v[at].key < hash) {
        at++;
    }
    for (; at < page->n && page->v[at].key == hash; at++) {
        if (sl_str_eq(page->v[at].route->name, name)) {
            return at;
        }
    }
    return -1;
}

/* Twice the pages; every route finds its new one. */
static int names_grow(struct sl_snapshot *s)
{
    uint32_t n = s->n_names * 2;
    struct sl_page **names = calloc(n, sizeof(*names));
    int r = names ? 0 : SL_E_NOMEM;
    for (uint32_t i = 0; r == 0 && i < s->n_names; i++) {
        const struct sl_page *page = s->names[i];
        for (uint32_t k = 0; page && r == 0 && k < page->n; k++) {
            struct sl_page **slot = &names[page->v[k].key & (n - 1)];
            r = page_insert(slot, *slot ? (*slot)->n : 0, page->v[k].key, page->v[k].route);
        }
    }
    struct sl_page **old = r == 0 ? s->names : names;
    uint32_t n_old = r == 0 ? s->n_names : n;
    for (uint32_t i = 0; old && i < n_old; i++) {
        page_unref(old[i]);
    }
    free(old);
    if (r == 0) {
        s->names = names;
        s->n_names = n;
    }
    return r;
}

static int names_put(struct sl_snapshot *s, struct sl_route *route)
{
    uint64_t hash = sl_hash(route->name);
    struct sl_page **slot = names_slot(s, hash);
    int64_t at = names_at(*slot, hash, route->name);
    if (at >= 0) {
        return page_replace(slot, (uint32_t)at, route);
    }
    if (s->n_routes >= s->n_names * NAMES_LOAD) {
        int r = names_grow(s);
        if (r < 0) {
            return r;
        }
        slot = names_slot(s, hash);
    }
    int r = page_insert(slot, *slot ? page_lower(*slot, hash) : 0, hash, route);
    s->n_routes += r == 0;
    return r;
}

static int names_remove(struct sl_snapshot *s, struct sl_str name)
{
    uint64_t hash = sl_hash(name);
    struct sl_page **slot = names_slot(s, hash);
    int64_t at = names_at(*slot, hash, name);
    int r = at < 0 ? SL_E_NOTFOUND : page_remove(slot, (uint32_t)at);
    s->n_routes -= r == 0;
    return r;
}

/* --- the order --- */

/* The page that has the incarnation, or would. */
static uint32_t order_page(const struct sl_snapshot *s, uint64_t key)
{
    uint32_t low = 0, high = s->n_order;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (s->order[mid]->v[0].key <= key) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low ? low - 1 : 0;
}

static int order_add_page(struct sl_snapshot *s, struct sl_route *route)
{
    struct sl_page *page = NULL;
    struct sl_page **order = realloc(s->order, (s->n_order + 1) * sizeof(*order));
    if (!order) {
        return SL_E_NOMEM;
    }
    s->order = order;
    int r = page_insert(&page, 0, route->incarnation, route);
    if (r == 0) {
        order[s->n_order++] = page;
        s->n_dynamic++;
    }
    return r;
}

static int order_put(struct sl_snapshot *s, struct sl_route *route)
{
    uint64_t key = route->incarnation;
    uint32_t i = order_page(s, key);
    if (i == s->n_order) {
        return order_add_page(s, route);
    }
    uint32_t at = page_lower(s->order[i], key);
    if (at < s->order[i]->n && s->order[i]->v[at].key == key) {
        return page_replace(&s->order[i], at, route);
    }
    /* Incarnations grow: new ones come at the end. One in the middle (events out of order) may overfill its page. */
    if (i == s->n_order - 1 && at == s->order[i]->n && at >= ORDER_MAX) {
        return order_add_page(s, route);
    }
    int r = page_insert(&s->order[i], at, key, route);
    s->n_dynamic += r == 0;
    return r;
}

static int order_remove(struct sl_snapshot *s, uint64_t key)
{
    uint32_t i = order_page(s, key);
    uint32_t at = i < s->n_order ? page_lower(s->order[i], key) : 0;
    if (i == s->n_order || at == s->order[i]->n || s->order[i]->v[at].key != key) {
        return SL_E_NOTFOUND;
    }
    int r = page_remove(&s->order[i], at);
    if (r == 0) {
        s->n_dynamic--;
        if (s->order[i]->n == 0) {
            page_unref(s->order[i]);
            s->n_order--;
            memmove(&s->order[i], &s->order[i + 1], (s->n_order - i) * sizeof(*s->order));
        }
    }
    return r;
}

/* --- whole --- */

static struct sl_snapshot *snapshot_alloc(struct sl_settings *settings, uint32_t n_names, uint32_t n_order)
{
    struct sl_snapshot *s = calloc(1, sizeof(*s));
    if (!s) {
        return NULL;
    }
    atomic_init(&s->refs, 1);
    s->settings = sl_settings_ref(settings);
    s->names = calloc(n_names, sizeof(*s->names));
    s->n_names = s->names ? n_names : 0;
    /* One more: a new page of the order finds room. */
    s->order = malloc((n_order + 1) * sizeof(*s->order));
    if (!s->names || !s->order) {
        sl_snapshot_unref(s);
        return NULL;
    }
    return s;
}

int sl_snapshot_new(struct sl_settings *settings, struct sl_route *const *routes, uint32_t n_routes,
                    struct sl_snapshot **ret)
{
    struct sl_snapshot *s = snapshot_alloc(settings, NAMES_MIN, 0);
    if (!s) {
        return SL_E_NOMEM;
    }
    s->file = page_new(n_routes + 1);
    int r = s->file ? 0 : SL_E_NOMEM;
    for (uint32_t i = 0; r == 0 && i < n_routes; i++) {
        r = sl_snapshot_find(s, routes[i]->name) ? SL_E_EXISTS : page_insert(&s->file, i, i, routes[i]);
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
    struct sl_snapshot *s = snapshot_alloc(from->settings, from->n_names, from->n_order);
    if (!s) {
        return SL_E_NOMEM;
    }
    s->file = page_ref(from->file);
    s->keys = sl_keyset_ref(from->keys);
    for (uint32_t i = 0; i < from->n_names; i++) {
        s->names[i] = page_ref(from->names[i]);
    }
    for (uint32_t i = 0; i < from->n_order; i++) {
        s->order[i] = page_ref(from->order[i]);
    }
    s->n_order = from->n_order;
    s->n_dynamic = from->n_dynamic;
    s->n_routes = from->n_routes;
    *ret = s;
    return 0;
}

int sl_snapshot_put(struct sl_snapshot *s, struct sl_route *route)
{
    SL_ASSERT(route->incarnation);
    const struct sl_route *served = sl_snapshot_find(s, route->name);
    int r = order_put(s, route);
    return r < 0 || (served && !served->incarnation) ? r : names_put(s, route);
}

int sl_snapshot_put_file(struct sl_snapshot *s, struct sl_route *route)
{
    const struct sl_route *served = sl_snapshot_find(s, route->name);
    for (uint32_t i = 0; served && i < s->file->n; i++) {
        if (s->file->v[i].route == served) {
            int r = page_replace(&s->file, i, route);
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
    int r = order_remove(s, route->incarnation);
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
    for (uint32_t i = 0; i < snapshot->n_names; i++) {
        page_unref(snapshot->names[i]);
    }
    for (uint32_t i = 0; i < snapshot->n_order; i++) {
        page_unref(snapshot->order[i]);
    }
    page_unref(snapshot->file);
    sl_keyset_unref(snapshot->keys);
    free(snapshot->names);
    free(snapshot->order);
    sl_settings_unref(snapshot->settings);
    free(snapshot);
}

struct sl_route *sl_snapshot_find(const struct sl_snapshot *snapshot, struct sl_str name)
{
    uint64_t hash = sl_hash(name);
    const struct sl_page *page = *names_slot(snapshot, hash);
    int64_t at = names_at(page, hash, name);
    return at < 0 ? NULL : page->v[at].route;
}

bool sl_snapshot_is_shadowed(const struct sl_snapshot *snapshot, const struct sl_route *route)
{
    const struct sl_route *served = route->incarnation ? sl_snapshot_find(snapshot, route->name) : route;
    return served && !served->incarnation && served != route;
}

struct sl_route *sl_snapshot_find_dynamic(const struct sl_snapshot *snapshot, struct sl_str name)
{
    struct sl_route *served = sl_snapshot_find(snapshot, name);
    if (!served || served->incarnation || snapshot->n_dynamic + snapshot->file->n == snapshot->n_routes) {
        return served && served->incarnation ? served : NULL;
    }
    for (uint32_t i = 0; i < snapshot->n_order; i++) {
        for (uint32_t k = 0; k < snapshot->order[i]->n; k++) {
            if (sl_str_eq(snapshot->order[i]->v[k].route->name, name)) {
                return snapshot->order[i]->v[k].route;
            }
        }
    }
    return NULL;
}

uint32_t sl_snapshot_count(const struct sl_snapshot *snapshot)
{
    return snapshot->file->n + snapshot->n_dynamic;
}

/* 0: the file's; else of the order, + 1. NULL: no such page. */
static const struct sl_page *list_page(const struct sl_snapshot *s, uint32_t i)
{
    return i == 0 ? s->file : i <= s->n_order ? s->order[i - 1] : NULL;
}

struct sl_route *sl_snapshot_next(struct sl_snapshot_iter *it)
{
    const struct sl_page *page;
    while ((page = list_page(it->snapshot, it->page)) != NULL) {
        if (it->at < page->n) {
            it->index++;
            return page->v[it->at++].route;
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
        while (index < snapshot->file->n && snapshot->file->v[index].route != route) {
            index++;
        }
        return index;
    }
    uint32_t page = order_page(snapshot, route->incarnation);
    for (uint32_t i = 0; i <= page; i++) {
        index += list_page(snapshot, i)->n;
    }
    return index + page_lower(snapshot->order[page], route->incarnation);
}

void sl_publisher_init(struct sl_publisher *publisher)
{
    pthread_mutex_init(&publisher->lock, NULL);
    publisher->current = NULL;
    atomic_init(&publisher->version, 0);
}

void sl_publisher_done(struct sl_publisher *publisher)
{
    sl_snapshot_unref(publisher->current);
    pthread_mutex_destroy(&publisher->lock);
}

void sl_publisher_set(struct sl_publisher *publisher, struct sl_snapshot *snapshot)
{
    pthread_mutex_lock(&publisher->lock);
    struct sl_snapshot *old = publisher->current;
    snapshot->version = atomic_load(&publisher->version) + 1;
    publisher->current = snapshot;
    atomic_store_explicit(&publisher->version, snapshot->version, memory_order_release);
    pthread_mutex_unlock(&publisher->lock);
    sl_snapshot_unref(old);
}

void sl_publisher_refresh(struct sl_publisher *publisher, struct sl_snapshot **io_mine)
{
    uint64_t version = atomic_load_explicit(&publisher->version, memory_order_acquire);
    if (*io_mine && (*io_mine)->version == version) {
        return;
    }
    pthread_mutex_lock(&publisher->lock);
    struct sl_snapshot *fresh = sl_snapshot_ref(publisher->current);
    pthread_mutex_unlock(&publisher->lock);
    sl_snapshot_unref(*io_mine);
    *io_mine = fresh;
}
