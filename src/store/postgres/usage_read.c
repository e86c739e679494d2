/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the usage of all nodes on a connection of its own. The database sums up; here arrive only the sums. */
#include <stdlib.h>

#include "base/num.h"
#include "store/postgres/priv.h"
#include "store/usage.h"

#define SQL_MAX 8192
/* The server ends a longer walk, and is waited for a little longer. */
#define RUN_SEC       "10"
#define PATIENCE_USEC (12 * SL_USEC_PER_SEC)

struct reader {
    struct sl_usage_reader base;
    struct sl_pg_conn conn;
};

static struct reader *reader_of(struct sl_usage_reader *base)
{
    return SL_CONTAINER_OF(base, struct reader, base);
}

int sl_pg_usage_open(struct sl_store *store, struct sl_usage_reader **ret, struct sl_err *err)
{
    const struct sl_pg *pg = sl_pg_of(store);
    struct reader *reader = calloc(1, sizeof(*reader));
    if (!reader) {
        return sl_fail_nomem(err);
    }
    int r = sl_pg_open(&reader->conn, pg->url, err);
    if (r < 0) {
        free(reader);
        return r;
    }
    reader->conn.base.mark = pg->mark;
    reader->base.ops = &sl_store_postgres;
    *ret = &reader->base;
    return 0;
}

void sl_pg_usage_close(struct sl_usage_reader *base)
{
    struct reader *reader = reader_of(base);
    sl_pg_close(&reader->conn);
    free(reader);
}

int sl_pg_usage_begin(struct sl_usage_reader *base, uint64_t *ret_mark, struct sl_err *err)
{
    struct sl_pg_conn *conn = &reader_of(base)->conn;
    int r = sl_pg_script(conn, SL_PG_BEGIN_READ "; SET LOCAL statement_timeout = '" RUN_SEC "s'", err);
    return r < 0 ? r : sl_sql_mark_read(&conn->base, ret_mark, err);
}

/* In the order of enum sl_usage_of and enum sl_usage_sum. */
static const char *const of_columns[] = { "route", "target",    "provider", "model", "grp",
                                          "key",   "principal", "tier",     "above" };
#define X(symbol, column) column,
static const char *const sum_columns[] = { "requests", SL_USAGE_MORE_SUMS(X) };
#undef X

/* What nobody asks for is '' or 0, so that the columns always have the same places. */
static void sql_make(const struct sl_usage_query *query, struct sl_buf *sql)
{
    unsigned span = query->span_sec;
    sl_buf_printf(sql, span ? "SELECT at - at %% %u AS part" : "SELECT 0::bigint AS part", span);
    for (size_t i = 0; i < SL_ARRAY_LEN(of_columns); i++) {
        sl_buf_printf(sql, query->by & SL_BIT(i) ? ", %s" : ", ''", of_columns[i]);
    }
    for (size_t i = 0; i < SL_ARRAY_LEN(sum_columns); i++) {
        sl_buf_printf(sql, query->sums & SL_BIT64(i) ? ", least(sum(%s), 9007199254740992)::bigint" : ", 0::bigint",
                      sum_columns[i]);
    }
    sl_buf_add_c(sql, " FROM usage JOIN usage_series ON id = series WHERE at >= ?1 AND at < ?2");
    sl_buf_add_c(sql, query->key.p ? " AND key = ?3" : " AND ?3 = ''");
    sl_buf_add_c(sql, query->group.p ? " AND (grp = ?4 OR (grp > ?4 || '/' AND grp < ?4 || '0'))" : " AND ?4 = ''");
    sl_buf_add_c(sql, " GROUP BY part");
    for (size_t i = 0; i < SL_ARRAY_LEN(of_columns); i++) {
        if (query->by & SL_BIT(i)) {
            sl_buf_printf(sql, ", %s", of_columns[i]);
        }
    }
    sl_buf_add_c(sql, " HAVING count(*) > 0");
    if (query->max) {
        sl_buf_printf(sql, " LIMIT %u", query->max + 1);
    }
    sl_buf_add_char(sql, '\0');
}

static struct sl_usage_row row_read(struct sl_stmt *stmt, uint32_t span_sec)
{
    struct sl_usage_row row = { .at_sec = (uint64_t)sl_db_column_int(stmt, 0), .span_sec = span_sec };
    for (int i = 0; i < SL_USAGE_OF_COUNT; i++) {
        row.of[i] = sl_db_column_str(stmt, 1 + i);
    }
    for (int i = 0; i < SL_USAGE_SUM_COUNT; i++) {
        row.sums[i] = sl_db_column_int(stmt, 1 + SL_USAGE_OF_COUNT + i);
    }
    return row;
}

static int rows_give(struct sl_pg_conn *conn, const char *sql, const struct sl_usage_query *query,
                     int (*on_row)(void *arg, const struct sl_usage_row *row), void *arg, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(&conn->base, sql, err);
    if (!stmt) {
        return SL_E_NOMEM;
    }
    sl_db_bind_int(stmt, 1, (int64_t)SL_MIN(query->from_sec, (uint64_t)INT64_MAX));
    sl_db_bind_int(stmt, 2, (int64_t)SL_MIN(query->to_sec, (uint64_t)INT64_MAX));
    sl_db_bind_str(stmt, 3, query->key);
    sl_db_bind_str(stmt, 4, query->group);
    int r = 0;
    while (r == 0 && (r = sl_db_row(&conn->base, stmt, err)) > 0) {
        const struct sl_usage_row row = row_read(stmt, query->span_sec);
        r = on_row(arg, &row);
    }
    sl_db_reset(stmt);
    return r;
}

int sl_pg_usage_run(struct sl_usage_reader *base, const struct sl_usage_query *query,
                    int (*on_row)(void *arg, const struct sl_usage_row *row), void *arg, struct sl_err *err)
{
    struct sl_pg_conn *conn = &reader_of(base)->conn;
    struct sl_buf sql = SL_BUF_INIT(SQL_MAX);
    sql_make(query, &sql);
    conn->patience_usec = PATIENCE_USEC;
    int r = sl_buf_status(&sql) < 0 ? sl_fail_nomem(err) : rows_give(conn, sql.p, query, on_row, arg, err);
    if (r == SL_E_IO && conn->was_timed_out) {
        r = sl_fail(err, SL_E_LIMIT, "reading takes longer than " RUN_SEC " s");
    }
    sl_buf_done(&sql); /* its statement was found by its address, but nothing is asked again */
    return r;
}
