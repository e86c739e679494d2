/* SPDX-License-Identifier: Apache-2.0 */
/* The change log. Every transaction that changes what is served locks one row, the number of the last change, and adds
 * a row of the log for each change. So numbers have no gaps and come in the order of the commits (a sequence's do not),
 * and whoever knows the number n needs only what is above it.
 *
 * A node remembers the last number that is in force here, and its token. When the log has not that row with that token,
 * it has another history (a backup was restored), or the row is too old to be there: then everything is read anew. */
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "store/postgres/priv.h"
#include "store/sql/batch.h"

/* More changes at once: reading everything is quicker. */
#define STEPS_MAX 1000
/* How many rows the log keeps, and how often older ones are deleted. */
#define KEPT   100000
#define PRUNED 1000

static int begun(struct sl_pg *store, struct sl_stmt **ret, const char *sql, int64_t value, struct sl_err *err)
{
    *ret = sl_db_stmt(&store->conn.base, sql, err);
    if (!*ret) {
        return SL_E_NOMEM;
    }
    sl_db_bind_int(*ret, 1, value);
    return 0;
}

/* --- everything --- */

int sl_pg_last_change(struct sl_pg_conn *conn, uint64_t *ret_number, int64_t *ret_token, struct sl_err *err)
{
    struct sl_db *db = &conn->base;
    struct sl_stmt *stmt = sl_db_stmt(db, "SELECT number, token FROM changes ORDER BY number DESC LIMIT 1", err);
    int r = stmt ? sl_db_row(db, stmt, err) : SL_E_NOMEM;
    if (r <= 0) {
        return r < 0 ? r : sl_fail(err, SL_E_IO, "the database's change log is empty: restore a backup");
    }
    *ret_number = (uint64_t)sl_db_column_int(stmt, 0);
    *ret_token = sl_db_column_int(stmt, 1);
    sl_db_reset(stmt);
    return 0;
}

/* Reads everything anew. In a transaction. */
static int load_all(struct sl_pg *store, struct sl_err *err)
{
    const struct sl_store_cbs *cbs = &store->cbs;
    uint64_t number = 0;
    int64_t token = 0;
    int r = sl_pg_last_change(&store->conn, &number, &token, err);
    if (r == 0 && cbs->on_load) {
        r = sl_pg_load_kept(store, (struct sl_kept_at){ number, token }, err);
    }
    if (r == 0) {
        store->applied = number;
        store->token = token;
        atomic_store(&store->base.change, number);
        store->is_loaded = true;
        atomic_store_explicit(&store->base.was_read, true, memory_order_release);
    }
    return r;
}

/* --- what others changed --- */

struct replay {
    struct sl_pg *store;
    uint64_t number;
    bool is_found;
};

static void on_row(void *arg, const struct sl_store_event *event)
{
    struct replay *replay = arg;
    const struct sl_store_cbs *cbs = &replay->store->cbs;
    struct sl_store_event numbered = *event;
    const struct sl_store_event *list[] = { &numbered };
    numbered.number = replay->number;
    if (cbs->on_events) {
        cbs->on_events(cbs->events_arg, list, 1);
    }
    sl_pg_note(replay->store, &numbered);
}

/* Brings one change into force: the row as it is now, so that a change that a later one took back is skipped. */
static int replay_one(struct replay *replay, enum sl_store_event_kind kind, struct sl_str name, uint64_t id,
                      struct sl_err *err)
{
    struct sl_db *db = &replay->store->conn.base;
    struct sl_bad_rows bad = { .on_bad = sl_bad_row_tell };
    const struct sl_store_key key = { .id = id };
    struct sl_store_event gone = { .kind = kind, .name = name, .key = &key };
    switch (kind) {
    case SL_STORE_ROUTE_PUT:
        return sl_sql_route_report(db, name, on_row, replay, &bad, err);
    case SL_STORE_LIMITS_PUT:
        return sl_sql_limits_report(db, name, on_row, replay, &bad, err);
    case SL_STORE_KEY_PUT:
        return sl_sql_key_report(db, id, on_row, replay, &bad, err);
    case SL_STORE_GROUP_PUT:
        return sl_sql_group_report(db, name, on_row, replay, &bad, err);
    case SL_STORE_ROUTE_DELETED:
    case SL_STORE_KEY_DELETED:
    case SL_STORE_GROUP_DELETED:
        on_row(replay, &gone);
        return 0;
    case SL_STORE_SECRET_ROTATED:
        return 0; /* that was settled before */
    }
    return 0; /* of a newer version: nothing here knows it */
}

/* Applies the rows of the log that follow `applied`. 1: the log does not continue it. */
static int log_replay(struct sl_pg *store, struct sl_err *err)
{
    struct sl_db *db = &store->conn.base;
    struct sl_stmt *stmt = NULL;
    struct replay replay = { .store = store, .number = store->applied };
    int64_t token = store->token;
    uint64_t n = 0;
    int r = begun(store, &stmt,
                  "SELECT number, token, kind, name, id FROM changes WHERE number >= ? ORDER BY number LIMIT 1001",
                  (int64_t)store->applied, err);
    while (r == 0 && (r = sl_db_row(db, stmt, err)) > 0) {
        uint64_t number = (uint64_t)sl_db_column_int(stmt, 0);
        r = 0;
        if (number != store->applied + n || (n == 0 && sl_db_column_int(stmt, 1) != token) || n == STEPS_MAX) {
            sl_db_reset(stmt);
            return 1;
        }
        if (n++ == 0) {
            continue; /* the row that is in force */
        }
        replay.number = number;
        token = sl_db_column_int(stmt, 1);
        r = replay_one(&replay, (enum sl_store_event_kind)sl_db_column_int(stmt, 2), sl_db_column_str(stmt, 3),
                       (uint64_t)sl_db_column_int(stmt, 4), err);
    }
    if (stmt) {
        sl_db_reset(stmt);
    }
    if (r < 0) {
        return r;
    }
    store->applied = replay.number;
    store->token = token;
    atomic_store(&store->base.change, store->applied);
    return n == 0;
}

/* In a transaction. */
static int changes_apply(struct sl_pg *store, struct sl_err *err)
{
    int r = sl_pg_keys_settle(store, err);
    r = r < 0 ? r : store->is_loaded ? log_replay(store, err) : 1;
    if (r == 1 && store->is_loaded) {
        sl_log(SL_LOG_WARNING, "store",
               "the database's change log does not continue number %llu, which is in force here (a backup was "
               "restored, or very much has changed): everything is read anew",
               (unsigned long long)store->applied);
    }
    return r == 1 ? load_all(store, err) : r;
}

/* 1: there is nothing new. Without a transaction, because most times there is nothing. */
static int log_look(struct sl_pg *store, struct sl_err *err)
{
    struct sl_db *db = &store->conn.base;
    struct sl_stmt *stmt = NULL;
    int r = begun(store, &stmt, "SELECT number, token FROM sluice.changes WHERE number >= ? ORDER BY number LIMIT 2",
                  (int64_t)store->applied, err);
    int n = 0;
    bool is_same = true;
    while (r == 0 && (r = sl_db_row(db, stmt, err)) > 0) {
        r = 0;
        is_same &= n++ == 0 && (uint64_t)sl_db_column_int(stmt, 0) == store->applied &&
                   sl_db_column_int(stmt, 1) == store->token;
    }
    return r < 0 ? r : n == 1 && is_same;
}

int sl_pg_catch_up(struct sl_pg *store, struct sl_err *err)
{
    int r = store->is_loaded ? log_look(store, err) : 0;
    if (r == 0) {
        r = sl_pg_script(&store->conn, SL_PG_BEGIN_READ, err);
        r = r < 0 ? r : changes_apply(store, err);
        r = r < 0 ? r : sl_pg_script(&store->conn, "COMMIT", err);
        if (r < 0) {
            sl_pg_rollback(&store->conn);
        }
    }
    store->known_usec = r < 0 ? store->known_usec : sl_clock_wall_usec();
    return SL_MIN(r, 0);
}

/* --- what this node changes --- */

int sl_pg_changes_begin(struct sl_pg *store, struct sl_err *err)
{
    int64_t last = 0;
    int r = sl_pg_int(&store->conn, "SELECT value FROM meta WHERE key = 'change' FOR UPDATE", &last, err);
    if (r == SL_E_NOTFOUND) {
        return sl_fail(err, SL_E_IO, "the database is damaged: a row is missing");
    }
    r = r < 0 ? r : changes_apply(store, err);
    if (r == 0 && store->applied != (uint64_t)last) {
        r = sl_fail(err, SL_E_IO, "the database is damaged: its change log ends at %llu, and the last change is %lld",
                    (unsigned long long)store->applied, (long long)last);
    }
    if (r == 0) {
        store->conn.base.change = store->applied;
    }
    return r;
}

static int row_write(struct sl_pg *store, const struct sl_store_event *event, int64_t token, struct sl_err *err)
{
    struct sl_db *db = &store->conn.base;
    struct sl_stmt *stmt = NULL;
    int r = begun(store, &stmt, "INSERT INTO changes (number, token, kind, name, id) VALUES (?, ?, ?, ?, ?)",
                  (int64_t)event->number, err);
    if (r < 0) {
        return r;
    }
    sl_db_bind_int(stmt, 2, token);
    sl_db_bind_int(stmt, 3, event->kind);
    sl_db_bind_str(stmt, 4, event->name);
    sl_db_bind_int(stmt, 5, event->key ? (int64_t)event->key->id : 0);
    return sl_db_run(db, stmt, err);
}

static int log_prune(struct sl_pg *store, uint64_t before, struct sl_err *err)
{
    struct sl_stmt *stmt = NULL;
    uint64_t now = store->conn.base.change;
    if (now < KEPT || now / PRUNED == before / PRUNED) {
        return 0;
    }
    int r = begun(store, &stmt, "DELETE FROM changes WHERE number < ?", (int64_t)(now - KEPT), err);
    return r < 0 ? r : sl_db_run(&store->conn.base, stmt, err);
}

int sl_pg_changes_write(struct sl_pg *store, const struct sl_store_job *list, int64_t *ret_token, struct sl_err *err)
{
    struct sl_db *db = &store->conn.base;
    int r = 0;
    *ret_token = store->token;
    for (const struct sl_store_job *job = list; job && r == 0; job = job->next) {
        if (job->is_write && job->has_event) {
            sl_random_bytes(ret_token, sizeof(*ret_token));
            r = row_write(store, &job->event, *ret_token, err);
        }
    }
    if (r < 0 || db->change == store->applied) {
        return r;
    }
    r = sl_sql_change_write(db, err);
    r = r < 0 ? r : log_prune(store, store->applied, err);
    return r < 0 ? r : sl_db_exec(db, "NOTIFY sluice", err); /* it arrives with the commit */
}
