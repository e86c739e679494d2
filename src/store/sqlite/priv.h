/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_STORE_SQLITE_PRIV_H
#define SL_STORE_SQLITE_PRIV_H

#include <pthread.h>

#include "store/store.h"

struct sl_store {
    struct sl_store_cbs cbs;
    char *dir, *path;
    const char *vfs;
    int lock_fd;          /* -1: not locked */
    struct sl_seal seal;  /* written under `lock`, and by the store's thread alone */
    struct sl_seal next;  /* between a rotation's rows and their commit */
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

/* A sealed text: the caller has bounded the body it comes from. */
#define SL_SEALED_MAX (64u << 20)
SL_MUST int sl_sealed_read(const struct sl_seal *seal, struct sl_str name, struct sl_str sealed, struct sl_secret *ret);

/* rotate.c */
/* The key under which the rows are. `may_change`: a missing one is made while nothing is encrypted, and what a rotation
 * has left is tidied. SL_E_INVAL: it is lost; the text names the routes. One that is wrong for the rows is given, and
 * the load tells. */
SL_MUST int sl_store_key_find(const char *dir, struct sl_db *db, bool may_change, struct sl_seal *ret,
                              struct sl_err *err);
/* Behind the transaction of a rotation, or of none. */
void sl_store_rotate_settle(struct sl_store *store, bool is_durable);

/* keys.c */
SL_MUST int sl_store_load_keys(struct sl_db *db, void (*on_event)(void *arg, const struct sl_store_event *event),
                               void *arg, struct sl_err *err);

#endif
