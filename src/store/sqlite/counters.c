/* SPDX-License-Identifier: Apache-2.0 */
/* The counts of long windows, so that a restart does not give everyone a new month. */
#include "store/sqlite/priv.h"

int sl_sqlite_counter_put(struct sl_store *store, const struct sl_store_counter *counter, struct sl_err *err)
{
    struct sl_db *db = &sl_sqlite_of(store)->db;
    sqlite3_stmt *stmt = sl_db_stmt(db,
                                    "INSERT OR REPLACE INTO counters "
                                    "(owner, name, incarnation, key, who, kind, period_usec, zone, end_usec, used) "
                                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                                    err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_str(stmt, 1, counter->owner);
    sl_db_bind_str(stmt, 2, counter->name);
    sqlite3_bind_int64(stmt, 3, (int64_t)counter->incarnation);
    sl_db_bind_str(stmt, 4, counter->key);
    sl_db_bind_str(stmt, 5, counter->who);
    sl_db_bind_str(stmt, 6, counter->kind);
    sqlite3_bind_int64(stmt, 7, (int64_t)counter->period_usec);
    sl_db_bind_str(stmt, 8, counter->zone);
    sqlite3_bind_int64(stmt, 9, (int64_t)counter->end_usec);
    sqlite3_bind_int64(stmt, 10, (int64_t)counter->used);
    return sl_db_run(db, stmt, err);
}

int sl_sqlite_counters_expire(struct sl_store *store, uint64_t now_usec, struct sl_err *err)
{
    struct sl_db *db = &sl_sqlite_of(store)->db;
    sqlite3_stmt *stmt = sl_db_stmt(db, "DELETE FROM counters WHERE end_usec <= ?", err);
    if (!stmt) {
        return err->code;
    }
    sqlite3_bind_int64(stmt, 1, (int64_t)now_usec);
    return sl_db_run(db, stmt, err);
}

int sl_sqlite_counters_load(struct sl_store *store, uint64_t now_usec,
                            void (*on_counter)(void *arg, const struct sl_store_counter *counter), void *arg,
                            struct sl_err *err)
{
    struct sl_db *db = &sl_sqlite_of(store)->db;
    if (!db->handle) {
        return 0;
    }
    sqlite3_stmt *stmt = sl_db_stmt(db,
                                    "SELECT owner, name, incarnation, key, who, kind, period_usec, zone, end_usec, "
                                    "used FROM counters WHERE end_usec > ?",
                                    err);
    if (!stmt) {
        return err->code;
    }
    sqlite3_bind_int64(stmt, 1, (int64_t)now_usec);
    int r;
    while ((r = sl_db_row(db, stmt, err)) > 0) {
        struct sl_store_counter counter = {
            .owner = sl_db_column_str(stmt, 0),
            .name = sl_db_column_str(stmt, 1),
            .incarnation = (uint64_t)sqlite3_column_int64(stmt, 2),
            .key = sl_db_column_str(stmt, 3),
            .who = sl_db_column_str(stmt, 4),
            .kind = sl_db_column_str(stmt, 5),
            .period_usec = (uint64_t)sqlite3_column_int64(stmt, 6),
            .zone = sl_db_column_str(stmt, 7),
            .end_usec = (uint64_t)sqlite3_column_int64(stmt, 8),
            .used = (uint64_t)sqlite3_column_int64(stmt, 9),
        };
        on_counter(arg, &counter);
    }
    return r;
}
