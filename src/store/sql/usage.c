/* SPDX-License-Identifier: Apache-2.0 */
/* The usage ledger: what a tick adds, its mark, and the thinning. `usage_series` has whom and what sums are for,
 * `usage` the sums of each by time. How many rows there are stands in `meta`, changed in the same transaction: counting
 * them would take longer than all the rest. */
#include "store/sql/rows.h"
#include "store/usage.h"

#include <stdlib.h>

/* How many rows a tick thins: some milliseconds of the store's thread. */
#define THIN_ROWS 500

static const struct level {
    uint32_t span_sec, next_sec; /* rows of one become rows of the other */
    uint32_t keep_sec;
    const char *count; /* the row of meta */
} levels[] = {
    { SL_USAGE_MINUTE, SL_USAGE_HOUR, SL_USAGE_MINUTES_SEC, "usage_minutes" },
    { SL_USAGE_HOUR, SL_USAGE_DAY, SL_USAGE_HOURS_SEC, "usage_hours" },
    { SL_USAGE_DAY, 0, UINT32_MAX, "usage_days" },
};

static const struct level *level_of(uint32_t span_sec)
{
    return span_sec == SL_USAGE_MINUTE ? &levels[0] : span_sec == SL_USAGE_HOUR ? &levels[1] : &levels[2];
}

/* --- meta --- */

static int meta_get(struct sl_db *db, const char *key, int64_t *ret, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(db, "SELECT value FROM meta WHERE key = ?", err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_str(stmt, 1, sl_str_c(key));
    int r = sl_db_row(db, stmt, err);
    if (r == 0) {
        return sl_fail(err, SL_E_IO, "the store is damaged: a row is missing");
    }
    if (r > 0) {
        *ret = sl_db_column_int(stmt, 0);
        sl_db_reset(stmt);
        r = 0;
    }
    return r;
}

static int meta_add(struct sl_db *db, const char *key, int64_t n, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(db, "UPDATE meta SET value = value + ? WHERE key = ?", err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_int(stmt, 1, n);
    sl_db_bind_str(stmt, 2, sl_str_c(key));
    return sl_db_run(db, stmt, err);
}

int sl_sql_usage_mark(struct sl_store *store, uint64_t mark, struct sl_err *err)
{
    struct sl_db *db = store->sql;
    struct sl_stmt *stmt = sl_db_stmt(db, "UPDATE meta SET value = ? WHERE key = ?", err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_int(stmt, 1, (int64_t)mark);
    sl_db_bind_str(stmt, 2, sl_str_c(db->mark));
    return sl_db_run(db, stmt, err);
}

int sl_sql_mark_read(struct sl_db *db, uint64_t *ret_mark, struct sl_err *err)
{
    int64_t mark = 0;
    int r = meta_get(db, db->mark, &mark, err);
    if (r == 0) {
        *ret_mark = (uint64_t)mark;
    }
    return r;
}

int sl_sql_usage_marked(struct sl_store *store, const char *node, uint64_t *ret_mark, struct sl_err *err)
{
    (void)node; /* nobody else writes here */
    return sl_sql_mark_read(store->sql, ret_mark, err);
}

/* --- series --- */

#define OF "route, target, provider, model, grp, key, principal, tier, above"

static void of_bind(struct sl_stmt *stmt, const struct sl_str *of)
{
    for (int i = 0; i < SL_USAGE_OF_COUNT; i++) {
        sl_db_bind_str(stmt, i + 1, of[i]);
    }
}

/* SL_E_NOTFOUND leaves `err` alone. */
static int series_find(struct sl_db *db, const struct sl_str *of, int64_t *ret, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(db,
                                      "SELECT id FROM usage_series WHERE route = ? AND target = ? AND provider = ? AND "
                                      "model = ? AND grp = ? AND key = ? AND principal = ? AND tier = ? AND above = ?",
                                      err);
    if (!stmt) {
        return err->code;
    }
    of_bind(stmt, of);
    int r = sl_db_row(db, stmt, err);
    if (r > 0) {
        *ret = sl_db_column_int(stmt, 0);
        sl_db_reset(stmt);
        return 0;
    }
    return r < 0 ? r : SL_E_NOTFOUND;
}

static int series_make(struct sl_db *db, const struct sl_str *of, int64_t *ret, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(
        db, "INSERT INTO usage_series (" OF ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id", err);
    if (!stmt) {
        return err->code;
    }
    of_bind(stmt, of);
    uint64_t id = 0;
    int r = sl_db_insert(db, stmt, &id, err);
    *ret = (int64_t)id;
    return r;
}

/* Finds the series or makes it. */
static int series_get(struct sl_db *db, const struct sl_str *of, int64_t *ret, struct sl_err *err)
{
    int r = series_find(db, of, ret, err);
    return r == SL_E_NOTFOUND ? series_make(db, of, ret, err) : r;
}

static int series_other(struct sl_db *db, const struct sl_str *of, int64_t *ret, struct sl_err *err)
{
    struct sl_str other[SL_USAGE_OF_COUNT];
    memcpy(other, of, sizeof(other));
    other[SL_USAGE_PRINCIPAL] = SL_STR(SL_USAGE_OTHER);
    return series_get(db, other, ret, err);
}

static int series_bounded(struct sl_db *db, const struct sl_str *of, int64_t *ret, bool *ret_is_other,
                          struct sl_err *err)
{
    int64_t n = 0;
    int r = series_find(db, of, ret, err);
    if (r != SL_E_NOTFOUND) {
        return r;
    }
    r = meta_get(db, "usage_callers", &n, err);
    if (r == 0 && n >= SL_USAGE_CALLERS_MAX) {
        *ret_is_other = true;
        return series_other(db, of, ret, err);
    }
    r = r < 0 ? r : series_make(db, of, ret, err);
    return r < 0 ? r : meta_add(db, "usage_callers", 1, err);
}

/* --- sums --- */

/* SL_USAGE_SUM_MAX. Neither summand is larger, so no sum overflows. */
#define MAX_TEXT                "9007199254740992"
#define COLUMN(symbol, column)  ", " column
#define PLUS(symbol, column)    ", " column " = least(" column " + ?, " MAX_TEXT ")"
#define UNKNOWN(symbol, column) ", ?"
#define SUMS                    "requests" SL_USAGE_MORE_SUMS(COLUMN)

static void sums_bind(struct sl_stmt *stmt, uint32_t span_sec, uint64_t at_sec, int64_t series, const int64_t *sums)
{
    for (int i = 0; i < SL_USAGE_SUM_COUNT; i++) {
        sl_db_bind_int(stmt, i + 1, sums[i]);
    }
    sl_db_bind_int(stmt, SL_USAGE_SUM_COUNT + 1, span_sec);
    sl_db_bind_int(stmt, SL_USAGE_SUM_COUNT + 2, (int64_t)at_sec);
    sl_db_bind_int(stmt, SL_USAGE_SUM_COUNT + 3, series);
}

static int sums_add(struct sl_db *db, uint32_t span_sec, uint64_t at_sec, int64_t series, const int64_t *sums,
                    struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(db,
                                      "UPDATE usage SET requests = least(requests + ?, " MAX_TEXT
                                      ")" SL_USAGE_MORE_SUMS(PLUS) " WHERE span = ? AND at = ? AND series = ?",
                                      err);
    if (!stmt) {
        return err->code;
    }
    sums_bind(stmt, span_sec, at_sec, series, sums);
    int r = sl_db_run(db, stmt, err);
    if (r < 0 || sl_db_changes(db) > 0) {
        return r;
    }
    stmt = sl_db_stmt(
        db, "INSERT INTO usage (" SUMS ", span, at, series) VALUES (?" SL_USAGE_MORE_SUMS(UNKNOWN) ", ?, ?, ?)", err);
    if (!stmt) {
        return err->code;
    }
    sums_bind(stmt, span_sec, at_sec, series, sums);
    r = sl_db_run(db, stmt, err);
    return r < 0 ? r : meta_add(db, level_of(span_sec)->count, 1, err);
}

int sl_sql_usage_put(struct sl_store *store, const struct sl_usage_row *row, bool *ret_is_other, struct sl_err *err)
{
    struct sl_db *db = store->sql;
    int64_t series = 0;
    *ret_is_other = false;
    int r = sl_usage_is_bounded(row->of) ? series_bounded(db, row->of, &series, ret_is_other, err)
                                         : series_get(db, row->of, &series, err);
    return r < 0 ? r : sums_add(db, row->span_sec, row->at_sec, series, row->sums, err);
}

/* --- thinning --- */

struct old {
    uint64_t at_sec;
    int64_t series;
    int64_t sums[SL_USAGE_SUM_COUNT];
};

/* The oldest rows that begin before `before_sec`. */
static int old_read(struct sl_db *db, uint32_t span_sec, uint64_t before_sec, struct old *ret, uint32_t *ret_n,
                    struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(
        db, "SELECT at, series, " SUMS " FROM usage WHERE span = ? AND at < ? ORDER BY at, series LIMIT ?", err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_int(stmt, 1, span_sec);
    sl_db_bind_int(stmt, 2, (int64_t)before_sec);
    sl_db_bind_int(stmt, 3, THIN_ROWS);
    int r;
    *ret_n = 0;
    while ((r = sl_db_row(db, stmt, err)) > 0) {
        struct old *old = &ret[(*ret_n)++];
        old->at_sec = (uint64_t)sl_db_column_int(stmt, 0);
        old->series = sl_db_column_int(stmt, 1);
        for (int i = 0; i < SL_USAGE_SUM_COUNT; i++) {
            old->sums[i] = sl_db_column_int(stmt, i + 2);
        }
    }
    return r;
}

/* Days have no principals without a key: the series of SL_USAGE_OTHER has their sums. */
static int series_of_day(struct sl_db *db, int64_t series, int64_t *ret, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(
        db, "SELECT " OF " FROM usage_series WHERE id = ? AND key = '' AND principal != ''", err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_int(stmt, 1, series);
    *ret = series;
    int r = sl_db_row(db, stmt, err);
    if (r <= 0) {
        return r;
    }
    struct sl_str of[SL_USAGE_OF_COUNT];
    for (int i = 0; i < SL_USAGE_OF_COUNT; i++) {
        of[i] = sl_db_column_str(stmt, i);
    }
    r = series_other(db, of, ret, err);
    sl_db_reset(stmt);
    return r;
}

static int old_delete(struct sl_db *db, const struct level *level, const struct old *last, uint32_t n,
                      struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(db, "DELETE FROM usage WHERE span = ? AND (at, series) <= (?, ?)", err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_int(stmt, 1, level->span_sec);
    sl_db_bind_int(stmt, 2, (int64_t)last->at_sec);
    sl_db_bind_int(stmt, 3, last->series);
    int r = sl_db_run(db, stmt, err);
    return r < 0 ? r : meta_add(db, level->count, -(int64_t)n, err);
}

/* Removes the series of callers without a key that have no row any more: it takes a walk over all rows, so it is done
 * once a day, and only when many are known. */
static int callers_sweep(struct sl_db *db, struct sl_err *err)
{
    int64_t n = 0;
    int r = meta_get(db, "usage_callers", &n, err);
    if (r < 0 || n < SL_USAGE_CALLERS_MAX / 2) {
        return r;
    }
    r = sl_db_exec(db,
                   "DELETE FROM usage_series WHERE key = '' AND principal NOT IN ('', '" SL_USAGE_OTHER
                   "') AND id NOT IN (SELECT series FROM usage)",
                   err);
    return r < 0 ? r : meta_add(db, "usage_callers", -(int64_t)sl_db_changes(db), err);
}

/* Rows that begin before this are too old for their level. */
static int cut_find(struct sl_db *db, const struct level *level, uint64_t now_sec, uint64_t *ret, struct sl_err *err)
{
    int64_t n = 0;
    int r = meta_get(db, level->count, &n, err);
    uint32_t keep = n <= SL_USAGE_ROWS_MAX ? level->keep_sec : level->next_sec;
    *ret = now_sec > keep ? now_sec - keep : 0;
    *ret -= level->next_sec ? *ret % level->next_sec : 0; /* only whole hours and days */
    if (!level->next_sec) {
        *ret = n <= SL_USAGE_ROWS_MAX ? 0 : UINT32_MAX;
    }
    return r;
}

static int level_thin(struct sl_db *db, const struct level *level, uint64_t now_sec, struct old *room,
                      struct sl_err *err)
{
    uint64_t cut;
    uint32_t n = 0;
    int r = cut_find(db, level, now_sec, &cut, err);
    r = r < 0 || !cut ? r : old_read(db, level->span_sec, cut, room, &n, err);
    for (uint32_t i = 0; r == 0 && i < n && level->next_sec; i++) {
        struct old *old = &room[i];
        r = level->next_sec == SL_USAGE_DAY ? series_of_day(db, old->series, &old->series, err) : 0;
        r = r < 0 ? r
                  : sums_add(db, level->next_sec, old->at_sec - old->at_sec % level->next_sec, old->series, old->sums,
                             err);
    }
    return r < 0 || !n ? r : old_delete(db, level, &room[n - 1], n, err);
}

int sl_sql_usage_thin(struct sl_store *base, uint64_t now_sec, struct sl_err *err)
{
    struct sl_db *db = base->sql;
    struct old *room = malloc(THIN_ROWS * sizeof(*room));
    int r = room ? 0 : sl_fail_nomem(err);
    for (size_t i = 0; r == 0 && i < SL_ARRAY_LEN(levels); i++) {
        r = level_thin(db, &levels[i], now_sec, room, err);
    }
    free(room);
    uint64_t day = now_sec / SL_USAGE_DAY;
    if (r == 0 && day != db->swept_day) {
        db->swept_day = day;
        r = callers_sweep(db, err);
    }
    return r;
}
