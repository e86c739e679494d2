/* SPDX-License-Identifier: Apache-2.0 */
/* Which secret key holds, and how another one takes its place:
 *
 *   write secret.key.next ─> BEGIN ─ every row anew ─ COMMIT ─> rename to secret.key
 *
 * Whatever breaks in between, both keys are on disk until the rows say which one holds: all of them are under one key,
 * because they changed in one transaction. */
#include <stdio.h>

#include "base/log.h"
#include "store/dir.h"
#include "store/sqlite/priv.h"

/* --- which key holds --- */

/* Returns 1 if the key decrypts something, or nothing is encrypted; 0 if it decrypts nothing; <0. A single row may be
 * damaged; when all fail, the key is wrong. */
static int key_opens(struct sl_db *db, const struct sl_seal *seal, bool *ret_is_empty, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(db, "SELECT name, sealed FROM routes ORDER BY id", err);
    int r = stmt ? 1 : err->code, found = SL_E_NOTFOUND;
    *ret_is_empty = true;
    while (r > 0 && found != 0 && (r = sl_db_row(db, stmt, err)) > 0) {
        struct sl_secret plain = { 0 };
        *ret_is_empty = false;
        found = sl_sealed_read(seal, sl_db_column_str(stmt, 0), sl_db_column_str(stmt, 1), &plain);
        sl_secret_done(&plain);
        if (found == SL_E_NOMEM) {
            r = sl_fail_nomem(err);
        }
    }
    if (stmt) {
        sl_db_reset(stmt);
    }
    return r < 0 ? r : *ret_is_empty || found == 0;
}

static int names_read(struct sl_db *db, char *out, size_t cap, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(db, "SELECT name FROM routes ORDER BY id LIMIT 10", err);
    int r = stmt ? 1 : err->code;
    out[0] = '\0';
    while (r > 0 && (r = sl_db_row(db, stmt, err)) > 0) {
        struct sl_str name = sl_db_column_str(stmt, 0);
        size_t n = strlen(out);
        if (n + name.n + 3 < cap) {
            snprintf(out + n, cap - n, "%s%.*s", n ? ", " : "", SL_STR_ARG(name));
        }
    }
    return r;
}

/* Tries the key of a rotation that was interrupted after its commit. 1: it is the right one. */
static int next_try(const char *dir, struct sl_sqlite_db *db, bool may_change, struct sl_seal *ret, struct sl_err *err)
{
    struct sl_err cause = { 0 };
    struct sl_seal next = { 0 };
    bool is_empty = false;
    int r = sl_dir_next_key(dir, false, &next, &cause);
    r = r < 0 ? 0 : key_opens(&db->base, &next, &is_empty, err);
    if (r == 1) {
        r = may_change ? sl_dir_next_adopt(dir, err) : 0;
        sl_seal_done(ret);
        *ret = next;
        r = r < 0 ? r : 1;
    }
    sl_seal_done(&next);
    return r;
}

int sl_store_key_find(const char *dir, struct sl_sqlite_db *db, bool may_change, struct sl_seal *ret,
                      struct sl_err *err)
{
    char names[400];
    bool is_empty = false;
    struct sl_err cause = { 0 };
    int r = names_read(&db->base, names, sizeof(names), err);
    if (r < 0) {
        return r;
    }
    int found = sl_dir_key(dir, may_change && names[0] == '\0', ret, &cause);
    if (found < 0 && found != SL_E_NOTFOUND) {
        return sl_fail(err, found, "%s", cause.text);
    }
    int opens = found < 0 ? 0 : key_opens(&db->base, ret, &is_empty, err);
    if (opens == 0 && names[0]) {
        opens = next_try(dir, db, may_change, ret, err);
    } else if (opens == 1 && may_change) {
        sl_dir_next_drop(dir);
    }
    if (opens < 0 || opens == 1 || found == 0 || names[0] == '\0') {
        return SL_MIN(opens, 0); /* a key that decrypts nothing is reported by the load, with all names */
    }
    return sl_fail(err, SL_E_KEY,
                   "%s, but the credentials of these routes are encrypted under it: %s. Put the file back, or set "
                   "SLUICE_SECRET_KEY",
                   cause.text, names);
}

/* --- another key --- */

int sl_sqlite_rotate_run(struct sl_db *db, struct sl_store_job *base, struct sl_err *err)
{
    struct sl_sqlite_db *mine = SL_CONTAINER_OF(db, struct sl_sqlite_db, base);
    struct sl_sqlite *store = SL_CONTAINER_OF(mine, struct sl_sqlite, db);
    struct sl_seal next = { 0 };
    struct sl_err cause = { 0 };
    int r = sl_dir_next_key(store->dir, true, &next, &cause);
    if (r < 0) {
        return sl_fail(err, r == SL_E_NOTFOUND ? SL_E_UNSUPPORTED : r, "%s", cause.text);
    }
    r = sl_sql_rotate_rows(db, base, &next, err);
    if (r == 0) {
        store->next = next;
        db->seal = &store->next; /* also for later steps in this transaction */
    }
    sl_seal_done(&next);
    return r;
}

void sl_store_rotate_settle(struct sl_sqlite *store, bool is_durable)
{
    if (store->db.base.seal != &store->next) {
        return;
    }
    store->db.base.seal = &store->seal;
    if (is_durable) {
        struct sl_err err = { 0 };
        pthread_mutex_lock(&store->jobs.lock);
        store->seal = store->next;
        pthread_mutex_unlock(&store->jobs.lock);
        if (sl_dir_next_adopt(store->dir, &err) < 0) {
            sl_log(SL_LOG_ERROR, "store",
                   "the new secret key holds, and stays in " SL_DIR_NEXT " until the next start: %s", err.text);
        }
    }
    sl_seal_done(&store->next);
}
