/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/snapshot.h"

#include <stdlib.h>

int sl_snapshot_new(struct sl_settings *settings, struct sl_route *const *routes, uint32_t n_routes,
                    struct sl_snapshot **ret)
{
    struct sl_snapshot *snapshot = calloc(1, sizeof(*snapshot));
    if (!snapshot) {
        return SL_E_NOMEM;
    }
    atomic_init(&snapshot->refs, 1);
    snapshot->settings = sl_settings_ref(settings);
    snapshot->routes = calloc(n_routes ? n_routes : 1, sizeof(*snapshot->routes));
    int r = snapshot->routes ? 0 : SL_E_NOMEM;
    for (uint32_t i = 0; r == 0 && i < n_routes; i++) {
        r = sl_map_put(&snapshot->by_name, routes[i]->name, routes[i]);
        if (r == 0) {
            snapshot->routes[snapshot->n_routes++] = sl_route_ref(routes[i]);
        }
    }
    if (r < 0) {
        sl_snapshot_unref(snapshot);
        return r;
    }
    *ret = snapshot;
    return 0;
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
    for (uint32_t i = 0; i < snapshot->n_routes; i++) {
        sl_route_unref(snapshot->routes[i]);
    }
    free(snapshot->routes);
    sl_map_done(&snapshot->by_name);
    sl_settings_unref(snapshot->settings);
    free(snapshot);
}

struct sl_route *sl_snapshot_find(const struct sl_snapshot *snapshot, struct sl_str name)
{
    return sl_map_find(&snapshot->by_name, name);
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
