/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of API keys: hashes, never the keys themselves. */
#include <stdio.h>

#include "store/sql/rows.h"

/* SHA-256 */
#define HASH_BYTES 32
#define COLUMNS                                                                                   \
    "id, version, name, principal, role, routes, hash, created_sec, expires_sec, last_used_sec, " \
    "group_path, limits"

/* Borrowed from the statement. */
static struct sl_store_key row_read(struct sl_stmt *stmt)
{
    return (struct sl_store_key){
        .id = (uint64_t)sl_db_column_int(stmt, 0),
        .version = (uint64_t)sl_db_column_int(stmt, 1),
        .name = sl_db_column_str(stmt, 2),
        .principal = sl_db_column_str(stmt, 3),
        .role = sl_db_column_str(stmt, 4),
        .routes = sl_db_column_str(stmt, 5),
        .hash = sl_db_column_str(stmt, 6),
        .created_sec = (uint64_t)sl_db_column_int(stmt, 7),
        .expires_sec = (uint64_t)sl_db_column_int(stmt, 8),
        .last_used_sec = (uint64_t)sl_db_column_int(stmt, 9),
        .group = sl_db_column_str(stmt, 10),
        .limits = sl_db_column_str(stmt, 11),
    };
}

static int audit(struct sl_db *db, const struct sl_store_key_job *job, const char *action, struct sl_err *err)
{
    char target[32];
    snprintf(target, sizeof(target), SL_STORE_KEY_ID, (unsigned long long)job->key.id);
    struct sl_audit_row row = { .at_usec = job->now_usec,
                                .who = job->base.who,
                                .action = sl_str_c(action),
                                .target = sl_str_c(target),
                                .before = job->before,
                                .after = job->text };
    return sl_audit_add(db, &row, err);
}

static void event_set(struct sl_store_key_job *job, enum sl_store_event_kind kind, uint64_t number)
{
    job->base.has_event = true;
    job->base.event = (struct sl_store_event){ .kind = kind, .number = number, .key = &job->key, .is_new = true };
}

/* In the transaction of the change: so no group is deleted in between. */
static int group_check(struct sl_db *db, const struct sl_store_key_job *job, struct sl_err *err)
{
    int r = !job->key.group.n || job->is_file_group ? 1 : sl_sql_group_exists(db, job->key.group, err);
    return r == 0 ? sl_fail(err, SL_E_INVAL, "there is no group '%.*s'", SL_STR_ARG(job->key.group)) : SL_MIN(r, 0);
}

/* Binds what a call says about a key, from the first parameter on. Returns the number of the next one. */
static int row_bind(struct sl_stmt *stmt, const struct sl_store_key *key)
{
    sl_db_bind_int(stmt, 1, (int64_t)key->version);
    sl_db_bind_str(stmt, 2, key->name);
    sl_db_bind_str(stmt, 3, key->principal);
    sl_db_bind_str(stmt, 4, key->role);
    if (key->routes.p) {
        sl_db_bind_str(stmt, 5, key->routes);
    }
    sl_db_bind_int(stmt, 6, (int64_t)key->expires_sec);
    sl_db_bind_str(stmt, 7, key->group);
    if (key->limits.p) {
        sl_db_bind_str(stmt, 8, key->limits);
    }
    return 9;
}

static int insert(struct sl_db *db, struct sl_store_key *key, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(db,
                                      "INSERT INTO keys (version, name, principal, role, routes, expires_sec, "
                                      "group_path, limits, hash, created_sec) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
                                      "RETURNING id",
                                      err);
    if (!stmt) {
        return err->code;
    }
    int at = row_bind(stmt, key);
    sl_db_bind_blob(stmt, at, key->hash);
    sl_db_bind_int(stmt, at + 1, (int64_t)key->created_sec);
    return sl_db_insert(db, stmt, &key->id, err);
}

static int create(struct sl_db *db, struct sl_store_key_job *job, struct sl_err *err)
{
    int r = sl_sql_below_check(db,
                               "SELECT COUNT(*) FROM (SELECT 1 FROM keys WHERE group_path = ?1 OR (group_path > "
                               "?1 || '/' AND group_path < ?1 || '0') LIMIT ?2) AS found",
                               job->base.who.top, job->max, err);
    r = r < 0 ? r : group_check(db, job, err);
    if (r < 0) {
        return r;
    }
    job->key.version = sl_db_next_change(db);
    r = insert(db, &job->key, err);
    r = r < 0 ? r : audit(db, job, "key.create", err);
    if (r == 0) {
        event_set(job, SL_STORE_KEY_PUT, job->key.version);
    }
    return r;
}

/* Checks that the row is as the asker knows it, and takes from it what no call says. */
static int seen_check(struct sl_db *db, struct sl_store_key_job *job, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(db, "SELECT version, hash, created_sec, last_used_sec FROM keys WHERE id = ?",
                                      err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_int(stmt, 1, (int64_t)job->key.id);
    int r = sl_db_row(db, stmt, err);
    if (r <= 0) {
        return r < 0 ? r : sl_fail(err, SL_E_NOTFOUND, "no such key");
    }
    bool is_stale = (uint64_t)sl_db_column_int(stmt, 0) != job->if_version;
    job->key.hash = sl_arena_dup(&job->arena, sl_db_column_str(stmt, 1));
    job->key.created_sec = (uint64_t)sl_db_column_int(stmt, 2);
    job->key.last_used_sec = (uint64_t)sl_db_column_int(stmt, 3);
    sl_db_reset(stmt);
    return !job->key.hash.p ? sl_fail_nomem(err)
           : is_stale       ? sl_fail(err, SL_E_STALE, "the key was changed in the meantime")
                            : 0;
}

static int replace(struct sl_db *db, struct sl_store_key_job *job, struct sl_err *err)
{
    int r = seen_check(db, job, err);
    r = r < 0 ? r : group_check(db, job, err);
    if (r == 0 && sl_str_eq(job->before, job->text)) {
        return 0;
    }
    struct sl_stmt *stmt = r < 0
                               ? NULL
                               : sl_db_stmt(db,
                                            "UPDATE keys SET version = ?, name = ?, principal = ?, role = ?, routes = "
                                            "?, expires_sec = ?, group_path = ?, limits = ? WHERE id = ?",
                                            err);
    if (!stmt) {
        return r < 0 ? r : err->code;
    }
    job->key.version = sl_db_next_change(db);
    sl_db_bind_int(stmt, row_bind(stmt, &job->key), (int64_t)job->key.id);
    r = sl_db_run(db, stmt, err);
    r = r < 0 ? r : audit(db, job, "key.replace", err);
    if (r == 0) {
        event_set(job, SL_STORE_KEY_PUT, job->key.version);
    }
    return r;
}

static int revoke(struct sl_db *db, struct sl_store_key_job *job, struct sl_err *err)
{
    int r = seen_check(db, job, err);
    struct sl_stmt *stmt = r < 0 ? NULL : sl_db_stmt(db, "DELETE FROM keys WHERE id = ?", err);
    if (!stmt) {
        return r < 0 ? r : err->code;
    }
    sl_db_bind_int(stmt, 1, (int64_t)job->key.id);
    r = sl_db_run(db, stmt, err);
    r = r < 0 ? r : audit(db, job, "key.revoke", err);
    if (r == 0) {
        event_set(job, SL_STORE_KEY_DELETED, sl_db_next_change(db));
    }
    return r;
}

int sl_sql_key_run(struct sl_db *db, struct sl_store_job *base, struct sl_err *err)
{
    static int (*const verbs[])(struct sl_db *, struct sl_store_key_job *, struct sl_err *) = {
        [SL_STORE_KEY_CREATE] = create,
        [SL_STORE_KEY_REPLACE] = replace,
        [SL_STORE_KEY_REVOKE] = revoke,
    };
    struct sl_store_key_job *job = SL_CONTAINER_OF(base, struct sl_store_key_job, base);
    return verbs[job->verb](db, job, err);
}

int sl_sql_key_used(struct sl_store *store, uint64_t id, uint64_t sec, struct sl_err *err)
{
    struct sl_db *db = store->sql;
    struct sl_stmt *stmt = sl_db_stmt(db, "UPDATE keys SET last_used_sec = ? WHERE id = ? AND last_used_sec < ?", err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_int(stmt, 1, (int64_t)sec);
    sl_db_bind_int(stmt, 2, (int64_t)id);
    sl_db_bind_int(stmt, 3, (int64_t)sec);
    return sl_db_run(db, stmt, err);
}

static const char *row_fault(struct sl_stmt *stmt)
{
    bool has_routes = !sl_db_column_is_null(stmt, 5);
    return !sl_db_column_is_number(stmt, 0) ? "its id is not above 0"
           : !sl_db_column_is_text(stmt, 2) ? "its name is no text"
           : !sl_db_column_is_text(stmt, 3) ? "its principal is no text"
           : !sl_db_column_is_text(stmt, 4) ? "its role is no text"
           : has_routes && (!sl_db_column_is_text(stmt, 5) || sl_db_column_int(stmt, 12) != 1)
               ? "its routes are no JSON"
           : !sl_db_column_is_null(stmt, 11) && !sl_db_column_is_text(stmt, 11) ? "its limits are no text"
           : !sl_db_column_is_text(stmt, 10)                                    ? "its group is no text"
           : sl_db_column_str(stmt, 6).n != HASH_BYTES                          ? "its hash has not 32 bytes"
                                                                                : NULL;
}

static int rows_report(struct sl_db *db, struct sl_stmt *stmt, sl_on_event_fn on_event, void *arg,
                       struct sl_bad_rows *bad, struct sl_err *err)
{
    int r;
    while ((r = sl_db_row(db, stmt, err)) > 0) {
        const char *fault = row_fault(stmt);
        struct sl_store_key key = row_read(stmt);
        struct sl_store_event event = {
            .kind = SL_STORE_KEY_PUT, .number = (uint64_t)sl_db_column_int(stmt, 1), .key = &key, .is_new = true
        };
        if (fault) {
            char id[32];
            snprintf(id, sizeof(id), "key-%lld", (long long)sl_db_column_int(stmt, 0));
            sl_bad_rows_add(bad, "key", sl_str_c(id), fault);
            continue;
        }
        on_event(arg, &event);
    }
    return r;
}

int sl_store_load_keys(struct sl_db *db, sl_on_event_fn on_event, void *arg, struct sl_bad_rows *bad,
                       struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(db, "SELECT " COLUMNS ", json_valid(routes) FROM keys ORDER BY id", err);
    return stmt ? rows_report(db, stmt, on_event, arg, bad, err) : err->code;
}

int sl_sql_key_report(struct sl_db *db, uint64_t id, sl_on_event_fn on_event, void *arg, struct sl_bad_rows *bad,
                      struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(db, "SELECT " COLUMNS ", json_valid(routes) FROM keys WHERE id = ?", err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_int(stmt, 1, (int64_t)id);
    return rows_report(db, stmt, on_event, arg, bad, err);
}
