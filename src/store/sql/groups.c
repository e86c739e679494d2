/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of groups. What is in a group has its path and a '/' at the beginning of its own, so in the order of the
 * paths all of it stands between "PATH/" and "PATH0", because '0' comes behind '/'. */
#include <stdio.h>

#include "store/sql/rows.h"

/* How many keys or groups a refused deletion names. */
#define NAMED 3

static int audit(struct sl_db *db, const struct sl_store_group_job *job, const char *action, struct sl_err *err)
{
    struct sl_audit_row row = {
        .at_usec = job->now_usec, .who = job->base.who, .action = sl_str_c(action), .target = job->group.path
    };
    row.before = job->before;
    row.after = job->text;
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
static int row_find(struct sl_db *db, const char *sql, struct sl_str path, struct sl_stmt **ret, struct sl_err *err)
{
    *ret = sl_db_stmt(db, sql, err);
    if (!*ret) {
        return err->code;
    }
    sl_db_bind_str(*ret, 1, path);
    return sl_db_row(db, *ret, err);
}

int sl_sql_group_exists(struct sl_db *db, struct sl_str path, struct sl_err *err)
{
    struct sl_stmt *stmt;
    int r = row_find(db, "SELECT 1 FROM key_groups WHERE path = ?", path, &stmt, err);
    if (stmt) {
        sl_db_reset(stmt);
    }
    return r;
}

int sl_sql_below_check(struct sl_db *db, const char *sql, struct sl_str top, uint32_t max, struct sl_err *err)
{
    if (!top.n || !max) {
        return 0;
    }
    struct sl_stmt *stmt = sl_db_stmt(db, sql, err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_str(stmt, 1, top);
    sl_db_bind_int(stmt, 2, max);
    int r = sl_db_row(db, stmt, err);
    bool is_full = r > 0 && sl_db_column_int(stmt, 0) >= max;
    sl_db_reset(stmt);
    return r < 0 ? r : is_full ? sl_fail(err, SL_E_BUSY, "'%.*s' has %u already", SL_STR_ARG(top), max) : 0;
}

/* Binds what a call says about a group, from the first parameter on. Returns the number of the next one. */
static int row_bind(struct sl_stmt *stmt, const struct sl_store_group *group)
{
    sl_db_bind_int(stmt, 1, (int64_t)group->version);
    sl_db_bind_int(stmt, 2, (int64_t)group->updated_usec);
    if (group->limits.p) {
        sl_db_bind_str(stmt, 3, group->limits);
    }
    if (group->children.p) {
        sl_db_bind_str(stmt, 4, group->children);
    }
    sl_db_bind_str(stmt, 5, group->path);
    return 6;
}

static int insert(struct sl_db *db, struct sl_store_group_job *job, struct sl_err *err)
{
    struct sl_store_group *group = &job->group;
    int r = sl_sql_below_check(db,
                               "SELECT COUNT(*) FROM (SELECT 1 FROM key_groups WHERE path > ?1 || '/' AND path < "
                               "?1 || '0' LIMIT ?2) AS found",
                               job->base.who.top, job->max, err);
    if (r < 0) {
        return r;
    }
    r = job->above.n ? sl_sql_group_exists(db, job->above, err) : 1;
    if (r <= 0) {
        return r < 0 ? r : sl_fail(err, SL_E_INVAL, "there is no group '%.*s'", SL_STR_ARG(job->above));
    }
    struct sl_stmt *stmt = sl_db_stmt(db,
                                      "INSERT INTO key_groups (version, updated_usec, limits, children, path, "
                                      "created_usec) VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
                                      err);
    if (!stmt) {
        return err->code;
    }
    group->version = sl_db_next_change(db);
    group->created_usec = group->updated_usec = job->now_usec;
    sl_db_bind_int(stmt, row_bind(stmt, group), (int64_t)group->created_usec);
    return sl_db_insert(db, stmt, &group->id, err);
}

static int create(struct sl_db *db, struct sl_store_group_job *job, struct sl_err *err)
{
    int r = insert(db, job, err);
    r = r < 0 ? r : audit(db, job, "group.create", err);
    if (r == 0) {
        job->is_new = true;
        event_set(job, SL_STORE_GROUP_PUT, job->group.version);
    }
    return r;
}

/* Checks that the row is as the asker knows it, and takes from it what no call says. */
static int seen_check(struct sl_db *db, struct sl_store_group_job *job, struct sl_err *err)
{
    struct sl_stmt *stmt;
    int r = row_find(db, "SELECT version, id, created_usec FROM key_groups WHERE path = ?", job->group.path, &stmt,
                     err);
    uint64_t version = r > 0 ? (uint64_t)sl_db_column_int(stmt, 0) : 0;
    if (r > 0) {
        job->group.id = (uint64_t)sl_db_column_int(stmt, 1);
        job->group.created_usec = (uint64_t)sl_db_column_int(stmt, 2);
        sl_db_reset(stmt);
    }
    return r < 0                        ? r
           : version != job->if_version ? sl_fail(err, SL_E_STALE, "the group was changed in the meantime")
                                        : 0;
}

static int replace(struct sl_db *db, struct sl_store_group_job *job, struct sl_err *err)
{
    struct sl_store_group *group = &job->group;
    int r = seen_check(db, job, err);
    if (r < 0 || !job->if_version) {
        return r < 0 ? r : create(db, job, err);
    }
    if (sl_str_eq(job->before, job->text)) {
        return 0;
    }
    struct sl_stmt *stmt = sl_db_stmt(
        db, "UPDATE key_groups SET version = ?, updated_usec = ?, limits = ?, children = ? WHERE path = ?", err);
    if (!stmt) {
        return err->code;
    }
    group->version = sl_db_next_change(db);
    group->updated_usec = job->now_usec;
    row_bind(stmt, group);
    r = sl_db_run(db, stmt, err);
    r = r < 0 ? r : audit(db, job, "group.replace", err);
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
    struct sl_stmt *stmt;
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
    int r = job->if_version ? seen_check(db, job, err) : 0;
    r = r < 0 ? r
              : empty_check(db, path, "SELECT 'key-' || id FROM keys WHERE group_path = ?1 ORDER BY id LIMIT 4", "keys",
                            err);
    r = r < 0 ? r
              : empty_check(db, path,
                            "SELECT path FROM key_groups WHERE path > ?1 || '/' AND path < ?1 || '0' ORDER BY path "
                            "LIMIT 4",
                            "groups", err);
    struct sl_stmt *stmt = r < 0 ? NULL : sl_db_stmt(db, "DELETE FROM key_groups WHERE path = ?", err);
    if (!stmt) {
        return r < 0 ? r : err->code;
    }
    sl_db_bind_str(stmt, 1, path);
    r = sl_db_run(db, stmt, err);
    if (r == 0 && sl_db_changes(db) == 0) {
        return sl_fail(err, SL_E_NOTFOUND, "no such group");
    }
    r = r < 0 ? r : audit(db, job, "group.delete", err);
    if (r == 0) {
        event_set(job, SL_STORE_GROUP_DELETED, sl_db_next_change(db));
    }
    return r;
}

int sl_sql_group_run(struct sl_db *db, struct sl_store_job *base, struct sl_err *err)
{
    static int (*const verbs[])(struct sl_db *, struct sl_store_group_job *, struct sl_err *) = {
        [SL_STORE_GROUP_CREATE] = create,
        [SL_STORE_GROUP_REPLACE] = replace,
        [SL_STORE_GROUP_DELETE] = delete,
    };
    struct sl_store_group_job *job = SL_CONTAINER_OF(base, struct sl_store_group_job, base);
    return verbs[job->verb](db, job, err);
}

static bool is_text_or_null(struct sl_stmt *stmt, int at)
{
    return sl_db_column_is_null(stmt, at) || sl_db_column_is_text(stmt, at);
}

#define COLUMNS "id, version, created_usec, updated_usec, path, limits, children"

static int rows_report(struct sl_db *db, struct sl_stmt *stmt, sl_on_event_fn on_event, void *arg,
                       struct sl_bad_rows *bad, struct sl_err *err)
{
    int r;
    while ((r = sl_db_row(db, stmt, err)) > 0) {
        struct sl_store_group group = {
            .id = (uint64_t)sl_db_column_int(stmt, 0),
            .version = (uint64_t)sl_db_column_int(stmt, 1),
            .created_usec = (uint64_t)sl_db_column_int(stmt, 2),
            .updated_usec = (uint64_t)sl_db_column_int(stmt, 3),
            .path = sl_db_column_str(stmt, 4),
            .limits = sl_db_column_str(stmt, 5),
            .children = sl_db_column_str(stmt, 6),
        };
        struct sl_store_event event = {
            .kind = SL_STORE_GROUP_PUT, .number = group.version, .name = group.path, .group = &group
        };
        if (!sl_db_column_is_text(stmt, 4) || !sl_db_column_is_number(stmt, 1) || !is_text_or_null(stmt, 5) ||
            !is_text_or_null(stmt, 6)) {
            sl_bad_rows_add(bad, "group", group.path,
                            "its path or its limits are no text, or its version is not above 0");
            continue;
        }
        on_event(arg, &event);
    }
    return r;
}

int sl_store_load_groups(struct sl_db *db, sl_on_event_fn on_event, void *arg, struct sl_bad_rows *bad,
                         struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(db, "SELECT " COLUMNS " FROM key_groups ORDER BY path", err);
    return stmt ? rows_report(db, stmt, on_event, arg, bad, err) : err->code;
}

int sl_sql_group_report(struct sl_db *db, struct sl_str path, sl_on_event_fn on_event, void *arg,
                        struct sl_bad_rows *bad, struct sl_err *err)
{
    struct sl_stmt *stmt = sl_db_stmt(db, "SELECT " COLUMNS " FROM key_groups WHERE path = ?", err);
    if (!stmt) {
        return err->code;
    }
    sl_db_bind_str(stmt, 1, path);
    return rows_report(db, stmt, on_event, arg, bad, err);
}
