/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the usage ledger on a connection of its own, so that a long walk keeps no writer waiting. The rows come in the
 * order of their time, so the sums of one part of the time are complete when the next one begins; they are kept for
 * each series, whose names are read once. SQLite's own grouping would sort all rows. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/num.h"
#include "store/sqlite/priv.h"
#include "store/usage.h"

/* A longer walk is ended: it keeps the log from being written back. */
#define RUN_USEC (10 * SL_USEC_PER_SEC)
/* SQLite's steps between two looks at the clock: about a millisecond. */
#define STEPS      20000
#define SQL_MAX    4096
#define SERIES_MIN 64
#define TEXT_CHUNK 65536

struct reader {
    struct sl_usage_reader base;
    struct sl_sqlite_db db;
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
    struct sl_db *db = &reader_of(base)->db.base;
    int r = sl_db_exec(db, "BEGIN", err);
    return r < 0 ? r : sl_sql_mark_read(db, ret_mark, err);
}

/* --- series --- */

struct series {
    int64_t id;
    bool is_asked;                       /* the query wants it */
    bool is_used;                        /* it has a row in this part of the time */
    struct sl_str of[SL_USAGE_OF_COUNT]; /* on the walk's arena; "" where nobody asks */
    int64_t sums[SL_USAGE_SUM_COUNT];
};

struct walk {
    struct sl_db *db;
    const struct sl_usage_query *query;
    int (*on_row)(void *arg, const struct sl_usage_row *row);
    void *arg;
    struct series *series;
    uint32_t *slots; /* twice as many; index + 1, 0: free */
    uint32_t n, cap; /* cap: 0 or a power of two */
    struct sl_arena texts;
    uint64_t at_sec; /* the part of the time */
    enum sl_usage_sum wanted[SL_USAGE_SUM_COUNT];
    int n_wanted;
};

static size_t slot_of(const struct walk *walk, int64_t id)
{
    size_t mask = (size_t)walk->cap * 2 - 1, at = ((uint64_t)id * 0x9e3779b97f4a7c15u >> 32) & mask;
    while (walk->slots[at] && walk->series[walk->slots[at] - 1].id != id) {
        at = (at + 1) & mask;
    }
    return at;
}

static int series_grow(struct walk *walk)
{
    uint32_t cap = walk->cap ? walk->cap * 2 : SERIES_MIN;
    struct series *series = realloc(walk->series, cap * sizeof(*series));
    walk->series = series ? series : walk->series;
    uint32_t *slots = series ? calloc((size_t)cap * 2, sizeof(*slots)) : NULL;
    if (!slots) {
        return SL_E_NOMEM;
    }
    free(walk->slots);
    walk->slots = slots;
    walk->cap = cap;
    for (uint32_t i = 0; i < walk->n; i++) {
        walk->slots[slot_of(walk, series[i].id)] = i + 1;
    }
    return 0;
}

static int names_read(struct walk *walk, struct sl_stmt *stmt, struct series *ret)
{
    const struct sl_usage_query *query = walk->query;
    for (int i = 0; i < SL_USAGE_OF_COUNT; i++) {
        struct sl_str name = sl_db_column_str(stmt, i);
        ret->of[i] = query->by & SL_BIT(i) ? sl_arena_dup(&walk->texts, name) : SL_STR("");
        if (!ret->of[i].p) {
            return SL_E_NOMEM;
        }
    }
    ret->is_asked = (!query->key.p || sl_str_eq(query->key, sl_db_column_str(stmt, SL_USAGE_KEY))) &&
                    (!query->group.p || sl_usage_is_in(sl_db_column_str(stmt, SL_USAGE_GROUP), query->group));
    return 0;
}

static int series_make(struct walk *walk, int64_t id, struct series **ret, struct sl_err *err)
{
    if (walk->n == walk->cap && series_grow(walk) < 0) {
        return sl_fail_nomem(err);
    }
    /* in the order of enum sl_usage_of */
    struct sl_stmt *stmt = sl_db_stmt(walk->db,
                                      "SELECT route, target, provider, model, grp, key, principal, tier, above FROM "
                                      "usage_series WHERE id = ?",
                                      err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_int(stmt, 1, id);
    struct series *made = &walk->series[walk->n];
    *made = (struct series){ .id = id };
    int r = sl_db_row(walk->db, stmt, err);
    if (r > 0) {
        r = names_read(walk, stmt, made) < 0 ? sl_fail_nomem(err) : 0;
        sl_db_reset(stmt);
    } else if (r == 0) {
        r = sl_fail(err, SL_E_IO, "the store is damaged: a series of the usage is missing");
    }
    if (r == 0) {
        walk->slots[slot_of(walk, id)] = ++walk->n;
        *ret = made;
    }
    return r;
}

static int series_get(struct walk *walk, int64_t id, struct series **ret, struct sl_err *err)
{
    uint32_t found = walk->cap ? walk->slots[slot_of(walk, id)] : 0;
    if (found) {
        *ret = &walk->series[found - 1];
        return 0;
    }
    return series_make(walk, id, ret, err);
}

/* --- rows --- */

/* Gives the sums of the part of the time that is over. */
static int part_end(struct walk *walk)
{
    int r = 0;
    for (uint32_t i = 0; r == 0 && i < walk->n; i++) {
        struct series *series = &walk->series[i];
        if (!series->is_used) {
            continue;
        }
        struct sl_usage_row row = { .at_sec = walk->at_sec, .span_sec = walk->query->span_sec };
        memcpy(row.of, series->of, sizeof(row.of));
        memcpy(row.sums, series->sums, sizeof(row.sums));
        memset(series->sums, 0, sizeof(series->sums));
        series->is_used = false;
        r = walk->on_row(walk->arg, &row);
    }
    return r;
}

static int row_add(struct walk *walk, struct sl_stmt *stmt, struct sl_err *err)
{
    uint32_t span = walk->query->span_sec;
    uint64_t at = (uint64_t)sl_db_column_int(stmt, 0);
    struct series *series = NULL;
    at -= span ? at % span : at;
    int r = 0;
    if (at != walk->at_sec) {
        r = part_end(walk);
        walk->at_sec = at;
    }
    r = r < 0 ? r : series_get(walk, sl_db_column_int(stmt, 1), &series, err);
    if (r < 0 || !series->is_asked) {
        return r;
    }
    series->is_used = true;
    for (int i = 0; i < walk->n_wanted; i++) {
        int64_t *sum = &series->sums[walk->wanted[i]];
        *sum = sl_usage_plus(*sum, sl_db_column_int(stmt, 2 + i));
    }
    return 0;
}

static void sql_make(struct walk *walk, struct sl_buf *sql)
{
#define X(symbol, column) column,
    static const char *const sums[] = { "requests", SL_USAGE_MORE_SUMS(X) };
#undef X
    sl_buf_add_c(sql, "SELECT at, series");
    for (size_t i = 0; i < SL_ARRAY_LEN(sums); i++) {
        if (walk->query->sums & SL_BIT64(i)) {
            sl_buf_printf(sql, ", %s", sums[i]);
            walk->wanted[walk->n_wanted++] = (enum sl_usage_sum)i;
        }
    }
    sl_buf_add_c(sql, " FROM usage WHERE span = ? AND at >= ? AND at < ? ORDER BY at, series");
    sl_buf_add_char(sql, '\0');
}

static int span_walk(struct walk *walk, const char *sql, uint32_t span_sec, struct sl_err *err)
{
    const struct sl_usage_query *query = walk->query;
    struct sl_stmt *stmt = sl_db_stmt(walk->db, sql, err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_int(stmt, 1, span_sec);
    sl_db_bind_int(stmt, 2, (int64_t)SL_MIN(query->from_sec, (uint64_t)INT64_MAX));
    sl_db_bind_int(stmt, 3, (int64_t)SL_MIN(query->to_sec, (uint64_t)INT64_MAX));
    int r = 0;
    while (r == 0 && (r = sl_db_row(walk->db, stmt, err)) > 0) {
        r = row_add(walk, stmt, err);
    }
    sl_db_reset(stmt);
    return r < 0 ? r : part_end(walk);
}

int sl_sqlite_usage_run(struct sl_usage_reader *base, const struct sl_usage_query *query,
                        int (*on_row)(void *arg, const struct sl_usage_row *row), void *arg, struct sl_err *err)
{
    static const uint32_t spans[] = { SL_USAGE_DAY, SL_USAGE_HOUR, SL_USAGE_MINUTE };
    struct reader *reader = reader_of(base);
    struct walk walk = { .db = &reader->db.base, .query = query, .on_row = on_row, .arg = arg };
    struct sl_buf sql = SL_BUF_INIT(SQL_MAX);
    sl_arena_init_small(&walk.texts, TEXT_CHUNK);
    sql_make(&walk, &sql);
    int r = sl_buf_status(&sql) < 0 ? sl_fail_nomem(err) : 0;
    reader->end_usec = sl_clock_usec() + RUN_USEC;
    sqlite3_progress_handler(reader->db.handle, STEPS, on_steps, reader);
    for (size_t i = 0; r == 0 && i < SL_ARRAY_LEN(spans); i++) {
        r = span_walk(&walk, sql.p, spans[i], err);
    }
    if (r < 0 && reader->is_late) {
        r = sl_fail(err, SL_E_LIMIT, "reading takes longer than %llu s", RUN_USEC / SL_USEC_PER_SEC);
    }
    sl_buf_done(&sql); /* its statement was found by its address, but nothing is asked again */
    sl_arena_done(&walk.texts);
    free(walk.series);
    free(walk.slots);
    return r;
}
