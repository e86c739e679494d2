/* SPDX-License-Identifier: Apache-2.0 */
/* Which upstream has which response, so that it can be found after a restart: only ids, no content. */
#include "store/sql/rows.h"

int sl_sql_answer_put(struct sl_store *store, const struct sl_store_answer *answer, struct sl_err *err)
{
    struct sl_db *db = store->sql;
    struct sl_stmt *stmt = sl_db_stmt(
        db,
        "INSERT INTO answers (id, route, principal, end_usec, target) VALUES (?, ?, ?, ?, ?) ON CONFLICT "
        "(id, route, target) DO UPDATE SET principal = excluded.principal, end_usec = excluded.end_usec",
        err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_str(stmt, 1, answer->id);
    sl_db_bind_str(stmt, 2, answer->route);
    sl_db_bind_str(stmt, 3, answer->principal);
    sl_db_bind_int(stmt, 4, (int64_t)answer->end_usec);
    sl_db_bind_str(stmt, 5, answer->target);
    return sl_db_run(db, stmt, err);
}

int sl_sql_answers_expire(struct sl_store *store, uint64_t now_usec, size_t max, struct sl_err *err)
{
    struct sl_db *db = store->sql;
    struct sl_stmt *stmt = sl_db_stmt(
        db, "DELETE FROM answers WHERE end_usec <= ? OR n <= (SELECT MAX(n) FROM answers) - ?", err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_int(stmt, 1, (int64_t)now_usec);
    sl_db_bind_int(stmt, 2, (int64_t)max);
    return sl_db_run(db, stmt, err);
}

int sl_sql_answers_load(struct sl_store *store, uint64_t now_usec,
                        void (*on_answer)(void *arg, const struct sl_store_answer *answer), void *arg,
                        struct sl_err *err)
{
    struct sl_db *db = store->sql;
    struct sl_stmt *stmt = NULL;
    int r = 0;
    if (!db->is_open) {
        return 0;
    }
    stmt = sl_db_stmt(db, "SELECT id, route, principal, end_usec, target FROM answers WHERE end_usec > ? ORDER BY n",
                      err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_int(stmt, 1, (int64_t)now_usec);
    while ((r = sl_db_row(db, stmt, err)) > 0) {
        on_answer(arg, &(struct sl_store_answer){
                           .id = sl_db_column_str(stmt, 0),
                           .route = sl_db_column_str(stmt, 1),
                           .principal = sl_db_column_str(stmt, 2),
                           .end_usec = (uint64_t)sl_db_column_int(stmt, 3),
                           .target = sl_db_column_str(stmt, 4),
                       });
    }
    return r;
}
