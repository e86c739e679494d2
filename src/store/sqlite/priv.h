/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SL_STORE_SQLITE_PRIV_H
#define SL_STORE_SQLITE_PRIV_H

#include <pthread.h>

#include "store/sqlite/db.h"
#include "store/sqlite/place.h"
#include "store/sqlite/sqlite.h"

struct sl_sqlite {
    struct sl_store base;
    struct sl_store_cbs cbs;
    char *dir, *path;
    int lock_fd;         /* -1: not locked */
    struct sl_seal seal; /* written under `lock`, and only by the store's thread */
    struct sl_seal next; /* during a rotation, before its commit */
    struct sl_db db;     /* belongs to the thread, once that runs */
    struct sl_place place;
    uint64_t retry_usec;  /* no attempt to open before then */
    struct sl_err broken; /* why it is not open */
    bool is_readonly;     /* the data can be read, but nothing can be written; `broken` has the reason */
    bool was_tick_lost;   /* the last tick's transaction failed */
    uint64_t tick_usec;   /* when the next is due */
    uint64_t swept_day;   /* of the last sweep of the usage's callers; since 1970 */

    pthread_t thread;
    bool is_started;
    pthread_mutex_t lock; /* guards everything below */
    pthread_cond_t wake;
    struct sl_store_job *first, **tail;
    uint32_t n_queued;
    uint32_t last_batch; /* how many writes the last transaction had */
    bool is_closing;
};

static inline struct sl_sqlite *sl_sqlite_of(struct sl_store *store)
{
    return SL_CONTAINER_OF(store, struct sl_sqlite, base);
}

/* The work of a job, on the store's thread: a write inside its savepoint, a read outside. A result <0 undoes it;
 * SL_E_IO: the database failed, not the job. */
SL_MUST int sl_sqlite_route_run(struct sl_db *db, struct sl_store_job *job, struct sl_err *err);
SL_MUST int sl_sqlite_key_run(struct sl_db *db, struct sl_store_job *job, struct sl_err *err);
SL_MUST int sl_sqlite_group_run(struct sl_db *db, struct sl_store_job *job, struct sl_err *err);
SL_MUST int sl_sqlite_audit_run(struct sl_db *db, struct sl_store_job *job, struct sl_err *err);
SL_MUST int sl_sqlite_rotate_run(struct sl_db *db, struct sl_store_job *job, struct sl_err *err);

/* In audit.c: call it in the transaction of the change itself. It takes neither id nor ownership. */
SL_MUST int sl_audit_add(struct sl_db *db, const struct sl_audit_row *row, struct sl_err *err);

/* The other operations, each in the file of its name. */
int sl_sqlite_key_used(struct sl_store *store, uint64_t id, uint64_t sec, struct sl_err *err);
int sl_sqlite_answer_put(struct sl_store *store, const struct sl_store_answer *answer, struct sl_err *err);
int sl_sqlite_answers_expire(struct sl_store *store, uint64_t now_usec, size_t max, struct sl_err *err);
int sl_sqlite_answers_load(struct sl_store *store, uint64_t now_usec,
                           void (*on_answer)(void *arg, const struct sl_store_answer *answer), void *arg,
                           struct sl_err *err);
int sl_sqlite_counter_put(struct sl_store *store, const struct sl_store_counter *counter, struct sl_err *err);
int sl_sqlite_counters_expire(struct sl_store *store, uint64_t now_usec, struct sl_err *err);
int sl_sqlite_counters_load(struct sl_store *store, uint64_t now_usec,
                            void (*on_counter)(void *arg, const struct sl_store_counter *counter), void *arg,
                            struct sl_err *err);
int sl_sqlite_usage_put(struct sl_store *store, const struct sl_usage_row *row, bool *ret_is_other, struct sl_err *err);
int sl_sqlite_usage_mark(struct sl_store *store, uint64_t mark, struct sl_err *err);
int sl_sqlite_usage_marked(struct sl_store *store, uint64_t *ret_mark, struct sl_err *err);
int sl_sqlite_usage_thin(struct sl_store *store, uint64_t now_sec, struct sl_err *err);
int sl_sqlite_usage_open(struct sl_store *store, struct sl_usage_reader **ret, struct sl_err *err);
int sl_sqlite_usage_begin(struct sl_usage_reader *reader, uint64_t *ret_mark, struct sl_err *err);
int sl_sqlite_usage_run(struct sl_usage_reader *reader, const struct sl_usage_query *query,
                        int (*on_row)(void *arg, const struct sl_usage_row *row), void *arg, struct sl_err *err);
void sl_sqlite_usage_close(struct sl_usage_reader *reader);
int sl_sqlite_check(const char *dir, struct sl_store_report *ret, struct sl_err *err);
int sl_sqlite_backup(const char *dir, const char *file, struct sl_err *err);
int sl_sqlite_rotate(const char *dir, uint64_t *ret_routes, struct sl_err *err);

/* routes.c */
typedef void (*sl_on_event_fn)(void *arg, const struct sl_store_event *event);
/* Rows that cannot be read: each is reported and stays where it is. `what`: "route", "key", "group", "limits of route".
 */
struct sl_bad_rows {
    void (*on_bad)(void *arg, const char *what, struct sl_str name, const char *why);
    void *arg;
    uint32_t n;
};
/* Loads all limits, groups, keys and routes. Bad rows are no failure. SL_E_KEY: the key decrypts no route. */
SL_MUST int sl_store_load_rows(struct sl_db *db, sl_on_event_fn on_event, void *arg, struct sl_bad_rows *bad,
                               struct sl_err *err);
void sl_bad_rows_add(struct sl_bad_rows *bad, const char *what, struct sl_str name, const char *why);

/* The longest sealed text; the caller has bounded the body that it comes from. */
#define SL_SEALED_MAX (64u << 20)
SL_MUST int sl_sealed_read(const struct sl_seal *seal, struct sl_str name, struct sl_str sealed, struct sl_secret *ret);

/* rotate.c */
/* The key that the rows were encrypted with. `may_change`: a missing key is made if nothing is encrypted, and remains
 * of a rotation are removed. SL_E_KEY: the key is lost; the text names the routes. A key that does not fit the rows is
 * returned, and the load reports it. */
SL_MUST int sl_store_key_find(const char *dir, struct sl_db *db, bool may_change, struct sl_seal *ret,
                              struct sl_err *err);
/* Call this after the transaction of a rotation, or without one. */
void sl_store_rotate_settle(struct sl_sqlite *store, bool is_durable);

/* usage.c */
/* The mark as it stands in `db`. */
SL_MUST int sl_sqlite_mark_read(struct sl_db *db, uint64_t *ret_mark, struct sl_err *err);

/* keys.c */
SL_MUST int sl_store_load_keys(struct sl_db *db, sl_on_event_fn on_event, void *arg, struct sl_bad_rows *bad,
                               struct sl_err *err);

/* groups.c */
SL_MUST int sl_store_load_groups(struct sl_db *db, sl_on_event_fn on_event, void *arg, struct sl_bad_rows *bad,
                                 struct sl_err *err);
/* 1: there is a stored group of that path; 0: there is none. */
SL_MUST int sl_sqlite_group_exists(struct sl_db *db, struct sl_str path, struct sl_err *err);

#endif
