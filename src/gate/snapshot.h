/* SPDX-License-Identifier: Apache-2.0 */
/* What an exchange needs to know: settings and routes; immutable. Published under a mutex with an atomic version: a
 * worker compares the version at the start of each exchange (one load) and refreshes its own reference when it differs,
 * so a change is in force on every worker when publish returns. An exchange holds its route and its settings, never the
 * index. */
#ifndef SL_GATE_SNAPSHOT_H
#define SL_GATE_SNAPSHOT_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "gate/route.h"
#include "gate/settings.h"

struct sl_snapshot {
    atomic_uint refs;
    uint64_t version;
    struct sl_settings *settings;
    struct sl_route **routes; /* in the file's order */
    uint32_t n_routes;
    struct sl_map by_name;
};

/* Takes references of its own. SL_E_NOMEM, or SL_E_EXISTS for two routes of one name. */
SL_MUST int sl_snapshot_new(struct sl_settings *settings, struct sl_route *const *routes, uint32_t n_routes,
                            struct sl_snapshot **ret);
struct sl_snapshot *sl_snapshot_ref(struct sl_snapshot *snapshot);
void sl_snapshot_unref(struct sl_snapshot *snapshot);
/* Borrowed: valid as long as the snapshot. NULL: no such route. */
struct sl_route *sl_snapshot_find(const struct sl_snapshot *snapshot, struct sl_str name);

struct sl_publisher {
    pthread_mutex_t lock; /* guards `current` */
    struct sl_snapshot *current;
    atomic_uint_fast64_t version;
};

void sl_publisher_init(struct sl_publisher *publisher);
void sl_publisher_done(struct sl_publisher *publisher);
/* Takes `snapshot`. */
void sl_publisher_set(struct sl_publisher *publisher, struct sl_snapshot *snapshot);
/* Replaces *io_mine when a newer one is published. */
void sl_publisher_refresh(struct sl_publisher *publisher, struct sl_snapshot **io_mine);

#endif
