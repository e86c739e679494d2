/* SPDX-License-Identifier: Apache-2.0 */
/* A snapshot is published under a mutex, with an atomic version: a worker compares the version at the start of each
 * exchange (one load) and takes a new reference when it differs. So a change is in force on every worker when publish
 * returns. */
#ifndef SL_GATE_PUBLISHER_H
#define SL_GATE_PUBLISHER_H

#include <pthread.h>
#include <stdatomic.h>

struct sl_snapshot;

struct sl_publisher {
    pthread_mutex_t lock; /* guards what is not atomic */
    struct sl_snapshot *current;
    atomic_uint_fast64_t version;
    void (*on_watched)(void *arg);
    void *watched_arg;
};

void sl_publisher_init(struct sl_publisher *publisher);
void sl_publisher_done(struct sl_publisher *publisher);
/* Calls `fn` from now on for each snapshot that has routes in `watched`, or replaces one that had; on the publishing
 * thread, under the lock. NULL: no more. */
void sl_publisher_watch(struct sl_publisher *publisher, void (*fn)(void *arg), void *arg);
/* Takes over the reference to `snapshot`. */
void sl_publisher_set(struct sl_publisher *publisher, struct sl_snapshot *snapshot);
/* Replaces *io_mine when a newer snapshot is published. */
void sl_publisher_refresh(struct sl_publisher *publisher, struct sl_snapshot **io_mine);

#endif
