/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the usage ledger on a connection of its own, so that a long walk keeps no writer waiting. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "store/sqlite/priv.h"
#include "store/usage.h"

/* A longer walk is ended: it keeps the log from being written back. */
#define RUN_USEC (10 * SL_USEC_PER_SEC)
/* SQLite's steps between two looks at the clock: about a millisecond. */
#define STEPS   20000
#define SQL_MAX 4096

struct reader {
    struct sl_usage_reader base;
    struct sl_db db;
    uint64_t end_usec;
    bool is_late;
};

static struct reader *reader_of(struct sl_usage_reader *base)
{
    return SL_CONTAINER_OF(base, struct reader, base);
}

static int on_steps(void *arg)
{
    struct reader *reader = arg;
    reader->is_late = sl_clock_usec() >= reader->end_usec;
    return reader->is_late;
}

int sl_sqlite_usage_open(struct sl_store *store, struct sl_usage_reader **ret, struct sl_err *err)
{
    struct reader *reader = calloc(1, sizeof(*reader));
    if (!reader) {
        return sl_fail_nomem(err);
    }
    int r = sl_db_open_readonly(&reader->db, sl_sqlite_of(store)->path, true, err);
    if (r < 0) {
        free(reader);
        return r;
    }
    reader->base.ops = &sl_store_sqlite;
    *ret = &reader->base;
    return 0;
}

void sl_sqlite_usage_close(struct sl_usage_reader *base)
{
    struct reader *reader = reader_of(base);
    sl_db_close(&reader->db);
    free(reader);
}

int sl_sqlite_usage_begin(struct sl_usage_reader *base, uint64_t *ret_mark, struct sl_err *err)
{
    struct sl_db *db = &reader_of(base)->db;
    int r = sl_db_exec(db, "BEGIN", err);
    return r < 0 ? r : sl_sqlite_mark_read(db, ret_mark, err);
}

static const char *const columns[] = {
    [SL_USAGE_ROUTE] = "route", [SL_USAGE_TARGET] = "target",       [SL_USAGE_PROVIDER] = "provider",
    [SL_USAGE_MODEL] = "model", [SL_USAGE_GROUP] = "grp",           [SL_USAGE_KEY] = "key",
    [SL_USAGE_TIER] = "tier",   [SL_USAGE_PRINCIPAL] = "principal", [SL_USAGE_ABOVE] = "above",
};

/* First the time and each series, then what is asked for: that joins as few rows as possible. Rows that are longer than
 * the span that is asked for keep their beginning. */
static void sql_make(struct sl_buf *sql, const struct sl_usage_query *query)
{
    sl_buf_add_c(sql, "SELECT t");
    for (size_t i = 0; i < SL_ARRAY_LEN(columns); i++) {
        sl_buf_printf(sql, query->by & SL_BIT(i) ? ", s.%s" : ", ''", columns[i]);
    }
#define X(symbol, column) column,
    static const char *const sums[] = { "requests", SL_USAGE_MORE_SUMS(X) };
#undef X
    for (size_t i = 0; i < SL_ARRAY_LEN(sums); i++) {
        sl_buf_printf(sql, ", sum(%s)", sums[i]);
    }
    sl_buf_printf(sql, " FROM (SELECT %s AS t, series", query->span_sec ? "at - at % ?3" : "0 * ?3");
    for (size_t i = 0; i < SL_ARRAY_LEN(sums); i++) {
        sl_buf_printf(sql, ", sum(%s) AS %s", sums[i], sums[i]);
    }
    sl_buf_add_c(sql, " FROM usage WHERE span IN (60, 3600, 86400) AND at >= ?1 AND at < ?2 GROUP BY t, series) u"
                      " JOIN usage_series s ON s.id = u.series WHERE ?4 IS NULL OR s.key = ?4 GROUP BY t");
    for (size_t i = 0; i < SL_ARRAY_LEN(columns); i++) {
        if (query->by & SL_BIT(i)) {
            sl_buf_printf(sql, ", s.%s", columns[i]);
        }
    }
    sl_buf_add_c(sql, " LIMIT ?5");
    sl_buf_add_char(sql, '\0');
}

static void row_read(sqlite3_stmt *stmt, const struct sl_usage_query *query, struct sl_usage_row *ret)
{
    *ret = (struct sl_usage_row){ .at_sec = (uint64_t)sqlite3_column_int64(stmt, 0), .span_sec = query->span_sec };
    for (int i = 0; i < SL_USAGE_OF_COUNT; i++) {
        ret->of[i] = sl_db_column_str(stmt, 1 + i);
    }
    for (int i = 0; i < SL_USAGE_SUM_COUNT; i++) {
        ret->sums[i] = SL_MIN(sqlite3_column_int64(stmt, 1 + SL_USAGE_OF_COUNT + i), SL_USAGE_SUM_MAX);
    }
}

int sl_sqlite_usage_run(struct sl_usage_reader *base, const struct sl_usage_query *query,
                        int (*on_row)(void *arg, const struct sl_usage_row *row), void *arg, struct sl_err *err)
{
    struct reader *reader = reader_of(base);
    struct sl_db *db = &reader->db;
    struct sl_buf sql = SL_BUF_INIT(SQL_MAX);
    sql_make(&sql, query);
    sqlite3_stmt *stmt = sl_buf_status(&sql) == 0 ? sl_db_stmt(db, sql.p, err) : NULL;
    int r = stmt ? 0 : sl_buf_status(&sql) < 0 ? sl_fail_nomem(err) : err->code;
    if (stmt) {
        reader->end_usec = sl_clock_usec() + RUN_USEC;
        sqlite3_progress_handler(db->handle, STEPS, on_steps, reader);
        sqlite3_bind_int64(stmt, 1, (int64_t)SL_MIN(query->from_sec, (uint64_t)INT64_MAX));
        sqlite3_bind_int64(stmt, 2, (int64_t)SL_MIN(query->to_sec, (uint64_t)INT64_MAX));
        sqlite3_bind_int64(stmt, 3, query->span_sec);
        if (query->key.p) {
            sl_db_bind_str(stmt, 4, query->key);
        }
        sqlite3_bind_int64(stmt, 5, (int64_t)query->max + 1);
    }
    struct sl_usage_row row;
    for (uint32_t n = 0; r == 0 && (r = sl_db_row(db, stmt, err)) > 0; n++) {
        row_read(stmt, query, &row);
        r = n == query->max ? sl_fail(err, SL_E_LIMIT, "there are more than %u rows", query->max) : on_row(arg, &row);
        if (r < 0) {
            sqlite3_reset(stmt);
        }
    }
    if (r < 0 && reader->is_late) {
        r = sl_fail(err, SL_E_LIMIT, "reading takes longer than %llu s", RUN_USEC / SL_USEC_PER_SEC);
    }
    sl_buf_done(&sql); /* the statement was found by its address, but nothing is asked again */
    return r;
}
