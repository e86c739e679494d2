/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sql/batch.h"

#include "store/sql/rows.h"

void sl_sql_job_run(struct sl_db *db, struct sl_store_job *job)
{
    static int (*const runs[])(struct sl_db *, struct sl_store_job *, struct sl_err *) = {
        [SL_STORE_JOB_ROUTE] = sl_sql_route_run,     [SL_STORE_JOB_KEY] = sl_sql_key_run,
        [SL_STORE_JOB_GROUP] = sl_sql_group_run,     [SL_STORE_JOB_AUDIT] = sl_sql_audit_run,
        [SL_STORE_JOB_REPRICE] = sl_sql_reprice_run,
    };
    job->err = (struct sl_err){ 0 };
    job->r = job->kind == SL_STORE_JOB_ROTATE  ? db->ops->rotate(db, job, &job->err)
             : job->kind == SL_STORE_JOB_NODES ? db->ops->nodes(db, job, &job->err)
                                               : runs[job->kind](db, job, &job->err);
}

/* Runs one job in its savepoint. SL_E_IO: the transaction is lost. */
static int job_write(struct sl_db *db, struct sl_store_job *job)
{
    uint64_t change = db->change;
    job->has_event = false;
    job->err = (struct sl_err){ 0 };
    if (sl_db_exec(db, "SAVEPOINT job", &job->err) < 0) {
        return SL_E_IO;
    }
    sl_sql_job_run(db, job);
    struct sl_err err = { 0 };
    if (job->r < 0) {
        db->change = change;
        job->has_event = false;
        if (job->r == SL_E_IO || sl_db_exec(db, "ROLLBACK TO job", &err) < 0) {
            return SL_E_IO;
        }
    }
    return sl_db_exec(db, "RELEASE job", &err) < 0 ? sl_fail(&job->err, SL_E_IO, "%s", err.text) : 0;
}

int sl_sql_batch_run(struct sl_db *db, struct sl_store_job *list, struct sl_err *err)
{
    for (struct sl_store_job *job = list; job; job = job->next) {
        if (job->is_write && job_write(db, job) < 0) {
            return sl_fail(err, SL_E_IO, "%s", job->err.text);
        }
    }
    return 0;
}

int sl_sql_change_write(struct sl_db *db, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(db, "UPDATE meta SET value = ? WHERE key = 'change'", err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_int(stmt, 1, (int64_t)db->change);
    return sl_db_run(db, stmt, err);
}
