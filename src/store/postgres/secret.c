/* SPDX-License-Identifier: Apache-2.0 */
/* The secret key. The database has its fingerprint, and every node the key itself, in SLUICE_SECRET_KEY. Another key
 * takes its place so:
 *
 *   each node starts with both keys ─> a job on one: BEGIN ─ every row anew, the fingerprint ─ COMMIT ─> the others
 *   see the fingerprint when they read next ─> each node starts with the new key alone
 *
 * At any moment all rows are under the key whose fingerprint is there, so whoever reads settles first which of its two
 * keys that is, in the same transaction. */
#include "base/log.h"
#include "store/dir.h"
#include "store/postgres/priv.h"

static int print_make(const struct sl_seal *seal, char out[SL_FINGERPRINT_LEN + 1], struct sl_err *err)
{
    return sl_seal_fingerprint(seal, SL_STR("the store's secret key"), out) < 0 ? sl_fail_nomem(err) : 0;
}

/* --- which key holds --- */

/* SL_E_KEY: the store has another one's. 0, too, where no node has left one yet. */
static int key_compare(struct sl_db *db, const char *print, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(db, "SELECT text FROM sluice.meta WHERE key = 'secret_key'", err);
    if (!stmt) {
        return SL_E_NOMEM;
    }
    int r = sl_db_row(db, stmt, err);
    bool is_other = r == 1 && !sl_str_eq_c(sl_db_column_str(stmt, 0), print);
    sl_db_reset(stmt);
    return r < 0      ? r
           : is_other ? sl_fail(err, SL_E_KEY,
                                "SLUICE_SECRET_KEY is not the key of the database's store: all nodes need the same one")
                      : 0;
}

int sl_pg_key_check(struct sl_pg_conn *conn, const struct sl_seal *seal, struct sl_err *err)
{
    char mine[SL_FINGERPRINT_LEN + 1];
    int r = print_make(seal, mine, err);
    if (r < 0) {
        return r;
    }
    struct sl_db *db = &conn->base;
    struct sl_stmt *stmt = sl_db_stmt(db,
                                      "INSERT INTO sluice.meta (key, text) VALUES ('secret_key', ?) ON CONFLICT (key) "
                                      "DO NOTHING",
                                      err);
    if (!stmt) {
        return SL_E_NOMEM;
    }
    sl_db_bind_str(stmt, 1, sl_str_c(mine));
    r = sl_db_run(db, stmt, err);
    return r < 0 ? r : key_compare(db, mine, err);
}

/* SLUICE_SECRET_KEY_NEW, when it is set and is another key. */
static int next_take(struct sl_seal *ret, char print[SL_FINGERPRINT_LEN + 1], const char *before, struct sl_err *err)
{
    struct sl_err cause = { 0 };
    int r = sl_dir_next_key(NULL, false, ret, &cause);
    if (r == SL_E_NOTFOUND) {
        return 0;
    }
    r = r < 0 ? sl_fail(err, r, "%s", cause.text) : print_make(ret, print, err);
    if (r < 0 || strcmp(print, before) == 0) {
        sl_seal_done(ret);
    }
    return r;
}

int sl_pg_keys_take(struct sl_pg *store, struct sl_err *err)
{
    struct sl_err cause = { 0 };
    if (!sl_dir_key_variable()) {
        return sl_fail(
            err, SL_E_KEY,
            "store.postgres needs SLUICE_SECRET_KEY, the same on all nodes (openssl rand -hex 32 makes one): "
            "the credentials of routes are encrypted under it");
    }
    int r = sl_dir_key(NULL, false, &store->seal, &cause);
    r = r < 0 ? sl_fail(err, r, "%s", cause.text) : print_make(&store->seal, store->print, err);
    return r < 0 ? r : next_take(&store->other, store->other_print, store->print, err);
}

static void keys_swap(struct sl_pg *store)
{
    struct sl_seal seal = store->seal;
    char print[SL_FINGERPRINT_LEN + 1];
    pthread_mutex_lock(&store->jobs.lock);
    store->seal = store->other;
    pthread_mutex_unlock(&store->jobs.lock);
    store->other = seal;
    sl_seal_done(&seal);
    memcpy(print, store->print, sizeof(print));
    memcpy(store->print, store->other_print, sizeof(print));
    memcpy(store->other_print, print, sizeof(print));
    store->is_next = !store->is_next;
    sl_log(SL_LOG_INFO, "store", "the secret key is now that of %s",
           store->is_next ? "SLUICE_SECRET_KEY_NEW: each node may start with it as SLUICE_SECRET_KEY from now on"
                          : "SLUICE_SECRET_KEY again");
}

int sl_pg_keys_settle(struct sl_pg *store, struct sl_err *err)
{
    struct sl_db *db = &store->conn.base;
    int r = key_compare(db, store->print, err);
    if (r == SL_E_KEY && store->other.is_set && (r = key_compare(db, store->other_print, err)) == 0) {
        keys_swap(store);
    }
    return r;
}

int sl_pg_begin_read(struct sl_pg *store, struct sl_err *err)
{
    int r = sl_pg_script(&store->conn, SL_PG_BEGIN_READ, err);
    return r < 0 || !store->other.is_set ? r : sl_pg_keys_settle(store, err);
}

int sl_pg_key_look(struct sl_db *db, struct sl_seal *ret, struct sl_err *err)
{
    struct sl_seal next = { 0 };
    char mine[SL_FINGERPRINT_LEN + 1] = "", other[SL_FINGERPRINT_LEN + 1] = "";
    int r = sl_dir_key(NULL, false, ret, err);
    r = r < 0 ? r : print_make(ret, mine, err);
    r = r < 0 ? r : next_take(&next, other, mine, err);
    r = r < 0 ? r : key_compare(db, mine, err);
    if (r == SL_E_KEY && next.is_set && (r = key_compare(db, other, err)) == 0) {
        *ret = next;
    }
    sl_seal_done(&next);
    return r;
}

/* --- another key --- */

/* Every node that lives must be able to read the rows afterwards. */
static int holders_check(struct sl_pg *store, struct sl_err *err)
{
    struct sl_db *db = &store->conn.base;
    struct sl_stmt *stmt = sl_db_stmt(db,
                                      "SELECT name FROM nodes WHERE seen_usec > " SL_PG_NOW " - " SL_PG_GONE
                                      " AND position(? IN keys) = 0 ORDER BY name LIMIT 1",
                                      err);
    if (!stmt) {
        return SL_E_NOMEM;
    }
    sl_db_bind_str(stmt, 1, sl_str_c(store->other_print));
    int r = sl_db_row(db, stmt, err);
    if (r == 1) {
        r = sl_fail(err, SL_E_UNSUPPORTED,
                    "node '%.*s' has not the new key: start every node with it in SLUICE_SECRET_KEY_NEW first",
                    SL_STR_ARG(sl_db_column_str(stmt, 0)));
        sl_db_reset(stmt);
    }
    return r;
}

static int print_write(struct sl_pg *store, struct sl_err *err)
{
    struct sl_db *db = &store->conn.base;
    struct sl_stmt *stmt = sl_db_stmt(db, "UPDATE meta SET text = ? WHERE key = 'secret_key'", err);
    if (!stmt) {
        return SL_E_NOMEM;
    }
    sl_db_bind_str(stmt, 1, sl_str_c(store->other_print));
    return sl_db_run(db, stmt, err);
}

int sl_pg_rotate_run(struct sl_db *db, struct sl_store_job *job, struct sl_err *err)
{
    struct sl_pg *store = SL_CONTAINER_OF(SL_CONTAINER_OF(db, struct sl_pg_conn, base), struct sl_pg, conn);
    if (!store->other.is_set) {
        return sl_fail(err, SL_E_UNSUPPORTED,
                       "the nodes have their secret key from SLUICE_SECRET_KEY: start every node with the new key in "
                       "SLUICE_SECRET_KEY_NEW as well, then ask again");
    }
    if (store->is_next || db->seal != &store->seal) {
        return sl_fail(err, SL_E_UNSUPPORTED,
                       "the key in SLUICE_SECRET_KEY_NEW is the store's already: start every node with it in "
                       "SLUICE_SECRET_KEY, and without SLUICE_SECRET_KEY_NEW");
    }
    int r = holders_check(store, err);
    r = r < 0 ? r : sl_sql_rotate_rows(db, job, &store->other, err);
    r = r < 0 ? r : print_write(store, err);
    if (r == 0) {
        job->has_event = true;
        job->event = (struct sl_store_event){ .kind = SL_STORE_SECRET_ROTATED,
                                              .number = sl_db_next_change(db),
                                              .name = SL_STR("") };
        db->seal = &store->other; /* also for later jobs in this transaction */
    }
    return r;
}

void sl_pg_rotate_end(struct sl_pg *store, bool is_durable)
{
    bool is_rotated = store->conn.base.seal == &store->other;
    store->conn.base.seal = &store->seal;
    if (is_rotated && is_durable) {
        keys_swap(store);
    }
}
