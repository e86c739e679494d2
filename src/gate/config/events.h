/* SPDX-License-Identifier: Apache-2.0 */
/* Makes the snapshot in force from the store's numbered changes and the file's configuration. All changes of what is
 * served come through here: the store's thread brings events, a reload brings another file. Both copy the current
 * snapshot under one lock and publish the copy; when a call returns, its change is in force on every worker. */
#ifndef SL_GATE_EVENTS_H
#define SL_GATE_EVENTS_H

#include <pthread.h>

#include "base/map.h"

struct sl_publisher;
struct sl_route;
struct sl_settings;
struct sl_snapshot;
struct sl_store_event;

struct sl_events {
    pthread_mutex_t lock; /* guards the rest; who holds it builds the next snapshot */
    struct sl_publisher *publisher;
    struct sl_map limits;        /* stored limits by route name: struct stored */
    struct sl_map limits_before; /* while loading: the limits from before */
    struct sl_map groups;        /* stored groups by path: struct sl_group_def */
    struct sl_map groups_before;
    struct sl_snapshot *loading; /* between begin and publish; NULL otherwise */
    uint64_t number;             /* of the last change that is in force */
};

void sl_events_init(struct sl_events *events, struct sl_publisher *publisher);
void sl_events_done(struct sl_events *events);

/* Brings the file's routes and settings, at the start and with each reload. Its routes get their stored limits; the
 * dynamic routes stay. Publishes. SL_E_NOMEM: nothing changed. */
SL_MUST int sl_events_configure(struct sl_events *events, struct sl_settings *settings, struct sl_route *const *routes,
                                uint32_t n_routes);

/* For struct sl_store_cbs: replaces all dynamic routes, keys, stored groups and limits by those of the database. */
void sl_events_load_begin(void *events);
void sl_events_load(void *events, const struct sl_store_event *event);
void sl_events_load_end(void *events, bool is_whole);

/* For struct sl_store_cbs: brings the changes of a transaction into force, all at once. On the store's thread. */
void sl_events_apply(void *events, const struct sl_store_event *const *list, size_t n);

#endif
