/* SPDX-License-Identifier: Apache-2.0 */
/* Which upstream has which response, so that it can be found after a restart: only ids, no content. */
#include "store/sql/rows.h"

/* A row's number counts all ids up to its last one, so that the newest ids are found by it. */
int sl_sql_answers_put(struct sl_store *store, const struct sl_store_answer *of, struct sl_str ids, uint64_t n_ids,
                       struct sl_err *err)
{
    struct sl_db *db = store->sql;
    struct sl_stmt *stmt = sl_db_stmt(db,
                                      "INSERT INTO answers (n, ids, route, principal, end_usec, target)"
                                      " VALUES ((SELECT COALESCE(MAX(n), 0) FROM answers) + ?, ?, ?, ?, ?, ?)",
                                      err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_int(stmt, 1, (int64_t)n_ids);
    sl_db_bind_str(stmt, 2, ids);
    sl_db_bind_str(stmt, 3, of->route);
    sl_db_bind_str(stmt, 4, of->principal);
    sl_db_bind_int(stmt, 5, (int64_t)of->end_usec);
    sl_db_bind_str(stmt, 6, of->target);
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
    stmt = sl_db_stmt(db, "SELECT ids, route, principal, end_usec, target FROM answers WHERE end_usec > ? ORDER BY n",
                      err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_int(stmt, 1, (int64_t)now_usec);
    while ((r = sl_db_row(db, stmt, err)) > 0) {
        struct sl_store_answer answer = {
            .route = sl_db_column_str(stmt, 1),
            .principal = sl_db_column_str(stmt, 2),
            .end_usec = (uint64_t)sl_db_column_int(stmt, 3),
            .target = sl_db_column_str(stmt, 4),
        };
        for (struct sl_str rest = sl_db_column_str(stmt, 0); sl_str_next(&rest, '\n', &answer.id);) {
            if (answer.id.n) {
                on_answer(arg, &answer);
            }
        }
    }
    return r;
}
