/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of groups. What is in a group has its path and a '/' at the beginning of its own, so in the order of the
 * paths all of it stands between "PATH/" and "PATH0", because '0' comes behind '/'. */
#include <stdio.h>

#include "store/sqlite/priv.h"

/* How many keys or groups a refused deletion names. */
#define NAMED 3

static int audit(struct sl_db *db, const struct sl_store_group_job *job, const char *action, struct sl_err *err)
{
    struct sl_audit_row row = {
        .at_usec = job->now_usec, .who = job->base.who, .action = sl_str_c(action), .target = job->group.path
    };
    *(job->verb == SL_STORE_GROUP_DELETE ? &row.before : &row.after) = job->text;
    return sl_audit_add(db, &row, err);
}

static void event_set(struct sl_store_group_job *job, enum sl_store_event_kind kind, uint64_t number)
{
    job->base.has_event = true;
    job->base.event = (struct sl_store_event){
        .kind = kind, .number = number, .name = job->group.path, .group = &job->group
    };
}

/* Runs a statement for one path that returns one row at most. 1: there is one, and the caller resets it. */
static int row_find(struct sl_db *db, const char *sql, struct sl_str path, sqlite3_stmt **ret, struct sl_err *err)
{
    *ret = sl_db_stmt(db, sql, err);
    if (!*ret) {
        return err->code;
    }
    sl_db_bind_str(*ret, 1, path);
    return sl_db_row(db, *ret, err);
}

int sl_sqlite_group_exists(struct sl_db *db, struct sl_str path, struct sl_err *err)
{
    sqlite3_stmt *stmt;
    int r = row_find(db, "SELECT 1 FROM key_groups WHERE path = ?", path, &stmt, err);
    if (stmt) {
        sqlite3_reset(stmt);
    }
    return r;
}

static int create(struct sl_db *db, struct sl_store_group_job *job, struct sl_err *err)
{
    struct sl_store_group *group = &job->group;
    int r = job->above.n ? sl_sqlite_group_exists(db, job->above, err) : 1;
    if (r <= 0) {
        return r < 0 ? r : sl_fail(err, SL_E_INVAL, "there is no group '%.*s'", SL_STR_ARG(job->above));
    }
    sqlite3_stmt *stmt = sl_db_stmt(
        db, "INSERT INTO key_groups (path, version, created_usec, updated_usec) VALUES (?, ?, ?, ?)", err);
    if (!stmt) {
        return err->code;
    }
    group->version = sl_db_next_change(db);
    group->created_usec = group->updated_usec = job->now_usec;
    sl_db_bind_str(stmt, 1, group->path);
    sqlite3_bind_int64(stmt, 2, (int64_t)group->version);
    sqlite3_bind_int64(stmt, 3, (int64_t)group->created_usec);
    sqlite3_bind_int64(stmt, 4, (int64_t)group->updated_usec);
    r = sl_db_run(db, stmt, err);
    group->id = (uint64_t)sqlite3_last_insert_rowid(db->handle);
    r = r < 0 ? r : audit(db, job, "group.create", err);
    if (r == 0) {
        event_set(job, SL_STORE_GROUP_PUT, group->version);
    }
    return r;
}

/* Refuses to delete a group that has keys or groups in it. */
static int empty_check(struct sl_db *db, struct sl_str path, const char *sql, const char *what, struct sl_err *err)
{
    char names[SL_ERR_TEXT_MAX / 2] = "";
    unsigned n = 0;
    sqlite3_stmt *stmt;
    int r = row_find(db, sql, path, &stmt, err);
    while (r > 0) {
        struct sl_str name = sl_db_column_str(stmt, 0);
        size_t len = strlen(names);
        if (n++ < NAMED) {
            snprintf(names + len, sizeof(names) - len, "%s%.*s", len ? ", " : "", SL_STR_ARG(name));
        }
        r = sl_db_row(db, stmt, err);
    }
    return r < 0 || !n ? r
                       : sl_fail(err, SL_E_BUSY, "the group '%.*s' has %s in it: %s%s", SL_STR_ARG(path), what, names,
                                 n > NAMED ? ", …" : "");
}

static int delete (struct sl_db *db, struct sl_store_group_job *job, struct sl_err *err)
{
    struct sl_str path = job->group.path;
    int r = empty_check(db, path, "SELECT 'key-' || id FROM keys WHERE group_path = ?1 ORDER BY id LIMIT 4", "keys",
                        err);
    r = r < 0 ? r
              : empty_check(db, path,
                            "SELECT path FROM key_groups WHERE path > ?1 || '/' AND path < ?1 || '0' ORDER BY path "
                            "LIMIT 4",
                            "groups", err);
    sqlite3_stmt *stmt = r < 0 ? NULL : sl_db_stmt(db, "DELETE FROM key_groups WHERE path = ?", err);
    if (!stmt) {
        return r < 0 ? r : err->code;
    }
    sl_db_bind_str(stmt, 1, path);
    r = sl_db_run(db, stmt, err);
    if (r == 0 && sqlite3_changes(db->handle) == 0) {
        return sl_fail(err, SL_E_NOTFOUND, "no such group");
    }
    r = r < 0 ? r : audit(db, job, "group.delete", err);
    if (r == 0) {
        event_set(job, SL_STORE_GROUP_DELETED, sl_db_next_change(db));
    }
    return r;
}

int sl_sqlite_group_run(struct sl_db *db, struct sl_store_job *base, struct sl_err *err)
{
    struct sl_store_group_job *job = SL_CONTAINER_OF(base, struct sl_store_group_job, base);
    return job->verb == SL_STORE_GROUP_DELETE ? delete (db, job, err) : create(db, job, err);
}

int sl_store_load_groups(struct sl_db *db, sl_on_event_fn on_event, void *arg, struct sl_bad_rows *bad,
                         struct sl_err *err)
{
    sqlite3_stmt *stmt = sl_db_stmt(
        db, "SELECT id, version, created_usec, updated_usec, path FROM key_groups ORDER BY path", err);
    int r = stmt ? 1 : err->code;
    while (r > 0 && (r = sl_db_row(db, stmt, err)) > 0) {
        struct sl_store_group group = {
            .id = (uint64_t)sqlite3_column_int64(stmt, 0),
            .version = (uint64_t)sqlite3_column_int64(stmt, 1),
            .created_usec = (uint64_t)sqlite3_column_int64(stmt, 2),
            .updated_usec = (uint64_t)sqlite3_column_int64(stmt, 3),
            .path = sl_db_column_str(stmt, 4),
        };
        struct sl_store_event event = {
            .kind = SL_STORE_GROUP_PUT, .number = group.version, .name = group.path, .group = &group
        };
        if (!sl_db_column_is_text(stmt, 4) || !sl_db_column_is_number(stmt, 1)) {
            sl_bad_rows_add(bad, "group", group.path, "its path is no text, or its version is not above 0");
            continue;
        }
        on_event(arg, &event);
    }
    return r;
}
