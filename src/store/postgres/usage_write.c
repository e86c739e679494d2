/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a tick's usage: many rows in two statements, because each statement is a way to the server and back while
 * other nodes wait. The rows go there as an array for each column. Callers without a key are bounded one by one. */
#include "store/postgres/priv.h"
#include "store/usage.h"

/* A statement with more rows would take too long. */
#define ROWS_MAX   2000
#define COLUMN_MAX (16u << 20)
#define MAX_TEXT   "9007199254740992" /* SL_USAGE_SUM_MAX */

/* The columns: `at`, `span`, then the names, then the sums. */
#define OF        "route, target, provider, model, grp, key, principal, tier, above"
#define FIRST_OF  2
#define FIRST_SUM (FIRST_OF + SL_USAGE_OF_COUNT)
#define NAMES     "?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[]"

#define COLUMN(symbol, column) ", " column
#define ARRAY(symbol, column)  ", ?::bigint[]"
#define SUM(symbol, column)    ", least(sum(r." column "), " MAX_TEXT ")::bigint"
#define PLUS(symbol, column)   ", " column " = least(usage." column " + excluded." column ", " MAX_TEXT ")"

static void text_add(struct sl_buf *out, struct sl_str text)
{
    sl_buf_add_char(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"' || text.p[i] == '\\') {
            sl_buf_add_char(out, '\\');
        }
        sl_buf_add_char(out, text.p[i]);
    }
    sl_buf_add_char(out, '"');
}

void sl_pg_usage_begin_rows(struct sl_pg *store)
{
    store->n_usage = 0;
    for (size_t i = 0; i < SL_ARRAY_LEN(store->usage); i++) {
        sl_buf_reset(&store->usage[i]);
    }
}

void sl_pg_usage_init_rows(struct sl_pg *store)
{
    for (size_t i = 0; i < SL_ARRAY_LEN(store->usage); i++) {
        sl_buf_init(&store->usage[i], COLUMN_MAX);
    }
}

void sl_pg_usage_done_rows(struct sl_pg *store)
{
    for (size_t i = 0; i < SL_ARRAY_LEN(store->usage); i++) {
        sl_buf_done(&store->usage[i]);
    }
}

int sl_pg_usage_add_row(struct sl_pg *store, const struct sl_usage_row *row, struct sl_err *err)
{
    struct sl_buf *column = store->usage;
    int status = 0;
    for (size_t i = 0; i < SL_ARRAY_LEN(store->usage); i++, column++) {
        sl_buf_add_char(column, store->n_usage ? ',' : '{');
        if (i == 0) {
            sl_buf_add_u64(column, row->at_sec);
        } else if (i == 1) {
            sl_buf_add_u64(column, row->span_sec);
        } else if (i < FIRST_SUM) {
            text_add(column, row->of[i - FIRST_OF]);
        } else {
            sl_buf_add_i64(column, row->sums[i - FIRST_SUM]);
        }
        status = status < 0 ? status : sl_buf_status(column);
    }
    store->n_usage++;
    return status < 0 ? sl_fail_nomem(err) : store->n_usage < ROWS_MAX ? 0 : sl_pg_usage_write_rows(store, err);
}

static void columns_bind(struct sl_pg *store, struct sl_stmt *stmt, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        sl_db_bind_str(stmt, (int)(i - from) + 1, sl_buf_str(&store->usage[i]));
    }
}

static int series_make(struct sl_pg *store, struct sl_err *err)
{
    struct sl_db *db = &store->conn.base;
    struct sl_stmt *stmt = sl_db_stmt(
        db,
        "INSERT INTO usage_series (" OF ") SELECT DISTINCT " OF " FROM unnest(" NAMES ") AS r(" OF
        ") WHERE NOT EXISTS (SELECT 1 FROM usage_series s WHERE "
        "(s.route, s.key, s.principal, s.target, s.provider, s.model, s.grp, s.tier, "
        "s.above) = (r.route, r.key, r.principal, r.target, r.provider, r.model, r.grp, "
        "r.tier, r.above)) ON CONFLICT (route, key, principal, target, provider, model, grp, tier, above) DO NOTHING",
        err);
    if (!stmt) {
        return SL_E_NOMEM;
    }
    columns_bind(store, stmt, FIRST_OF, FIRST_SUM);
    return sl_db_run(db, stmt, err);
}

/* Counts how many rows are new, by their span. */
static int counts_add(struct sl_pg *store, const int64_t *n, struct sl_err *err)
{
    static const char *const levels[] = { "usage_minutes", "usage_hours", "usage_days" };
    struct sl_db *db = &store->conn.base;
    int r = 0;
    for (size_t i = 0; i < SL_ARRAY_LEN(levels) && r == 0; i++) {
        struct sl_stmt *stmt = n[i] ? sl_db_stmt(db, "UPDATE meta SET value = value + ? WHERE key = ?", err) : NULL;
        if (!stmt) {
            r = n[i] ? SL_E_NOMEM : 0;
            continue;
        }
        sl_db_bind_int(stmt, 1, n[i]);
        sl_db_bind_str(stmt, 2, sl_str_c(levels[i]));
        r = sl_db_run(db, stmt, err);
    }
    return r;
}

static int sums_add(struct sl_pg *store, struct sl_err *err)
{
    struct sl_db *db = &store->conn.base;
    int64_t n_new[3] = { 0 };
    struct sl_stmt *stmt = sl_db_stmt(
        db,
        "WITH w AS (INSERT INTO usage (at, span, series, requests" SL_USAGE_MORE_SUMS(
            COLUMN) ") SELECT r.at, r.span, s.id" SUM(, "requests")
            SL_USAGE_MORE_SUMS(SUM) " FROM unnest(?::bigint[], ?::bigint[], " NAMES ARRAY(, )
                SL_USAGE_MORE_SUMS(ARRAY) ") AS r(at, span, " OF ", requests" SL_USAGE_MORE_SUMS(
                    COLUMN) ") JOIN usage_series s ON (s.route, s.key, s.principal, s.target, s.provider, s.model, "
                            "s.grp, s.tier, s.above) "
                            "= (r.route, r.key, r.principal, r.target, r.provider, r.model, r.grp, r.tier, r.above) "
                            "GROUP BY r.at, r.span, s.id ON CONFLICT (span, at, series) DO UPDATE SET requests = "
                            "least(usage.requests + excluded.requests, " MAX_TEXT
                            ")" SL_USAGE_MORE_SUMS(PLUS) " RETURNING span, xmax = 0 AS is_new) SELECT span, count(*) "
                                                         "FROM w WHERE is_new GROUP BY span",
        err);
    if (!stmt) {
        return SL_E_NOMEM;
    }
    columns_bind(store, stmt, 0, SL_ARRAY_LEN(store->usage));
    int r;
    while ((r = sl_db_row(db, stmt, err)) > 0) {
        int64_t span = sl_db_column_int(stmt, 0);
        n_new[span == SL_USAGE_MINUTE ? 0 : span == SL_USAGE_HOUR ? 1 : 2] += sl_db_column_int(stmt, 1);
    }
    return r < 0 ? r : counts_add(store, n_new, err);
}

int sl_pg_usage_write_rows(struct sl_pg *store, struct sl_err *err)
{
    if (!store->n_usage) {
        return 0;
    }
    int status = 0;
    for (size_t i = 0; i < SL_ARRAY_LEN(store->usage); i++) {
        sl_buf_add_char(&store->usage[i], '}');
        status = status < 0 ? status : sl_buf_status(&store->usage[i]);
    }
    int r = status < 0 ? sl_fail_nomem(err) : series_make(store, err);
    r = r < 0 ? r : sums_add(store, err);
    sl_pg_usage_begin_rows(store);
    return r;
}
