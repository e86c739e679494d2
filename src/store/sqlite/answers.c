/* SPDX-License-Identifier: Apache-2.0 */
/* Which upstream has which response, so that it can be found after a restart: only ids, no content. */
#include "store/sqlite/priv.h"

int sl_sqlite_answer_put(struct sl_store *store, const struct sl_store_answer *answer, struct sl_err *err)
{
    struct sl_db *db = &sl_sqlite_of(store)->db;
    sqlite3_stmt *stmt = sl_db_stmt(
        db, "INSERT OR REPLACE INTO answers (id, route, principal, end_usec, target) VALUES (?, ?, ?, ?, ?)", err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_str(stmt, 1, answer->id);
    sl_db_bind_str(stmt, 2, answer->route);
    sl_db_bind_str(stmt, 3, answer->principal);
    sqlite3_bind_int64(stmt, 4, (int64_t)answer->end_usec);
    sl_db_bind_str(stmt, 5, answer->target);
    return sl_db_run(db, stmt, err);
}

int sl_sqlite_answers_expire(struct sl_store *store, uint64_t now_usec, size_t max, struct sl_err *err)
{
    struct sl_db *db = &sl_sqlite_of(store)->db;
    sqlite3_stmt *stmt = sl_db_stmt(
        db, "DELETE FROM answers WHERE end_usec <= ? OR n <= (SELECT MAX(n) FROM answers) - ?", err);
    if (!stmt) {
        return err->code;
    }
    sqlite3_bind_int64(stmt, 1, (int64_t)now_usec);
    sqlite3_bind_int64(stmt, 2, (int64_t)max);
    return sl_db_run(db, stmt, err);
}

int sl_sqlite_answers_load(struct sl_store *store, uint64_t now_usec,
                           void (*on_answer)(void *arg, const struct sl_store_answer *answer), void *arg,
                           struct sl_err *err)
{
    struct sl_db *db = &sl_sqlite_of(store)->db;
    sqlite3_stmt *stmt = NULL;
    int r = 0;
    if (!db->handle) {
        return 0;
    }
    stmt = sl_db_stmt(db, "SELECT id, route, principal, end_usec, target FROM answers WHERE end_usec > ? ORDER BY n",
                      err);
    if (!stmt) {
        return err->code;
    }
    sqlite3_bind_int64(stmt, 1, (int64_t)now_usec);
    while ((r = sl_db_row(db, stmt, err)) > 0) {
        on_answer(arg, &(struct sl_store_answer){
                           .id = sl_db_column_str(stmt, 0),
                           .route = sl_db_column_str(stmt, 1),
                           .principal = sl_db_column_str(stmt, 2),
                           .end_usec = (uint64_t)sqlite3_column_int64(stmt, 3),
                           .target = sl_db_column_str(stmt, 4),
                       });
    }
    return r;
}
