/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/config/publisher.h"

#include "gate/config/snapshot.h"

void sl_publisher_init(struct sl_publisher *publisher)
{
    pthread_mutex_init(&publisher->lock, NULL);
    publisher->current = NULL;
    publisher->on_watched = NULL;
    atomic_init(&publisher->version, 0);
}

void sl_publisher_done(struct sl_publisher *publisher)
{
    sl_snapshot_unref(publisher->current);
    pthread_mutex_destroy(&publisher->lock);
}

void sl_publisher_watch(struct sl_publisher *publisher, void (*fn)(void *arg), void *arg)
{
    pthread_mutex_lock(&publisher->lock);
    publisher->on_watched = fn;
    publisher->watched_arg = arg;
    pthread_mutex_unlock(&publisher->lock);
}

void sl_publisher_set(struct sl_publisher *publisher, struct sl_snapshot *snapshot)
{
    pthread_mutex_lock(&publisher->lock);
    struct sl_snapshot *old = publisher->current;
    snapshot->version = atomic_load(&publisher->version) + 1;
    publisher->current = snapshot;
    atomic_store_explicit(&publisher->version, snapshot->version, memory_order_release);
    if (publisher->on_watched && (snapshot->watched.n || (old && old->watched.n))) {
        publisher->on_watched(publisher->watched_arg);
    }
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
