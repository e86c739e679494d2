/* SPDX-License-Identifier: Apache-2.0 */
/* Prices the usage ledger anew: minutes first, then hours, then days. A row that is thinned meanwhile goes to a level
 * that comes later, with its new sums or its old ones; no row is left out. */
#include "store/reprice.h"
#include "store/sql/rows.h"
#include "store/usage.h"

/* How many rows one transaction looks at: some milliseconds of the store's thread. */
#define ROWS 500

static const uint32_t levels[] = { SL_USAGE_MINUTE, SL_USAGE_HOUR, SL_USAGE_DAY };

/* By how much the sums of a row changed: another node may add to them meanwhile. */
struct changed {
    uint64_t at_sec;
    int64_t series, priced, unpriced, cost_nano, lost_nano;
};

#define COLUMN(symbol, column) ", " column

/* SL_STR("") for the names that are not read. */
static void row_read(struct sl_stmt *stmt, uint32_t span_sec, struct sl_usage_row *ret)
{
    static const enum sl_usage_of names[] = { SL_USAGE_PROVIDER, SL_USAGE_MODEL, SL_USAGE_TIER, SL_USAGE_ABOVE };
    const int n_names = (int)SL_ARRAY_LEN(names);
    *ret = (struct sl_usage_row){ .at_sec = (uint64_t)sl_db_column_int(stmt, 0), .span_sec = span_sec };
    for (int i = 0; i < SL_USAGE_OF_COUNT; i++) {
        ret->of[i] = SL_STR("");
    }
    for (int i = 0; i < n_names; i++) {
        ret->of[names[i]] = sl_db_column_str(stmt, 2 + i);
    }
    for (int i = 0; i < SL_USAGE_SUM_COUNT; i++) {
        ret->sums[i] = sl_db_column_int(stmt, 2 + n_names + i);
    }
}

static struct sl_stmt *rows_ask(struct sl_db *db, const struct sl_store_reprice_job *job, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(db,
                                      "SELECT at, series, provider, model, tier, above, requests" SL_USAGE_MORE_SUMS(
                                          COLUMN) " FROM usage, usage_series WHERE id = series AND span = ? AND (at, "
                                                  "series) > (?, ?) AND at < ? ORDER BY at, series LIMIT ?",
                                      err);
    if (stmt) {
        sl_db_bind_int(stmt, 1, levels[job->place.level]);
        sl_db_bind_int(stmt, 2, (int64_t)SL_MIN(job->place.at_sec, (uint64_t)INT64_MAX));
        sl_db_bind_int(stmt, 3, job->place.series);
        sl_db_bind_int(stmt, 4, (int64_t)SL_MIN(job->to_sec, (uint64_t)INT64_MAX));
        sl_db_bind_int(stmt, 5, ROWS);
    }
    return stmt;
}

/* Looks at the next rows of the level. *ret_n: how many there were. */
static int rows_price(struct sl_db *db, struct sl_store_reprice_job *job, struct changed *ret, uint32_t *ret_changed,
                      uint32_t *ret_n, struct sl_err *err)
{
    struct sl_stmt *stmt = rows_ask(db, job, err);
    int r = stmt ? 0 : err->code;
    *ret_n = *ret_changed = 0;
    while (stmt && (r = sl_db_row(db, stmt, err)) > 0) {
        struct sl_usage_row row;
        row_read(stmt, levels[job->place.level], &row);
        const int64_t *now = row.sums, was[] = { now[SL_USAGE_PRICED], now[SL_USAGE_UNPRICED], now[SL_USAGE_COST],
                                                 now[SL_USAGE_LOST_COST] };
        job->next.at_sec = row.at_sec;
        job->next.series = sl_db_column_int(stmt, 1);
        ++*ret_n;
        if (job->price(job->arg, &row)) {
            ret[(*ret_changed)++] = (struct changed){ row.at_sec,
                                                      job->next.series,
                                                      now[SL_USAGE_PRICED] - was[0],
                                                      now[SL_USAGE_UNPRICED] - was[1],
                                                      now[SL_USAGE_COST] - was[2],
                                                      now[SL_USAGE_LOST_COST] - was[3] };
        }
    }
    return r;
}

static int row_write(struct sl_db *db, uint32_t span_sec, const struct changed *row, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(db,
                                      "UPDATE usage SET priced = priced + ?, unpriced = unpriced + ?, cost_nano = "
                                      "cost_nano + ?, lost_nano = lost_nano + ? WHERE span = ? AND at = ? AND series "
                                      "= ?",
                                      err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_int(stmt, 1, row->priced);
    sl_db_bind_int(stmt, 2, row->unpriced);
    sl_db_bind_int(stmt, 3, row->cost_nano);
    sl_db_bind_int(stmt, 4, row->lost_nano);
    sl_db_bind_int(stmt, 5, span_sec);
    sl_db_bind_int(stmt, 6, (int64_t)row->at_sec);
    sl_db_bind_int(stmt, 7, row->series);
    return sl_db_run(db, stmt, err);
}

static struct sl_usage_place level_begin(const struct sl_store_reprice_job *job, uint32_t level)
{
    return (struct sl_usage_place){ level, job->from_sec, -1 };
}

/* Waits for a tick: it writes what waits in memory. */
static int begin(struct sl_db *db, struct sl_store_reprice_job *job, struct sl_err *err)
{
    job->base.has_more = db->is_tick_due = true;
    job->next = level_begin(job, 0);
    const struct sl_audit_row row = { .at_usec = job->now_usec,
                                      .who = job->base.who,
                                      .action = SL_STR("usage.reprice"),
                                      .target = SL_STR(""),
                                      .before = SL_STR_NONE,
                                      .after = job->text };
    return job->base.is_write ? sl_audit_add(db, &row, err) : 0;
}

int sl_sql_reprice_run(struct sl_db *db, struct sl_store_job *base, struct sl_err *err)
{
    struct sl_store_reprice_job *job = SL_CONTAINER_OF(base, struct sl_store_reprice_job, base);
    struct changed changed[ROWS];
    uint32_t n_changed = 0, n = 0;
    if (job->n_runs++ != base->n_done) { /* its transaction was lost, but what `price` has counted was not */
        return sl_fail(err, SL_E_CANCELLED, "another transaction was in the way");
    }
    if (base->n_done == 0) {
        return begin(db, job, err);
    }
    job->place = job->next;
    int r = rows_price(db, job, changed, &n_changed, &n, err);
    for (uint32_t i = 0; r == 0 && i < n_changed && base->is_write; i++) {
        r = row_write(db, levels[job->place.level], &changed[i], err);
    }
    if (r == 0 && n < ROWS) {
        base->has_more = job->place.level + 1 < SL_ARRAY_LEN(levels);
        job->next = level_begin(job, job->place.level + 1);
    }
    return r;
}
