/* SPDX-License-Identifier: Apache-2.0 */
/* The counts of long windows, so that a restart does not give everyone a new month. */
#include "store/sql/rows.h"

/* Where many nodes share a store, each has counters of its own. */
static void node_bind(const struct sl_db *db, struct sl_stmt *stmt, int at)
{
    if (db->node) {
        sl_db_bind_str(stmt, at, sl_str_c(db->node));
    }
}

int sl_sql_counter_put(struct sl_store *store, const struct sl_store_counter *counter, struct sl_err *err)
{
    struct sl_db *db = store->sql;
    struct sl_stmt *stmt = sl_db_stmt(db, db->ops->counter_put, err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_str(stmt, 1, counter->owner);
    sl_db_bind_str(stmt, 2, counter->name);
    sl_db_bind_int(stmt, 3, (int64_t)counter->incarnation);
    sl_db_bind_str(stmt, 4, counter->key);
    sl_db_bind_str(stmt, 5, counter->who);
    sl_db_bind_str(stmt, 6, counter->kind);
    sl_db_bind_int(stmt, 7, (int64_t)counter->period_usec);
    sl_db_bind_str(stmt, 8, counter->zone);
    sl_db_bind_int(stmt, 9, (int64_t)counter->end_usec);
    sl_db_bind_int(stmt, 10, (int64_t)counter->used);
    node_bind(db, stmt, 11);
    return sl_db_run(db, stmt, err);
}

int sl_sql_counters_expire(struct sl_store *store, uint64_t now_usec, size_t max_sessions, struct sl_err *err)
{
    struct sl_db *db = store->sql;
    struct sl_stmt *stmt = sl_db_stmt(db, db->ops->counters_expire, err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_int(stmt, 1, (int64_t)now_usec);
    sl_db_bind_int(stmt, 2, (int64_t)max_sessions);
    node_bind(db, stmt, 3);
    return sl_db_run(db, stmt, err);
}

int sl_sql_counters_load(struct sl_store *store, uint64_t now_usec,
                         void (*on_counter)(void *arg, const struct sl_store_counter *counter), void *arg,
                         struct sl_err *err)
{
    struct sl_db *db = store->sql;
    if (!db->is_open) {
        return 0;
    }
    struct sl_stmt *stmt = sl_db_stmt(db, db->ops->counters_load, err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_int(stmt, 1, (int64_t)now_usec);
    node_bind(db, stmt, 2);
    int r;
    while ((r = sl_db_row(db, stmt, err)) > 0) {
        struct sl_store_counter counter = {
            .owner = sl_db_column_str(stmt, 0),
            .name = sl_db_column_str(stmt, 1),
            .incarnation = (uint64_t)sl_db_column_int(stmt, 2),
            .key = sl_db_column_str(stmt, 3),
            .who = sl_db_column_str(stmt, 4),
            .kind = sl_db_column_str(stmt, 5),
            .period_usec = (uint64_t)sl_db_column_int(stmt, 6),
            .zone = sl_db_column_str(stmt, 7),
            .end_usec = (uint64_t)sl_db_column_int(stmt, 8),
            .used = (uint64_t)sl_db_column_int(stmt, 9),
        };
        on_counter(arg, &counter);
    }
    return r;
}
