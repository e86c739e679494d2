/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_STORE_PRIV_H
#define SL_STORE_PRIV_H

#include <pthread.h>

#include "store/store.h"

struct sl_store {
    struct sl_store_cbs cbs;
    char *dir, *path;
    const char *vfs;
    int lock_fd; /* -1: not locked */
    struct sl_seal seal;
    struct sl_db db;      /* the thread's, once it runs */
    uint64_t retry_usec;  /* not before then another attempt to open */
    struct sl_err broken; /* why it is not open */
    bool is_readonly;     /* what is there can be read, nothing can be written; `broken` says why */
    bool is_failing;      /* told to the operator once */
    bool was_tick_lost;   /* the last tick's transaction failed */
    uint64_t tick_usec;   /* when the next is due */

    pthread_t thread;
    bool is_started;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    struct sl_store_job *first, **tail;
    uint32_t n_queued;
    uint32_t last_batch; /* writes of the last transaction */
    bool is_closing;
};

/* routes.c */
SL_MUST int sl_store_load_rows(struct sl_db *db, void (*on_event)(void *arg, const struct sl_store_event *event),
                               void *arg, struct sl_err *err);

/* keys.c */
SL_MUST int sl_store_load_keys(struct sl_db *db, void (*on_event)(void *arg, const struct sl_store_event *event),
                               void *arg, struct sl_err *err);

#endif
