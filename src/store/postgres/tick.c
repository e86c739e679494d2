/* SPDX-License-Identifier: Apache-2.0 */
/* What a tick writes: counters, answers, times of keys and usage. The first thing that it writes begins the transaction
 * and locks a row that is there for this alone: nodes write one after the other, so that two of them never wait for
 * each other's rows. A tick that has nothing to write asks the database nothing. */
#include "store/postgres/priv.h"
#include "store/usage.h"

/* Ticks between two looks for old usage while there is no new one. */
#define THIN_TICKS 20

int sl_pg_tick_begin(struct sl_pg *store, struct sl_err *err)
{
    int64_t lock = 0;
    if (store->in_tick) {
        return 0;
    }
    int r = sl_pg_script(&store->conn, SL_PG_BEGIN, err);
    sl_pg_usage_begin_rows(store);
    if (r == 0) {
        store->in_tick = true;
        r = sl_pg_int(&store->conn, "SELECT value FROM meta WHERE key = 'tick' FOR UPDATE", &lock, err);
    }
    return r == SL_E_NOTFOUND ? sl_fail(err, SL_E_IO, "the database is damaged: a row is missing") : r;
}

int sl_pg_tick_end(struct sl_pg *store, struct sl_err *err)
{
    if (!store->in_tick) {
        return 0;
    }
    store->in_tick = false;
    return sl_pg_script(&store->conn, "COMMIT", err);
}

int sl_pg_key_used(struct sl_store *store, uint64_t id, uint64_t sec, struct sl_err *err)
{
    int r = sl_pg_tick_begin(sl_pg_of(store), err);
    return r < 0 ? r : sl_sql_key_used(store, id, sec, err);
}

int sl_pg_answers_put(struct sl_store *store, const struct sl_store_answer *of, struct sl_str ids, uint64_t n_ids,
                      struct sl_err *err)
{
    int r = sl_pg_tick_begin(sl_pg_of(store), err);
    return r < 0 ? r : sl_sql_answers_put(store, of, ids, n_ids, err);
}

int sl_pg_answers_expire(struct sl_store *store, uint64_t now_usec, size_t max, struct sl_err *err)
{
    int r = sl_pg_tick_begin(sl_pg_of(store), err);
    return r < 0 ? r : sl_sql_answers_expire(store, now_usec, max, err);
}

int sl_pg_counter_put(struct sl_store *store, const struct sl_store_counter *counter, struct sl_err *err)
{
    int r = sl_pg_tick_begin(sl_pg_of(store), err);
    return r < 0 ? r : sl_sql_counter_put(store, counter, err);
}

int sl_pg_counters_expire(struct sl_store *store, uint64_t now_usec, size_t max_sessions, struct sl_err *err)
{
    int r = sl_pg_tick_begin(sl_pg_of(store), err);
    return r < 0 ? r : sl_sql_counters_expire(store, now_usec, max_sessions, err);
}

/* --- the load, before the start --- */

static int load_begin(struct sl_pg *store, struct sl_err *err)
{
    return store->conn.conn ? sl_pg_script(&store->conn, SL_PG_BEGIN_READ, err) : 0;
}

static int load_end(struct sl_pg *store, int r)
{
    sl_pg_rollback(&store->conn); /* nothing was written */
    return r;
}

int sl_pg_answers_load(struct sl_store *store, uint64_t now_usec,
                       void (*on_answer)(void *arg, const struct sl_store_answer *answer), void *arg,
                       struct sl_err *err)
{
    int r = load_begin(sl_pg_of(store), err);
    return load_end(sl_pg_of(store), r < 0 ? r : sl_sql_answers_load(store, now_usec, on_answer, arg, err));
}

int sl_pg_counters_load(struct sl_store *store, uint64_t now_usec,
                        void (*on_counter)(void *arg, const struct sl_store_counter *counter), void *arg,
                        struct sl_err *err)
{
    int r = load_begin(sl_pg_of(store), err);
    return load_end(sl_pg_of(store), r < 0 ? r : sl_sql_counters_load(store, now_usec, on_counter, arg, err));
}

/* --- usage --- */

int sl_pg_usage_put(struct sl_store *store, const struct sl_usage_row *row, bool *ret_is_other, struct sl_err *err)
{
    int r = sl_pg_tick_begin(sl_pg_of(store), err);
    sl_pg_of(store)->tick_has_usage = true;
    *ret_is_other = false;
    return r < 0                          ? r
           : sl_usage_is_bounded(row->of) ? sl_sql_usage_put(store, row, ret_is_other, err)
                                          : sl_pg_usage_add_row(sl_pg_of(store), row, err);
}

int sl_pg_usage_mark(struct sl_store *store, uint64_t mark, struct sl_err *err)
{
    int r = sl_pg_tick_begin(sl_pg_of(store), err);
    r = r < 0 ? r : sl_pg_usage_write_rows(sl_pg_of(store), err);
    r = r < 0 ? r : sl_sql_usage_mark(store, mark, err);
    return r < 0 || sl_db_changes(store->sql) == 1 ? r : sl_fail(err, SL_E_IO, "this node's row is missing");
}

/* 0 where the database knows nothing of that node. */
static int other_marked(struct sl_db *db, const char *node, uint64_t *ret_mark, struct sl_err *err)
{
    char name[128];
    struct sl_stmt *stmt = sl_db_stmt(db, "SELECT coalesce(max(value), 0) FROM meta WHERE key = ?", err);
    if (!stmt) {
        return SL_E_NOMEM;
    }
    sl_pg_mark_name(node, name, sizeof(name));
    sl_db_bind_str(stmt, 1, sl_str_c(name));
    int r = sl_db_row(db, stmt, err);
    *ret_mark = r > 0 ? (uint64_t)sl_db_column_int(stmt, 0) : 0;
    sl_db_reset(stmt);
    return SL_MIN(r, 0);
}

int sl_pg_usage_marked(struct sl_store *store, const char *node, uint64_t *ret_mark, struct sl_err *err)
{
    int r = sl_pg_tick_begin(sl_pg_of(store), err);
    return r < 0  ? r
           : node ? other_marked(store->sql, node, ret_mark, err)
                  : sl_sql_usage_marked(store, NULL, ret_mark, err);
}

int sl_pg_usage_thin(struct sl_store *base, uint64_t now_sec, struct sl_err *err)
{
    struct sl_pg *store = sl_pg_of(base);
    bool is_due = store->tick_has_usage || store->n_ticks % THIN_TICKS == 0;
    store->tick_has_usage = false;
    int r = is_due ? sl_pg_tick_begin(store, err) : 0;
    return r < 0 || !is_due ? r : sl_sql_usage_thin(base, now_sec, err);
}
