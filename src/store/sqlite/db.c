/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sqlite/db.h"

#include "store/sqlite/priv.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* SQLite's own page cache, in KiB: rows are read once at the start and seldom later. */
#define CACHE_KIB "2048"
/* Another process (db check, db backup) may hold the file for a moment. */
#define BUSY_MSEC 5000

/* Sets the error from SQLite's last one: SL_E_EXISTS for a constraint, SL_E_NOMEM, else SL_E_IO with SQLite's words. */
static int db_fail(struct sl_sqlite_db *db, struct sl_err *err)
{
    int code = db->handle ? sqlite3_extended_errcode(db->handle) : SQLITE_NOMEM;
    if ((code & 0xff) != SQLITE_CONSTRAINT) {
        db->fault = code & 0xff;
    }
    switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
        return sl_fail(err, SL_E_EXISTS, "%s", sqlite3_errmsg(db->handle));
    case SQLITE_NOMEM:
        return sl_fail_nomem(err);
    default:
        return sl_fail(err, SL_E_IO, "the store failed: %s", sqlite3_errmsg(db->handle));
    }
}

bool sl_db_is_broken(const struct sl_sqlite_db *db)
{
    return db->fault == SQLITE_CORRUPT || db->fault == SQLITE_NOTADB || db->fault == SQLITE_CANTOPEN;
}

static struct sl_sqlite_db *db_of(struct sl_db *base)
{
    return SL_CONTAINER_OF(base, struct sl_sqlite_db, base);
}

static sqlite3_stmt *stmt_of(struct sl_stmt *base)
{
    return SL_CONTAINER_OF(base, struct sl_sqlite_stmt, base)->stmt;
}

static struct sl_stmt *op_stmt(struct sl_db *base, const char *sql, struct sl_err *err)
{
    struct sl_sqlite_db *db = db_of(base);
    for (uint32_t i = 0; i < db->n_stmts; i++) {
        if (db->stmts[i].sql == sql) {
            sqlite3_reset(db->stmts[i].stmt);
            sqlite3_clear_bindings(db->stmts[i].stmt);
            return &db->stmts[i].base;
        }
    }
    SL_ASSERT(db->n_stmts < SL_DB_STMTS_MAX);
    struct sl_sqlite_stmt *made = &db->stmts[db->n_stmts];
    *made = (struct sl_sqlite_stmt){ .base.ops = base->ops, .sql = sql };
    if (sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &made->stmt, NULL) != SQLITE_OK) {
        db_fail(db, err);
        return NULL;
    }
    db->n_stmts++;
    return &made->base;
}

static int op_row(struct sl_db *base, struct sl_stmt *stmt, struct sl_err *err)
{
    int code = sqlite3_step(stmt_of(stmt));
    if (code == SQLITE_ROW) {
        return 1;
    }
    int r = code == SQLITE_DONE ? 0 : db_fail(db_of(base), err);
    sqlite3_reset(stmt_of(stmt));
    return r;
}

static void op_reset(struct sl_stmt *stmt)
{
    sqlite3_reset(stmt_of(stmt));
}

static void op_bind_int(struct sl_stmt *stmt, int at, int64_t value)
{
    sqlite3_bind_int64(stmt_of(stmt), at, value);
}

static void op_bind_str(struct sl_stmt *stmt, int at, struct sl_str text)
{
    sqlite3_bind_text(stmt_of(stmt), at, text.p ? text.p : "", (int)text.n, SQLITE_STATIC);
}

static void op_bind_blob(struct sl_stmt *stmt, int at, struct sl_str bytes)
{
    sqlite3_bind_blob(stmt_of(stmt), at, bytes.p ? bytes.p : "", (int)bytes.n, SQLITE_STATIC);
}

static enum sl_db_type op_column_type(struct sl_stmt *stmt, int at)
{
    switch (sqlite3_column_type(stmt_of(stmt), at)) {
    case SQLITE_NULL:
        return SL_DB_NULL;
    case SQLITE_INTEGER:
        return SL_DB_INT;
    case SQLITE_TEXT:
        return SL_DB_TEXT;
    case SQLITE_BLOB:
        return SL_DB_BYTES;
    default:
        return SL_DB_OTHER;
    }
}

static int64_t op_column_int(struct sl_stmt *stmt, int at)
{
    return sqlite3_column_int64(stmt_of(stmt), at);
}

static struct sl_str op_column_str(struct sl_stmt *stmt, int at)
{
    const char *p = (const char *)sqlite3_column_blob(stmt_of(stmt), at);
    size_t n = (size_t)sqlite3_column_bytes(stmt_of(stmt), at);
    if (!p && sqlite3_column_type(stmt_of(stmt), at) != SQLITE_NULL) {
        p = "";
    }
    return sl_str_make(p, n);
}

static int64_t op_changes(struct sl_db *base)
{
    return sqlite3_changes(db_of(base)->handle);
}

static const struct sl_db_ops sqlite_ops = {
    .stmt = op_stmt,
    .row = op_row,
    .reset = op_reset,
    .bind_int = op_bind_int,
    .bind_str = op_bind_str,
    .bind_blob = op_bind_blob,
    .column_type = op_column_type,
    .column_int = op_column_int,
    .column_str = op_column_str,
    .changes = op_changes,
    .rotate = sl_sqlite_rotate_run,
    .counter_put = "INSERT OR REPLACE INTO counters (owner, name, incarnation, key, who, kind, period_usec, zone, "
                   "end_usec, used) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    /* `usage_series` may use an id again here */
    .last_id_get = "SELECT CASE ?1 WHEN 'usage_series' THEN (SELECT max(id) FROM usage_series) ELSE (SELECT seq FROM "
                   "sqlite_sequence WHERE name = ?1) END",
    .last_id_set = "INSERT INTO sqlite_sequence (seq, name) VALUES (?, ?)",
    .counters_load = "SELECT owner, name, incarnation, key, who, kind, period_usec, zone, end_usec, used FROM counters "
                     "WHERE end_usec > ? ORDER BY end_usec DESC",
    .counters_expire = "DELETE FROM counters WHERE end_usec <= ?1 OR (key = 'session' AND end_usec <= (SELECT "
                       "end_usec FROM counters WHERE key = 'session' ORDER BY end_usec DESC LIMIT 1 OFFSET ?2))",
};

/* Of whole numbers. SQLite's own word for it is min, which is a sum over rows elsewhere. */
static void fn_least(sqlite3_context *context, int n, sqlite3_value **values)
{
    (void)n;
    bool is_first = sqlite3_value_int64(values[0]) <= sqlite3_value_int64(values[1]);
    sqlite3_result_value(context, values[is_first ? 0 : 1]);
}

/* What both ways of opening have in common. */
static void db_begin(struct sl_sqlite_db *db)
{
    db->base.ops = &sqlite_ops;
    db->base.mark = "usage_mark";
    db->n_stmts = 0;
    db->fault = 0;
}

static int handle_ready(struct sl_sqlite_db *db, struct sl_err *err)
{
    const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY;
    return sqlite3_create_function_v2(db->handle, "least", 2, flags, NULL, fn_least, NULL, NULL, NULL) == SQLITE_OK
               ? 0
               : db_fail(db, err);
}

/* Reads one number. */
static int value_get(struct sl_sqlite_db *db, const char *sql, int64_t *ret, struct sl_err *err)
{
    sqlite3_stmt *stmt;
    if (sqlite3_prepare_v2(db->handle, sql, -1, &stmt, NULL) != SQLITE_OK) {
        return db_fail(db, err);
    }
    int code = sqlite3_step(stmt);
    int r = code == SQLITE_ROW    ? 0
            : code == SQLITE_DONE ? sl_fail(err, SL_E_IO, "the store is damaged: a row is missing")
                                  : db_fail(db, err);
    if (r == 0) {
        *ret = sqlite3_column_int64(stmt, 0);
    }
    sqlite3_finalize(stmt);
    return r;
}

static int script(struct sl_sqlite_db *db, const char *sql, struct sl_err *err)
{
    return sqlite3_exec(db->handle, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_fail(db, err);
}

static int identity_check(struct sl_sqlite_db *db, int64_t *ret_version, struct sl_err *err)
{
    int64_t id, tables;
    int r = value_get(db, "PRAGMA user_version", ret_version, err);
    r = r < 0 ? r : value_get(db, "PRAGMA application_id", &id, err);
    r = r < 0 ? r : value_get(db, "SELECT count(*) FROM sqlite_schema", &tables, err);
    if (r < 0) {
        return r;
    }
    if (id != SL_DB_APPLICATION_ID && (id != 0 || *ret_version != 0 || tables != 0)) {
        return sl_fail(err, SL_E_FOREIGN, "it is a database of another program");
    }
    if (*ret_version > sl_db_n_migrations) {
        return sl_fail(err, SL_E_FOREIGN,
                       "it was written by a newer version of sluice (schema %lld; this one knows up to %d): start that "
                       "version, or restore a backup made before it",
                       (long long)*ret_version, sl_db_n_migrations);
    }
    return 0;
}

static int migrate(struct sl_sqlite_db *db, int64_t version, struct sl_err *err)
{
    for (int64_t v = version; v < sl_db_n_migrations; v++) {
        char set[128];
        snprintf(set, sizeof(set), "PRAGMA application_id=%d; PRAGMA user_version=%lld; COMMIT", SL_DB_APPLICATION_ID,
                 (long long)v + 1);
        int r = script(db, "BEGIN IMMEDIATE", err);
        r = r < 0 ? r : script(db, sl_db_migrations[v], err);
        r = r < 0 ? r : script(db, set, err);
        if (r < 0) {
            SL_IGNORE(script(db, "ROLLBACK", NULL) < 0); /* the first failure is the one to report */
            return r;
        }
    }
    return 0;
}

/* SQLite only says that it cannot open or write. Mostly the reason is the folder, where it has to make more files. */
static void folder_blame(const struct sl_sqlite_db *db, const char *path, struct sl_err *io_cause)
{
    char folder[4300];
    if (db->fault != SQLITE_CANTOPEN && db->fault != SQLITE_READONLY) {
        return;
    }
    snprintf(folder, sizeof(folder), "%s", path);
    char *end = strrchr(folder, '/');
    if (end && end > folder) {
        *end = '\0';
    }
    if (end && access(folder, W_OK) < 0) {
        SL_IGNORE(sl_fail(io_cause, SL_E_IO, "the folder %s cannot be written to (%s)", folder, strerror(errno)) < 0);
    }
}

int sl_db_open(struct sl_sqlite_db *db, const char *path, struct sl_err *err)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    struct sl_err cause = { 0 };
    int64_t version = 0, change = 0;
    db_begin(db);
    int r = sqlite3_open_v2(path, &db->handle, flags, NULL) == SQLITE_OK ? 0 : db_fail(db, &cause);
    if (r == 0) {
        sqlite3_busy_timeout(db->handle, BUSY_MSEC);
        sqlite3_extended_result_codes(db->handle, 1);
        r = handle_ready(db, &cause);
        r = r < 0 ? r : identity_check(db, &version, &cause);
    }
    r = r < 0 ? r
              : script(db,
                       "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
                       "PRAGMA journal_size_limit=16777216; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-" CACHE_KIB,
                       &cause);
    r = r < 0 ? r : migrate(db, version, &cause);
    r = r < 0 ? r : value_get(db, "SELECT value FROM meta WHERE key = 'change'", &change, &cause);
    if (r < 0) {
        folder_blame(db, path, &cause);
        sl_db_close(db);
        return sl_fail(err, r, "%s cannot be used: %s", path, cause.text);
    }
    db->base.change = (uint64_t)change;
    db->base.name = sqlite3_db_filename(db->handle, "main");
    db->base.is_open = true;
    return 0;
}

static bool is_there(const char *path, const char *end, off_t least)
{
    char name[4300];
    struct stat st;
    snprintf(name, sizeof(name), "%s%s", path, end);
    return stat(name, &st) == 0 && st.st_size >= least;
}

/* "file:…?immutable=1": without SQLite's other files, because nobody writes there. With them "file:…?mode=ro". */
static void uri_make(const char *path, const char *query, char *out, size_t cap)
{
    size_t n = (size_t)snprintf(out, cap, "file:");
    for (const char *c = path; *c && n + 16 < cap; c++) {
        bool is_plain = *c != '?' && *c != '#' && *c != '%';
        n += (size_t)snprintf(out + n, cap - n, is_plain ? "%c" : "%%%02X", (unsigned char)*c);
    }
    snprintf(out + n, cap - n, "?%s", query);
}

int sl_db_open_readonly(struct sl_sqlite_db *db, const char *path, bool may_share, struct sl_err *err)
{
    char uri[3 * 4300];
    int64_t version = 0, change = 0;
    db_begin(db);
    bool has_log = is_there(path, "-wal", 1) || (may_share && is_there(path, "-wal", 0));
    if (has_log && (!may_share || !is_there(path, "-shm", 0))) {
        return sl_fail(err, SL_E_IO, "%s-wal would have to be written back first", path);
    }
    uri_make(path, has_log ? "mode=ro" : "immutable=1", uri, sizeof(uri));
    int r = sqlite3_open_v2(uri, &db->handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL) ==
                    SQLITE_OK
                ? 0
                : db_fail(db, err);
    r = r < 0 ? r : handle_ready(db, err);
    r = r < 0 ? r : identity_check(db, &version, err);
    if (r == 0 && version != sl_db_n_migrations) {
        r = sl_fail(err, SL_E_IO, "it is of an older version (schema %lld), and would have to be migrated first",
                    (long long)version);
    }
    r = r < 0 ? r : value_get(db, "SELECT value FROM meta WHERE key = 'change'", &change, err);
    if (r < 0) {
        sl_db_close(db);
        return r;
    }
    db->base.change = (uint64_t)change;
    db->base.name = sqlite3_db_filename(db->handle, "main");
    db->base.is_open = true;
    return 0;
}

void sl_db_close(struct sl_sqlite_db *db)
{
    for (uint32_t i = 0; i < db->n_stmts; i++) {
        sqlite3_finalize(db->stmts[i].stmt);
    }
    db->n_stmts = 0;
    sqlite3_close(db->handle);
    db->handle = NULL;
    db->base.is_open = false;
}
