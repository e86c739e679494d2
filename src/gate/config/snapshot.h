/* SPDX-License-Identifier: Apache-2.0 */
/* The settings and routes that an exchange needs; immutable once published (publisher.h). An exchange holds its route
 * and its settings, never the index.
 *
 * Snapshots share their parts (pages.h): the index by name, the dynamic routes by their order of creation, the keys,
 * the groups.
 *
 * A route of the file and a dynamic one may have the same name: then the file's is served. The dynamic one keeps its
 * place in the order and is *shadowed*. */
#ifndef SL_GATE_SNAPSHOT_H
#define SL_GATE_SNAPSHOT_H

#include <stdatomic.h>

#include "base/str.h"
#include "gate/config/pages.h"

struct sl_groups;
struct sl_keyset;
struct sl_route;
struct sl_settings;

struct sl_snapshot {
    atomic_uint refs;
    uint64_t version;
    struct sl_settings *settings;
    struct sl_keyset *keys;   /* the keys of the store; NULL: none */
    struct sl_groups *groups; /* of the file and the store; NULL: none */
    struct sl_hashed names;   /* the routes that are served, by the hash of the name */
    struct sl_hashed watched; /* the served routes whose targets have health checks; no pages: none */
    struct sl_page *file;     /* the file's routes in its order; NULL: none */
    struct sl_ordered order;  /* the dynamic routes by incarnation, shadowed ones too */
};

/* A snapshot with only the file's routes. It takes its own references. SL_E_NOMEM, or SL_E_EXISTS for two routes of one
 * name. */
SL_MUST int sl_snapshot_new(struct sl_settings *settings, struct sl_route *const *routes, uint32_t n_routes,
                            struct sl_snapshot **ret);
/* A copy that shares everything with `from`, to be changed and published. */
SL_MUST int sl_snapshot_copy(const struct sl_snapshot *from, struct sl_snapshot **ret);
/* Adds a dynamic route, or replaces the one with its incarnation. Before publishing only; takes its own reference.
 * SL_E_NOMEM: the snapshot can only be freed. */
SL_MUST int sl_snapshot_put(struct sl_snapshot *snapshot, struct sl_route *route);
/* Replaces the file's route of that name by `route`. SL_E_NOTFOUND. */
SL_MUST int sl_snapshot_put_file(struct sl_snapshot *snapshot, struct sl_route *route);
/* Removes the dynamic route of that name, shadowed or not. SL_E_NOTFOUND, SL_E_NOMEM. */
SL_MUST int sl_snapshot_remove(struct sl_snapshot *snapshot, struct sl_str name);

struct sl_snapshot *sl_snapshot_ref(struct sl_snapshot *snapshot);
void sl_snapshot_unref(struct sl_snapshot *snapshot);

/* Borrowed: valid as long as the snapshot. NULL: no such route. */
struct sl_route *sl_snapshot_find(const struct sl_snapshot *snapshot, struct sl_str name);
/* The dynamic route of that name, shadowed or not. For a shadowed one this walks over all. */
struct sl_route *sl_snapshot_find_dynamic(const struct sl_snapshot *snapshot, struct sl_str name);
/* Calls fn for each route in `watched`. */
void sl_snapshot_each_watched(const struct sl_snapshot *snapshot, void (*fn)(void *arg, struct sl_route *route),
                              void *arg);
bool sl_snapshot_is_shadowed(const struct sl_snapshot *snapshot, const struct sl_route *route);

/* The number of routes in the order of lists: the file's, then the dynamic ones by creation, shadowed ones too (a list
 * of what is served skips them). */
uint32_t sl_snapshot_count(const struct sl_snapshot *snapshot);
/* Borrowed; `index` must be below the count. */
struct sl_route *sl_snapshot_at(const struct sl_snapshot *snapshot, uint32_t index);
/* The index of a route of this snapshot. */
uint32_t sl_snapshot_index(const struct sl_snapshot *snapshot, const struct sl_route *route);

struct sl_snapshot_iter {
    const struct sl_snapshot *snapshot;
    uint32_t page; /* 0: the file's; else the page `page` - 1 of `order` */
    uint32_t at;
    uint32_t index; /* of the next route */
};
/* Begins at the route with that index. */
struct sl_snapshot_iter sl_snapshot_walk(const struct sl_snapshot *snapshot, uint32_t from);
/* NULL at the end. */
struct sl_route *sl_snapshot_next(struct sl_snapshot_iter *it);

#endif
