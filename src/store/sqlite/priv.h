/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_STORE_SQLITE_PRIV_H
#define SL_STORE_SQLITE_PRIV_H

#include "store/jobs.h"
#include "store/sql/rows.h"
#include "store/sqlite/db.h"
#include "store/sqlite/place.h"
#include "store/sqlite/sqlite.h"

struct sl_sqlite {
    struct sl_store base;
    struct sl_store_cbs cbs;
    char *dir, *path;
    int lock_fd;            /* -1: not locked */
    struct sl_seal seal;    /* written under the jobs' lock, and only by the store's thread */
    struct sl_seal next;    /* during a rotation, before its commit */
    struct sl_sqlite_db db; /* belongs to the thread, once that runs */
    struct sl_place place;
    uint64_t retry_usec;  /* no attempt to open before then */
    struct sl_err broken; /* why it is not open */
    bool is_readonly;     /* the data can be read, but nothing can be written; `broken` has the reason */
    bool was_tick_lost;   /* the last tick's transaction failed */
    uint64_t tick_usec;   /* when the next is due */

    pthread_t thread;
    bool is_started;
    struct sl_jobs jobs; /* its lock also guards the seal */
    pthread_cond_t wake;
};

static inline struct sl_sqlite *sl_sqlite_of(struct sl_store *store)
{
    return SL_CONTAINER_OF(store, struct sl_sqlite, base);
}

SL_MUST int sl_sqlite_rotate_run(struct sl_db *db, struct sl_store_job *job, struct sl_err *err);

/* The other operations, each in the file of its name. */
int sl_sqlite_usage_open(struct sl_store *store, struct sl_usage_reader **ret, struct sl_err *err);
int sl_sqlite_usage_begin(struct sl_usage_reader *reader, uint64_t *ret_mark, struct sl_err *err);
int sl_sqlite_usage_run(struct sl_usage_reader *reader, const struct sl_usage_query *query,
                        int (*on_row)(void *arg, const struct sl_usage_row *row), void *arg, struct sl_err *err);
void sl_sqlite_usage_close(struct sl_usage_reader *reader);
int sl_sqlite_end_open(const struct sl_store_end *conf, bool is_target, struct sl_db **ret, struct sl_err *err);
int sl_sqlite_end_close(struct sl_db *db, bool is_whole, struct sl_err *err);
int sl_sqlite_check(const char *dir, const struct sl_store_looker *looker, struct sl_store_report *ret,
                    struct sl_err *err);
int sl_sqlite_backup(const char *dir, const char *file, struct sl_err *err);
int sl_sqlite_rotate(const char *dir, uint64_t *ret_routes, struct sl_err *err);

/* rotate.c */
/* The key that the rows were encrypted with. `may_change`: a missing key is made if nothing is encrypted, and remains
 * of a rotation are removed. SL_E_KEY: the key is lost; the text names the routes. A key that does not fit the rows is
 * returned, and the load reports it. */
SL_MUST int sl_store_key_find(const char *dir, struct sl_sqlite_db *db, bool may_change, struct sl_seal *ret,
                              struct sl_err *err);
/* Call this after the transaction of a rotation, or without one. */
void sl_store_rotate_settle(struct sl_sqlite *store, bool is_durable);

#endif
