/* SPDX-License-Identifier: Apache-2.0 */
/* The audit: a row in the transaction of each change. */
#include <stdio.h>

#include "store/sql/rows.h"

static void bind_text_or_null(struct sl_stmt *stmt, int at, struct sl_str text, char note[64])
{
    if (!text.p) {
        return; /* a parameter that is not bound is NULL */
    }
    if (text.n > SL_AUDIT_TEXT_MAX) {
        snprintf(note, 64, "{\"too_long\":%zu}", text.n);
        text = sl_str_c(note);
    }
    sl_db_bind_str(stmt, at, text);
}

/* Deletes the oldest rows of a topmost group, or of all who are in none. */
static int oldest_delete(struct sl_db *db, struct sl_str top, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(
        db, "DELETE FROM audit WHERE top = ?1 AND n <= (SELECT MAX(n) FROM audit WHERE top = ?1) - ?2", err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_str(stmt, 1, top);
    sl_db_bind_int(stmt, 2, top.n ? SL_AUDIT_GROUP_ROWS : SL_AUDIT_ROWS);
    return sl_db_run(db, stmt, err);
}

int sl_audit_add(struct sl_db *db, const struct sl_audit_row *row, struct sl_err *err)
{
    char notes[2][64];
    struct sl_str top = row->who.top.p ? row->who.top : SL_STR("");
    struct sl_stmt *stmt = sl_db_stmt(db,
                                      "INSERT INTO audit (at_usec, principal, key, request_id, action, target, before, "
                                      "after, top, n) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
                                      "(SELECT COALESCE(MAX(n), 0) + 1 FROM audit WHERE top = ?9))",
                                      err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_int(stmt, 1, (int64_t)row->at_usec);
    sl_db_bind_str(stmt, 2, row->who.principal);
    sl_db_bind_str(stmt, 3, row->who.key);
    sl_db_bind_str(stmt, 4, row->who.request_id);
    sl_db_bind_str(stmt, 5, row->action);
    sl_db_bind_str(stmt, 6, row->target);
    bind_text_or_null(stmt, 7, row->before, notes[0]);
    bind_text_or_null(stmt, 8, row->after, notes[1]);
    sl_db_bind_str(stmt, 9, top);
    int r = sl_db_run(db, stmt, err);
    return r < 0 ? r : oldest_delete(db, top, err);
}

/* --- reading --- */

static int column_dup(struct sl_arena *arena, struct sl_stmt *stmt, int at, struct sl_str *ret)
{
    struct sl_str text = sl_db_column_str(stmt, at);
    *ret = text.p ? sl_arena_dup(arena, text) : text;
    return text.p && !ret->p ? SL_E_NOMEM : 0;
}

static int row_read(struct sl_arena *arena, struct sl_stmt *stmt, struct sl_audit_row *ret)
{
    *ret = (struct sl_audit_row){ .id = (uint64_t)sl_db_column_int(stmt, 0),
                                  .at_usec = (uint64_t)sl_db_column_int(stmt, 1) };
    struct sl_str *const texts[] = { &ret->who.principal, &ret->who.key, &ret->who.request_id, &ret->action,
                                     &ret->target,        &ret->before,  &ret->after };
    int r = 0;
    for (size_t i = 0; r == 0 && i < SL_ARRAY_LEN(texts); i++) {
        r = column_dup(arena, stmt, (int)i + 2, texts[i]);
    }
    return r;
}

int sl_sql_audit_run(struct sl_db *db, struct sl_store_job *base, struct sl_err *err)
{
    struct sl_store_audit_job *job = SL_CONTAINER_OF(base, struct sl_store_audit_job, base);
    struct sl_stmt *stmt = sl_db_stmt(db,
                                      "SELECT id, at_usec, principal, key, request_id, action, target, before, after "
                                      "FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?",
                                      err);
    if (!stmt) {
        return err->code;
    }
    job->rows = SL_ARENA_ARRAY(&job->arena, struct sl_audit_row, job->max);
    if (!job->rows) {
        return sl_fail_nomem(err);
    }
    sl_db_bind_int(stmt, 1, job->before_id ? (int64_t)job->before_id : INT64_MAX);
    sl_db_bind_int(stmt, 2, (int64_t)job->max + 1);
    int r;
    while ((r = sl_db_row(db, stmt, err)) > 0) {
        if (job->n == job->max) {
            job->has_more = true;
            sl_db_reset(stmt);
            return 0;
        }
        if (row_read(&job->arena, stmt, &job->rows[job->n]) < 0) {
            sl_db_reset(stmt);
            return sl_fail_nomem(err);
        }
        job->n++;
    }
    return r;
}
